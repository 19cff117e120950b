/** UPDATEs for tests with many routes, made octet by octet (RFC 4271 4.3). */

import { messageOctets, UPDATE } from './raw-speaker.ts';

export interface ManyRoutes {
  readonly as: number;
  readonly nextHop: string;
  /** IPv4 /24s from 1.0.0.0/24 upwards. */
  readonly prefixes: number;
  /** Each UPDATE has an AS_PATH of its own, so this many prefixes share an attribute set. */
  readonly perUpdate: number;
}

const FIRST_PREFIX = 0x01_00_00;

/** An eBGP feed with four-octet AS numbers. */
export function manyRoutes({ as, nextHop, prefixes, perUpdate }: ManyRoutes): Buffer {
  const messages: Buffer[] = [];
  const hop = nextHop.split('.').map(Number);
  for (let from = 0; from < prefixes; from += perUpdate) {
    const asPath = Buffer.alloc(14);
    asPath.set([2, 3]);
    asPath.writeUInt32BE(as, 2);
    // 24 bits of difference over two AS numbers.
    asPath.writeUInt32BE(100_000 + (from >>> 12), 6);
    asPath.writeUInt32BE(200_000 + (from & 0xfff), 10);
    const attributes = Buffer.from([0x40, 1, 1, 0, 0x40, 2, asPath.length, ...asPath, 0x40, 3, 4, ...hop]);
    const count = Math.min(perUpdate, prefixes - from);
    const body = Buffer.alloc(4 + attributes.length + count * 4);
    body.writeUInt16BE(attributes.length, 2);
    attributes.copy(body, 4);
    for (let n = 0; n < count; n++) {
      body.writeUInt32BE(((24 << 24) | (FIRST_PREFIX + from + n)) >>> 0, 4 + attributes.length + n * 4);
    }
    messages.push(messageOctets(UPDATE, body));
  }
  return Buffer.concat(messages);
}
