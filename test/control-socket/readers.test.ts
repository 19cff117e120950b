/**
 * Every reader of BIRD's control socket that a Calico cluster has, fed with ours: the rows, words and columns that they
 * need, for peers in every state that can be had without a kernel.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LOOPBACK_PORT, loopbackAddress } from '../support/loopback.ts';
import { waitFor } from '../support/wait-for.ts';
import { exporterProtocols, exporterRead, exporterStatus, exporterUptimeIsKnown } from './bird-exporter.ts';
import { BirdSpeaker } from './bird-speaker.ts';
import { readGracefulRestart, readiness, readPeers, reportAgent, reportPeers, reportRoutes } from './calico-readers.ts';

const OWN = loopbackAddress(1);
const MESH = loopbackAddress(2);
const nameOf = (kind: string, address: string): string => `${kind}_${address.replaceAll('.', '_')}`;
const peer = (kind: string, host: number, more: object = {}) => ({
  name: nameOf(kind, loopbackAddress(host)),
  address: loopbackAddress(host),
  port: LOOPBACK_PORT,
  localAddress: OWN,
  as: 64512,
  description: 'Connection to BGP peer',
  ...more,
});

let bird: BirdSpeaker;
let mesh: BirdSpeaker;
let exported: BirdSpeaker;

beforeAll(async () => {
  mesh = await BirdSpeaker.start(
    MESH,
    {
      routerId: '10.0.0.2',
      as: 64512,
      peers: [
        {
          name: 'Mesh_1',
          address: OWN,
          port: LOOPBACK_PORT,
          localAddress: MESH,
          as: 64512,
          families: ['ipv4-unicast', 'ipv6-unicast'],
        },
      ],
      originate: [{ prefix: '192.168.3.0/26' }, { prefix: '10.96.0.0/16' }, { prefix: 'fd80:0:0:3::/122' }],
    },
    { dialect: '2' },
  );
  bird = await BirdSpeaker.start(OWN, {
    routerId: '10.0.0.1',
    as: 64512,
    peers: [
      peer('Mesh', 2, { families: ['ipv4-unicast', 'ipv6-unicast'] }),
      peer('Global', 3),
      peer('Node', 4, { passive: true }),
      peer('Node', 5, { enabled: false }),
      { ...peer('Node', 6), name: `${nameOf('Node', loopbackAddress(6))}_port_1179` },
      { ...peer('Local_Workload', 7, { passive: true }) },
    ],
    originate: [{ prefix: '192.168.2.0/26' }, { prefix: '10.96.0.0/16' }, { prefix: 'fd80:0:0:2::/122' }],
  });
  exported = mesh;
  await waitFor('the session and its routes', 20_000, async () =>
    (await bird.ask('show route count')).includes('0014 4 of 4 routes for 3 networks') ? true : null,
  );
  await waitFor('a refused connection', 20_000, async () =>
    (await bird.ask('show protocols')).some((line) => line.includes('Socket: Connection refused')) ? true : null,
  );
});

afterAll(async () => {
  await bird?.stop();
  await mesh?.stop();
});

describe('calico-node health and calicoctl', () => {
  test('read peers of every state with their addresses, types and words', async () => {
    const peers = await readPeers(bird.paths[0], 4);
    // Active and Connect alternate for a peer that refuses.
    const rows = peers.map(({ address, type, state, bgpState, info }) => [
      address,
      type,
      state,
      bgpState.replace('Connect', 'Active'),
      info,
    ]);
    expect(rows).toEqual([
      [loopbackAddress(3), 'global', 'start', 'Active', 'Socket: Connection refused'],
      [MESH, 'node-to-node mesh', 'up', 'Established', ''],
      [loopbackAddress(4), 'node specific', 'start', 'Passive', ''],
      [`${loopbackAddress(6)}.port.1179`, 'node specific', 'start', 'Active', 'Socket: Connection refused'],
    ]);
    for (const { since } of peers) expect(since).toMatch(/^\d\d:\d\d:\d\d$/);
  });

  test('find no peers, and an answer, where the other family has none', async () => {
    const quiet = await BirdSpeaker.start(loopbackAddress(9), { routerId: '10.0.0.9', as: 64512 });
    try {
      expect(await readPeers(quiet.paths[1], 6)).toEqual([]);
      expect(await readiness(quiet.paths[1], 6, true)).toBeNull();
    } finally {
      await quiet.stop();
    }
  });

  test('see whether a graceful restart goes on', async () => {
    expect(await readGracefulRestart(bird.paths[0])).toBe(false);
  });

  test('hold a young node back for its dead peers, an older one not', async () => {
    const down = [loopbackAddress(3), loopbackAddress(4), `${loopbackAddress(6)}.port.1179`].join(',');
    expect(await readiness(bird.paths[0], 4, true)).toBe(`BGP not established with ${down}`);
    expect(await readiness(bird.paths[0], 4, false)).toBeNull();
  });
});

describe('CalicoNodeStatus', () => {
  test('class Agent has all its fields, for both families', async () => {
    for (const path of bird.paths) {
      const agent = await reportAgent(path);
      const time = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
      expect(agent).toEqual({
        state: 'Ready',
        version: 'v0.3.3+birdv1.6.8',
        routerID: '10.0.0.1',
        serverTime: time,
        lastBootTime: time,
        lastReconfigurationTime: time,
      });
    }
  });

  test('class BGP has the address of each peer, and no state for Passive', async () => {
    const { peers, established } = await reportPeers(bird.paths[0], 4);
    expect(established).toBe(1);
    expect(peers.map(({ peerIP, type, state }) => [peerIP, type, state.replace('Connect', 'Active')])).toEqual([
      [loopbackAddress(3), 'GlobalPeer', 'Active'],
      [MESH, 'NodeMesh', 'Established'],
      [loopbackAddress(4), 'NodePeer', ''],
      [loopbackAddress(6), 'NodePeer', 'Active'],
    ]);
  });

  test('class Routes tells FIB from RIB and where each route comes from', async () => {
    expect(await reportRoutes(bird.paths[0], 4)).toEqual([
      route('FIB', '10.96.0.0/16', 'N/A', 'blackhole', 'Static', ''),
      route('RIB', '10.96.0.0/16', MESH, '---', 'NodeMesh', MESH),
      route('FIB', '192.168.2.0/26', 'N/A', 'blackhole', 'Static', ''),
      route('FIB', '192.168.3.0/26', MESH, '---', 'NodeMesh', MESH),
    ]);
  });

  test('class Routes of IPv6', async () => {
    const routes = await reportRoutes(bird.paths[1], 6);
    expect(routes.map(({ destination }) => destination)).toContain('fd80:0:0:2::/122');
  });

  test('says the same twice: superfluous updates of the resource cost', async () => {
    const first = [await reportPeers(bird.paths[0], 4), await reportRoutes(bird.paths[0], 4)];
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const second = [await reportPeers(bird.paths[0], 4), await reportRoutes(bird.paths[0], 4)];
    const calm = (value: unknown): string => JSON.stringify(value).replaceAll('Connect"', 'Active"');
    expect(calm(second)).toBe(calm(first));
  });
});

describe('bird_exporter', () => {
  test('reads show protocols all to its end and finds every protocol', async () => {
    const text = await exporterRead(bird.paths[0], 'show protocols all');
    const protocols = exporterProtocols(text, '4');
    expect(protocols.map(({ name, proto, isUp }) => `${name} ${proto} ${isUp}`)).toEqual([
      'static1 Static true',
      'kernel1 Kernel true',
      'device1 Device true',
      'direct1 Direct true',
      `${nameOf('Global', loopbackAddress(3))} BGP false`,
      `${nameOf('Local_Workload', loopbackAddress(7))} BGP false`,
      `${nameOf('Mesh', MESH)} BGP true`,
      `${nameOf('Node', loopbackAddress(4))} BGP false`,
      `${nameOf('Node', loopbackAddress(5))} BGP false`,
      `${nameOf('Node', loopbackAddress(6))}_port_1179 BGP false`,
    ]);
    const session = protocols.find(({ name }) => name.startsWith('Mesh'));
    expect(session).toMatchObject({
      state: 'Established',
      description: 'Connection to BGP peer',
      importFilter: 'ACCEPT',
      exportFilter: 'ACCEPT',
      imported: 2,
      exported: 2,
      filtered: 0,
      preferred: 1,
    });
    expect(session?.changes.get('Import updates')).toEqual([2, 0, 0, 0, 2]);
    expect([...(session?.changes.keys() ?? [])]).toHaveLength(4);
    for (const { uptime } of protocols) expect(exporterUptimeIsKnown(uptime)).toBe(true);
  });

  test('understands the timestamps when the time format is long', async () => {
    const long = await BirdSpeaker.start(
      loopbackAddress(10),
      { routerId: '10.0.0.9', as: 64512 },
      { timeStyle: 'long' },
    );
    try {
      const status = exporterStatus(await exporterRead(long.paths[0], 'show status'));
      expect(status).toEqual({
        version: 'v0.3.3+birdv1.6.8',
        routerId: '10.0.0.9',
        isUp: true,
        timestamps: Array(3).fill(expect.any(String)),
      });
      const protocols = exporterProtocols(await exporterRead(long.paths[0], 'show protocols all'), '4');
      expect(protocols[0].uptime).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    } finally {
      await long.stop();
    }
  });

  test('reads dialect 2, where one socket has both families', async () => {
    const protocols = exporterProtocols(await exporterRead(exported.paths[0], 'show protocols all'), '');
    const names = protocols.map(({ name }) => name);
    expect(names).toEqual(['device1', 'direct1', 'kernel1', 'kernel2', 'static1', 'static2', 'Mesh_1']);
    // Of several channels the last one stays; BIRD 2 and the exporter have that in common.
    expect(protocols.at(-1)).toMatchObject({ name: 'Mesh_1', state: 'Established', ipVersion: '6' });
  });
});

function route(type: string, destination: string, gateway: string, iface: string, sourceType: string, peerIP: string) {
  return { type, destination, gateway, interface: iface, sourceType, peerIP };
}
