import { expect, test } from 'vitest';
import type { RecoveryView } from '../speaker/recovery.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { dialectOf } from './dialect.ts';
import { recoveryOf } from './recovery.ts';
import { statusLines } from './status.ts';

const NOW = new Date(2026, 10, 21, 1, 7, 33).getTime();

/** As much of a speaker as the status needs. */
function speaker(view: RecoveryView | null): Speaker {
  return {
    recovery: () => view,
    deferralSeconds: 240,
    running: { routerId: '10.192.0.5' },
    startedWallMs: NOW - 2000,
    reconfiguredWallMs: NOW - 2000,
    clock: { wallMs: () => NOW },
  } as unknown as Speaker;
}

const view = (isRestart: boolean, ipv4: [string, boolean][], ipv6: [string, boolean][]): RecoveryView => {
  const family = (peers: [string, boolean][]) => ({
    isGoingOn: peers.length > 0,
    untilMs: peers.length > 0 ? NOW + 237_400 : null,
    waitingFor: peers.map(([peer, connected]) => ({ peer, connected })),
  });
  return { isGoingOn: true, isRestart, families: { 'ipv4-unicast': family(ipv4), 'ipv6-unicast': family(ipv6) } };
};

test('while a connected peer has not sent everything, the status says so', () => {
  const recovering = speaker(
    view(
      true,
      [
        ['Mesh_2', true],
        ['Mesh_3', true],
        ['Mesh_9', false],
      ],
      [],
    ),
  );
  const lines = statusLines(recovering, dialectOf('1.6', 0, 'short')).map(({ code, text }) => `${code} ${text}`);
  expect(lines).toEqual([
    '1000 BIRD v0.3.3+birdv1.6.8',
    '1011 Router ID is 10.192.0.5',
    '1011 Current server time is 2026-11-21 01:07:33',
    '1011 Last reboot on 2026-11-21 01:07:31',
    '1011 Last reconfiguration on 2026-11-21 01:07:31',
    '24 Graceful restart recovery in progress',
    '24   Waiting for 2 protocols to recover',
    '24   Wait timer is 238/240',
  ]);
});

test.each([
  ['a first start', view(false, [['Mesh_2', true]], []), 0],
  ['only absent peers are waited for', view(true, [['Mesh_2', false]], []), 0],
  ['the other family recovers', view(true, [], [['Mesh_2', true]]), 0],
  ['nothing is known yet', null, 0],
] as const)('no recovery: %s', (_, recovery, family) => {
  expect(recoveryOf(speaker(recovery), [family])).toBeNull();
});

test('dialect 2 counts both families and calls them channels', () => {
  const recovering = speaker(view(true, [], [['Mesh_2', true]]));
  const lines = statusLines(recovering, dialectOf('2', 0, 'short')).map(({ text }) => text);
  expect(lines).toContain('  Waiting for 1 channels to recover');
});
