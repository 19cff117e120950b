/** Talks to the control API of a running daemon over its Unix socket. */

import { request } from 'node:http';
import { createInterface } from 'node:readline';
import type { ProblemView } from '../api/schema.ts';

/** The daemon did not answer, or refused; the message is for people. */
export class ClientError extends Error {}

function explain(socketPath: string, error: NodeJS.ErrnoException): ClientError {
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
    return new ClientError(`no daemon answers on ${socketPath} (is peregrine running? see --socket)`);
  }
  if (error.code === 'EACCES') return new ClientError(`no permission for ${socketPath}: run as root or join its group`);
  return new ClientError(`${socketPath}: ${error.message}`);
}

function open(socketPath: string, method: 'GET' | 'POST', path: string): Promise<import('node:http').IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path }, (response) => {
      if (response.statusCode === 200) return resolve(response);
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        try {
          reject(new ClientError((JSON.parse(text) as ProblemView).detail));
        } catch {
          reject(new ClientError(`unexpected answer ${response.statusCode}: ${text.slice(0, 200)}`));
        }
      });
    });
    call.on('error', (error) => reject(explain(socketPath, error)));
    call.end();
  });
}

/** One JSON document. */
export async function fetchOne<T>(socketPath: string, path: string, method: 'GET' | 'POST' = 'GET'): Promise<T> {
  const response = await open(socketPath, method, path);
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += chunk as string;
  return JSON.parse(text) as T;
}

/** The items of a list, as they arrive. */
export async function* fetchList<T>(socketPath: string, path: string): AsyncGenerator<T> {
  const response = await open(socketPath, 'GET', path);
  for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line !== '') yield JSON.parse(line) as T;
  }
}
