/**
 * Capabilities of the OPEN message (RFC 5492 §4): each known one as a value of its own, everything else, and known
 * ones whose length is wrong, as code and octets. A capability that we cannot read never fails the OPEN: RFC 5492
 * leaves that to each capability, none of them asks for a NOTIFICATION, and the session works without it.
 */

import {
  CAPABILITY_ADD_PATH,
  CAPABILITY_ENHANCED_ROUTE_REFRESH,
  CAPABILITY_EXTENDED_MESSAGE,
  CAPABILITY_EXTENDED_NEXT_HOP,
  CAPABILITY_FOUR_OCTET_AS,
  CAPABILITY_FQDN,
  CAPABILITY_GRACEFUL_RESTART,
  CAPABILITY_LONG_LIVED_GRACEFUL_RESTART,
  CAPABILITY_MULTIPROTOCOL,
  CAPABILITY_ROLE,
  CAPABILITY_ROUTE_REFRESH,
  CAPABILITY_SOFTWARE_VERSION,
} from '../iana.ts';
import type { BgpRole } from '../session-config.ts';
import { decodeUtf8, encodeUtf8Truncated } from '../utf8.ts';
import { fromHex, OctetWriter, toHex, uint16, uint32 } from './octets.ts';

export type Capability =
  /** RFC 4760 §8. */
  | { readonly kind: 'multiprotocol'; readonly afi: number; readonly safi: number }
  /** RFC 2918. */
  | { readonly kind: 'route-refresh' }
  /** RFC 8950 §4. */
  | {
      readonly kind: 'extended-next-hop';
      readonly families: ReadonlyArray<{ readonly afi: number; readonly safi: number; readonly nextHopAfi: number }>;
    }
  /** RFC 8654. */
  | { readonly kind: 'extended-message' }
  /** RFC 9234 §4.1: the sender's own role. */
  | { readonly kind: 'role'; readonly role: BgpRole }
  /** RFC 4724 §3, RFC 8538 §2. */
  | {
      readonly kind: 'graceful-restart';
      /** R bit: the sender has restarted. */
      readonly restarted: boolean;
      /** N bit, RFC 8538. */
      readonly notification: boolean;
      /** 0..4095. */
      readonly restartTimeSeconds: number;
      readonly families: ReadonlyArray<{
        readonly afi: number;
        readonly safi: number;
        readonly forwardingPreserved: boolean;
      }>;
    }
  /** RFC 6793 §3. */
  | { readonly kind: 'four-octet-as'; readonly as: number }
  /** RFC 7911 §4: what the sender of the capability can do. */
  | {
      readonly kind: 'add-path';
      readonly families: ReadonlyArray<{
        readonly afi: number;
        readonly safi: number;
        readonly receive: boolean;
        readonly send: boolean;
      }>;
    }
  /** RFC 7313 §3.1. */
  | { readonly kind: 'enhanced-route-refresh' }
  /** RFC 9494 §3. Stale times are 0..16777215 seconds. */
  | {
      readonly kind: 'long-lived-graceful-restart';
      readonly families: ReadonlyArray<{
        readonly afi: number;
        readonly safi: number;
        readonly forwardingPreserved: boolean;
        readonly staleTimeSeconds: number;
      }>;
    }
  | { readonly kind: 'fqdn'; readonly hostName: string; readonly domainName: string }
  | { readonly kind: 'software-version'; readonly version: string }
  /** Anything else, and known capabilities of a wrong length. `octets` is hexadecimal. */
  | { readonly kind: 'unknown'; readonly code: number; readonly octets: string };

/** RFC 9234 §4.1. */
const ROLES: readonly BgpRole[] = ['provider', 'rs-server', 'rs-client', 'customer', 'peer'];

/** The capability whose value field is [start, end) of the octets. */
export function decodeCapability(code: number, octets: Uint8Array, start: number, end: number): Capability {
  return decodeKnown(code, octets, start, end) ?? { kind: 'unknown', code, octets: toHex(octets, start, end) };
}

