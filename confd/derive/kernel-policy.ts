/**
 * Which best routes are written to the kernel, and how (sections 5.2 to 5.4 of Calico's semantics).
 *
 * Felix and the BGP side share the work: VXLAN and WireGuard are always Felix's; IPIP and pools without encapsulation
 * belong to whom `programClusterRoutes` says. Routes outside all pools are written.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { Match, Policy, Statement } from '../../rib/policy/policy.ts';
import type { IpPoolResource } from '../model/ip-pool.ts';
import { hostPrefix } from '../model/values.ts';
import type { DeriveContext } from './context.ts';
import { insideMatch } from './matches.ts';
import { bgpAddress } from './node-index.ts';
import { poolsOfFamily } from './pools.ts';
import { ofFamily, type ServicePolicyInputs } from './services.ts';

/** Felix's IPIP device. */
const IPIP_DEVICE = 'tunl0';

/** Whether routes of IPIP pools are ours to write. */
export function writesIpip(context: DeriveContext): boolean {
  const owner = context.programClusterRoutes;
  return owner === 'Enabled' || owner === 'EnabledIPIPOnly';
}

/** Whether routes of pools without encapsulation are ours to write. */
export function writesNoEncapsulation(context: DeriveContext): boolean {
  const owner = context.programClusterRoutes;
  return owner === 'Enabled' || owner === 'EnabledNoEncapOnly';
}

/** Rule 3: traffic between two WireGuard nodes goes through Felix's device. */
function wireguardStatements(context: DeriveContext, family: FamilyName): Statement[] {
  const { ownNode, nodes, traits } = context;
  const own = family === 'ipv4-unicast' ? ownNode.wireguardIpv4 : ownNode.wireguardIpv6;
  const peers = own === null || !traits.rejectsWireguardNextHops ? [] : nodes.wireguardPeers(family, ownNode.name);
  if (peers.length === 0) return [];
  return [
    {
      name: 'next hop is a WireGuard peer',
      matches: [
        { kind: 'source', sources: ['bgp'] },
        { kind: 'next-hop', prefixes: peers.map(hostPrefix) },
      ],
      actions: [],
      verdict: 'reject',
    },
  ];
}

function poolStatements(
  context: DeriveContext,
  pool: IpPoolResource,
  family: FamilyName,
  ownNetwork: string,
): Statement[] {
  const inside: Match = insideMatch([pool.cidr]);
  const name = `IPPool/${pool.name}`;
  const reject = (why: string): Statement[] => [
    { name: `${name} (${why})`, matches: [inside], actions: [], verdict: 'reject' },
  ];
  if (pool.vxlanMode !== 'Never') return reject("VXLAN is Felix's");
  // IPIP exists for IPv4 only; the mode of an IPv6 pool says nothing.
  if (pool.ipipMode === 'Never' || family === 'ipv6-unicast') {
    if (!writesNoEncapsulation(context)) return reject("programClusterRoutes: Felix's");
    return [{ name, matches: [inside], actions: [], verdict: 'accept' }];
  }
  if (!writesIpip(context)) return reject("IPIP is Felix's");
  const tunnel: Statement = {
    name: `${name} (IPIP)`,
    matches: [inside],
    actions: [{ kind: 'set-tunnel', interfaceName: IPIP_DEVICE }],
    verdict: 'accept',
  };
  if (pool.ipipMode === 'Always') return [tunnel];
  return [
    {
      name: `${name} (same subnet)`,
      matches: [inside, { kind: 'next-hop', prefixes: [ownNetwork] }],
      actions: [],
      verdict: 'accept',
    },
    tunnel,
  ];
}

export function deriveKernelPolicy(
  context: DeriveContext,
  pools: readonly IpPoolResource[],
  services: Pick<ServicePolicyInputs, 'kernelRejected'>,
  family: FamilyName,
): Policy {
  const ownNetwork = bgpAddress(context.ownNode, family)?.network ?? null;
  const rejected = ofFamily(services.kernelRejected, family);
  const statements: Statement[] = [];
  if (rejected.length > 0) {
    statements.push({ name: 'service address', matches: [insideMatch(rejected)], actions: [], verdict: 'reject' });
  }
  if (context.traits.mapsPriorities) {
    statements.push({
      name: 'LOCAL_PREF to metric',
      matches: [{ kind: 'source', sources: ['bgp'] }],
      actions: [{ kind: 'normalise-priority', normal: context.normalPriority(family) }],
      verdict: 'next',
    });
  }
  statements.push(...wireguardStatements(context, family));
  // Calico leaves the IPv4 pool rules out on a node without IPv4 address, which has no subnet to compare with.
  if (family === 'ipv6-unicast' || ownNetwork !== null) {
    for (const pool of poolsOfFamily(pools, family)) {
      statements.push(...poolStatements(context, pool, family, ownNetwork ?? ''));
    }
  }
  return { name: `kernel ${family}`, statements, otherwise: 'accept' };
}
