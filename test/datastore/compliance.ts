/**
 * The one suite that every datastore back end passes: the rules of confd/datastore/datastore.ts, seen from the place of
 * the daemon. What only one back end has (certificates, tokens, file layouts) is tested beside it.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { describeWhenThere } from './describe-when-there.ts';
import { type DatastoreHarness, type DatastoreUnderTest, OWN_NODE, type StoredObject } from './harness.ts';
import { Recorder, summary } from './recorder.ts';

function stored(kind: StoredObject['kind'], name: string, spec: StoredObject['spec']): StoredObject {
  return { apiVersion: 'projectcalico.org/v3', kind, metadata: { name }, spec };
}

export function storedPool(name: string, cidr: string): StoredObject {
  return stored('IPPool', name, { cidr });
}

/** A peer whose AS number is the version of the object. */
export function storedPeer(name: string, asNumber: number): StoredObject {
  return stored('BGPPeer', name, { peerIP: '192.0.2.1', asNumber });
}

export function storedNode(name: string, asNumber: number): StoredObject {
  return stored('Node', name, { bgp: { ipv4Address: '192.0.2.9/24', asNumber } });
}

export function storedAffinity(node: string, cidr: string, state: string): StoredObject {
  return stored('BlockAffinity', `${node}-${cidr.replaceAll(/[.:/]/g, '-')}`, { node, cidr, state, deleted: false });
}

const EVERY_KIND: readonly StoredObject[] = [
  storedNode('rack.example-1', 65001),
  stored('BGPConfiguration', 'default', { listenPort: 1790 }),
  stored('BGPConfiguration', `node.${OWN_NODE}`, { listenPort: 1791 }),
  storedPeer('tor', 65002),
  stored('BGPFilter', 'only-pods', { importV4: [{ action: 'Reject' }] }),
  storedPool('pods', '192.168.0.0/16'),
  storedAffinity(OWN_NODE, '192.168.1.0/26', 'confirmed'),
  storedAffinity(OWN_NODE, 'fd00:1::/122', 'pendingDeletion'),
];
const EVERY_KIND_SUMMARY = {
  'BGPConfiguration/default': 1790,
  [`BGPConfiguration/node.${OWN_NODE}`]: 1791,
  'BGPFilter/only-pods': 1,
  'BGPPeer/tor': 65002,
  [`BlockAffinity/${OWN_NODE}-192-168-1-0-26`]: `${OWN_NODE} 192.168.1.0/26 confirmed`,
  [`BlockAffinity/${OWN_NODE}-fd00-1---122`]: `${OWN_NODE} fd00:1::/122 pendingDeletion`,
  'IPPool/pods': '192.168.0.0/16',
  'Node/rack.example-1': 65001,
};

/** Longer than any back end gathers changes for one batch. */
const QUIET_MS = 400;

/** AS numbers of a peer in the order in which they were said. */
function versionsOf(recorder: Recorder, name: string): number[] {
  return recorder.events.flatMap((event) =>
    event.type === 'set' && event.resource.kind === 'BGPPeer' && event.resource.name === name
      ? [event.resource.asNumber ?? 0]
      : [],
  );
}

