/**
 * Sessions: sums for each sort of peer, whatever their number, and series of their own for some (peer-kind.ts). The views
 * of the peers are made once for a scrape.
 */

import { FAMILY_NAMES } from '../../bgp/family.ts';
import type { PeerView } from '../api/schema.ts';
import { CounterSums } from './counter-sums.ts';
import type { MetricFamily, Sample } from './family.ts';
import { type DetailedPeers, detailedPeers, PEER_KINDS, type PeerDetail, peerKind } from './peer-kind.ts';

const STATES = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'] as const;
const STAGES = ['received', 'accepted', 'best', 'advertised'] as const;
type Labels = Readonly<Record<string, string>>;

/** What a scrape looks at: made at its beginning. */
export interface PeerSnapshot {
  readonly peers: readonly PeerView[];
  readonly detailed: DetailedPeers;
}

export function peerSnapshot(peers: readonly PeerView[], detail: PeerDetail): PeerSnapshot {
  return { peers, detailed: detailedPeers(peers, detail) };
}

export function sessionMetrics(snapshot: () => PeerSnapshot): MetricFamily[] {
  return [...sums(snapshot), ...ofEach(snapshot)];
}

function sums(snapshot: () => PeerSnapshot): MetricFamily[] {
  const messages = new CounterSums();
  const established = new CounterSums();
  return [
    {
      name: 'peregrine_bgp_peers',
      help: 'Configured peers by sort and state of the session (RFC 4271, section 8.2.2).',
      type: 'gauge',
      samples: () =>
        PEER_KINDS.flatMap((kind) => {
          const ofKind = snapshot().peers.filter((peer) => peerKind(peer) === kind);
          return STATES.map((state) => ({
            labels: { kind, state },
            value: ofKind.filter((peer) => peer.state === state).length,
          }));
        }),
    },
    {
      name: 'peregrine_bgp_prefixes',
      help: 'Paths received, those of them that may be selected, prefixes for which they are best, prefixes advertised; summed over the peers of a sort.',
      type: 'gauge',
      samples: () =>
        PEER_KINDS.flatMap((kind) => {
          const ofKind = snapshot().peers.filter((peer) => peerKind(peer) === kind);
          return FAMILY_NAMES.flatMap((family) =>
            STAGES.map((stage) => ({
              labels: { kind, family, stage },
              value: ofKind.reduce((sum, peer) => sum + (peer.families[family]?.[stage] ?? 0), 0),
            })),
          );
        }),
    },
    {
      name: 'peregrine_bgp_messages_total',
      help: 'BGP messages by sort of peer.',
      type: 'counter',
      samples: () => {
        messages.update(
          snapshot().peers.flatMap((peer) => {
            const kind = peerKind(peer);
            return (['received', 'sent'] as const).map((direction) => ({
              key: `${peer.name} ${direction}`,
              sum: `${kind} ${direction}`,
              count: peer.messages[direction],
            }));
          }),
        );
        return PEER_KINDS.flatMap((kind) =>
          ['received', 'sent'].map((direction) => ({
            labels: { kind, direction },
            value: messages.of(`${kind} ${direction}`),
          })),
        );
      },
    },
    {
      name: 'peregrine_bgp_sessions_established_total',
      help: 'How often sessions came up, by sort of peer: a rate above 0 is a flap.',
      type: 'counter',
      samples: () => {
        established.update(
          snapshot().peers.map((peer) => ({ key: peer.name, sum: peerKind(peer), count: peer.sessionsEstablished })),
        );
        return PEER_KINDS.map((kind) => ({ labels: { kind }, value: established.of(kind) }));
      },
    },
    {
      name: 'peregrine_metrics_peers_omitted',
      help: 'Peers that would have series of their own if they were not so many.',
      type: 'gauge',
      samples: () => [{ labels: {}, value: snapshot().detailed.omitted }],
    },
  ];
}

function ofEach(snapshot: () => PeerSnapshot): MetricFamily[] {
  const family = (
    name: string,
    type: 'gauge' | 'counter',
    help: string,
    of: (peer: PeerView, labels: Labels) => readonly Sample[],
  ): MetricFamily => ({
    name: `peregrine_bgp_peer_${name}`,
    help,
    type,
    samples: () => snapshot().detailed.shown.flatMap((peer) => of(peer, { peer: peer.name })),
  });
  return [
    family('info', 'gauge', 'Always 1; who the peer is.', (peer, labels) => [
      {
        labels: {
          ...labels,
          address: peer.address,
          peer_as: String(peer.peerAs),
          kind: peerKind(peer),
          description: peer.description,
        },
        value: 1,
      },
    ]),
    family('up', 'gauge', '1 while the session is established.', (peer, labels) => [
      { labels, value: peer.state === 'Established' ? 1 : 0 },
    ]),
    family('state', 'gauge', '1 for the state that the session is in.', (peer, labels) =>
      STATES.map((state) => ({ labels: { ...labels, state }, value: peer.state === state ? 1 : 0 })),
    ),
    family('state_seconds', 'gauge', 'How long the session has been in its state.', (peer, labels) => [
      { labels, value: peer.stateSeconds },
    ]),
    family('prefixes', 'gauge', 'As peregrine_bgp_prefixes, for one peer.', (peer, labels) =>
      FAMILY_NAMES.flatMap((name) => {
        const counters = peer.families[name];
        if (counters === undefined) return [];
        return STAGES.map((stage) => ({ labels: { ...labels, family: name, stage }, value: counters[stage] }));
      }),
    ),
    family('messages_total', 'counter', 'BGP messages.', (peer, labels) => [
      { labels: { ...labels, direction: 'received' }, value: peer.messages.received },
      { labels: { ...labels, direction: 'sent' }, value: peer.messages.sent },
    ]),
    family('updates_received_total', 'counter', 'UPDATE messages received.', (peer, labels) => [
      { labels, value: peer.messages.updatesReceived },
    ]),
    family('bytes_total', 'counter', 'Octets of BGP messages.', (peer, labels) => [
      { labels: { ...labels, direction: 'received' }, value: peer.messages.octetsReceived },
      { labels: { ...labels, direction: 'sent' }, value: peer.messages.octetsSent },
    ]),
    family('sessions_established_total', 'counter', 'How often the session came up.', (peer, labels) => [
      { labels, value: peer.sessionsEstablished },
    ]),
    family(
      'last_error_info',
      'gauge',
      'Always 1; why the session, or an attempt at one, ended last. code and subcode: of the NOTIFICATION.',
      (peer, labels) => {
        const { lastError } = peer;
        if (lastError === null) return [];
        const code = lastError.code === null ? '' : String(lastError.code);
        const subcode = lastError.subcode === null ? '' : String(lastError.subcode);
        return [{ labels: { ...labels, kind: lastError.kind, code, subcode }, value: 1 }];
      },
    ),
    family('last_error_timestamp_seconds', 'gauge', 'When that was.', (peer, labels) => {
      if (peer.lastError === null) return [];
      return [{ labels, value: Math.floor(Date.parse(peer.lastError.at) / 1000) }];
    }),
  ];
}
