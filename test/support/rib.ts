/**
 * A RIB to play with: canonical attribute blocks from values, UPDATEs from prefixes in text, peers with defaults.
 */

import type { FamilyIndex } from '../../bgp/family.ts';
import { addressOctets, type Prefix, parseAddress, parseIpv4, parsePrefix } from '../../bgp/ip.ts';
import type { NegotiatedSession } from '../../bgp/negotiated.ts';
import type { BgpRole } from '../../bgp/session-config.ts';
import type { PeerPolicyConfig } from '../../rib/peer-policy.ts';
import type { PeerIndex } from '../../rib/peer-table.ts';
import { ACCEPT_ALL } from '../../rib/policy/policy.ts';
import { type ReceiveOutcome, Rib, type RibOptions } from '../../rib/rib.ts';
import type { UpdateSource } from '../../rib/update-source.ts';

export interface Attributes {
  readonly origin?: number;
  /** Numbers are one AS_SEQUENCE; an inner array is an AS_SET. */
  readonly asPath?: ReadonlyArray<number | readonly number[]>;
  readonly nextHop?: string;
  readonly med?: number;
  readonly localPref?: number;
  readonly communities?: readonly number[];
  readonly originatorId?: string;
  readonly clusterList?: readonly string[];
  readonly onlyToCustomer?: number;
  readonly largeCommunities?: ReadonlyArray<readonly [number, number, number]>;
}

export function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function attribute(flags: number, code: number, value: readonly number[]): number[] {
  return value.length > 255
    ? [flags | 0x10, code, value.length >>> 8, value.length & 255, ...value]
    : [flags, code, value.length, ...value];
}

function asPath(path: ReadonlyArray<number | readonly number[]>): number[] {
  const octets: number[] = [];
  let sequence: number[] = [];
  const flush = (): void => {
    if (sequence.length > 0) octets.push(2, sequence.length, ...sequence.flatMap(uint32));
    sequence = [];
  };
  for (const entry of path) {
    if (typeof entry === 'number') {
      sequence.push(entry);
      if (sequence.length === 255) flush();
      continue;
    }
    flush();
    octets.push(1, entry.length, ...entry.flatMap(uint32));
  }
  flush();
  return octets;
}

/** A canonical block: ascending codes, 4-octet AS numbers, attribute 14 without NLRI for IPv6 next hops. */
export function block(given: Attributes): Uint8Array {
  const nextHop = parseAddress(given.nextHop ?? '192.0.2.1');
  if (nextHop === null) throw new Error(`bad next hop ${given.nextHop}`);
  const octets = [...attribute(0x40, 1, [given.origin ?? 0]), ...attribute(0x40, 2, asPath(given.asPath ?? [65001]))];
  if (nextHop.family === 0) octets.push(...attribute(0x40, 3, uint32(nextHop.a)));
  if (given.med !== undefined) octets.push(...attribute(0x80, 4, uint32(given.med)));
  if (given.localPref !== undefined) octets.push(...attribute(0x40, 5, uint32(given.localPref)));
  if (given.communities !== undefined) octets.push(...attribute(0xc0, 8, given.communities.flatMap(uint32)));
  if (given.originatorId !== undefined) octets.push(...attribute(0x80, 9, uint32(parseIpv4(given.originatorId))));
  if (given.clusterList !== undefined) {
    octets.push(
      ...attribute(
        0x80,
        10,
        given.clusterList.flatMap((id) => uint32(parseIpv4(id))),
      ),
    );
  }
  if (nextHop.family === 1) octets.push(...attribute(0x80, 14, [0, 2, 1, 16, ...addressOctets(nextHop), 0]));
  if (given.largeCommunities !== undefined) {
    octets.push(
      ...attribute(
        0xc0,
        32,
        given.largeCommunities.flatMap((parts) => parts.flatMap(uint32)),
      ),
    );
  }
  if (given.onlyToCustomer !== undefined) octets.push(...attribute(0xc0, 35, uint32(given.onlyToCustomer)));
  return Uint8Array.from(octets);
}

