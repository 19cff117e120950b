/**
 * Peregrine as calico-node's services `bird` and `bird6`, under runit with their run scripts, towards a fabric router
 * (BIRD 2): start before there is a configuration, probes, process checks, `sv hup`, `sv restart`, crashes, and two
 * processes on one port 179 and one routing table.
 */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Laboratory, type Namespace } from '../support/netns.ts';
import { type BirdPlace, birdc, runBird } from '../support/peers/bird.ts';
import { describeWithPrograms } from '../support/requirements.ts';
import { waitFor, waitUntil } from '../support/wait-for.ts';
import { CalicoNode } from './calico-node.ts';
import { readGracefulRestart, readiness, readPeers, reportAgent, reportPeers, reportRoutes } from './calico-readers.ts';

const AS = 64512;

/** A bird.cfg in the shape that confd renders. */
function birdConfig(us: Namespace, them: Namespace, family: 4 | 6, routes: readonly string[]): string {
  const [own, peer] = family === 4 ? [us.ipv4, them.ipv4] : [us.ipv6, them.ipv6];
  const name = `Global_${peer.replace(/[.:]/g, '_')}`;
  return `router id ${us.ipv4};
protocol static { ${routes.map((route) => `route ${route} blackhole;`).join(' ')} }
protocol kernel { learn; persist; scan time 2; import all; export all; graceful restart; }
protocol device { debug { states }; scan time 2; }
protocol direct { debug { states }; interface -"cali*", "*"; }
template bgp bgp_template {
  debug { states };
  description "Connection to BGP peer";
  local as ${AS};
  multihop;
  gateway recursive;
  import all;
  export filter { if source = RTS_STATIC then accept; reject; };
  add paths on;
  graceful restart;
  connect delay time 1;
  connect retry time 1;
  error wait time 1,2;
}
protocol bgp ${name} from bgp_template { neighbor ${peer} as ${AS}; source address ${own}; }
`;
}

function fabricConfig(us: Namespace, node: Namespace): string {
  const session = (name: string, own: string, peer: string, channel: string): string =>
    `protocol bgp ${name} { local ${own} as ${AS}; neighbor ${peer} as ${AS}; multihop; graceful restart on;
       connect delay time 1; connect retry time 1; error wait time 1, 2; ${channel} { import all; export where source = RTS_STATIC; }; }`;
  return `router id ${us.ipv4}; log stderr all; debug protocols { states };
protocol device { scan time 1; }
protocol direct { ipv4; ipv6; }
protocol static { ipv4; route 203.0.113.0/24 blackhole; }
protocol static { ipv6; route 2001:db8:99::/48 blackhole; }
${session('node4', us.ipv4, node.ipv4, 'ipv4')}
${session('node6', us.ipv6, node.ipv6, 'ipv6')}
`;
}

