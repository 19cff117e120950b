/**
 * Attributes near the size of a message (RFC 4271 4: 4096 octets; RFC 8654): long lists of communities in both
 * directions; what would outgrow the message on its way through us is not told, and nothing else suffers.
 */

import { expect, test } from 'vitest';
import { type Pair, withPair } from '../support/pair.ts';
import { FOREIGN_KINDS, type ForeignKind, startRouter } from '../support/peers/index.ts';
import { advertised, peerView } from '../support/peers/peregrine.ts';
import { announcement, type Neighbour, type ReceivedRoute } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { established, session, withLaboratory } from '../support/topology.ts';
import { waitUntil } from '../support/wait-for.ts';

const FAMILY = 'ipv4-unicast';
const OUR_AS = 65001;
const FEEDER_AS = 65011;
const LISTENER_AS = 65021;
const DEADLINE_MS = 20_000;

/** 4 octets each; with header, lengths, other attributes and one prefix this leaves some twenty of the 4096 free. */
const MANY = 1000;
const OTHER_PREFIX = '10.3.0.0/24';
const PREFIX = '10.2.0.0/24';

function communities(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `65100:${10_000 + index}`);
}

/** All of them, in order. BIRD cuts what it prints short, but can be asked how many there are. */
async function expectAll(pair: Pair, heard: ReceivedRoute, wanted: readonly string[]): Promise<void> {
  if (pair.foreign.kind === 'bird') {
    const { context } = pair.foreign;
    const where = `bgp_community.len = ${wanted.length} && bgp_community ~ [(${wanted.at(-1)?.replace(':', ',')})]`;
    const command = ['show', 'route', heard.prefix, 'where', where];
    const answer = await context.command(['birdc', '-s', `${context.folder}/bird.ctl`, ...command]);
    expect(answer).toContain(heard.prefix);
    expect(heard.communities).toEqual(wanted.slice(0, heard.communities.length));
    return;
  }
  expect(heard.communities).toHaveLength(wanted.length);
  expect(heard.communities).toEqual(wanted);
}

for (const kind of FOREIGN_KINDS) {
  describeInterop(`${MANY} communities on one route: ${kind}`, [kind], () => {
    test('both ways, all of them', async () => {
      const long = { communities: communities(MANY) };
      // BIRD keeps 1024 octets of each message free for prefixes.
      const theirs = { communities: communities(kind === 'bird' ? 700 : MANY) };
      const options = {
        kind,
        session: 'eBGP',
        dials: 'peregrine',
        overIpv4: [FAMILY],
        both: { peregrine: { extendedMessage: false } },
        peregrineNetworks: [announcement('10.1.0.0/24', long)],
        foreignNetworks: [announcement(PREFIX, theirs)],
      } as const;
      await withPair(options, async (pair) => {
        await pair.established();
        const [ours] = await pair.heard(pair.foreign, FAMILY, 'our route', (list) => list.length > 0, DEADLINE_MS);
        await expectAll(pair, ours, long.communities);
        const isTheirs = (route: { readonly prefix: string }): boolean => route.prefix === PREFIX;
        const list = await pair.heard(pair.peregrine, FAMILY, 'its route', (all) => all.some(isTheirs), DEADLINE_MS);
        expect(list.find(isTheirs)?.communities).toEqual(theirs.communities);
        const peer = await peerView(pair.peregrine.context, pair.foreign.namespace.ipv4);
        expect(peer).toMatchObject({ sessionsEstablished: 1, lastError: null });
      });
    });
  });
}

/** ExaBGP keeps no table of what it may hand on; all others are told the route and its neighbour. */
const LISTENERS: readonly ForeignKind[] = ['bird', 'gobgp', 'frr', 'openbgpd'];