/** A locally made route's block: attribute code 0. */
export function localBlock(source: 1 | 2 | 3, metric = 0, nextHop: string | null = null): Uint8Array {
  const octets = [0, 0, 12, source, 1, 0, 0, ...uint32(metric), ...uint32(0), 0x40, 1, 1, 0, 0x40, 2, 0];
  if (nextHop !== null) octets.push(0x40, 3, 4, ...uint32(parseIpv4(nextHop)));
  return Uint8Array.from(octets);
}

export function prefixValue(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === null) throw new Error(`bad prefix ${text}`);
  return prefix;
}

function nlri(prefixes: readonly string[], pathId: number | null): number[] {
  return prefixes.flatMap((text) => {
    const prefix = prefixValue(text);
    const octets = [...addressOctets(prefix)].slice(0, (prefix.length + 7) >>> 3);
    return [...(pathId === null ? [] : uint32(pathId)), prefix.length, ...octets];
  });
}

export interface UpdateText {
  readonly family?: FamilyIndex;
  readonly withdrawn?: readonly string[];
  readonly announced?: readonly string[];
  readonly attributes?: Attributes;
  /** null: no ADD-PATH. */
  readonly pathId?: number | null;
  readonly endOfRib?: FamilyIndex;
  /** What canonicalise() answers. */
  readonly treatment?: number;
  readonly isVerbatim?: boolean;
}

/** An UPDATE as the reader presents it: IPv4 in the classic fields, IPv6 in MP_REACH and MP_UNREACH. */
export class FakeUpdate implements UpdateSource {
  readonly octets: Uint8Array;
  readonly withdrawnStart: number;
  readonly withdrawnEnd: number;
  readonly nlriStart: number;
  readonly nlriEnd: number;
  readonly mpReachFamily: FamilyIndex | -1;
  readonly mpReachStart: number;
  readonly mpReachEnd: number;
  readonly mpUnreachFamily: FamilyIndex | -1;
  readonly mpUnreachStart: number;
  readonly mpUnreachEnd: number;
  readonly endOfRib: FamilyIndex | -1;
  readonly blockOctets: Uint8Array;
  readonly blockStart = 0;
  readonly blockEnd: number;
  readonly blockIsVerbatimCanonical: boolean;
  canonicalised = 0;
  readonly #treatment: number;

  constructor(text: UpdateText) {
    const isMp = text.family === 1;
    const pathId = text.pathId ?? null;
    const withdrawn = nlri(text.withdrawn ?? [], pathId);
    const announced = nlri(text.announced ?? [], pathId);
    this.octets = Uint8Array.from([...withdrawn, ...announced]);
    const split = withdrawn.length;
    const end = this.octets.length;
    this.withdrawnStart = 0;
    this.withdrawnEnd = isMp ? 0 : split;
    this.nlriStart = isMp ? 0 : split;
    this.nlriEnd = isMp ? 0 : end;
    this.mpReachFamily = isMp && announced.length > 0 ? 1 : -1;
    this.mpReachStart = isMp ? split : 0;
    this.mpReachEnd = isMp ? end : 0;
    this.mpUnreachFamily = isMp && withdrawn.length > 0 ? 1 : -1;
    this.mpUnreachStart = 0;
    this.mpUnreachEnd = isMp ? split : 0;
    this.endOfRib = text.endOfRib ?? -1;
    this.blockOctets = block(text.attributes ?? {});
    this.blockEnd = this.blockOctets.length;
    this.blockIsVerbatimCanonical = text.isVerbatim ?? true;
    this.#treatment = text.treatment ?? 0;
  }

  selectBlock(): void {}

  canonicalise(): number {
    this.canonicalised++;
    return this.#treatment;
  }
}

export const PEER_POLICY: PeerPolicyConfig = {
  importPolicy: { 'ipv4-unicast': ACCEPT_ALL, 'ipv6-unicast': ACCEPT_ALL },
  exportPolicy: { 'ipv4-unicast': ACCEPT_ALL, 'ipv6-unicast': ACCEPT_ALL },
  nextHopMode: 'auto',
  isRouteReflectorClient: false,
  clusterId: null,
  allowOwnAs: 0,
  maxPrefixes: null,
  usesOwnCluster: false,
  tellsLinkLocal: true,
  removePrivateAs: false,
};

export const LOCAL_AS = 65000;