export function datastoreCompliance(name: string, subject: DatastoreUnderTest): void {
  describeWhenThere(`datastore compliance: ${name}`, subject.missing, () => {
    let harness: DatastoreHarness;
    const open: Recorder[] = [];

    const follow = (): Recorder => {
      const recorder = new Recorder(harness.open());
      open.push(recorder);
      recorder.start();
      return recorder;
    };
    const followInSync = async (): Promise<Recorder> => {
      const recorder = follow();
      await recorder.reaches('in-sync');
      return recorder;
    };

    beforeAll(async () => {
      harness = await subject.start();
    });
    beforeEach(() => harness.clear());
    afterEach(async () => {
      const recorders = open.splice(0);
      await Promise.all(recorders.map((recorder) => recorder.stop()));
      for (const recorder of recorders) expect(recorder.violations).toEqual([]);
    });
    // Without a harness the reason is already told by beforeAll.
    afterAll(() => harness?.close());

    describe('the first listing', () => {
      test('an empty datastore is in sync', async () => {
        const recorder = await followInSync();
        expect(summary(recorder.resources)).toEqual({});
        expect(recorder.status).toMatchObject({ phase: 'in-sync', message: '' });
        expect(recorder.status.revision).not.toBe('');
      });

      test('every kind is found, and in-sync is said after it was delivered', async () => {
        await harness.putMany(EVERY_KIND);
        const recorder = follow();
        await recorder.reaches('in-sync');
        expect(summary(recorder.resources)).toEqual(EVERY_KIND_SUMMARY);
        expect(recorder.resources.conditions).toEqual([]);
        expect(recorder.phases).toEqual(['in-sync']);
      });

      test(`${subject.bulkCount} resources are found, each once`, async () => {
        const peers = Array.from({ length: subject.bulkCount }, (_, i) => storedPeer(`peer-${i}`, i + 1));
        await harness.putMany(peers);
        const recorder = await followInSync();
        expect(recorder.resources.bgpPeers.size).toBe(subject.bulkCount);
        expect(recorder.events).toHaveLength(subject.bulkCount);
        for (const [i, peer] of peers.entries()) {
          expect(recorder.resources.bgpPeers.get(peer.metadata.name)?.asNumber).toBe(i + 1);
        }
      });

      test('two followers see the same under the same revision', async () => {
        await harness.putMany(EVERY_KIND);
        const [one, two] = [await followInSync(), await followInSync()];
        expect(summary(one.resources)).toEqual(summary(two.resources));
        expect(one.status.revision).toBe(two.status.revision);
      });
    });

    describe('changes', () => {
      test('every kind is seen to be created, and to be deleted', async () => {
        const recorder = await followInSync();
        for (const object of EVERY_KIND) await harness.put(object);
        await recorder.sees('all of them', (now) => Object.keys(summary(now)).length === EVERY_KIND.length);
        expect(summary(recorder.resources)).toEqual(EVERY_KIND_SUMMARY);
        for (const object of EVERY_KIND) await harness.remove(object);
        await recorder.sees('none of them', (now) => Object.keys(summary(now)).length === 0);
        expect(recorder.phases).toEqual(['in-sync']);
      });

      test('updates of one resource come in order, and the revision moves', async () => {
        const recorder = await followInSync();
        const revisions = new Set<string>();
        for (let version = 1; version <= 20; version++) {
          await harness.put(storedPeer('tor', version));
          if (version % 5 !== 0) continue;
          await recorder.sees(`version ${version}`, (now) => now.bgpPeers.get('tor')?.asNumber === version);
          revisions.add(recorder.status.revision);
        }
        const versions = versionsOf(recorder, 'tor');
        expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
        if (subject.deliversEveryVersion) expect(versions).toHaveLength(20);
        expect(revisions.size).toBe(4);
      });

      test('deleted and created again is there', async () => {
        await harness.put(storedPeer('tor', 1));
        const recorder = await followInSync();
        await harness.remove(storedPeer('tor', 1));
        await recorder.sees('it go', (now) => now.bgpPeers.size === 0);
        await harness.put(storedPeer('tor', 2));
        await recorder.sees('it come back', (now) => now.bgpPeers.get('tor')?.asNumber === 2);
      });

      test('after stop nothing is said', async () => {
        const recorder = await followInSync();
        await recorder.stop();
        await harness.put(storedPeer('tor', 1));
        await delay(QUIET_MS);
        expect(recorder.events).toEqual([]);
      });

      test('it can be stopped before it is in sync', async () => {
        const recorder = follow();
        await recorder.stop();
        await delay(QUIET_MS);
        expect(recorder.violations).toEqual([]);
      });
    });

    describe.runIf(subject.takesBadValues)('a resource that cannot be read', () => {
      test('costs only itself, keeps its last good form, and is reported until it is mended', async () => {
        await harness.put(storedPool('good', '10.1.0.0/16'));
        await harness.put(storedPool('bad', '10.2.0.0/99'));
        const recorder = await followInSync();
        expect(summary(recorder.resources)).toEqual({ 'IPPool/good': '10.1.0.0/16' });
        expect(recorder.resources.conditions).toMatchObject([{ resource: 'IPPool/bad', field: 'spec.cidr' }]);

        await harness.put(storedPool('good', '10.1.0.0/99'));
        await recorder.sees('both refused', (now) => now.conditions.length === 2);
        expect(summary(recorder.resources)).toEqual({ 'IPPool/good': '10.1.0.0/16' });

        await harness.put(storedPool('good', '10.3.0.0/16'));
        await harness.remove(storedPool('bad', '10.2.0.0/99'));
        await recorder.sees('nothing to complain about', (now) => now.conditions.length === 0);
        expect(summary(recorder.resources)).toEqual({ 'IPPool/good': '10.3.0.0/16' });
      });
    });

    describe('while it is away', () => {
      test('at start: it is waited for', async () => {
        await harness.put(storedPeer('tor', 1));
        await harness.disconnect();
        const recorder = follow();
        await recorder.reaches('unreachable');
        expect(recorder.batches).toEqual([]);
        await harness.reconnect();
        await recorder.reaches('in-sync');
        expect(summary(recorder.resources)).toEqual({ 'BGPPeer/tor': 1 });
      });

      test('everything stays, and what changed comes as one diff when it is back', async () => {
        await harness.putMany(EVERY_KIND);
        await harness.put(storedPeer('leaving', 1));
        const recorder = await followInSync();
        const before = summary(recorder.resources);
        const batches = recorder.batches.length;

        await harness.disconnect();
        await recorder.reaches('unreachable');
        await harness.remove(storedPeer('leaving', 1));
        await harness.put(storedPeer('tor', 65999));
        await harness.put(storedPeer('arriving', 3));
        await delay(QUIET_MS);
        expect(summary(recorder.resources)).toEqual(before);
        expect(recorder.batches).toHaveLength(batches);

        await harness.reconnect();
        await recorder.reaches('in-sync');
        expect(summary(recorder.resources)).toEqual({
          ...EVERY_KIND_SUMMARY,
          'BGPPeer/tor': 65999,
          'BGPPeer/arriving': 3,
        });
        const diffs = recorder.batches.slice(batches).filter((batch) => batch.events.length > 0);
        expect(diffs).toHaveLength(1);
        expect(diffs[0].events).toHaveLength(3);
        // And it goes on following.
        await harness.put(storedPeer('tor', 66000));
        await recorder.sees('the next change', (now) => now.bgpPeers.get('tor')?.asNumber === 66000);
      });

      test('nothing changed: nothing is said but that it is back', async () => {
        await harness.putMany(EVERY_KIND);
        const recorder = await followInSync();
        const events = recorder.events.length;
        await harness.disconnect();
        await recorder.reaches('unreachable');
        await harness.reconnect();
        await recorder.reaches('in-sync');
        await delay(QUIET_MS);
        expect(recorder.events).toHaveLength(events);
      });

      test.runIf(subject.hasHistory)('and its history is gone when it is back: one diff all the same', async () => {
        await harness.putMany(EVERY_KIND);
        await harness.put(storedPeer('leaving', 1));
        const recorder = await followInSync();
        const batches = recorder.batches.length;
        await harness.disconnect();
        await recorder.reaches('unreachable');
        await harness.remove(storedPeer('leaving', 1));
        for (let version = 1; version <= 10; version++) await harness.put(storedPeer('tor', version));
        await harness.forgetHistory();
        await harness.reconnect();
        await recorder.reaches('in-sync');
        expect(summary(recorder.resources)).toEqual({ ...EVERY_KIND_SUMMARY, 'BGPPeer/tor': 10 });
        const diffs = recorder.batches.slice(batches).filter((batch) => batch.events.length > 0);
        expect(diffs).toHaveLength(1);
        expect(diffs[0].events).toHaveLength(2);
        await harness.put(storedPeer('tor', 66000));
        await recorder.sees('the next change', (now) => now.bgpPeers.get('tor')?.asNumber === 66000);
      });
    });

    describe.runIf(subject.hasServer)('a server that does not last', () => {
      test('connections break again and again during changes: nothing is lost, nothing comes twice', async () => {
        const recorder = await followInSync();
        const peers = ['a', 'b', 'c'];
        const versions = 60;
        let isWriting = true;
        const writing = (async () => {
          for (let version = 1; version <= versions; version++) {
            for (const peer of peers) await harness.put(storedPeer(peer, version));
          }
          isWriting = false;
        })();
        while (isWriting) {
          await harness.breakConnections();
          await delay(30);
        }
        await writing;
        await recorder.sees('the last versions', (now) =>
          peers.every((peer) => now.bgpPeers.get(peer)?.asNumber === versions),
        );
        await recorder.reaches('in-sync');
        for (const peer of peers) {
          const seen = versionsOf(recorder, peer);
          expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
          if (subject.deliversEveryVersion) expect(seen).toHaveLength(versions);
        }
      });

      test('is killed and started again: it is followed as before', async () => {
        await harness.putMany(EVERY_KIND);
        const recorder = await followInSync();
        const events = recorder.events.length;
        await harness.restartServer();
        await harness.put(storedPeer('tor', 66000));
        await recorder.sees('the change', (now) => now.bgpPeers.get('tor')?.asNumber === 66000);
        await recorder.reaches('in-sync');
        expect(recorder.events).toHaveLength(events + 1);
        expect(recorder.phases).not.toContain('starting');
      });
    });
  });
}
