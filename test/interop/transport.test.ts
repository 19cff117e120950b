/**
 * Where a session runs: another TCP port than 179, only some of our addresses listened on, neighbours beyond the link
 * (eBGP is single-hop unless told otherwise; RFC 5082 with two hops). Two routers that forward nothing themselves are
 * joined by a third one which takes one off the TTL of every packet.
 */

import { expect, test } from 'vitest';
import { type Laboratory, type Namespace, ROUTER_INTERFACE } from '../support/netns.ts';
import { withPair } from '../support/pair.ts';
import { FOREIGN_KINDS, type Router, startRouter } from '../support/peers/index.ts';
import { announcement, type Neighbour, neighbour } from '../support/peers/router.ts';
import { RawSpeaker } from '../support/raw-speaker.ts';
import { describeInterop } from '../support/requirements.ts';
import { established, kernelRoutes, withLaboratory } from '../support/topology.ts';
import { waitFor, waitUntil } from '../support/wait-for.ts';

const FAMILY = 'ipv4-unicast';
const OUR_AS = 65001;
const THEIR_AS = 65002;
const DEADLINE_MS = 30_000;
/** The port of Calico's own tests. */
const OTHER_PORT = 177;

for (const kind of FOREIGN_KINDS) {
  describeInterop(`port ${OTHER_PORT} with ${kind}`, [kind], () => {
    test.each(['peregrine', 'foreign'] as const)('%s dials: established', async (dials) => {
      const options = { kind, session: 'eBGP', dials, overIpv4: [FAMILY], port: OTHER_PORT } as const;
      await withPair(options, async (pair) => {
        await pair.established();
        const { stdout } = await pair.lab.run(pair.peregrine.namespace, ['cat', '/proc/net/tcp']);
        const hexPort = `:${OTHER_PORT.toString(16).toUpperCase().padStart(4, '0')}`;
        expect(stdout).toContain(hexPort);
      });
    });
  });
}

describeInterop('several listen addresses', [], () => {
  test('connections are accepted there and nowhere else, each on its port', async () => {
    await withLaboratory(['peregrine', 'raw'], async (lab) => {
      const [us, them] = [lab.router('peregrine'), lab.router('raw')];
      const second = '198.18.0.101';
      await lab.ip(us, 'addr', 'add', `${second}/24`, 'dev', ROUTER_INTERFACE);
      await startRouter('peregrine', lab, us, {
        localAs: OUR_AS,
        routerId: us.ipv4,
        neighbours: [],
        networks: [],
        peregrine: {
          listen: [
            { address: us.ipv4, port: 179 },
            { address: us.ipv6, port: OTHER_PORT },
          ],
        },
      });
      const raw = await RawSpeaker.start(lab, them, null);
      const refusal = async (address: string, local: string, port: number): Promise<string> => {
        const connection = await raw.connect(address, local, port);
        await connection.closed();
        return connection.events().find((event) => event.event === 'error')?.text ?? 'closed';
      };
      // Nobody is configured: who is listened for is closed, who is not gets a RST from the kernel.
      expect(await refusal(us.ipv4, them.ipv4, 179)).toBe('closed');
      expect(await refusal(us.ipv6, them.ipv6, OTHER_PORT)).toBe('closed');
      expect(await refusal(us.ipv4, them.ipv4, OTHER_PORT)).toContain('ECONNREFUSED');
      expect(await refusal(second, them.ipv4, 179)).toContain('ECONNREFUSED');
    });
  });
});

/** Loopback addresses of two routers, each reached through the third. */
interface Distant {
  readonly lab: Laboratory;
  readonly us: Namespace;
  readonly them: Namespace;
  readonly between: Namespace;
}

const OUR_LOOPBACK = '10.255.0.1';
const THEIR_LOOPBACK = '10.255.0.2';

async function joinThroughThird(lab: Laboratory): Promise<Distant> {
  const [us, them, between] = ['peregrine', 'foreign', 'between'].map((label) => lab.router(label));
  const settings = ['ip_forward=1', 'conf.all.send_redirects=0', `conf.${ROUTER_INTERFACE}.send_redirects=0`];
  for (const setting of settings) {
    const [key, value] = setting.split('=');
    const path = `/proc/sys/net/ipv4/${key.replaceAll('.', '/')}`;
    await lab.run(between, ['sh', '-c', `echo ${value} > ${path}`]);
  }
  await lab.ip(us, 'addr', 'add', `${OUR_LOOPBACK}/32`, 'dev', 'lo');
  await lab.ip(them, 'addr', 'add', `${THEIR_LOOPBACK}/32`, 'dev', 'lo');
  await lab.ip(us, 'route', 'add', `${THEIR_LOOPBACK}/32`, 'via', between.ipv4, 'proto', 'static');
  await lab.ip(them, 'route', 'add', `${OUR_LOOPBACK}/32`, 'via', between.ipv4, 'proto', 'static');
  await lab.ip(between, 'route', 'add', `${OUR_LOOPBACK}/32`, 'via', us.ipv4);
  await lab.ip(between, 'route', 'add', `${THEIR_LOOPBACK}/32`, 'via', them.ipv4);
  return { lab, us, them, between };
}

