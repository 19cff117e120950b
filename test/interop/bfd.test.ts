/**
 * BFD with BIRD and FRR (RFC 5880 to 5883, what BGP does with it: RFC 5882). Sessions come up with the timers of both
 * sides, over IPv4, IPv6, link-local addresses and several hops. A cut that the kernel does not notice takes BGP down
 * within the Detection Time. What is no failure of the path takes nothing down: either side's BFD being switched off or
 * reconfigured, a peer that restarts (graceful restart), our own restart.
 */

import { expect, test } from 'vitest';
import type { BfdSessionView } from '../../src/api/schema.ts';
import { type Pair, type PairOptions, withPair } from '../support/pair.ts';
import { birdc } from '../support/peers/bird.ts';
import { vtysh } from '../support/peers/frr.ts';
import { bfdViews, peerView } from '../support/peers/peregrine.ts';
import { announcement, type Neighbour } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitUntil } from '../support/wait-for.ts';

const FAMILY = 'ipv4-unicast';
const DEADLINE_MS = 45_000;
const INTERVAL_MS = 300;
const MULTIPLIER = 3;
const BFD: Partial<Neighbour> = { bfd: { intervalMs: INTERVAL_MS, multiplier: MULTIPLIER } };
const CEASE = 6;
const BFD_DOWN = 10;
/** RFC 8538: encloses the other where both sides keep routes over NOTIFICATIONs. */
const HARD_RESET = 9;

for (const kind of ['bird', 'frr'] as const) {
  describeInterop(`BFD with ${kind}`, [kind], () => {
    const base: PairOptions = {
      kind,
      session: 'eBGP',
      dials: 'peregrine',
      overIpv4: [FAMILY],
      both: BFD,
      foreignNetworks: [announcement('10.2.0.0/24')],
    };

    test('a cut that no kernel notices: down within the Detection Time, and up again afterwards', async () => {
      await withPair(base, async (pair) => {
        await up(pair);
        const { ipv4 } = pair.foreign.namespace;
        const [bfd] = await bfdViews(pair.peregrine.context);
        expect(bfd).toMatchObject({ address: ipv4, multihop: false, transmitIntervalMs: INTERVAL_MS, problem: null });
        expect(bfd.remote).toMatchObject({ state: 'Up', minTxMs: INTERVAL_MS, multiplier: MULTIPLIER });
        expect(bfd.detectionTimeMs).toBe(INTERVAL_MS * MULTIPLIER);
        expect((await peerView(pair.peregrine.context, ipv4)).bfd?.state).toBe('Up');

        await cut(pair);
        const startMs = performance.now();
        const peer = await pair.down(DEADLINE_MS);
        const tookMs = performance.now() - startMs;
        expect(peer.lastError?.text).toContain('BFD Down');
        expect(peer.bfd).toMatchObject({ state: 'Down', diagnostic: 'Control Detection Time Expired' });
        expect(await pair.peregrine.received(ipv4, FAMILY)).toEqual([]);
        process.stdout.write(`${kind}: BGP down ${tookMs.toFixed(0)} ms after the cut (as its CLI shows it)\n`);
        await pair.lab.run(pair.peregrine.namespace, ['ip', 'neigh', 'del', ipv4, 'dev', 'eth0']);
        await pair.lab.run(pair.foreign.namespace, [
          'ip',
          'neigh',
          'del',
          pair.peregrine.namespace.ipv4,
          'dev',
          'eth0',
        ]);
        await up(pair, 2);
        expect((await peerView(pair.peregrine.context, ipv4)).sessionsEstablished).toBe(2);
      });
    });

    test('when only one direction is cut we hear of it from the peer, and it is told: Cease, BFD Down', async () => {
      await withPair(base, async (pair) => {
        await up(pair);
        await blackhole(pair, 'foreign');
        const { lastError } = await pair.down(DEADLINE_MS);
        expect(lastError?.code).toBe(CEASE);
        expect([BFD_DOWN, HARD_RESET]).toContain(lastError?.subcode);
      });
    });

    test('switched off and on again, with other timers: the BGP session notices nothing on either side', async () => {
      await withPair(base, async (pair) => {
        await up(pair);
        const { neighbours } = pair.peregrine.context.config;
        const set = (bfd: Neighbour['bfd']) =>
          pair.peregrine.reconfigure({ neighbours: neighbours.map((neighbour) => ({ ...neighbour, bfd })) });
        await set({ intervalMs: 500, multiplier: 4 });
        const isSlower = ([bfd]: readonly BfdSessionView[]) => bfd?.transmitIntervalMs === 500;
        const [changed] = await waitUntil(
          'the new timers',
          DEADLINE_MS,
          () => bfdViews(pair.peregrine.context),
          isSlower,
        );
        expect(changed).toMatchObject({ state: 'Up', timesUp: 1 });
        await set(null);
        // Nobody's any more, but the peer would take its end for a failure of the path.
        expect(await bfdViews(pair.peregrine.context)).toMatchObject([{ peers: [], state: 'Up' }]);
        await set({ intervalMs: INTERVAL_MS, multiplier: MULTIPLIER });
        await up(pair);
        const { sessionsEstablished } = await peerView(pair.peregrine.context, pair.foreign.namespace.ipv4);
        expect(sessionsEstablished).toBe(1);
      });
    });

    test('over IPv6', async () => {
      const { overIpv4: _, ...options } = base;
      await withPair(options, async (pair) => {
        await pair.established();
        const isUp = (list: readonly BfdSessionView[]): boolean =>
          list.length === 2 && list.every(({ state, detectionTimeMs }) => state === 'Up' && detectionTimeMs === 900);
        await waitUntil('both are up', DEADLINE_MS, () => bfdViews(pair.peregrine.context), isUp);
      });
    });

    test('over several hops', async () => {
      await withPair({ ...base, both: { ...BFD, multihopTtl: 5 } }, async (pair) => {
        await up(pair);
        expect((await bfdViews(pair.peregrine.context))[0]).toMatchObject({ multihop: true });
      });
    });

    test('a peer that is killed and comes back in time: its routes stay though BFD goes down', async () => {
      await withPair({ ...base, both: { ...BFD, gracefulRestartSeconds: 60 } }, async (pair) => {
        await up(pair);
        const { ipv4 } = pair.foreign.namespace;
        await pair.heard(pair.peregrine, FAMILY, 'its route', (list) => list.length === 1);
        await pair.foreign.daemon.kill();
        await pair.down(DEADLINE_MS);
        if (kind === 'bird') {
          // FRR's bfdd is a process of its own and goes on.
          const isDown = ([bfd]: readonly BfdSessionView[]): boolean => bfd?.state === 'Down';
          await waitUntil('BFD is down too', DEADLINE_MS, () => bfdViews(pair.peregrine.context), isDown);
        }
        expect(await pair.peregrine.received(ipv4, FAMILY)).toHaveLength(1);
        await pair.foreign.restart();
        await up(pair, null);
        expect(await pair.peregrine.received(ipv4, FAMILY)).toHaveLength(1);
        expect((await peerView(pair.peregrine.context, ipv4)).sessionsEstablished).toBe(2);
      });
    });

    test('our own restart: the peer keeps our routes, BFD does not tell it that the path is gone', async () => {
      const restart = { mode: 'full', restartTimeSeconds: 60 };
      const options: PairOptions = {
        ...base,
        both: { ...BFD, gracefulRestartSeconds: 60 },
        peregrine: { peregrine: { gracefulRestart: restart } },
        peregrineNetworks: [announcement('10.1.0.0/24')],
      };
      await withPair(options, async (pair) => {
        await up(pair);
        await pair.heard(pair.foreign, FAMILY, 'our route', (list) => list.length === 1);
        await pair.peregrine.stop();
        // Longer than the Detection Time.
        await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS * MULTIPLIER * 2));
        expect(await foreignTable(pair)).toContain('10.1.0.0/24');
        await pair.peregrine.restart();
        await up(pair);
        expect(await foreignTable(pair)).toContain('10.1.0.0/24');
        // Not down and up again: gone on with.
        const told = pair.peregrine.daemon.log().match(/BFD_UP|BFD_DOWN/g);
        expect(told, 'of both lives: up once').toEqual(['BFD_UP']);
      });
    });
  });
}

