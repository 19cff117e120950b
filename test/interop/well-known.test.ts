/**
 * Communities with a meaning of their own: GRACEFUL_SHUTDOWN (RFC 8326) lowers preference, BLACKHOLE (RFC 7999) does not
 * leave the AS. And RFC 8212: what eBGP does without policies, by default and when they are required.
 */

import { expect, test } from 'vitest';
import { startRouter } from '../support/peers/index.ts';
import { routes } from '../support/peers/peregrine.ts';
import { announcement, FAMILIES, type Neighbour } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { addressOf, established, kernelRoutes, session, sessions, withLaboratory } from '../support/topology.ts';
import { waitUntil } from '../support/wait-for.ts';

const FAMILY = 'ipv4-unicast';
const OUR_AS = 65001;
const DEADLINE_MS = 20_000;
const PREFIX = '10.2.0.0/24';
const GRACEFUL_SHUTDOWN = '65535:0';
const BLACKHOLE = '65535:666';

const FEEDERS = ['bird', 'gobgp', 'frr', 'openbgpd', 'exabgp'] as const;

for (const kind of FEEDERS) {
  describeInterop(`GRACEFUL_SHUTDOWN from ${kind}`, [kind, 'bird', 'gobgp'], () => {
    test('the other path takes over while it is still there, and gives way again', async () => {
      await withLaboratory(['peregrine', 'leaving', 'staying', 'inner'], async (lab) => {
        const [us, leaving, staying, inner] = ['peregrine', 'leaving', 'staying', 'inner'].map((l) => lab.router(l));
        // Shorter AS path: the one that is going to leave is the better one.
        const [first, , listener] = await Promise.all([
          startRouter(kind, lab, leaving, {
            localAs: 65011,
            routerId: leaving.ipv4,
            neighbours: [session(leaving, us, OUR_AS, FAMILY, { passive: true })],
            networks: [announcement(PREFIX)],
          }),
          startRouter('bird', lab, staying, {
            localAs: 65012,
            routerId: staying.ipv4,
            neighbours: [session(staying, us, OUR_AS, FAMILY, { passive: true })],
            networks: [announcement(PREFIX, { origin: 'incomplete' })],
          }),
          startRouter('gobgp', lab, inner, {
            localAs: OUR_AS,
            routerId: inner.ipv4,
            neighbours: [session(inner, us, OUR_AS, FAMILY, { passive: true })],
            networks: [],
          }),
        ]);
        const peregrine = await startRouter('peregrine', lab, us, {
          localAs: OUR_AS,
          routerId: us.ipv4,
          neighbours: [
            session(us, leaving, 65011, FAMILY),
            session(us, staying, 65012, FAMILY),
            session(us, inner, OUR_AS, FAMILY),
          ],
          networks: [],
          kernel: { enabled: true },
        });
        const goesThrough = async (gateway: string): Promise<void> => {
          const isIt = ([line]: readonly string[]): boolean => (line ?? '').startsWith(`${PREFIX} via ${gateway} `);
          await waitUntil(`through ${gateway}`, DEADLINE_MS, () => kernelRoutes(lab, us), isIt);
          await waitUntil(
            `the inside hears ${gateway}`,
            DEADLINE_MS,
            () => listener.received(us.ipv4, FAMILY),
            ([route]) => route?.nextHop === gateway,
          );
        };
        await established(peregrine, [leaving.ipv4, staying.ipv4, inner.ipv4]);
        await goesThrough(leaving.ipv4);
        await first.announce(announcement(PREFIX, { communities: [GRACEFUL_SHUTDOWN] }));
        await goesThrough(staying.ipv4);
        const [known] = await routes(peregrine, PREFIX);
        expect(known.paths.find((path) => path.source === leaving.ipv4)).toMatchObject({
          eligible: true,
          best: false,
          attributes: { communities: [GRACEFUL_SHUTDOWN] },
        });
        await first.announce(announcement(PREFIX));
        await goesThrough(leaving.ipv4);
      });
    });
  });
}

describeInterop('BLACKHOLE', ['gobgp', 'bird', 'frr'], () => {
  test('is heard inside, not by other systems', async () => {
    await withLaboratory(['peregrine', 'feeder', 'inner', 'outer'], async (lab) => {
      const [us, feeder, inner, outer] = ['peregrine', 'feeder', 'inner', 'outer'].map((label) => lab.router(label));
      const start = (kind: 'gobgp' | 'bird' | 'frr', place: typeof us, as: number, marked: boolean) =>
        startRouter(kind, lab, place, {
          localAs: as,
          routerId: place.ipv4,
          neighbours: [session(place, us, OUR_AS, FAMILY, { passive: true })],
          networks: marked ? [announcement(PREFIX, { communities: [BLACKHOLE] }), announcement('10.3.0.0/24')] : [],
        });
      const [, bird, frr] = await Promise.all([
        start('gobgp', feeder, 65011, true),
        start('bird', inner, OUR_AS, false),
        start('frr', outer, 65021, false),
      ]);
      await startRouter('peregrine', lab, us, {
        localAs: OUR_AS,
        routerId: us.ipv4,
        neighbours: [
          session(us, feeder, 65011, FAMILY),
          session(us, inner, OUR_AS, FAMILY),
          session(us, outer, 65021, FAMILY),
        ],
        networks: [],
      });
      const hears = async (router: typeof bird, count: number): Promise<readonly string[]> => {
        const read = () => router.received(us.ipv4, FAMILY);
        const list = await waitUntil(`${router.kind} hears`, DEADLINE_MS, read, (all) => all.length === count);
        return list.map((route) => route.prefix);
      };
      expect(await hears(bird, 2)).toEqual([PREFIX, '10.3.0.0/24']);
      expect(await hears(frr, 1)).toEqual(['10.3.0.0/24']);
    });
  });
});

