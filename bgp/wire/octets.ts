/**
 * Reading and writing network-order integers and hexadecimal text. Readers do not check bounds: callers check
 * lengths once and read many times. The writer grows and patches lengths afterwards.
 */

export function uint16(octets: Uint8Array, offset: number): number {
  return (octets[offset] << 8) | octets[offset + 1];
}

/** Unsigned. */
export function uint32(octets: Uint8Array, offset: number): number {
  return ((octets[offset] << 24) | (octets[offset + 1] << 16) | (octets[offset + 2] << 8) | octets[offset + 3]) >>> 0;
}

const HEX_OF_OCTET: readonly string[] = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));

export function toHex(octets: Uint8Array, start = 0, end = octets.length): string {
  let text = '';
  for (let i = start; i < end; i++) text += HEX_OF_OCTET[octets[i]];
  return text;
}

/** Octets of hexadecimal text, or null when it is not one. */
export function fromHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return null;
  const octets = new Uint8Array(text.length / 2);
  for (let i = 0; i < octets.length; i++) octets[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return octets;
}

/** Octets that grow as they are written. */
export class OctetWriter {
  #octets: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#octets = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#octets.length) return;
    const grown = new Uint8Array(Math.max(this.#octets.length * 2, this.#length + count));
    grown.set(this.#octets.subarray(0, this.#length));
    this.#octets = grown;
  }

  uint8(value: number): this {
    this.#reserve(1);
    this.#octets[this.#length++] = value;
    return this;
  }

  uint16(value: number): this {
    this.#reserve(2);
    this.#octets[this.#length++] = value >>> 8;
    this.#octets[this.#length++] = value;
    return this;
  }

  uint32(value: number): this {
    this.#reserve(4);
    this.#octets[this.#length++] = value >>> 24;
    this.#octets[this.#length++] = value >>> 16;
    this.#octets[this.#length++] = value >>> 8;
    this.#octets[this.#length++] = value;
    return this;
  }

  bytes(octets: Uint8Array, start = 0, end = octets.length): this {
    this.#reserve(end - start);
    this.#octets.set(start === 0 && end === octets.length ? octets : octets.subarray(start, end), this.#length);
    this.#length += end - start;
    return this;
  }

  /** Overwrites two octets that were written before, usually a length that is known only now. */
  patchUint16(offset: number, value: number): void {
    this.#octets[offset] = value >>> 8;
    this.#octets[offset + 1] = value;
  }

  /** Everything written, in an array of its own. */
  take(): Uint8Array {
    return this.#octets.slice(0, this.#length);
  }
}
