/** Reads an event stream (WHATWG HTML 9.2.6) from text that comes in pieces. EventSource cannot show a token, fetch can. */

export interface ServerEvent {
  readonly kind: string;
  readonly data: string;
}

/** More than any event of ours; a line beyond it is not one. */
const MAX_PENDING_CHARACTERS = 4 * 1024 * 1024;

export class EventParser {
  #rest = '';
  #kind = '';
  #data: string[] = [];

  /** The events that this piece has made whole. Throws when something is no event stream. */
  push(piece: string): ServerEvent[] {
    const lines = (this.#rest + piece).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > MAX_PENDING_CHARACTERS) throw new Error('a line of the event stream does not end');
    const events: ServerEvent[] = [];
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      if (line !== '') {
        this.#field(line);
        continue;
      }
      if (this.#data.length > 0) events.push({ kind: this.#kind || 'message', data: this.#data.join('\n') });
      this.#kind = '';
      this.#data = [];
    }
    return events;
  }

  #field(line: string): void {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.#kind = value;
    else if (name === 'data') this.#data.push(value);
  }
}