function startUs({ lab, us }: Distant, given: Partial<Neighbour>): Promise<Router> {
  const session = neighbour({
    address: THEIR_LOOPBACK,
    localAddress: OUR_LOOPBACK,
    as: THEIR_AS,
    families: [FAMILY],
    ...given,
  });
  return startRouter('peregrine', lab, us, {
    localAs: OUR_AS,
    routerId: us.ipv4,
    neighbours: [session],
    networks: [],
    kernel: { enabled: true },
  });
}

/** Packets that the router between threw away because their TTL was used up (Ip InHdrErrors). */
async function expiredPackets({ lab, between }: Distant): Promise<number> {
  const { stdout } = await lab.run(between, ['cat', '/proc/net/snmp']);
  const [names, values] = stdout.split('\n').filter((line) => line.startsWith('Ip:'));
  return Number(values.split(' ')[names.split(' ').indexOf('InHdrErrors')]);
}

const MULTIHOP_KINDS = ['bird', 'gobgp', 'frr', 'openbgpd'] as const;

for (const kind of MULTIHOP_KINDS) {
  describeInterop(`eBGP over two hops with ${kind}`, [kind], () => {
    test('multihop: established; its routes go through the router between', async () => {
      await withLaboratory(['peregrine', 'foreign', 'between'], async (lab) => {
        const distant = await joinThroughThird(lab);
        const session = neighbour({
          address: OUR_LOOPBACK,
          localAddress: THEIR_LOOPBACK,
          as: OUR_AS,
          families: [FAMILY],
          passive: true,
          multihopTtl: 2,
        });
        await startRouter(kind, lab, distant.them, {
          localAs: THEIR_AS,
          routerId: distant.them.ipv4,
          neighbours: [session],
          networks: [announcement('10.2.0.0/24')],
        });
        const peregrine = await startUs(distant, { multihopTtl: 2 });
        await established(peregrine, [THEIR_LOOPBACK]);
        const [route] = await waitUntil(
          'the route is in the kernel',
          DEADLINE_MS,
          () => kernelRoutes(lab, distant.us),
          (list) => list.length > 0,
        );
        // Recursive: NEXT_HOP is their loopback, which a static route of the kernel leads to.
        expect(route).toMatch(new RegExp(`^10\\.2\\.0\\.0/24 via ${distant.between.ipv4} dev ${ROUTER_INTERFACE}`));
        const [heard] = await peregrine.received(THEIR_LOOPBACK, FAMILY);
        expect(heard.nextHop).toBe(THEIR_LOOPBACK);
      });
    });
  });
}

describeInterop('eBGP over two hops', [], () => {
  test('single-hop unless told otherwise: our packets do not get beyond the first router', async () => {
    await withLaboratory(['peregrine', 'foreign', 'between'], async (lab) => {
      const distant = await joinThroughThird(lab);
      const raw = await RawSpeaker.start(lab, distant.them, THEIR_LOOPBACK);
      const peregrine = await startUs(distant, {});
      const hasExpired = async (): Promise<true | null> => ((await expiredPackets(distant)) >= 2 ? true : null);
      await waitFor('our packets expire at the router between', DEADLINE_MS, hasExpired);
      expect((await peregrine.session(THEIR_LOOPBACK)).isEstablished).toBe(false);
      expect(raw.acceptedAtMs()).toEqual([]);
    });
  });

  test.each([
    { what: 'two hops allowed (TTL 254): established', hops: 2, isUp: true },
    { what: 'one hop allowed (TTL 255): refused by the kernel', hops: 1, isUp: false },
  ])('GTSM, $what', async ({ hops, isUp }) => {
    await withLaboratory(['peregrine', 'foreign', 'between'], async (lab) => {
      const distant = await joinThroughThird(lab);
      const ours = { peregrine: { ttlSecurityHops: hops } };
      const theirs = { passive: true, peregrine: { ttlSecurityHops: 2 } };
      // Two of our own: what counts here is the number of hops, which only we can be asked for in both directions.
      await startRouter('peregrine', lab, distant.them, {
        localAs: THEIR_AS,
        routerId: distant.them.ipv4,
        neighbours: [
          neighbour({
            address: OUR_LOOPBACK,
            localAddress: THEIR_LOOPBACK,
            as: OUR_AS,
            families: [FAMILY],
            ...theirs,
          }),
        ],
        networks: [],
      });
      const peregrine = await startUs(distant, ours);
      if (isUp) {
        await established(peregrine, [THEIR_LOOPBACK]);
        return;
      }
      await waitFor('the kernel drops packets with too small a TTL', DEADLINE_MS, async () => {
        const { stdout } = await lab.run(distant.us, ['cat', '/proc/net/netstat']);
        const [names, values] = stdout.split('\n').filter((line) => line.startsWith('TcpExt:'));
        return Number(values.split(' ')[names.split(' ').indexOf('TCPMinTTLDrop')]) > 0 ? true : null;
      });
      expect((await peregrine.session(THEIR_LOOPBACK)).isEstablished).toBe(false);
    });
  });
});
