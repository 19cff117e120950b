/** Compares what derive makes of a case with what is expected, aspect by aspect. Differences are texts for people. */

import type { FamilyName } from '../../../bgp/family.ts';
import type { DesiredPeer, DesiredState } from '../../../confd/desired-state.ts';
import type { PolicyUse } from '../../../rib/policy/compiled.ts';
import type { Policy } from '../../../rib/policy/policy.ts';
import type { Expectation, ExpectedSession, Probe } from './calico-case.ts';
import { compareProbe, describeRoute, runProbe } from './probe.ts';

export const ASPECTS = ['node', 'sessions', 'originated', 'import policy', 'export policy', 'kernel policy'] as const;
export type Aspect = (typeof ASPECTS)[number];

type Differences = string[];

function compareValue(differences: Differences, what: string, actual: unknown, expected: unknown): void {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== e) differences.push(`${what}: ${a}, expected ${e}`);
}

function peersOf(state: DesiredState, family: FamilyName): DesiredPeer[] {
  return state.peers.filter((peer) => peer.session.families.includes(family));
}

function compareNode(state: DesiredState, family: FamilyName, expected: Expectation): Differences {
  const differences: Differences = [];
  compareValue(differences, 'routerId', state.routerId, expected.routerId);
  compareValue(differences, 'directInterfaces', state.kernel.directInterfaces, expected.directRoutesFromInterfaces);
  if (expected.bgpEnabled) compareValue(differences, 'localAs', state.localAs, expected.asn);
  const isV6 = family === 'ipv6-unicast';
  const listen = state.listen.find((one) => one.address.includes(':') === isV6);
  if (peersOf(state, family).length === 0) compareValue(differences, 'listen', listen ?? null, null);
  else {
    compareValue(differences, 'listen port', listen?.port, expected.listen?.port ?? 179);
    compareValue(differences, 'listen address', listen?.address, expected.listen?.address ?? (isV6 ? '::' : '0.0.0.0'));
  }
  return differences;
}

/** Our session in the words of the corpus. */
function inTheirWords(
  { session, policy }: DesiredPeer,
  family: FamilyName,
): Omit<ExpectedSession, 'importPolicy' | 'exportPolicy'> {
  const { ttl, gracefulRestart } = session;
  return {
    name: session.name,
    peerIp: session.peerAddress,
    port: session.peerPort,
    peerAs: session.peerAs,
    localAs: session.localAs,
    sourceAddress: session.localAddress,
    ttlSecurity: ttl.kind === 'gtsm',
    multihop: ttl.kind === 'gtsm' ? ttl.hops : true,
    rrClient: policy.isRouteReflectorClient,
    clusterId: policy.isRouteReflectorClient ? policy.clusterId : null,
    password: session.password,
    passive: session.passive,
    gracefulRestart: gracefulRestart.mode !== 'off',
    restartTime: gracefulRestart.restartTimeSeconds === 120 ? null : gracefulRestart.restartTimeSeconds,
    nextHopSelf: policy.nextHopMode === 'self',
    nextHopKeep: policy.nextHopMode === 'keep',
    allowLocalAs: policy.allowOwnAs,
    addPaths: session.addPath[family].send && session.addPath[family].receive,
    ibgp: session.localAs === session.peerAs,
  };
}

function compareSessions(state: DesiredState, family: FamilyName, expected: Expectation): Differences {
  const differences: Differences = [];
  const ours = new Map(peersOf(state, family).map((peer) => [peer.session.name, inTheirWords(peer, family)]));
  const names = expected.sessions.map((session) => session.name).sort();
  compareValue(differences, 'sessions', [...ours.keys()].sort(), names);
  for (const session of expected.sessions) {
    const our = ours.get(session.name);
    if (our === undefined) continue;
    for (const [field, value] of Object.entries(our)) {
      compareValue(differences, `${session.name} ${field}`, value, Reflect.get(session, field));
    }
  }
  return differences;
}

function compareOriginated(state: DesiredState, family: FamilyName, expected: Expectation): Differences {
  const differences: Differences = [];
  const ours = state.originated.filter((route) => route.prefix.includes(':') === (family === 'ipv6-unicast'));
  const blackholes = ours.filter((route) => route.kind === 'blackhole').map((route) => route.prefix);
  const via = ours.filter((route) => route.kind === 'via').map((route) => `${route.prefix} via ${route.gateway}`);
  const { blackholeBlocks, staticBlackholes, staticRoutesVia } = expected.originated;
  compareValue(differences, 'blackholes', blackholes.sort(), [...blackholeBlocks, ...staticBlackholes].sort());
  compareValue(
    differences,
    'via',
    via.sort(),
    staticRoutesVia.map((route) => `${route.prefix} via ${route.via}`).sort(),
  );
  return differences;
}

function compareProbes(
  what: string,
  policy: Policy,
  use: PolicyUse,
  isInternal: boolean,
  probes: readonly Probe[],
): Differences {
  return probes.flatMap((probe) =>
    compareProbe(probe, runProbe(policy, use, isInternal, probe.route), use).map(
      (difference) => `${what} ${describeRoute(probe.route)}: ${difference}`,
    ),
  );
}

function compareSessionPolicies(
  state: DesiredState,
  family: FamilyName,
  expected: Expectation,
  direction: 'import' | 'export',
): Differences {
  return expected.sessions.flatMap((session) => {
    const peer = state.peers.find((one) => one.session.name === session.name);
    if (peer === undefined) return [`${session.name} is not there`];
    const isImport = direction === 'import';
    const policy = isImport ? peer.policy.importPolicy[family] : peer.policy.exportPolicy[family];
    const { probes } = expected.policies[isImport ? session.importPolicy : session.exportPolicy];
    return compareProbes(`${session.name} ${direction}`, policy, direction, session.ibgp, probes);
  });
}

export function compareAspect(
  aspect: Aspect,
  state: DesiredState,
  family: FamilyName,
  expected: Expectation,
): Differences {
  switch (aspect) {
    case 'node':
      return compareNode(state, family, expected);
    case 'sessions':
      return compareSessions(state, family, expected);
    case 'originated':
      return compareOriginated(state, family, expected);
    case 'import policy':
      return compareSessionPolicies(state, family, expected, 'import');
    case 'export policy':
      return compareSessionPolicies(state, family, expected, 'export');
    case 'kernel policy':
      return compareProbes('kernel', state.kernel.policy[family], 'kernel', false, expected.kernelExport.probes);
  }
}
