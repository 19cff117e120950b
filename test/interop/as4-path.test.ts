/**
 * Four-octet AS numbers through a two-octet speaker (RFC 6793 4.2.3): GoBGP with a large AS, a BIRD without the
 * capability between, Peregrine at the end, and the reverse. The large AS is back in AS_PATH at the far end.
 */

import { expect, test } from 'vitest';
import { Laboratory, type Namespace } from '../support/netns.ts';
import { startRouter } from '../support/peers/index.ts';
import { announcement, type Neighbour, neighbour } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 45_000;
const FAMILY = 'ipv4-unicast';
const GOBGP_AS = 4_200_000_001;
const OLD_AS = 65002;
const PEREGRINE_AS = 4_200_000_003;

describeInterop('a two-octet BIRD between GoBGP and Peregrine', ['bird', 'gobgp'], () => {
  test('both ends see the other large AS in AS_PATH', async () => {
    const lab = await Laboratory.create(['gobgp', 'old', 'peregrine']);
    try {
      const [left, old, right] = ['gobgp', 'old', 'peregrine'].map((label) => lab.router(label));
      const session = (local: Namespace, remote: Namespace, as: number, given: Partial<Neighbour> = {}) =>
        neighbour({ address: remote.ipv4, localAddress: local.ipv4, as, families: [FAMILY], ...given });
      const twoOctet = { fourOctetAs: false, passive: true };
      await startRouter('bird', lab, old, {
        localAs: OLD_AS,
        routerId: old.ipv4,
        // BIRD compares with the AS of the capability even when it offers none itself.
        neighbours: [session(old, left, GOBGP_AS, twoOctet), session(old, right, PEREGRINE_AS, twoOctet)],
        networks: [],
      });
      const gobgp = await startRouter('gobgp', lab, left, {
        localAs: GOBGP_AS,
        routerId: left.ipv4,
        neighbours: [session(left, old, OLD_AS)],
        networks: [announcement('10.1.0.0/24')],
      });
      const peregrine = await startRouter('peregrine', lab, right, {
        localAs: PEREGRINE_AS,
        routerId: right.ipv4,
        neighbours: [session(right, old, OLD_AS)],
        networks: [announcement('10.3.0.0/24')],
      });
      const isThere = (list: readonly unknown[]): boolean => list.length > 0;
      const ours = await waitUntil('at Peregrine', DEADLINE_MS, () => peregrine.received(old.ipv4, FAMILY), isThere);
      expect(ours).toMatchObject([{ prefix: '10.1.0.0/24', asPath: [OLD_AS, GOBGP_AS] }]);
      const theirs = await waitUntil('at GoBGP', DEADLINE_MS, () => gobgp.received(old.ipv4, FAMILY), isThere);
      expect(theirs).toMatchObject([{ prefix: '10.3.0.0/24', asPath: [OLD_AS, PEREGRINE_AS] }]);
    } finally {
      await lab.close();
    }
  });
});
