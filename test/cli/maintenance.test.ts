/**
 * Drain and restart by those who operate the daemon: command line and signals, and what two peers see of it, one of
 * them with graceful restart and NOTIFICATIONs that do not end it (RFC 8538).
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { LocalDaemon } from '../support/local-daemon.ts';
import { loopbackAddress, temporaryFolder } from '../support/loopback.ts';
import { NOTIFICATION, UPDATE } from '../support/raw-speaker.ts';
import { fourOctetAs, gracefulRestart, multiprotocol, SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const [DAEMON, EAST, WEST] = [1, 2, 3].map(loopbackAddress);
const AS = 65_000;
const DEADLINE_MS = 20_000;
/** COMMUNITIES with 65535:0 alone. */
const GRACEFUL_SHUTDOWN = 'c00804ffff0000';
const BLOCK = '180a0100';
const SERVICE = '20c0000201';
const EAST_PEER = { name: 'east', address: EAST, as: 65_001, passive: true };
const CONFIG = {
  routerId: DAEMON,
  as: AS,
  peers: [EAST_PEER, { name: 'west', address: WEST, as: AS, passive: true }],
  originate: [{ prefix: '10.1.0.0/24' }, { prefix: '192.0.2.1/32', service: true }],
};

let daemon: LocalDaemon;
let east: SocketSpeaker;
let west: SocketSpeaker;

async function start(args: readonly string[] = []): Promise<void> {
  daemon = await LocalDaemon.start(DAEMON, CONFIG, { arguments: args });
  east = await connectEast();
  const capabilities = [multiprotocol(1), fourOctetAs(AS), gracefulRestart(120, true)];
  west = await SocketSpeaker.establish({ localAddress: WEST, address: DAEMON, as: AS, capabilities });
  const isBoth = (text: string): boolean => text.includes(BLOCK) && text.includes(SERVICE);
  for (const speaker of [east, west]) await tells(speaker, 'both routes', isBoth);
}

function connectEast(): Promise<SocketSpeaker> {
  return SocketSpeaker.establish({ localAddress: EAST, address: DAEMON, as: EAST_PEER.as });
}

/** The UPDATEs so far, in hexadecimal. */
function updates(speaker: SocketSpeaker): string[] {
  return speaker.of(UPDATE).map(({ body }) => Buffer.from(body).toString('hex'));
}

function tells(speaker: SocketSpeaker, what: string, isWanted: (text: string) => boolean, from = 0): Promise<string[]> {
  const read = (): string[] => updates(speaker).slice(from);
  return waitUntil(what, DEADLINE_MS, read, (list) => list.some(isWanted));
}

/** Withdrawn routes come first in an UPDATE, behind their length. */
function withdraws(nlri: string): (text: string) => boolean {
  return (text) => text.startsWith(`${(nlri.length / 2).toString(16).padStart(4, '0')}${nlri}`);
}

function isLast(text: string): boolean {
  return text.includes(GRACEFUL_SHUTDOWN) && text.includes(BLOCK);
}

afterEach(async () => {
  for (const speaker of [east, west]) speaker.close();
  await daemon.stop();
});

