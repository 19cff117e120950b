/**
 * Derivation at the scale of a large cluster: how long a first state takes, what it holds, and what one more change
 * costs, from the batch to the list of changes. The figures are printed; what is asserted is what a change touches, and
 * bounds that only a derivation which looks at everything again would break.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, describe, expect, test } from 'vitest';
import { IncrementalDeriver } from '../../confd/derive/derive.ts';
import { DEFAULT_DERIVE_OPTIONS } from '../../confd/derive/options.ts';
import type { DesiredState } from '../../confd/desired-state.ts';
import { diff } from '../../confd/diff.ts';
import type { Resource } from '../../confd/model/resource.ts';
import type { ResourceEvent } from '../../confd/resource-store.ts';
import {
  affinity,
  configuration,
  filter,
  node,
  peer,
  pool,
  secret,
  service,
  slice,
  workload,
} from '../support/calico-resources.ts';

const NODES = 5_000;
const AFFINITIES_PER_NODE = 4;
const SERVICES = 10_000;
/** The mesh in both families, and the peer of rack r1. */
const SESSIONS = 2 * (NODES - 1) + 1;
/** One change that touches little; ten times what it takes on a small machine. */
const SMALL_CHANGE_MS = 30;
/** A change that concerns every session. */
const WIDE_CHANGE_MS = 1_000;

const address = (i: number): string => `10.${i >>> 16}.${(i >>> 8) & 255}.${i & 255}`;
const aNode = (i: number, labels: object = {}): Resource =>
  node(`n${i}`, { ipv4Address: `${address(i)}/8`, ipv6Address: `fd00::${i.toString(16)}/64` }, labels);
const anAffinity = (i: number, j: number): Resource =>
  affinity(`n${i}`, `172.${16 + j}.${(i >>> 6) & 255}.${(i & 63) * 4}/30`, 'confirmed');
const aService = (i: number): Resource =>
  service(`s${i}`, {
    clusterIP: `10.${96 + (i >>> 16)}.${(i >>> 8) & 255}.${i & 255}`,
    externalIPs: i % 10 === 0 ? [`203.0.${(i >>> 8) & 255}.${i & 255}`] : [],
    externalTrafficPolicy: i % 2 === 0 ? 'Local' : 'Cluster',
  });
const aSlice = (i: number, nodes: readonly string[]): Resource => slice(`s${i}-x`, `s${i}`, nodes);

const password = { password: { secretKeyRef: { name: 'tor', key: 'a' } } };
const aTor = peer('other-tor', { node: 'n1', peerIP: '192.0.2.2', asNumber: 65001 });
const aFilter = (name: string, i: number): Resource =>
  filter(name, { exportV4: [{ action: i % 2 === 0 ? 'Accept' : 'Reject', cidr: '10.0.0.0/8', matchOperator: 'In' }] });
const aWorkload = workload('w', { ipv4Nets: ['172.31.0.1/32'], bgpPeerName: 'workloads' });
const aPool = pool('more', { cidr: '198.18.0.0/16' });

function cluster(): Resource[] {
  const resources: Resource[] = [
    configuration({
      serviceClusterIPs: [{ cidr: '10.96.0.0/12' }],
      serviceExternalIPs: [{ cidr: '203.0.0.0/16' }],
    }),
    pool('pods', { cidr: '172.16.0.0/12', ipipMode: 'CrossSubnet' }),
    peer('tor', { nodeSelector: "rack == 'r1'", peerIP: '192.0.2.1', asNumber: 65001, filters: ['tor'], ...password }),
    peer('workloads', { localWorkloadSelector: 'all()', asNumber: 65002 }),
    aFilter('tor', 0),
    peer('reflectors', { nodeSelector: 'all()', peerSelector: 'has(reflector)' }),
  ];
  for (let i = 1; i <= NODES; i++) {
    resources.push(aNode(i, { rack: `r${i % 40}` }));
    for (let j = 0; j < AFFINITIES_PER_NODE; j++) resources.push(anAffinity(i, j));
  }
  for (let i = 1; i <= SERVICES; i++) {
    resources.push(aService(i), aSlice(i, [`n${1 + (i % 50)}`, `n${1 + (i % NODES)}`]));
  }
  return resources;
}

const set = (resource: Resource): ResourceEvent => ({ type: 'set', resource, conditions: [] });
const gone = ({ kind, name }: Resource): ResourceEvent => ({ type: 'deleted', key: { kind, name } });

