/**
 * Two route reflectors, Peregrine and a foreign one, each with a client of its own (RFC 4456 7 and 8): with one cluster
 * id for both they do not use what the other reflects, with two of them the clients hear each other through both.
 */

import { expect, test } from 'vitest';
import { startRouter } from '../support/peers/index.ts';
import { routes } from '../support/peers/peregrine.ts';
import { announcement, FAMILIES, type Family } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { addressOf, sessions, withLaboratory } from '../support/topology.ts';
import { waitUntil } from '../support/wait-for.ts';

const AS = 65001;
const DEADLINE_MS = 60_000;
const REFLECTORS = ['bird', 'gobgp', 'frr', 'openbgpd'] as const;

const OF_CLIENT: { readonly [F in Family]: readonly [string, string] } = {
  'ipv4-unicast': ['10.1.0.0/24', '10.2.0.0/24'],
  'ipv6-unicast': ['2001:db8:1::/48', '2001:db8:2::/48'],
};
/** Originated by the reflectors themselves, last: when it is heard, all before it has been heard or will not be. */
const LAST: { readonly [F in Family]: readonly [string, string] } = {
  'ipv4-unicast': ['10.254.0.0/24', '10.255.0.0/24'],
  'ipv6-unicast': ['2001:db8:254::/48', '2001:db8:255::/48'],
};

for (const kind of REFLECTORS) {
  describeInterop(`Peregrine and ${kind} as route reflectors`, [kind, 'exabgp', 'bird'], () => {
    const cases = [
      { what: 'two clusters', shared: false },
      { what: 'one cluster', shared: true },
    ];
    // GoBGP does not even send a route to a client of its own cluster.
    test.each(cases.filter(({ shared }) => !(shared && kind === 'gobgp')))('$what', async ({ shared }) => {
      await withLaboratory(['peregrine', 'reflector', 'ours', 'theirs'], async (lab) => {
        const [us, them, ours, theirs] = ['peregrine', 'reflector', 'ours', 'theirs'].map((label) => lab.router(label));
        const cluster = shared ? { clusterId: '10.100.100.100' } : {};
        const networksOf = (index: 0 | 1) => FAMILIES.map((family) => announcement(OF_CLIENT[family][index]));
        // First: OpenBGPD does not mark what it hears before it has read all of its configuration.
        const foreign = await startRouter(kind, lab, them, {
          localAs: AS,
          routerId: them.ipv4,
          neighbours: [
            ...sessions(them, theirs, AS, { passive: true, reflectorClient: true }),
            // GoBGP marks what it reflects only towards clients.
            ...sessions(them, us, AS, { passive: true, reflectorClient: kind === 'gobgp' }),
          ],
          networks: [],
          ...cluster,
        });
        const [ourClient, theirClient] = await Promise.all([
          startRouter('exabgp', lab, ours, {
            localAs: AS,
            routerId: ours.ipv4,
            neighbours: sessions(ours, us, AS, { passive: true }),
            networks: networksOf(0),
          }),
          startRouter('bird', lab, theirs, {
            localAs: AS,
            routerId: theirs.ipv4,
            neighbours: sessions(theirs, them, AS),
            networks: networksOf(1),
          }),
        ]);
        const peregrine = await startRouter('peregrine', lab, us, {
          localAs: AS,
          routerId: us.ipv4,
          neighbours: [...sessions(us, ours, AS, { reflectorClient: true }), ...sessions(us, them, AS)],
          networks: [],
          ...cluster,
        });
        for (const family of FAMILIES) {
          const [fromOurs, fromTheirs] = OF_CLIENT[family];
          // The other reflector's client's route is at Peregrine, whatever becomes of it there.
          const [known] = await waitUntil(
            `Peregrine has ${fromTheirs}`,
            DEADLINE_MS,
            () => routes(peregrine, fromTheirs),
            (list) => list.length > 0,
          );
          expect(known.paths).toMatchObject([{ eligible: !shared, best: !shared }]);
          if (shared) expect(known.paths[0].reason).toMatch(/cluster/i);

          const [ourLast, theirLast] = LAST[family];
          const clients = [
            { client: ourClient, own: us, far: them, origin: theirs, prefix: fromTheirs, last: theirLast },
            { client: theirClient, own: them, far: us, origin: ours, prefix: fromOurs, last: ourLast },
          ];
          if (!shared) {
            for (const { client, own, far, origin, prefix } of clients) {
              const list = await waitUntil(
                `${client.kind} hears ${prefix}`,
                DEADLINE_MS,
                () => client.received(addressOf(own, family), family),
                (all) => all.some((route) => route.prefix === prefix),
              );
              expect(list.find((route) => route.prefix === prefix)).toMatchObject({
                nextHop: addressOf(origin, family),
                originatorId: origin.ipv4,
                clusterList: [own.ipv4, far.ipv4],
              });
            }
            continue;
          }
          // Each reflector has the other client's route now, or has dropped it.
          await peregrine.announce(announcement(ourLast));
          await foreign.announce(announcement(theirLast));
          for (const { client, own, prefix, last } of clients) {
            const list = await waitUntil(
              `${client.kind} hears ${last}`,
              DEADLINE_MS,
              () => client.received(addressOf(own, family), family),
              (all) => all.some((route) => route.prefix === last),
            );
            expect(list.map((route) => route.prefix)).not.toContain(prefix);
          }
        }
      });
    });
  });
}
