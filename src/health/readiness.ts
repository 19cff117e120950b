/**
 * Whether this node may be given traffic: configuration applied, listening, the kernel's routes usable, the routes of
 * an earlier run refreshed or given up, and as many sessions as the policy wants. Every condition that is not met is
 * named, with what it waits for. One dead peer makes nobody NotReady unless that is asked for.
 */

import type { PeerView, StatusView } from '../api/schema.ts';

/**
 * `any`: one session is enough; `external`: one with another AS; `all`: every enabled one; `none`: they do not matter.
 * Where there is no such peer configured, nothing is waited for.
 */
export const READY_POLICIES = ['any', 'external', 'all', 'none'] as const;
export type ReadyPolicy = (typeof READY_POLICIES)[number];
export const DEFAULT_READY_POLICY: ReadyPolicy = 'any';

export interface UnmetCondition {
  readonly condition: 'configuration' | 'listener' | 'kernel' | 'recovery' | 'peers';
  readonly detail: string;
  /** Of a session that is waited for. */
  readonly peer?: string;
  readonly state?: string;
  readonly lastError?: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly policy: ReadyPolicy;
  readonly unmet: readonly UnmetCondition[];
}

export interface ReadinessInput {
  readonly status: StatusView;
  readonly peers: readonly PeerView[];
  /** Addresses that could not be listened on. */
  readonly listenFailures: readonly string[];
  /** The kernel cannot be read or written: why; null when all is well. */
  readonly kernelFailure: string | null;
  /** Routes of an earlier run that are not refreshed yet, and how long they may be waited for; null: none. */
  readonly recovery: { readonly secondsLeft: number } | null;
}

/** Peers that are listed one by one when many are missing. */
const MAX_LISTED_PEERS = 20;

export function readiness(input: ReadinessInput, policy: ReadyPolicy): Readiness {
  const unmet: UnmetCondition[] = [];
  const { status } = input;
  if (status.appliedRevision === '') {
    const detail = status.datastore.detail === '' ? 'none was read yet' : status.datastore.detail;
    unmet.push({ condition: 'configuration', detail: `no configuration is in force: ${detail}` });
    return { ready: false, policy, unmet };
  }
  for (const detail of input.listenFailures) unmet.push({ condition: 'listener', detail });
  if (input.kernelFailure !== null) unmet.push({ condition: 'kernel', detail: input.kernelFailure });
  if (input.recovery !== null) {
    const { secondsLeft } = input.recovery;
    const detail = `routes of an earlier run are being refreshed, for ${secondsLeft} s more at most`;
    unmet.push({ condition: 'recovery', detail });
  }
  unmet.push(...missingPeers(input.peers, policy));
  return { ready: unmet.length === 0, policy, unmet };
}

function missingPeers(peers: readonly PeerView[], policy: ReadyPolicy): UnmetCondition[] {
  const concerned = peers.filter(
    (peer) => policy !== 'none' && peer.waitingFor !== 'disabled' && (policy !== 'external' || peer.type === 'ebgp'),
  );
  const down = concerned.filter((peer) => peer.state !== 'Established');
  if (down.length === 0) return [];
  if (policy !== 'all' && down.length < concerned.length) return [];
  const listed = down.slice(0, MAX_LISTED_PEERS).map((peer): UnmetCondition => {
    const waits = peer.waitingFor === null ? '' : `, waiting for ${peer.waitingFor}`;
    return {
      condition: 'peers',
      detail: `no session with ${peer.name} (${peer.address})${waits}`,
      peer: peer.name,
      state: peer.state,
      ...(peer.lastError === null ? {} : { lastError: peer.lastError.text }),
    };
  });
  const more = down.length - listed.length;
  if (more > 0) listed.push({ condition: 'peers', detail: `and ${more} more sessions` });
  return listed;
}
