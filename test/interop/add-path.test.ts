/**
 * ADD-PATH (RFC 7911) both ways: two feeders announce one prefix, the router between hands on both paths, and one is
 * withdrawn by its identifier. Once Peregrine is the router between and a foreign daemon listens, once the reverse.
 */

import { expect, test } from 'vitest';
import { Laboratory, type Namespace } from '../support/netns.ts';
import { type ForeignKind, type RouterKind, startRouter } from '../support/peers/index.ts';
import { routes } from '../support/peers/peregrine.ts';
import { announcement, FAMILIES, type Family, type Neighbour, neighbour } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 45_000;
const MIDDLE_AS = 65001;
const LISTENER_AS = 65002;
const FEEDER_AS = [65011, 65012] as const;

const PREFIX: { readonly [F in Family]: string } = {
  'ipv4-unicast': '10.99.0.0/24',
  'ipv6-unicast': '2001:db8:99::/48',
};

/** All receive; ExaBGP hands no routes on, so it can only listen. */
const LISTENERS: readonly ForeignKind[] = ['bird', 'gobgp', 'frr', 'openbgpd', 'exabgp'];
const SENDERS: readonly ForeignKind[] = ['bird', 'gobgp', 'frr', 'openbgpd'];

function addressOf(namespace: Namespace, family: Family): string {
  return family === 'ipv4-unicast' ? namespace.ipv4 : namespace.ipv6;
}

function sessions(local: Namespace, remote: Namespace, as: number, given: Partial<Neighbour>): readonly Neighbour[] {
  return FAMILIES.map((family) =>
    neighbour({
      address: addressOf(remote, family),
      localAddress: addressOf(local, family),
      as,
      families: [family],
      ...given,
    }),
  );
}

/** Two feeders, a router between, a listener; the listener must hold two paths, then the one that is left. */
async function expectBothPaths(middleKind: RouterKind, listenerKind: RouterKind): Promise<void> {
  const lab = await Laboratory.create(['middle', 'listener', 'feeder1', 'feeder2']);
  try {
    const [middle, listener] = [lab.router('middle'), lab.router('listener')];
    const feeders = [lab.router('feeder1'), lab.router('feeder2')];
    const [first] = await Promise.all(
      feeders.map((feeder, index) =>
        startRouter('bird', lab, feeder, {
          localAs: FEEDER_AS[index],
          routerId: feeder.ipv4,
          neighbours: sessions(feeder, middle, MIDDLE_AS, { passive: true }),
          networks: FAMILIES.map((family) => announcement(PREFIX[family])),
        }),
      ),
    );
    const far = await startRouter(listenerKind, lab, listener, {
      localAs: LISTENER_AS,
      routerId: listener.ipv4,
      neighbours: sessions(listener, middle, MIDDLE_AS, { passive: true, addPathReceive: true }),
      networks: [],
    });
    await startRouter(middleKind, lab, middle, {
      localAs: MIDDLE_AS,
      routerId: middle.ipv4,
      neighbours: [
        ...sessions(middle, listener, LISTENER_AS, { addPathSend: true }),
        ...feeders.flatMap((feeder, index) => sessions(middle, feeder, FEEDER_AS[index], {})),
      ],
      networks: [],
    });
    for (const family of FAMILIES) {
      const read = () => far.received(addressOf(middle, family), family);
      const both = await waitUntil(`both ${family} paths`, DEADLINE_MS, read, (list) => list.length === 2);
      const asPaths = both.map((route) => route.asPath).sort((a, b) => a[1] - b[1]);
      expect(asPaths).toEqual([
        [MIDDLE_AS, FEEDER_AS[0]],
        [MIDDLE_AS, FEEDER_AS[1]],
      ]);
      const identifiers = new Set(both.map((route) => route.pathId).filter((pathId) => pathId !== null));
      expect([0, 2]).toContain(identifiers.size);
      if (listenerKind === 'peregrine') {
        expect(identifiers.size).toBe(2);
        const [known] = await routes(far, PREFIX[family]);
        expect(known.paths).toHaveLength(2);
      }

      await first.withdraw(PREFIX[family]);
      const left = await waitUntil(`one ${family} path`, DEADLINE_MS, read, (list) => list.length === 1);
      expect(left).toMatchObject([{ prefix: PREFIX[family], asPath: [MIDDLE_AS, FEEDER_AS[1]] }]);
    }
  } finally {
    await lab.close();
  }
}

for (const kind of LISTENERS) {
  describeInterop(`ADD-PATH to ${kind}`, [kind, 'bird'], () => {
    test('it holds both paths that we send, then the one that is left', async () => {
      await expectBothPaths('peregrine', kind);
    });
  });
}

for (const kind of SENDERS) {
  describeInterop(`ADD-PATH from ${kind}`, [kind, 'bird'], () => {
    test('we hold both paths that it sends, then the one that is left', async () => {
      await expectBothPaths(kind, 'peregrine');
    });
  });
}
