/**
 * How a daemon ends: SIGINT says goodbye to its peers, SIGTERM leaves without a word, so that graceful restart keeps
 * our routes with them (RFC 4724 4). Either way the socket file is gone and the status is 0.
 */

import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { LocalDaemon } from '../support/local-daemon.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { NOTIFICATION } from '../support/raw-speaker.ts';
import { fourOctetAs, gracefulRestart, multiprotocol, SocketSpeaker } from '../support/socket-speaker.ts';

const [DAEMON, EAST, WEST] = [1, 2, 3].map(loopbackAddress);
const AS_OF = { east: 65_001, west: 65_002 };

async function start(): Promise<{ daemon: LocalDaemon; speakers: SocketSpeaker[] }> {
  const daemon = await LocalDaemon.start(DAEMON, {
    routerId: DAEMON,
    as: 65_000,
    peers: [
      { name: 'east', address: EAST, as: AS_OF.east, passive: true },
      { name: 'west', address: WEST, as: AS_OF.west, passive: true },
    ],
  });
  // The west knows graceful restart, with NOTIFICATIONs that do not end it (RFC 8538).
  const capabilities = [multiprotocol(1), fourOctetAs(AS_OF.west), gracefulRestart(120)];
  const speakers = [
    await SocketSpeaker.establish({ localAddress: EAST, address: DAEMON, as: AS_OF.east }),
    await SocketSpeaker.establish({ localAddress: WEST, address: DAEMON, as: AS_OF.west, capabilities }),
  ];
  return { daemon, speakers };
}

describe('a running daemon', () => {
  test('SIGINT closes every session with Cease / Administrative Shutdown', async () => {
    const { daemon, speakers } = await start();
    daemon.process.signal('SIGINT');
    expect(await Promise.all(speakers.map((speaker) => speaker.notification()))).toEqual(['6/2', '6/2']);
    await Promise.all(speakers.map((speaker) => speaker.closed()));
    expect(await daemon.process.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(daemon.socketPath)).toBe(false);
    expect(daemon.log().find((line) => line.msgid === 'STOPPING')).toMatchObject({ mode: 'administrative' });
  });

  test('SIGTERM closes the connections and sends nothing', async () => {
    const { daemon, speakers } = await start();
    daemon.process.signal('SIGTERM');
    await Promise.all(speakers.map((speaker) => speaker.closed()));
    expect(speakers.map((speaker) => speaker.count(NOTIFICATION))).toEqual([0, 0]);
    expect(await daemon.process.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(daemon.socketPath)).toBe(false);
    expect(daemon.log().find((line) => line.msgid === 'STOPPING')).toMatchObject({ mode: 'silent' });
  });

  test('a second SIGINT while it ends is no crash', async () => {
    const { daemon, speakers } = await start();
    daemon.process.signal('SIGINT');
    daemon.process.signal('SIGINT');
    expect(await daemon.process.exited).toEqual({ code: 0, signal: null });
    expect(await speakers[0].notification()).toBe('6/2');
  });

  test('an address that cannot be listened on is shown, and the rest runs', async () => {
    const first = await LocalDaemon.start(DAEMON, { routerId: DAEMON, as: 65_000 });
    const second = await LocalDaemon.start(DAEMON, { routerId: EAST, as: 65_000 });
    const { conditions } = await second.status();
    expect(conditions).toEqual([
      { resource: 'listen', field: '', message: expect.stringContaining('EADDRINUSE'), severity: 'error' },
    ]);
    const { stdout } = await second.cli('show', 'status');
    expect(stdout).toMatch(/^refused +error: listen: .*EADDRINUSE/m);
    await first.stop();
    await second.stop();
  });
});