describeInterop('eBGP without policies (RFC 8212)', ['frr', 'gobgp', 'bird'], () => {
  test('by default all is accepted and told; when policies are required nothing is, until there are some', async () => {
    await withLaboratory(['peregrine', 'outer', 'inner', 'feeder'], async (lab) => {
      const [us, outer, inner, feeder] = ['peregrine', 'outer', 'inner', 'feeder'].map((label) => lab.router(label));
      const prefixOf = (place: typeof us): string => `10.${place.index}.0.0/24`;
      const [frr, gobgp] = await Promise.all(
        (
          [
            ['frr', outer, 65021],
            ['gobgp', inner, OUR_AS],
            ['bird', feeder, 65011],
          ] as const
        ).map(([kind, place, as]) =>
          startRouter(kind, lab, place, {
            localAs: as,
            routerId: place.ipv4,
            neighbours: [session(place, us, OUR_AS, FAMILY, { passive: true })],
            networks: [announcement(prefixOf(place))],
          }),
        ),
      );
      const neighbours = (given: Partial<Neighbour>): readonly Neighbour[] => [
        session(us, outer, 65021, FAMILY, given),
        session(us, inner, OUR_AS, FAMILY, given),
        session(us, feeder, 65011, FAMILY, given),
      ];
      const none = { peregrine: { export: undefined } };
      const all = { peregrine: { import: 'accept-all', export: 'accept-all' } };
      const peregrine = await startRouter('peregrine', lab, us, {
        localAs: OUR_AS,
        routerId: us.ipv4,
        neighbours: neighbours(none),
        networks: [],
      });
      await established(peregrine, [outer.ipv4, inner.ipv4, feeder.ipv4]);
      const hears = async (router: typeof frr, from: readonly (typeof us)[]): Promise<void> => {
        // FRR echoes what it is told, so only what came through us counts.
        const read = async (): Promise<string> =>
          (await router.received(us.ipv4, FAMILY)).map((route) => route.prefix).join();
        await waitUntil(`${router.kind} hears`, DEADLINE_MS, read, (list) => list === from.map(prefixOf).sort().join());
      };
      await hears(frr, [inner, feeder]);
      await hears(gobgp, [outer, feeder]);

      await peregrine.reconfigure({ peregrine: { ebgpRequiresPolicy: true } });
      await hears(frr, []);
      await hears(gobgp, []);
      const [known] = await routes(peregrine, prefixOf(feeder));
      expect(known.paths).toMatchObject([{ eligible: false }]);
      // iBGP needs none.
      const [internal] = await routes(peregrine, prefixOf(inner));
      expect(internal.paths).toMatchObject([{ eligible: true, best: true }]);

      await peregrine.reconfigure({ neighbours: neighbours(all) });
      await hears(frr, [inner, feeder]);
      await hears(gobgp, [outer, feeder]);
    });
  });
});

describeInterop('a default route and an aggregate', ['bird', 'frr'], () => {
  test('are announced when they are configured, and not otherwise', async () => {
    await withLaboratory(['peregrine', 'bird', 'frr'], async (lab) => {
      const [us, one, two] = ['peregrine', 'bird', 'frr'].map((label) => lab.router(label));
      const listeners = await Promise.all(
        (
          [
            ['bird', one],
            ['frr', two],
          ] as const
        ).map(([kind, place]) =>
          startRouter(kind, lab, place, {
            localAs: 65000 + place.index,
            routerId: place.ipv4,
            neighbours: sessions(place, us, OUR_AS, { passive: true }),
            networks: [],
          }),
        ),
      );
      // A default route of the kernel is nobody's to announce.
      await lab.ip(us, 'route', 'add', 'default', 'via', one.ipv4, 'proto', 'static');
      const wide = { 'ipv4-unicast': '10.0.0.0/8', 'ipv6-unicast': '2001:db8::/32' } as const;
      const any = { 'ipv4-unicast': '0.0.0.0/0', 'ipv6-unicast': '::/0' } as const;
      const peregrine = await startRouter('peregrine', lab, us, {
        localAs: OUR_AS,
        routerId: us.ipv4,
        neighbours: [one, two].flatMap((place) => sessions(us, place, 65000 + place.index)),
        networks: FAMILIES.map((family) => announcement(wide[family])),
      });
      const hear = async (wanted: (family: (typeof FAMILIES)[number]) => readonly string[]): Promise<void> => {
        for (const router of listeners) {
          for (const family of FAMILIES) {
            const read = async (): Promise<string> =>
              (await router.received(addressOf(us, family), family)).map((route) => route.prefix).join();
            const text = [...wanted(family)].sort().join();
            await waitUntil(`${router.kind} hears ${text}`, DEADLINE_MS, read, (list) => list === text);
          }
        }
      };
      await hear((family) => [wide[family]]);
      for (const family of FAMILIES) await peregrine.announce(announcement(any[family]));
      await hear((family) => [any[family], wide[family]]);
      for (const family of FAMILIES) await peregrine.withdraw(any[family]);
      await hear((family) => [wide[family]]);
    });
  });
});
