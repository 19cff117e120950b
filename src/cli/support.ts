/** `support-dump` writes what the daemon tells into a file; `replay` runs it again and asks it like a daemon. */

import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { DEFAULT_CONTROL_SOCKET, type StatusView } from '../api/schema.ts';
import { fetchLines, fetchOne } from './client.ts';
import type { Call, Command } from './command.ts';
import { formatOctets } from './table.ts';
import { UsageError } from './usage-error.ts';

export async function supportDump({ values }: Call): Promise<number> {
  const socketPath = values.socket ?? DEFAULT_CONTROL_SOCKET;
  const status = await fetchOne<StatusView>(socketPath, '/v1/status');
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  const name = (status.nodeName ?? status.routerId).replaceAll(/[^\w.-]/g, '_');
  const path = values.output ?? `peregrine-${name}-${time}.dump.gz`;
  let last = '';
  let octets = 0;
  const lines = async function* () {
    for await (const line of fetchLines(socketPath, '/v1/support-dump')) {
      last = line;
      yield `${line}\n`;
    }
  };
  const gzip = createGzip();
  gzip.on('data', (chunk: Buffer) => {
    octets += chunk.length;
  });
  // Only for whoever asked: the file says much about a network.
  const out = path === '-' ? process.stdout : createWriteStream(path, { mode: 0o600 });
  await pipeline(Readable.from(lines()), gzip, out);
  const end = JSON.parse(last) as { readonly part: string; readonly paths: number; readonly isWhole: boolean };
  if (end.part !== 'end') throw new Error('the daemon broke off its answer');
  const cut = end.isWhole ? '' : ', not all of them';
  const answer = { file: path, octets, paths: end.paths, isWhole: end.isWhole };
  const text = `wrote ${path} (${formatOctets(octets)}, ${end.paths} paths${cut}); look: peregrine replay ${path}`;
  if (path !== '-') process.stdout.write(values.json ? `${JSON.stringify(answer)}\n` : `${text}\n`);
  return 0;
}

/** Commands that a replay can answer. */
const ANSWERED = /^(show|explain|get|ready) /;

/** Runs the dump again and has the command ask it; without one, what it shows in short. */
export async function replay(
  call: Call,
  command: { readonly which: Command; readonly call: Call } | null,
): Promise<number> {
  const [path] = call.args;
  if (command !== null && !ANSWERED.test(`${command.which.usage} `)) {
    throw new UsageError(`a replay answers show, explain and get, not ${command.which.usage}`);
  }
  const [{ readDump, replaySpeaker }, { replayApi }, { ApiServer }, { SILENT_LOG }] = await Promise.all([
    import('../support/replay.ts'),
    import('../support/replay-api.ts'),
    import('../api/server.ts'),
    import('../log/log.ts'),
  ]);
  const dump = await readDump(linesOf(path));
  const { head, end } = dump;
  if (end === null) process.stderr.write(`${path} is cut off: what follows is not all\n`);
  else if (!end.isWhole) process.stderr.write(`${path} has the first ${end.paths} paths only\n`);
  const speaker = await replaySpeaker(dump);
  const folder = mkdtempSync(join(tmpdir(), 'peregrine-replay-'));
  const isServed = command === null && call.values.socket !== undefined;
  const socket = isServed ? String(call.values.socket) : join(folder, 'socket');
  const server = await ApiServer.start({ socketPath: socket }, replayApi(speaker, dump), SILENT_LOG);
  try {
    if (command !== null) {
      return await command.which.run({ ...command.call, values: { ...command.call.values, socket } });
    }
    const about = `dump of ${head.createdAt}, peregrine ${head.version}, Node.js ${head.nodeVersion}, ${head.platform}`;
    if (isServed) {
      process.stdout.write(`${about}; it answers on --socket ${socket} until Ctrl-C\n`);
      await new Promise<void>((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
      return 0;
    }
    const shows = { ...(await import('./show.ts')) };
    const json = call.values.json ?? false;
    const write = (text: string): void => void process.stdout.write(text);
    const options = { socketPath: socket, json, query: new URLSearchParams(), write, policies: false };
    if (!json) write(`${about}\n\n`);
    await shows.showStatus(options);
    if (json) return 0;
    write('\n');
    await shows.showPeers(options);
    write(`\nTry: peregrine replay ${path} show routes, show kernel, explain route PREFIX, show recent\n`);
    return 0;
  } finally {
    await server.close();
    await speaker.shutdown('silent');
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of a file of JSON lines, as it is or gzip. */
async function* linesOf(path: string): AsyncGenerator<string> {
  const isZipped = !/\.(json|ndjson|jsonl)$/.test(path);
  const file = createReadStream(path);
  const input = isZipped ? file.pipe(createGunzip()) : file;
  file.on('error', (error) => input.destroy(error));
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'Z_BUF_ERROR') return;
    throw new Error(code === 'Z_DATA_ERROR' ? `${path}: no gzip file, so no support dump` : message);
  }
}
