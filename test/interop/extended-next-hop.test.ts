/**
 * IPv6 next hops: IPv4 routes over an IPv6 session (RFC 8950), only after both have offered it; sessions between
 * link-local addresses of one interface; a global and a link-local next hop together (RFC 2545 3). What the kernel of
 * our side gets must be usable: a gateway on the link.
 */

import { expect, test } from 'vitest';
import { type Namespace, ROUTER_INTERFACE } from '../support/netns.ts';
import { type ForeignKind, type Router, startRouter } from '../support/peers/index.ts';
import { peerView, routes } from '../support/peers/peregrine.ts';
import { announcement, FAMILIES, type Family, type Neighbour, neighbour } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { kernelRoutes, withLaboratory } from '../support/topology.ts';
import { waitUntil } from '../support/wait-for.ts';

const OUR_AS = 65001;
const THEIR_AS = 65002;
const DEADLINE_MS = 45_000;
const OURS = { 'ipv4-unicast': '10.1.0.0/24', 'ipv6-unicast': '2001:db8:1::/48' } as const;
const THEIRS = { 'ipv4-unicast': '10.2.0.0/24', 'ipv6-unicast': '2001:db8:2::/48' } as const;

/** OpenBGPD 7.7 does not know RFC 8950. */
const KNOW_EXTENDED_NEXT_HOP: readonly ForeignKind[] = ['bird', 'gobgp', 'frr', 'exabgp'];
/** ExaBGP cannot name the interface of a link-local address. */
const KNOW_LINK_LOCAL: readonly ForeignKind[] = ['bird', 'gobgp', 'frr', 'openbgpd'];

interface Ends {
  readonly us: string;
  readonly them: string;
}

/** Both run, with one session between these two addresses. */
async function withSession(
  kind: ForeignKind,
  ends: (us: Namespace, them: Namespace) => Ends,
  options: {
    readonly families: readonly Family[];
    readonly ours: Partial<Neighbour>;
    readonly theirs: Partial<Neighbour>;
  },
  body: (
    scene: { peregrine: Router; foreign: Router; us: Namespace; them: Namespace } & { ends: Ends },
  ) => Promise<void>,
): Promise<void> {
  await withLaboratory(['peregrine', 'foreign'], async (lab) => {
    const [us, them] = [lab.router('peregrine'), lab.router('foreign')];
    const addresses = ends(us, them);
    const { families } = options;
    const common = { networks: [] };
    const foreign = await startRouter(kind, lab, them, {
      ...common,
      localAs: THEIR_AS,
      routerId: them.ipv4,
      neighbours: [
        neighbour({
          address: addresses.us,
          localAddress: addresses.them,
          as: OUR_AS,
          families,
          passive: true,
          ...options.theirs,
        }),
      ],
      networks: families.map((family) => announcement(THEIRS[family])),
    });
    const peregrine = await startRouter('peregrine', lab, us, {
      ...common,
      localAs: OUR_AS,
      routerId: us.ipv4,
      neighbours: [
        neighbour({ address: addresses.them, localAddress: addresses.us, as: THEIR_AS, families, ...options.ours }),
      ],
      networks: families.map((family) => announcement(OURS[family])),
      kernel: { enabled: true },
    });
    await body({ peregrine, foreign, us, them, ends: addresses });
  });
}

function overGlobal(us: Namespace, them: Namespace): Ends {
  return { us: us.ipv6, them: them.ipv6 };
}

function overLinkLocal(us: Namespace, them: Namespace): Ends {
  return { us: us.linkLocal, them: them.linkLocal };
}

async function heardBy(router: Router, from: string, family: Family, prefix: string) {
  const list = await waitUntil(
    `${router.kind} hears ${prefix}`,
    DEADLINE_MS,
    () => router.received(from, family),
    (known) => known.some((route) => route.prefix === prefix),
  );
  const found = list.find((route) => route.prefix === prefix);
  if (found === undefined) throw new Error(prefix);
  return found;
}

