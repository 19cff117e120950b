/**
 * The control API of a replay: routes, explanations and policies are those of the speaker that runs again; sessions, memory
 * and times are shown as they were recorded. Nothing can be done to it.
 */

import type { ApiRefusal } from '../api/refusal.ts';
import type { ApiSource } from '../api/source.ts';
import type { Readiness, ReadyPolicy } from '../health/readiness.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { SpeakerApi } from '../speaker/speaker-api.ts';
import { noPeer } from '../speaker/views.ts';
import type { Dump } from './replay.ts';

const REPLAYED: ApiRefusal = { refused: 'this is a replay: it can be looked at, not changed', status: 409 };

const NOT_RUNNING = { condition: 'peers', detail: 'this is a replay' } as const;

export function replayApi(speaker: Speaker, dump: Dump): ApiSource {
  const recorded = [...dump.peers.values()];
  const refuse = (): ApiRefusal => REPLAYED;
  const own: Partial<ApiSource> = {
    status: () => dump.status,
    peers: () => recorded.map(({ view }) => view),
    peer: (name) => dump.peers.get(name)?.view ?? noPeer(name, speaker),
    explainPeer: (name) => Promise.resolve(dump.peers.get(name)?.explanation ?? noPeer(name, speaker)),
    originated: () => dump.originated,
    bfd: () => recorded.flatMap(({ view }) => (view.bfd === null ? [] : [view.bfd])),
    recent: () => dump.log,
    messages: () => dump.messages,
    readiness: (policy: ReadyPolicy = 'none'): Readiness => ({ ready: false, policy, unmet: [NOT_RUNNING] }),
    drain: refuse,
    undrain: refuse,
    restart: refuse,
    act: refuse,
    originate: refuse,
    withdraw: refuse,
    setPeerLogLevel: refuse,
  };
  return Object.assign(new SpeakerApi(speaker), own);
}
