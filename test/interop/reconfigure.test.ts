/**
 * A new configuration under running sessions: what is only policy reaches the neighbours without a new session; what
 * needs one resets that neighbour alone, with the reason (RFC 4486: Other Configuration Change, Peer De-configured).
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Laboratory, type Namespace } from '../support/netns.ts';
import { FOREIGN_KINDS, type ForeignKind, type Router, startRouter } from '../support/peers/index.ts';
import { peerView, peerViews, routes } from '../support/peers/peregrine.ts';
import { announcement, type Neighbour, type RouterConfig } from '../support/peers/router.ts';
import { openOctets, RawSpeaker } from '../support/raw-speaker.ts';
import { describeInterop } from '../support/requirements.ts';
import { established, session, withLaboratory } from '../support/topology.ts';
import { waitUntil } from '../support/wait-for.ts';

const FAMILY = 'ipv4-unicast';
const OUR_AS = 65001;
const DEADLINE_MS = 20_000;
const OURS = '10.1.0.0/24';

/** What each daemon logs of a Cease with subcode 6 and with subcode 3. */
const SAYS: { readonly [K in ForeignKind]: { readonly changed: RegExp; readonly removed: RegExp } } = {
  bird: { changed: /Received: Other configuration change/, removed: /Received: Peer de-configured/ },
  gobgp: { changed: /received notification" Code=6 .*Subcode=6/, removed: /received notification" Code=6 .*Subcode=3/ },
  frr: { changed: /received from neighbor \S+ 6\/6/, removed: /received from neighbor \S+ 6\/3/ },
  openbgpd: { changed: /Cease, other config change/i, removed: /Cease, peer unconfigured/i },
  exabgp: { changed: /"code": 6, "subcode": 6/, removed: /"code": 6, "subcode": 3/ },
};

describeInterop('a new configuration with all daemons as neighbours', FOREIGN_KINDS, () => {
  let lab: Laboratory;
  let us: Namespace;
  let peregrine: Router;
  const places = new Map<ForeignKind, Namespace>();
  const foreign = new Map<ForeignKind, Router>();
  /** What differs from the plain configuration, by neighbour. */
  const given = new Map<ForeignKind, Partial<Neighbour>>();
  let present: readonly ForeignKind[] = FOREIGN_KINDS;

  const asOf = (kind: ForeignKind): number => 65010 + FOREIGN_KINDS.indexOf(kind);
  const prefixOf = (kind: ForeignKind): string => `10.2.${FOREIGN_KINDS.indexOf(kind)}.0/24`;
  const placeOf = (kind: ForeignKind): Namespace => places.get(kind) ?? us;
  const routerOf = (kind: ForeignKind): Router => foreign.get(kind) ?? peregrine;

  function configuration(): Pick<RouterConfig, 'neighbours' | 'peregrine'> {
    return {
      neighbours: present.map((kind) => session(us, placeOf(kind), asOf(kind), FAMILY, given.get(kind) ?? {})),
      peregrine: {
        policies: {
          nothing: { statements: [], otherwise: 'reject' },
          // biome-ignore lint/suspicious/noThenProperty: the configuration's own word; the object is never awaited.
          marked: { statements: [{ set: { addCommunity: '65001:99' }, then: 'accept' }] },
        },
      },
    };
  }

  async function reconfigure(kind: ForeignKind, change: Partial<Neighbour> | null): Promise<void> {
    if (change === null) given.delete(kind);
    else given.set(kind, change);
    await peregrine.reconfigure(configuration());
  }

  async function sessionCounts(): Promise<ReadonlyMap<ForeignKind, number>> {
    const views = await peerViews(peregrine.context);
    const countOf = (kind: ForeignKind): number =>
      views.find((peer) => peer.address === placeOf(kind).ipv4)?.sessionsEstablished ?? -1;
    return new Map(present.map((kind) => [kind, countOf(kind)]));
  }

  async function toldWhy(kind: ForeignKind, reason: RegExp): Promise<void> {
    const { daemon, context } = routerOf(kind);
    // ExaBGP logs none of it, but has an event.
    const read = (): string =>
      kind === 'exabgp' ? readFileSync(join(context.folder, 'events'), 'utf8') : daemon.log();
    const says = (text: string): boolean => reason.test(text);
    await waitUntil(`${kind} says why`, DEADLINE_MS, read, says);
  }

  beforeAll(async () => {
    lab = await Laboratory.create(['peregrine', ...FOREIGN_KINDS]);
    us = lab.router('peregrine');
    for (const kind of FOREIGN_KINDS) places.set(kind, lab.router(kind));
    await Promise.all(
      FOREIGN_KINDS.map(async (kind) => {
        const place = placeOf(kind);
        const router = await startRouter(kind, lab, place, {
          localAs: asOf(kind),
          routerId: place.ipv4,
          neighbours: [session(place, us, OUR_AS, FAMILY, { passive: true })],
          networks: [announcement(prefixOf(kind))],
        });
        foreign.set(kind, router);
      }),
    );
    peregrine = await startRouter('peregrine', lab, us, {
      localAs: OUR_AS,
      routerId: us.ipv4,
      networks: [announcement(OURS)],
      ...configuration(),
    });
    await established(
      peregrine,
      FOREIGN_KINDS.map((kind) => placeOf(kind).ipv4),
    );
  });
  afterAll(() => lab?.close());

  describe.each(FOREIGN_KINDS)('%s', (kind) => {
    test('another import policy and back: its routes are not used, then used, in one session', async () => {
      const before = await sessionCounts();
      const eligible = async (): Promise<boolean> => {
        const [known] = await routes(peregrine, prefixOf(kind));
        return known?.paths.some((path) => path.source === placeOf(kind).ipv4 && path.eligible) ?? false;
      };
      await waitUntil('its route is used', DEADLINE_MS, eligible, (is) => is);
      await reconfigure(kind, { peregrine: { import: 'nothing' } });
      await waitUntil('its route is not used', DEADLINE_MS, eligible, (is) => !is);
      await reconfigure(kind, null);
      await waitUntil('its route is used again', DEADLINE_MS, eligible, (is) => is);
      expect(await sessionCounts()).toEqual(before);
    });

    test('another export policy: it hears the difference, in one session', async () => {
      const before = await sessionCounts();
      const communities = async (): Promise<readonly string[] | 'absent'> => {
        const list = await routerOf(kind).received(us.ipv4, FAMILY);
        return list.find((route) => route.prefix === OURS)?.communities ?? 'absent';
      };
      const isUnmarked = (list: readonly string[] | 'absent'): boolean => list.length === 0;
      await waitUntil('our route is there', DEADLINE_MS, communities, isUnmarked);
      await reconfigure(kind, { peregrine: { export: 'marked' } });
      await waitUntil('it is marked', DEADLINE_MS, communities, (list) => list[0] === '65001:99');
      await reconfigure(kind, { peregrine: { export: 'nothing' } });
      await waitUntil('it is gone', DEADLINE_MS, communities, (list) => list === 'absent');
      await reconfigure(kind, null);
      await waitUntil('it is back, unmarked', DEADLINE_MS, communities, isUnmarked);
      expect(await sessionCounts()).toEqual(before);
    });

    test('another hold time: this session is reset with 6/6, all others stay', async () => {
      const before = await sessionCounts();
      await reconfigure(kind, { holdTimeSeconds: 60 });
      await waitUntil(
        'a second session',
        DEADLINE_MS,
        () => peerView(peregrine.context, placeOf(kind).ipv4),
        (peer) => peer.negotiated?.holdTimeSeconds === 60,
      );
      expect(await sessionCounts()).toEqual(new Map([...before, [kind, (before.get(kind) ?? 0) + 1]]));
      await toldWhy(kind, SAYS[kind].changed);
    });

    test('no longer configured: this session ends with 6/3, all others stay', async () => {
      const before = new Map(await sessionCounts());
      present = present.filter((other) => other !== kind);
      await reconfigure(kind, null);
      await waitUntil(
        'its session is gone',
        DEADLINE_MS,
        () => routerOf(kind).session(us.ipv4),
        (status) => !status.isEstablished,
      );
      before.delete(kind);
      expect(await sessionCounts()).toEqual(before);
      await toldWhy(kind, SAYS[kind].removed);
      expect(await routes(peregrine, prefixOf(kind))).toEqual([]);
    });
  });
});

