/**
 * Server-sent events (WHATWG HTML 9.2) for one reader. Events wait in a queue with a bound; a reader that is too slow for
 * it is told how many it has lost. Changes of routes do not wait here: they are pulled when there is room (`pull`).
 */

import { Readable } from 'node:stream';

/** Events that wait for a slow reader, beside what its socket takes. */
const MAX_QUEUED_EVENTS = 1000;
const HEARTBEAT_MS = 15_000;
const SLICE_MS = 3;

export interface EventSource {
  /** What waits elsewhere; undefined: none found yet, ask again; null: nothing waits. */
  pull(): { readonly kind: string; readonly data: object } | undefined | null;
  close(): void;
}

export class EventStream extends Readable {
  readonly #queue: string[] = [];
  #lost = 0;
  #hasRoom = false;
  #isPulling = false;
  #id = 0;
  #source: EventSource | null = null;
  readonly #heartbeat: NodeJS.Timeout;

  constructor() {
    super({ encoding: 'utf8' });
    // Says at once that the stream is open, and what a browser does when it is broken.
    this.#queue.push('retry: 2000\n: open\n\n');
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS).unref();
  }

  follow(source: EventSource): void {
    this.#source = source;
    this.sourceChanged();
  }

  add(kind: string, data: object): void {
    if (this.#queue.length >= MAX_QUEUED_EVENTS) this.#lost++;
    else this.#queue.push(this.#format(kind, data));
    this.#flush();
  }

  /** There may be something to pull. */
  sourceChanged(): void {
    if (this.#isPulling || !this.#hasRoom) return;
    this.#isPulling = true;
    setImmediate(() => {
      this.#isPulling = false;
      this.#flush();
    });
  }

  override _read(): void {
    this.#hasRoom = true;
    this.#flush();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearInterval(this.#heartbeat);
    this.#source?.close();
    this.#source = null;
    done(error);
  }

  #beat(): void {
    if (this.#hasRoom && this.#queue.length === 0) this.#hasRoom = this.push(': alive\n\n');
  }

  #flush(): void {
    while (this.#hasRoom && this.#queue.length > 0) this.#hasRoom = this.push(this.#queue.shift());
    if (this.#hasRoom && this.#lost > 0) {
      const lost = this.#lost;
      this.#lost = 0;
      this.#hasRoom = this.push(this.#format('lost', { lost }));
    }
    if (this.#hasRoom && !this.#isPulling) this.#pull();
  }

  #pull(): void {
    const endMs = performance.now() + SLICE_MS;
    while (this.#hasRoom) {
      const event = this.#source === null ? null : this.#source.pull();
      if (event === null) return;
      if (event === undefined) {
        this.sourceChanged();
        return;
      }
      this.#hasRoom = this.push(this.#format(event.kind, event.data));
      if (performance.now() < endMs) continue;
      this.sourceChanged();
      return;
    }
  }

  #format(kind: string, data: object): string {
    return `id: ${++this.#id}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
  }
}
