/**
 * Route refresh (RFC 2918, RFC 7313) with every foreign daemon: it asks and gets all our routes again, we ask and get
 * all of its; neither ends the session or changes the tables.
 */

import { expect, test } from 'vitest';
import { withPair } from '../support/pair.ts';
import { FOREIGN_KINDS, type Router } from '../support/peers/index.ts';
import { peerView } from '../support/peers/peregrine.ts';
import { announcement, type ReceivedRoute } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitUntil } from '../support/wait-for.ts';

const REFRESH_DEADLINE_MS = 15_000;
const FAMILY = 'ipv4-unicast';

for (const kind of FOREIGN_KINDS) {
  describeInterop(`route refresh with ${kind}`, [kind], () => {
    test('it asks and hears all our routes again; we ask and hear all of its', async () => {
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
        await pair.heard(pair.foreign, FAMILY, 'both routes', (list) => list.length === 2);
        await pair.heard(pair.peregrine, FAMILY, 'both routes', (list) => theirs(list).length === 2);
        const before = await peerView(pair.peregrine.context, pair.foreign.namespace.ipv4);
        if (pair.foreign.routeRefresh.asks) await askAgain(pair.foreign, pair.peregrine);
        if (pair.foreign.routeRefresh.answers) await askAgain(pair.peregrine, pair.foreign);
        const after = await peerView(pair.peregrine.context, pair.foreign.namespace.ipv4);
        expect(after.sessionsEstablished).toBe(before.sessionsEstablished);
      });
    });
  });
}

/** FRR tells us our own routes too, with our AS in the path; they do not count. */
function theirs(list: readonly ReceivedRoute[]): readonly ReceivedRoute[] {
  return list.filter((route) => route.prefix.startsWith('10.2.'));
}

/** The listener's table must be the same afterwards, though every route in it was heard a second time. */
async function askAgain(listener: Router, speaker: Router): Promise<void> {
  const from = speaker.namespace.ipv4;
  const known = await listener.received(from, FAMILY);
  const countBefore = await listener.updatesReceived(from);
  await listener.requestRefresh(from, FAMILY);
  await waitUntil(
    `${listener.kind} hears both routes again`,
    REFRESH_DEADLINE_MS,
    () => listener.updatesReceived(from),
    (count) => count >= countBefore + 2,
  );
  expect(await listener.received(from, FAMILY)).toEqual(known);
}
