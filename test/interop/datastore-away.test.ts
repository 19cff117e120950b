/**
 * The datastore goes away under a daemon with a session to a router: nothing that runs is touched, and when it is back,
 * what has changed is one diff. Peregrine as a Calico node with a real etcd, BIRD as its ToR, both kernels. It is killed
 * and comes back as it was, from an older backup, and with nothing in it. (Section 7.1 of Calico's semantics.)
 *
 * DATASTORE_HANGS=1: also an etcd that stops without a word, which takes a minute to be noticed.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PeerView, StatusView } from '../../src/api/schema.ts';
import { storedAffinity, storedPool } from '../datastore/compliance.ts';
import { describeWhenThere } from '../datastore/describe-when-there.ts';
import { etcdEntry } from '../datastore/etcd-harness.ts';
import { ETCD_MISSING, EtcdServer } from '../datastore/etcd-server.ts';
import type { StoredObject } from '../datastore/harness.ts';
import { PEREGRINE_MAIN } from '../support/local-daemon.ts';
import { Laboratory, type Namespace } from '../support/netns.ts';
import { birdc, runBird } from '../support/peers/bird.ts';
import { describeInterop } from '../support/requirements.ts';
import { kernelRoutes, placeOf } from '../support/topology.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 60_000;
const NODE = 'worker-1';
const [NODE_AS, TOR_AS] = [65001, 65002];
const BLOCK = '10.1.0.0/26';
const SECOND_BLOCK = '10.1.0.64/26';
const OF_TOR = '10.200.0.0/16';

/** A POST from within the namespace, as fetch knows it. */
const POST = `
const [url, body] = process.argv.slice(1);
const answer = await fetch(url, { method: 'POST', body });
const text = await answer.text();
if (!answer.ok) throw new Error(url + ': ' + answer.status + ' ' + text);
process.stdout.write(text);`;

function stored(kind: StoredObject['kind'], name: string, spec: StoredObject['spec']): StoredObject {
  return { apiVersion: 'projectcalico.org/v3', kind, metadata: { name }, spec };
}

/** What Calico would have for this node and its ToR. */
function cluster(node: Namespace, tor: Namespace): StoredObject[] {
  return [
    stored('Node', NODE, { bgp: { ipv4Address: `${node.ipv4}/24`, asNumber: NODE_AS } }),
    stored('BGPConfiguration', 'default', { nodeToNodeMeshEnabled: false }),
    stored('BGPPeer', 'tor', { peerIP: tor.ipv4, asNumber: TOR_AS }),
    storedPool('pods', '10.1.0.0/16'),
    storedAffinity(NODE, BLOCK, 'confirmed'),
  ];
}

interface Touched {
  readonly kernel: string;
  /** What `ip monitor` has seen. */
  readonly changesOfKernel: string;
  readonly sessions: number;
  /** Prefixes that the ToR was told and told no longer, since it has the session. */
  readonly updatesSeen: number;
  readonly withdrawalsSeen: number;
  readonly sinceOfTor: string;
}

class Scene {
  readonly lab: Laboratory;
  readonly node: Namespace;
  readonly tor: Namespace;
  readonly etcd: EtcdServer;

  private constructor(lab: Laboratory, etcd: EtcdServer) {
    this.lab = lab;
    this.node = lab.router('node');
    this.tor = lab.router('tor');
    this.etcd = etcd;
  }

