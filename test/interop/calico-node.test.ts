/**
 * What a Calico node does with its peers beyond the mesh, seen by real ones while resources change: workloads of the node
 * that are BGP peers (section 3.8), local AS and own-AS allowance (3.4), next-hop modes, several paths to a peer and
 * into the kernel (4.12).
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CalicoDaemon, type CalicoObject, calicoObject } from '../support/calico-daemon.ts';
import type { Namespace } from '../support/netns.ts';
import { birdEstablished, runBird } from '../support/peers/bird.ts';
import { type Router, startRouter } from '../support/peers/index.ts';
import { announcement, type ReceivedRoute } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { kernelRoutes, placeOf, sessions, withLaboratory } from '../support/topology.ts';
import { waitUntil } from '../support/wait-for.ts';

const OUR_AS = 64_512;
/** What we are towards one of the fabric's routers. */
const LOCAL_AS = 65_099;
const FABRIC_AS = 65_001;
const WORKLOAD_AS = 65_010;
const DEADLINE_MS = 60_000;
const TEST_TIMEOUT_MS = 180_000;
const FAMILY = 'ipv4-unicast';
/** Announced by both routers of the fabric. */
const SHARED = '10.50.0.0/16';
/** Announced by the east with our local AS in its path. */
const LOOPED = '10.51.0.0/16';
const OF_WORKLOAD = '10.60.0.0/24';

/** A router of the fabric, in BIRD's own words: nobody else's path could have our AS in it. */
function fabricRouter(place: Namespace, node: Namespace, asOfNode: number, hasLoop: boolean): string {
  return `router id ${place.ipv4};
protocol device { }
protocol direct { ipv4; }
protocol static { ipv4; route ${SHARED} blackhole; ${hasLoop ? `route ${LOOPED} blackhole;` : ''} }
filter to_node { if source != RTS_STATIC then reject;
  if net = ${LOOPED} then { bgp_path.prepend(${LOCAL_AS}); } accept; }
protocol bgp node { local ${place.ipv4} as ${FABRIC_AS}; neighbor ${node.ipv4} as ${asOfNode}; direct;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 { import all; export filter to_node; }; }
`;
}

