/**
 * The life of a session with every foreign daemon: who dials (RFC 4271 8, 6.8), hold timer, the operator's shutdown with
 * its text (RFC 9003), two-octet speakers (RFC 6793), both families over one connection (RFC 4760).
 */

import { expect, test } from 'vitest';
import { type Pair, PEREGRINE_AS, withPair } from '../support/pair.ts';
import { FOREIGN_KINDS, type ForeignKind } from '../support/peers/index.ts';
import { peerView } from '../support/peers/peregrine.ts';
import { announcement, FAMILIES, type ReceivedRoute } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitUntil } from '../support/wait-for.ts';

const FAMILY = 'ipv4-unicast';
const BOTH_FAMILIES = FAMILIES;
const DEADLINE_MS = 30_000;
const BGP_PORT_HEX = '00B3';
const TCP_ESTABLISHED_HEX = '01';
const CEASE = 6;
const MAXIMUM_PREFIXES = 1;
const ADMINISTRATIVE_SHUTDOWN = 2;
/** RFC 8538: encloses the other two where both sides support NOTIFICATIONs under graceful restart (FRR). */
const HARD_RESET = 9;
const HOLD_TIMER_EXPIRED = 4;
/** AS_TRANS: what a two-octet speaker has to call a neighbour whose AS needs four octets. */
const AS_TRANS = 23456;
/** ExaBGP sends the subcode only. */
const SENDS_SHUTDOWN_TEXT: readonly ForeignKind[] = ['bird', 'gobgp', 'frr', 'openbgpd'];
/** GoBGP always offers four octets; FRR can only leave out all capabilities. Only ExaBGP then takes AS_TRANS as our AS. */
const CAN_BE_TWO_OCTET: readonly ForeignKind[] = ['bird', 'frr', 'openbgpd', 'exabgp'];

