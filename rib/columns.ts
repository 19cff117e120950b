/**
 * How the tables' columns grow: typed arrays indexed by a handle, replaced by a longer copy when they are full.
 *
 * The system commits the pages of a large zeroed array only when they are touched, so a long reservation costs address
 * space, not memory. Capacity therefore goes up in a few large steps, and a table with many columns copies one of them
 * at a time while the second half of the old capacity fills up: no single insertion copies more than one column.
 */

/** Capacities of tables that may hold a million entries and more. */
export const WIDE_STEPS: readonly number[] = [1 << 8, 1 << 13, 1 << 17, 1 << 22];
/** Capacities of tables with many columns and fewer entries. */
export const NARROW_STEPS: readonly number[] = [1 << 8, 1 << 13, 1 << 16, 1 << 19, 1 << 22];

/** The capacity to grow to so that index `needed - 1` exists. */
export function grownCapacity(needed: number, steps: readonly number[] = WIDE_STEPS): number {
  for (const step of steps) if (needed <= step) return step;
  let capacity = steps[steps.length - 1];
  while (capacity < needed) capacity *= 2;
  return capacity;
}

/** Says which column of a table is to be copied when. Handles must be used up one by one. */
export class StaggeredGrowth {
  /** What all columns have. */
  capacity: number;
  /** What they are growing to. */
  target: number;
  /** When a handle reaches this, one more column must be grown. */
  dueAt: number;
  readonly #columns: number;
  readonly #steps: readonly number[];
  #column: number;
  /** Handles between two copies: they are spread over the second half of the capacity. */
  #stride: number;

  /** @param columns how many columns there are: 64 at most */
  constructor(columns: number, steps: readonly number[]) {
    this.#columns = columns;
    this.#steps = steps;
    this.#column = 0;
    this.#stride = 0;
    this.capacity = 0;
    this.target = 0;
    this.dueAt = 0;
    this.#begin(grownCapacity(1, steps));
  }

  /** The number of the column to copy to `target` now, 0 to columns - 1. */
  advance(): number {
    const column = this.#column++;
    if (this.#column === this.#columns) this.#begin(this.target);
    else this.dueAt += this.#stride;
    return column;
  }

  #begin(capacity: number): void {
    this.capacity = capacity;
    this.target = grownCapacity(capacity + 1, this.#steps);
    this.#column = 0;
    this.#stride = Math.floor(capacity / (2 * this.#columns));
    this.dueAt = capacity - this.#columns * this.#stride;
  }
}

/** A longer copy; entries from `used` on were never written and are not touched, so that their pages stay uncommitted. */
export function grownUint8(column: Uint8Array, capacity: number, used = column.length): Uint8Array {
  const grown = new Uint8Array(capacity);
  grown.set(column.subarray(0, used));
  return grown;
}

export function grownUint16(column: Uint16Array, capacity: number, used = column.length): Uint16Array {
  const grown = new Uint16Array(capacity);
  grown.set(column.subarray(0, used));
  return grown;
}

export function grownUint32(column: Uint32Array, capacity: number, used = column.length): Uint32Array {
  const grown = new Uint32Array(capacity);
  grown.set(column.subarray(0, used));
  return grown;
}

export function grownFloat64(column: Float64Array, capacity: number, used = column.length): Float64Array {
  const grown = new Float64Array(capacity);
  grown.set(column.subarray(0, used));
  return grown;
}
