/**
 * A thousand nodes that join at once, and other changes of a thousand resources, with the real daemon: every session is
 * made once and none ends that need not, and nothing holds the daemon up for long. Counted at the other end of the
 * sessions; the figures are printed.
 */

import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BgpCrowd } from '../support/bgp-crowd.ts';
import { CalicoDaemon, type CalicoObject, calicoObject } from '../support/calico-daemon.ts';
import { waitUntil } from '../support/wait-for.ts';

const NODES = 1_000;
const DEADLINE_MS = 90_000;
/**
 * Longest wait for an answer while a change is applied. What it takes on an idle machine of two cores is printed, and in
 * docs/limits.md; here other tests run beside it.
 */
const MOST_PATIENCE_MS = 1_500;
const AS = 64_512;
/** Nobody else's on loopback: see test/support/loopback.ts. */
const CROWD_PORT = 12_000 + (process.pid % 1_000);
/** Greater as text than any other node's, so that this node dials all of them (section 3.2). */
const OWN_ADDRESS = '127.99.0.1';

const addressOf = (n: number): string => `127.${10 + (n >>> 8)}.0.${n & 255}`;
const nodeObject = (n: number, labels: object = {}): CalicoObject =>
  calicoObject('Node', `n${n}`, { bgp: { ipv4Address: `${addressOf(n)}/8` } }, labels);
const FIRST = [1, 2].map((n) => nodeObject(n));
const OTHERS = Array.from({ length: NODES }, (_, i) => nodeObject(i + 3));
const BASE = [
  calicoObject('Node', 'n0', { bgp: { ipv4Address: `${OWN_ADDRESS}/8` } }),
  calicoObject('BGPConfiguration', 'default', {
    listenPort: CROWD_PORT,
    bindMode: 'NodeIP',
    serviceClusterIPs: [{ cidr: '10.255.0.0/16' }],
    serviceLoadBalancerAggregation: 'Disabled',
  }),
  calicoObject('BGPConfiguration', 'node.n0', { listenPort: CROWD_PORT + 1_000 }),
  calicoObject('IPPool', 'pods', { cidr: '10.244.0.0/16' }),
  ...FIRST,
];
const services = (count: number): CalicoObject[] =>
  Array.from({ length: count }, (_, i) => [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `s${i}`, namespace: 'default' },
      spec: { type: 'ClusterIP', clusterIP: `10.96.${i >>> 8}.${i & 255}` },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `s${i}-x`, namespace: 'default', labels: { 'kubernetes.io/service-name': `s${i}` } },
      addressType: 'IPv4',
      endpoints: [{ nodeName: 'n0', addresses: ['10.244.0.1'] }],
    },
  ]).flat();

describe('a thousand resources at once', () => {
  const lines: string[] = [];
  let crowd: BgpCrowd;
  let daemon: CalicoDaemon;
  let watcher: Worker;

  async function slowestAnswerMs(): Promise<number> {
    const answer = new Promise<{ slowestMs: number }>((resolve) => watcher.once('message', resolve));
    watcher.postMessage('so far?');
    return (await answer).slowestMs;
  }

  /** Makes a change and waits for what it should come to; prints how long that and the slowest answer took. */
  async function change(what: string, make: () => void, isDone: () => Promise<boolean> | boolean): Promise<void> {
    await slowestAnswerMs();
    const before = (await daemon.status()).appliedRevision;
    const startMs = performance.now();
    make();
    await daemon.until(`${what}: applied`, DEADLINE_MS, ({ appliedRevision }) => appliedRevision !== before);
    const appliedMs = performance.now() - startMs;
    await waitUntil(`${what}: done`, DEADLINE_MS, isDone, (done) => done);
    const doneMs = performance.now() - startMs;
    const slowest = await slowestAnswerMs();
    const [applied, done, answer] = [appliedMs, doneMs, slowest].map((ms) => ms.toFixed(0).padStart(5));
    lines.push(`applied after ${applied} ms, settled after ${done} ms, slowest answer ${answer} ms: ${what}`);
    expect(slowest, what).toBeLessThan(MOST_PATIENCE_MS);
  }

  const noneWasDisturbed = (): void => {
    const { connections, opens, notifications, closed } = crowd.counts;
    expect({ connections, opens, notifications, closed }).toEqual({
      connections: NODES + FIRST.length,
      opens: NODES + FIRST.length,
      notifications: 0,
      closed: 0,
    });
  };

  beforeAll(async () => {
    crowd = await BgpCrowd.listen(CROWD_PORT, AS);
    daemon = await CalicoDaemon.start({ node: 'n0', objects: BASE });
    watcher = new Worker(fileURLToPath(new URL('../support/patience.mjs', import.meta.url)), {
      workerData: { socketPath: daemon.socketPath },
    });
    await waitUntil(
      'the first sessions are up',
      DEADLINE_MS,
      () => crowd.counts,
      ({ established }) => established === FIRST.length,
    );
  }, DEADLINE_MS);
  afterAll(async () => {
    await watcher?.terminate();
    await daemon?.stop();
    crowd?.close();
    console.log(lines.join('\n'));
  });

  test('nodes join: one session each, made once, and the sessions that were there notice nothing', async () => {
    const revisions = new Set<string>();
    await change(
      `${NODES} Nodes join`,
      () => daemon.write('others', OTHERS),
      async () => {
        revisions.add((await daemon.status()).appliedRevision);
        return crowd.counts.established === NODES + FIRST.length;
      },
    );
    // One derivation for all of them.
    expect(revisions.size).toBe(1);
    const peers = await daemon.peers();
    expect(peers.filter((peer) => peer.sessionsEstablished !== 1)).toEqual([]);
    noneWasDisturbed();
  });

  test('labels that nobody selects change on all of them: nothing happens', async () => {
    const relabelled = OTHERS.map((_, i) => nodeObject(i + 3, { rack: `r${i % 40}` }));
    const { updates } = crowd.counts;
    await change(
      `labels of ${NODES} Nodes`,
      () => daemon.write('others', relabelled),
      () => true,
    );
    expect(crowd.counts.updates).toBe(updates);
    noneWasDisturbed();
  });

  test('a block of this node: a route and another policy for every session', async () => {
    const { updates } = crowd.counts;
    const block = calicoObject('BlockAffinity', 'b', { node: 'n0', cidr: '10.244.0.0/26', state: 'confirmed' });
    await change(
      `a block, told to ${NODES} neighbours`,
      () => daemon.write('block', [block]),
      () => crowd.counts.updates >= updates + NODES + FIRST.length,
    );
    noneWasDisturbed();
  });

  test('Services, each with an address of its own', async () => {
    const { updates } = crowd.counts;
    const count = NODES / 2;
    await change(
      `${count} Services and ${count} EndpointSlices, told to ${NODES} neighbours`,
      () => daemon.write('services', services(count)),
      async () => {
        const [peer] = await daemon.peers();
        // The cluster's range and the block as well.
        return peer.families['ipv4-unicast']?.advertised === count + 2 && crowd.counts.updates >= updates + NODES;
      },
    );
    noneWasDisturbed();
  });

  test('half of the nodes leave: their sessions end with a word, the others stay', async () => {
    const leaving = NODES / 2;
    await change(
      `${leaving} Nodes leave`,
      () => daemon.write('others', OTHERS.slice(leaving)),
      () => crowd.counts.closed === leaving,
    );
    expect(crowd.counts).toMatchObject({ connections: NODES + FIRST.length, notifications: leaving, closed: leaving });
    const { peers } = await daemon.status();
    expect(peers).toEqual({ configured: leaving + FIRST.length, established: leaving + FIRST.length });
  });
});
