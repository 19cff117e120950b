/**
 * Long-lived graceful restart (RFC 9494), both ways: when the restart time is over and the daemon is not back, its routes
 * stay for the stale time, marked LLGR_STALE; when it is back they are refreshed and the mark is gone.
 *
 * BIRD is the only one of the foreign daemons whose description in this harness can say it.
 */

import { expect, test } from 'vitest';
import { type Pair, withPair } from '../support/pair.ts';
import { routes } from '../support/peers/peregrine.ts';
import { announcement } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitUntil } from '../support/wait-for.ts';

const FAMILY = 'ipv4-unicast';
const OURS = '10.1.0.0/24';
const THEIRS = '10.2.0.0/24';
const LLGR_STALE = '65535:6';
const RESTART_SECONDS = 2;
const STALE_SECONDS = 120;
const DEADLINE_MS = 45_000;

/** How each daemon is told to take part. */
const WORDS = {
  bird: ['  long lived graceful restart on;', `  long lived stale time ${STALE_SECONDS};`],
  peregrine: [],
} as const;

for (const kind of ['bird', 'peregrine'] as const) {
  describeInterop(`long-lived graceful restart beside ${kind}`, kind === 'peregrine' ? [] : [kind], () => {
    const gracefulRestart = {
      mode: 'full',
      restartTimeSeconds: RESTART_SECONDS,
      longLivedStaleTimeSeconds: STALE_SECONDS,
    };
    const options = {
      // The scene knows Peregrine only as itself, but its driver is one like the others.
      kind: kind as 'bird',
      session: 'eBGP',
      dials: 'both',
      overIpv4: [FAMILY],
      both: { gracefulRestartSeconds: RESTART_SECONDS, peregrine: { gracefulRestart } },
      foreign: { words: WORDS[kind], peregrine: { gracefulRestart } },
      peregrineNetworks: [announcement(OURS)],
      foreignNetworks: [announcement(THEIRS)],
      kernel: { enabled: true },
    } as const;

    test('as helper: its routes stay beyond the restart time, least preferred, and are whole again when it is back', async () => {
      await withPair(options, async (pair) => {
        await establishWithRoutes(pair);
        await pair.foreign.daemon.kill();
        await pair.down(DEADLINE_MS);
        const isMarked = (communities: readonly string[]): boolean => communities.includes(LLGR_STALE);
        await waitUntil('it is long-lived stale', DEADLINE_MS, () => communitiesOf(pair), isMarked);
        await pair.foreign.restart();
        await pair.established();
        await waitUntil(
          'the mark is gone',
          DEADLINE_MS,
          () => communitiesOf(pair),
          (list) => !isMarked(list),
        );
      });
    });

    test('as restarting speaker: our routes stay with it beyond the restart time', async () => {
      await withPair(options, async (pair) => {
        await establishWithRoutes(pair);
        pair.peregrine.daemon.signal('SIGKILL');
        await pair.peregrine.daemon.exited;
        await heardWith(pair, 'our route, long-lived stale', (communities) => communities.includes(LLGR_STALE));
        await pair.peregrine.restart();
        await pair.established();
        await heardWith(pair, 'our route, whole again', (communities) => !communities.includes(LLGR_STALE));
      });
    });
  });
}

async function establishWithRoutes(pair: Pair): Promise<void> {
  await pair.established();
  const has = (prefix: string) => (list: readonly { readonly prefix: string }[]) =>
    list.some((route) => route.prefix === prefix);
  await pair.heard(pair.peregrine, FAMILY, THEIRS, has(THEIRS), DEADLINE_MS);
  await pair.heard(pair.foreign, FAMILY, OURS, has(OURS), DEADLINE_MS);
}

/** Of the one path to their network, after policy and as it is used. */
async function communitiesOf(pair: Pair): Promise<readonly string[]> {
  const [route] = await routes(pair.peregrine, THEIRS);
  expect(route?.paths).toHaveLength(1);
  return route.paths[0].attributes.communities;
}

async function heardWith(
  pair: Pair,
  what: string,
  isWanted: (communities: readonly string[]) => boolean,
): Promise<void> {
  const from = pair.address(pair.peregrine, FAMILY);
  await waitUntil(
    what,
    DEADLINE_MS,
    async () => {
      if (pair.foreign.kind === 'peregrine') {
        const [route] = await routes(pair.foreign, OURS);
        return route?.paths[0]?.attributes.communities ?? ['none'];
      }
      const list = await pair.foreign.received(from, FAMILY);
      return list.find(({ prefix }) => prefix === OURS)?.communities ?? ['none'];
    },
    (communities) => !communities.includes('none') && isWanted(communities),
  );
}
