// Runs the daemon's script for a moment and keeps what V8 has compiled by then (scripts/build.mjs calls it):
// `node scripts/keep-code.mjs DIST SCRIPT FILE`. Two daemons on loopback bring up a session with each other, on ports that
// the system gives; which code is kept decides only how soon it runs, never what it does.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Script } from 'node:vm';

const [, , dist, name, kept, peer] = process.argv;
const PATIENCE_MS = 20_000;

async function freePort(host) {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const file = join(dist, `${name}.cjs`);
const script = new Script(await readFile(file, 'latin1'), { filename: file });
/** As src/start.ts does it. */
function run(argv) {
  process.argv.splice(2, process.argv.length, ...argv);
  const module = { exports: {} };
  const url = pathToFileURL(file);
  script.runInThisContext()(createRequire(url), module, module.exports, url.href);
}

if (peer !== undefined) run(['run', '--log-level', 'error', '--config', peer]);
else {
  const folder = await mkdtemp(join(tmpdir(), 'peregrine-build-'));
  const hosts = ['127.0.0.1', '127.0.0.2'];
  const ports = [await freePort(hosts[0]), await freePort(hosts[1])];
  const configs = [];
  for (const [i, host] of hosts.entries()) {
    const configuration = {
      routerId: host,
      as: 64512 + i,
      logLevel: 'error',
      controlSocket: join(folder, `${i}.sock`),
      listen: [{ address: host, port: ports[i] }],
      kernel: { enabled: false },
      peers: [{ address: hosts[1 - i], port: ports[1 - i], localAddress: host, as: 64513 - i, passive: i === 0 }],
    };
    configs.push(join(folder, `${i}.yaml`));
    await writeFile(configs[i], JSON.stringify(configuration));
  }
  const other = spawn(process.execPath, [fileURLToPath(import.meta.url), dist, name, kept, configs[1]], {
    stdio: 'ignore',
    env: { ...process.env, PEREGRINE_REHEARSAL: 'off' },
  });
  const end = Date.now() + PATIENCE_MS;
  process.env.PEREGRINE_REHEARSAL = 'always';
  run(['run', '--log-level', 'error', '--config', configs[0]]);
  const isUp = async () => {
    const socket = connect(join(folder, '0.sock'));
    socket.on('error', () => {});
    socket.end('GET /v1/peers HTTP/1.0\r\n\r\n');
    const chunks = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    await once(socket, 'close');
    return chunks.join('').includes('Established');
  };
  while (Date.now() < end && !(existsSync(join(folder, '0.sock')) && (await isUp()))) await sleep(20);
  // The rehearsal takes about a second.
  await sleep(3000);
  await writeFile(join(dist, `${kept}.${process.pid}`), script.createCachedData());
  await rename(join(dist, `${kept}.${process.pid}`), join(dist, kept));
  other.kill();
  await rm(folder, { recursive: true, force: true });
  process.exit(0);
}
