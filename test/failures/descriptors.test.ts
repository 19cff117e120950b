/**
 * The daemon without file descriptors (EMFILE on accept, dial and file reads): it says so, does not spin, keeps the
 * sessions it has, and goes on as before when there are some again.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { LocalDaemon } from '../support/local-daemon.ts';
import { LOOPBACK_PORT, loopbackAddress } from '../support/loopback.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 30_000;
const WATCHED_MS = 2000;
const TICKS_PER_SECOND = 100;
const [DAEMON, THERE, LATE, DIALLED] = [1, 2, 3, 4].map(loopbackAddress);

let daemon: LocalDaemon;
afterEach(() => daemon.stop());

/** Sets the limit to the lowest descriptor that is free: nothing can be opened any more. */
function exhaust(pid: number): void {
  let lowest = 0;
  while (existsSync(`/proc/${pid}/fd/${lowest}`)) lowest++;
  limit(pid, lowest);
}

function limit(pid: number, descriptors: number): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${descriptors}:`]);
}

/** Processor time of the process, in ticks. */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

test('no descriptor is left, and then there are some again', async () => {
  const passive = { passive: true, idleHold: { minSeconds: 1, maxSeconds: 1 } };
  daemon = await LocalDaemon.start(DAEMON, {
    routerId: DAEMON,
    as: 64_999,
    peers: [
      { name: 'there', address: THERE, as: 65_001, ...passive },
      { name: 'late', address: LATE, as: 65_002, ...passive },
      {
        name: 'dialled',
        address: DIALLED,
        localAddress: DAEMON,
        as: 65_003,
        port: LOOPBACK_PORT,
        connectRetryTimeSeconds: 1,
      },
    ],
  });
  const { pid } = daemon.process;
  const there = await SocketSpeaker.establish({ localAddress: THERE, address: DAEMON, as: 65_001 });
  const says = (msgid: string, level: string) =>
    daemon.log().filter((line) => line.msgid === msgid && line.level === level);
  const wait = (what: string, msgid: string, level: string) =>
    waitUntil(
      what,
      DEADLINE_MS,
      () => says(msgid, level).length,
      (count) => count > 0,
    );

  // What the daemon closes by itself meanwhile is taken away too.
  await waitUntil(
    'it says so',
    DEADLINE_MS,
    () => {
      exhaust(pid);
      return says('DESCRIPTORS', 'error').length;
    },
    (count) => count > 0,
  );
  // Accepted and closed again: the peer sees that at once and may come back.
  await expect(SocketSpeaker.establish({ localAddress: LATE, address: DAEMON, as: 65_002 })).rejects.toThrow();
  daemon.process.signal('SIGHUP');
  await wait('the file cannot be read', 'CONFIG_REFUSED', 'error');
  const before = ticks(pid);
  await delay(WATCHED_MS);
  expect(ticks(pid) - before, 'it does not spin').toBeLessThan((WATCHED_MS / 1000) * TICKS_PER_SECOND * 0.5);
  expect(there.isClosed).toBe(false);

  limit(pid, 1024);
  await wait('it says that it is over', 'DESCRIPTORS', 'info');
  const late = await SocketSpeaker.establish({ localAddress: LATE, address: DAEMON, as: 65_002 });
  expect((await daemon.peer('there')).sessionsEstablished).toBe(1);
  expect((await daemon.status()).conditions.filter(({ resource }) => resource === 'process')).toEqual([]);
  expect((await daemon.peer('dialled')).lastError?.text).toContain('refused');
  for (const speaker of [there, late]) speaker.close();
});
