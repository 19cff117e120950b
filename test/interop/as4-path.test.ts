/**
 * Four-octet AS numbers through a two-octet session (RFC 6793 4.2.2, 4.2.3): GoBGP with a large AS, Peregrine, a BIRD
 * that does not offer the capability, FRR, GoBGP with another large AS. Both routes must come out with the large AS in
 * AS_PATH at the other end, which needs AS4_PATH to be made and to be merged.
 */

import { expect, test } from 'vitest';
import { Laboratory, type Namespace } from '../support/netns.ts';
import { type Router, type RouterKind, startRouter } from '../support/peers/index.ts';
import { announcement, type Neighbour, neighbour } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 45_000;
const FAMILY = 'ipv4-unicast';

/** In the order of the chain; each connects to the one before it. */
const CHAIN: readonly { readonly kind: RouterKind; readonly as: number; readonly fourOctetAs: boolean }[] = [
  { kind: 'gobgp', as: 4_200_000_001, fourOctetAs: true },
  { kind: 'peregrine', as: 65001, fourOctetAs: true },
  { kind: 'bird', as: 65002, fourOctetAs: false },
  { kind: 'frr', as: 65003, fourOctetAs: true },
  { kind: 'gobgp', as: 4_200_000_005, fourOctetAs: true },
];

describeInterop('a two-octet BIRD next to Peregrine', ['bird', 'gobgp', 'frr'], () => {
  test('large AS numbers survive in both directions', async () => {
    const lab = await Laboratory.create(CHAIN.map((_, index) => `r${index}`));
    try {
      const places = CHAIN.map((_, index) => lab.router(`r${index}`));
      const session = (index: number, other: number, given: Partial<Neighbour>): Neighbour =>
        neighbour({
          address: places[other].ipv4,
          localAddress: places[index].ipv4,
          as: CHAIN[other].as,
          families: [FAMILY],
          fourOctetAs: CHAIN[index].fourOctetAs,
          ...given,
        });
      const routers: Router[] = [];
      for (const [index, { kind, as }] of CHAIN.entries()) {
        const neighbours = [
          ...(index > 0 ? [session(index, index - 1, {})] : []),
          ...(index + 1 < CHAIN.length ? [session(index, index + 1, { passive: true })] : []),
        ];
        const networks = index === 0 || index + 1 === CHAIN.length ? [announcement(prefixOf(places[index]))] : [];
        routers.push(
          await startRouter(kind, lab, places[index], {
            localAs: as,
            routerId: places[index].ipv4,
            neighbours,
            networks,
          }),
        );
      }
      const [left, right] = [prefixOf(places[0]), prefixOf(places[4])];
      const heard = async (index: number, from: number, prefix: string) =>
        await waitUntil(
          `${CHAIN[index].kind} hears ${prefix}`,
          DEADLINE_MS,
          async () =>
            (await routers[index].received(places[from].ipv4, FAMILY)).filter((route) => route.prefix === prefix),
          (list) => list.length > 0,
        );
      // Made by us: BIRD shows what it merged.
      expect(await heard(2, 1, left)).toMatchObject([{ asPath: [65001, 4_200_000_001] }]);
      expect(await heard(4, 3, left)).toMatchObject([{ asPath: [65003, 65002, 65001, 4_200_000_001] }]);
      // Merged by us.
      expect(await heard(1, 2, right)).toMatchObject([{ asPath: [65002, 65003, 4_200_000_005] }]);
      expect(await heard(0, 1, right)).toMatchObject([{ asPath: [65001, 65002, 65003, 4_200_000_005] }]);
    } finally {
      await lab.close();
    }
  });
});

function prefixOf(namespace: Namespace): string {
  return `10.${namespace.index}.0.0/24`;
}
