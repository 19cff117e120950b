/**
 * SIGHUP of a stand-alone daemon: what changes is applied, what need not be touched is not. Sessions must not notice a
 * change of policy or of originated routes; what shows in the OPEN resets the one session that it is about; a file with
 * a mistake changes nothing.
 */

import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AdvertisedView, RouteView } from '../../src/api/schema.ts';
import { type LocalConfig, LocalDaemon, type LogLine } from '../support/local-daemon.ts';
import { LOOPBACK_PORT, loopbackAddress } from '../support/loopback.ts';
import { UPDATE, updateOctets } from '../support/raw-speaker.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitFor, waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 15_000;
const [DAEMON, EAST, WEST, NEW, OTHER] = [1, 2, 3, 4, 5].map(loopbackAddress);

const east = (more: object = {}) => ({ name: 'east', address: EAST, as: 65_001, passive: true, ...more });
const west = (more: object = {}) => ({ name: 'west', address: WEST, as: 65_002, passive: true, ...more });
const rejecting = (prefix: string) => ({
  // biome-ignore lint/suspicious/noThenProperty: the configuration's own word; the object is never awaited.
  p: { statements: [{ match: { prefix }, then: 'reject' }], otherwise: 'accept' },
});
const BASE = {
  routerId: DAEMON,
  as: 65_000,
  peers: [east(), west()],
  originate: [{ prefix: '192.0.2.0/24' }],
};

let daemon: LocalDaemon;
let speakers: { east: SocketSpeaker; west: SocketSpeaker };
const connect = (localAddress: string, as: number): Promise<SocketSpeaker> =>
  SocketSpeaker.establish({ localAddress, address: DAEMON, as });

/** What a reload has applied, as `CHANGE IMPACT`, from the log. */
async function reload(config: LocalConfig): Promise<readonly string[]> {
  const { appliedRevision } = await daemon.reload(config);
  return waitFor('the changes are logged', DEADLINE_MS, () => {
    const lines = daemon.log();
    // The log is written a little later; the revision comes last of all changes.
    const end = lines.findLastIndex(({ change, msg }) => change === 'metadata' && msg.includes(appliedRevision));
    if (end < 0) return null;
    const begin = lines.slice(0, end).findLastIndex(({ msgid }) => msgid === 'RELOAD');
    const changes = lines.slice(begin, end).filter(({ msgid }) => msgid === 'APPLY');
    return changes.map(({ change, impact }) => `${change} ${impact}`);
  });
}

async function sessions(): Promise<Record<string, string>> {
  const peers = await Promise.all(['east', 'west'].map((name) => daemon.peer(name)));
  return Object.fromEntries(
    peers.map(({ name, state, sessionsEstablished }) => [name, `${state} ${sessionsEstablished}`]),
  );
}
const UNTOUCHED = { east: 'Established 1', west: 'Established 1' };

async function advertisedTo(name: string): Promise<string[]> {
  const views = await daemon.list<AdvertisedView>(`/v1/peers/${name}/advertised`);
  return views.map(({ prefix, attributes }) => [prefix, ...attributes.communities].join(' '));
}

/** One daemon for all tests of a group; they begin at BASE with both sessions up for the first time. */
async function start(): Promise<void> {
  daemon = await LocalDaemon.start(DAEMON, BASE);
  speakers = { east: await connect(EAST, 65_001), west: await connect(WEST, 65_002) };
  speakers.east.send(updateOctets(65_001, EAST, ['198.51.100.0/24', '203.0.113.0/24']));
  await waitUntil(
    'the west knows all',
    DEADLINE_MS,
    () => advertisedTo('west'),
    (prefixes) => prefixes.length === 3,
  );
}
async function stop(): Promise<void> {
  speakers.east.close();
  speakers.west.close();
  await daemon.stop();
}

