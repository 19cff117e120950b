/**
 * What a large cluster costs: as many Nodes as KUBERNETES_SCALE says (5000), each with the status that kubelet writes,
 * and with Services and affinities to match. Prints times, octets and memory; runs only when it is asked for, because
 * filling the server takes minutes.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { ApiClient } from '../../confd/datastore/kubernetes/api-client.ts';
import { acceptOf, nodesTarget, requestPath } from '../../confd/datastore/kubernetes/target.ts';
import { SYSTEM_TIMERS } from '../../confd/datastore/system-timers.ts';
import { type ApiObject, KUBE_APISERVER_MISSING } from '../servers/kube-server.ts';
import { storedAffinity } from './compliance.ts';
import { OWN_NODE } from './harness.ts';
import { apiObject, startKubernetesHarness } from './kubernetes-harness.ts';
import { Recorder } from './recorder.ts';

const GROUP = 'crd.projectcalico.org/v1';
const nodeCount = Number(process.env.KUBERNETES_SCALE ?? 0);

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** A Node as kubelet leaves it: 50 images, 5 conditions. */
function node(i: number): ApiObject {
  const now = '2026-11-20T00:00:00Z';
  const images = Array.from({ length: 50 }, (_, image) => ({
    names: [`registry.example/team/application-${image}@sha256:${'0123456789abcdef'.repeat(4)}`],
    sizeBytes: 100_000_000 + image,
  }));
  const conditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure', 'NetworkUnavailable'].map((type) => ({
    type,
    status: 'False',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
    reason: 'KubeletHasSufficientMemory',
    message: 'kubelet has sufficient memory available',
  }));
  const name = i === 0 ? OWN_NODE : `node-${i}`;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'topology.kubernetes.io/zone': `zone-${i % 3}`,
        rack: `rack-${i % 100}`,
      },
      annotations: {
        'projectcalico.org/IPv4Address': `10.${i >> 14}.${(i >> 6) & 255}.${((i & 63) << 2) + 1}/16`,
        'projectcalico.org/IPv4IPIPTunnelAddr': `10.244.${i >> 8}.${i & 255}`,
      },
    },
    status: { images, conditions, nodeInfo: { kubeletVersion: 'v1.36.2' } },
  };
}

function service(i: number): ApiObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `service-${i}`, namespace: 'default' },
    spec: { clusterIP: `10.96.${(i >> 8) + 1}.${i & 255}`, ports: [{ port: 80 }], selector: { app: `service-${i}` } },
  };
}

describe.skipIf(nodeCount === 0 || KUBE_APISERVER_MISSING !== null)(`${nodeCount} nodes`, () => {
  test('are listed and followed', { timeout: 1_800_000 }, async () => {
    const harness = await startKubernetesHarness(GROUP);
    const { server } = harness;
    try {
      await server.putMany(Array.from({ length: nodeCount }, (_, i) => node(i)));
      await server.putMany(Array.from({ length: nodeCount * 2 }, (_, i) => service(i)));
      const affinities = Array.from({ length: nodeCount * 4 }, (_, i) =>
        apiObject(
          storedAffinity(
            i % nodeCount === 0 ? OWN_NODE : `node-${i % nodeCount}`,
            `10.${i >> 14}.${(i >> 6) & 255}.0/26`,
            'confirmed',
          ),
          GROUP,
        ),
      );
      await server.putMany(
        affinities.map((one, i) => ({ ...one, metadata: { ...one.metadata, name: `affinity-${i}` } })),
      );
      const spec = { serviceClusterIPs: [{ cidr: '10.96.0.0/16' }] };
      await server.put({ apiVersion: GROUP, kind: 'BGPConfiguration', metadata: { name: 'default' }, spec });

      // What the two forms of a Node cost on the way.
      const client = new ApiClient(harness.access, { timers: SYSTEM_TIMERS, onConnected: () => {}, userAgent: 'test' });
      for (const target of [nodesTarget(false), nodesTarget(true)]) {
        let octets = 0;
        const began = performance.now();
        await new Promise<void>((resolve, reject) => {
          client.list(requestPath(target, { resourceVersion: '0' }), acceptOf(target, true), {
            item: (item) => {
              octets += JSON.stringify(item).length;
            },
            done: () => resolve(),
            failed: (failure) => reject(new Error(failure.message)),
          });
        });
        const form = target.isMetadataOnly ? 'metadata only' : 'whole';
        console.log(`nodes, ${form}: ${(octets / 1e6).toFixed(1)} MB in ${Math.round(performance.now() - began)} ms`);
      }
      client.close();

      collect();
      const before = process.memoryUsage();
      const began = performance.now();
      let longestTurnMs = 0;
      let last = began;
      const ticker = setInterval(() => {
        longestTurnMs = Math.max(longestTurnMs, performance.now() - last);
        last = performance.now();
      }, 1);
      const recorder = new Recorder(harness.openWith({}, { pageSize: 500 }));
      recorder.start();
      await recorder.reaches('in-sync');
      const inSyncMs = performance.now() - began;
      clearInterval(ticker);
      const peak = process.memoryUsage();
      collect();
      const after = process.memoryUsage();
      expect(recorder.resources.nodes.size).toBe(nodeCount);
      expect(recorder.resources.services.size).toBeGreaterThanOrEqual(nodeCount * 2);
      expect(recorder.resources.blockAffinities.size).toBe(4);
      const mb = (octets: number): string => `${(octets / 1e6).toFixed(1)} MB`;
      console.log(
        `in sync after ${Math.round(inSyncMs)} ms, longest turn ${Math.round(longestTurnMs)} ms; ` +
          `heap +${mb(after.heapUsed - before.heapUsed)}, at most +${mb(peak.heapUsed - before.heapUsed)} before collection`,
      );

      // A heartbeat is no event.
      const events = recorder.events.length;
      await server.put({
        ...node(1),
        metadata: { ...node(1).metadata, annotations: { ...node(1).metadata.annotations, x: 'y' } },
      });
      const changed = performance.now();
      await server.put({ apiVersion: GROUP, kind: 'IPPool', metadata: { name: 'p' }, spec: { cidr: '10.0.0.0/8' } });
      await recorder.sees('one more change', (now) => now.ipPools.size === 1);
      console.log(`one more change seen after ${Math.round(performance.now() - changed)} ms`);
      expect(recorder.events).toHaveLength(events + 1);
      await recorder.stop();
    } finally {
      await harness.close();
    }
  });
});
