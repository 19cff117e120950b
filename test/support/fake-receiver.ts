/**
 * The other end of a session for tests of what is sent: keeps the table that the messages make, and counts what should
 * not have been sent. Its decoder is its own, so that it does not share mistakes with the code under test.
 */

import { formatLanes, laneMask } from '../../bgp/ip.ts';
import type { EncodingRules } from '../../rib/export-hook.ts';

const hex = (octets: Uint8Array): string => Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');

export class FakeReceiver {
  /** `prefix` or `prefix#path id` to the canonical attributes in hexadecimal digits. */
  readonly table = new Map<string, string>();
  announced = 0;
  withdrawn = 0;
  /** Announcements of what was in the table already. */
  duplicates = 0;
  /** Withdrawals of what was not in the table. */
  needlessWithdrawals = 0;
  readonly messageOctets: number[] = [];
  /** What is not an UPDATE with routes, in order: `eor`, `borr`, `eorr`. */
  readonly marks: string[] = [];
  /** What each message said, in order. */
  readonly log: string[] = [];
  readonly #rules: EncodingRules;
  #rest = new Uint8Array(0);

  constructor(rules: EncodingRules) {
    this.#rules = rules;
  }

  receive(pieces: readonly Uint8Array[]): void {
    const octets = new Uint8Array(this.#rest.length + pieces.reduce((sum, piece) => sum + piece.length, 0));
    octets.set(this.#rest);
    let end = this.#rest.length;
    for (const piece of pieces) {
      octets.set(piece, end);
      end += piece.length;
    }
    let at = 0;
    while (at + 19 <= octets.length) {
      for (let i = 0; i < 16; i++) if (octets[at + i] !== 255) throw new Error(`no marker at ${at}`);
      const length = (octets[at + 16] << 8) | octets[at + 17];
      if (length > this.#rules.maxMessageOctets) throw new Error(`message of ${length} octets`);
      if (at + length > octets.length) break;
      this.#message(octets[at + 18], octets.subarray(at + 19, at + length));
      this.messageOctets.push(length);
      at += length;
    }
    this.#rest = octets.slice(at);
  }

  /** The stream has not ended within a message. */
  get isAtMessageEnd(): boolean {
    return this.#rest.length === 0;
  }

  #message(type: number, body: Uint8Array): void {
    if (type === 5) {
      if (body.length !== 4 || body[1] !== this.#rules.family + 1 || body[3] !== 1)
        throw new Error('bad ROUTE-REFRESH');
      this.marks.push(body[2] === 1 ? 'borr' : 'eorr');
      return;
    }
    if (type !== 2) throw new Error(`message of type ${type}`);
    const withdrawnEnd = 2 + ((body[0] << 8) | body[1]);
    const attributesEnd = withdrawnEnd + 2 + ((body[withdrawnEnd] << 8) | body[withdrawnEnd + 1]);
    if (attributesEnd > body.length) throw new Error('attributes overrun the message');
    let canonical = '';
    let reached: Uint8Array | null = null;
    let unreached: Uint8Array | null = null;
    let lastCode = 0;
    for (let at = withdrawnEnd + 2; at < attributesEnd; ) {
      const extended = (body[at] & 0x10) !== 0;
      const code = body[at + 1];
      const value = at + (extended ? 4 : 3);
      const next = value + (extended ? (body[at + 2] << 8) | body[at + 3] : body[at + 2]);
      if (next > attributesEnd) throw new Error(`attribute ${code} overruns the attributes`);
      if (extended && next - value < 256) throw new Error(`attribute ${code} has an extended length without need`);
      if (code === 14) {
        if (lastCode !== 0) throw new Error('MP_REACH_NLRI is not first');
        const head = 5 + body[value + 3];
        reached = body.subarray(value + head, next);
        canonical += `80 0e ${hex(Uint8Array.of(head))} ${hex(body.subarray(value, value + head))} `;
      } else if (code === 15) {
        if (body[value + 1] !== this.#rules.family + 1 || body[value + 2] !== 1) throw new Error('bad MP_UNREACH_NLRI');
        unreached = body.subarray(value + 3, next);
      } else {
        if (code <= lastCode) throw new Error(`attribute ${code} after ${lastCode}`);
        lastCode = code;
        canonical += `${hex(body.subarray(at, next))} `;
      }
      at = next;
    }
    const classic = body.subarray(attributesEnd);
    const classicWithdrawn = body.subarray(2, withdrawnEnd);
    const parts = [classicWithdrawn, classic, reached ?? classic.subarray(0, 0), unreached ?? classic.subarray(0, 0)];
    const used = parts.filter((part) => part.length > 0).length;
    if (used > 1) throw new Error('announcements and withdrawals share a message (RFC 7606 5.1)');
    if (used === 0) {
      if ((unreached !== null) !== (this.#rules.family === 1)) throw new Error('End-of-RIB of the wrong form');
      this.marks.push('eor');
      return;
    }
    for (const key of [...this.#nlri(classicWithdrawn), ...this.#nlri(unreached)]) this.#withdraw(key);
    for (const key of [...this.#nlri(classic), ...this.#nlri(reached)]) this.#announce(key, canonical.trim());
  }

  #announce(key: string, attributes: string): void {
    if (attributes === '') throw new Error(`${key} announced without attributes`);
    this.announced++;
    if (this.table.get(key) === attributes) this.duplicates++;
    this.table.set(key, attributes);
    this.log.push(`+${key}`);
  }

  #withdraw(key: string): void {
    this.withdrawn++;
    if (!this.table.delete(key)) this.needlessWithdrawals++;
    this.log.push(`-${key}`);
  }

  #nlri(octets: Uint8Array | null): string[] {
    const keys: string[] = [];
    if (octets === null) return keys;
    for (let at = 0; at < octets.length; ) {
      let id = '';
      if (this.#rules.addPath) {
        id = `#${((octets[at] << 24) | (octets[at + 1] << 16) | (octets[at + 2] << 8) | octets[at + 3]) >>> 0}`;
        at += 4;
      }
      const bits = octets[at++];
      if (bits > (this.#rules.family === 0 ? 32 : 128)) throw new Error(`prefix of ${bits} bits`);
      const size = Math.ceil(bits / 8);
      if (at + size > octets.length) throw new Error('NLRI overruns its field');
      const lanes = [0, 0, 0, 0].map((_, lane) => {
        let value = 0;
        for (let i = 0; i < 4; i++) value = value * 256 + (lane * 4 + i < size ? octets[at + lane * 4 + i] : 0);
        return (value & laneMask(bits, lane)) >>> 0;
      });
      keys.push(`${formatLanes(this.#rules.family, lanes[0], lanes[1], lanes[2], lanes[3])}/${bits}${id}`);
      at += size;
    }
    return keys;
  }
}

/** Canonical attributes in the form that FakeReceiver keeps. */
export function receivedForm(attributes: Uint8Array): string {
  const others: string[] = [];
  let mpReach = '';
  for (let at = 0; at < attributes.length; ) {
    const extended = (attributes[at] & 0x10) !== 0;
    const value = at + (extended ? 4 : 3);
    const next = value + (extended ? (attributes[at + 2] << 8) | attributes[at + 3] : attributes[at + 2]);
    if (attributes[at + 1] === 14) {
      mpReach = `80 0e ${hex(Uint8Array.of(next - value))} ${hex(attributes.subarray(value, next))}`;
    } else others.push(hex(attributes.subarray(at, next)));
    at = next;
  }
  return (mpReach === '' ? others : [mpReach, ...others]).join(' ');
}