for (const kind of KNOW_EXTENDED_NEXT_HOP) {
  describeInterop(`IPv4 routes with IPv6 next hops: ${kind}`, [kind], () => {
    test('negotiated: both ways, with IPv6 next hops, in the kernel through the IPv6 gateway', async () => {
      const both = { extendedNextHop: true };
      // ExaBGP offers it only where it has both families.
      const options = { families: FAMILIES, ours: both, theirs: both } as const;
      await withSession(kind, overGlobal, options, async ({ peregrine, foreign, us, them, ends }) => {
        const ours = await heardBy(foreign, ends.us, 'ipv4-unicast', OURS['ipv4-unicast']);
        expect(ours).toMatchObject({ nextHop: us.ipv6, asPath: [OUR_AS] });
        const theirs = await heardBy(peregrine, ends.them, 'ipv4-unicast', THEIRS['ipv4-unicast']);
        expect(theirs.asPath).toEqual([THEIR_AS]);
        expect([them.ipv6, them.linkLocal]).toContain(theirs.nextHop);
        const [line] = await waitUntil(
          'the route is in the kernel',
          DEADLINE_MS,
          () => kernelRoutes(peregrine.context.lab, us),
          (list) => list.length > 0,
        );
        expect(line).toMatch(
          new RegExp(`^10\\.2\\.0\\.0/24 via inet6 (${them.ipv6}|${them.linkLocal}) dev ${ROUTER_INTERFACE}`),
        );
      });
    });

    // GoBGP sends IPv6 next hops over IPv6 whether the capability was negotiated or not, ExaBGP whatever it is told.
    if (kind === 'gobgp' || kind === 'exabgp') return;
    test('not offered by us: no IPv6 next hop for an IPv4 route', async () => {
      const options = {
        families: ['ipv4-unicast'],
        ours: { extendedNextHop: false },
        theirs: { extendedNextHop: true },
      } as const;
      await withSession(kind, overGlobal, options, async ({ peregrine, foreign, us, ends }) => {
        const ours = await heardBy(foreign, ends.us, 'ipv4-unicast', OURS['ipv4-unicast']);
        expect(ours.nextHop).toBe(us.ipv4);
        const { negotiated } = await peerView(peregrine.context, ends.them);
        expect(negotiated?.extendedNextHop).toBe(false);
      });
    });
  });
}

for (const kind of KNOW_LINK_LOCAL) {
  describeInterop(`a session between link-local addresses: ${kind}`, [kind], () => {
    const link = { interface: ROUTER_INTERFACE };

    test('IPv6 routes both ways, ours with a next hop that the peer can use', async () => {
      const options = { families: ['ipv6-unicast'], ours: link, theirs: link } as const;
      await withSession(kind, overLinkLocal, options, async ({ peregrine, foreign, us, them, ends }) => {
        const ours = await heardBy(foreign, ends.us, 'ipv6-unicast', OURS['ipv6-unicast']);
        expect([us.ipv6, us.linkLocal]).toContain(ours.nextHop);
        await heardBy(peregrine, ends.them, 'ipv6-unicast', THEIRS['ipv6-unicast']);
        const [known] = await routes(peregrine, THEIRS['ipv6-unicast']);
        expect(known.paths).toMatchObject([{ eligible: true, best: true }]);
        const [line] = await waitUntil(
          'the route is in the kernel',
          DEADLINE_MS,
          () => kernelRoutes(peregrine.context.lab, us, 'ipv6-unicast'),
          (list) => list.length > 0,
        );
        expect(line).toMatch(
          new RegExp(`^2001:db8:2::/48 via (${them.ipv6}|${them.linkLocal}) dev ${ROUTER_INTERFACE}`),
        );
      });
    });

    if (KNOW_EXTENDED_NEXT_HOP.includes(kind)) {
      test('both families over it (RFC 8950): no IPv4 address is needed', async () => {
        const both = { ...link, extendedNextHop: true };
        const options = { families: FAMILIES, ours: both, theirs: both } as const;
        await withSession(kind, overLinkLocal, options, async ({ peregrine, foreign, us, them, ends }) => {
          for (const family of FAMILIES) {
            await heardBy(foreign, ends.us, family, OURS[family]);
            await heardBy(peregrine, ends.them, family, THEIRS[family]);
          }
          const [line] = await waitUntil(
            'the IPv4 route is in the kernel',
            DEADLINE_MS,
            () => kernelRoutes(peregrine.context.lab, us),
            (list) => list.length > 0,
          );
          expect(line).toMatch(/^10\.2\.0\.0\/24 via inet6 /);
          expect(line).toContain(` dev ${ROUTER_INTERFACE}`);
          expect([them.ipv6, them.linkLocal].some((address) => line.includes(` ${address} `))).toBe(true);
        });
      });
    }
  });
}
