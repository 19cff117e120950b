/**
 * Which ways the packets go: ECMP sets that grow and shrink under a stream of packets, next hops that follow an address
 * from link to link, tunnels with several next hops and with a device that comes late.
 */

import { spawn } from 'node:child_process';
import { get } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CalicoDaemon, type CalicoObject, calicoObject } from '../support/calico-daemon.ts';
import { type Laboratory, type Namespace, ROUTER_INTERFACE } from '../support/netns.ts';
import { type Router, startRouter } from '../support/peers/index.ts';
import { announcement } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { established, kernelRoutes, session, withLaboratory } from '../support/topology.ts';
import { waitUntil } from '../support/wait-for.ts';

const FAMILY = 'ipv4-unicast';
const DEADLINE_MS = 30_000;
const OUR_AS = 65001;
const PREFIX = '10.2.0.0/24';
const TARGET = '10.2.0.1';
const PORT = 9000;
/** More of them take a while: GoBGP is asked for each route by a process of its own. */
const ROUNDS = Number(process.env.PEREGRINE_ECMP_ROUNDS ?? 6);
const STREAM = join(import.meta.dirname, '../support/packet-stream.mjs');

/** A process of packet-stream.mjs in a namespace; `end` gives what it has counted. */
async function stream(
  place: Namespace,
  ...words: readonly string[]
): Promise<{ end(): Promise<Record<string, number>> }> {
  const child = spawn('ip', ['netns', 'exec', place.name, process.execPath, STREAM, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (octets: Buffer) => {
    output += octets.toString();
  });
  await waitUntil(
    `the stream in ${place.label} runs`,
    DEADLINE_MS,
    async () => output,
    (text) => text.includes('ready'),
  );
  return {
    end: async () => {
      child.kill('SIGTERM');
      const text = await waitUntil(
        `the stream in ${place.label} has ended`,
        DEADLINE_MS,
        async () => output,
        (all) => all.includes('}'),
      );
      return JSON.parse(text.slice(text.indexOf('{'))) as Record<string, number>;
    },
  };
}

function startFeeder(lab: Laboratory, place: Namespace, us: Namespace, localAs: number): Promise<Router> {
  return startRouter('gobgp', lab, place, {
    localAs,
    routerId: place.ipv4,
    neighbours: [session(place, us, OUR_AS, FAMILY, { passive: true })],
    networks: [],
  });
}

describeInterop('ECMP under a stream of packets', ['gobgp'], () => {
  test.each(['off', 'auto'])(
    'sets shrink and grow again and again, not one packet is lost (nextHopObjects %s)',
    async (nextHopObjects) => {
      await withLaboratory(['peregrine', 'one', 'two'], async (lab) => {
        const us = lab.router('peregrine');
        const places = [lab.router('one'), lab.router('two')];
        const feeders = await Promise.all(places.map((place) => startFeeder(lab, place, us, OUR_AS)));
        for (const place of places) await lab.ip(place, 'address', 'add', `${TARGET}/32`, 'dev', 'lo');
        await lab.run(us, ['sysctl', '-qw', 'net.ipv4.fib_multipath_hash_policy=1']);
        const peregrine = await startRouter('peregrine', lab, us, {
          localAs: OUR_AS,
          routerId: us.ipv4,
          neighbours: places.map((place) => session(us, place, OUR_AS, FAMILY)),
          networks: [],
          kernel: { enabled: true, nextHopObjects },
        });
        await established(
          peregrine,
          places.map(({ ipv4 }) => ipv4),
        );
        // Enough of them for a group to move as a whole.
        const prefixes = [PREFIX, ...Array.from({ length: 7 }, (_, i) => `10.3.${i}.0/24`)];
        const announce = async (feeder: Router): Promise<void> => {
          for (const prefix of prefixes) await feeder.announce(announcement(prefix));
        };
        const hasHops = (count: number) => (list: readonly string[]) =>
          list.length === prefixes.length && list.every((line) => (line.match(/ via /g) ?? []).length === count);
        const wait = (count: number) =>
          waitUntil(`${count} next hops`, DEADLINE_MS, () => kernelRoutes(lab, us), hasHops(count));
        await Promise.all(feeders.map(announce));
        expect((await wait(2))[0].includes(' nhid ')).toBe(nextHopObjects === 'auto');

        const receivers = await Promise.all(places.map((place) => stream(place, 'receive', String(PORT))));
        const sender = await stream(us, 'send', TARGET, String(PORT), '1000');
        for (let round = 0; round < ROUNDS; round++) {
          const feeder = feeders[round % 2];
          await Promise.all(prefixes.map((prefix) => feeder.withdraw(prefix)));
          await wait(1);
          await announce(feeder);
          await wait(2);
        }
        const { sent, refused } = await sender.end();
        const [first, second] = (await Promise.all(receivers.map((receiver) => receiver.end()))).map(
          ({ received }) => received,
        );
        console.log(
          `nextHopObjects ${nextHopObjects}: ${sent} packets, ${first} and ${second} arrived, ${refused} had no route`,
        );
        expect(sent).toBeGreaterThan(1000);
        expect([refused, sent - first - second]).toEqual([0, 0]);
        expect(Math.min(first, second)).toBeGreaterThan(0);
      });
    },
  );
});

describeInterop('a thousand routes and one of two gateways fails', ['bird'], () => {
  /** As many as BIRD's own configuration takes easily; with 10,000: src/kernel/fib-next-hop-objects.test.ts. */
  const ROUTES = 1000;

  /** Value of a metric without labels, from the control socket. */
  function metric(router: Router, name: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const socketPath = join(router.context.folder, 'peregrine.sock');
      get({ socketPath, path: '/metrics' }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve(Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])));
      }).on('error', reject);
    });
  }

  test('the other takes over: with next-hop objects with a handful of requests, without with two for each route', async () => {
    const took: Record<string, string> = {};
    for (const nextHopObjects of ['off', 'auto'] as const) {
      await withLaboratory(['peregrine', 'one', 'two'], async (lab) => {
        const us = lab.router('peregrine');
        const places = [lab.router('one'), lab.router('two')];
        const networks = Array.from({ length: ROUTES }, (_, i) => announcement(`10.${20 + (i >> 8)}.${i & 255}.0/24`));
        const feeders = await Promise.all(
          places.map((place) =>
            startRouter('bird', lab, place, {
              localAs: OUR_AS,
              routerId: place.ipv4,
              neighbours: [session(place, us, OUR_AS, FAMILY, { passive: true })],
              networks,
            }),
          ),
        );
        const peregrine = await startRouter('peregrine', lab, us, {
          localAs: OUR_AS,
          routerId: us.ipv4,
          neighbours: places.map((place) => session(us, place, OUR_AS, FAMILY)),
          networks: [],
          kernel: { enabled: true, nextHopObjects },
        });
        const [one, two] = places.map(({ ipv4 }) => ipv4);
        const through = async (gateway: string): Promise<number> =>
          (await kernelRoutes(lab, us)).filter((line) => line.includes(`via ${gateway} `)).length;
        const wait = (what: string, gateway: string, count: number) =>
          waitUntil(
            what,
            DEADLINE_MS,
            () => through(gateway),
            (found) => found === count,
          );
        await wait('all through the first', one, ROUTES);
        await wait('all through the second', two, ROUTES);
        const before = await metric(peregrine, 'peregrine_kernel_requests_total');
        await feeders[0].stop();
        await wait('none through the first', one, 0);
        expect(await through(two)).toBe(ROUTES);
        const requests = (await metric(peregrine, 'peregrine_kernel_requests_total')) - before;
        took[nextHopObjects] = `${requests} requests`;
        if (nextHopObjects === 'off') expect(requests).toBe(2 * ROUTES);
        else expect(requests).toBeLessThan(10);
      });
    }
    console.log(`next-hop objects off: ${took.off}; auto: ${took.auto}`);
  });
});

