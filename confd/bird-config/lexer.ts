/**
 * From text to words of BIRD 1.6's language: comments, quoted names, literals, operators, and `include`, which is
 * dealt with here because it may stand anywhere where a line begins.
 */

import { BirdConfigError, type Position } from './diagnostic.ts';
import {
  MAX_BIRD_FILE_OCTETS,
  MAX_BIRD_TOTAL_OCTETS,
  MAX_INCLUDE_DEPTH,
  MAX_INCLUDED_FILES,
  MAX_SYMBOL_LENGTH,
} from './limits.ts';

/** How files are read; a real one is in src/bird-config. Paths are compared as they are written. */
export interface BirdSources {
  read(path: string): { readonly text: string } | { readonly failure: string; readonly isMissing: boolean };
  /** Files that a pattern with `*`, `?` or `[` in its last part names, sorted. */
  glob(pattern: string): readonly string[];
}

export type TokenKind = 'word' | 'quoted-name' | 'number' | 'string' | 'ip4' | 'ip6' | 'operator' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** Without quotes. */
  readonly text: string;
  /** Of a number. */
  readonly value: number;
  readonly at: Position;
}

interface Frame {
  readonly path: string;
  readonly text: string;
  /** Files around this one. */
  readonly depth: number;
  offset: number;
  line: number;
  lineStart: number;
}

/** Longest first. */
const OPERATORS = ['[=', '=]', '..', '!=', '!~', '<=', '>=', '&&', '||', ...'+-*/=<>~!.,;:?%(){}[]'];
const INCLUDE = /include[ \t]*(?:"([^"\n]*)"[ \t]*(;?))?/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /0[xX][0-9A-Fa-f]+|[0-9]+/y;
const IP4 = /[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+/y;
/** At least one `::` or three colons: a range of numbers or a case label has fewer. */
const IP6 = /(?:[0-9A-Fa-f]*::|(?:[0-9A-Fa-f]*:){3,})[0-9A-Fa-f:]*(?:[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+)?/y;
const QUOTED_NAME = /'([^'\n]*)'/y;
const STRING = /"([^"\n]*)"/y;

const CODE_NEWLINE = 10;
const CODE_QUOTE = 34;
const CODE_HASH = 35;
const CODE_APOSTROPHE = 39;
const CODE_STAR = 42;
const CODE_SLASH = 47;
const CODE_COLON = 58;

