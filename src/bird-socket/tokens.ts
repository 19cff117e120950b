/**
 * Words of a command line as BIRD's lexer takes them apart: keywords and names, "quoted patterns", numbers, addresses and
 * prefixes, operators of filter expressions. A `#` begins a comment; upper-case keywords are only names.
 */

export type TokenKind = 'word' | 'string' | 'number' | 'address' | 'prefix' | 'operator';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

/** A command that is not understood: answered with 9001 (or the code given) and the message. */
export class CommandError extends Error {
  readonly code: number;

  constructor(message = 'syntax error', code = 9001) {
    super(message);
    this.code = code;
  }
}

/** BIRD's limit for a name. */
const MAX_WORD = 64;

const PATTERNS: readonly (readonly [TokenKind, RegExp])[] = [
  ['prefix', /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]*)\/\d{1,3}/],
  ['address', /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}:(?:[0-9a-fA-F]{0,4}:)[0-9a-fA-F:.]*)/],
  ['word', /^[A-Za-z_][A-Za-z0-9_.]*/],
  ['number', /^(?:0x[0-9a-fA-F]+|\d+)/],
  ['operator', /^(?:&&|\|\||!=|!~|<=|>=|\.\.|[=<>!~()[\]{},+\-*?:;/])/],
];

export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text[at];
    if (char === ' ' || char === '\t' || char === '\r') {
      at++;
      continue;
    }
    if (char === '#') break;
    if (char === '"' || char === "'") {
      const end = text.indexOf(char, at + 1);
      if (end < 0) throw new CommandError('Unterminated string');
      tokens.push({ kind: char === '"' ? 'string' : 'word', text: text.slice(at + 1, end) });
      at = end + 1;
      continue;
    }
    const rest = text.slice(at);
    const found = PATTERNS.map(([kind, pattern]) => ({ kind, match: pattern.exec(rest) })).find(({ match }) => match);
    if (found?.match == null) throw new CommandError();
    const word = found.match[0];
    if (found.kind === 'word' && word.length > MAX_WORD) throw new CommandError('Symbol too long');
    tokens.push({ kind: found.kind, text: word });
    at += word.length;
  }
  return tokens;
}

/** The tokens of one command, taken from the front. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  peek(ahead = 0): Token | null {
    return this.#tokens[this.#at + ahead] ?? null;
  }

  next(): Token {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new CommandError('syntax error, unexpected end of line');
    return token;
  }

  /** Takes the word if it is next. */
  accept(text: string): boolean {
    const token = this.peek();
    if (token === null || token.text !== text || (token.kind !== 'word' && token.kind !== 'operator')) return false;
    this.#at++;
    return true;
  }

  /** Takes a token of that kind if it is next. */
  acceptKind(kind: TokenKind): Token | null {
    const token = this.peek();
    if (token?.kind !== kind) return null;
    this.#at++;
    return token;
  }

  expect(text: string): void {
    if (!this.accept(text)) throw new CommandError();
  }

  end(): void {
    if (this.peek() !== null) throw new CommandError();
  }
}
