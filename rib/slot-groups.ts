/**
 * The places of a hash of handles: groups of eight words, which lie side by side in memory, so that a search costs one
 * wait for memory. Linear hashing (Litwin): the table grows in place, by splitting one group per insertion while it
 * grows, so there is never a rehash of everything.
 *
 * A word is a handle and, above it, hash bits: those that follow the bits that number the group. The lowest of them says
 * on which side of the next split the handle belongs, and its place becomes the next bit of the handle. So a split reads
 * nothing but the group, a search hardly ever reads the content of another handle than the one it is after, and how many
 * handles there can be is a matter of memory only.
 *
 * A group is filled from its first word on; 0 ends it. When there are more than eight, the last word is a link (its sign
 * bit set) to a line of eight more words.
 */

import { grownCapacity } from './columns.ts';

/** Words per group, as a power of two. */
export const LINE_BITS = 3;
const LINE_WORDS = 1 << LINE_BITS;
const LAST_WORD = LINE_WORDS - 1;
/** At level n handles have n + HANDLE_BITS bits: 2^n groups are all split before there are more than six for each. */
export const HANDLE_BITS = 3;
/** Hash bits beyond these do not get into words: a hash is an integer of so many bits. */
export const HASH_BITS = 31 - HANDLE_BITS;
/** All but the sign bit, which marks links. */
const WORD_MASK = 0x7fff_ffff;
const FIRST_LEVEL = 5;
/** Handles per group, on average, at which the groups of a level begin to split. They end with three. */
const HANDLES_PER_GROUP = 5;
/**
 * Large blocks of the C library begin 16 octets into a page: with as many left out, no group lies in two cache lines.
 */
const BLOCK_HEADER_OCTETS = 16;
/** Reservations, in words: memory is committed as it is used. */
const STEPS: readonly number[] = [1 << 9, 1 << 14, 1 << 18, 1 << 23];

export class SlotGroups {
  /** Group g is words[g * 8] to words[g * 8 + 7]. */
  words: Int32Array;
  /** Handles in the groups. */
  count: number;
  /** Groups at the start of this round of splits, as a power of two, and how many of them have been split. */
  level: number;
  splitGroups: number;
  /** The lines that links lead to: line n is lines[n * 8] to lines[n * 8 + 7]. Line 0 is not used. */
  lines: Int32Array;
  #lineEnd: number;
  /** First line that is free; its first word says which is the next. */
  #freeLine: number;
  readonly #spread: Int32Array;

  constructor() {
    this.words = alignedInt32(grownCapacity(LINE_WORDS << FIRST_LEVEL, STEPS));
    this.count = 0;
    this.level = FIRST_LEVEL;
    this.splitGroups = 0;
    this.lines = new Int32Array(0);
    this.#lineEnd = 1;
    this.#freeLine = 0;
    this.#spread = new Int32Array(LINE_WORDS);
  }

  /** How many of the hash's low bits number its group. */
  levelOf(hash: number): number {
    const level = this.level;
    return (hash & ((1 << level) - 1)) < this.splitGroups ? level + 1 : level;
  }

  /** Octets in use. */
  get octets(): number {
    return (((1 << this.level) + this.splitGroups) * LINE_WORDS + this.#lineEnd * LINE_WORDS) * 4;
  }

  /** Adds a handle that is not there; handles are 1 to the highest count that there has ever been. */
  add(hash: number, handle: number): void {
    const level = this.levelOf(hash);
    this.#append(hash & ((1 << level) - 1), tagOf(hash, level) | handle);
    this.count++;
    if (this.splitGroups !== 0 || this.count > HANDLES_PER_GROUP << this.level) this.#splitNext();
  }

  /** Removes a handle that is there. */
  remove(hash: number, handle: number): void {
    const level = this.levelOf(hash);
    const group = hash & ((1 << level) - 1);
    const wanted = tagOf(hash, level) | handle;
    this.count--;
    const words = this.words;
    const start = group << LINE_BITS;
    if (words[start + LAST_WORD] < 0) {
      this.#removeFromLines(group, wanted);
      return;
    }
    // All eight words are looked at, so that there is no branch to guess.
    let at = start;
    let last = start - 1;
    for (let i = 0; i < LINE_WORDS; i++) {
      const word = words[start + i];
      const difference = word ^ wanted;
      at += i & ~((difference | -difference) >> 31);
      last += -word >>> 31;
    }
    words[at] = words[last];
    words[last] = 0;
  }

  #removeFromLines(group: number, wanted: number): void {
    let words = this.words;
    let at = group << LINE_BITS;
    while (words[at] !== wanted) {
      if (words[at] < 0) {
        at = (words[at] & WORD_MASK) << LINE_BITS;
        words = this.lines;
      } else at++;
    }
    const last = this.#takeLast(group);
    if (last !== wanted) words[at] = last;
  }