function isBlank(code: number): boolean {
  return code === 32 || code === 9 || code === 13 || code === CODE_NEWLINE || code === 12 || code === 11;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isHexDigit(code: number): boolean {
  return isDigit(code) || (code >= 97 && code <= 102) || (code >= 65 && code <= 70);
}

function matchAt(pattern: RegExp, { text, offset }: Frame): RegExpExecArray | null {
  pattern.lastIndex = offset;
  return pattern.exec(text);
}

/** The folder of a path, with its slash; empty for a file in the working directory. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

export class Lexer {
  readonly #sources: BirdSources;
  readonly #frames: Frame[] = [];
  /** Texts of all files that were read, by path. */
  readonly texts = new Map<string, string>();
  #octets = 0;
  #included = 0;
  #last: Position;

  constructor(sources: BirdSources, path: string) {
    this.#sources = sources;
    this.#last = { file: path, line: 1, column: 1 };
    this.#open(path, 0, this.#last, 'Unable to open');
  }

  next(): Token {
    for (;;) {
      const frame = this.#frames.at(-1);
      if (frame === undefined) return { kind: 'end', text: '', value: 0, at: this.#last };
      this.#skipBlanks(frame);
      if (frame.offset >= frame.text.length) {
        this.#last = this.#position(frame);
        this.#frames.pop();
        continue;
      }
      if (!this.#include(frame)) return this.#token(frame);
    }
  }

  #position(frame: Frame): Position {
    return { file: frame.path, line: frame.line, column: frame.offset - frame.lineStart + 1 };
  }

  #open(path: string, depth: number, at: Position, what: string): void {
    const read = this.#sources.read(path);
    if ('failure' in read) throw new BirdConfigError(at, `${what} ${path}: ${read.failure}`, read.isMissing);
    const { text } = read;
    this.#octets += text.length;
    if (text.length > MAX_BIRD_FILE_OCTETS || this.#octets > MAX_BIRD_TOTAL_OCTETS) {
      throw new BirdConfigError(at, `${path} is too large: ${text.length} characters, ${this.#octets} in all files`);
    }
    this.texts.set(path, text);
    this.#frames.push({ path, text, depth, offset: 0, line: 1, lineStart: 0 });
  }

  #newLine(frame: Frame): void {
    frame.line++;
    frame.lineStart = frame.offset;
  }

  #skipBlanks(frame: Frame): void {
    const { text } = frame;
    for (;;) {
      const code = text.charCodeAt(frame.offset);
      if (isBlank(code)) {
        frame.offset++;
        if (code === CODE_NEWLINE) this.#newLine(frame);
      } else if (code === CODE_HASH) {
        const end = text.indexOf('\n', frame.offset);
        frame.offset = end < 0 ? text.length : end;
      } else if (code === CODE_SLASH && text.charCodeAt(frame.offset + 1) === CODE_STAR) {
        this.#skipComment(frame);
      } else return;
    }
  }

  #skipComment(frame: Frame): void {
    const at = this.#position(frame);
    const end = frame.text.indexOf('*/', frame.offset + 2);
    if (end < 0) throw new BirdConfigError(at, 'this comment has no end, wanted: */');
    while (frame.offset < end + 2) {
      if (frame.text.charCodeAt(frame.offset++) === CODE_NEWLINE) this.#newLine(frame);
    }
  }

  /** Opens what an `include` at the beginning of a line names; false when there is none. */
  #include(frame: Frame): boolean {
    if (frame.text.charCodeAt(frame.offset) !== 105 /* i */) return false;
    const found = matchAt(INCLUDE, frame);
    if (found === null || /[A-Za-z0-9_]/.test(frame.text.charAt(frame.offset + 'include'.length))) return false;
    const at = this.#position(frame);
    if (frame.text.slice(frame.lineStart, frame.offset).trim() !== '') {
      throw new BirdConfigError(at, 'include is known at the beginning of a line only');
    }
    const [whole, name, semicolon] = found;
    if (name === undefined || semicolon !== ';') throw new BirdConfigError(at, 'wanted: include "FILE";');
    frame.offset += whole.length;
    if (frame.depth >= MAX_INCLUDE_DEPTH) {
      throw new BirdConfigError(at, `Max include depth reached: ${MAX_INCLUDE_DEPTH} files inside each other`);
    }
    const path = name.startsWith('/') ? name : `${folderOf(frame.path)}${name}`;
    // The last one is on top of the stack and read first.
    const paths = /[*?[]/.test(name) ? [...this.#sources.glob(path)].reverse() : [path];
    this.#included += paths.length;
    if (this.#included > MAX_INCLUDED_FILES) throw new BirdConfigError(at, `more than ${MAX_INCLUDED_FILES} includes`);
    for (const one of paths) this.#open(one, frame.depth + 1, at, 'Unable to open included file');
    return true;
  }

  #token(frame: Frame): Token {
    const at = this.#position(frame);
    const code = frame.text.charCodeAt(frame.offset);
    if (code === CODE_QUOTE) return this.#quoted(frame, at, STRING, 'string');
    if (code === CODE_APOSTROPHE) return this.#quoted(frame, at, QUOTED_NAME, 'quoted-name');
    if (code === CODE_COLON || isHexDigit(code)) {
      const address = matchAt(IP6, frame);
      if (address !== null) return this.#take(frame, 'ip6', address[0], at);
    }
    if (isDigit(code)) return this.#number(frame, at);
    const word = matchAt(WORD, frame);
    if (word !== null) {
      if (word[0].length > MAX_SYMBOL_LENGTH) throw new BirdConfigError(at, 'Symbol too long: 64 characters at most');
      return this.#take(frame, 'word', word[0], at);
    }
    const operator = OPERATORS.find((one) => frame.text.startsWith(one, frame.offset));
    if (operator !== undefined) return this.#take(frame, 'operator', operator, at);
    const character = String.fromCodePoint(frame.text.codePointAt(frame.offset) ?? 0);
    throw new BirdConfigError(at, `syntax error: ${JSON.stringify(character)} means nothing here`);
  }

  #take(frame: Frame, kind: TokenKind, text: string, at: Position, value = 0): Token {
    frame.offset += text.length;
    return { kind, text, value, at };
  }

  #quoted(frame: Frame, at: Position, pattern: RegExp, kind: 'string' | 'quoted-name'): Token {
    const found = matchAt(pattern, frame);
    if (found === null) throw new BirdConfigError(at, 'this quote has no end on its line');
    const [whole, text] = found;
    if (kind === 'quoted-name') {
      if (!/^[A-Za-z0-9_.:-]+$/.test(text)) {
        throw new BirdConfigError(at, `'${text}' is no name, wanted: letters, digits, _ . : -`);
      }
      if (text.length > MAX_SYMBOL_LENGTH) throw new BirdConfigError(at, 'Symbol too long: 64 characters at most');
    }
    frame.offset += whole.length;
    return { kind, text, value: 0, at };
  }

  #number(frame: Frame, at: Position): Token {
    const address = matchAt(IP4, frame);
    if (address !== null) {
      if (address[0].split('.').some((octet) => Number(octet) > 255)) {
        throw new BirdConfigError(at, `${address[0]} is no IPv4 address`);
      }
      frame.offset += address[0].length;
      return { kind: 'ip4', text: address[0].split('.').map(Number).join('.'), value: 0, at };
    }
    const text = matchAt(NUMBER, frame)?.[0] ?? '';
    const value = Number(text);
    if (value > 0xffffffff) throw new BirdConfigError(at, `${text} is more than 4294967295, the greatest number`);
    return this.#take(frame, 'number', text, at, value);
  }
}