  static async start(lab: Laboratory): Promise<Scene> {
    const [node, tor] = [lab.router('node'), lab.router('tor')];
    const post = async (url: string, body: object): Promise<{ readonly [field: string]: unknown }> => {
      const argv = [process.execPath, '--input-type=module', '-e', POST, url, JSON.stringify(body)];
      const { status, stdout, stderr } = await lab.run(node, argv);
      if (status !== 0) throw new Error(stderr);
      return JSON.parse(stdout);
    };
    const folder = join(lab.directory, 'etcd');
    const etcd = await EtcdServer.create({ folder, certificates: null, namespace: { path: node.path, post } });
    await etcd.start();
    const scene = new Scene(lab, etcd);
    await etcd.putMany(cluster(node, tor).map(etcdEntry));
    await runBird(placeOf(lab, tor), birdConfiguration(node, tor));
    const argv = [process.execPath, PEREGRINE_MAIN, 'run', '--node', NODE, '--datastore', `etcd:${etcd.url}`];
    const daemon = lab.spawn(node, [...argv, '--socket', scene.#socket]);
    await daemon.ready('its control socket answers', DEADLINE_MS, async () => {
      await scene.status();
      return true;
    });
    await waitUntil(
      'the session',
      DEADLINE_MS,
      () => scene.peer(),
      (peer) => peer?.state === 'Established',
    );
    await scene.torHears([BLOCK]);
    await waitUntil(
      'the route of the ToR',
      DEADLINE_MS,
      () => scene.#routes(),
      (all) => all.includes(OF_TOR),
    );
    return scene;
  }

  get #socket(): string {
    return join(this.lab.folder(this.node), 'peregrine.sock');
  }

  async #cli(...words: readonly string[]): Promise<string> {
    const argv = [process.execPath, PEREGRINE_MAIN, ...words, '--json', '--socket', this.#socket];
    const { status, stdout, stderr } = await this.lab.run(this.node, argv);
    if (status !== 0) throw new Error(stderr);
    return stdout;
  }

  async status(): Promise<StatusView> {
    return JSON.parse(await this.#cli('show', 'status')) as StatusView;
  }

  /** Its one session. */
  async peer(): Promise<PeerView | null> {
    const line = await this.#cli('show', 'peers');
    return line === '' ? null : (JSON.parse(line) as PeerView);
  }

  async inSync(isInSync: boolean): Promise<StatusView> {
    const what = isInSync ? 'the datastore is back' : 'the datastore is known to be away';
    return waitUntil(
      what,
      DEADLINE_MS,
      () => this.status(),
      (status) => status.datastore.inSync === isInSync,
    );
  }

  /** Prefixes that the ToR has from the node. */
  async torHears(prefixes: readonly string[]): Promise<void> {
    await waitUntil(
      `the ToR has ${prefixes.join(', ')}`,
      DEADLINE_MS,
      async () => {
        const table = await birdc(placeOf(this.lab, this.tor), 'show', 'route', 'protocol', 'node');
        return [...table.matchAll(/^([0-9.]+\/[0-9]+)/gm)].map((match) => match[1]).sort();
      },
      (list) => JSON.stringify(list) === JSON.stringify([...prefixes].sort()),
    );
  }

  async #routes(): Promise<string> {
    return (await kernelRoutes(this.lab, this.node)).join('\n');
  }

  /** Everything that would be another had something been touched. */
  async touched(): Promise<Touched> {
    const protocol = await birdc(placeOf(this.lab, this.tor), 'show', 'protocols', 'all', 'node');
    const peer = await this.peer();
    return {
      kernel: await this.#routes(),
      changesOfKernel: readFileSync(join(this.lab.folder(this.node), 'monitor.log'), 'utf8'),
      sessions: peer?.sessionsEstablished ?? 0,
      updatesSeen: Number(/Import updates: +(\d+)/.exec(protocol)?.[1]),
      withdrawalsSeen: Number(/Import withdraws: +(\d+)/.exec(protocol)?.[1]),
      sinceOfTor: /^node +BGP +\S+ +up +(\S+)/m.exec(protocol)?.[1] ?? 'down',
    };
  }

  /** Watches the kernel's routes from now on. */
  async watchKernel(): Promise<void> {
    this.lab.spawn(this.node, ['ip', 'monitor', 'route'], { logName: 'monitor.log' });
    await delay(300);
  }
}

function birdConfiguration(node: Namespace, tor: Namespace): string {
  return `
router id ${tor.ipv4};
protocol device {}
protocol static { ipv4; route ${OF_TOR} blackhole; }
protocol bgp node {
  local ${tor.ipv4} as ${TOR_AS};
  neighbor ${node.ipv4} as ${NODE_AS};
  connect retry time 1;
  ipv4 { import all; export where source = RTS_STATIC; };
}
`;
}

describeInterop('the datastore goes away', ['bird'], () => {
  describeWhenThere('an etcd', ETCD_MISSING, () => {
    let lab: Laboratory;
    let scene: Scene;
    let etcd: EtcdServer;

    beforeAll(async () => {
      lab = await Laboratory.create(['node', 'tor']);
      scene = await Scene.start(lab);
      ({ etcd } = scene);
      await scene.watchKernel();
    }, DEADLINE_MS);
    afterAll(async () => {
      await etcd?.kill();
      await lab?.close();
    });

    test('is killed and started again: nothing is touched', async () => {
      const before = await scene.touched();
      expect(before).toMatchObject({ sessions: 1, changesOfKernel: '', updatesSeen: 1, withdrawalsSeen: 0 });
      await etcd.kill();
      const away = await scene.inSync(false);
      expect(away.datastore.detail).toMatch(/connection refused/);
      expect(away.peers).toEqual({ configured: 1, established: 1 });
      expect(await scene.touched()).toEqual(before);
      await etcd.start();
      await scene.inSync(true);
      expect(await scene.touched()).toEqual(before);
    });

    test('is replaced by an older backup that has one block more: that block is the only change', async () => {
      const second = etcdEntry(storedAffinity(NODE, SECOND_BLOCK, 'confirmed'));
      await etcd.put(...second);
      await scene.torHears([BLOCK, SECOND_BLOCK]);
      await etcd.stop();
      await etcd.backup('backup');
      await etcd.start();
      await etcd.delete(second[0]);
      await scene.torHears([BLOCK]);
      const before = await scene.touched();
      await etcd.kill();
      await etcd.restore('backup');
      await etcd.start();
      await scene.torHears([BLOCK, SECOND_BLOCK]);
      await scene.inSync(true);
      const { sessions, sinceOfTor, updatesSeen, withdrawalsSeen } = before;
      expect(await scene.touched()).toMatchObject({
        sessions,
        sinceOfTor,
        updatesSeen: updatesSeen + 1,
        withdrawalsSeen,
      });
    });

    test('comes back with nothing in it, which says nothing about this node, and is filled again', async () => {
      const before = await scene.touched();
      const isApplied = ({ desiredRevision, appliedRevision }: StatusView): boolean =>
        desiredRevision === appliedRevision;
      await etcd.kill();
      await etcd.empty();
      await etcd.start();
      const read = (): Promise<StatusView> => scene.status();
      await waitUntil('the empty store was seen', DEADLINE_MS, read, (status) => !isApplied(status));
      expect(await scene.touched()).toEqual(before);
      const all = [...cluster(scene.node, scene.tor), storedAffinity(NODE, SECOND_BLOCK, 'confirmed')];
      await etcd.putMany(all.map(etcdEntry));
      await waitUntil('what was put back is in force', DEADLINE_MS, read, isApplied);
      expect(await scene.touched()).toEqual(before);
    });

    test.runIf(process.env.DATASTORE_HANGS)(
      'hangs without a word: nothing is touched',
      { timeout: 180_000 },
      async () => {
        const before = await scene.touched();
        etcd.freeze();
        const read = (): Promise<StatusView> => scene.status();
        const hanging = await waitUntil('that is noticed', 120_000, read, (status) => !status.datastore.inSync);
        expect(hanging.datastore.detail).toMatch(/no sign of life|says nothing/);
        expect(await scene.touched()).toEqual(before);
        etcd.thaw();
        await scene.inSync(true);
        expect(await scene.touched()).toEqual(before);
      },
    );
  });
});
