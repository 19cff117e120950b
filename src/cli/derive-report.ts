/** `peregrine derive` and `peregrine check` for people: what the speaker would do, as aligned tables. */

import { FAMILY_NAMES } from '../../bgp/family.ts';
import type { DesiredPeer, DesiredState, OriginatedRoute } from '../../confd/desired-state.ts';
import type { Policy } from '../../rib/policy/policy.ts';
import { printPolicy } from '../../rib/policy/print.ts';
import { type Column, formatTable } from './table.ts';

const BGP_PORT = 179;

function connects({ enabled, passive, peerPort }: DesiredPeer['session']): string {
  if (!enabled) return 'nobody';
  if (passive) return 'the peer';
  return peerPort === BGP_PORT ? 'we' : `we, to port ${peerPort}`;
}

/** What is not as for every other peer. */
function options({ session, policy }: DesiredPeer, localAs: number): string {
  const { restartTimeSeconds, mode } = session.gracefulRestart;
  const parts = [
    session.localAs === localAs ? '' : `local-as ${session.localAs}`,
    policy.isRouteReflectorClient ? `rr-client${policy.clusterId === null ? '' : ` ${policy.clusterId}`}` : '',
    policy.nextHopMode === 'auto' ? '' : `next-hop ${policy.nextHopMode}`,
    session.ttl.kind === 'gtsm' ? `gtsm ${session.ttl.hops}` : '',
    session.password === null ? '' : 'md5',
    policy.allowOwnAs === 0 ? '' : `allow-own-as ${policy.allowOwnAs}`,
    policy.maxPrefixes === null ? '' : `max-prefixes ${policy.maxPrefixes}`,
    session.role === null ? '' : `role ${session.role.local}`,
    mode === 'off' ? '' : `gr ${restartTimeSeconds}s`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

const peerColumns = (localAs: number): readonly Column<DesiredPeer>[] => [
  { title: 'PEER', value: ({ session }) => session.name },
  { title: 'ADDRESS', value: ({ session }) => session.peerAddress },
  { title: 'AS', align: 'right', value: ({ session }) => String(session.peerAs) },
  { title: 'TYPE', value: ({ session }) => (session.localAs === session.peerAs ? 'ibgp' : 'ebgp') },
  { title: 'FAMILIES', value: ({ session }) => session.families.map((name) => name.replace('-unicast', '')).join(' ') },
  { title: 'CONNECTS', value: ({ session }) => connects(session) },
  { title: 'SOURCE', value: ({ session }) => session.localAddress ?? '' },
  { title: 'OPTIONS', value: (peer) => options(peer, localAs) },
];

const ORIGINATED_COLUMNS: readonly Column<OriginatedRoute>[] = [
  { title: 'PREFIX', value: (route) => route.prefix },
  { title: 'TO', value: (route) => (route.kind === 'via' ? `via ${route.gateway}` : 'blackhole') },
  { title: 'COMMUNITIES', value: (route) => route.communities.join(' ') },
  { title: 'BECAUSE OF', value: (route) => route.origin },
];

function kernelLine({
  backend,
  programRoutes,
  learnRoutes,
  directInterfaces,
  table,
  protocol,
}: DesiredState['kernel']) {
  if (backend === 'none') return 'kernel: not used, every next hop counts as reachable';
  const parts = [
    programRoutes ? `writes best routes to table ${table} as protocol ${protocol}` : 'writes nothing',
    learnRoutes ? "imports other programs' routes" : '',
    directInterfaces.length === 0 ? '' : `imports connected prefixes of ${directInterfaces.join(' ')}`,
  ];
  return `kernel: ${parts.filter((part) => part !== '').join(', ')}`;
}

/** Every policy that is used, once, with who uses it. */
function policySections(desired: DesiredState): string[] {
  const users = new Map<Policy, Set<string>>();
  const note = (policy: Policy, user: string): void => {
    const known = users.get(policy);
    if (known === undefined) users.set(policy, new Set([user]));
    else known.add(user);
  };
  for (const family of FAMILY_NAMES) {
    for (const { session, policy } of desired.peers) {
      if (!session.families.includes(family)) continue;
      note(policy.importPolicy[family], `import from ${session.name}`);
      note(policy.exportPolicy[family], `export to ${session.name}`);
    }
    if (desired.kernel.programRoutes) note(desired.kernel.policy[family], `kernel ${family}`);
  }
  return [...users].map(([policy, by]) => `\n${printPolicy(policy).trimEnd()}\n  used for: ${[...by].join(', ')}`);
}

export interface ReportOptions {
  readonly policies: boolean;
}

export function formatDesired(desired: DesiredState, { policies }: ReportOptions): string {
  const { nodeName, routerId, localAs, revision, incomplete } = desired;
  const sections: string[] = [];
  if (incomplete === undefined) {
    const who = nodeName === null ? '' : `node ${nodeName}, `;
    sections.push(
      `${who}router id ${routerId}, AS ${localAs}, revision ${revision}`,
      `listens on ${desired.listen.map(({ address, port }) => `${address} port ${port}`).join(', ') || 'nothing'}`,
      kernelLine(desired.kernel),
    );
    const count = desired.peers.length;
    if (count === 0) sections.push('\nNo peers.');
    else sections.push(`\nPeers (${count})\n${formatTable(peerColumns(localAs), desired.peers)}`);
    const { originated } = desired;
    if (originated.length > 0) {
      sections.push(`\nOriginated (${originated.length})\n${formatTable(ORIGINATED_COLUMNS, originated)}`);
    }
    if (policies) sections.push(...policySections(desired));
  } else {
    sections.push(`node ${nodeName ?? '?'}: nothing can be derived, ${incomplete}`);
  }
  if (desired.conditions.length > 0) {
    const lines = desired.conditions.map(
      (one) => `  ${one.severity}: ${one.resource}${one.field === '' ? '' : ` ${one.field}`}: ${one.message}`,
    );
    sections.push(`\nRefused or doubtful (${lines.length})\n${lines.join('\n')}`);
  }
  return sections.join('\n');
}

/** The state without secrets, for output. */
export function withoutSecrets(desired: DesiredState): DesiredState {
  const peers = desired.peers.map((peer) =>
    peer.session.password === null ? peer : { ...peer, session: { ...peer.session, password: '(hidden)' } },
  );
  return { ...desired, peers };
}
