/**
 * Route reflection (RFC 4456): Peregrine reflects between two foreign clients and two foreign non-clients, and is itself
 * a client of a foreign reflector. Clients hear everything, non-clients only what clients sent; next hop, MED and
 * LOCAL_PREF stay as they were, ORIGINATOR_ID and CLUSTER_LIST are added.
 */

import { expect, test } from 'vitest';
import { Laboratory, type Namespace } from '../support/netns.ts';
import { type ForeignKind, type Router, startRouter } from '../support/peers/index.ts';
import { advertised, routes } from '../support/peers/peregrine.ts';
import { announcement, FAMILIES, type Family, type Neighbour, neighbour } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitUntil } from '../support/wait-for.ts';

const AS = 65001;
const SESSION_DEADLINE_MS = 60_000;
const ROUTE_DEADLINE_MS = 10_000;

const CASTS: readonly {
  readonly clients: readonly [ForeignKind, ForeignKind];
  readonly others: readonly [ForeignKind, ForeignKind];
}[] = [
  { clients: ['bird', 'gobgp'], others: ['frr', 'exabgp'] },
  { clients: ['frr', 'exabgp'], others: ['openbgpd', 'bird'] },
  { clients: ['openbgpd', 'bird'], others: ['gobgp', 'exabgp'] },
];

/** One session a family between two routers, seen from `local`. */
function sessions(local: Namespace, remote: Namespace, given: Partial<Neighbour>): readonly Neighbour[] {
  return [
    neighbour({ address: remote.ipv4, localAddress: local.ipv4, as: AS, families: ['ipv4-unicast'], ...given }),
    neighbour({ address: remote.ipv6, localAddress: local.ipv6, as: AS, families: ['ipv6-unicast'], ...given }),
  ];
}

function addressOf(namespace: Namespace, family: Family): string {
  return family === 'ipv4-unicast' ? namespace.ipv4 : namespace.ipv6;
}

/** A prefix that only this router announces. */
function prefixOf(namespace: Namespace, family: Family): string {
  return family === 'ipv4-unicast' ? `10.${namespace.index}.0.0/24` : `2001:db8:${namespace.index}::/48`;
}

for (const { clients, others } of CASTS) {
  const title = `Peregrine reflects for clients ${clients.join(' and ')}, non-clients ${others.join(' and ')}`;
  describeInterop(title, [...clients, ...others], () => {
    test('each hears what RFC 4456 lets it hear', async () => {
      const lab = await Laboratory.create(['reflector', 'client1', 'client2', 'other1', 'other2']);
      try {
        const reflector = lab.router('reflector');
        const cast = [
          { namespace: lab.router('client1'), kind: clients[0], isClient: true },
          { namespace: lab.router('client2'), kind: clients[1], isClient: true },
          { namespace: lab.router('other1'), kind: others[0], isClient: false },
          { namespace: lab.router('other2'), kind: others[1], isClient: false },
        ];
        const members = await Promise.all(
          cast.map(async (member) => ({
            ...member,
            router: await startRouter(member.kind, lab, member.namespace, {
              localAs: AS,
              routerId: member.namespace.ipv4,
              neighbours: sessions(member.namespace, reflector, { passive: true }),
              networks: FAMILIES.map((family) =>
                announcement(prefixOf(member.namespace, family), { med: 7, localPref: 150, communities: ['65001:3'] }),
              ),
            }),
          })),
        );
        const peregrine = await startRouter('peregrine', lab, reflector, {
          localAs: AS,
          routerId: reflector.ipv4,
          neighbours: members.flatMap((member) =>
            sessions(reflector, member.namespace, { reflectorClient: member.isClient }),
          ),
          networks: [],
        });

        for (const family of FAMILIES) {
          for (const listener of members) {
            const speakers = members.filter(
              (speaker) => speaker !== listener && (speaker.isClient || listener.isClient),
            );
            const expected = speakers.map((speaker) => ({
              prefix: prefixOf(speaker.namespace, family),
              nextHop: addressOf(speaker.namespace, family),
              asPath: [],
              med: 7,
              localPref: 150,
              communities: ['65001:3'],
              originatorId: speaker.namespace.ipv4,
              clusterList: [reflector.ipv4],
            }));
            const heard = await waitUntil(
              `${listener.kind} (${listener.namespace.label}) hears ${speakers.length} ${family} routes`,
              SESSION_DEADLINE_MS,
              () => listener.router.received(addressOf(reflector, family), family),
              (list) => list.length === expected.length,
            );
            expect(heard, `${family} at ${listener.kind} (${listener.namespace.label})`).toMatchObject(expected);
            const told = await advertised(peregrine, addressOf(listener.namespace, family));
            expect(told.map((route) => route.prefix).sort()).toEqual(expected.map((route) => route.prefix).sort());
          }
        }

        // A client that withdraws is forgotten by all.
        const [gone] = members;
        for (const family of FAMILIES) await gone.router.withdraw(prefixOf(gone.namespace, family));
        for (const family of FAMILIES) {
          for (const listener of members.slice(1)) {
            await waitUntil(
              `${listener.kind} no longer hears the withdrawn ${family} route`,
              ROUTE_DEADLINE_MS,
              () => listener.router.received(addressOf(reflector, family), family),
              (list) => list.every((route) => route.prefix !== prefixOf(gone.namespace, family)),
            );
          }
        }
      } finally {
        await lab.close();
      }
    });
  });
}