describeWithPrograms('Peregrine under runit', ['bird'], ['runsvdir', 'sv', 'svlogd'], () => {
  let lab: Laboratory;
  let node: CalicoNode;
  let us: Namespace;
  let fabric: BirdPlace;

  beforeAll(async () => {
    lab = await Laboratory.create(['node', 'fabric']);
    us = lab.router('node');
    const them = lab.router('fabric');
    fabric = {
      lab,
      namespace: them,
      folder: lab.folder(them),
      command: async (argv) => (await lab.run(them, argv)).stdout,
    };
    await runBird(fabric, fabricConfig(them, us));
    node = CalicoNode.start(lab, us);
  });

  afterAll(async () => {
    await node?.stop();
    await lab?.close();
  });

  const write = (name: 'bird' | 'bird6', routes: readonly string[]): void =>
    node.writeConfig(`${name}.cfg`, birdConfig(us, fabric.namespace, name === 'bird' ? 4 : 6, routes));

  const established = (): Promise<unknown> =>
    waitUntil(
      'both sessions are established',
      60_000,
      async () => [await readPeers(node.socket('bird'), 4), await readPeers(node.socket('bird6'), 6)].flat(),
      (peers) => peers.length === 2 && peers.every(({ bgpState }) => bgpState === 'Established'),
    );

  test('without a configuration the services run and wait, and readiness has nothing to ask', async () => {
    await waitFor('bird runs', 30_000, () => (node.processes('bird').length === 1 ? true : null));
    await waitFor('it says what it waits for', 30_000, () =>
      node.log('bird').includes('waiting for files') ? true : null,
    );
    expect((await node.sv('status', 'bird')).stdout).toMatch(/^run: bird: \(pid \d+\)/);
    await expect(readPeers(node.socket('bird'), 4)).rejects.toThrow(/ENOENT/);
    expect(await node.liveness('bird')).toContain('is not live');
  });

  test('with one they are live and ready, and their processes are called bird and bird6', async () => {
    write('bird', ['192.168.7.0/26']);
    write('bird6', ['fd80:0:0:7::/122']);
    await waitFor('both sockets', 30_000, () =>
      existsSync(node.socket('bird')) && existsSync(node.socket('bird6')) ? true : null,
    );
    await established();
    for (const name of ['bird', 'bird6'] as const) {
      expect(await node.liveness(name)).toBeNull();
      expect(statSync(node.socket(name)).mode & 0o777).toBe(0o660);
      expect(node.processes(name)).toHaveLength(1);
      const comm = readFileSync(`/proc/${node.processes(name)[0]}/comm`, 'utf8').trim();
      expect(comm).toBe(name);
    }
    await waitUntil(
      'the young node is ready',
      30_000,
      async () => (await readiness(node.socket('bird'), 4, true)) ?? 'ready',
      (why) => why === 'ready',
    );
    expect(await readiness(node.socket('bird6'), 6, false)).toBeNull();
    expect(await reportAgent(node.socket('bird6'))).toMatchObject({ state: 'Ready', routerID: us.ipv4 });
    expect((await reportPeers(node.socket('bird'), 4)).peers).toMatchObject([
      { peerIP: fabric.namespace.ipv4, type: 'GlobalPeer', state: 'Established' },
    ]);
  });

  test('routes of every kind are reported: ECMP and prohibited ones of the kernel too', async () => {
    await lab.ip(us, 'route', 'add', '198.51.100.0/24', 'nexthop', 'via', '198.18.0.2', 'nexthop', 'via', '198.18.0.9');
    await lab.ip(us, 'route', 'add', 'prohibit', '198.51.101.0/24');
    await lab.ip(us, 'route', 'add', '198.51.102.0/24', 'dev', 'eth0');
    const routes = await waitUntil(
      'routes of the kernel and the fabric',
      30_000,
      () => reportRoutes(node.socket('bird'), 4),
      (found) =>
        found.some(({ destination }) => destination === '198.51.102.0/24') &&
        found.some(({ destination }) => destination === '203.0.113.0/24'),
    );
    const brief = routes.map(({ type, destination, gateway, interface: iface, sourceType, peerIP }) =>
      [type, destination, gateway, iface, sourceType, peerIP].join(' ').trim(),
    );
    expect(brief).toEqual([
      'FIB 192.168.7.0/26 N/A blackhole Static',
      'FIB 198.18.0.0/24 N/A eth0 Direct',
      'FIB 198.51.100.0/24 198.18.0.2 eth0 Kernel',
      'FIB 198.51.100.0/24 198.18.0.9 eth0 Kernel',
      'FIB 198.51.101.0/24 N/A unreachable Kernel',
      'FIB 198.51.102.0/24 N/A eth0 Kernel',
      `FIB 203.0.113.0/24 198.18.0.2 eth0 BGPPeer ${fabric.namespace.ipv4}`,
    ]);
  });

  test('sv hup puts another configuration in force, and sessions stay', async () => {
    const before = await readPeers(node.socket('bird'), 4);
    write('bird', ['192.168.7.0/26', '192.168.8.0/26']);
    await node.sv('hup', 'bird');
    await waitUntil(
      'the fabric has the new route',
      30_000,
      () => birdc(fabric, 'show', 'route', 'protocol', 'node4'),
      (text) => text.includes('192.168.8.0/26'),
    );
    expect(await readPeers(node.socket('bird'), 4)).toEqual(before);
    expect(node.log('bird')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+ bird: Reconfigured$/m);
  });

  test('a mistake in the file changes nothing and is named in the log', async () => {
    node.writeConfig('bird.cfg', 'router id 1.2.3.4;\nprotocol bpg x { }\n');
    await node.sv('hup', 'bird');
    await waitFor('the mistake', 30_000, () => (/bird: \S+bird\.cfg:2:\d+ /.test(node.log('bird')) ? true : null));
    expect(await readiness(node.socket('bird'), 4, false)).toBeNull();
    const { status, stderr } = await node.run(['bird', '-p', '-c', join(node.root, 'config/bird.cfg')]);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/bird\.cfg:2:\d+ /)]);
    write('bird', ['192.168.7.0/26']);
    expect((await node.run(['bird', '-p', '-c', join(node.root, 'config/bird.cfg')])).status).toBe(0);
    await node.sv('hup', 'bird');
  });

  test('sv restart says goodbye, and leaves the routes of the other daemon alone', async () => {
    await waitUntil(
      'the kernel has both families',
      30_000,
      async () =>
        `${await lab.ip(us, 'route', 'show', 'proto', '12')}${await lab.ip(us, '-6', 'route', 'show', 'proto', '12')}`,
      (text) => text.includes('192.168.7.0/26') && text.includes('fd80:0:0:7::/122'),
    );
    const pid = node.pid('bird');
    expect((await node.sv('restart', 'bird')).stdout).toContain('ok: run: bird');
    expect(node.pid('bird')).not.toBe(pid);
    await waitFor('the goodbye arrived', 10_000, () =>
      /node4: Received: Administrative shutdown/.test(readFileSync(join(fabric.folder, 'log'), 'utf8')) ? true : null,
    );
    await established();
    await waitUntil(
      'recovery is over',
      30_000,
      () => readGracefulRestart(node.socket('bird')),
      (isOn) => !isOn,
    );
    await waitFor('what nobody wants was swept', 30_000, () =>
      node.log('bird').includes('Graceful restart done') ? true : null,
    );
    expect(await lab.ip(us, '-6', 'route', 'show', 'proto', '12')).toContain('fd80:0:0:7::/122');
    expect(await lab.ip(us, 'route', 'show', 'proto', '12')).toContain('192.168.7.0/26');
  });

  test('SIGHUP at birth is held back until it is understood', async () => {
    await node.sv('restart', 'bird');
    const pid = node.pid('bird');
    for (let count = 0; count < 20; count++) {
      await node.sv('hup', 'bird');
      expect(node.pid('bird')).toBe(pid);
    }
    await established();
    expect(node.pid('bird')).toBe(pid);
    expect(node.log('bird')).toContain('Reconfiguration requested by SIGHUP');
  });

  test('after a crash of either half runsv starts it again, and the stale socket is replaced', async () => {
    for (const victim of [() => node.processes('bird')[0], () => node.pid('bird')]) {
      const [daemon] = node.processes('bird');
      process.kill(victim(), 'SIGKILL');
      await waitFor('another process', 30_000, () => {
        const [now] = node.processes('bird');
        return now !== undefined && now !== daemon ? true : null;
      });
      await established();
      expect(node.processes('bird')).toHaveLength(1);
      expect(await node.liveness('bird')).toBeNull();
    }
    // Nobody was told: the fabric kept the routes.
    expect(await birdc(fabric, 'show', 'route', 'protocol', 'node4')).toContain('192.168.7.0/26');
  });

  test('sv down closes the socket, and readers see that nobody is there', async () => {
    await node.sv('down', 'bird');
    await waitFor('the file is gone', 10_000, () => (existsSync(node.socket('bird')) ? null : true));
    const { status, stderr } = await node.run(['birdcl', '-s', node.socket('bird'), 'show', 'status']);
    expect([status, stderr]).toEqual([
      1,
      `Unable to connect to server control socket (${node.socket('bird')}): No such file or directory\n`,
    ]);
    await node.sv('up', 'bird');
    await established();
  });

  test('the end of the container tells nobody: the fabric keeps the routes', async () => {
    await node.stop();
    await waitUntil(
      'the fabric has noticed',
      30_000,
      () => birdc(fabric, 'show', 'protocols', 'all', 'node4'),
      (text) => !text.includes('Established'),
    );
    expect(await birdc(fabric, 'show', 'protocols', 'all', 'node4')).toContain('Neighbor graceful restart active');
    expect(await birdc(fabric, 'show', 'route', 'protocol', 'node4')).toContain('192.168.7.0/26');
    expect(await lab.ip(us, 'route', 'show', 'proto', '12')).toContain('192.168.7.0/26');
  });
});

