/**
 * How the tables' columns grow: typed arrays indexed by a handle, replaced by a longer copy when they are full.
 *
 * The system commits the pages of a large zeroed array only when they are touched, so a long reservation costs address
 * space, not memory. Capacity therefore goes up in a few large steps: what is copied in one go stays below some
 * megabytes up to four million entries, and no step leaves a trail of outgrown arrays behind.
 */

const STEPS: readonly number[] = [1 << 8, 1 << 13, 1 << 17, 1 << 22];

/** The capacity to grow to so that index `needed - 1` exists. */
export function grownCapacity(needed: number): number {
  for (const step of STEPS) if (needed <= step) return step;
  let capacity = STEPS[STEPS.length - 1];
  while (capacity < needed) capacity *= 2;
  return capacity;
}

export function grownUint8(column: Uint8Array, capacity: number): Uint8Array {
  const grown = new Uint8Array(capacity);
  grown.set(column);
  return grown;
}

export function grownUint16(column: Uint16Array, capacity: number): Uint16Array {
  const grown = new Uint16Array(capacity);
  grown.set(column);
  return grown;
}

export function grownUint32(column: Uint32Array, capacity: number): Uint32Array {
  const grown = new Uint32Array(capacity);
  grown.set(column);
  return grown;
}

export function grownFloat64(column: Float64Array, capacity: number): Float64Array {
  const grown = new Float64Array(capacity);
  grown.set(column);
  return grown;
}
