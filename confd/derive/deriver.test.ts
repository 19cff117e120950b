import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyCluster, anyEvent } from '../../test/support/calico-arbitrary.ts';
import {
  affinity,
  configuration,
  deriveN1,
  filter,
  node,
  nodes,
  peer,
  pool,
  secret,
  service,
  slice,
} from '../../test/support/calico-resources.ts';
import { applyChange } from '../apply-change.ts';
import { type Change, diff } from '../diff.ts';
import { OBJECT_KINDS, type Resource } from '../model/resource.ts';
import type { ResourceEvent } from '../resource-store.ts';
import { derive, IncrementalDeriver } from './derive.ts';
import { DEFAULT_DERIVE_OPTIONS, type DeriveOptions } from './options.ts';

const set = (resource: Resource): ResourceEvent => ({ type: 'set', resource, conditions: [] });
const deleted = ({ kind, name }: Resource): ResourceEvent => ({ type: 'deleted', key: { kind, name } });

/** A follower of a datastore that has just delivered these. */
function following(resources: readonly Resource[], options: Partial<DeriveOptions> = {}) {
  const deriver = new IncrementalDeriver('n1', { ...DEFAULT_DERIVE_OPTIONS, ...options });
  let revision = 0;
  const apply = (...events: ResourceEvent[]) => {
    deriver.apply({ events, revision: `${++revision}`, conditions: [] });
    return deriver.derive();
  };
  return { first: apply(...resources.map(set)), apply, deriver };
}

/** Enough of a cluster that something is derived, whatever else is in it. */
const OWN_SIDE = [
  node('n1', { ipv4Address: '10.0.0.1/24', ipv6Address: 'fd00::1/64' }),
  configuration({
    serviceClusterIPs: [{ cidr: '10.96.0.0/12' }],
    serviceExternalIPs: [{ cidr: '203.0.113.0/24' }],
    serviceLoadBalancerIPs: [{ cidr: '203.0.113.1/32' }],
  }),
];

/** Batches of events after a first listing; the daemon may derive after each or let some pass. */
const anyHistory = fc.array(fc.record({ events: fc.array(anyEvent, { maxLength: 4 }), isDerived: fc.boolean() }), {
  minLength: 5,
  maxLength: 30,
});
const anyOptions = fc.record({
  routerId: fc.constantFrom(null, 'hash'),
  usePodCidr: fc.boolean(),
  missingPassword: fc.constantFrom('unauthenticated' as const, 'withhold' as const),
  felixGeneration: fc.constantFrom('auto' as const, '3.30' as const, '3.33' as const),
});

test('what happens to the properties below is of every kind and of every sort', () => {
  const events = fc.sample(anyEvent, { numRuns: 2_000, seed: 1 });
  const seen = new Set(
    events.map((event) => `${event.type} ${event.type === 'set' ? event.resource.kind : event.key.kind}`),
  );
  const kinds = [...OBJECT_KINDS, 'WorkloadEndpoint'];
  expect([...seen].sort()).toEqual(
    ['set', 'refused', 'deleted'].flatMap((type) => kinds.map((kind) => `${type} ${kind}`)).sort(),
  );
});