/** What is in use after collecting what is not. */
function heapMiB(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

describe('5,000 nodes, 20,000 blocks, 10,000 Services', () => {
  const lines: string[] = [];
  const resources = cluster();
  const deriver = new IncrementalDeriver('n1', DEFAULT_DERIVE_OPTIONS);
  let running: DesiredState;
  let revision = 0;

  /** Milliseconds from the batch to the changes, and the changes but for the revision. */
  function change(...events: ResourceEvent[]): { readonly took: number; readonly kinds: string[] } {
    const start = performance.now();
    deriver.apply({ events, revision: `${++revision}`, conditions: [] });
    const desired = deriver.derive();
    const changes = diff(running, desired);
    const took = performance.now() - start;
    running = desired;
    return { took, kinds: changes.map((one) => one.kind).filter((kind) => kind !== 'metadata') };
  }

  test('the first state', () => {
    const before = heapMiB();
    const start = performance.now();
    deriver.apply({ events: resources.map(set), revision: '0', conditions: [] });
    running = deriver.derive();
    const took = performance.now() - start;
    lines.push(`first state  ${took.toFixed(0)} ms, ${(heapMiB() - before).toFixed(0)} MiB on top of the resources`);
    lines.push(`             ${running.peers.length} sessions, ${running.originated.length} originated routes`);
    expect(running.peers.length).toBe(SESSIONS);
    expect(running.originated.length).toBeGreaterThan(100);
  });

  const toggled =
    (a: ResourceEvent, b: ResourceEvent): ((i: number) => ResourceEvent) =>
    (i) =>
      i % 2 === 0 ? a : b;
  test.each<[sentence: string, event: (i: number) => ResourceEvent, most: number, changes: number]>([
    ['a node that says the same again', () => set(aNode(77, { rack: 'r37' })), SMALL_CHANGE_MS, 0],
    ['labels of another node', (i) => set(aNode(77, { rack: `q${i}` })), SMALL_CHANGE_MS, 0],
    ['a node that comes and goes', toggled(set(aNode(NODES + 1)), gone(aNode(NODES + 1))), SMALL_CHANGE_MS, 2],
    [
      'a node that becomes a reflector and back',
      toggled(set(aNode(78, { reflector: '1' })), set(aNode(78))),
      SMALL_CHANGE_MS,
      4,
    ],
    ['a block of another node', toggled(gone(anAffinity(2, 0)), set(anAffinity(2, 0))), SMALL_CHANGE_MS, 0],
    ['a Service without endpoint here', toggled(gone(aService(4001)), set(aService(4001))), SMALL_CHANGE_MS, 0],
    ['endpoints on other nodes', (i) => set(aSlice(4002, [`n${2 + (i % 7)}`])), SMALL_CHANGE_MS, 0],
    ['an endpoint here', toggled(set(aSlice(4004, ['n1'])), set(aSlice(4004, ['n9']))), SMALL_CHANGE_MS, 1],
    ['a BGPPeer at one address', toggled(set(aTor), gone(aTor)), SMALL_CHANGE_MS, 1],
    ['a Secret that nobody names', (i) => set(secret('s', { a: `${i}` })), SMALL_CHANGE_MS, 0],
    ['the Secret of one peer', (i) => set(secret('tor', { a: `${i}` })), SMALL_CHANGE_MS, 1],
    ['a BGPFilter that nobody names', (i) => set(aFilter('unused', i)), WIDE_CHANGE_MS, 0],
    ['the BGPFilter of one peer', (i) => set(aFilter('tor', i)), SMALL_CHANGE_MS, 1],
    [
      'the port of another node',
      (i) => set(configuration({ listenPort: 1790 + (i % 2) }, 'node.n79')),
      SMALL_CHANGE_MS,
      2,
    ],
    ['a workload that becomes a BGP peer and back', toggled(set(aWorkload), gone(aWorkload)), SMALL_CHANGE_MS, 1],
    [
      'a pool: the policy of every IPv4 session, and the kernel',
      toggled(set(aPool), gone(aPool)),
      WIDE_CHANGE_MS,
      NODES + 1,
    ],
    [
      'an own block: the policy of every IPv4 session',
      toggled(gone(anAffinity(1, 0)), set(anAffinity(1, 0))),
      WIDE_CHANGE_MS,
      NODES + 1,
    ],
    [
      'the AS number of the cluster: every session',
      (i) => set(configuration({ asNumber: 64513 + (i % 2) })),
      4 * WIDE_CHANGE_MS,
      SESSIONS + 1,
    ],
  ])('%s', (sentence, event, most, changes) => {
    const times: number[] = [];
    for (let i = 0; i < 8; i++) {
      const { took, kinds } = change(event(i));
      times.push(took);
      // The very first may find the cluster as it is already.
      if (i > 0) expect(kinds.length, kinds.slice(0, 5).join(' ')).toBe(changes);
    }
    times.sort((a, b) => a - b);
    lines.push(`one change   ${times[4].toFixed(2).padStart(7)} ms  ${sentence}, ${changes} changes`);
    expect(times[4]).toBeLessThan(most);
  });

  test('every Service advertised by its own address', () => {
    // No range covers them: each is a route, and a line of every export policy.
    const spec = { serviceClusterIPs: [{ cidr: '10.250.0.0/16' }], serviceLoadBalancerAggregation: 'Disabled' };
    const { took } = change(set(configuration(spec)));
    lines.push(`wide change  ${took.toFixed(0)} ms  every Service advertised by its own address`);
    expect(running.originated.length).toBeGreaterThan(SERVICES / 2);
    const one = [0, 1, 2, 3, 4, 5, 6, 7].map(
      (i) => change(i % 2 === 0 ? gone(aService(4001)) : set(aService(4001))).took,
    );
    one.sort((a, b) => a - b);
    lines.push(`one change   ${one[4].toFixed(2).padStart(7)} ms  one of them comes or goes, all IPv4 policies follow`);
    expect(one[4]).toBeLessThan(WIDE_CHANGE_MS);
  });

  afterAll(() => console.log(lines.join('\n')));
});
