/** The tokens of a configuration one after the other, with what parsers ask of them. */

import { BirdConfigError, type Position } from './diagnostic.ts';
import type { Lexer, Token } from './lexer.ts';
import { MAX_NESTING } from './limits.ts';
import { FALSE_WORDS, TRUE_WORDS } from './vocabulary.ts';

export function describeToken({ kind, text }: Token): string {
  if (kind === 'end') return 'the end of the file';
  // Not the text itself: it may be a password.
  if (kind === 'string') return 'a text in quotes';
  return kind === 'quoted-name' ? `'${text}'` : text;
}

export class TokenStream {
  readonly #lexer: Lexer;
  #token: Token;
  #ahead: Token | null = null;
  #depth = 0;

  constructor(lexer: Lexer) {
    this.#lexer = lexer;
    this.#token = lexer.next();
  }

  get token(): Token {
    return this.#token;
  }

  get at(): Position {
    return this.#token.at;
  }

  /** The token after the next one. */
  get ahead(): Token {
    this.#ahead ??= this.#lexer.next();
    return this.#ahead;
  }

  take(): Token {
    const token = this.#token;
    this.#token = this.#ahead ?? this.#lexer.next();
    this.#ahead = null;
    return token;
  }

  isWord(word: string): boolean {
    return this.#token.kind === 'word' && this.#token.text === word;
  }

  isOperator(operator: string): boolean {
    return this.#token.kind === 'operator' && this.#token.text === operator;
  }

  /** Whether the next token is a name, quoted or not. */
  get isName(): boolean {
    return this.#token.kind === 'word' || this.#token.kind === 'quoted-name';
  }

  takeWord(word: string): boolean {
    if (!this.isWord(word)) return false;
    this.take();
    return true;
  }

  takeOperator(operator: string): boolean {
    if (!this.isOperator(operator)) return false;
    this.take();
    return true;
  }

  fail(wanted: string): never {
    throw new BirdConfigError(this.at, `syntax error at ${describeToken(this.#token)}, wanted: ${wanted}`);
  }

  expectOperator(operator: string): Token {
    if (!this.isOperator(operator)) this.fail(operator);
    return this.take();
  }

  expectWord(word: string): void {
    if (!this.takeWord(word)) this.fail(word);
  }

  name(what: string): Token {
    if (!this.isName) this.fail(what);
    return this.take();
  }

  string(what: string): string {
    if (this.#token.kind !== 'string') this.fail(`${what} in double quotes`);
    return this.take().text;
  }

  /** `on`, `yes`, `true`, a number that is not 0, or nothing: true. */
  bool(): boolean {
    const { kind, text, value } = this.#token;
    if (kind === 'number') {
      this.take();
      return value !== 0;
    }
    if (kind === 'word' && (TRUE_WORDS.has(text) || FALSE_WORDS.has(text))) {
      this.take();
      return TRUE_WORDS.has(text);
    }
    return true;
  }

  /** Runs a parser one level deeper, which has a bound. */
  nested<T>(parse: () => T): T {
    if (++this.#depth > MAX_NESTING) {
      throw new BirdConfigError(this.at, `brackets and blocks are nested too deeply: ${MAX_NESTING} levels at most`);
    }
    const result = parse();
    this.#depth--;
    return result;
  }
}
