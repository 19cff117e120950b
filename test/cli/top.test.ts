/** `peregrine top` in a terminal of 80x24 (tmux): it draws, sorts, and leaves the terminal as it was. */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LocalDaemon, PEREGRINE_MAIN, peregrine } from '../support/local-daemon.ts';
import { loopbackAddress, temporaryFolder } from '../support/loopback.ts';
import { describeProgram } from '../support/requirements.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 20_000;

describeProgram('tmux', () => {
  const [SPEAKER, EAST, AWAY] = [1, 2, 3].map(loopbackAddress);
  const server = join(temporaryFolder(), 'tmux');
  let daemon: LocalDaemon;
  let east: SocketSpeaker;
  const tmux = (...args: string[]): string => execFileSync('tmux', ['-S', server, ...args], { encoding: 'utf8' });
  const shows = (words: string, expected: (screen: string) => boolean): Promise<string> =>
    waitUntil(words, DEADLINE_MS, () => Promise.resolve(tmux('capture-pane', '-p')), expected);

  beforeAll(async () => {
    daemon = await LocalDaemon.start(SPEAKER, {
      routerId: SPEAKER,
      as: 65_000,
      peers: [
        { name: 'east', address: EAST, as: 65_001, passive: true },
        { name: 'zz-away', address: AWAY, as: 65_002, passive: true },
      ],
    });
    east = await SocketSpeaker.establish({ localAddress: EAST, address: SPEAKER, as: 65_001 });
    tmux('-f', '/dev/null', 'new-session', '-d', '-x', '80', '-y', '24', 'env PS1="ready> " sh');
  });
  afterAll(async () => {
    tmux('kill-server');
    east.close();
    await daemon.stop();
  });

  test('draws within 80x24, sorts by keys, quits to the shell', async () => {
    tmux('send-keys', `${process.execPath} ${PEREGRINE_MAIN} top --socket ${daemon.socketPath}`, 'Enter');
    const first = await shows('the screen', (text) => text.includes('q:quit'));
    const lines = first.split('\n');
    expect(lines[0]).toMatch(/^peregrine \d+\.\d+\.\d+ /);
    expect(first).toMatch(/^sessions 1\/2 up/m);
    expect(first).toMatch(/^memory \d/m);
    // What is down comes first.
    expect(first.indexOf('\nzz-away')).toBeLessThan(first.indexOf('\neast'));
    tmux('send-keys', 'n');
    await shows('sorted by name', (text) => text.indexOf('\neast') < text.indexOf('\nzz-away'));
    tmux('send-keys', 'R');
    await shows('reversed', (text) => text.indexOf('\nzz-away') < text.indexOf('\neast'));
    tmux('send-keys', 'p');
    await shows('paused', (text) => text.includes('p:go on'));
    tmux('send-keys', 'p', 'q');
    const last = await shows('the shell again', (text) => !text.includes('q:quit'));
    expect(last).toContain('ready> ');
    tmux('send-keys', 'clear; echo e""nd', 'Enter');
    await shows('the terminal echoes', (text) => text.includes('end'));
  });

  test('a daemon that goes away is said, and waited for', async () => {
    tmux('send-keys', `${process.execPath} ${PEREGRINE_MAIN} top --socket ${daemon.socketPath}`, 'Enter');
    await shows('the screen', (text) => text.includes('q:quit'));
    await daemon.stop();
    await shows('the trouble', (text) => text.includes('no daemon answers on'));
    tmux('send-keys', 'q');
    await shows('the shell again', (text) => !text.includes('no daemon answers on'));
  });

  test('without a terminal it says what to use instead', async () => {
    const { status, stderr } = await peregrine(['top']);
    expect(status).toBe(2);
    expect(stderr).toContain('top needs a terminal; for programs: show peers --json');
  });
});