describeWithPrograms(
  'Peregrine under runit, one process for both families',
  ['bird'],
  ['runsvdir', 'sv', 'svlogd'],
  () => {
    test('bird serves both sockets, bird6 passes SIGHUP on', async () => {
      const lab = await Laboratory.create(['node', 'fabric']);
      const us = lab.router('node');
      const node = CalicoNode.start(lab, us, { env: { PEREGRINE_BIRD_MODE: 'together' } });
      try {
        node.writeConfig('bird.cfg', birdConfig(us, lab.router('fabric'), 4, ['192.168.7.0/26']));
        node.writeConfig('bird6.cfg', birdConfig(us, lab.router('fabric'), 6, ['fd80:0:0:7::/122']));
        for (const name of ['bird', 'bird6'] as const) {
          await waitFor(`${name} is live`, 30_000, async () => ((await node.liveness(name)) === null ? true : null));
          await waitFor(`a process ${name}`, 10_000, () => (node.processes(name).length === 1 ? true : null));
        }
        expect((await readPeers(node.socket('bird6'), 6)).map(({ name }) => name)).toEqual(['Global_2001_db8_18__2']);
        const routes = async (): Promise<string[]> =>
          (await reportRoutes(node.socket('bird6'), 6)).map(({ destination }) => destination);
        expect(await routes()).toContain('fd80:0:0:7::/122');
        await node.sv('hup', 'bird6');
        await waitFor('the answer to SIGHUP', 20_000, () =>
          /bird: Reconfigured/.test(node.log('bird6')) ? true : null,
        );
        await node.sv('restart', 'bird6');
        expect(await node.liveness('bird6')).toBeNull();
      } finally {
        await node.stop();
        await lab.close();
      }
    });

    test('native: bird follows the datastore, confd does nothing, and liveness is content', async () => {
      const lab = await Laboratory.create(['node', 'fabric']);
      const datastore = fileURLToPath(new URL('../../fixtures/cluster', import.meta.url));
      const env = {
        PEREGRINE_BIRD_MODE: 'native',
        PEREGRINE_DATASTORE: `directory:${datastore}`,
        NODENAME: 'node-1',
      };
      const node = CalicoNode.start(lab, lab.router('node'), { env });
      try {
        for (const name of ['bird', 'bird6'] as const) {
          await waitFor(`${name} is live`, 60_000, async () => ((await node.liveness(name)) === null ? true : null));
          expect(node.processes(name)).toHaveLength(1);
        }
        const peers = await readPeers(node.socket('bird'), 4);
        expect(peers.map(({ type }) => type)).toContain('node-to-node mesh');
        expect((await readPeers(node.socket('bird6'), 6)).map(({ name }) => name)).toEqual([
          'Mesh_fd00_10__2',
          'Mesh_fd00_10__3',
        ]);
        await node.sv('hup', 'bird6');
        await waitFor('the answer to SIGHUP', 30_000, () =>
          /bird: Reconfigured/.test(node.log('bird6')) ? true : null,
        );
      } finally {
        await node.stop();
        await lab.close();
      }
    });
  },
);
