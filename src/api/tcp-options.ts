/**
 * Where the API listens on TCP, from the stand-alone file or from the environment, and what of that is refused: off
 * loopback there must be a token. Without TLS a token travels in the clear, which is said in the log.
 */

import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { NO_TOKENS, parseTokens, type Tokens } from './access.ts';

export interface TcpOptions {
  readonly address: string;
  readonly port: number;
  /** PEM files; null: without TLS. */
  readonly tls: { readonly certificate: string; readonly key: string } | null;
  /** Files of tokens that may read and act, and of tokens that may only read. */
  readonly tokenFile: string | null;
  readonly readTokenFile: string | null;
  /** Serves the looking-glass page too (src/page/). */
  readonly page: boolean;
}

/** What the files say. */
export interface TcpSecrets {
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly tokens: Tokens;
}

export function isLoopback(address: string): boolean {
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}

/** `127.0.0.1:8179`, `[::1]:8179`; null: something else. */
export function parseListen(text: string): { address: string; port: number } | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([\d.]+)):(\d+)$/i.exec(text);
  if (match === null) return null;
  const [address, port] = [match[1] ?? match[2], Number(match[3])];
  return isIP(address) === 0 || port > 65_535 ? null : { address, port };
}

/** The reason why these options are refused; null: they are not. */
export function refusedTcp({ address, tokenFile, readTokenFile }: Omit<TcpOptions, 'page'>): string | null {
  if (isLoopback(address) || tokenFile !== null || readTokenFile !== null) return null;
  return `the API on ${address} needs a token: only on loopback it may be read without one`;
}

/** PEREGRINE_API_LISTEN and what belongs to it; null: not asked for; a text: what is wrong. */
export function tcpOptionsOf(env: NodeJS.ProcessEnv): TcpOptions | string | null {
  const of = (name: string): string | null => env[`PEREGRINE_API_${name}`] || null;
  const [listen, page] = [of('LISTEN'), of('PAGE') ?? 'false'];
  if (page !== 'true' && page !== 'false') return `PEREGRINE_API_PAGE=${page}: wanted true or false`;
  if (listen === null) {
    return page === 'true'
      ? 'the page is served where the API listens on TCP: PEREGRINE_API_LISTEN is needed too'
      : null;
  }
  const place = parseListen(listen);
  if (place === null)
    return `PEREGRINE_API_LISTEN=${listen}: wanted ADDRESS:PORT, such as 127.0.0.1:8179 or [::1]:8179`;
  const [certificate, key] = [of('TLS_CERTIFICATE'), of('TLS_KEY')];
  if ((certificate === null) !== (key === null)) {
    return 'PEREGRINE_API_TLS_CERTIFICATE and PEREGRINE_API_TLS_KEY belong together';
  }
  const tls = certificate === null || key === null ? null : { certificate, key };
  return { ...place, tls, tokenFile: of('TOKEN_FILE'), readTokenFile: of('READ_TOKEN_FILE'), page: page === 'true' };
}

/** Reads what the options name; throws with the file's name. */
export async function readSecrets({ tls, tokenFile, readTokenFile }: TcpOptions): Promise<TcpSecrets> {
  const tokensOf = async (path: string | null): Promise<readonly Buffer[]> =>
    path === null ? [] : parseTokens(path, await readFile(path, 'utf8'));
  const tokens: Tokens =
    tokenFile === null && readTokenFile === null
      ? NO_TOKENS
      : { write: await tokensOf(tokenFile), read: await tokensOf(readTokenFile) };
  if (tls === null) return { tls: null, tokens };
  const [cert, key] = await Promise.all([readFile(tls.certificate, 'utf8'), readFile(tls.key, 'utf8')]);
  return { tls: { cert, key }, tokens };
}
