/**
 * Where the figures for Prometheus and the probes are served besides the control socket, and what they contain: from the
 * command line, else from the environment. Without either nothing listens.
 */

import { isIP } from 'node:net';
import { DEFAULT_READY_POLICY, READY_POLICIES, type ReadyPolicy } from '../health/readiness.ts';
import { PEER_DETAILS, type PeerDetail } from '../metrics/peer-kind.ts';

export interface ListenPoint {
  /** `::`: every address of both families. */
  readonly address: string;
  readonly port: number;
}

export interface MonitorSettings {
  /** null: only on the control socket. */
  readonly listen: ListenPoint | null;
  /** Which peers have series of their own. */
  readonly peers: PeerDetail;
  /** Also the series of bird_exporter. */
  readonly birdExporter: boolean;
  /** What `/ready` takes without `?peers=`. */
  readonly readyPolicy: ReadyPolicy;
}

export const DEFAULT_MONITOR: MonitorSettings = {
  listen: null,
  peers: 'external',
  birdExporter: false,
  readyPolicy: DEFAULT_READY_POLICY,
};

type Outcome =
  | { readonly ok: true; readonly settings: MonitorSettings }
  | { readonly ok: false; readonly reason: string };

/** `option`: what `--monitor-listen` says; it counts before PEREGRINE_MONITOR_LISTEN. */
export function monitorSettings(option: string | null, environment: NodeJS.ProcessEnv): Outcome {
  const {
    PEREGRINE_MONITOR_LISTEN: listenText = '',
    PEREGRINE_METRICS_PEERS: peers = DEFAULT_MONITOR.peers,
    PEREGRINE_METRICS_BIRD_EXPORTER: birdExporter = 'false',
    PEREGRINE_READY_PEERS: readyPolicy = DEFAULT_MONITOR.readyPolicy,
  } = environment;
  const text = option ?? listenText;
  const listen = text === '' ? null : parseListenPoint(text);
  if (text !== '' && listen === null) {
    const name = option === null ? 'PEREGRINE_MONITOR_LISTEN' : '--monitor-listen';
    return refuse(name, text, 'PORT, IPV4:PORT or [IPV6]:PORT');
  }
  if (!isOneOf(PEER_DETAILS, peers)) return refuse('PEREGRINE_METRICS_PEERS', peers, PEER_DETAILS.join(', '));
  if (!isOneOf(READY_POLICIES, readyPolicy)) {
    return refuse('PEREGRINE_READY_PEERS', readyPolicy, READY_POLICIES.join(', '));
  }
  if (birdExporter !== 'true' && birdExporter !== 'false') {
    return refuse('PEREGRINE_METRICS_BIRD_EXPORTER', birdExporter, 'true or false');
  }
  return { ok: true, settings: { listen, peers, birdExporter: birdExporter === 'true', readyPolicy } };
}

/** `9179`, `127.0.0.1:9179`, `[::1]:9179`; null: nothing of the kind. */
export function parseListenPoint(text: string): ListenPoint | null {
  const match = /^(?:(?<v4>[0-9.]+):|\[(?<v6>[0-9a-fA-F:.]+)\]:)?(?<port>\d{1,5})$/.exec(text);
  if (match?.groups === undefined) return null;
  const { v4, v6, port: portText } = match.groups;
  const port = Number(portText);
  if (port < 1 || port > 65_535) return null;
  if (v4 !== undefined && isIP(v4) !== 4) return null;
  if (v6 !== undefined && isIP(v6) !== 6) return null;
  return { address: v4 ?? v6 ?? '::', port };
}

/** As it is written on the command line. */
export function formatListenPoint({ address, port }: ListenPoint): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function isOneOf<T extends string>(wanted: readonly T[], text: string): text is T {
  return (wanted as readonly string[]).includes(text);
}

function refuse(name: string, value: string, wanted: string): Outcome {
  return { ok: false, reason: `${name} "${value}": wanted ${wanted}` };
}
