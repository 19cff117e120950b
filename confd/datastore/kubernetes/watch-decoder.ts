/**
 * The body of a watch: JSON objects, one a line, in chunks that are cut at any octet. Pure.
 *
 * A line is looked at only when its end has come, so that an event that is cut off by a broken connection is never
 * half read: its resourceVersion was not seen, and the next watch brings it again.
 */

/** What a line says. `object` is as the server wrote it. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
}

export type WatchOutput =
  | { readonly ok: true; readonly event: WatchEvent }
  | { readonly ok: false; readonly message: string };

const LINE_FEED = 0x0a;
/** etcd takes no object above 1.5 MB; what is longer is no event. */
export const MAX_EVENT_OCTETS = 16 * 1024 * 1024;
const TYPES = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'] as const;

/** One watch stream. After something that is not an event nothing more is read of it. */
export class WatchDecoder {
  #parts: Uint8Array[] = [];
  #octets = 0;
  #hasFailed = false;

  push(chunk: Uint8Array): WatchOutput[] {
    const outputs: WatchOutput[] = [];
    let start = 0;
    while (!this.#hasFailed) {
      const end = chunk.indexOf(LINE_FEED, start);
      const part = chunk.subarray(start, end < 0 ? chunk.length : end);
      if (part.length > 0) this.#parts.push(part);
      this.#octets += part.length;
      if (this.#octets > MAX_EVENT_OCTETS) outputs.push(this.#fail(`an event of more than ${MAX_EVENT_OCTETS} octets`));
      if (end < 0 || this.#hasFailed) break;
      if (this.#octets > 0) outputs.push(this.#readLine());
      start = end + 1;
    }
    return outputs;
  }

  #readLine(): WatchOutput {
    const text = Buffer.concat(this.#parts, this.#octets).toString('utf8');
    this.#parts = [];
    this.#octets = 0;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return this.#fail(`not JSON: ${text.slice(0, 80)}`);
    }
    const { type, object } = (typeof value === 'object' && value !== null ? value : {}) as {
      readonly type?: unknown;
      readonly object?: unknown;
    };
    const known = TYPES.find((one) => one === type);
    return known === undefined
      ? this.#fail(`not a watch event: ${text.slice(0, 80)}`)
      : { ok: true, event: { type: known, object } };
  }

  #fail(message: string): WatchOutput {
    this.#hasFailed = true;
    this.#parts = [];
    return { ok: false, message };
  }
}
