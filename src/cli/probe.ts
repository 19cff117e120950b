/** `peregrine ready` and `peregrine live`: the probes for exec, over the control socket. */

import { request } from 'node:http';
import type { Readiness } from '../health/readiness.ts';
import { ClientError, explainConnection } from './client.ts';

/** Probes have deadlines of their own, mostly 10 s; an answer that comes later helps nobody. */
const TIMEOUT_MS = 5_000;

/** Exit status 0: yes; 1: no, or nobody answers. */
export async function probe(
  socketPath: string,
  what: 'ready' | 'live',
  peers: string | null,
  json: boolean,
): Promise<number> {
  const query = peers === null ? '' : `?peers=${encodeURIComponent(peers)}`;
  const { status, text } = await ask(socketPath, `/${what}${query}`);
  if (status !== 200 && status !== 503) throw refusal(status, text);
  if (json) process.stdout.write(text);
  else process.stdout.write(what === 'live' ? 'live\n' : readinessText(JSON.parse(text) as Readiness));
  return status === 200 ? 0 : 1;
}

export function readinessText({ ready, unmet }: Readiness): string {
  if (ready) return 'ready\n';
  const lines = unmet.map(({ condition, detail, lastError }) => {
    return `  ${condition.padEnd(13)} ${detail}${lastError === undefined ? '' : ` (last error: ${lastError})`}`;
  });
  return `not ready:\n${lines.join('\n')}\n`;
}

function refusal(status: number, text: string): ClientError {
  try {
    return new ClientError(String((JSON.parse(text) as { detail?: unknown }).detail), status);
  } catch {
    return new ClientError(`unexpected answer ${status}`, status);
  }
}

function ask(socketPath: string, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout: TIMEOUT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    call.on('error', (error) => reject(explainConnection(socketPath, error)));
    call.end();
  });
}
