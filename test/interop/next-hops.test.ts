/**
 * NEXT_HOP (RFC 4271 5.1.3): another router's address from a neighbour on the shared subnet is taken as it is; towards
 * neighbours it is kept, replaced by ours or left to the rules, as configured, and a change of that reaches the
 * neighbour without a new session; what we originate through a gateway names the gateway to our own AS only.
 */

import { expect, test } from 'vitest';
import { ROUTER_INTERFACE } from '../support/netns.ts';
import { withPair } from '../support/pair.ts';
import { FOREIGN_KINDS, startRouter } from '../support/peers/index.ts';
import { peerView } from '../support/peers/peregrine.ts';
import { announcement, FAMILIES, type Family, type Neighbour } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { addressOf, established, kernelRoutes, sessions, withLaboratory } from '../support/topology.ts';
import { waitUntil } from '../support/wait-for.ts';

const OUR_AS = 65001;
const FEEDER_AS = 65011;
const LISTENER_AS = 65021;
const DEADLINE_MS = 30_000;
/** An address of the shared subnet that nobody has. */
const THIRD: { readonly [F in Family]: string } = {
  'ipv4-unicast': '198.18.0.77',
  'ipv6-unicast': '2001:db8:18::77',
};
const PREFIX: { readonly [F in Family]: string } = {
  'ipv4-unicast': '10.2.0.0/24',
  'ipv6-unicast': '2001:db8:2::/48',
};

for (const kind of FOREIGN_KINDS) {
  describeInterop(`a third party's next hop from ${kind}`, [kind], () => {
    test.each(['eBGP', 'iBGP'] as const)(
      'over %s: it is the next hop, and the gateway in the kernel',
      async (session) => {
        const options = {
          kind,
          session,
          dials: 'peregrine',
          kernel: { enabled: true },
          foreignNetworks: FAMILIES.map((family) => announcement(PREFIX[family], { nextHop: THIRD[family] })),
        } as const;
        await withPair(options, async (pair) => {
          await pair.established();
          for (const family of FAMILIES) {
            const [heard] = await pair.heard(pair.peregrine, family, 'its route', (list) => list.length > 0);
            expect(heard.nextHop).toBe(THIRD[family]);
            const [line] = await waitUntil(
              'the route is in the kernel',
              DEADLINE_MS,
              () => kernelRoutes(pair.lab, pair.peregrine.namespace, family),
              (list) => list.length > 0,
            );
            expect(line).toContain(`${PREFIX[family]} via ${THIRD[family]} dev ${ROUTER_INTERFACE}`);
          }
        });
      },
    );
  });

  describeInterop(`next hops towards ${kind}`, [kind, 'exabgp'], () => {
    test.each([
      { type: 'eBGP', as: LISTENER_AS, auto: 'ours' },
      { type: 'iBGP', as: OUR_AS, auto: 'kept' },
    ] as const)('over $type: kept, ours, or $auto by default; changed without a new session', async ({ as, auto }) => {
      await withLaboratory(['peregrine', 'feeder', 'listener'], async (lab) => {
        const [us, feeder, listener] = ['peregrine', 'feeder', 'listener'].map((label) => lab.router(label));
        await startRouter('exabgp', lab, feeder, {
          localAs: FEEDER_AS,
          routerId: feeder.ipv4,
          neighbours: sessions(feeder, us, OUR_AS, { passive: true }),
          networks: FAMILIES.map((family) => announcement(PREFIX[family])),
        });
        const far = await startRouter(kind, lab, listener, {
          localAs: as,
          routerId: listener.ipv4,
          neighbours: sessions(listener, us, OUR_AS, { passive: true }),
          networks: [],
        });
        const neighbours = (mode: string): readonly Neighbour[] => [
          ...sessions(us, feeder, FEEDER_AS),
          ...sessions(us, listener, as, { peregrine: { nextHop: mode } }),
        ];
        const peregrine = await startRouter('peregrine', lab, us, {
          localAs: OUR_AS,
          routerId: us.ipv4,
          neighbours: neighbours('keep'),
          networks: [],
        });
        const expectNextHop = async (whose: 'ours' | 'kept'): Promise<void> => {
          for (const family of FAMILIES) {
            const nextHop = addressOf(whose === 'ours' ? us : feeder, family);
            await waitUntil(
              `the next hop of ${PREFIX[family]} is ${nextHop}`,
              DEADLINE_MS,
              () => far.received(addressOf(us, family), family),
              ([route]) => route?.nextHop === nextHop,
            );
          }
        };
        await established(peregrine, [listener.ipv4, listener.ipv6]);
        await expectNextHop('kept');
        await peregrine.reconfigure({ neighbours: neighbours('self') });
        await expectNextHop('ours');
        await peregrine.reconfigure({ neighbours: neighbours('keep') });
        await expectNextHop('kept');
        await peregrine.reconfigure({ neighbours: neighbours('auto') });
        await expectNextHop(auto);
        for (const family of FAMILIES) {
          const peer = await peerView(peregrine.context, addressOf(listener, family));
          expect(peer.sessionsEstablished).toBe(1);
        }
      });
    });
  });
}

describeInterop('a route that we originate through a gateway', ['bird', 'frr'], () => {
  test('our own AS hears the gateway, others hear us', async () => {
    await withLaboratory(['peregrine', 'inner', 'outer'], async (lab) => {
      const [us, inner, outer] = ['peregrine', 'inner', 'outer'].map((label) => lab.router(label));
      const [bird, frr] = await Promise.all(
        (
          [
            ['bird', inner, OUR_AS],
            ['frr', outer, LISTENER_AS],
          ] as const
        ).map(([kind, place, as]) =>
          startRouter(kind, lab, place, {
            localAs: as,
            routerId: place.ipv4,
            neighbours: sessions(place, us, OUR_AS, { passive: true }),
            networks: [],
          }),
        ),
      );
      await startRouter('peregrine', lab, us, {
        localAs: OUR_AS,
        routerId: us.ipv4,
        neighbours: [...sessions(us, inner, OUR_AS), ...sessions(us, outer, LISTENER_AS)],
        networks: [],
        peregrine: { originate: FAMILIES.map((family) => ({ prefix: PREFIX[family], via: THIRD[family] })) },
      });
      for (const family of FAMILIES) {
        const hears = async (router: typeof bird, nextHop: string): Promise<void> => {
          const from = addressOf(us, family);
          const isThere = ([route]: readonly { readonly nextHop: string }[]): boolean => route?.nextHop === nextHop;
          await waitUntil(`${router.kind} hears ${nextHop}`, DEADLINE_MS, () => router.received(from, family), isThere);
        };
        await hears(bird, THIRD[family]);
        await hears(frr, addressOf(us, family));
      }
    });
  });
});
