/**
 * Socket addresses as the kernel wants them: struct sockaddr_in and sockaddr_in6 (Linux, native byte order for the
 * family, network order for port and address).
 */

import { endianness } from 'node:os';
import { FAMILY_IPV4, type FamilyIndex } from '../../bgp/family.ts';
import { addressOctets, type IpAddress } from '../../bgp/ip.ts';

export const AF_INET = 2;
export const AF_INET6 = 10;
/** Native byte order of this machine, as DataView's last argument. */
export const LITTLE_ENDIAN = endianness() === 'LE';

/** Address family constant of the C library. */
export function socketDomain(family: FamilyIndex): number {
  return family === FAMILY_IPV4 ? AF_INET : AF_INET6;
}

/** struct sockaddr_in (16 octets) or sockaddr_in6 (28); `scope` is the interface index of a link-local address. */
export function socketAddress(address: IpAddress, port: number, scope: number): Uint8Array {
  const octets = new Uint8Array(address.family === FAMILY_IPV4 ? 16 : 28);
  const view = new DataView(octets.buffer);
  view.setUint16(0, socketDomain(address.family), LITTLE_ENDIAN);
  view.setUint16(2, port, false);
  if (address.family === FAMILY_IPV4) {
    octets.set(addressOctets(address), 4);
  } else {
    octets.set(addressOctets(address), 8);
    view.setUint32(24, scope, LITTLE_ENDIAN);
  }
  return octets;
}

/** fe80::/10 (RFC 4291 2.5.6): meaningless without an interface. */
export function isLinkLocal(address: IpAddress): boolean {
  return address.family !== FAMILY_IPV4 && (address.a & 0xffc00000) >>> 0 === 0xfe800000;
}