describe('whatever happens, following gives what deriving from scratch gives', () => {
  test('state by state', () => {
    fc.assert(
      fc.property(anyCluster, anyHistory, anyOptions, (cluster, history, options) => {
        const { deriver } = following([...cluster, ...OWN_SIDE], options);
        for (const { events, isDerived } of history) {
          deriver.apply({ events, revision: 'r', conditions: [] });
          if (!isDerived) continue;
          expect(deriver.derive()).toEqual(derive(deriver.snapshot(), 'n1', { ...DEFAULT_DERIVE_OPTIONS, ...options }));
        }
      }),
      { numRuns: 400 },
    );
  });

  test('and the changes of each step lead from one state to the next', () => {
    fc.assert(
      fc.property(anyCluster, anyHistory, (cluster, history) => {
        const { first, deriver } = following([...cluster, ...OWN_SIDE]);
        let running = first;
        let before = JSON.stringify(running);
        for (const { events } of history) {
          deriver.apply({ events, revision: 'r', conditions: [] });
          const desired = deriver.derive();
          expect(diff(running, desired).reduce(applyChange, running)).toEqual(desired);
          // A state that was handed out does not change afterwards.
          expect(JSON.stringify(running)).toBe(before);
          running = desired;
          before = JSON.stringify(running);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('what a change touches', () => {
  const TOR = peer('tor', { node: 'n1', peerIP: '192.0.2.1', asNumber: 65001, filters: ['f'] });
  const BASE = [
    ...nodes(5),
    TOR,
    configuration({ serviceClusterIPs: [{ cidr: '10.96.0.0/12' }], serviceExternalIPs: [{ cidr: '203.0.113.1/32' }] }),
    pool('pods', { cidr: '10.244.0.0/16' }),
    affinity('n1', '10.244.1.0/26', 'confirmed'),
    service('web', { clusterIP: '10.96.0.1', externalTrafficPolicy: 'Local' }),
    slice('web-a', 'web', ['n2']),
  ];

  function kinds(changes: readonly Change[]): string[] {
    return changes.filter((one) => one.kind !== 'metadata').map((one) => one.kind);
  }

  test.each<[sentence: string, events: ResourceEvent[], changed: string[]]>([
    ['a node that says the same again', [set(nodes(5)[3])], []],
    [
      'labels of a node that nobody selects',
      [set(node('n4', { ipv4Address: '10.0.0.4/24', ipv6Address: 'fd00::4/64' }, { a: 'b' }))],
      [],
    ],
    ['a block of another node', [set(affinity('n2', '10.244.2.0/26', 'confirmed'))], []],
    ['a Service that is covered by its range', [set(service('api', { clusterIP: '10.96.0.2' }))], []],
    ['an endpoint on another node', [set(slice('web-a', 'web', ['n3']))], []],
    ['a secret that nobody uses', [set(secret('s', { a: 'b' }))], []],
    ['a filter that nobody uses', [set(filter('g', { exportV4: [{ action: 'Reject' }] }))], []],
    [
      'a Service that gets its first endpoint here: its prefix, while its range stands for it in the policies',
      [set(slice('web-a', 'web', ['n1']))],
      ['originate-add'],
    ],
    ['a node that leaves', [deleted(nodes(5)[4])], ['peer-remove', 'peer-remove']],
    [
      'a block that goes: its route, and the IPv4 policies that hid what is in it',
      [deleted(affinity('n1', '10.244.1.0/26', 'confirmed'))],
      [...Array(5).fill('peer-policy'), 'originate-remove'],
    ],
    ['the filter of one peer', [set(filter('f', { exportV4: [{ action: 'Reject' }] }))], ['peer-policy']],
    [
      'a single external address: its prefix, and the policies, which no range covers it for',
      [set(service('api', { clusterIP: '10.96.0.2', externalIPs: ['203.0.113.1'] }))],
      ['originate-add', 'originate-add', ...Array(5).fill('peer-policy')],
    ],
  ])('%s', (_sentence, events, changed) => {
    const { first, apply } = following(BASE);
    expect(kinds(diff(first, apply(...events)))).toEqual(changed);
  });

  test('what nothing happened to stays the same object', () => {
    const { first, apply } = following(BASE);
    const second = apply(set(slice('web-a', 'web', ['n1'])));
    expect(second.peers).toBe(first.peers);
    expect(second.kernel).toBe(first.kernel);
    expect(second.conditions).toBe(first.conditions);
    const third = apply(set(node('n4', { ipv4Address: '10.0.0.44/24' })));
    expect(third.originated).toBe(second.originated);
    const known = new Set(second.peers);
    expect(third.peers.filter((one) => !known.has(one)).map((one) => one.session.name)).toEqual(['Mesh_10_0_0_44']);
  });

  test('the own node may go and come back, and everything that happened meanwhile counts', () => {
    const { first, apply } = following(BASE);
    expect(apply(deleted(nodes(5)[0])).incomplete).toBe('this node is not in the datastore');
    apply(set(slice('web-a', 'web', ['n1'])), deleted(nodes(5)[4]));
    const back = apply(set(nodes(5)[0]));
    expect(back).toEqual({
      ...deriveN1([...BASE.filter((one) => one.name !== 'n5'), slice('web-a', 'web', ['n1'])]),
      revision: back.revision,
    });
    expect(back.peers.length).toBe(first.peers.length - 2);
  });
});
