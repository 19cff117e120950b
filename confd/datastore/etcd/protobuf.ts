/**
 * The Protocol Buffers wire format, as much of it as etcd's messages need: varints, length-delimited fields, and the
 * skipping of fields that a newer server adds. Pure.
 *
 * int64 becomes a number: revisions stay below 2^53 for longer than disks last. Ids use all 64 bits and become text.
 * A reader that meets malformed octets stops and says so once, at the end, instead of throwing in the middle.
 */

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_DELIMITED = 2;
const WIRE_FIXED32 = 5;

const MAX_VARINT_OCTETS = 10;
/** Varints of so many octets fit into a number exactly. */
const EXACT_VARINT_OCTETS = 7;
const FIRST_CAPACITY_OCTETS = 64;

const toUtf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** Writes fields in the order of the calls. As in proto3, a scalar that has its default value is left out. */
export class ProtobufWriter {
  #octets = new Uint8Array(FIRST_CAPACITY_OCTETS);
  #length = 0;

  /** A number of 0 or more; larger ones than 2^53 do not occur in requests. */
  integer(field: number, value: number): this {
    if (value === 0) return this;
    this.#varint(field * 8 + WIRE_VARINT);
    this.#varint(value);
    return this;
  }

  flag(field: number, value: boolean): this {
    return this.integer(field, value ? 1 : 0);
  }

  octets(field: number, value: Uint8Array): this {
    return value.length === 0 ? this : this.message(field, value);
  }

  text(field: number, value: string): this {
    return this.octets(field, toUtf8.encode(value));
  }

  /** A nested message: written even when it is empty, because its presence means something. */
  message(field: number, body: Uint8Array): this {
    this.#varint(field * 8 + WIRE_DELIMITED);
    this.#varint(body.length);
    this.#reserve(body.length);
    this.#octets.set(body, this.#length);
    this.#length += body.length;
    return this;
  }

  finish(): Uint8Array {
    return this.#octets.slice(0, this.#length);
  }

  #varint(value: number): void {
    this.#reserve(MAX_VARINT_OCTETS);
    let rest = value;
    while (rest >= 0x80) {
      this.#octets[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#octets[this.#length++] = rest;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#octets.length) return;
    const larger = new Uint8Array(Math.max(this.#octets.length * 2, this.#length + count));
    larger.set(this.#octets);
    this.#octets = larger;
  }
}

/**
 * Reads field after field: `while (reader.next()) switch (reader.field) ...`. A field that nobody asks for is skipped.
 * What is read after something malformed is empty; `isMalformed` tells.
 */
export class ProtobufReader {
  field = 0;
  isMalformed = false;
  readonly #octets: Uint8Array;
  #at = 0;
  #wireType = WIRE_VARINT;
  /** The present field was not read yet. */
  #isPending = false;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  /** Moves to the next field. False at the end, and when the rest cannot be read. */
  next(): boolean {
    if (this.#isPending) this.#skip();
    if (this.isMalformed || this.#at >= this.#octets.length) return false;
    const tag = Number(this.#varint());
    this.field = Math.floor(tag / 8);
    this.#wireType = tag % 8;
    if (this.field === 0) this.isMalformed = true;
    this.#isPending = !this.isMalformed;
    return this.#isPending;
  }

  integer(): number {
    if (!this.#take(WIRE_VARINT)) return 0;
    const value = this.#varint();
    return typeof value === 'number' ? value : Number(BigInt.asIntN(64, value));
  }

  flag(): boolean {
    return this.integer() !== 0;
  }

  /** A uint64 in decimal. */
  id(): string {
    return this.#take(WIRE_VARINT) ? String(this.#varint()) : '0';
  }

  /** A view into the message, not a copy. */
  octets(): Uint8Array {
    if (!this.#take(WIRE_DELIMITED)) return new Uint8Array(0);
    const length = Number(this.#varint());
    if (length > this.#octets.length - this.#at) {
      this.isMalformed = true;
      return new Uint8Array(0);
    }
    this.#at += length;
    return this.#octets.subarray(this.#at - length, this.#at);
  }

  text(): string {
    return fromUtf8.decode(this.octets());
  }

  #take(wireType: number): boolean {
    if (!this.#isPending || this.#wireType !== wireType) this.isMalformed = true;
    this.#isPending = false;
    return !this.isMalformed;
  }

  #skip(): void {
    switch (this.#wireType) {
      case WIRE_VARINT:
        this.integer();
        break;
      case WIRE_DELIMITED:
        this.octets();
        break;
      case WIRE_FIXED64:
        this.#at += 8;
        break;
      case WIRE_FIXED32:
        this.#at += 4;
        break;
      default:
        // Groups have been out of use since before etcd was.
        this.isMalformed = true;
    }
    this.#isPending = false;
    if (this.#at > this.#octets.length) this.isMalformed = true;
  }

  /** A number where that is exact, else a bigint of 0 to 2^64 - 1. */
  #varint(): number | bigint {
    const start = this.#at;
    let value = 0;
    let factor = 1;
    for (let i = 0; i < MAX_VARINT_OCTETS && start + i < this.#octets.length; i++) {
      const octet = this.#octets[start + i];
      if (i < EXACT_VARINT_OCTETS) value += (octet & 0x7f) * factor;
      factor *= 0x80;
      if (octet >= 0x80) continue;
      this.#at = start + i + 1;
      return i < EXACT_VARINT_OCTETS ? value : this.#largeVarint(start, this.#at);
    }
    this.isMalformed = true;
    return 0;
  }

  #largeVarint(start: number, end: number): bigint {
    let value = 0n;
    for (let i = end - 1; i >= start; i--) value = (value << 7n) | BigInt(this.#octets[i] & 0x7f);
    return BigInt.asUintN(64, value);
  }
}