describe('peregrine drain', () => {
  test('routes go to last place, services go, sessions end with a Hard Reset; undrain brings all back', async () => {
    await start();
    const { stdout } = await daemon.cli('drain', '--close-after', '3', '--text', 'moving racks');
    expect(stdout).toBe('draining: sessions end in 3 s\n');
    const toEast = await tells(east, 'GRACEFUL_SHUTDOWN', isLast);
    // MED 4294967295, and our AS four times.
    expect(toEast.find(isLast)).toContain('800404ffffffff');
    expect(toEast.find(isLast)).toContain('0000fde80000fde80000fde80000fde8');
    const toWest = await tells(west, 'GRACEFUL_SHUTDOWN', isLast);
    expect(toWest.find(isLast)).toContain('40050400000000');
    await tells(east, 'the service is withdrawn', withdraws(SERVICE));
    expect((await daemon.status()).drain).toMatchObject({ reason: 'drain by hand', closesAt: expect.any(String) });
    expect(await Promise.all([east, west].map((speaker) => speaker.notification()))).toEqual(['6/2', '6/9']);
    expect(Buffer.from(west.of(NOTIFICATION)[0].body).toString('latin1')).toContain('moving racks');
    expect(updates(east).some(withdraws(BLOCK))).toBe(false);
    await Promise.all([east, west].map((speaker) => speaker.closed()));
    expect((await daemon.cli('show', 'status')).stdout).toMatch(/^drained +closed since .*: drain by hand$/m);
    expect((await daemon.cli('peer', 'east', 'undrain')).stderr).toContain('east is not drained by itself');
    expect((await daemon.cli('undrain')).stdout).toBe('no longer drained\n');
    east = await waitUntil('east is back', DEADLINE_MS, connectEast, () => true);
    const after = await tells(east, 'the service again', (text) => text.includes(SERVICE));
    expect(after.join()).not.toContain(GRACEFUL_SHUTDOWN);
    expect((await daemon.cli('undrain')).stderr).toContain('it is not drained');
  });

  test('of one peer: the other hears nothing of it', async () => {
    await start();
    const before = west.count(UPDATE);
    expect((await daemon.cli('peer', 'east', 'drain')).stdout).toBe('draining east: the session ends in 30 s\n');
    await tells(east, 'GRACEFUL_SHUTDOWN', isLast);
    expect((await daemon.peer('east')).drain).toMatchObject({ stage: 'avoided' });
    const told = east.count(UPDATE);
    expect((await daemon.cli('peer', 'east', 'undrain')).stdout).toBe('no longer drained: east\n');
    const isAsBefore = (text: string): boolean => text.includes(BLOCK) && !text.includes(GRACEFUL_SHUTDOWN);
    await tells(east, 'its routes as they were', isAsBefore, told);
    expect(west.count(UPDATE)).toBe(before);
  });

  test('by the configuration: sessions stay', async () => {
    await start();
    await daemon.reload({ ...CONFIG, drain: 'new switches' });
    await tells(east, 'GRACEFUL_SHUTDOWN', isLast);
    expect((await daemon.status()).drain).toMatchObject({ reason: 'new switches', closesAt: null });
    expect((await daemon.cli('undrain')).stderr).toContain('it is drained by its configuration: new switches');
  });

  test('by the configuration that it starts with', async () => {
    daemon = await LocalDaemon.start(DAEMON, { ...CONFIG, drain: true });
    east = await connectEast();
    west = east;
    await tells(east, 'GRACEFUL_SHUTDOWN', isLast);
    expect((await daemon.status()).drain).toMatchObject({ reason: 'the configuration says so' });
  });

  test('what it cannot mean is refused', async () => {
    await start();
    for (const [args, message] of [
      [['drain', '--close-after', 'soon'], '--close-after soon: wanted seconds, or never'],
      [['drain', 'now'], 'wanted: peregrine drain'],
      [['undrain', '--text', 'x'], '--text is not an option of undrain'],
    ] as const) {
      const { status, stderr } = await daemon.cli(...args);
      expect([status, stderr.split('\n')[0]]).toEqual([2, `peregrine: ${message}`]);
    }
  });
});

describe('signals', () => {
  test('SIGUSR2 drains, and the next one undrains', async () => {
    await start();
    daemon.process.signal('SIGUSR2');
    await tells(east, 'GRACEFUL_SHUTDOWN', isLast);
    daemon.process.signal('SIGUSR2');
    await waitUntil(
      'it is undrained',
      DEADLINE_MS,
      () => daemon.status(),
      ({ drain }) => drain === null,
    );
  });

  test('SIGTERM with --on-sigterm shutdown is Cease / Administrative Shutdown', async () => {
    await start(['--on-sigterm', 'shutdown']);
    daemon.process.signal('SIGTERM');
    expect(await Promise.all([east, west].map((speaker) => speaker.notification()))).toEqual(['6/2', '6/9']);
    expect(await daemon.process.exited).toEqual({ code: 0, signal: null });
  });

  test('SIGTERM with --on-sigterm drain drains first, and a second one does not wait', async () => {
    await start(['--on-sigterm', 'drain']);
    daemon.process.signal('SIGTERM');
    await tells(east, 'GRACEFUL_SHUTDOWN', isLast);
    expect(east.count(NOTIFICATION)).toBe(0);
    daemon.process.signal('SIGTERM');
    expect(await east.notification()).toBe('6/2');
    expect(await daemon.process.exited).toEqual({ code: 0, signal: null });
  });
});

describe('a restart', () => {
  test('by command ends the process without a word', async () => {
    await start();
    expect((await daemon.cli('restart')).stdout).toMatch(/^ending without a word/);
    await Promise.all([east, west].map((speaker) => speaker.closed()));
    expect([east, west].map((speaker) => speaker.count(NOTIFICATION))).toEqual([0, 0]);
    expect(await daemon.process.exited).toEqual({ code: 0, signal: null });
  });

  test('a damaged restart file is reported and harms nothing', async () => {
    const path = join(temporaryFolder(), 'state');
    writeFileSync(path, 'not what was written');
    await start(['--state-file', path]);
    const warning = daemon.log().find(({ msgid }) => msgid === 'RESTART_FILE');
    expect(warning?.msg).toBe('the restart file is passed over: it is not JSON');
  });
});