for (const kind of LISTENERS) {
  describeInterop(`a route that outgrows the message on its way to ${kind}`, [kind, 'exabgp'], () => {
    test('is not told, is withdrawn when it was told before, and comes back when it fits again', async () => {
      await withLaboratory(['peregrine', 'feeder', 'listener'], async (lab) => {
        const [us, feeder, listener] = ['peregrine', 'feeder', 'listener'].map((label) => lab.router(label));
        const exabgp = await startRouter('exabgp', lab, feeder, {
          localAs: FEEDER_AS,
          routerId: feeder.ipv4,
          neighbours: [session(feeder, us, OUR_AS, FAMILY, { passive: true })],
          networks: [announcement(PREFIX, { communities: communities(MANY) }), announcement(OTHER_PREFIX)],
        });
        const far = await startRouter(kind, lab, listener, {
          localAs: LISTENER_AS,
          routerId: listener.ipv4,
          neighbours: [session(listener, us, OUR_AS, FAMILY, { passive: true })],
          networks: [],
        });
        const neighbours = (exportPolicy: string): readonly Neighbour[] => [
          session(us, feeder, FEEDER_AS, FAMILY, { peregrine: { extendedMessage: false } }),
          session(us, listener, LISTENER_AS, FAMILY, { peregrine: { extendedMessage: false, export: exportPolicy } }),
        ];
        const policies = {
          grown: {
            statements: [
              {
                set: { prependAsPath: Array.from({ length: 30 }, () => OUR_AS) },
                // biome-ignore lint/suspicious/noThenProperty: the configuration's own word; never awaited.
                then: 'accept',
              },
            ],
          },
        };
        const peregrine = await startRouter('peregrine', lab, us, {
          localAs: OUR_AS,
          routerId: us.ipv4,
          neighbours: neighbours('accept-all'),
          networks: [],
          peregrine: { policies },
        });
        await established(peregrine, [feeder.ipv4, listener.ipv4]);
        const prefixes = async (): Promise<readonly string[]> =>
          (await far.received(us.ipv4, FAMILY)).map((route) => route.prefix);
        const hears = async (what: string, wanted: readonly string[]): Promise<void> => {
          const isWanted = (list: readonly string[]): boolean => JSON.stringify(list) === JSON.stringify(wanted);
          await waitUntil(what, DEADLINE_MS, prefixes, isWanted);
        };
        await hears('both fit', [PREFIX, OTHER_PREFIX]);
        await peregrine.reconfigure({ neighbours: neighbours('grown') });
        await hears('one does not fit any more', [OTHER_PREFIX]);
        const told = await advertised(peregrine, listener.ipv4);
        expect(told.map((route) => route.prefix)).toEqual([OTHER_PREFIX]);
        // Shorter at the source: it fits even with the longer path.
        await exabgp.announce(announcement(PREFIX, { communities: communities(MANY - 100) }));
        await hears('both fit again', [PREFIX, OTHER_PREFIX]);
        for (const place of [feeder, listener]) {
          const peer = await peerView(peregrine.context, place.ipv4);
          expect(peer).toMatchObject({ sessionsEstablished: 1, lastError: null });
        }
      });
    });
  });
}

describeInterop('extended messages with bird (RFC 8654)', ['bird'], () => {
  test('one route with more attributes than fit into 4096 octets, both ways', async () => {
    const long = { communities: communities(1500) };
    const options = {
      kind: 'bird',
      session: 'iBGP',
      dials: 'peregrine',
      overIpv4: [FAMILY],
      foreign: { words: ['enable extended messages on;'] },
      peregrineNetworks: [announcement('10.1.0.0/24', long)],
      foreignNetworks: [announcement(PREFIX, long)],
    } as const;
    await withPair(options, async (pair) => {
      await pair.established();
      const [ours] = await pair.heard(pair.foreign, FAMILY, 'our route', (list) => list.length > 0);
      await expectAll(pair, ours, long.communities);
      const [theirs] = await pair.heard(pair.peregrine, FAMILY, 'its route', (list) => list.length > 0);
      expect(theirs.communities).toEqual(long.communities);
    });
  });
});
