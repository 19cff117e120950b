/**
 * AS numbers that are not the plain ones: a session under another AS than our own, in both directions; our own AS in a
 * received path that is allowed; two routers with one BGP Identifier in different systems (RFC 6286).
 */

import { expect, test } from 'vitest';
import { FOREIGN_AS, PEREGRINE_AS, withPair } from '../support/pair.ts';
import { FOREIGN_KINDS } from '../support/peers/index.ts';
import { peerView, routes } from '../support/peers/peregrine.ts';
import { announcement } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitUntil } from '../support/wait-for.ts';

const FAMILY = 'ipv4-unicast';
const DEADLINE_MS = 30_000;
const SHOWN_AS = 65077;
const OURS = '10.1.0.0/24';
const THEIRS = '10.2.0.0/24';

for (const kind of FOREIGN_KINDS) {
  describeInterop(`local AS with ${kind}`, [kind], () => {
    const base = {
      kind,
      session: 'eBGP',
      dials: 'peregrine',
      overIpv4: [FAMILY],
      peregrineNetworks: [announcement(OURS)],
      foreignNetworks: [announcement(THEIRS)],
    } as const;

    test('we show another AS: it is the one in OPEN and in the paths', async () => {
      const options = { ...base, peregrine: { localAs: SHOWN_AS }, foreign: { as: SHOWN_AS } } as const;
      await withPair(options, async (pair) => {
        await pair.established();
        const [ours] = await pair.heard(pair.foreign, FAMILY, 'our route', (list) => list.length > 0);
        expect(ours).toMatchObject({ prefix: OURS, asPath: [SHOWN_AS] });
        const peer = await peerView(pair.peregrine.context, pair.foreign.namespace.ipv4);
        expect(peer).toMatchObject({ localAs: SHOWN_AS, type: 'ebgp' });
      });
    });

    test('it shows another AS: that is the one in front of its paths', async () => {
      const options = { ...base, foreign: { localAs: SHOWN_AS }, peregrine: { as: SHOWN_AS } } as const;
      await withPair(options, async (pair) => {
        await pair.established();
        const isTheirs = (route: { readonly prefix: string }): boolean => route.prefix === THEIRS;
        const heard = await pair.heard(pair.peregrine, FAMILY, 'its route', (list) => list.some(isTheirs));
        const asPath = heard.find(isTheirs)?.asPath;
        // Some put their real AS behind it (RFC 7705 3.1).
        expect([[SHOWN_AS], [SHOWN_AS, FOREIGN_AS]]).toContainEqual(asPath);
        const [known] = await routes(pair.peregrine, THEIRS);
        expect(known.paths.find((path) => path.source !== 'static')).toMatchObject({ eligible: true, best: true });
      });
    });

    test('one BGP Identifier in two systems: established', async () => {
      await withPair({ ...base, routerId: '10.9.9.9' }, async (pair) => {
        await pair.established();
        await pair.heard(pair.foreign, FAMILY, 'our route', (list) => list.length > 0);
      });
    });
  });
}

// Only FRR sends a route back to where it came from.
describeInterop('our own AS in a received path', ['frr'], () => {
  test.each([
    { allowed: 0, eligible: false },
    { allowed: 1, eligible: true },
  ])('allowed $allowed times: eligible $eligible', async ({ allowed, eligible }) => {
    const options = {
      kind: 'frr',
      session: 'eBGP',
      dials: 'peregrine',
      overIpv4: [FAMILY],
      peregrine: { peregrine: { allowOwnAs: allowed } },
      peregrineNetworks: [announcement(OURS)],
    } as const;
    await withPair(options, async (pair) => {
      await pair.established();
      const [known] = await waitUntil(
        'FRR has sent our route back',
        DEADLINE_MS,
        () => routes(pair.peregrine, OURS),
        ([route]) => route !== undefined && route.paths.length > 1,
      );
      const echo = known.paths.find((path) => path.source !== 'static');
      expect(echo?.attributes.asPath).toBe(`${FOREIGN_AS} ${PEREGRINE_AS}`);
      expect(echo).toMatchObject({ eligible, best: false });
    });
  });
});