describe('hitless and soft changes leave every session up', () => {
  beforeAll(start);
  afterAll(stop);
  let isAtBase = true;
  beforeEach(async () => {
    if (!isAtBase) await daemon.reload(BASE);
    isAtBase = false;
    await waitUntil(
      'the base is in force',
      DEADLINE_MS,
      () => advertisedTo('west'),
      (prefixes) => prefixes.join() === '192.0.2.0/24,198.51.100.0/24,203.0.113.0/24',
    );
  });

  test.each([
    [
      'a new originated route is advertised',
      { originate: [{ prefix: '192.0.2.0/24' }, { prefix: '172.16.0.0/12' }] },
      ['originate-add soft'],
      ['172.16.0.0/12', '192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'],
    ],
    [
      'an originated route that is gone is withdrawn',
      { originate: [] },
      ['originate-remove soft'],
      ['198.51.100.0/24', '203.0.113.0/24'],
    ],
    [
      'other communities of an originated route are advertised',
      { originate: [{ prefix: '192.0.2.0/24', communities: ['65000:7'] }] },
      ['originate-replace soft'],
      ['192.0.2.0/24 65000:7', '198.51.100.0/24', '203.0.113.0/24'],
    ],
    [
      'a new export policy withdraws what it refuses',
      { peers: [east(), west({ export: 'p' })], policies: rejecting('198.51.100.0/24') },
      ['peer-policy soft'],
      ['192.0.2.0/24', '203.0.113.0/24'],
    ],
    [
      'a new import policy takes back what it refuses, without asking the peer',
      { peers: [east({ import: 'p' }), west()], policies: rejecting('203.0.113.0/24') },
      ['peer-policy soft'],
      ['192.0.2.0/24', '198.51.100.0/24'],
    ],
    [
      'a description and timers are taken over',
      { peers: [east({ description: 'rising sun', connectRetryTimeSeconds: 7 }), west()] },
      ['peer-adjust hitless'],
      ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'],
    ],
    [
      'a new peer is waited for',
      { peers: [east(), west(), { name: 'new', address: NEW, as: 65_003, passive: true }] },
      ['peer-add hitless'],
      ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'],
    ],
    [
      'another address is listened on',
      { listen: [DAEMON, OTHER].map((address) => ({ address, port: LOOPBACK_PORT })) },
      ['listen-add hitless'],
      ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'],
    ],
    [
      'other rules of the decision choose best paths anew',
      { decision: { alwaysCompareMed: true } },
      ['decision soft'],
      ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'],
    ],
    [
      'another log level holds at once',
      { logLevel: 'info' },
      ['log-level hitless'],
      ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'],
    ],
  ])('%s', async (_, change, impacts, advertised) => {
    const updates = speakers.east.count(UPDATE);
    const applied = await reload({ ...BASE, ...change });
    expect(applied).toEqual(impacts);
    await waitUntil(
      'the west is told',
      DEADLINE_MS,
      () => advertisedTo('west'),
      (prefixes) => prefixes.join() === advertised.join(),
    );
    expect(await sessions()).toEqual(UNTOUCHED);
    expect(speakers.east.isClosed || speakers.west.isClosed).toBe(false);
    // The east hears of our own routes only, and of nothing when they do not change.
    if (!('originate' in change)) expect(speakers.east.count(UPDATE)).toBe(updates);
  });

  test('a file that says the same in other words changes nothing', async () => {
    expect(await reload({ ...BASE, decision: { multipath: true } })).toEqual([]);
    expect(await sessions()).toEqual(UNTOUCHED);
  });
});