describeInterop('next hops follow addresses', ['gobgp'], () => {
  test('an address moves to another link, and the routes with it; without an address they are gone', async () => {
    await withLaboratory(['peregrine', 'feeder'], async (lab) => {
      const us = lab.router('peregrine');
      const place = lab.router('feeder');
      for (const name of ['sidea', 'sideb']) {
        await lab.ip(us, 'link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}-far`);
        for (const end of [name, `${name}-far`]) await lab.ip(us, 'link', 'set', end, 'up');
      }
      await lab.ip(us, 'address', 'add', '192.0.2.1/24', 'dev', 'sidea');
      const gobgp = await startFeeder(lab, place, us, OUR_AS);
      await gobgp.announce(announcement(PREFIX, { nextHop: '192.0.2.7' }));
      const peregrine = await startRouter('peregrine', lab, us, {
        localAs: OUR_AS,
        routerId: us.ipv4,
        neighbours: [session(us, place, OUR_AS, FAMILY)],
        networks: [],
        kernel: { enabled: true },
      });
      await established(peregrine, [place.ipv4]);
      const wait = (what: string, isWanted: (list: readonly string[]) => boolean) =>
        waitUntil(what, DEADLINE_MS, () => kernelRoutes(lab, us), isWanted);
      await wait('over the first link', ([line]) => line?.startsWith(`${PREFIX} via 192.0.2.7 dev sidea`) === true);
      await lab.ip(us, 'address', 'add', '192.0.2.1/24', 'dev', 'sideb');
      await lab.ip(us, 'address', 'del', '192.0.2.1/24', 'dev', 'sidea');
      await wait('over the second link', ([line]) => line?.startsWith(`${PREFIX} via 192.0.2.7 dev sideb`) === true);
      await lab.ip(us, 'address', 'del', '192.0.2.1/24', 'dev', 'sideb');
      await wait('gone', (list) => list.length === 0);
      await lab.ip(us, 'address', 'add', '192.0.2.1/24', 'dev', 'sidea');
      await wait('back', (list) => list.length === 1);
    });
  });
});

describeInterop('tunnels', ['gobgp'], () => {
  const cluster = (us: Namespace, places: readonly Namespace[], ipipMode: string): CalicoObject[] => [
    calicoObject('BGPConfiguration', 'default', {
      asNumber: OUR_AS,
      nodeToNodeMeshEnabled: false,
      programClusterRoutes: 'Enabled',
    }),
    calicoObject('Node', 'n1', { bgp: { ipv4Address: `${us.ipv4}/24` } }),
    calicoObject('IPPool', 'pool', { cidr: '10.2.0.0/16', ipipMode }),
    ...places.map((place) =>
      calicoObject('BGPPeer', place.label, { node: 'n1', peerIP: place.ipv4, asNumber: OUR_AS }),
    ),
  ];

  /** A device of this name, as Felix makes it; where IPIP is not in the kernel, any other kind serves. */
  async function makeTunnel(lab: Laboratory, us: Namespace): Promise<void> {
    await lab.ip(us, 'link', 'add', 'tunl0', 'type', 'veth', 'peer', 'name', 'tunl0-far');
    for (const end of ['tunl0', 'tunl0-far']) await lab.ip(us, 'link', 'set', end, 'up');
  }

  test('IPIP: routes that were there before the device go through it when it comes, with all next hops, and leave it when it goes', async () => {
    await withLaboratory(['peregrine', 'one', 'two'], async (lab) => {
      const us = lab.router('peregrine');
      const places = [lab.router('one'), lab.router('two')];
      const feeders = await Promise.all(places.map((place) => startFeeder(lab, place, us, OUR_AS)));
      await Promise.all(feeders.map((feeder) => feeder.announce(announcement(PREFIX))));
      await feeders[0].announce(announcement('10.2.1.0/26'));
      const objects = cluster(us, places, 'Always');
      const daemon = await CalicoDaemon.start({
        node: 'n1',
        objects,
        place: { lab, namespace: us },
        kernel: 'netlink',
        // Everywhere else tests do without (vitest.config.ts).
        env: { PEREGRINE_REHEARSAL: 'on' },
      });
      const [one, two] = places.map(({ ipv4 }) => ipv4);
      const wait = (what: string, wanted: readonly string[]) =>
        waitUntil(
          what,
          DEADLINE_MS,
          async () => (await kernelRoutes(lab, us)).map((line) => line.replace(/ proto bird| metric \d+/g, '')),
          (list) => JSON.stringify(list) === JSON.stringify(wanted),
        );
      const plain = [
        `${PREFIX} nexthop via ${one} dev ${ROUTER_INTERFACE} weight 1 nexthop via ${two} dev ${ROUTER_INTERFACE} weight 1`,
        `10.2.1.0/26 via ${one} dev ${ROUTER_INTERFACE}`,
      ];
      await wait('without tunnel', plain);
      await makeTunnel(lab, us);
      await wait('through the tunnel', [
        `${PREFIX} nexthop via ${one} dev tunl0 weight 1 onlink nexthop via ${two} dev tunl0 weight 1 onlink`,
        `10.2.1.0/26 via ${one} dev tunl0 onlink`,
      ]);
      await lab.ip(us, 'link', 'del', 'tunl0');
      await wait('without tunnel again', plain);
      // CrossSubnet: both are in our subnet.
      await makeTunnel(lab, us);
      daemon.write('all', cluster(us, places, 'CrossSubnet'));
      await wait('the same subnet needs none', plain);
    });
  });
});
