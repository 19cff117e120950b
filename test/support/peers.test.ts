/**
 * The harness itself: foreign daemons peer with each other, so that a failing interop test points at Peregrine and not
 * at the harness. Every daemon announces, is heard, replaces and withdraws over both families.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Laboratory } from './netns.ts';
import { type ForeignKind, type Router, startRouter } from './peers/index.ts';
import { announcement, FAMILIES, type Family, neighbour, type ReceivedRoute } from './peers/router.ts';
import { RawSpeaker, updateOctets } from './raw-speaker.ts';
import { describeInterop } from './requirements.ts';
import { waitUntil } from './wait-for.ts';

const SESSION_DEADLINE_MS = 30_000;
const ROUTE_DEADLINE_MS = 10_000;

const PAIRS: readonly (readonly [ForeignKind, ForeignKind, number, number])[] = [
  ['bird', 'gobgp', 65001, 65002],
  ['frr', 'openbgpd', 65001, 65002],
  ['exabgp', 'bird', 65001, 4200000001],
  ['bird', 'frr', 65001, 65001],
  ['gobgp', 'openbgpd', 65001, 65001],
  ['exabgp', 'frr', 65001, 65001],
];

for (const [left, right, leftAs, rightAs] of PAIRS) {
  const kindOfSession = leftAs === rightAs ? 'iBGP' : 'eBGP';
  describeInterop(`${left} and ${right} over ${kindOfSession}`, [left, right], () => {
    let lab: Laboratory;
    let a: Router;
    let b: Router;

    beforeAll(async () => {
      lab = await Laboratory.create(['a', 'b']);
      const [one, two] = [lab.router('a'), lab.router('b')];
      // FRR answers a route refresh of an enhanced-refresh speaker only after an End-of-RIB, hence graceful restart.
      const sessions = (local: typeof one, remote: typeof one, as: number, passive: boolean) => {
        const common = { as, passive, gracefulRestartSeconds: 60 };
        return [
          neighbour({ address: remote.ipv4, localAddress: local.ipv4, families: ['ipv4-unicast'], ...common }),
          neighbour({ address: remote.ipv6, localAddress: local.ipv6, families: ['ipv6-unicast'], ...common }),
        ];
      };
      // The one that connects starts last and finds the other listening.
      b = await startRouter(right, lab, two, {
        localAs: rightAs,
        routerId: two.ipv4,
        neighbours: sessions(two, one, leftAs, true),
        networks: [],
      });
      a = await startRouter(left, lab, one, {
        localAs: leftAs,
        routerId: one.ipv4,
        neighbours: sessions(one, two, rightAs, false),
        networks: [],
      });
      for (const address of [two.ipv4, two.ipv6]) {
        await waitUntil(`${left} has a session with ${address}`, SESSION_DEADLINE_MS, () => a.session(address), isUp);
      }
    });
    afterAll(() => lab?.close());

    const isUp = (status: { readonly isEstablished: boolean }): boolean => status.isEstablished;
    const addressOf = (router: Router, family: Family): string =>
      family === 'ipv4-unicast' ? router.namespace.ipv4 : router.namespace.ipv6;

    async function heard(
      listener: Router,
      speaker: Router,
      family: Family,
      isWanted: (routes: readonly ReceivedRoute[]) => boolean,
    ): Promise<readonly ReceivedRoute[]> {
      const from = addressOf(speaker, family);
      const what = `${listener.kind} hears ${speaker.kind}`;
      return await waitUntil(what, ROUTE_DEADLINE_MS, () => listener.received(from, family), isWanted);
    }

    async function refresh(listener: Router, speaker: Router, family: Family): Promise<void> {
      const from = addressOf(speaker, family);
      const count = () => listener.updatesReceived(from);
      const before = await count();
      await listener.requestRefresh(from, family);
      await waitUntil(`${listener.kind} hears it again`, ROUTE_DEADLINE_MS, count, (now) => now > before);
    }

    describe.each(FAMILIES)('%s', (family) => {
      const prefix = family === 'ipv4-unicast' ? '10.20.0.0/24' : '2001:db8:20::/48';
      const directions = [
        { from: left, to: right, pick: () => ({ speaker: a, listener: b, as: leftAs }) },
        { from: right, to: left, pick: () => ({ speaker: b, listener: a, as: rightAs }) },
      ];
      test.each(directions)(
        '$from announces, replaces, repeats and withdraws a route that $to hears',
        async ({ pick }) => {
          const { speaker, listener, as } = pick();
          const attributes = {
            med: 70,
            localPref: 300,
            communities: ['65001:7', '65001:8'],
            largeCommunities: ['65001:1:2'],
            extendedCommunities: ['rt:65001:9'],
          };
          await speaker.announce(announcement(prefix, attributes));
          const [route, ...others] = await heard(listener, speaker, family, (routes) => routes.length > 0);
          expect(others).toEqual([]);
          const isInternal = leftAs === rightAs;
          expect(route).toEqual({
            prefix,
            nextHop: addressOf(speaker, family),
            asPath: isInternal ? [] : [as],
            origin: 'igp',
            ...attributes,
            localPref: isInternal ? 300 : null,
            originatorId: null,
            clusterList: [],
            pathId: null,
          });

          await speaker.announce(announcement(prefix, { ...attributes, origin: 'egp', med: 71, communities: [] }));
          const replaced = await heard(listener, speaker, family, (routes) => routes[0]?.med === 71);
          expect(replaced).toEqual([{ ...route, origin: 'egp', med: 71, communities: [] }]);

          if (listener.routeRefresh.asks && speaker.routeRefresh.answers) await refresh(listener, speaker, family);

          await speaker.withdraw(prefix);
          expect(await heard(listener, speaker, family, (routes) => routes.length === 0)).toEqual([]);
        },
      );
    });
  });
}

describeInterop('the raw speaker and bird', ['bird'], () => {
  test('it dials, is accepted, and its route is heard', async () => {
    const lab = await Laboratory.create(['raw', 'bird']);
    try {
      const [raw, them] = [lab.router('raw'), lab.router('bird')];
      const sessions = neighbour({
        address: raw.ipv4,
        localAddress: them.ipv4,
        as: 65001,
        families: ['ipv4-unicast'],
        passive: true,
      });
      const config = { localAs: 65002, routerId: them.ipv4, neighbours: [sessions], networks: [] };
      const bird = await startRouter('bird', lab, them, config);
      const speaker = await RawSpeaker.start(lab, raw, null);
      const connection = await speaker.connect(them.ipv4, raw.ipv4);
      await connection.establish({ as: 65001, holdTimeSeconds: 90, routerId: raw.ipv4 });
      connection.send(updateOctets(65001, raw.ipv4, ['198.51.100.0/24']));
      const routes = await waitUntil(
        'BIRD has the route',
        ROUTE_DEADLINE_MS,
        () => bird.received(raw.ipv4, 'ipv4-unicast'),
        (list) => list.length > 0,
      );
      expect(routes).toMatchObject([{ prefix: '198.51.100.0/24', nextHop: raw.ipv4, asPath: [65001] }]);
    } finally {
      await lab.close();
    }
  });
});
