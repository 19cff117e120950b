/** Talks to the control API of a running daemon over its Unix socket. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { DEFAULT_CONTROL_SOCKET, type ProblemView } from '../api/schema.ts';

const BROKEN_OFF = 'the daemon broke off its answer';

/** The daemon did not answer, or refused; the message is for people. */
export class ClientError extends Error {
  /** HTTP status of a refusal; 0: there was no answer. */
  readonly status: number;

  constructor(message: string, status = 0) {
    super(message);
    this.status = status;
  }
}

export function explainConnection(socketPath: string, error: NodeJS.ErrnoException): ClientError {
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
    return new ClientError(
      `no daemon answers on ${socketPath} (is peregrine running? see --socket)${others(socketPath)}`,
    );
  }
  if (error.code === 'EACCES') return new ClientError(`no permission for ${socketPath}: ${whoMay(socketPath)}`);
  return new ClientError(`${socketPath}: ${error.message}`);
}

/** Other sockets in the usual folder, as those of the launchers of BIRD. */
function others(socketPath: string): string {
  const folder = dirname(DEFAULT_CONTROL_SOCKET);
  try {
    const found = readdirSync(folder).map((name) => `${folder}/${name}`);
    const sockets = found.filter((path) => path !== socketPath && statSync(path).isSocket());
    return sockets.length === 0 ? '' : `; there is --socket ${sockets.join(', ')}`;
  } catch {
    return '';
  }
}

/** What to do about EACCES: a socket is for its owner and its group. */
function whoMay(socketPath: string): string {
  try {
    const { gid } = statSync(socketPath);
    const line = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find((one) => one.split(':')[2] === String(gid));
    const group = line?.split(':')[0] ?? String(gid);
    // Making everybody who asks a member of root's group is no advice.
    if (gid !== 0)
      return `run it with sudo, or join the group ${group} (sudo usermod -aG ${group} YOU, then log in again)`;
    return 'run it with sudo, or start the daemon with --socket-group GROUP and join that group';
  } catch {
    // Its folder is closed to us.
    return 'run it with sudo, or join its group';
  }
}

function isProblem(value: unknown): value is ProblemView {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'detail') === 'string';
}

/** What an answer other than 200 says. */
function refusal(status: number, text: string): ClientError {
  try {
    const value: unknown = JSON.parse(text);
    if (isProblem(value)) return new ClientError(value.detail, status);
  } catch {
    // Not from our daemon.
  }
  return new ClientError(`unexpected answer ${status}: ${text.slice(0, 200)}`, status);
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

function open(
  socketPath: string,
  method: Method,
  path: string,
  body: string | undefined = undefined,
): Promise<IncomingMessage> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, headers }, (response) => {
      if (response.statusCode === 200) return resolve(response);
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => reject(refusal(response.statusCode ?? 0, text)));
      response.on('error', () => reject(new ClientError(BROKEN_OFF)));
    });
    call.on('error', (error) => reject(explainConnection(socketPath, error)));
    call.end(body);
  });
}

/** The answer as it comes; a daemon that ends in the middle must not look like the end of the answer. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY });
  } catch {
    throw new ClientError(BROKEN_OFF);
  } finally {
    // Somebody who needs no more must not wait for the rest.
    response.destroy();
  }
}

/** One JSON document; `body`, if any, is sent as one. */
export async function fetchOne<T>(
  socketPath: string,
  path: string,
  method: Method = 'GET',
  body: unknown = undefined,
): Promise<T> {
  let text = '';
  const sent = body === undefined ? undefined : JSON.stringify(body);
  for await (const line of linesOf(await open(socketPath, method, path, sent))) text += line;
  return JSON.parse(text) as T;
}

/** The items of a list, as they arrive. `more` is told where a page that is not the last one ended. */
export async function* fetchList<T>(
  socketPath: string,
  path: string,
  more: (cursor: string) => void = () => {},
): AsyncGenerator<T> {
  const response = await open(socketPath, 'GET', path);
  for await (const line of linesOf(response)) {
    if (line !== '') yield JSON.parse(line) as T;
  }
  const next = response.headers['next-cursor'];
  if (typeof next === 'string') more(next);
}

/** The lines of an answer that need not end. */
export async function* fetchLines(socketPath: string, path: string): AsyncGenerator<string> {
  yield* linesOf(await open(socketPath, 'GET', path));
}

/** Has something done, and writes what was. */
export async function act(
  socketPath: string,
  path: string,
  json: boolean,
  method: Method = 'POST',
  body: unknown = undefined,
): Promise<void> {
  const answer = await fetchOne<{ readonly done: string }>(socketPath, path, method, body);
  process.stdout.write(json ? `${JSON.stringify(answer)}\n` : `${answer.done}\n`);
}
