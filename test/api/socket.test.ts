/**
 * The control socket itself: who may use it, what happens to what lies at its path, what a second daemon is told, and
 * that a reader who does not read costs the daemon neither time nor memory.
 */

import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RouteView } from '../../src/api/schema.ts';
import { LocalDaemon, peregrine, shell } from '../support/local-daemon.ts';
import { loopbackAddress, temporaryFolder } from '../support/loopback.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { manyRoutes } from '../support/update-octets.ts';
import { waitFor, waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 20_000;
const PREFIXES = 150_000;
const CONFIG = (routerId: string) => ({ routerId, as: 65_000, listen: [] });
const [DAEMON, PEER, SECOND] = [1, 2, 3].map(loopbackAddress);

describe('the socket file', () => {
  let daemon: LocalDaemon;
  beforeAll(async () => {
    daemon = await LocalDaemon.start(SECOND, CONFIG(SECOND));
  });
  afterAll(() => daemon.stop());

  const runAt = async (path: string): ReturnType<typeof peregrine> => {
    const config = join(temporaryFolder(), 'other.yaml');
    writeFileSync(config, JSON.stringify({ ...CONFIG(PEER), kernel: { resolveNextHops: 'always' } }));
    return peregrine(['run', '--config', config, '--socket', path]);
  };

  test('only the owner and its group may use it', () => {
    expect(statSync(daemon.socketPath).mode & 0o777).toBe(0o660);
  });

  test('a second daemon on it ends with status 1, says why, and the first goes on', async () => {
    const { status, stderr } = await runAt(daemon.socketPath);
    expect(status).toBe(1);
    expect(stderr).toContain(`another process answers on ${daemon.socketPath}; is peregrine running already?`);
    expect((await daemon.status()).routerId).toBe(SECOND);
  });

  test('a file that is no socket is left alone', async () => {
    const path = join(temporaryFolder(), 'precious');
    writeFileSync(path, 'do not delete');
    const { status, stderr } = await runAt(path);
    expect([status, readFileSync(path, 'utf8')]).toEqual([1, 'do not delete']);
    expect(stderr).toContain(`${path} is there and is not a socket`);
  });

  test('a link to a file is left alone', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'precious'), 'do not delete');
    symlinkSync(join(folder, 'precious'), join(folder, 'link'));
    expect((await runAt(join(folder, 'link'))).status).toBe(1);
    expect(readFileSync(join(folder, 'link'), 'utf8')).toBe('do not delete');
  });

  test('what a killed daemon left is replaced, what an ended one had is gone', async () => {
    const first = await LocalDaemon.start(DAEMON, CONFIG(DAEMON));
    await first.process.kill();
    expect(existsSync(first.socketPath)).toBe(true);
    const again = await LocalDaemon.start(
      DAEMON,
      { ...CONFIG(DAEMON), controlSocket: first.socketPath },
      { socketPath: first.socketPath },
    );
    expect((await again.status()).peers.configured).toBe(0);
    await again.stop();
    expect(existsSync(first.socketPath)).toBe(false);
  });

  test('a folder that is missing is made', async () => {
    const path = join(temporaryFolder(), 'run', 'peregrine', 'api.sock');
    const other = await LocalDaemon.start(DAEMON, CONFIG(DAEMON), { socketPath: path });
    expect(existsSync(path)).toBe(true);
    await other.stop();
  });
});

describe('a client that meets', () => {
  const show = (path: string): ReturnType<typeof peregrine> => peregrine(['show', 'status', '--socket', path]);

  test('something that is not our API says so', async () => {
    const path = join(temporaryFolder(), 'other.sock');
    const server = createHttpServer((_, response) => response.writeHead(503).end('<html>busy</html>')).listen(path);
    const { status, stdout, stderr } = await show(path);
    server.close();
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: '',
      stderr: 'peregrine: unexpected answer 503: <html>busy</html>\n',
    });
  });

  test('a daemon that ends in the middle of a list fails instead of showing half of it as all', async () => {
    const path = join(temporaryFolder(), 'dying.sock');
    const line = `${JSON.stringify({ prefix: '192.0.2.0/24', family: 'ipv4-unicast', paths: [] })}\n`;
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n');
      socket.write(`${line.length.toString(16)}\r\n${line}\r\n`);
      setTimeout(() => socket.destroy(), 50);
    }).listen(path);
    const { status, stderr } = await peregrine(['show', 'routes', '--json', '--socket', path]);
    server.close();
    expect(status).toBe(1);
    expect(stderr).toBe('peregrine: the daemon broke off its answer\n');
  });
});

