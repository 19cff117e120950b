import { expect, test } from 'vitest';
import type { StaleRemovalCause } from '../../bgp/fsm/action.ts';
import type { NegotiatedSession } from '../../bgp/negotiated.ts';
import { VirtualClock } from './clock.ts';
import { EndOfRibGrace, type ReturningPeer } from './end-of-rib-grace.ts';

/** A peer whose session came up so long ago, and when its stale routes went after the machine said so. */
function scene(upForMs: number, cause: StaleRemovalCause, meanwhile: (peer: { session: unknown }) => void = () => {}) {
  const clock = new VirtualClock();
  const peer = { session: {} as NegotiatedSession, sessionUpMs: clock.nowMs() };
  clock.advance(upForMs);
  let wentAfterMs = -1;
  const saidMs = clock.nowMs();
  const grace = new EndOfRibGrace<ReturningPeer>(clock, () => {
    wentAfterMs = clock.nowMs() - saidMs;
  });
  grace.removeStale(peer, 0, cause);
  meanwhile(peer);
  clock.advance(10_000);
  return wentAfterMs;
}

test.each<[string, number, StaleRemovalCause, number]>([
  ['End-of-RIB as soon as it is back: 3 s after that', 12, 'end-of-rib', 2988],
  ['End-of-RIB later: at once', 3000, 'end-of-rib', 0],
  ['its forwarding was not preserved: at once', 0, 'forwarding-not-preserved', 0],
  ['stopped: at once', 0, 'stopped', 0],
])('%s', (_, upForMs, cause, afterMs) => {
  expect(scene(upForMs, cause)).toBe(afterMs);
});

test.each([
  ['gone again', null],
  ['back on another session', {}],
])('%s meanwhile: that is for what follows then', (_, session) => {
  const end = (peer: { session: unknown }): void => {
    peer.session = session;
  };
  expect(scene(12, 'end-of-rib', end)).toBe(-1);
});
