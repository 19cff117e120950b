/**
 * The body of a list, read while it arrives: each element of `items` is handed over as soon as its last octet is there,
 * and nothing of it is kept. A list of 10,000 Services is some 20 MB of text; taken as a whole it would cost several
 * times that for a moment. Pure.
 *
 * Only as much of JSON is looked at as it takes to find where an element ends: strings with their escapes, and braces.
 * All octets of these are ASCII, so that text in UTF-8 may be cut anywhere. Each element and the rest are then read by
 * JSON.parse, which finds whatever is wrong.
 */

/** What a list says besides its items. */
export interface ListMetadata {
  readonly resourceVersion: string;
  /** Where the next page begins; empty on the last. */
  readonly continueToken: string;
}

export type ListOutcome =
  | { readonly ok: true; readonly metadata: ListMetadata }
  | { readonly ok: false; readonly message: string };

/** etcd takes no object above 1.5 MB; what is longer is none. */
export const MAX_ITEM_OCTETS = 16 * 1024 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const SPACE = 0x20;

/** One list response. */
export class ListDecoder {
  readonly #onItem: (item: unknown) => void;
  /** Octets of earlier chunks that belong to what is being read: an element, or the text around them. */
  #element: Uint8Array[] = [];
  #around: Uint8Array[] = [];
  /** Of both, since the last item. */
  #keptOctets = 0;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** The last text directly below the root, as far as it takes to tell whether it is `items`. */
  #lastText = '';
  #isInItems = false;
  #isBetweenItems = false;
  #failure: string | null = null;

  constructor(onItem: (item: unknown) => void) {
    this.#onItem = onItem;
  }

  push(chunk: Uint8Array): void {
    // Where the part that is being read begins in this chunk.
    let from = 0;
    for (let i = 0; i < chunk.length; i++) {
      if (this.#failure !== null) return;
      const octet = chunk[i];
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (octet === BACKSLASH) this.#isEscaped = true;
        else if (octet === QUOTE) this.#isInString = false;
        else if (this.#depth === 1 && this.#lastText.length < 6) this.#lastText += String.fromCharCode(octet);
      } else if (this.#isBetweenItems && octet !== OPEN_BRACE && octet !== CLOSE_BRACKET) {
        if (octet !== COMMA && octet > SPACE) this.#failure = 'an item of the list is not an object';
      } else if (octet === QUOTE) {
        this.#isInString = true;
        if (this.#depth === 1) this.#lastText = '';
      } else if (octet === OPEN_BRACE || octet === OPEN_BRACKET) {
        this.#depth++;
        if (this.#isBetweenItems) {
          this.#isBetweenItems = false;
          from = i;
        } else if (this.#depth === 2 && octet === OPEN_BRACKET && this.#lastText === 'items') {
          this.#around.push(chunk.subarray(from, i + 1));
          this.#isInItems = true;
          this.#isBetweenItems = true;
        }
      } else if (octet === CLOSE_BRACE || octet === CLOSE_BRACKET) {
        this.#depth--;
        if (this.#isBetweenItems) {
          this.#isInItems = false;
          this.#isBetweenItems = false;
          from = i;
        } else if (this.#isInItems && this.#depth === 2) {
          this.#element.push(chunk.subarray(from, i + 1));
          this.#isBetweenItems = true;
          this.#takeElement();
        }
      }
    }
    if (this.#isBetweenItems) return;
    const rest = chunk.subarray(from);
    this.#keptOctets += rest.length;
    if (this.#keptOctets > MAX_ITEM_OCTETS) {
      this.#failure ??= `an item of more than ${MAX_ITEM_OCTETS} octets`;
      this.#element = [];
      this.#around = [];
    } else if (this.#isInItems) this.#element.push(rest);
    else this.#around.push(rest);
  }

  /** The response is over. */
  end(): ListOutcome {
    if (this.#failure !== null) return { ok: false, message: this.#failure };
    const text = Buffer.concat(this.#around).toString('utf8');
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return { ok: false, message: 'the list is cut off, or not JSON' };
    }
    const { metadata } = (typeof value === 'object' && value !== null ? value : {}) as { readonly metadata?: unknown };
    if (typeof metadata !== 'object' || metadata === null) return { ok: false, message: 'not a list' };
    const { resourceVersion, continue: continueToken } = metadata as { resourceVersion?: unknown; continue?: unknown };
    return {
      ok: true,
      metadata: {
        resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : '',
        continueToken: typeof continueToken === 'string' ? continueToken : '',
      },
    };
  }

  #takeElement(): void {
    const text = Buffer.concat(this.#element).toString('utf8');
    this.#element = [];
    this.#keptOctets = 0;
    let item: unknown;
    try {
      item = JSON.parse(text);
    } catch {
      this.#failure = `an item of the list is not JSON: ${text.slice(0, 80)}`;
      return;
    }
    this.#onItem(item);
  }
}
