/**
 * What an etcd, its network and its administrator do to a daemon, with a real etcd: nothing is lost and nothing comes
 * twice. The model-based test of the same rules is confd/datastore/etcd/view.test.ts.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { storedNode, storedPeer, storedPool } from './compliance.ts';
import { describeWhenThere } from './describe-when-there.ts';
import { type EtcdHarness, etcdEntry, openEtcd, startEtcdHarness } from './etcd-harness.ts';
import { ETCD_MISSING, EtcdServer, freePort } from './etcd-server.ts';
import { Recorder, summary } from './recorder.ts';

const recorders: Recorder[] = [];

function record(datastore: ConstructorParameters<typeof Recorder>[0]): Recorder {
  const recorder = new Recorder(datastore);
  recorders.push(recorder);
  recorder.start();
  return recorder;
}

async function stopRecorders(): Promise<void> {
  const stopping = recorders.splice(0);
  await Promise.all(stopping.map((recorder) => recorder.stop()));
  for (const recorder of stopping) expect(recorder.violations).toEqual([]);
}

/** AS numbers of all peers in the order in which they were said. */
function versions(recorder: Recorder, from: number): number[] {
  return recorder.events.slice(from).flatMap((event) => {
    if (event.type !== 'set' || event.resource.kind !== 'BGPPeer') return [];
    return [event.resource.asNumber ?? 0];
  });
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describeWhenThere('one etcd', ETCD_MISSING, () => {
  let harness: EtcdHarness;

  beforeAll(async () => {
    // The smallest size of requests makes etcd cut its answers into fragments as early as it ever does: 640 kB.
    harness = await startEtcdHarness({ tls: false, user: null, flags: ['--max-request-bytes', '131072'] });
  });
  beforeEach(() => harness.clear());
  afterEach(stopRecorders);
  afterAll(() => harness?.close());

  const follow = async (): Promise<Recorder> => {
    const recorder = record(harness.open());
    await recorder.reaches('in-sync');
    return recorder;
  };

  test('the stream is cut after every so many octets of catching up: every event comes once, in order', async () => {
    const { proxy, server } = harness;
    const recorder = await follow();
    const events = 25;
    for (let cut = 60; cut < 8_000; cut = Math.ceil(cut * 1.27) + 7) {
      const before = recorder.events.length;
      await harness.disconnect();
      await server.putMany([etcdEntry(storedPeer('marker', cut + 100_000))]);
      for (const version of upTo(events)) await server.put(...etcdEntry(storedPeer(`p${version % 7}`, version)));
      proxy.breakAfterOctets = cut;
      await harness.reconnect();
      await delay(25);
      proxy.breakAfterOctets = Number.POSITIVE_INFINITY;
      await recorder.sees(
        `everything after a cut at ${cut}`,
        (now) => now.bgpPeers.get(`p${events % 7}`)?.asNumber === events,
      );
      expect(versions(recorder, before), `cut at ${cut}`).toEqual([cut + 100_000, ...upTo(events)]);
      await server.deletePrefix('/calico/');
      await recorder.sees('an empty store', (now) => now.bgpPeers.size === 0);
    }
  });

  test.each([100_000, 500_000, 700_000, 1_000_000, 1_400_000, 1_900_000])(
    'a large answer in fragments is cut after %i octets: no transaction is torn',
    async (cut) => {
      const { proxy, server } = harness;
      const recorder = await follow();
      const before = recorder.events.length;
      await harness.disconnect();
      // Each transaction is one revision of 25 peers; together they are about 2 MB.
      const padding = 'x'.repeat(4_000);
      for (const version of upTo(20)) {
        await server.putMany(
          upTo(25).map((i) => {
            const [key, value] = etcdEntry(storedPeer(`p${i}`, version));
            return [key, value.replace('"spec"', `"padding":"${padding}","spec"`)] as const;
          }),
        );
      }
      proxy.breakAfterOctets = cut;
      await harness.reconnect();
      await delay(60);
      proxy.breakAfterOctets = Number.POSITIVE_INFINITY;
      await recorder.sees('the last version', (now) => now.bgpPeers.get('p25')?.asNumber === 20);
      expect(versions(recorder, before)).toEqual(upTo(20).flatMap((version) => Array<number>(25).fill(version)));
    },
  );

  test('10,000 keys of several kinds are listed page by page while others are written', async () => {
    const objects = upTo(5_000).flatMap((i) => [storedNode(`node-${i}`, i), storedPool(`pool-${i}`, poolCidr(i))]);
    await harness.putMany(objects);
    const recorder = record(harness.openWith({}, { pageLimit: 300 }));
    let isListing = true;
    const writing = (async () => {
      for (let i = 1; isListing; i++) await harness.put(storedPeer('busy', i));
    })();
    await recorder.reaches('in-sync');
    isListing = false;
    await writing;
    const { nodes, ipPools } = recorder.resources;
    expect([nodes.size, ipPools.size, recorder.phases]).toEqual([5_000, 5_000, ['in-sync']]);
    for (const i of [1, 299, 300, 301, 5_000]) {
      expect(nodes.get(`node-${i}`)?.asNumber).toBe(i);
      expect(ipPools.get(`pool-${i}`)?.cidr).toBe(poolCidr(i));
    }
    // The listing is one batch, whatever was written meanwhile.
    expect(recorder.batches[0].events.length).toBeGreaterThanOrEqual(10_000);
  });

  test('a short interruption is nobody’s business', async () => {
    const recorder = record(harness.openWith({}, { unreachableAfterMs: 5_000 }));
    await recorder.reaches('in-sync');
    for (const version of upTo(3)) {
      await harness.breakConnections();
      await harness.put(storedPeer('tor', version));
      await recorder.sees('the change', (now) => now.bgpPeers.get('tor')?.asNumber === version);
    }
    await delay(300);
    expect(recorder.phases).toEqual(['in-sync']);
  });

  test('a server that stops answering without closing is noticed, and followed again when it thaws', async () => {
    const recorder = record(harness.openWith({}, { keepaliveMs: 200, keepaliveTimeoutMs: 200, callTimeoutMs: 300 }));
    await recorder.reaches('in-sync');
    harness.server.freeze();
    await recorder.reaches('unreachable');
    expect(recorder.status.message).toMatch(/no sign of life|no answer|no connection/);
    harness.server.thaw();
    await harness.put(storedPeer('tor', 1));
    await recorder.sees('the change', (now) => now.bgpPeers.get('tor')?.asNumber === 1);
    await recorder.reaches('in-sync');
  });

  test('compaction while it follows changes nothing', async () => {
    const recorder = await follow();
    for (const version of upTo(5)) await harness.put(storedPeer('tor', version));
    await harness.forgetHistory();
    await harness.put(storedPeer('tor', 6));
    await recorder.sees('the change', (now) => now.bgpPeers.get('tor')?.asNumber === 6);
    expect(versions(recorder, 0)).toEqual(upTo(6));
    expect(recorder.phases).toEqual(['in-sync']);
  });

  describe('a backup is restored', () => {
    const prepare = async (): Promise<Recorder> => {
      const { server } = harness;
      await harness.putMany([storedPeer('kept', 1), storedPeer('changed', 1), storedPeer('deleted', 1)]);
      await server.stop();
      await server.backup('backup');
      await server.start();
      const recorder = record(harness.openWith({}, { unreachableAfterMs: 60_000 }));
      await recorder.reaches('in-sync');
      await harness.put(storedPeer('changed', 2));
      await harness.put(storedPeer('created', 1));
      await harness.remove(storedPeer('deleted', 1));
      await recorder.sees('the changes', (now) => !now.bgpPeers.has('deleted'));
      return recorder;
    };
    const restore = async (): Promise<void> => {
      const { server } = harness;
      await harness.disconnect();
      await server.kill();
      await server.restore('backup');
      await server.start();
    };

    test('and the revision goes back: one listing, one diff, and on it goes', async () => {
      const recorder = await prepare();
      const { length } = recorder.batches;
      await restore();
      await harness.reconnect();
      await recorder.sees('the backup', (now) => now.bgpPeers.has('deleted'));
      await recorder.reaches('in-sync');
      expect(summary(recorder.resources)).toEqual({ 'BGPPeer/changed': 1, 'BGPPeer/deleted': 1, 'BGPPeer/kept': 1 });
      expect(recorder.batches.slice(length).map((batch) => batch.events.length)).toEqual([3]);
      expect(recorder.phases).toEqual(['in-sync', 'resyncing', 'in-sync']);
      await harness.put(storedPeer('kept', 9));
      await recorder.sees('the next change', (now) => now.bgpPeers.get('kept')?.asNumber === 9);
    });

    test('and is already further than before when it comes back', async () => {
      const recorder = await prepare();
      await restore();
      for (const version of upTo(12)) await harness.put(storedPeer('new', version));
      await harness.reconnect();
      await recorder.sees('the backup', (now) => now.bgpPeers.has('deleted'));
      await recorder.reaches('in-sync');
      expect(summary(recorder.resources)).toEqual({
        'BGPPeer/changed': 1,
        'BGPPeer/deleted': 1,
        'BGPPeer/kept': 1,
        'BGPPeer/new': 12,
      });
    });
  });
});

function poolCidr(i: number): string {
  return `10.${i >> 8}.${i & 0xff}.0/24`;
}

const ELECTION_TIMEOUT_MS = 300;

describeWhenThere('a cluster of three', ETCD_MISSING, () => {
  let folder: string;
  let members: EtcdServer[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'peregrine-etcd-cluster-'));
    const peerPorts = await Promise.all([freePort(), freePort(), freePort()]);
    const cluster = peerPorts.map((port, i) => `m${i}=http://127.0.0.1:${port}`).join(',');
    members = await Promise.all(
      peerPorts.map((peerPort, i) =>
        EtcdServer.create({
          folder: join(folder, `m${i}`),
          certificates: null,
          flags: ['--heartbeat-interval', '50', '--election-timeout', String(ELECTION_TIMEOUT_MS)],
          member: { name: `m${i}`, peerPort, cluster },
        }),
      ),
    );
    await Promise.all(members.map((member) => member.start(false)));
    await Promise.all(members.map((member) => member.ready()));
  });
  afterEach(stopRecorders);
  afterAll(async () => {
    await Promise.all(members?.map((member) => member.kill()) ?? []);
    await rm(folder, { recursive: true });
  });

  const environment = () => ({ ETCD_ENDPOINTS: members.map((member) => member.url).join(',') });

  /** While a leader is elected nothing can be written, and what was in flight may be refused. */
  const writeEventually = (member: EtcdServer, version: number): Promise<boolean> =>
    waitFor('a leader', 10_000, async () => {
      await member.put(...etcdEntry(storedPeer('tor', version)));
      return true;
    });

  test('each member dies in turn and comes back: the others are used, and nothing is said about it', async () => {
    const recorder = record(openEtcd(environment(), { unreachableAfterMs: 10_000 }));
    await recorder.reaches('in-sync');
    for (const [i, member] of members.entries()) {
      await member.kill();
      // A request that comes before the others know that they have no leader waits for seconds.
      await delay(2 * ELECTION_TIMEOUT_MS);
      await writeEventually(members[(i + 1) % members.length], i + 1);
      await recorder.sees('the change', (now) => now.bgpPeers.get('tor')?.asNumber === i + 1);
      await member.start();
    }
    expect(versions(recorder, 0)).toEqual(upTo(3));
    expect(recorder.phases).toEqual(['in-sync']);
  });

  test('a member that is cut off from the others is not believed', async () => {
    const [last, ...others] = members;
    await last.put(...etcdEntry(storedPeer('tor', 10)));
    const recorder = record(openEtcd({ ETCD_ENDPOINTS: last.url }));
    await recorder.reaches('in-sync');
    await Promise.all(others.map((member) => member.kill()));
    await recorder.reaches('unreachable');
    expect(recorder.status.message).toMatch(/no leader|leader changed|request timed out/);
    expect(summary(recorder.resources)).toEqual({ 'BGPPeer/tor': 10 });
    await Promise.all(others.map((member) => member.start(false)));
    await recorder.reaches('in-sync');
    await writeEventually(last, 11);
    await recorder.sees('the change', (now) => now.bgpPeers.get('tor')?.asNumber === 11);
  });
});
