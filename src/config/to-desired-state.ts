/**
 * From a checked stand-alone file to the DesiredState: groups are folded into peers, names and defaults filled in,
 * references resolved. What cannot be resolved is reported with the path of the field that is wrong.
 *
 * Differences from a Calico node's defaults: eBGP is single-hop (TTL 1) unless told otherwise, sessions carry the
 * family of their transport address, hold time is 90 seconds.
 */

import { FAMILY_NAMES, type FamilyName } from '../../bgp/family.ts';
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '../../bgp/ip.ts';
import { BFD_DEFAULTS, type BfdConfig, type SessionConfig, sessionConfig } from '../../bgp/session-config.ts';
import type { DesiredPeer, DesiredState, KernelConfig, OriginatedRoute } from '../../confd/desired-state.ts';
import type { PeerPolicyConfig } from '../../rib/peer-policy.ts';
import { ACCEPT_ALL, type Policy, REJECT_ALL } from '../../rib/policy/policy.ts';
import { policyOf } from './policy-syntax.ts';
import type { PeerEntry, PeerOptions, StandAloneConfig } from './schema.ts';

export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

type PolicyReference = PeerOptions['import'];
type FamilyPolicies = { readonly [F in FamilyName]: Policy };

const HOLD_TIME_SECONDS = 90;

/** Fields of `entry` that are set, over those of the group. */
function merged(group: PeerOptions | undefined, entry: PeerEntry): PeerEntry {
  const result: Record<string, unknown> = { ...group };
  for (const [key, value] of Object.entries(entry)) if (value !== undefined) result[key] = value;
  return result as PeerEntry;
}

function canonical(text: string): string {
  const address = parseAddress(text);
  return address === null ? text : formatAddress(address);
}

class Builder {
  readonly problems: Problem[] = [];
  readonly #config: StandAloneConfig;
  readonly #policies: ReadonlyMap<string, Policy>;

  constructor(config: StandAloneConfig) {
    this.#config = config;
    const policies = new Map<string, Policy>([
      ['accept-all', ACCEPT_ALL],
      ['reject-all', REJECT_ALL],
    ]);
    for (const [name, entry] of Object.entries(config.policies)) {
      const { policy, problems } = policyOf(name, entry);
      for (const { statement, message } of problems) {
        this.problems.push({ path: ['policies', name, 'statements', statement, 'match'], message });
      }
      policies.set(name, policy);
    }
    this.#policies = policies;
  }

