/**
 * A speaker without sockets and time: the RIB with all peers of a configuration, every session established as it would be
 * with a peer that can do the same. One route at a time is received, decided and exported by the daemon's own code.
 */

import { FAMILY_AFI, FAMILY_IPV4, FAMILY_NAMES, type FamilyIndex, SAFI_UNICAST } from '../../bgp/family.ts';
import * as iana from '../../bgp/iana.ts';
import { formatAddress, type IpAddress, type Prefix, parseAddress, parsePrefix } from '../../bgp/ip.ts';
import type { NegotiatedSession } from '../../bgp/negotiated.ts';
import type { SessionConfig } from '../../bgp/session-config.ts';
import { updateContextOf } from '../../bgp/wire/update-context.ts';
import { type AttributeContent, encodeUpdate } from '../../bgp/wire/update-encode.ts';
import { UpdateReader } from '../../bgp/wire/update-reader.ts';
import type { DesiredState } from '../../confd/desired-state.ts';
import { explainExport } from '../../rib/export-explain.ts';
import { ExportContext } from '../../rib/export-rules.ts';
import { exportSettingsOf } from '../../rib/export-settings.ts';
import { FibDesired } from '../../rib/fib.ts';
import { importPolicyCompiler } from '../../rib/import-policy.ts';
import { PEER_DIRECT, PEER_KERNEL, PEER_STATIC, type PeerIndex } from '../../rib/peer-table.ts';
import { COMMUNITY_EXTENDED, COMMUNITY_LARGE, COMMUNITY_STANDARD, parseCommunity } from '../../rib/policy/community.ts';
import { compilePolicy } from '../../rib/policy/compile.ts';
import type { CompiledPolicy, PolicyUse } from '../../rib/policy/compiled.ts';
import type { PolicyExplanation } from '../../rib/policy/explain.ts';
import type { Policy } from '../../rib/policy/policy.ts';
import { INSTALLED, NOT_ADVERTISED_REASON_NAMES, NOT_INSTALLED_REASON_NAMES } from '../../rib/reason.ts';
import { Rib } from '../../rib/rib.ts';
import { describePrefix, findPrefix } from '../../rib/rib-view.ts';
import type { AttributesView } from '../api/schema.ts';
import { attributesView } from '../speaker/attributes-view.ts';
import {
  encodeLocalPath,
  ROUTE_BLACKHOLE,
  ROUTE_UNICAST,
  SOURCE_DIRECT,
  SOURCE_KERNEL,
  SOURCE_STATIC,
} from '../speaker/local-paths.ts';
import type { TestRoute } from './schema.ts';

/** What became of a route in one place. */
export interface Outcome {
  readonly verdict: 'accept' | 'reject';
  /** Why it was rejected; empty when it was not. */
  readonly reason: string;
  /** `STATEMENT of POLICY`, or empty when no policy was asked. */
  readonly by: string;
  readonly statement: string;
  /** null when it was rejected, and in the kernel. */
  readonly attributes: AttributesView | null;
}

export interface RouteOutcome {
  /** null: not from a peer. */
  readonly import: Outcome | null;
  /** By peer, of those that were asked about. */
  readonly export: ReadonlyMap<string, Outcome>;
  readonly kernel: Outcome;
  /** What `self` means towards a peer. */
  selfTowards(peer: string): string;
}

const LOCAL_SOURCES = {
  static: [PEER_STATIC, SOURCE_STATIC],
  kernel: [PEER_KERNEL, SOURCE_KERNEL],
  direct: [PEER_DIRECT, SOURCE_DIRECT],
} as const;

/** Stand for our own addresses where the configuration does not say them (RFC 5737, RFC 3849). */
const OWN_ADDRESSES = ['192.0.2.254', '2001:db8::fffe'] as const;
const TEST_INTERFACE = 1;
const OPPOSITE_ROLES = {
  provider: 'customer',
  customer: 'provider',
  'rs-server': 'rs-client',
  'rs-client': 'rs-server',
  peer: 'peer',
} as const;

interface StagePeer {
  readonly index: PeerIndex;
  readonly config: SessionConfig;
  readonly session: NegotiatedSession;
  readonly ends: { readonly localAddress: IpAddress; readonly peerAddress: IpAddress; readonly interfaceIndex: number };
}