describeInterop('BFD with a peer that has none', ['bird'], () => {
  const base: PairOptions = { kind: 'bird', session: 'eBGP', dials: 'peregrine', overIpv4: [FAMILY] };

  test('the BGP session comes up all the same, and stays', async () => {
    await withPair({ ...base, peregrine: BFD }, async (pair) => {
      await pair.established();
      const [bfd] = await bfdViews(pair.peregrine.context);
      expect(bfd).toMatchObject({ state: 'Down', remote: null, timesUp: 0 });
    });
  });

  test('unless BFD is strict: then it waits, says so, and comes up with BFD', async () => {
    const strict = { peregrine: { bfd: { strict: true } } };
    await withPair({ ...base, peregrine: strict }, async (pair) => {
      const { ipv4 } = pair.foreign.namespace;
      await new Promise((resolve) => setTimeout(resolve, 3000));
      expect(await peerView(pair.peregrine.context, ipv4)).toMatchObject({
        state: 'Idle',
        waitingFor: 'BFD to come up (strict)',
      });
      const { neighbours } = pair.foreign.context.config;
      await pair.foreign.reconfigure({ neighbours: neighbours.map((neighbour) => ({ ...neighbour, ...BFD })) });
      await pair.established();
    });
  });
});

/** BGP is established and BFD is Up, for the n-th time unless that does not matter. */
async function up(pair: Pair, times: number | null = 1): Promise<void> {
  await pair.established();
  const isUp = ([bfd]: readonly BfdSessionView[]): boolean =>
    bfd?.state === 'Up' &&
    (times === null || bfd.timesUp === times) &&
    bfd.detectionTimeMs === INTERVAL_MS * MULTIPLIER;
  await waitUntil('BFD is up', DEADLINE_MS, () => bfdViews(pair.peregrine.context), isUp);
}

/** The peer's table, stale routes included (FRR leaves them out of what it received). */
function foreignTable({ foreign: { kind, context } }: Pair): Promise<string> {
  return kind === 'frr' ? vtysh(context, 'show bgp ipv4 unicast') : birdc(context, 'show', 'route');
}

async function cut(pair: Pair): Promise<void> {
  await blackhole(pair, 'peregrine');
  await blackhole(pair, 'foreign');
}

/** What this side sends is lost on the wire, to a hardware address that nobody has; the link stays up. */
async function blackhole(pair: Pair, side: 'peregrine' | 'foreign'): Promise<void> {
  const [from, to] = side === 'peregrine' ? [pair.peregrine, pair.foreign] : [pair.foreign, pair.peregrine];
  const nobody = ['lladdr', '02:00:00:00:00:99', 'nud', 'permanent', 'dev', 'eth0'];
  await pair.lab.run(from.namespace, ['ip', 'neigh', 'replace', to.namespace.ipv4, ...nobody]);
}