  policies(reference: PolicyReference, path: readonly PropertyKey[], absent: Policy): FamilyPolicies {
    const one = (name: string | undefined, at: readonly PropertyKey[]): Policy => {
      if (name === undefined) return absent;
      const policy = this.#policies.get(name);
      if (policy !== undefined) return policy;
      const known = [...this.#policies.keys()].join(', ');
      this.problems.push({ path: at, message: `there is no policy "${name}"; there are: ${known}` });
      return REJECT_ALL;
    };
    if (typeof reference === 'string') {
      const policy = one(reference, path);
      return { 'ipv4-unicast': policy, 'ipv6-unicast': policy };
    }
    return {
      'ipv4-unicast': one(reference?.['ipv4-unicast'], [...path, 'ipv4-unicast']),
      'ipv6-unicast': one(reference?.['ipv6-unicast'], [...path, 'ipv6-unicast']),
    };
  }

  peer(entry: PeerEntry, index: number): DesiredPeer | null {
    const path = ['peers', index] as const;
    const groups = this.#config.peerGroups;
    if (entry.group !== undefined && groups[entry.group] === undefined) {
      const known = Object.keys(groups).join(', ') || 'none';
      this.problems.push({
        path: [...path, 'group'],
        message: `there is no peer group "${entry.group}"; there are: ${known}`,
      });
      return null;
    }
    const options = merged(entry.group === undefined ? undefined : groups[entry.group], entry);
    if (options.as === undefined) {
      this.problems.push({ path, message: 'the peer needs "as" (here or in its group)' });
      return null;
    }
    const session = this.session(options, options.as, path);
    const isInternal = session.localAs === session.peerAs;
    const absent = isInternal || !this.#config.ebgpRequiresPolicy ? ACCEPT_ALL : REJECT_ALL;
    const where = (field: 'import' | 'export'): readonly PropertyKey[] =>
      entry[field] !== undefined || entry.group === undefined ? [...path, field] : ['peerGroups', entry.group, field];
    const policy: PeerPolicyConfig = {
      importPolicy: this.policies(options.import, where('import'), absent),
      exportPolicy: this.policies(options.export, where('export'), absent),
      nextHopMode: options.nextHop ?? 'auto',
      isRouteReflectorClient: options.routeReflectorClient ?? false,
      clusterId: this.#config.clusterId ?? null,
      allowOwnAs: options.allowOwnAs ?? 0,
      maxPrefixes: options.maxPrefixes ?? null,
      usesOwnCluster: false,
      tellsLinkLocal: true,
      removePrivateAs: options.removePrivateAs ?? false,
    };
    if (policy.isRouteReflectorClient && !isInternal) {
      this.problems.push({ path, message: 'routeReflectorClient needs an iBGP peer (as equal to our own)' });
    }
    return { session, policy };
  }

  session(options: PeerEntry, peerAs: number, path: readonly PropertyKey[]): SessionConfig {
    const transport = parseAddress(options.address);
    const localAs = options.localAs ?? this.#config.as;
    const isInternal = localAs === peerAs;
    const linkLocal = transport !== null && transport.family === 1 && transport.a >>> 22 === 0x3fa;
    if (linkLocal && options.interface === undefined) {
      this.problems.push({ path: [...path, 'address'], message: 'a link-local address needs "interface"' });
    }
    if (options.localAddress !== undefined && parseAddress(options.localAddress)?.family !== transport?.family) {
      this.problems.push({ path: [...path, 'localAddress'], message: 'wanted the same family as "address"' });
    }
    if (options.ttlSecurityHops !== undefined && options.multihopTtl !== undefined) {
      this.problems.push({ path: [...path, 'multihopTtl'], message: 'only one of ttlSecurityHops and multihopTtl' });
    }
    const families = options.families ?? [FAMILY_NAMES[transport?.family ?? 0]];
    const addPath = (name: FamilyName): { send: boolean; receive: boolean } =>
      families.includes(name) && options.addPath ? options.addPath : { send: false, receive: false };
    const given: Record<string, unknown> = {};
    for (const key of [
      'description',
      'port',
      'passive',
      'enabled',
      'keepaliveTimeSeconds',
      'sendHoldTimeSeconds',
      'connectRetryTimeSeconds',
      'connectDelaySeconds',
      'delayOpenTimeSeconds',
      'idleHold',
      'password',
      'fourOctetAs',
      'routeRefresh',
      'enhancedRouteRefresh',
      'extendedMessage',
      'extendedNextHop',
      'gracefulRestart',
    ] as const) {
      if (options[key] !== undefined) given[key === 'port' ? 'peerPort' : key] = options[key];
    }
    const address = canonical(options.address);
    return sessionConfig({
      ...(given as Partial<SessionConfig>),
      name: options.name ?? address,
      peerAddress: address,
      localAddress: options.localAddress === undefined ? null : canonical(options.localAddress),
      interfaceName: options.interface ?? null,
      localAs,
      peerAs,
      bgpIdentifier: this.#config.routerId,
      families: FAMILY_NAMES.filter((name) => families.includes(name)),
      holdTimeSeconds: options.holdTimeSeconds ?? HOLD_TIME_SECONDS,
      ttl:
        options.ttlSecurityHops !== undefined
          ? { kind: 'gtsm', hops: options.ttlSecurityHops }
          : { kind: 'multihop', ttl: options.multihopTtl ?? (isInternal ? 64 : 1) },
      addPath: { 'ipv4-unicast': addPath('ipv4-unicast'), 'ipv6-unicast': addPath('ipv6-unicast') },
      bfd: this.bfd(options, path),
      role: options.role === undefined ? null : { local: options.role, strict: options.strictRole ?? false },
    });
  }

  bfd({ bfd, multihopTtl }: PeerEntry, path: readonly PropertyKey[]): BfdConfig | null {
    if (bfd === undefined || bfd === null) return null;
    if (bfd.multihop === false && multihopTtl !== undefined && multihopTtl > 1) {
      const message = 'single-hop BFD cannot follow a BGP session over several hops (multihopTtl)';
      this.problems.push({ path: [...path, 'bfd', 'multihop'], message });
    }
    return {
      minTxMs: bfd.minTxMs ?? BFD_DEFAULTS.minTxMs,
      minRxMs: bfd.minRxMs ?? BFD_DEFAULTS.minRxMs,
      multiplier: bfd.multiplier ?? BFD_DEFAULTS.multiplier,
      multihop: bfd.multihop ?? BFD_DEFAULTS.multihop,
      strict: bfd.strict ?? BFD_DEFAULTS.strict,
    };
  }

  peers(): DesiredPeer[] {
    const peers: DesiredPeer[] = [];
    const names = new Set<string>();
    const addresses = new Set<string>();
    for (const [index, entry] of this.#config.peers.entries()) {
      const peer = this.peer(entry, index);
      if (peer === null) continue;
      const { name, peerAddress, interfaceName } = peer.session;
      const address = `${peerAddress}%${interfaceName ?? ''}`;
      if (names.has(name) || addresses.has(address)) {
        const message = names.has(name)
          ? `a second peer named "${name}"`
          : `a second peer with the address ${peerAddress}`;
        this.problems.push({
          path: ['peers', index, names.has(name) && entry.name !== undefined ? 'name' : 'address'],
          message,
        });
        continue;
      }
      names.add(name);
      addresses.add(address);
      peers.push(peer);
    }
    return peers.sort((x, y) => (x.session.name < y.session.name ? -1 : 1));
  }

  originated(): OriginatedRoute[] {
    const routes = new Map<string, OriginatedRoute>();
    for (const [index, entry] of this.#config.originate.entries()) {
      const prefix = parsePrefix(entry.prefix);
      if (prefix === null) continue;
      const text = formatPrefix(prefix);
      if (routes.has(text)) {
        this.problems.push({ path: ['originate', index, 'prefix'], message: `${text} is originated twice` });
        continue;
      }
      if (entry.via !== undefined && parseAddress(entry.via)?.family !== prefix.family) {
        this.problems.push({
          path: ['originate', index, 'via'],
          message: 'wanted a gateway of the same family as the prefix',
        });
      }
      routes.set(text, {
        prefix: text,
        kind: entry.via === undefined ? 'blackhole' : 'via',
        gateway: entry.via === undefined ? null : canonical(entry.via),
        communities: entry.communities,
        origin: `originate.${index}`,
        ...(entry.service ? { isService: true } : {}),
      });
    }
    return [...routes.values()].sort((x, y) => (x.prefix < y.prefix ? -1 : 1));
  }

  kernel(): KernelConfig {
    const { kernel } = this.#config;
    const resolve = kernel.resolveNextHops ?? 'kernel';
    if (kernel.enabled && resolve === 'always') {
      const message = 'a kernel route needs a resolved next hop: leave "always" out, or set kernel.enabled to false';
      this.problems.push({ path: ['kernel', 'resolveNextHops'], message });
    }
    return {
      backend: !kernel.enabled && resolve === 'always' ? 'none' : 'netlink',
      programRoutes: kernel.enabled,
      table: kernel.table,
      protocol: kernel.protocol,
      policy: this.policies(kernel.policy, ['kernel', 'policy'], ACCEPT_ALL),
      learnRoutes: kernel.learn,
      directInterfaces: kernel.importDirect,
      defaultMetric: kernel.metric,
      maxPaths: kernel.maxPaths,
      nextHopObjects: kernel.nextHopObjects,
    };
  }
}

/** The desired state of a checked file, with everything in it that does not fit together. */
export function toDesiredState(
  config: StandAloneConfig,
  revision: string,
): { desired: DesiredState; problems: readonly Problem[] } {
  const builder = new Builder(config);
  const desired: DesiredState = {
    revision,
    nodeName: null,
    routerId: config.routerId,
    localAs: config.as,
    listen: config.listen.map(({ address, port }) => ({ address: canonical(address), port })),
    peers: builder.peers(),
    originated: builder.originated(),
    kernel: builder.kernel(),
    decision: config.decision,
    logLevel: config.logLevel,
    ...(config.drain === false ? {} : { drain: config.drain === true ? 'the configuration says so' : config.drain }),
    conditions: [],
  };
  return { desired, problems: builder.problems };
}