for (const kind of FOREIGN_KINDS) {
  describeInterop(`sessions with ${kind}`, [kind], () => {
    test.each(['peregrine', 'foreign', 'both'] as const)('%s dials: one connection, established', async (dials) => {
      await withPair({ kind, session: 'iBGP', dials, overIpv4: [FAMILY] }, async (pair) => {
        await pair.established();
        const isOne = (count: number): boolean => count === 1;
        await waitUntil('one connection is left', DEADLINE_MS, () => connectionCount(pair), isOne);
      });
    });

    test('both families over one IPv4 connection', async () => {
      const networks = (octet: number) => [announcement(`10.${octet}.0.0/24`), announcement(`2001:db8:${octet}::/48`)];
      const options = {
        kind,
        session: 'iBGP',
        dials: 'peregrine',
        overIpv4: BOTH_FAMILIES,
        peregrineNetworks: networks(1),
        foreignNetworks: networks(2),
      } as const;
      await withPair(options, async (pair) => {
        await pair.established();
        for (const family of FAMILIES) {
          await pair.heard(pair.foreign, family, 'our route', (list) => list.length === 1);
          await pair.heard(pair.peregrine, family, 'its route', (list) => list.length === 1);
        }
      });
    });

    test('a peer that stops executing: hold timer expires, its routes go', async () => {
      const options = {
        kind,
        session: 'eBGP',
        dials: 'peregrine',
        overIpv4: [FAMILY],
        both: { holdTimeSeconds: 3 },
        foreignNetworks: [announcement('10.2.0.0/24')],
      } as const;
      await withPair(options, async (pair) => {
        await pair.established();
        await pair.heard(pair.peregrine, FAMILY, 'its route', (list) => list.length === 1);
        const { negotiated } = await peerView(pair.peregrine.context, pair.foreign.namespace.ipv4);
        expect(negotiated?.holdTimeSeconds).toBe(3);

        pair.foreign.daemon.freeze();
        const peer = await pair.down(DEADLINE_MS);
        expect(peer.lastError).toMatchObject({ code: HOLD_TIMER_EXPIRED, subcode: 0 });
        expect(await pair.peregrine.received(pair.foreign.namespace.ipv4, FAMILY)).toEqual([]);
        pair.foreign.daemon.thaw();
      });
    });

    test('the operator of the peer shuts the session down: we know why', async () => {
      await withPair({ kind, session: 'iBGP', dials: 'peregrine', overIpv4: [FAMILY] }, async (pair) => {
        await pair.established();
        const reason = 'maintenance';
        await pair.foreign.disable(pair.peregrine.namespace.ipv4, reason);
        const isToldWhy = (peer: Awaited<ReturnType<typeof peerView>>): boolean => peer.lastError?.code === CEASE;
        const read = () => peerView(pair.peregrine.context, pair.foreign.namespace.ipv4);
        const { lastError } = await waitUntil('Cease has come', DEADLINE_MS, read, isToldWhy);
        expect([ADMINISTRATIVE_SHUTDOWN, HARD_RESET]).toContain(lastError?.subcode);
        if (SENDS_SHUTDOWN_TEXT.includes(kind)) expect(lastError?.text).toContain(reason);
      });
    });

    test('our operator shuts the session down: the peer has no routes of ours any more', async () => {
      const peregrineNetworks = [announcement('10.1.0.0/24')];
      const options = { kind, session: 'iBGP', dials: 'peregrine', overIpv4: [FAMILY], peregrineNetworks } as const;
      await withPair(options, async (pair) => {
        await pair.established();
        await pair.heard(pair.foreign, FAMILY, 'our route', (list) => list.length === 1);
        await pair.peregrine.disable(pair.foreign.namespace.ipv4, '');
        await pair.heard(pair.foreign, FAMILY, 'nothing', (list) => list.length === 0);
        const status = await pair.foreign.session(pair.peregrine.namespace.ipv4);
        expect(status.isEstablished).toBe(false);
      });
    });

    test('more routes than allowed: Cease, Maximum Number of Prefixes Reached', async () => {
      const options = {
        kind,
        session: 'eBGP',
        dials: 'peregrine',
        overIpv4: [FAMILY],
        peregrine: { peregrine: { maxPrefixes: 2, idleHold: { minSeconds: 60, maxSeconds: 60 } } },
        foreignNetworks: [announcement('10.2.0.0/24'), announcement('10.2.1.0/24')],
      } as const;
      await withPair(options, async (pair) => {
        await pair.established();
        await pair.heard(pair.peregrine, FAMILY, 'as many as allowed', (list) => list.length === 2);
        await pair.foreign.announce(announcement('10.2.2.0/24'));
        const peer = await pair.down(DEADLINE_MS);
        expect(peer.lastError?.code).toBe(CEASE);
        expect([MAXIMUM_PREFIXES, HARD_RESET]).toContain(peer.lastError?.subcode);
        await pair.heard(pair.peregrine, FAMILY, 'nothing', (list) => list.length === 0);
      });
    });

    if (CAN_BE_TWO_OCTET.includes(kind)) {
      test('a two-octet speaker: paths both ways', async () => {
        const ourAs = kind === 'exabgp' ? 4_200_000_001 : PEREGRINE_AS;
        const options = {
          kind,
          session: 'eBGP',
          dials: 'peregrine',
          overIpv4: [FAMILY],
          peregrineAs: ourAs,
          foreignAs: 65002,
          foreign: { fourOctetAs: false, as: ourAs > 0xffff ? AS_TRANS : ourAs },
          peregrineNetworks: [announcement('10.1.0.0/24')],
          foreignNetworks: [announcement('10.2.0.0/24')],
        } as const;
        await withPair(options, async (pair) => {
          await pair.established();
          const [ours] = await pair.heard(pair.foreign, FAMILY, 'our route', (list) => list.length === 1);
          // ExaBGP may merge what AS4_PATH says.
          expect([[ourAs], [AS_TRANS]]).toContainEqual(ours.asPath);
          // FRR tells us our own route too, with our AS in the path.
          const isTheirs = (route: ReceivedRoute): boolean => route.prefix === '10.2.0.0/24';
          const heard = await pair.heard(pair.peregrine, FAMILY, 'its route', (list) => list.some(isTheirs));
          expect(heard.find(isTheirs)?.asPath).toEqual([65002]);
        });
      });
    }
  });
}

/** Established TCP connections of port 179 in Peregrine's namespace. */
async function connectionCount(pair: Pair): Promise<number> {
  const { stdout } = await pair.lab.run(pair.peregrine.namespace, ['cat', '/proc/net/tcp', '/proc/net/tcp6']);
  let count = 0;
  for (const line of stdout.split('\n')) {
    const [, local, remote, state] = line.trim().split(/\s+/);
    if (state !== TCP_ESTABLISHED_HEX) continue;
    if (local.endsWith(`:${BGP_PORT_HEX}`) || remote.endsWith(`:${BGP_PORT_HEX}`)) count++;
  }
  return count;
}
