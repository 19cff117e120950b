/** `peregrine derive` for people: what a node would do, as aligned tables. */

import type { DesiredPeer, DesiredState, OriginatedRoute } from '../../confd/desired-state.ts';
import { type Column, formatTable } from './table.ts';

const peerColumns = (localAs: number): readonly Column<DesiredPeer>[] => [
  { title: 'PEER', value: ({ session }) => session.name },
  { title: 'ADDRESS', value: ({ session }) => session.peerAddress },
  { title: 'PORT', align: 'right', value: ({ session }) => String(session.peerPort) },
  { title: 'AS', align: 'right', value: ({ session }) => String(session.peerAs) },
  { title: 'TYPE', value: ({ session }) => (session.localAs === session.peerAs ? 'ibgp' : 'ebgp') },
  { title: 'CONNECTS', value: ({ session }) => (session.passive ? 'peer' : session.enabled ? 'we' : 'nobody') },
  { title: 'SOURCE', value: ({ session }) => session.localAddress ?? '-' },
  {
    title: 'OPTIONS',
    value: ({ session, policy }) =>
      [
        session.localAs === localAs ? '' : `local-as ${session.localAs}`,
        policy.isRouteReflectorClient ? `rr-client ${policy.clusterId}` : '',
        policy.nextHopMode === 'auto' ? '' : `next-hop ${policy.nextHopMode}`,
        session.ttl.kind === 'gtsm' ? `gtsm ${session.ttl.hops}` : '',
        session.password === null ? '' : 'md5',
        policy.allowOwnAs === 0 ? '' : `allow-own-as ${policy.allowOwnAs}`,
        `gr ${session.gracefulRestart.restartTimeSeconds}s`,
      ]
        .filter((part) => part !== '')
        .join(', '),
  },
];

const ORIGINATED_COLUMNS: readonly Column<OriginatedRoute>[] = [
  { title: 'PREFIX', value: (route) => route.prefix },
  { title: 'AS', value: (route) => (route.kind === 'via' ? `via ${route.gateway}` : 'blackhole') },
  { title: 'BECAUSE OF', value: (route) => route.origin },
];

export function formatDesired(desired: DesiredState): string {
  const sections = [
    `node ${desired.nodeName ?? '-'}: router id ${desired.routerId}, AS ${desired.localAs}, revision ${desired.revision}`,
    `listens on ${desired.listen.map(({ address, port }) => `${address} port ${port}`).join(', ') || 'nothing'}`,
  ];
  if (desired.peers.length > 0) sections.push(`\nPeers\n${formatTable(peerColumns(desired.localAs), desired.peers)}`);
  else sections.push('\nNo peers.');
  if (desired.originated.length > 0)
    sections.push(`\nOriginated\n${formatTable(ORIGINATED_COLUMNS, desired.originated)}`);
  if (desired.conditions.length > 0) {
    const lines = desired.conditions.map(
      (one) => `  ${one.severity}: ${one.resource}${one.field === '' ? '' : ` ${one.field}`}: ${one.message}`,
    );
    sections.push(`\nRefused or doubtful\n${lines.join('\n')}`);
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