  /** Removes the last word of a group and returns it. */
  #takeLast(group: number): number {
    const groupStart = group << LINE_BITS;
    let words = this.words;
    let start = groupStart;
    let linkedFrom = -1;
    let isLinkInGroup = true;
    while (words[start + LAST_WORD] < 0) {
      linkedFrom = start + LAST_WORD;
      isLinkInGroup = words === this.words;
      start = (words[linkedFrom] & WORD_MASK) << LINE_BITS;
      words = this.lines;
    }
    let last = start + LAST_WORD;
    while (words[last] === 0) last--;
    const word = words[last];
    words[last] = 0;
    if (last === start && linkedFrom !== -1) {
      (isLinkInGroup ? this.words : this.lines)[linkedFrom] = 0;
      this.#releaseLine(start >>> LINE_BITS);
    }
    return word;
  }

  #append(group: number, word: number): void {
    const words = this.words;
    let at = group << LINE_BITS;
    const end = at + LINE_WORDS;
    while (at < end && words[at] > 0) at++;
    if (at < end && words[at] === 0) words[at] = word;
    else this.#appendToLines(group, word);
  }

  #appendToLines(group: number, word: number): void {
    let words = this.words;
    let last = (group << LINE_BITS) + LAST_WORD;
    while (words[last] < 0) {
      last = ((words[last] & WORD_MASK) << LINE_BITS) + LAST_WORD;
      words = this.lines;
    }
    if (words[last] !== 0) {
      const isGroup = words === this.words;
      const line = this.#takeLine();
      this.lines[line << LINE_BITS] = words[last];
      // The lines may have been replaced.
      (isGroup ? words : this.lines)[last] = ~WORD_MASK | line;
      words = this.lines;
      last = (line << LINE_BITS) + LAST_WORD;
    }
    let at = last - LAST_WORD;
    while (words[at] !== 0) at++;
    words[at] = word;
  }

  /** One step of growth: the next group of this round shares its handles with a new group at the end. */
  #splitNext(): void {
    const level = this.level;
    const from = this.splitGroups;
    const to = (1 << level) + from;
    const needed = (to + 1) << LINE_BITS;
    if (needed > this.words.length) this.words = grownInt32(this.words, grownCapacity(needed, STEPS));
    this.splitGroups = from + 1;
    const side = 1 << (level + HANDLE_BITS);
    if (this.words[(from << LINE_BITS) + LAST_WORD] < 0) this.#splitLong(from, to, side);
    else this.#splitShort(from << LINE_BITS, to << LINE_BITS, side);
    if (this.splitGroups === 1 << level) {
      this.level = level + 1;
      this.splitGroups = 0;
    }
  }

  /** Every word is written to both sides, and what is written next goes over it on the wrong one: no branch to guess. */
  #splitShort(from: number, to: number, side: number): void {
    const words = this.words;
    const sideBit = 31 - Math.clz32(side);
    let stay = from;
    let move = to;
    let at = from;
    const end = from + LINE_WORDS;
    for (; at < end; at++) {
      const word = words[at];
      if (word === 0) break;
      const moves = (word >>> sideBit) & 1;
      words[stay] = word;
      words[move] = word & ~side;
      stay += 1 - moves;
      move += moves;
    }
    if (move < to + LINE_WORDS) words[move] = 0;
    while (stay < at) words[stay++] = 0;
  }

  #splitLong(from: number, to: number, side: number): void {
    let words = this.words;
    let at = from << LINE_BITS;
    let line = 0;
    const spread = this.#spread;
    do {
      // Reading is ahead of writing: a line is read as a whole, then given up, then its words are put in their places.
      for (let i = 0; i < LINE_WORDS; i++) {
        spread[i] = words[at + i];
        words[at + i] = 0;
      }
      if (line !== 0) this.#releaseLine(line);
      line = spread[LAST_WORD] < 0 ? spread[LAST_WORD] & WORD_MASK : 0;
      for (let i = 0; i < LINE_WORDS && spread[i] > 0; i++) {
        const word = spread[i];
        if ((word & side) === 0) this.#append(from, word);
        else this.#append(to, word & ~side);
      }
      words = this.lines;
      at = line << LINE_BITS;
    } while (line !== 0);
  }

  #takeLine(): number {
    const free = this.#freeLine;
    if (free !== 0) {
      this.#freeLine = this.lines[free << LINE_BITS];
      this.lines[free << LINE_BITS] = 0;
      return free;
    }
    const line = this.#lineEnd++;
    const needed = this.#lineEnd << LINE_BITS;
    if (needed > this.lines.length) this.lines = grownInt32(this.lines, grownCapacity(needed));
    return line;
  }

  /** All words of the line are 0. */
  #releaseLine(line: number): void {
    this.lines[line << LINE_BITS] = this.#freeLine;
    this.#freeLine = line;
  }
}

/** The hash bits of a word at that level, in place. */
export function tagOf(hash: number, level: number): number {
  return ((hash >>> level) << (level + HANDLE_BITS)) & WORD_MASK;
}

function alignedInt32(capacity: number): Int32Array {
  return new Int32Array(new ArrayBuffer(capacity * 4 + BLOCK_HEADER_OCTETS), BLOCK_HEADER_OCTETS);
}

function grownInt32(column: Int32Array, capacity: number): Int32Array {
  const grown = alignedInt32(capacity);
  grown.set(column);
  return grown;
}
