/** `support-dump` of a running daemon and `replay` of it: the same routes come out, and no secret goes in. */

import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { View } from '../../src/api/schema.ts';
import { LocalDaemon, peregrine } from '../support/local-daemon.ts';
import { loopbackAddress, temporaryFolder } from '../support/loopback.ts';
import { updateOctets } from '../support/raw-speaker.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 15_000;
const PASSWORD = 'never-tell-"this"-to-anybody';
const TOKEN = 'a-token-that-nobody-may-see-0123456789';
const [SPEAKER, EAST, WEST, AWAY] = [1, 2, 3, 4].map(loopbackAddress);
let daemon: LocalDaemon;
let east: SocketSpeaker;
let west: SocketSpeaker;
let file: string;
let text: string;

beforeAll(async () => {
  const tokenFile = join(temporaryFolder(), 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`);
  process.env.PEREGRINE_RECORD_MESSAGES = '1';
  daemon = await LocalDaemon.start(SPEAKER, {
    api: { listen: `${SPEAKER}:8179`, tokenFile },
    routerId: SPEAKER,
    as: 65_000,
    peers: [
      { name: 'east', address: EAST, as: 65_001, passive: true, import: 'no-tests', export: 'accept-all' },
      { name: 'west', address: WEST, as: 65_002, passive: true, import: 'accept-all', export: 'accept-all' },
      { name: 'away', address: AWAY, as: 65_003, port: 1, password: PASSWORD, description: `key ${PASSWORD}` },
    ],
    policies: {
      'no-tests': {
        // biome-ignore lint/suspicious/noThenProperty: the configuration's own word; the object is never awaited.
        statements: [{ match: { prefix: '203.0.113.0/24' }, then: 'reject' }],
        otherwise: 'accept',
      },
    },
    originate: [{ prefix: '192.0.2.0/24', communities: ['65000:1'] }],
  });
  east = await SocketSpeaker.establish({ localAddress: EAST, address: SPEAKER, as: 65_001 });
  west = await SocketSpeaker.establish({ localAddress: WEST, address: SPEAKER, as: 65_002 });
  east.send(updateOctets(65_001, EAST, ['10.1.0.0/16', '10.1.2.0/24', '203.0.113.0/24', '0.0.0.0/0']));
  west.send(updateOctets(65_002, WEST, ['10.1.0.0/16', '198.51.100.0/25']));
  await waitUntil(
    'both are read',
    DEADLINE_MS,
    () => daemon.status(),
    ({ tables }) => tables['ipv4-unicast'].paths === 7,
  );
  await daemon.cli('originate', '203.0.113.7/32', '--owner', 'dns');
  file = join(daemon.folder, 'dump.gz');
  const { status, stdout, stderr } = await daemon.cli('support-dump', '--output', file);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^wrote \S+dump\.gz \(\d+\.\d KiB, 6 paths\); look: peregrine replay /);
  text = gunzipSync(readFileSync(file)).toString();
});
afterAll(async () => {
  delete process.env.PEREGRINE_RECORD_MESSAGES;
  east.close();
  west.close();
  await daemon.stop();
});

const replayed = async (...args: readonly string[]): Promise<string> => {
  const { status, stdout, stderr } = await peregrine(['replay', file, ...args]);
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
};

describe('the dump', () => {
  test('has no password, not even where somebody wrote it into a description', () => {
    expect(text).not.toContain('never-tell');
    expect(text).toContain('(hidden)');
    expect(text).toContain('key (hidden)');
  });

  test('has no token', () => expect(text).not.toContain(TOKEN));

  test('has recent lines that the log may leave out', () => {
    const lines = text
      .split('\n')
      .filter((line) => line.startsWith('{"part":"log"'))
      .map((line) => JSON.parse(line).value as View<'RecentLine'>);
    expect(lines.find(({ msgid, fields }) => msgid === 'PEER_UP' && fields.peer === 'east')).toBeDefined();
    expect(lines.find(({ msgid, level }) => msgid === 'PEER_STATE' && level === 'debug')).toBeDefined();
  });

  test('is for its owner only', async () => {
    const { stdout } = await daemon.cli('support-dump', '--output', '-');
    expect(stdout.length).toBeGreaterThan(100);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});

describe('the replay', () => {
  test.each<[string, readonly string[]]>([
    ['all routes with all paths', ['show', 'routes']],
    ['one route in full', ['show', 'routes', '10.1.0.0/16']],
    ['what a peer sent', ['show', 'received', 'east']],
    ['what is left of it', ['show', 'accepted', 'west']],
    ['what a peer was told', ['show', 'advertised', 'west']],
    ['why a route is best', ['explain', 'route', '10.1.0.0/16']],
    ['why a peer is told a route', ['explain', 'advertised', '10.1.2.0/24', 'west']],
    ['why a route is not in the kernel', ['explain', 'kernel', '10.1.2.0/24']],
    ['policies', ['show', 'policies']],
    ['what is originated', ['show', 'originated', '--json']],
  ])('%s: the same as the daemon says', async (_, args) => {
    const { stdout } = await daemon.cli(...args);
    expect(stdout).not.toBe('');
    expect(await replayed(...args)).toBe(stdout);
  });

  test('sessions as they were', async () => {
    const [now, then] = [await daemon.cli('show', 'peers', '--json'), await replayed('show', 'peers', '--json')];
    const names = (lines: string) =>
      lines
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as View<'Peer'>)
        .map(({ name, state, families }) => ({ name, state, families }));
    expect(names(then).slice(1)).toEqual(names(now.stdout).slice(1));
    expect(await replayed('explain', 'peer', 'away')).toContain('away is down');
  });

  test('the messages that were recorded', async () => {
    const messages = await replayed('show', 'messages');
    expect(messages).toMatch(/ east +OPEN +\d+ /);
    expect(messages).toMatch(/ west +UPDATE +\d+ /);
    // 10.1.0.0/16 as NLRI.
    expect(await replayed('show', 'messages', '--json')).toContain('100a01');
  });

  test('in short, without a command', async () => {
    const summary = await replayed();
    expect(summary).toMatch(/^dump of \S+, peregrine /);
    expect(summary).toMatch(/^east .* Established /m);
  });

  test.each<[string, readonly string[], number, string]>([
    ['nothing can be done to it', ['peer', 'east', 'reset'], 2, 'a replay answers show, explain and get'],
    ['an option of another command', ['show', 'peers', '--owner', 'x'], 2, '--owner is not an option of show peers'],
    ['a command that is none', ['shwo'], 2, 'unknown command "shwo"; did you mean show?'],
  ])('%s', async (_, args, expected, words) => {
    const { status, stderr } = await peregrine(['replay', file, ...args]);
    expect(status).toBe(expected);
    expect(stderr).toContain(words);
  });

  test.each<[string, (path: string) => void, string]>([
    ['a file that is not there', () => {}, 'no such file'],
    ['no gzip file', (path) => writeFileSync(path, 'hello\n'), 'no gzip file, so no support dump'],
    ['something else', (path) => writeFileSync(path, gzipSync('{"a":1}\n')), 'this is no support dump'],
    [
      'a format of tomorrow',
      (path) => writeFileSync(path, gzipSync('{"part":"dump","format":99,"version":"9.9.9"}\n')),
      'the dump has format 99 (peregrine 9.9.9); this one reads 1',
    ],
  ])('%s is refused with one line', async (_, write, words) => {
    const path = join(daemon.folder, 'other.gz');
    write(path);
    const { status, stderr } = await peregrine(['replay', path, 'show', 'routes']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^peregrine: [^\n]*\n$/);
    expect(stderr).toContain(words);
  });

  test('a file that is cut off is shown as far as it goes, and said to be', async () => {
    const path = join(daemon.folder, 'cut.gz');
    writeFileSync(path, readFileSync(file));
    truncateSync(path, Math.floor(readFileSync(file).length * 0.9));
    const { status, stderr } = await peregrine(['replay', path, 'show', 'peers']);
    expect(status).toBe(0);
    expect(stderr).toContain('is cut off');
  });
});
