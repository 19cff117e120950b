/**
 * Remembers what import or export made of an attribute set: (set, tag, program) to (set, detail). Direct-mapped, so it
 * needs no list and its size is bounded; a collision only costs doing the work again. Nothing is retained: an entry
 * counts only while neither of its sets has been freed, which the store's generations tell. A tag stands for
 * everything else that the result depends on; users take a new one when that changes.
 *
 * It grows by use: when as many answers as half its slots have been pushed out by others. A peer with a hundred sets has a
 * small table, however many sets all peers together have.
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
  /** Answers that were pushed out since the table has its size. */
  #lost = 0;
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
    if (this.#slots === 0) this.#resize(FIRST_SLOTS);
    let slot = (set + tag * 257 + program * 8209) & (this.#slots - 1);
    if (this.#isLost(slot, set, tag, program) && ++this.#lost > this.#slots / 2) {
      // So many answers pushed others out that the table is too small for what this user asks about. Handles are dense:
      // longer than the store it need not be, since every set then has a slot of its own.
      if (this.#slots < this.#store.end && this.#slots < MAX_SLOTS) this.#resize(this.#slots * 2);
      this.#lost = 0;
      slot = (set + tag * 257 + program * 8209) & (this.#slots - 1);
    }
    const generation = this.#store.generation;
    this.#set[slot] = set;
    this.#tag[slot] = tag;
    this.#program[slot] = program;
    this.#setGeneration[slot] = generation[set];
    this.#value[slot] = value;
    this.#valueGeneration[slot] = value === 0 ? 0 : generation[value];
    this.#detail[slot] = detail;
  }

  /** Slots that there are, for tests and figures. */
  get slots(): number {
    return this.#slots;
  }

  /** An answer that still counts, of somebody else under the same tag, would be overwritten. */
  #isLost(slot: number, set: SetHandle, tag: number, program: number): boolean {
    const there = this.#set[slot];
    if (there === 0 || this.#tag[slot] !== tag || (there === set && this.#program[slot] === program)) return false;
    return this.#setGeneration[slot] === this.#store.generation[there];
  }

  /** Another size, with what there is moved over. */
  #resize(slots: number): void {
    const [set, tag, program, value] = [this.#set, this.#tag, this.#program, this.#value];
    const [setGeneration, valueGeneration, detail] = [this.#setGeneration, this.#valueGeneration, this.#detail];
    const before = this.#slots;
    this.#slots = slots;
    this.#set = new Uint32Array(slots);
    this.#tag = new Uint32Array(slots);
    this.#program = new Uint32Array(slots);
    this.#setGeneration = new Uint32Array(slots);
    this.#value = new Uint32Array(slots);
    this.#valueGeneration = new Uint32Array(slots);
    this.#detail = new Int32Array(slots);
    for (let from = 0; from < before; from++) {
      if (set[from] === 0) continue;
      const to = (set[from] + tag[from] * 257 + program[from] * 8209) & (slots - 1);
      this.#set[to] = set[from];
      this.#tag[to] = tag[from];
      this.#program[to] = program[from];
      this.#setGeneration[to] = setGeneration[from];
      this.#value[to] = value[from];
      this.#valueGeneration[to] = valueGeneration[from];
      this.#detail[to] = detail[from];
    }
  }
}