describe('what shows in a session resets that session only', () => {
  beforeEach(start);
  afterEach(stop);

  test.each([
    ['another hold time', { holdTimeSeconds: 30 }, 'peer-restart reset', '6/6'],
    ['another family', { families: ['ipv4-unicast', 'ipv6-unicast'] }, 'peer-restart reset', '6/6'],
    ['graceful restart switched off', { gracefulRestart: { mode: 'off' } }, 'peer-restart reset', '6/6'],
    ['another AS of ours', { localAs: 65_099 }, 'peer-restart reset', '6/6'],
    ['a session that is switched off', { enabled: false }, 'peer-restart reset', '6/2'],
    ['another name', { name: 'orient' }, 'peer-replace reset', '6/3'],
  ])('%s ends it with a Cease', async (_, fields, impact, cease) => {
    const applied = await reload({ ...BASE, peers: [east(fields), west()] });
    expect(applied).toEqual([impact]);
    expect(await speakers.east.notification()).toBe(cease);
    await speakers.east.closed();
    await waitUntil(
      'its routes are gone',
      DEADLINE_MS,
      () => advertisedTo('west'),
      (prefixes) => prefixes.join() === '192.0.2.0/24',
    );
    const { state, sessionsEstablished } = await daemon.peer('west');
    expect({ state, sessionsEstablished }).toEqual({ state: 'Established', sessionsEstablished: 1 });
  });

  test('a peer that is no longer there is told so, and refused from then on', async () => {
    const applied = await reload({ ...BASE, peers: [west()] });
    expect(applied).toEqual(['peer-remove reset']);
    expect(await speakers.east.notification()).toBe('6/3');
    await expect(connect(EAST, 65_001)).rejects.toThrow();
    const line = await waitFor(
      'the refusal is logged',
      DEADLINE_MS,
      () => daemon.log().find(({ msgid }) => msgid === 'PEER_UNKNOWN') ?? null,
    );
    expect(line).toMatchObject({ address: EAST, level: 'warn' });
    expect((await daemon.peer('west')).sessionsEstablished).toBe(1);
  });

  test('the new values hold for the next session', async () => {
    await reload({ ...BASE, peers: [east({ holdTimeSeconds: 30 }), west()] });
    await speakers.east.closed();
    speakers.east = await waitFor('the east is back', DEADLINE_MS, () => connect(EAST, 65_001));
    const { negotiated, sessionsEstablished } = await waitUntil(
      'its session is up',
      DEADLINE_MS,
      () => daemon.peer('east'),
      (peer) => peer.negotiated !== null,
    );
    expect([negotiated?.holdTimeSeconds, sessionsEstablished]).toEqual([30, 2]);
  });
});

describe('a file that cannot be used changes nothing', () => {
  beforeAll(start);
  afterAll(stop);

  const refused = (from: number): LogLine | undefined =>
    daemon
      .log()
      .slice(from)
      .find((line) => line.msgid === 'CONFIG_REFUSED');

  test.each([
    ['a mistake in a field', `routerId: ${DAEMON}\nas: many\n`, 'as', '2 | as: many\n        ^'],
    ['broken YAML', 'routerId: [\n', '', 'peregrine.yaml:2:1'],
    [
      'a reference to nothing',
      `routerId: ${DAEMON}\nas: 65000\npeers: [{address: ${EAST}, as: 1, import: x}]\n`,
      'peers.0.import',
      'there is no policy "x"',
    ],
    ['no text at all', '', 'routerId', 'this field is required'],
  ])('%s', async (_, text, field, message) => {
    const from = daemon.log().length;
    const before = await daemon.status();
    daemon.writeConfig(text);
    daemon.process.signal('SIGHUP');
    const line = await waitFor('the refusal is logged', DEADLINE_MS, () => refused(from) ?? null);
    expect(line).toMatchObject({ level: 'error', file: daemon.configPath, field });
    expect(line.msg).toContain(message);
    const status = await daemon.status();
    expect(status.appliedRevision).toBe(before.appliedRevision);
    expect(status.datastore).toMatchObject({ inSync: false, detail: expect.stringContaining('nothing was changed') });
    expect(await sessions()).toEqual(UNTOUCHED);
    expect(await advertisedTo('west')).toEqual(['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24']);
  });

  test('a file that is gone', async () => {
    const from = daemon.log().length;
    rmSync(daemon.configPath);
    daemon.process.signal('SIGHUP');
    const line = await waitFor('the refusal is logged', DEADLINE_MS, () => refused(from) ?? null);
    expect(line.msg).toContain('no such file');
    expect(await sessions()).toEqual(UNTOUCHED);
  });

  test('and the next good one is taken again', async () => {
    await daemon.reload({ ...BASE, originate: [{ prefix: '10.0.0.0/8' }] });
    await waitUntil(
      'the new route is advertised',
      DEADLINE_MS,
      () => daemon.list<RouteView>('/v1/routes?prefix=10.0.0.0/8'),
      (routes) => routes.length === 1,
    );
    expect((await daemon.status()).datastore).toMatchObject({ inSync: true, detail: '' });
    expect(await sessions()).toEqual(UNTOUCHED);
  });
});
