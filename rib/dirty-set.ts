/**
 * A set of small handles (prefixes) as a bitmap with two summary levels: one bit per handle, however often it changes.
 * It is the bound on everything that is waiting to be done for a peer or for the kernel.
 *
 * Handles come out in ascending order from a cursor that goes round, not in order of arrival: neighbours in the table
 * share attribute sets and cache lines, and a handle that is added again behind the cursor waits for the next round, so
 * that one flapping prefix cannot keep the others waiting.
 */

const FIRST_WORDS = 32;

/** Bits of 32 words are summed up in one word of the level above. */
export class DirtySet {
  /** How many handles are in the set. */
  count: number;
  /** How often `take` has begun again at the lowest handle. */
  rounds: number;
  #words: Int32Array;
  #middle: Int32Array;
  #top: Int32Array;
  #cursor: number;

  constructor() {
    this.count = 0;
    this.rounds = 0;
    this.#words = new Int32Array(FIRST_WORDS);
    this.#middle = new Int32Array(1);
    this.#top = new Int32Array(1);
    this.#cursor = 0;
  }

  has(handle: number): boolean {
    const word = handle >>> 5;
    return word < this.#words.length && (this.#words[word] & (1 << (handle & 31))) !== 0;
  }

  /** False when it was in the set already. */
  add(handle: number): boolean {
    const word = handle >>> 5;
    if (word >= this.#words.length) this.#grow(word + 1);
    const before = this.#words[word];
    const bit = 1 << (handle & 31);
    if ((before & bit) !== 0) return false;
    this.#words[word] = before | bit;
    this.count++;
    if (before === 0) {
      this.#middle[word >>> 5] |= 1 << (word & 31);
      this.#top[word >>> 10] |= 1 << ((word >>> 5) & 31);
    }
    return true;
  }

  /** False when it was not in the set. */
  delete(handle: number): boolean {
    const word = handle >>> 5;
    if (word >= this.#words.length) return false;
    const before = this.#words[word];
    const bit = 1 << (handle & 31);
    if ((before & bit) === 0) return false;
    const left = before & ~bit;
    this.#words[word] = left;
    this.count--;
    if (left === 0) this.#wordEmptied(word);
    return true;
  }

  /** The lowest handle that is not below `from`, or -1. */
  next(from: number): number {
    let word = from >>> 5;
    if (word >= this.#words.length) return -1;
    const rest = this.#words[word] & (-1 << (from & 31));
    if (rest !== 0) return (word << 5) | lowestBit(rest);
    word++;
    let middle = word >>> 5;
    if (middle >= this.#middle.length) return -1;
    let summary = this.#middle[middle] & (-1 << (word & 31));
    if (summary === 0) {
      middle++;
      let top = middle >>> 5;
      if (top >= this.#top.length) return -1;
      let tops = this.#top[top] & (-1 << (middle & 31));
      while (tops === 0) {
        top++;
        if (top >= this.#top.length) return -1;
        tops = this.#top[top];
      }
      middle = (top << 5) | lowestBit(tops);
      summary = this.#middle[middle];
    }
    word = (middle << 5) | lowestBit(summary);
    return (word << 5) | lowestBit(this.#words[word]);
  }

  /** Removes the next handle from the set and returns it; -1 when the set is empty. */
  take(): number {
    if (this.count === 0) return -1;
    let handle = this.next(this.#cursor);
    if (handle < 0) {
      this.rounds++;
      handle = this.next(0);
    }
    this.#cursor = handle + 1;
    this.delete(handle);
    return handle;
  }

  /** Adds all handles from 1 to `end` - 1. */
  fill(end: number): void {
    if (end <= 1) return;
    const last = end - 1;
    if (last >>> 5 >= this.#words.length) this.#grow((last >>> 5) + 1);
    for (let handle = 1; handle < end && (handle & 31) !== 0; handle++) this.add(handle);
    const fullWords = end >>> 5;
    for (let word = 1; word < fullWords; word++) {
      const missing = 32 - bitCount(this.#words[word]);
      if (missing === 0) continue;
      this.count += missing;
      this.#words[word] = -1;
      this.#middle[word >>> 5] |= 1 << (word & 31);
      this.#top[word >>> 10] |= 1 << ((word >>> 5) & 31);
    }
    for (let handle = Math.max(1, fullWords << 5); handle < end; handle++) this.add(handle);
  }

  /** Adds all handles of the other set. */
  addAll(other: DirtySet): void {
    if (other.count === 0) return;
    const words = other.#words;
    if (words.length > this.#words.length) this.#grow(words.length);
    for (let word = 0; word < words.length; word++) {
      const added = words[word] & ~this.#words[word];
      if (added === 0) continue;
      this.count += bitCount(added);
      this.#words[word] |= added;
      this.#middle[word >>> 5] |= 1 << (word & 31);
      this.#top[word >>> 10] |= 1 << ((word >>> 5) & 31);
    }
  }

  /** Empties the set and gives its memory back. */
  clear(): void {
    this.count = 0;
    this.#words = new Int32Array(FIRST_WORDS);
    this.#middle = new Int32Array(1);
    this.#top = new Int32Array(1);
    this.#cursor = 0;
  }

  get octets(): number {
    return (this.#words.length + this.#middle.length + this.#top.length) * 4;
  }

  #wordEmptied(word: number): void {
    const middle = word >>> 5;
    this.#middle[middle] &= ~(1 << (word & 31));
    if (this.#middle[middle] === 0) this.#top[middle >>> 5] &= ~(1 << (middle & 31));
  }

  #grow(neededWords: number): void {
    let words = this.#words.length;
    while (words < neededWords) words *= 4;
    this.#words = grown(this.#words, words);
    this.#middle = grown(this.#middle, Math.ceil(words / 32));
    this.#top = grown(this.#top, Math.ceil(words / 1024));
  }
}

function grown(words: Int32Array, length: number): Int32Array {
  const longer = new Int32Array(length);
  longer.set(words);
  return longer;
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

function bitCount(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
