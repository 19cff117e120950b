/** The page asks the public API (docs/control-api.md) and nothing else, and only reads. The token stays in this tab. */

import type { StatusView, View } from '../../api/schema.ts';
import { EventParser, type ServerEvent } from './sse.ts';

export type { AttributesView, PathView, PeerView, RouteView, StatusView, View } from '../../api/schema.ts';

/** A refusal of the API (RFC 9457), or no answer at all (status 0). */
export class ApiProblem extends Error {
  readonly status: number;
  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

const TOKEN_KEY = 'peregrine-token';

export function token(): string | null {
  return sessionStorage.getItem(TOKEN_KEY);
}

export function setToken(value: string | null): void {
  if (value === null) sessionStorage.removeItem(TOKEN_KEY);
  else sessionStorage.setItem(TOKEN_KEY, value);
}

/** Called when the API wants a token, or another one. */
export const onUnauthorised: { call: (problem: ApiProblem) => void } = { call: () => {} };

async function ask(path: string, signal: AbortSignal | null): Promise<Response> {
  const shown = token();
  let response: Response;
  try {
    response = await fetch(new URL(path, document.baseURI), {
      headers: shown === null ? {} : { authorization: `Bearer ${shown}` },
      credentials: 'same-origin',
      cache: 'no-store',
      signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiProblem(0, 'the daemon does not answer');
  }
  if (response.ok) return response;
  const problem = new ApiProblem(response.status, await detailOf(response));
  if (response.status === 401) onUnauthorised.call(problem);
  throw problem;
}

async function detailOf(response: Response): Promise<string> {
  const text = await response.text().catch(() => '');
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown };
    if (typeof detail === 'string') return detail;
  } catch {
    // Something between us and the daemon has answered.
  }
  return `${response.status} ${response.statusText}`;
}

export async function getDocument<T>(path: string, signal: AbortSignal | null = null): Promise<T> {
  return (await (await ask(path, signal)).json()) as T;
}

export function getStatus(): Promise<StatusView> {
  return getDocument<StatusView>('v1/status');
}

export interface ListPage<T> {
  readonly items: readonly T[];
  /** null: this was the last page. */
  readonly next: string | null;
}

export async function getList<T>(path: string, signal: AbortSignal | null = null): Promise<ListPage<T>> {
  const response = await ask(path, signal);
  const items: T[] = [];
  let rest = '';
  for await (const piece of pieces(response)) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') items.push(JSON.parse(line) as T);
  }
  if (rest !== '') throw new ApiProblem(0, 'the answer of the daemon broke off');
  return { items, next: response.headers.get('next-cursor') };
}

async function* pieces(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) break;
      yield decoder.decode(value, { stream: true });
    }
    yield decoder.decode();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiProblem(0, 'the answer of the daemon broke off');
  } finally {
    reader.cancel().catch(() => {});
  }
}

export type EventData = View<'PeerEvent'> | View<'RevisionEvent'> | View<'KernelEvent'> | View<'RouteEvent'>;

export interface Followed {
  event(event: ServerEvent): void;
  /** `null`: it is live; else what is wrong, while it is tried again. */
  state(problem: string | null): void;
}

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 30_000;
/** The daemon sends a comment every 15 s. */
const SILENCE_MS = 40_000;

/** Follows an event stream, again and again until the signal says stop. */
export async function follow(path: string, signal: AbortSignal, followed: Followed): Promise<void> {
  let waitMs = FIRST_RETRY_MS;
  while (!signal.aborted) {
    const attempt = new AbortController();
    const abort = (): void => attempt.abort();
    signal.addEventListener('abort', abort);
    let silence = setTimeout(abort, SILENCE_MS);
    try {
      const response = await ask(path, attempt.signal);
      followed.state(null);
      waitMs = FIRST_RETRY_MS;
      const parser = new EventParser();
      for await (const piece of pieces(response)) {
        clearTimeout(silence);
        silence = setTimeout(abort, SILENCE_MS);
        for (const event of parser.push(piece)) followed.event(event);
      }
      followed.state('the daemon has ended the stream');
    } catch (error) {
      if (signal.aborted) return;
      followed.state(error instanceof ApiProblem ? error.message : 'nothing was heard from the daemon');
      // Refused: asking again is no use. With another token the page begins anew.
      if (error instanceof ApiProblem && error.status >= 400 && error.status < 500) return;
    } finally {
      clearTimeout(silence);
      signal.removeEventListener('abort', abort);
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    waitMs = Math.min(waitMs * 2, LAST_RETRY_MS);
  }
}
