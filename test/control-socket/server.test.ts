/** The socket itself: framing under pipelining, bounds, clients that misbehave, the file. */

import { existsSync, linkSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { BirdSocket } from '../../src/bird-socket/server.ts';
import { loopbackAddress, temporaryFolder } from '../support/loopback.ts';
import { waitFor } from '../support/wait-for.ts';
import { BirdSpeaker } from './bird-speaker.ts';
import { askBird, BirdClient } from './client.ts';

const OWN = loopbackAddress(31);
const open: BirdSpeaker[] = [];

async function start(options: Parameters<typeof BirdSpeaker.start>[2] = {}, routes = 2): Promise<BirdSpeaker> {
  const originate = Array.from({ length: routes }, (_, n) => ({ prefix: `10.${n >> 8}.${n & 255}.0/24` }));
  const bird = await BirdSpeaker.start(OWN, { routerId: '10.0.0.1', as: 64512, originate }, options);
  open.push(bird);
  return bird;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((bird) => bird.stop()));
});

/** Everything that comes until the daemon closes. */
function conversation(path: string, text: string, isHalfClosed: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
    socket.write(text);
    if (isHalfClosed) socket.end();
  });
}

test('the greeting comes at once, before anything is asked', async () => {
  const bird = await start();
  const client = await BirdClient.connect(bird.paths[0]);
  expect(await client.line()).toBe('0001 BIRD v0.3.3+birdv1.6.8 ready.');
  client.close();
});

test('pipelined commands are answered in order, also when the client has closed its half', async () => {
  const bird = await start();
  const answer = await conversation(bird.paths[0], 'show route count\r\nfoo\nshow route count\nshow route', true);
  // What has no line end is no command.
  expect(answer.split('\n').slice(1)).toEqual([
    '0014 2 of 2 routes for 2 networks',
    '9001 syntax error',
    '0014 2 of 2 routes for 2 networks',
    '',
  ]);
});

test.each([
  ['without an end', 'x'.repeat(1500)],
  ['with one', `show route ${'x'.repeat(1500)}\n`],
])('a command that is too long, %s, ends the session', async (_, text) => {
  const bird = await start();
  const answer = await conversation(bird.paths[0], text, false);
  expect(answer.split('\n').slice(1)).toEqual(['9000 Command too long', '']);
  expect((await bird.ask('show route count'))[0]).toBe('0014 2 of 2 routes for 2 networks');
});

test('octets of any kind cost their session at most', async () => {
  const bird = await start();
  const noise = Buffer.from(Array.from({ length: 4000 }, (_, n) => (n * 7919) & 0xff));
  await conversation(bird.paths[0], noise.toString('latin1'), true);
  expect((await bird.ask('show route count'))[0]).toBe('0014 2 of 2 routes for 2 networks');
});

test('one client more than there may be is told so, the others go on', async () => {
  const bird = await start({ socket: { maxClients: 3 } });
  const clients = await Promise.all([1, 2, 3].map(() => BirdClient.connect(bird.paths[0])));
  await Promise.all(clients.map((client) => client.ask('show status')));
  expect(await conversation(bird.paths[0], '', false)).toBe('9000 Too many clients\n');
  expect((await clients[0].ask('show route count'))[0]).toBe('0014 2 of 2 routes for 2 networks');
  clients[1].close();
  await waitFor('a place is free', 5000, () => (bird.sockets[0].clientCount === 2 ? true : null));
  expect((await bird.ask('show route count'))[0]).toBe('0014 2 of 2 routes for 2 networks');
  for (const client of clients) client.close();
});

test('a client that never reads is waited for without memory, and cut in the end; others are served meanwhile', async () => {
  const bird = await start({ socket: { stalledMs: 1500 } }, 20_000);
  const before = process.memoryUsage().rss;
  const stalled = await Promise.all(Array.from({ length: 20 }, () => BirdClient.connect(bird.paths[0])));
  for (const client of stalled) {
    client.pause();
    // 20 answers of about a megabyte each.
    client.send(Array(20).fill('show route all').join('\n'));
  }
  const client = await BirdClient.connect(bird.paths[0]);
  for (let count = 0; count < 10; count++) await client.ask('show protocols all');
  expect(client.timing.longestGapMs).toBeLessThan(2000);
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  client.close();
  await waitFor('they are cut', 20_000, () => (bird.sockets[0].clientCount === 0 ? true : null));
  for (const one of stalled) one.close();
});

test('a slow client gets all of its answer', async () => {
  const bird = await start({}, 20_000);
  const client = await BirdClient.connect(bird.paths[0]);
  client.pause();
  client.send('show route');
  await new Promise((resolve) => setTimeout(resolve, 200));
  client.resume();
  let rows = 0;
  for (let text = await client.line(); !text.startsWith('0000'); text = await client.line()) {
    if (!text.startsWith('0001')) rows++;
  }
  expect(rows).toBe(20_000);
  client.close();
});

test('fifty clients at once all get their answers', async () => {
  const bird = await start({}, 1000);
  const answers = await Promise.all(Array.from({ length: 50 }, () => askBird(bird.paths[0], 'show route')));
  for (const answer of answers) expect(answer).toHaveLength(1001);
});

test('the file: mode 0660, removed at the end', async () => {
  const bird = await start();
  for (const path of bird.paths) expect(statSync(path).mode & 0o777).toBe(0o660);
  await Promise.all(open.splice(0).map((one) => one.stop()));
  for (const path of bird.paths) expect(existsSync(path)).toBe(false);
});

test('a stale file is replaced; a live one, and what is no socket, are left alone', async () => {
  const bird = await start();
  const context = bird.contextOf(0);
  const folder = temporaryFolder();
  const [stale, live, file] = ['stale', 'live', 'file'].map((name) => join(folder, name));
  const owner = await listening(live);
  writeFileSync(file, 'precious');
  // A socket file whose process is gone: a second name of it stays when the first one is removed.
  const dead = await listening(`${stale}.first`);
  linkSync(`${stale}.first`, stale);
  await new Promise((resolve) => dead.close(resolve));
  const replacing = new BirdSocket({ path: stale, context });
  await replacing.open();
  expect((await askBird(stale, 'show route count'))[0]).toBe('0014 2 of 2 routes for 2 networks');
  await replacing.close();
  await expect(new BirdSocket({ path: live, context }).open()).rejects.toThrow(/another process answers/);
  await expect(new BirdSocket({ path: file, context }).open()).rejects.toThrow(/not a socket/);
  expect(readFileSync(file, 'utf8')).toBe('precious');
  owner.close();
});

function listening(path: string): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer().listen(path, () => resolve(server));
  });
}