export interface PeerText {
  readonly name: string;
  /** LOCAL_AS makes it internal. */
  readonly as?: number;
  readonly address?: string;
  readonly bgpIdentifier?: string;
  readonly addPath?: boolean;
  readonly asn4?: boolean;
  readonly role?: BgpRole;
  readonly enforceFirstAs?: boolean;
  readonly policy?: Partial<PeerPolicyConfig>;
  /** In the OPEN: families whose forwarding state the peer kept. */
  readonly forwardingPreserved?: readonly FamilyIndex[];
}

export function sessionOf(peer: PeerText): NegotiatedSession {
  const peerAs = peer.as ?? 65001;
  const hasAddPath = peer.addPath ?? false;
  return {
    localAs: LOCAL_AS,
    peerAs,
    localBgpIdentifier: parseIpv4('10.255.0.1'),
    peerBgpIdentifier: parseIpv4(peer.bgpIdentifier ?? '192.0.2.1'),
    isInternal: peerAs === LOCAL_AS,
    asn4: peer.asn4 ?? true,
    extendedMessage: false,
    maxMessageLengthOctets: 4096,
    families: [true, true],
    addPathReceive: [hasAddPath, hasAddPath],
    addPathSend: [false, false],
    extendedNextHop: false,
    routeRefresh: true,
    enhancedRouteRefresh: true,
    holdTimeSeconds: 90,
    keepaliveTimeSeconds: 30,
    sendHoldTimeSeconds: 480,
    gracefulRestart: {
      restarted: true,
      notification: false,
      restartTimeSeconds: 120,
      families: (peer.forwardingPreserved ?? []).map((family) => ({ family, forwardingPreserved: true })),
    },
    longLivedGracefulRestart: null,
    role: peer.role === undefined ? null : { local: peer.role, peer: null },
  };
}

export class RibBench {
  readonly rib: Rib;
  readonly #texts = new Map<PeerIndex, PeerText>();

  constructor(options: Partial<RibOptions> = {}) {
    this.rib = new Rib({ bgpIdentifier: parseIpv4('10.255.0.1'), ...options });
  }

  peer(text: PeerText): PeerIndex {
    const peer = this.rib.addPeer({
      name: text.name,
      localAs: LOCAL_AS,
      peerAs: text.as ?? 65001,
      policy: { ...PEER_POLICY, ...text.policy },
      enforceFirstAs: text.enforceFirstAs ?? false,
    });
    this.#texts.set(peer, text);
    this.up(peer);
    return peer;
  }

  up(peer: PeerIndex, changes: Partial<PeerText> = {}): void {
    const text = { ...this.#texts.get(peer), ...changes, name: this.#texts.get(peer)?.name ?? '' };
    const address = parseAddress(text.address ?? '192.0.2.1');
    if (address === null) throw new Error('bad address');
    this.rib.sessionUp(peer, sessionOf(text), { localAddress: address, peerAddress: address, interfaceIndex: 0 });
  }

  update(peer: PeerIndex, text: UpdateText): ReceiveOutcome {
    const addPath = this.#texts.get(peer)?.addPath === true;
    return this.rib.receiveUpdate(peer, new FakeUpdate({ pathId: addPath ? 1 : null, ...text }));
  }

  announce(peer: PeerIndex, prefix: string, attributes: Attributes = {}, pathId: number | null = null): void {
    const family = prefixValue(prefix).family;
    this.update(peer, { family, announced: [prefix], attributes, ...(pathId === null ? {} : { pathId }) });
  }

  withdraw(peer: PeerIndex, prefix: string, pathId: number | null = null): void {
    const family = prefixValue(prefix).family;
    this.update(peer, { family, withdrawn: [prefix], ...(pathId === null ? {} : { pathId }) });
  }

  /** All slices. */
  settle(): void {
    while (this.rib.runSlice(() => false)) {}
  }

  handle(prefix: string): number {
    const { family, a, b, c, d, length } = prefixValue(prefix);
    return this.rib.prefixes[family].find(a, b, c, d, length);
  }

  /** Name of the peer whose path is best; null: no best path. */
  best(prefix: string): string | null {
    const { family } = prefixValue(prefix);
    const row = this.rib.best(family, this.handle(prefix));
    return row === 0 ? null : this.rib.peers.nameOf(this.rib.paths[family].rowPeer[row]);
  }
}
