/**
 * Real Internet streams replayed through the whole daemon: the real process, a TCP session under the stream's own AS,
 * and the table read through the control API. It must hold exactly the prefixes and attributes that bgpdump and a
 * table of plain text come to (../shared/corpora/real/README.md), and nothing of it once the session is closed.
 */

import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import type { ReceivedView } from '../../src/api/schema.ts';
import { fetchList } from '../../src/cli/client.ts';
import { LocalDaemon } from '../support/local-daemon.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { fourOctetAs, multiprotocol, SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';
import { loadStreamIndex, readFinalRib, readStream, type StreamEntry } from './real-streams.ts';

const index = loadStreamIndex();
const OUR_AS = 64_999;
const DAEMON = loopbackAddress(1);
const PEER = loopbackAddress(2);
const LOAD_DEADLINE_MS = 60_000;
const TEST_DEADLINE_MS = 180_000;
const DIFFERENCES_SHOWN = 5;
/** Loading the same table a second time may cost this much more: what the collector has not got round to. */
const GROWTH_OCTETS = 16 * 1024 * 1024;
const GROWTH_OCTETS_PER_PREFIX = 64;
/** Smaller tables say nothing about speed. */
const TIMED_PREFIXES = 100_000;

let daemon: LocalDaemon | null = null;
let peer: SocketSpeaker | null = null;
afterEach(async () => {
  peer?.close();
  await daemon?.stop();
});

/**
 * The lines of the expectation by prefix. RFC 7607 forbids AS 0: a path with it is withdrawn, an AGGREGATOR with it
 * discarded (the files were made without that rule; the index says how many prefixes stay with it).
 */
function expectedTable(entry: StreamEntry): Map<string, string> {
  const table = new Map<string, string>();
  for (const line of (readFinalRib(entry) ?? '').split('\n')) {
    if (line === '') continue;
    const fields = line.split('|');
    if (/(^|[ {,])0($|[ },])/.test(fields[1])) continue;
    if (fields[8].startsWith('0 ')) fields[8] = '';
    table.set(fields[0], fields.join('|'));
  }
  return table;
}

/** A path as the expectation writes it: `prefix|AS path|origin|next hop|LOCAL_PREF|MED|communities|atomic|aggregator`. */
function line({ prefix, attributes }: ReceivedView): string {
  return [
    prefix,
    attributes.asPath,
    attributes.origin.toUpperCase(),
    attributes.nextHop,
    attributes.localPref ?? 0,
    attributes.med ?? 0,
    attributes.communities.join(' '),
    attributes.atomicAggregate ? 'AG' : 'NAG',
    attributes.aggregator ?? '',
  ].join('|');
}

/** Compares the received table, as it streams in, with the expectation; the first differences in words. */
async function differences(
  socketPath: string,
  wanted: Map<string, string>,
): Promise<{ count: number; shown: string[] }> {
  const shown: string[] = [];
  let count = 0;
  const differs = (text: string): void => {
    count++;
    if (shown.length < DIFFERENCES_SHOWN) shown.push(text);
  };
  const missing = new Map(wanted);
  for await (const view of fetchList<ReceivedView>(socketPath, '/v1/peers/stream/received')) {
    const is = line(view);
    const want = missing.get(view.prefix);
    if (want === undefined) differs(`not expected, or twice: ${is}`);
    else if (want !== is) differs(`is:     ${is}\nwanted: ${want}`);
    missing.delete(view.prefix);
  }
  for (const want of missing.values()) differs(`missing: ${want}`);
  return { count, shown };
}

function residentOctets(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

async function load(running: LocalDaemon, entry: StreamEntry, stream: Uint8Array): Promise<number> {
  const capabilities = [multiprotocol(1), multiprotocol(2)];
  if (entry.asn4) capabilities.push(fourOctetAs(entry.ibgpLike ? OUR_AS : entry.peerAs));
  const as = entry.ibgpLike ? OUR_AS : entry.peerAs;
  peer = await SocketSpeaker.establish({ localAddress: PEER, address: DAEMON, as, capabilities, keepsUpdates: false });
  const before = (await running.peer('stream')).messages.updatesReceived;
  const startMs = performance.now();
  await peer.sendAll(stream);
  await waitUntil(
    'all messages are read',
    LOAD_DEADLINE_MS,
    async () => (await running.peer('stream')).messages.updatesReceived - before,
    (received) => received === entry.messages,
  );
  return performance.now() - startMs;
}

async function unload(running: LocalDaemon): Promise<void> {
  peer?.close();
  await waitUntil(
    'nothing is left of the table',
    LOAD_DEADLINE_MS,
    () => running.status(),
    ({ tables, attributeSets }) =>
      attributeSets === 0 && Object.values(tables).every(({ prefixes, paths }) => prefixes === 0 && paths === 0),
  );
}

describe.skipIf(index === null)(
  'tables of real streams (skipped where ../shared/corpora/real is not installed)',
  () => {
    test.each((index ?? []).map((entry) => [entry.id, entry] as const))(
      '%s ends in exactly the expected table, and in none when its session closes',
      async (_, entry) => {
        expect(entry.addPath, 'this replay offers no ADD-PATH').toBe(false);
        const wanted = expectedTable(entry);
        expect(wanted.size).toBe(entry.finalPrefixesIfRfc7607Applied ?? entry.bgpdump.finalPrefixes);
        daemon = await LocalDaemon.start(DAEMON, {
          routerId: DAEMON,
          as: OUR_AS,
          logLevel: 'info',
          peers: [
            {
              name: 'stream',
              address: PEER,
              as: entry.ibgpLike ? OUR_AS : entry.peerAs,
              passive: true,
              families: ['ipv4-unicast', 'ipv6-unicast'],
            },
          ],
        });
        const stream = readStream(entry);
        const loadMs = await load(daemon, entry, stream);
        const { tables } = await daemon.status();
        expect(tables['ipv4-unicast'].paths + tables['ipv6-unicast'].paths).toBe(wanted.size);
        const readStartMs = performance.now();
        const { count, shown } = await differences(daemon.socketPath, wanted);
        expect(count, shown.join('\n')).toBe(0);
        const readMs = performance.now() - readStartMs;

        await unload(daemon);
        const first = residentOctets(daemon.process.pid);
        // The same table once more must find the room that the first one left.
        await load(daemon, entry, stream);
        await unload(daemon);
        const growth = residentOctets(daemon.process.pid) - first;
        expect(growth).toBeLessThan(GROWTH_OCTETS + wanted.size * GROWTH_OCTETS_PER_PREFIX);
        if (wanted.size < TIMED_PREFIXES) return;
        process.stdout.write(
          `${entry.id}: ${wanted.size} prefixes in ${loadMs.toFixed(0)} ms, ` +
            `${Math.round((wanted.size / loadMs) * 1000)} a second; read and compared in ${readMs.toFixed(0)} ms; ` +
            `resident ${Math.round(first / 2 ** 20)} MiB when it is gone, ${Math.round(growth / 2 ** 20)} MiB more after ` +
            'the same once more\n',
        );
      },
      TEST_DEADLINE_MS,
    );
  },
);