function decodeKnown(code: number, octets: Uint8Array, start: number, end: number): Capability | null {
  const length = end - start;
  switch (code) {
    case CAPABILITY_MULTIPROTOCOL:
      return length === 4 ? { kind: 'multiprotocol', afi: uint16(octets, start), safi: octets[start + 3] } : null;
    case CAPABILITY_ROUTE_REFRESH:
      return length === 0 ? { kind: 'route-refresh' } : null;
    case CAPABILITY_EXTENDED_NEXT_HOP:
      return decodeExtendedNextHop(octets, start, end);
    case CAPABILITY_EXTENDED_MESSAGE:
      return length === 0 ? { kind: 'extended-message' } : null;
    case CAPABILITY_ROLE:
      return length === 1 && octets[start] < ROLES.length ? { kind: 'role', role: ROLES[octets[start]] } : null;
    case CAPABILITY_GRACEFUL_RESTART:
      return decodeGracefulRestart(octets, start, end);
    case CAPABILITY_FOUR_OCTET_AS:
      return length === 4 ? { kind: 'four-octet-as', as: uint32(octets, start) } : null;
    case CAPABILITY_ADD_PATH:
      return decodeAddPath(octets, start, end);
    case CAPABILITY_ENHANCED_ROUTE_REFRESH:
      return length === 0 ? { kind: 'enhanced-route-refresh' } : null;
    case CAPABILITY_LONG_LIVED_GRACEFUL_RESTART:
      return decodeLongLivedGracefulRestart(octets, start, end);
    case CAPABILITY_FQDN:
      return decodeFqdn(octets, start, end);
    case CAPABILITY_SOFTWARE_VERSION:
      return length >= 1 && octets[start] === length - 1
        ? { kind: 'software-version', version: decodeUtf8(octets, start + 1, end) }
        : null;
    default:
      return null;
  }
}

/* extended-next-hop := (afi(2) safi(2) next-hop-afi(2))* */
function decodeExtendedNextHop(octets: Uint8Array, start: number, end: number): Capability | null {
  if ((end - start) % 6 !== 0) return null;
  const families = [];
  for (let at = start; at < end; at += 6)
    families.push({ afi: uint16(octets, at), safi: uint16(octets, at + 2), nextHopAfi: uint16(octets, at + 4) });
  return { kind: 'extended-next-hop', families };
}

/* graceful-restart := flags(4 bits) restart-time(12 bits) (afi(2) safi(1) flags(1))* */
function decodeGracefulRestart(octets: Uint8Array, start: number, end: number): Capability | null {
  if (end - start < 2 || (end - start - 2) % 4 !== 0) return null;
  const families = [];
  for (let at = start + 2; at < end; at += 4)
    families.push({
      afi: uint16(octets, at),
      safi: octets[at + 2],
      forwardingPreserved: (octets[at + 3] & 0x80) !== 0,
    });
  return {
    kind: 'graceful-restart',
    restarted: (octets[start] & 0x80) !== 0,
    notification: (octets[start] & 0x40) !== 0,
    restartTimeSeconds: uint16(octets, start) & 0x0fff,
    families,
  };
}

/* add-path := (afi(2) safi(1) send-receive(1))+, where send-receive is 1 receive, 2 send, 3 both */
function decodeAddPath(octets: Uint8Array, start: number, end: number): Capability | null {
  if (end === start || (end - start) % 4 !== 0) return null;
  const families = [];
  for (let at = start; at < end; at += 4) {
    const sendReceive = octets[at + 3];
    // RFC 7911 §4: other values make the tuple (not the capability) be ignored.
    if (sendReceive < 1 || sendReceive > 3) continue;
    families.push({
      afi: uint16(octets, at),
      safi: octets[at + 2],
      receive: (sendReceive & 1) !== 0,
      send: (sendReceive & 2) !== 0,
    });
  }
  return { kind: 'add-path', families };
}

