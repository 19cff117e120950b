/**
 * Routes between Peregrine and every foreign daemon: announce, implicit replace and withdraw in both directions, over
 * IPv4 and IPv6, iBGP and eBGP (RFC 4271 9, RFC 4760), with communities of all three kinds (RFC 1997, 4360, 8092) and a
 * four-octet AS (RFC 6793). What the other side's CLI shows must be what was announced, and what Peregrine shows.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FOREIGN_AS, Pair, PEREGRINE_AS } from '../support/pair.ts';
import { FOREIGN_KINDS } from '../support/peers/index.ts';
import { advertised, peerView, routes } from '../support/peers/peregrine.ts';
import { type Announcement, announcement, FAMILIES, type Family, type ReceivedRoute } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitFor, waitUntil } from '../support/wait-for.ts';

const ROUTE_DEADLINE_MS = 10_000;

const PREFIXES: { readonly [F in Family]: { readonly ours: string; readonly theirs: string } } = {
  'ipv4-unicast': { ours: '10.1.0.0/24', theirs: '10.2.0.0/24' },
  'ipv6-unicast': { ours: '2001:db8:1::/48', theirs: '2001:db8:2::/48' },
};

const ATTRIBUTES = {
  med: 70,
  localPref: 300,
  communities: ['65010:7', '65010:8'],
  largeCommunities: ['4200000010:1:2'],
  extendedCommunities: ['rt:65010:9'],
};

for (const kind of FOREIGN_KINDS) {
  describeInterop(`routes with ${kind}`, [kind], () => {
    describe.each(['iBGP', 'eBGP'] as const)('over %s', (session) => {
      const isInternal = session === 'iBGP';
      let pair: Pair;
      beforeAll(async () => {
        pair = await Pair.start({ kind, session, dials: 'peregrine', kernel: { enabled: true } });
        await pair.established();
      });
      afterAll(() => pair?.close());

      /** What the listener must show for an announcement of the speaker. */
      function expected(announced: Announcement, nextHop: string, speakerAs: number): ReceivedRoute {
        return {
          ...announced,
          nextHop,
          asPath: isInternal ? [] : [speakerAs],
          localPref: isInternal ? (announced.localPref ?? 100) : null,
          originatorId: null,
          clusterList: [],
          pathId: null,
        };
      }

      test.each(FAMILIES)('%s: hears our announcement, its replacement and its withdrawal', async (family) => {
        const prefix = PREFIXES[family].ours;
        const nextHop = pair.address(pair.peregrine, family);
        const first = announcement(prefix, ATTRIBUTES);
        await pair.peregrine.announce(first);
        const heard = await pair.heard(pair.foreign, family, 'the route', (list) => list.length > 0);
        expect(heard).toEqual([expected(first, nextHop, PEREGRINE_AS)]);

        const told = await advertised(pair.peregrine, pair.address(pair.foreign, family));
        expect(told).toMatchObject([{ prefix, nextHop, med: 70, communities: first.communities }]);

        const second = announcement(prefix, { ...ATTRIBUTES, med: 71, communities: ['65010:9'], largeCommunities: [] });
        await pair.peregrine.announce(second);
        const replaced = await pair.heard(pair.foreign, family, 'the new MED', (list) => list[0]?.med === 71);
        expect(replaced).toEqual([expected(second, nextHop, PEREGRINE_AS)]);

        await pair.peregrine.withdraw(prefix);
        expect(await pair.heard(pair.foreign, family, 'nothing', (list) => list.length === 0)).toEqual([]);

        // Three changes of configuration and policy later it is still the first session.
        const peer = await peerView(pair.peregrine.context, pair.address(pair.foreign, family));
        expect(peer.sessionsEstablished).toBe(1);
      });

      test.each(FAMILIES)('%s: is heard announcing, replacing and withdrawing', async (family) => {
        const prefix = PREFIXES[family].theirs;
        const nextHop = pair.address(pair.foreign, family);
        const first = announcement(prefix, { ...ATTRIBUTES, origin: 'egp' });
        await pair.foreign.announce(first);
        const heard = await pair.heard(pair.peregrine, family, 'the route', (list) => list.length > 0);
        expect(heard).toEqual([expected(first, nextHop, FOREIGN_AS)]);
        await waitFor('the route is in the kernel', ROUTE_DEADLINE_MS, async () =>
          (await kernelRoutes(family)).includes(prefix) ? true : null,
        );
        const [known] = await routes(pair.peregrine, prefix);
        expect(known.paths).toMatchObject([{ best: true, eligible: true, reason: null }]);

        const second = announcement(prefix, { med: 71 });
        await pair.foreign.announce(second);
        const replaced = await pair.heard(pair.peregrine, family, 'the new MED', (list) => list[0]?.med === 71);
        expect(replaced).toEqual([expected(second, nextHop, FOREIGN_AS)]);

        await pair.foreign.withdraw(prefix);
        expect(await pair.heard(pair.peregrine, family, 'nothing', (list) => list.length === 0)).toEqual([]);
        const left = await waitUntil(
          'the kernel has no such route',
          ROUTE_DEADLINE_MS,
          () => kernelRoutes(family),
          (text) => !text.includes(prefix),
        );
        expect(left).not.toContain(prefix);
      });

      async function kernelRoutes(family: Family): Promise<string> {
        const version = family === 'ipv4-unicast' ? '-4' : '-6';
        return await pair.peregrine.context.command(['ip', version, 'route', 'show', 'proto', 'bird']);
      }
    });
  });
}
