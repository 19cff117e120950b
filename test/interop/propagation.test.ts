/**
 * A route's way through Peregrine from one foreign daemon to others: what is rewritten towards eBGP and what stays
 * towards iBGP (RFC 4271 5.1, 9.1.3), who hears nothing because a community says so (RFC 1997), our own AS in a path
 * (RFC 4271 9.1.2), equal paths in the kernel.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Laboratory, type Namespace } from '../support/netns.ts';
import { type ForeignKind, type Router, startRouter } from '../support/peers/index.ts';
import { advertised, routes } from '../support/peers/peregrine.ts';
import { type Announcement, announcement, type Family, type Neighbour, neighbour } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 30_000;
const OUR_AS = 65001;
const FEEDER_AS = 65011;
const OUTER_AS = 65021;
const NO_EXPORT = '65535:65281';
const NO_ADVERTISE = '65535:65282';
/** Announced last: when it is heard, everything before it has been heard or will not be. */
const SENTINEL = { 'ipv4-unicast': '10.255.0.0/24', 'ipv6-unicast': '2001:db8:255::/48' } as const;

const CASTS: readonly { readonly feeder: ForeignKind; readonly outer: ForeignKind; readonly inner: ForeignKind }[] = [
  { feeder: 'bird', outer: 'frr', inner: 'gobgp' },
  { feeder: 'exabgp', outer: 'openbgpd', inner: 'bird' },
];

function addressOf(namespace: Namespace, family: Family): string {
  return family === 'ipv4-unicast' ? namespace.ipv4 : namespace.ipv6;
}

function sessions(
  local: Namespace,
  remote: Namespace,
  as: number,
  given: Partial<Neighbour> = {},
): readonly Neighbour[] {
  return [
    neighbour({ address: remote.ipv4, localAddress: local.ipv4, as, families: ['ipv4-unicast'], ...given }),
    neighbour({ address: remote.ipv6, localAddress: local.ipv6, as, families: ['ipv6-unicast'], ...given }),
  ];
}

