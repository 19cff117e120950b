/**
 * Route refresh (RFC 2918, RFC 7313) with every foreign daemon: it asks and gets all our routes again, we ask and get
 * all of its; neither ends the session or changes the tables.
 */

import { expect, test } from 'vitest';
import { withPair } from '../support/pair.ts';
import { FOREIGN_KINDS } from '../support/peers/index.ts';
import { peerView } from '../support/peers/peregrine.ts';
import { announcement } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitUntil } from '../support/wait-for.ts';

const REFRESH_DEADLINE_MS = 15_000;
const FAMILY = 'ipv4-unicast';

for (const kind of FOREIGN_KINDS) {
  describeInterop(`route refresh with ${kind}`, [kind], () => {
    test('each side asks the other and hears all its routes again', async () => {
      const options = {
        kind,
        session: 'eBGP',
        dials: 'peregrine',
        overIpv4: [FAMILY],
        peregrineNetworks: [announcement('10.1.0.0/24'), announcement('10.1.1.0/24', { med: 5 })],
        foreignNetworks: [announcement('10.2.0.0/24'), announcement('10.2.1.0/24', { med: 5 })],
      } as const;
      await withPair(options, async (pair) => {
        await pair.established();
        const { peregrine, foreign } = pair;
        const ours = await pair.heard(foreign, FAMILY, 'both routes', (list) => list.length === 2);
        const theirs = await pair.heard(peregrine, FAMILY, 'both routes', (list) => list.length === 2);
        const [us, them] = [peregrine.namespace.ipv4, foreign.namespace.ipv4];

        const countBefore = await foreign.updatesReceived(us);
        await foreign.requestRefresh(us, FAMILY);
        await waitUntil(
          `${kind} hears both routes again`,
          REFRESH_DEADLINE_MS,
          () => foreign.updatesReceived(us),
          (count) => count >= countBefore + 2,
        );
        expect(await foreign.received(us, FAMILY)).toEqual(ours);

        const before = await peerView(peregrine.context, them);
        await peregrine.requestRefresh(them, FAMILY);
        const after = await waitUntil(
          'Peregrine hears both routes again',
          REFRESH_DEADLINE_MS,
          () => peerView(peregrine.context, them),
          (peer) => peer.messages.updatesReceived >= before.messages.updatesReceived + 2,
        );
        expect(await peregrine.received(them, FAMILY)).toEqual(theirs);
        expect(after.sessionsEstablished).toBe(before.sessionsEstablished);
      });
    });
  });
}