describeInterop('a neighbour that answers every OPEN with an error', [], () => {
  test('is tried again after growing pauses, and comes up by itself when it has recovered', async () => {
    await withLaboratory(['peregrine', 'raw'], async (lab) => {
      const [us, them] = [lab.router('peregrine'), lab.router('raw')];
      const raw = await RawSpeaker.start(lab, them, them.ipv4);
      const idleHold = { minSeconds: 1, maxSeconds: 4 };
      const peregrine = await startRouter('peregrine', lab, us, {
        localAs: OUR_AS,
        routerId: us.ipv4,
        neighbours: [session(us, them, 65002, FAMILY, { peregrine: { idleHold } })],
        networks: [],
      });
      const wrong = { as: 65003, holdTimeSeconds: 90, routerId: '9.9.9.9' };
      for (let attempt = 1; attempt <= 4; attempt++) {
        const connection = await raw.accepted(attempt);
        connection.send(openOctets(wrong));
        expect(await connection.notification()).toBe('2/2');
        const peer = await peerView(peregrine.context, them.ipv4);
        expect(peer.lastError).toMatchObject({ code: 2, subcode: 2 });
      }
      const last = await raw.accepted(5);
      await last.establish({ ...wrong, as: 65002 });
      await established(peregrine, [them.ipv4]);

      const times = raw.acceptedAtMs();
      const pauses = times.slice(1).map((atMs, index) => atMs - times[index]);
      // 1, 2, 4 and then no more than 4 seconds, each shortened by up to a quarter (RFC 4271 10).
      for (const [index, seconds] of [1, 2, 4, 4].entries()) {
        expect(pauses[index], `pause ${index + 1} of ${pauses}`).toBeGreaterThan(seconds * 700);
        expect(pauses[index], `pause ${index + 1} of ${pauses}`).toBeLessThan(seconds * 1000 + 2500);
      }
      expect(pauses[2]).toBeGreaterThan(pauses[0] * 1.5);
    });
  });
});