describe('readers of long lists', () => {
  let daemon: LocalDaemon;
  let peer: SocketSpeaker;
  beforeAll(async () => {
    const peers = [{ name: 'full', address: PEER, as: 65_001, passive: true, export: 'reject-all' }];
    daemon = await LocalDaemon.start(DAEMON, { routerId: DAEMON, as: 65_000, logLevel: 'warn', peers });
    peer = await SocketSpeaker.establish({ localAddress: PEER, address: DAEMON, as: 65_001 });
    await peer.sendAll(manyRoutes({ as: 65_001, nextHop: PEER, prefixes: PREFIXES, perUpdate: 10 }));
    await waitUntil(
      'the table is loaded',
      DEADLINE_MS,
      () => daemon.status(),
      ({ tables }) => tables['ipv4-unicast'].paths === PREFIXES,
    );
  });
  afterAll(async () => {
    peer.close();
    await daemon.stop();
  });

  test('twenty who ask for the whole table and do not read cost no memory, and others are answered at once', async () => {
    const before = (await daemon.status()).memory.rssOctets;
    const sockets = Array.from({ length: 20 }, () => {
      const socket = connect(daemon.socketPath);
      socket.on('error', () => {});
      socket.write('GET /v1/routes HTTP/1.1\r\nhost: x\r\n\r\n');
      socket.pause();
      return socket;
    });
    await waitFor('all of them wait', DEADLINE_MS, () => (sockets.every((socket) => !socket.connecting) ? true : null));
    let worstMs = 0;
    for (let n = 0; n < 50; n++) {
      const startMs = performance.now();
      await daemon.status();
      worstMs = Math.max(worstMs, performance.now() - startMs);
    }
    const grown = (await daemon.status()).memory.rssOctets - before;
    process.stdout.write(
      `20 stalled readers: ${(grown / 2 ** 20).toFixed(1)} MiB more, others answered in at most ${worstMs.toFixed(0)} ms\n`,
    );
    // The whole table as text is more than 40 MiB a reader.
    expect(grown).toBeLessThan(64 * 2 ** 20);
    expect(worstMs).toBeLessThan(1000);
    for (const socket of sockets) socket.destroy();
    expect((await daemon.peer('full')).state).toBe('Established');
  });

  test('a fast reader of the whole table takes its turn with others', async () => {
    // A process that does nothing else takes the list as fast as it comes.
    const READER = `require('node:http')
      .get({ socketPath: process.argv[1], path: '/v1/routes' }, (response) => response.resume())`;
    let isDone = false;
    const startMs = performance.now();
    const reading = shell(`${process.execPath} -e "$READER" ${daemon.socketPath}`, { READER }).then(({ status }) => {
      isDone = true;
      expect(status).toBe(0);
      return performance.now() - startMs;
    });
    let worstMs = 0;
    while (!isDone) {
      const askedMs = performance.now();
      await daemon.status();
      worstMs = Math.max(worstMs, performance.now() - askedMs);
    }
    const readMs = await reading;
    process.stdout.write(
      `table read in ${readMs.toFixed(0)} ms, others answered in at most ${worstMs.toFixed(0)} ms\n`,
    );
    // As a share, since the machine may be slow: who has to wait for the whole list waits all of that time.
    expect(worstMs).toBeLessThan(readMs / 3);
  });

  test('a reader that pauses in the middle gets the whole list in the end', async () => {
    const lines = await new Promise<number>((resolve, reject) => {
      request({ socketPath: daemon.socketPath, path: '/v1/routes' }, (response) => {
        let count = 0;
        let pauses = 0;
        response.on('data', (chunk: Buffer) => {
          for (const octet of chunk) if (octet === 10) count++;
          if (++pauses > 3) return;
          response.pause();
          setTimeout(() => response.resume(), 100);
        });
        response.on('end', () => resolve(count));
        response.on('error', reject);
      })
        .on('error', reject)
        .end();
    });
    expect(lines).toBe(PREFIXES);
  });

  test('routes that change under a reader leave it with a list that is well-formed', async () => {
    const reading = daemon.list<RouteView>('/v1/routes');
    // Another AS_PATH for each prefix, and none at all, while the list is on its way.
    await peer.sendAll(manyRoutes({ as: 65_001, nextHop: PEER, prefixes: PREFIXES, perUpdate: 7 }));
    peer.close();
    const routes = await reading;
    expect(routes.length).toBeLessThanOrEqual(PREFIXES);
    for (const { prefix, paths } of routes) {
      expect(prefix).toMatch(/^\d+\.\d+\.\d+\.0\/24$/);
      expect(paths.length).toBe(1);
    }
  });
});
