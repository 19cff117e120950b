/**
 * Who may do what. On the Unix socket everybody whom the file's permissions let in may do everything. On TCP a token
 * says it: one that may only read, or one that may also act; without any token only reading, and only on loopback.
 */

import { createHash, timingSafeEqual } from 'node:crypto';

export type Access = 'none' | 'read' | 'write';

/** Tokens as digests, so that comparing them takes the same time whatever was sent and however long it is. */
export interface Tokens {
  readonly read: readonly Buffer[];
  readonly write: readonly Buffer[];
}

export const NO_TOKENS: Tokens = { read: [], write: [] };
/** Shorter ones can be guessed. */
export const MIN_TOKEN_CHARACTERS = 16;

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Tokens of a file: one a line, so that an old and a new one can hold side by side; `#` begins a comment. */
export function parseTokens(path: string, text: string): readonly Buffer[] {
  const lines = text.split('\n').map((line) => line.trim());
  const tokens = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (tokens.length === 0) throw new Error(`${path}: there is no token in it`);
  for (const token of tokens) {
    if (!/^[\w\-.~+/]+=*$/.test(token)) {
      throw new Error(`${path}: a token has other characters than letters, digits and -._~+/ (RFC 6750)`);
    }
    if (token.length < MIN_TOKEN_CHARACTERS) {
      throw new Error(`${path}: a token has fewer than ${MIN_TOKEN_CHARACTERS} characters`);
    }
  }
  return tokens.map(digest);
}

function isOneOf(token: Buffer, known: readonly Buffer[]): boolean {
  let found = false;
  for (const one of known) if (timingSafeEqual(one, token)) found = true;
  return found;
}

/** What an Authorization header allows (RFC 6750 2.1); null: it is there and wrong. */
export function accessOf(authorization: string | undefined, tokens: Tokens, withoutToken: Access): Access | null {
  if (authorization === undefined) return withoutToken;
  const sent = /^bearer +([\w\-.~+/]+=*)$/i.exec(authorization);
  if (sent === null) return null;
  const token = digest(sent[1]);
  if (isOneOf(token, tokens.write)) return 'write';
  return isOneOf(token, tokens.read) ? 'read' : null;
}