for (const cast of CASTS) {
  const title = `from ${cast.feeder} through Peregrine to ${cast.outer} (eBGP) and ${cast.inner} (iBGP)`;
  describeInterop(title, [cast.feeder, cast.outer, cast.inner], () => {
    let lab: Laboratory;
    let peregrine: Router;
    let feeder: Router;
    let outer: Router;
    let inner: Router;

    beforeAll(async () => {
      lab = await Laboratory.create(['peregrine', 'feeder', 'outer', 'inner']);
      const us = lab.router('peregrine');
      const roles = [
        { label: 'feeder', kind: cast.feeder, as: FEEDER_AS },
        { label: 'outer', kind: cast.outer, as: OUTER_AS },
        { label: 'inner', kind: cast.inner, as: OUR_AS },
      ] as const;
      [feeder, outer, inner] = await Promise.all(
        roles.map(({ label, kind, as }) => {
          const place = lab.router(label);
          const neighbours = sessions(place, us, OUR_AS, { passive: true });
          return startRouter(kind, lab, place, { localAs: as, routerId: place.ipv4, neighbours, networks: [] });
        }),
      );
      peregrine = await startRouter('peregrine', lab, us, {
        localAs: OUR_AS,
        routerId: us.ipv4,
        neighbours: roles.flatMap(({ label, as }) => sessions(us, lab.router(label), as)),
        networks: [],
      });
      for (const router of [feeder, outer, inner]) {
        for (const family of ['ipv4-unicast', 'ipv6-unicast'] as const) {
          const address = addressOf(router.namespace, family);
          const what = `the session with ${router.kind} over ${family}`;
          await waitUntil(
            what,
            DEADLINE_MS,
            () => peregrine.session(address),
            (status) => status.isEstablished,
          );
        }
      }
    });
    afterAll(() => lab?.close());

    /** What the listener has from Peregrine once the feeder's announcements, and a last one, have had their effect. */
    async function heardAfter(listener: Router, family: Family, announced: readonly Announcement[]) {
      for (const one of announced) await feeder.announce(one);
      const last = announcement(SENTINEL[family], { med: Math.trunc(performance.now()) });
      await feeder.announce(last);
      const from = addressOf(feeder.namespace, family);
      // Peregrine has the last one, so it has all; the listener's table is complete when it is what we say we told it.
      const isLast = (list: readonly { readonly prefix: string; readonly med: number | null }[]): boolean =>
        list.some((route) => route.prefix === last.prefix && route.med === last.med);
      await waitUntil('the last announcement', DEADLINE_MS, () => peregrine.received(from, family), isLast);
      return await waitUntil(
        `${listener.kind} has what it was told`,
        DEADLINE_MS,
        async () => ({
          told: await advertised(peregrine, addressOf(listener.namespace, family)),
          heard: await listener.received(addressOf(peregrine.namespace, family), family),
        }),
        ({ told, heard }) =>
          told.some((route) => route.prefix === last.prefix) &&
          JSON.stringify(told.map((route) => route.prefix).sort()) ===
            JSON.stringify(heard.map((route) => route.prefix).sort()),
      ).then(({ heard }) => heard.filter((route) => route.prefix !== last.prefix));
    }

    describe.each(['ipv4-unicast', 'ipv6-unicast'] as const)('%s', (family) => {
      const prefix = (index: number): string =>
        family === 'ipv4-unicast' ? `10.50.${index}.0/24` : `2001:db8:50${index}::/48`;
      const plain = announcement(prefix(0), { med: 70, communities: ['65011:1'], largeCommunities: ['65011:1:1'] });

      test('towards eBGP: our AS once in front, next hop ours, neither MED nor LOCAL_PREF', async () => {
        const heard = await heardAfter(outer, family, [plain]);
        expect(heard).toMatchObject([
          {
            prefix: plain.prefix,
            asPath: [OUR_AS, FEEDER_AS],
            nextHop: addressOf(peregrine.namespace, family),
            med: null,
            localPref: null,
            communities: plain.communities,
            largeCommunities: plain.largeCommunities,
          },
        ]);
      });

      test('towards iBGP: path, next hop and MED as they came, LOCAL_PREF 100', async () => {
        const heard = await heardAfter(inner, family, [plain]);
        expect(heard).toMatchObject([
          {
            prefix: plain.prefix,
            asPath: [FEEDER_AS],
            nextHop: addressOf(feeder.namespace, family),
            med: 70,
            localPref: 100,
            communities: plain.communities,
          },
        ]);
      });

      test('NO_EXPORT stays inside, NO_ADVERTISE stays with us', async () => {
        const marked = [
          announcement(prefix(1), { communities: [NO_EXPORT] }),
          announcement(prefix(2), { communities: [NO_ADVERTISE] }),
        ];
        const outside = await heardAfter(outer, family, [plain, ...marked]);
        expect(outside.map((route) => route.prefix)).toEqual([prefix(0)]);
        const inside = await heardAfter(inner, family, []);
        expect(inside.map((route) => route.prefix)).toEqual([prefix(0), prefix(1)]);
        const [known] = await routes(peregrine, prefix(2));
        expect(known.paths).toMatchObject([{ eligible: true, best: true }]);
      });

      // Of all five only FRR sends a route back to where it came from.
      if (cast.outer === 'frr') {
        test('what comes back with our own AS in its path is not used', async () => {
          await heardAfter(outer, family, [plain]);
          const isEcho = (path: { readonly source: string }): boolean =>
            path.source !== addressOf(feeder.namespace, family);
          const [known] = await waitUntil(
            'FRR has sent the route back',
            DEADLINE_MS,
            () => routes(peregrine, plain.prefix),
            ([route]) => route.paths.some(isEcho),
          );
          const echo = known.paths.find(isEcho);
          expect(echo).toMatchObject({ eligible: false, best: false });
          expect(echo?.reason).toMatch(/AS/);
        });
      }
    });
  });
}

describeInterop('equal paths from BIRD and GoBGP in the kernel', ['bird', 'gobgp'], () => {
  test('one route with two next hops; one goes, the other stays', async () => {
    const lab = await Laboratory.create(['peregrine', 'bird', 'gobgp']);
    try {
      const us = lab.router('peregrine');
      const places = { bird: lab.router('bird'), gobgp: lab.router('gobgp') };
      const prefix = '10.99.0.0/24';
      const [bird] = await Promise.all(
        (['bird', 'gobgp'] as const).map((kind) =>
          startRouter(kind, lab, places[kind], {
            localAs: FEEDER_AS,
            routerId: places[kind].ipv4,
            neighbours: sessions(places[kind], us, OUR_AS, { passive: true }),
            networks: [announcement(prefix)],
          }),
        ),
      );
      const peregrine = await startRouter('peregrine', lab, us, {
        localAs: OUR_AS,
        routerId: us.ipv4,
        neighbours: Object.values(places).flatMap((place) => sessions(us, place, FEEDER_AS)),
        networks: [],
        kernel: { enabled: true },
      });
      const kernel = () => peregrine.context.command(['ip', '-4', 'route', 'show', 'proto', 'bird']);
      const has = (text: string, place: Namespace): boolean => text.includes(`via ${place.ipv4} `);
      await waitUntil(
        'two next hops',
        DEADLINE_MS,
        kernel,
        (text) => has(text, places.bird) && has(text, places.gobgp),
      );
      await bird.withdraw(prefix);
      const left = await waitUntil('one next hop', DEADLINE_MS, kernel, (text) => !has(text, places.bird));
      expect(has(left, places.gobgp)).toBe(true);
    } finally {
      await lab.close();
    }
  });
});
