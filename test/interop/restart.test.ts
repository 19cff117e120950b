/**
 * Graceful restart of our own (RFC 4724 4.1): Peregrine is killed and started again beside each daemon as helper. The
 * helper keeps our routes all the while and drops at our End-of-RIB what we no longer announce; the kernel's routes are
 * never taken away, and what the helper withdrew meanwhile is swept.
 *
 * OpenBGPD and ExaBGP are not among them: as helpers they keep nothing.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fetchOne } from '../../src/cli/client.ts';
import { type Pair, withPair } from '../support/pair.ts';
import type { ForeignKind } from '../support/peers/index.ts';
import { peerView } from '../support/peers/peregrine.ts';
import { announcement } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { kernelRoutes } from '../support/topology.ts';
import { waitUntil } from '../support/wait-for.ts';

const KINDS = ['bird', 'gobgp', 'frr', 'peregrine'] as const;
const FAMILY = 'ipv4-unicast';
const [OUR_KEPT, OUR_DROPPED] = ['10.1.0.0/24', '10.1.1.0/24'];
const [THEIR_KEPT, THEIR_DROPPED] = ['10.2.0.0/24', '10.2.1.0/24'];
const DEADLINE_MS = 45_000;
const SECONDS = 60;

for (const kind of KINDS) {
  const needed = kind === 'peregrine' ? [] : [kind];
  describeInterop(`graceful restart beside ${kind}`, needed, () => {
    const full = { gracefulRestart: { mode: 'full', restartTimeSeconds: SECONDS } };
    const options = {
      // The scene knows Peregrine only as itself, but its driver is one like the others.
      kind: kind as ForeignKind,
      session: 'eBGP',
      dials: 'both',
      overIpv4: [FAMILY],
      both: { gracefulRestartSeconds: SECONDS, peregrine: full },
      peregrineNetworks: [announcement(OUR_KEPT), announcement(OUR_DROPPED)],
      foreignNetworks: [announcement(THEIR_KEPT), announcement(THEIR_DROPPED)],
      kernel: { enabled: true },
    } as const;

    // BIRD 2.0 and GoBGP 3 do not offer the N bit.
    if (kind === 'frr' || kind === 'peregrine')
      test('a session that we reset (Cease, N bit on both sides): nobody loses a route', async () => {
        await withPair(options, async (pair) => {
          await establishWithRoutes(pair);
          const watch = watchOf(pair);
          const them = pair.address(pair.foreign, FAMILY);
          const established = async (): Promise<number> =>
            (await peerView(pair.peregrine.context, them)).sessionsEstablished;
          const before = await established();
          await fetchOne(join(pair.peregrine.context.folder, 'peregrine.sock'), `/v1/peers/${them}/reset`, 'POST');
          await waitUntil('another session is there', DEADLINE_MS, established, (count) => count > before);
          await pair.heard(pair.foreign, FAMILY, OUR_KEPT, (list) => list.some(({ prefix }) => prefix === OUR_KEPT));
          expect(await watch.missed()).toEqual([]);
        });
      });

    test.each([
      // One of them is enough: what peers see of it is the same.
      ...(kind === 'bird' ? [['told to restart', 'SIGTERM', 1] as const] : []),
      ['killed', 'SIGKILL', 1],
      ['killed twice, the second time before it has a session', 'SIGKILL', 2],
    ] as const)('%s: nobody loses a route, and what is gone goes at End-of-RIB', async (_, signal, lives) => {
      await withPair(options, async (pair) => {
        await establishWithRoutes(pair);
        const watch = watchOf(pair);
        for (let life = 1; life <= lives; life++) {
          pair.peregrine.daemon.signal(signal);
          await pair.peregrine.daemon.exited;
          if (life === 1) {
            const ours = pair.address(pair.peregrine, FAMILY);
            await waitUntil(
              'the helper sees that the session is gone',
              DEADLINE_MS,
              () => pair.foreign.session(ours),
              (status) => !status.isEstablished,
            );
            pair.peregrine.forget(OUR_DROPPED);
            await pair.foreign.withdraw(THEIR_DROPPED);
          }
          await pair.peregrine.restart();
        }
        await pair.established();
        await pair.heard(pair.foreign, FAMILY, 'the kept route only', (list) => list.length === 1, DEADLINE_MS);
        const isSwept = (list: readonly string[]): boolean => list.length === 2;
        await waitUntil('the kernel has their kept route and ours', DEADLINE_MS, () => prefixes(pair), isSwept);
        expect(await prefixes(pair)).toEqual([THEIR_KEPT, `blackhole ${OUR_KEPT}`]);
        expect(await watch.missed()).toEqual([]);
        const log = pair.peregrine.daemon.log();
        expect(log).toMatch(/"msgid":"RECOVERY".*"adopted":\[4,0\],"forwardingPreserved":\[true,true\]/);
        await waitUntil(
          'the restart is over',
          DEADLINE_MS,
          () => pair.peregrine.daemon.log(),
          (text) => text.includes('"RECOVERY_OVER"'),
        );
        expect(existsSync(join(pair.peregrine.context.folder, 'peregrine.restart'))).toBe(true);
      });
    });
  });
}

async function establishWithRoutes(pair: Pair): Promise<void> {
  await pair.established();
  // FRR tells us our own routes, too.
  const has =
    (...wanted: readonly string[]) =>
    (list: readonly { readonly prefix: string }[]) =>
      wanted.every((prefix) => list.some((route) => route.prefix === prefix));
  await pair.heard(pair.peregrine, FAMILY, 'both routes', has(THEIR_KEPT, THEIR_DROPPED), DEADLINE_MS);
  await pair.heard(pair.foreign, FAMILY, 'both routes', has(OUR_KEPT, OUR_DROPPED), DEADLINE_MS);
  await waitUntil(
    'all are in the kernel',
    DEADLINE_MS,
    () => prefixes(pair),
    (list) => list.length === 4,
  );
  const { negotiated } = await peerView(pair.peregrine.context, pair.address(pair.foreign, FAMILY));
  expect(negotiated?.gracefulRestart?.restartTimeSeconds).toBe(SECONDS);
}

async function prefixes(pair: Pair): Promise<readonly string[]> {
  const { lab, peregrine } = pair;
  const lines = await kernelRoutes(lab, peregrine.context.namespace);
  return lines.map((line) =>
    line.startsWith('blackhole') ? line.split(' ').slice(0, 2).join(' ') : line.split(' ')[0],
  );
}

/**
 * Watches what must never be missing: kernel routes by notification, our kept route at the helper by asking. Of FRR it
 * is its kernel route, too: its list of a neighbour's routes is made in two steps between which the session may change.
 */
function watchOf(pair: Pair): { missed(): Promise<readonly string[]> } {
  const { lab, peregrine, foreign } = pair;
  const watched = foreign.kind === 'frr' ? [peregrine, foreign] : [peregrine];
  const monitors = watched.map(({ context: { namespace } }) =>
    lab.spawn(namespace, ['ip', '-4', 'monitor', 'route'], { logName: 'monitor' }),
  );
  const seen: string[] = [];
  let isOver = foreign.kind === 'frr';
  const asking = (async () => {
    const from = pair.address(peregrine, FAMILY);
    while (!isOver) {
      const list = await foreign.received(from, FAMILY);
      if (!list.some(({ prefix }) => prefix === OUR_KEPT)) seen.push(`${foreign.kind} without ${OUR_KEPT}`);
    }
  })().catch((error: unknown) => seen.push(String(error)));
  return {
    async missed() {
      isOver = true;
      await asking;
      const lines = monitors.flatMap((monitor) => monitor.log().split('\n'));
      const isKept = (line: string): boolean => [OUR_KEPT, THEIR_KEPT].some((prefix) => line.includes(prefix));
      return [...seen, ...lines.filter((line) => line.startsWith('Deleted') && isKept(line))];
    },
  };
}