/* long-lived-graceful-restart := (afi(2) safi(1) flags(1) stale-time(3))* */
function decodeLongLivedGracefulRestart(octets: Uint8Array, start: number, end: number): Capability | null {
  if ((end - start) % 7 !== 0) return null;
  const families = [];
  for (let at = start; at < end; at += 7)
    families.push({
      afi: uint16(octets, at),
      safi: octets[at + 2],
      forwardingPreserved: (octets[at + 3] & 0x80) !== 0,
      staleTimeSeconds: (octets[at + 4] << 16) | uint16(octets, at + 5),
    });
  return { kind: 'long-lived-graceful-restart', families };
}

/* fqdn := host-length(1) host domain-length(1) domain */
function decodeFqdn(octets: Uint8Array, start: number, end: number): Capability | null {
  const hostEnd = start + 1 + octets[start];
  if (end - start < 2 || hostEnd >= end || hostEnd + 1 + octets[hostEnd] !== end) return null;
  return {
    kind: 'fqdn',
    hostName: decodeUtf8(octets, start + 1, hostEnd),
    domainName: decodeUtf8(octets, hostEnd + 1, end),
  };
}

/** Code and value field of a capability. */
export function encodeCapability(capability: Capability): { readonly code: number; readonly value: Uint8Array } {
  const writer = new OctetWriter(32);
  return { code: writeCapability(capability, writer), value: writer.take() };
}

function writeCapability(capability: Capability, writer: OctetWriter): number {
  switch (capability.kind) {
    case 'multiprotocol':
      writer.uint16(capability.afi).uint8(0).uint8(capability.safi);
      return CAPABILITY_MULTIPROTOCOL;
    case 'route-refresh':
      return CAPABILITY_ROUTE_REFRESH;
    case 'extended-next-hop':
      for (const family of capability.families) writer.uint16(family.afi).uint16(family.safi).uint16(family.nextHopAfi);
      return CAPABILITY_EXTENDED_NEXT_HOP;
    case 'extended-message':
      return CAPABILITY_EXTENDED_MESSAGE;
    case 'role':
      writer.uint8(ROLES.indexOf(capability.role));
      return CAPABILITY_ROLE;
    case 'graceful-restart':
      writer.uint16(
        (capability.restarted ? 0x8000 : 0) |
          (capability.notification ? 0x4000 : 0) |
          Math.min(capability.restartTimeSeconds, 0x0fff),
      );
      for (const family of capability.families)
        writer
          .uint16(family.afi)
          .uint8(family.safi)
          .uint8(family.forwardingPreserved ? 0x80 : 0);
      return CAPABILITY_GRACEFUL_RESTART;
    case 'four-octet-as':
      writer.uint32(capability.as);
      return CAPABILITY_FOUR_OCTET_AS;
    case 'add-path':
      for (const family of capability.families)
        writer
          .uint16(family.afi)
          .uint8(family.safi)
          .uint8((family.receive ? 1 : 0) | (family.send ? 2 : 0));
      return CAPABILITY_ADD_PATH;
    case 'enhanced-route-refresh':
      return CAPABILITY_ENHANCED_ROUTE_REFRESH;
    case 'long-lived-graceful-restart':
      for (const family of capability.families) {
        const staleTime = Math.min(family.staleTimeSeconds, 0xffffff);
        writer
          .uint16(family.afi)
          .uint8(family.safi)
          .uint8(family.forwardingPreserved ? 0x80 : 0)
          .uint8(staleTime >>> 16)
          .uint16(staleTime & 0xffff);
      }
      return CAPABILITY_LONG_LIVED_GRACEFUL_RESTART;
    case 'fqdn': {
      const host = encodeUtf8Truncated(capability.hostName, 64);
      const domain = encodeUtf8Truncated(capability.domainName, 64);
      writer.uint8(host.length).bytes(host).uint8(domain.length).bytes(domain);
      return CAPABILITY_FQDN;
    }
    case 'software-version': {
      const version = encodeUtf8Truncated(capability.version, 64);
      writer.uint8(version.length).bytes(version);
      return CAPABILITY_SOFTWARE_VERSION;
    }
    case 'unknown':
      writer.bytes(fromHex(capability.octets) ?? new Uint8Array(0));
      return capability.code;
  }
}