const REFLECTORS = ['bird', 'gobgp', 'frr', 'openbgpd'] as const;

for (const kind of REFLECTORS) {
  describeInterop(`Peregrine is a client of ${kind}`, [kind, 'exabgp'], () => {
    test('it hears the other client through the reflector, and does not use its own route when reflected', async () => {
      const lab = await Laboratory.create(['reflector', 'peregrine', 'client']);
      try {
        const [reflector, us, other] = ['reflector', 'peregrine', 'client'].map((label) => lab.router(label));
        const client = { reflectorClient: true, passive: true };
        await startRouter(kind, lab, reflector, {
          localAs: AS,
          routerId: reflector.ipv4,
          neighbours: [...sessions(reflector, us, client), ...sessions(reflector, other, client)],
          networks: [],
        });
        const start = async (name: 'peregrine' | 'exabgp', namespace: Namespace): Promise<Router> =>
          await startRouter(name, lab, namespace, {
            localAs: AS,
            routerId: namespace.ipv4,
            neighbours: sessions(namespace, reflector, {}),
            networks: FAMILIES.map((family) => announcement(prefixOf(namespace, family), { localPref: 150 })),
          });
        const [peregrine, exabgp] = await Promise.all([start('peregrine', us), start('exabgp', other)]);
        for (const family of FAMILIES) {
          const from = addressOf(reflector, family);
          for (const [listener, speaker] of [
            [peregrine, other],
            [exabgp, us],
          ] as const) {
            const prefix = prefixOf(speaker, family);
            const heard = await waitUntil(
              `${listener.kind} hears the other client's ${family} route`,
              SESSION_DEADLINE_MS,
              () => listener.received(from, family),
              (list) => list.some((route) => route.prefix === prefix),
            );
            expect(heard.find((route) => route.prefix === prefix)).toMatchObject({
              nextHop: addressOf(speaker, family),
              localPref: 150,
              originatorId: speaker.ipv4,
              clusterList: [reflector.ipv4],
            });
          }
          // FRR reflects a route to its originator too: ORIGINATOR_ID is ours, so it must not be used.
          const [own] = await routes(peregrine, prefixOf(us, family));
          expect(own.paths.filter((path) => path.eligible)).toMatchObject([{ source: 'static', best: true }]);
          if (kind === 'frr') expect(own.paths.filter((path) => !path.eligible)).toHaveLength(1);
        }
      } finally {
        await lab.close();
      }
    });
  });
}