describeInterop('a Calico node and its peers', ['bird'], () => {
  test(
    'workloads, local AS, own-AS allowance, next hops, several paths',
    () =>
      withLaboratory(['node', 'pod', 'east', 'west', 'inside'], async (lab) => {
        const [us, pod, east, west, inside] = ['node', 'pod', 'east', 'west', 'inside'].map((label) =>
          lab.router(label),
        );
        const eastPeer = (more: object = {}): CalicoObject =>
          calicoObject('BGPPeer', 'east', {
            peerIP: east.ipv4,
            asNumber: FABRIC_AS,
            localASNumber: LOCAL_AS,
            filters: ['all'],
            ...more,
          });
        const insidePeer = (more: object = {}): CalicoObject =>
          calicoObject('BGPPeer', 'inside', { peerIP: inside.ipv4, asNumber: OUR_AS, filters: ['all'], ...more });
        const objects = [
          calicoObject('Node', 'n1', { bgp: { ipv4Address: `${us.ipv4}/24` } }),
          calicoObject('Node', 'n2', { bgp: { ipv4Address: `${inside.ipv4}/24` } }),
          calicoObject('BGPPeer', 'west', { peerIP: west.ipv4, asNumber: FABRIC_AS }),
          calicoObject('BGPPeer', 'workloads', { localWorkloadSelector: 'all()', asNumber: WORKLOAD_AS }),
          calicoObject('BGPFilter', 'all', { exportV4: [{ action: 'Accept', source: 'RemotePeers' }] }),
        ];
        const daemon = await CalicoDaemon.start({
          node: 'n1',
          objects: [...objects, eastPeer(), insidePeer()],
          place: { lab, namespace: us },
          kernel: 'netlink',
        });
        const change = (...changed: readonly CalicoObject[]): void => daemon.write('all', [...objects, ...changed]);
        const [insideRouter, podRouter] = await Promise.all([
          startRouter('bird', lab, inside, {
            localAs: OUR_AS,
            routerId: inside.ipv4,
            neighbours: sessions(inside, us, OUR_AS, { addPathSend: true, addPathReceive: true }).slice(0, 1),
            networks: [],
          }),
          startRouter('bird', lab, pod, {
            localAs: WORKLOAD_AS,
            routerId: pod.ipv4,
            neighbours: sessions(pod, us, OUR_AS).slice(0, 1),
            networks: [announcement(OF_WORKLOAD)],
          }),
        ]);
        await Promise.all([
          runBird(placeOf(lab, east), fabricRouter(east, us, LOCAL_AS, true)),
          runBird(placeOf(lab, west), fabricRouter(west, us, OUR_AS, false)),
        ]);
        await birdEstablished(placeOf(lab, east), DEADLINE_MS);
        await birdEstablished(placeOf(lab, west), DEADLINE_MS);

        // ECMP, into the kernel and as several paths to an iBGP peer.
        await waitUntil(
          'both next hops are in the kernel',
          DEADLINE_MS,
          () => kernelRoutes(lab, us, FAMILY),
          (lines) =>
            lines.some(
              (line) =>
                line.startsWith(`${SHARED} metric 2147483547`) &&
                [east, west].every((one) => line.includes(`nexthop via ${one.ipv4} dev eth0`)),
            ),
        );
        const heard = (router: Router, prefix: string, isWanted: (all: readonly ReceivedRoute[]) => boolean) =>
          waitUntil(
            `${router.namespace.label} hears ${prefix} as wanted`,
            DEADLINE_MS,
            async () => (await router.received(us.ipv4, FAMILY)).filter((route) => route.prefix === prefix),
            isWanted,
          );
        const nextHops = (all: readonly ReceivedRoute[]): string =>
          all
            .map((route) => route.nextHop)
            .sort()
            .join(' ');
        await heard(insideRouter, SHARED, (all) => nextHops(all) === `${east.ipv4} ${west.ipv4}`);
        change(eastPeer(), insidePeer({ nextHopMode: 'Self' }));
        await heard(insideRouter, SHARED, (all) => nextHops(all) === `${us.ipv4} ${us.ipv4}`);

        // Our AS in a path is a loop, as often as it is not allowed.
        const looped = async (): Promise<string> => {
          const [route] = await daemon.list<{ paths: { eligible: boolean; reason: string | null }[] }>(
            `/v1/routes?prefix=${encodeURIComponent(LOOPED)}`,
          );
          return route === undefined ? 'not there' : `${route.paths[0].eligible} ${route.paths[0].reason}`;
        };
        const isLooped = (what: string, wanted: string): Promise<string> =>
          waitUntil(what, DEADLINE_MS, looped, (now) => now === wanted);
        await isLooped('the path with our local AS is a loop', 'false own AS in AS_PATH');
        change(eastPeer({ numAllowedLocalASNumbers: 1 }), insidePeer());
        await isLooped('once is allowed', 'true null');
        // A peering that is no longer every node's but this one's has another name, and the same session.
        const nameOf = (scope: string, place: Namespace): string => `${scope}_${place.ipv4.replaceAll('.', '_')}`;
        change(eastPeer({ numAllowedLocalASNumbers: 1, node: 'n1' }), insidePeer());
        /** The sessions that are up, each still its first. */
        const upOnce = (what: string, ...names: readonly string[]): Promise<unknown> =>
          waitUntil(
            what,
            DEADLINE_MS,
            async () => {
              const up = (await daemon.peers()).filter((peer) => peer.state === 'Established');
              return up.map(({ name, sessionsEstablished }) => `${name} ${sessionsEstablished}`).join();
            },
            (up) => up === names.map((name) => `${name} 1`).join(),
          );
        const [toWest, toEast] = [nameOf('Global', west), nameOf('Node', east)];
        await upOnce('the session has its new name', toWest, nameOf('Global', inside), toEast);
        // Nor does it end when the mesh takes over what a BGPPeer had asked for, and gives it back.
        change(eastPeer({ numAllowedLocalASNumbers: 1, node: 'n1' }));
        await upOnce('the mesh has the session', toWest, nameOf('Mesh', inside), toEast);
        await heard(insideRouter, SHARED, (all) => all.length === 0);
        change(eastPeer({ numAllowedLocalASNumbers: 1, node: 'n1' }), insidePeer());
        await upOnce('the BGPPeer has it back', toWest, nameOf('Global', inside), toEast);
        await heard(insideRouter, SHARED, (all) => all.length === 2);
        await isLooped('what the peer told stays', 'true null');

        // Felix says that the pod is a BGP peer: it is waited for, and gone when Felix takes the file away.
        const status = join(lab.folder(us), 'endpoint-status');
        mkdirSync(status, { recursive: true });
        const file = join(status, 'k8s default.pod eth0');
        const content = { ifaceName: 'eth0', ipv4Nets: [`${pod.ipv4}/32`], bgpPeerName: 'workloads' };
        writeFileSync(file, JSON.stringify(content));
        await waitUntil(
          'the workload has its session',
          DEADLINE_MS,
          () => podRouter.session(us.ipv4),
          ({ isEstablished }) => isEstablished,
        );
        const name = `Local_Workload_${pod.ipv4.replaceAll('.', '_')}`;
        expect((await daemon.peers()).find((peer) => peer.name === name)).toMatchObject({
          passive: true,
          type: 'ebgp',
        });
        await waitUntil(
          'its route is in the kernel',
          DEADLINE_MS,
          () => kernelRoutes(lab, us, FAMILY),
          (lines) => lines.includes(`${OF_WORKLOAD} via ${pod.ipv4} dev eth0 metric 2147483547`),
        );

        // What the east hears of it: our local AS alone in front, us as next hop, or the workload when that is kept.
        const toldEast = async (): Promise<string> => {
          const { stdout } = await lab.run(east, [
            'birdc',
            '-s',
            join(lab.folder(east), 'bird.ctl'),
            'show route all',
            OF_WORKLOAD,
          ]);
          const [path, hop] = [/BGP\.as_path: (.*)/, /BGP\.next_hop: (.*)/].map((one) => one.exec(stdout)?.[1] ?? '');
          return `${path} via ${hop}`;
        };
        const eastHears = (what: string, wanted: string): Promise<string> =>
          waitUntil(what, DEADLINE_MS, toldEast, (now) => now === wanted);
        await eastHears('the route of the workload, from us', `${LOCAL_AS} ${WORKLOAD_AS} via ${us.ipv4}`);
        change(eastPeer({ numAllowedLocalASNumbers: 1, node: 'n1', nextHopMode: 'Keep' }), insidePeer());
        await eastHears('with the workload as next hop', `${LOCAL_AS} ${WORKLOAD_AS} via ${pod.ipv4}`);

        rmSync(file);
        await waitUntil(
          'the session of the workload is gone',
          DEADLINE_MS,
          () => daemon.peers(),
          (peers) => peers.every((peer) => peer.name !== name),
        );
        await eastHears('the route is withdrawn', ' via ');
      }),
    TEST_TIMEOUT_MS,
  );
});