export class PolicyStage {
  readonly #rib: Rib;
  readonly #peers = new Map<string, StagePeer>();
  readonly #fib: FibDesired;
  #interface = '';

  constructor(desired: DesiredState) {
    const interfaceName = (): string => this.#interface;
    const onProblem = (message: string): never => {
      throw new Error(message);
    };
    this.#rib = new Rib({
      bgpIdentifier: identifierOf(desired.routerId),
      policyCompiler: (rib) => importPolicyCompiler(rib, { honoursGracefulShutdown: true, interfaceName, onProblem }),
    });
    this.#fib = new FibDesired(this.#rib, { interfaceIndex: () => TEST_INTERFACE, interfaceName });
    const { policy, defaultMetric, maxPaths } = desired.kernel;
    const policies = FAMILY_NAMES.map((family) => compiled(policy[family], 'kernel')) as [
      CompiledPolicy,
      CompiledPolicy,
    ];
    this.#fib.configure({ policies, defaultMetric, maxPaths });
    for (const peer of desired.peers) this.#addPeer(peer);
  }

  peerNames(): readonly string[] {
    return [...this.#peers.keys()];
  }

  #addPeer({ session: config, policy }: DesiredState['peers'][number]): void {
    const peerAddress = parseAddress(config.peerAddress);
    const given = config.localAddress ?? (peerAddress?.family === FAMILY_IPV4 ? OWN_ADDRESSES[0] : OWN_ADDRESSES[1]);
    const localAddress = parseAddress(given);
    if (peerAddress === null || localAddress === null) throw new Error(`${config.name}: not an address`);
    const { name, localAs, peerAs } = config;
    const index = this.#rib.addPeer({ name, localAs, peerAs, policy, enforceFirstAs: false });
    const peer = {
      index,
      config,
      session: negotiated(config),
      ends: { localAddress, peerAddress, interfaceIndex: TEST_INTERFACE },
    };
    this.#rib.sessionUp(index, peer.session, peer.ends);
    this.#peers.set(name, peer);
  }

  /** @throws Error with a reason when the route cannot be made */
  try(route: TestRoute): RouteOutcome {
    const prefix = parsePrefix(route.prefix);
    if (prefix === null) throw new Error(`"${route.prefix}" is not a prefix`);
    this.#interface = route.interface ?? '';
    const withdraw = Object.hasOwn(LOCAL_SOURCES, route.from)
      ? this.#originate(route, prefix)
      : this.#receive(route, prefix);
    try {
      this.#settle();
      return this.#outcome(route, prefix);
    } finally {
      withdraw();
      this.#settle();
    }
  }

  #settle(): void {
    while (this.#rib.runSlice(() => false));
  }

  #originate(route: TestRoute, { family, a, b, c, d, length }: Prefix): () => void {
    const [peer, source] = LOCAL_SOURCES[route.from as keyof typeof LOCAL_SOURCES];
    const gateway = route.nextHop === undefined ? null : parseAddress(route.nextHop);
    const { metric = 0, communities } = route;
    const interfaceIndex = route.interface === undefined ? 0 : TEST_INTERFACE;
    const routeType = gateway === null && source === SOURCE_STATIC ? ROUTE_BLACKHOLE : ROUTE_UNICAST;
    this.#rib.setLocalPath(
      peer,
      family,
      a,
      b,
      c,
      d,
      length,
      encodeLocalPath({ source, routeType, metric, interfaceIndex, gateway, communities }),
    );
    return () => void this.#rib.removeLocalPath(peer, family, a, b, c, d, length);
  }

  #receive(route: TestRoute, prefix: Prefix): () => void {
    const peer = this.#peers.get(route.from);
    if (peer === undefined) throw new Error(unknownPeer(route.from, this.peerNames()));
    if (!peer.session.families[prefix.family])
      throw new Error(`${FAMILY_NAMES[prefix.family]} is not configured for ${route.from}`);
    const octets = encodeUpdate(updateOf(route, prefix.family, peer));
    const reader = new UpdateReader(updateContextOf(peer.session));
    const treatment = reader.read(octets, 0, octets.length);
    this.#rib.receiveUpdate(peer.index, reader, treatment);
    return () => {
      this.#rib.sessionDown(peer.index, [false, false]);
      this.#settle();
      this.#rib.sessionUp(peer.index, peer.session, peer.ends);
    };
  }

  #outcome(route: TestRoute, prefix: Prefix): RouteOutcome {
    const { family } = prefix;
    const handle = findPrefix(this.#rib, prefix);
    if (handle === 0) throw new Error('the route was not taken in: it is treated as withdrawn (RFC 7606)');
    const [path] = describePrefix(this.#rib, family, handle).paths;
    const isLocal = Object.hasOwn(LOCAL_SOURCES, route.from);
    const exported = new Map<string, Outcome>();
    for (const name of Object.keys(route.export ?? {})) exported.set(name, this.#export(name, family, path.row));
    const explained = isLocal ? null : this.#explainImport(route.from, prefix, path.row);
    return {
      import: isLocal
        ? null
        : {
            verdict: path.isEligible ? 'accept' : 'reject',
            reason: path.ineligible ?? '',
            ...decidedBy(explained),
            attributes: path.effective === null ? null : attributesView(path.effective.octets),
          },
      export: exported,
      kernel: this.#kernel(family, handle),
      selfTowards: (name) => {
        const peer = this.#peers.get(name);
        if (peer === undefined) return '';
        const own = peer.ends.localAddress;
        return own.family === family ? formatAddress(own) : OWN_ADDRESSES[family];
      },
    };
  }

  #explainImport(name: string, { family, a, b, c, d, length }: Prefix, row: number): PolicyExplanation | null {
    const { index } = this.#peers.get(name)!;
    const set = this.#rib.paths[family].rowSet[row];
    return this.#rib.peers.get(index)?.importPolicy[family].explain(a, b, c, d, length, set) ?? null;
  }

  #export(name: string, family: FamilyIndex, row: number): Outcome {
    const peer = this.#peers.get(name);
    if (peer === undefined) throw new Error(unknownPeer(name, this.peerNames()));
    const state = this.#rib.peers.get(peer.index);
    const own = OWN_ADDRESSES.map((text) => parseAddress(text)!);
    const rejected = { verdict: 'reject', by: '', statement: '', attributes: null } as const;
    if (state === null || !peer.session.families[family])
      return { ...rejected, reason: `${FAMILY_NAMES[family]} is not configured for ${name}` };
    const policy = compiled(state.policy.exportPolicy[FAMILY_NAMES[family]], 'export');
    const settings = exportSettingsOf(state, family, policy, { otherAddresses: own, localLinkLocal: null }, 'none');
    if (settings === null) return { ...rejected, reason: 'no session' };
    const context = new ExportContext(this.#rib, settings, () => this.#interface);
    const set = context.explainPath(row);
    const reason = NOT_ADVERTISED_REASON_NAMES[context.reason];
    const attributes = set === 0 ? null : attributesView(this.#rib.sets.octetsOf(set).slice());
    if (set !== 0) {
      this.#rib.sets.retain(set);
      this.#rib.sets.release(set);
    }
    const { policy: explained } = explainExport(this.#rib, context, row, context.reason);
    return {
      verdict: set === 0 ? 'reject' : 'accept',
      reason: set === 0 ? reason : '',
      ...decidedBy(explained),
      attributes,
    };
  }

  #kernel(family: FamilyIndex, handle: number): Outcome {
    const reason = this.#fib.explain(family, handle);
    const explained = this.#fib.explainPolicy(family, handle);
    const isWanted = reason === INSTALLED;
    return {
      verdict: isWanted ? 'accept' : 'reject',
      reason: isWanted ? '' : NOT_INSTALLED_REASON_NAMES[reason],
      ...decidedBy(explained),
      attributes: null,
    };
  }
}

function decidedBy(explained: PolicyExplanation | null): { by: string; statement: string } {
  if (explained === null) return { by: '', statement: '' };
  return { by: `${explained.decidedBy} of ${explained.policy}`, statement: explained.decidedBy };
}

export function unknownPeer(name: string, known: readonly string[]): string {
  const shown = known.length > 8 ? [...known.slice(0, 8), '...'] : known;
  return `there is no peer "${name}"; there are ${shown.join(', ') || 'none'}, and static, kernel, direct as sources`;
}

function compiled(policy: Policy, use: PolicyUse): CompiledPolicy {
  const result = compilePolicy(policy, use);
  if (!result.ok) throw new Error(`policy ${policy.name} cannot be compiled`);
  return result.policy;
}

function identifierOf(routerId: string): number {
  return parseAddress(routerId)?.a ?? 1;
}

/** The session as it is with a peer that can do what we can. */
function negotiated(config: SessionConfig): NegotiatedSession {
  const { localAs, peerAs, families, extendedNextHop, role } = config;
  const isInternal = localAs === peerAs;
  return {
    localAs,
    peerAs,
    localBgpIdentifier: identifierOf(config.bgpIdentifier),
    peerBgpIdentifier: 0x01010101,
    isInternal,
    asn4: true,
    extendedMessage: false,
    maxMessageLengthOctets: 4096,
    families: [families.includes('ipv4-unicast'), families.includes('ipv6-unicast')],
    addPathReceive: [false, false],
    addPathSend: [false, false],
    extendedNextHop,
    routeRefresh: true,
    enhancedRouteRefresh: false,
    holdTimeSeconds: 90,
    keepaliveTimeSeconds: 30,
    sendHoldTimeSeconds: 480,
    gracefulRestart: null,
    longLivedGracefulRestart: null,
    role: isInternal || role === null ? null : { local: role.local, peer: OPPOSITE_ROLES[role.local] },
  };
}

/** The UPDATE that such a peer would send. */
function updateOf(
  route: TestRoute,
  family: FamilyIndex,
  { config, session }: StagePeer,
): Parameters<typeof encodeUpdate>[0] {
  const { prefix, origin, med, communities } = route;
  const asns = route.asPath ?? (session.isInternal ? [] : [config.peerAs]);
  const peerAddress = parseAddress(config.peerAddress);
  const nextHop = route.nextHop ?? (peerAddress?.family === family ? config.peerAddress : null);
  if (nextHop === null) throw new Error(`wanted nextHop: ${config.name} has no address of ${FAMILY_NAMES[family]}`);
  const localPref = route.localPref ?? (session.isInternal ? 100 : undefined);
  const nlri = [{ prefix }];
  const isClassic = family === FAMILY_IPV4 && parseAddress(nextHop)?.family === FAMILY_IPV4;
  const of = (type: number): string[] => communities.filter((text) => parseCommunity(text)?.type === type);
  const lists: [number, string[]][] = [
    [iana.ATTRIBUTE_COMMUNITIES, of(COMMUNITY_STANDARD)],
    [iana.ATTRIBUTE_EXTENDED_COMMUNITIES, of(COMMUNITY_EXTENDED)],
    [iana.ATTRIBUTE_LARGE_COMMUNITIES, of(COMMUNITY_LARGE)],
  ];
  const reach = { afi: FAMILY_AFI[family], safi: SAFI_UNICAST, nextHops: [nextHop], nlri };
  const attributes: AttributeContent[] = [
    { code: iana.ATTRIBUTE_ORIGIN, value: origin },
    { code: iana.ATTRIBUTE_AS_PATH, value: asns.length === 0 ? [] : [{ type: 'sequence', asns }] },
    ...(isClassic ? [{ code: iana.ATTRIBUTE_NEXT_HOP, value: nextHop }] : []),
    ...(med === undefined ? [] : [{ code: iana.ATTRIBUTE_MULTI_EXIT_DISC, value: med }]),
    ...(localPref === undefined ? [] : [{ code: iana.ATTRIBUTE_LOCAL_PREF, value: localPref }]),
    ...lists.filter(([, values]) => values.length > 0).map(([code, value]) => ({ code, value })),
    ...(isClassic ? [] : [{ code: iana.ATTRIBUTE_MP_REACH_NLRI, value: reach }]),
  ];
  return { attributes, nlri: isClassic ? nlri : [] };
}
