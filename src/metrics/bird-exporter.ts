/**
 * The names of czerwonk/bird_exporter, for dashboards and alerts that were written for a BIRD beside it. One series for
 * each session and family, as there: in a full mesh that is nodes squared, so it has to be asked for. What we do not
 * count (routes ignored, refused on export) has no series instead of a made-up 0.
 */

import { FAMILY_NAMES, type FamilyIndex } from '../../bgp/family.ts';
import { INELIGIBLE_POLICY } from '../../rib/reason.ts';
import type { BfdSessionView, PeerView } from '../api/schema.ts';
import { BFD_PROTOCOL } from '../bird-socket/bfd.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { type MetricFamily, type Sample, single } from './family.ts';

const FAMILIES: readonly FamilyIndex[] = [0, 1];
const IP_VERSIONS = ['4', '6'] as const;

interface Channel {
  readonly peer: PeerView;
  readonly family: FamilyIndex;
  readonly labels: Readonly<Record<string, string>>;
}

export function birdExporterMetrics(speaker: Speaker, peers: () => readonly PeerView[]): MetricFamily[] {
  const channels = (): Channel[] =>
    peers().flatMap((peer) =>
      FAMILIES.filter((family) => peer.families[FAMILY_NAMES[family]] !== undefined).map((family) => ({
        peer,
        family,
        labels: {
          name: peer.name,
          proto: 'BGP',
          ip_version: IP_VERSIONS[family],
          import_filter: '',
          export_filter: '',
        },
      })),
    );
  const each = (name: string, help: string, value: (channel: Channel) => number): MetricFamily => ({
    name: `bird_protocol_${name}`,
    help,
    type: 'gauge',
    samples: () => channels().map((channel): Sample => ({ labels: channel.labels, value: value(channel) })),
  });
  const counters = ({ peer, family }: Channel) => {
    const index = speaker.drivers.get(peer.name)?.ribIndex ?? 0;
    return index === 0 || speaker.core === null ? null : speaker.core.rib.counters(index, family);
  };
  const shown = (stage: 'accepted' | 'advertised' | 'best') => (channel: Channel) =>
    channel.peer.families[FAMILY_NAMES[channel.family]]?.[stage] ?? 0;
  return [
    {
      name: 'bird_protocol_up',
      help: 'Protocol is up',
      type: 'gauge',
      samples: () =>
        channels().map(({ peer, labels }) => ({
          labels: { ...labels, state: peer.state },
          value: peer.state === 'Established' ? 1 : 0,
        })),
    },
    each('prefix_import_count', 'Number of imported routes', shown('accepted')),
    each('prefix_export_count', 'Number of exported routes', shown('advertised')),
    each('prefix_preferred_count', 'Number of preferred routes', shown('best')),
    each('prefix_filter_count', 'Number of filtered routes', (channel) => {
      return counters(channel)?.byReason[INELIGIBLE_POLICY] ?? 0;
    }),
    each('uptime', 'Uptime of the protocol in seconds', ({ peer }) => {
      return peer.state === 'Established' ? peer.stateSeconds : 0;
    }),
    each('changes_update_import_receive_count', 'Number of incoming updates being received', (channel) => {
      return counters(channel)?.announced ?? 0;
    }),
    each('changes_withdraw_import_receive_count', 'Number of incoming withdraws being received', (channel) => {
      return counters(channel)?.withdrawn ?? 0;
    }),
    ...bfdSessions(speaker),
    single('bird_socket_query_success', 'Result of querying bird socket: 0 = failed, 1 = succeeded', 'gauge', () => 1),
    single('bird_daemon_up', 'Daemon is up', 'gauge', () => 1),
    {
      name: 'bird_daemon_info',
      help: 'Router id and version',
      type: 'gauge',
      samples: () => [
        { labels: { router_id: speaker.running?.routerId ?? '', version: `peregrine ${speaker.version}` }, value: 1 },
      ],
    },
    single('bird_last_reboot_timestamp_seconds', 'Start of the daemon', 'gauge', () => speaker.startedWallMs / 1000),
    single('bird_last_reconfig_timestamp_seconds', 'Last change of the configuration', 'gauge', () => {
      return speaker.appliedWallMs / 1000;
    }),
    single('bird_server_time_timestamp_seconds', 'Time of the daemon', 'gauge', () => speaker.clock.wallMs() / 1000),
  ];
}

/** By BIRD's name for the protocol and its `---` for no interface, as `show bfd sessions` has them. */
function bfdSessions(speaker: Speaker): MetricFamily[] {
  const family = (name: string, help: string, value: (session: BfdSessionView) => number): MetricFamily => ({
    name: `bird_bfd_session_${name}`,
    help,
    type: 'gauge',
    samples: () => {
      // Sessions that differ in the local address or the kind of hops only have the same labels: the first one counts.
      const samples = new Map<string, Sample>();
      for (const session of speaker.bfd.views()) {
        const labels = { name: BFD_PROTOCOL, ip: session.address, interface: session.interface ?? '---' };
        const key = `${labels.ip} ${labels.interface}`;
        if (!samples.has(key)) samples.set(key, { labels, value: value(session) });
      }
      return samples.values();
    },
  });
  return [
    family('up', 'Session is up', ({ state }) => (state === 'Up' ? 1 : 0)),
    family('uptime_seconds', 'Session uptime in seconds', ({ state, stateSeconds }) => {
      return state === 'Up' ? stateSeconds : 0;
    }),
    family('interval_seconds', 'Session update interval in seconds', ({ transmitIntervalMs }) => {
      return transmitIntervalMs / 1000;
    }),
    family('timeout_seconds', 'Session timeout in seconds', ({ detectionTimeMs }) => detectionTimeMs / 1000),
  ];
}
