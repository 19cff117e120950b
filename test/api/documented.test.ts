/** docs/control-api.md: its examples run, answer as it shows, and no route is missing from it. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROUTES } from '../../src/api/routes/index.ts';
import { LocalDaemon, shell } from '../support/local-daemon.ts';
import { loopbackAddress, temporaryFolder } from '../support/loopback.ts';
import { updateOctets } from '../support/raw-speaker.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 15_000;
const [SPEAKER, TOR, AWAY] = [1, 2, 3].map(loopbackAddress);
const TEXT = readFileSync(new URL('../../docs/control-api.md', import.meta.url), 'utf8');
/** Blocks of shell, each with the JSON that is shown behind it. */
const BLOCKS = [...TEXT.matchAll(/```sh\n([\s\S]*?)```(?:\n\n```json\n([\s\S]*?)```)?/g)].map(([, lines, json]) => ({
  lines: lines.split('\n').filter((line) => line !== '' && !line.startsWith('S=')),
  json: json === undefined ? null : (JSON.parse(json) as unknown),
}));

let daemon: LocalDaemon;
let tor: SocketSpeaker;
const tokenFile = join(temporaryFolder(), 'token');

beforeAll(async () => {
  writeFileSync(tokenFile, 'example-0123456789abcdef\n');
  daemon = await LocalDaemon.start(SPEAKER, {
    routerId: SPEAKER,
    as: 65_000,
    api: { listen: `${SPEAKER}:8179`, tokenFile },
    peers: [
      { name: 'tor', address: TOR, as: 65_001, passive: true, import: 'accept-all', export: 'accept-all' },
      { name: 'away', address: AWAY, as: 65_002, port: 1 },
    ],
    originate: [{ prefix: '192.0.2.0/24' }],
  });
  tor = await SocketSpeaker.establish({ localAddress: TOR, address: SPEAKER, as: 65_001 });
  tor.send(updateOctets(65_001, TOR, ['10.1.0.0/16', '10.2.0.0/16', '198.51.100.0/24']));
  await waitUntil(
    'the table is there',
    DEADLINE_MS,
    () => daemon.list('/v1/peers/tor/received'),
    ({ length }) => length === 3,
  );
  const hasFailed = () => daemon.peer('away').then(({ lastError }) => lastError !== null);
  await waitUntil('the port is closed', DEADLINE_MS, hasFailed, (is) => is);
});
afterAll(async () => {
  tor.close();
  await daemon.stop();
});

/** Every field of the example is there, and of that kind. */
function differences(example: unknown, actual: unknown, place: string): string[] {
  if (example === null || actual === null) return [];
  if (Array.isArray(example)) {
    if (!Array.isArray(actual)) return [`${place} is no list`];
    return example.length === 0 || actual.length === 0 ? [] : differences(example[0], actual[0], `${place}[0]`);
  }
  if (typeof example !== 'object')
    return typeof example === typeof actual ? [] : [`${place} is ${JSON.stringify(actual)}`];
  return Object.entries(example as object).flatMap(([name, value]) => {
    if (!Object.hasOwn(actual as object, name)) return [`${place}.${name} is missing`];
    return differences(value, Reflect.get(actual as object, name), `${place}.${name}`);
  });
}

describe('examples', () => {
  const examples = BLOCKS.flatMap(({ lines, json }) =>
    lines.map((line, index) => [line, index === lines.length - 1 ? json : null] as const),
  );

  test('are found', () => expect(examples.length).toBeGreaterThan(20));

  test.each(examples)('%s', async (line, json) => {
    const here = line
      .replaceAll('127.0.0.1:8179', `${SPEAKER}:8179`)
      .replaceAll('/etc/peregrine/token', tokenFile)
      .replace(/(^|timeout 2 )peregrine /, '$1$PEREGRINE ')
      .replaceAll('timeout 2 ', 'timeout 20 ');
    const { status, stdout, stderr } = await shell(here, { S: daemon.socketPath });
    // `grep -m 1` goes away in the middle of a stream.
    expect([0, here.includes('| grep -m 1') ? 124 : 0, here.includes('curl -sN') ? 23 : 0], stderr).toContain(status);
    expect(stdout).not.toBe('');
    if (json === null) return;
    const [first] = stdout.trim().split('\n');
    expect(differences(json, JSON.parse(first), '')).toEqual([]);
  });

  test('what is not as shown is seen', () => {
    expect(differences({ a: 1, b: [{ c: '' }] }, { a: 'x', b: [{ d: '' }] }, '')).toEqual([
      '.a is "x"',
      '.b[0].c is missing',
    ]);
  });
});

test.each(
  ROUTES.map(({ method, path }) => [
    `${method} ${path.replaceAll(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase())}`,
  ]),
)('%s is in the document', (route) => expect(TEXT).toContain(`\`${route}`));
