/**
 * Remembers what import or export made of an attribute set: (set, tag, program) to (set, detail). Direct-mapped, so it
 * needs no list and its size is bounded; a collision only costs doing the work again. Nothing is retained: an entry
 * counts only while neither of its sets has been freed, which the store's generations tell. A tag stands for
 * everything else that the result depends on; users take a new one when that changes.
 */

import type { AttributeStore, SetHandle } from './attribute-store.ts';

const FIRST_SLOTS = 256;
/** Largest table: 28 octets a slot. */
const MAX_SLOTS = 1 << 17;

export class SetCache {
  /** Answer of the last find() that was true. */
  value: SetHandle = 0;
  detail = 0;
  readonly #store: AttributeStore;
  #slots = 0;
  #set = new Uint32Array(0);
  #tag = new Uint32Array(0);
  #program = new Uint32Array(0);
  #setGeneration = new Uint32Array(0);
  #value = new Uint32Array(0);
  #valueGeneration = new Uint32Array(0);
  #detail = new Int32Array(0);

  constructor(store: AttributeStore) {
    this.#store = store;
  }

  /** True when the answer is known; it is then in `value` and `detail`. */
  find(set: SetHandle, tag: number, program: number): boolean {
    const slots = this.#slots;
    if (slots === 0) return false;
    const slot = (set + tag * 257 + program * 8209) & (slots - 1);
    if (this.#set[slot] !== set || this.#tag[slot] !== tag || this.#program[slot] !== program) return false;
    const generation = this.#store.generation;
    if (this.#setGeneration[slot] !== generation[set]) return false;
    const value = this.#value[slot];
    if (value !== 0 && this.#valueGeneration[slot] !== generation[value]) return false;
    this.value = value;
    this.detail = this.#detail[slot];
    return true;
  }

  put(set: SetHandle, tag: number, program: number, value: SetHandle, detail: number): void {
    // Handles are dense: a table as long as the store gives every set a slot of its own.
    if (this.#slots < this.#store.end && this.#slots < MAX_SLOTS) this.#resize();
    const slot = (set + tag * 257 + program * 8209) & (this.#slots - 1);
    const generation = this.#store.generation;
    this.#set[slot] = set;
    this.#tag[slot] = tag;
    this.#program[slot] = program;
    this.#setGeneration[slot] = generation[set];
    this.#value[slot] = value;
    this.#valueGeneration[slot] = value === 0 ? 0 : generation[value];
    this.#detail[slot] = detail;
  }

  /** Grows to the store's size, forgetting what there was: it comes back at the cost of one rewrite each. */
  #resize(): void {
    let slots = Math.max(this.#slots * 2, FIRST_SLOTS);
    while (slots < this.#store.end && slots < MAX_SLOTS) slots *= 2;
    this.#slots = slots;
    this.#set = new Uint32Array(slots);
    this.#tag = new Uint32Array(slots);
    this.#program = new Uint32Array(slots);
    this.#setGeneration = new Uint32Array(slots);
    this.#value = new Uint32Array(slots);
    this.#valueGeneration = new Uint32Array(slots);
    this.#detail = new Int32Array(slots);
  }
}
