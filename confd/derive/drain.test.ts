import { describe, expect, test } from 'vitest';
import { configuration, deriveN1, nodes, service } from '../../test/support/calico-resources.ts';
import { readNode } from '../model/node.ts';
import { drainReason, parseDrainTriggers } from './drain.ts';

const TAINT = { key: 'example.com/maintenance', value: 'disk', effect: 'NoSchedule' };

function node(spec: object, annotations: object = {}, isKubernetesCore = true) {
  const { value, issues } = readNode({ metadata: { name: 'n', annotations }, spec }, isKubernetesCore) as unknown as {
    value: Parameters<typeof drainReason>[0];
    issues: readonly { readonly path: readonly PropertyKey[] }[];
  };
  return { value, issues };
}

describe('a node is drained', () => {
  test.each([
    ['not at all', {}, {}, 'cordon', null],
    ['cordoned, but that was not asked for', { unschedulable: true }, {}, '', null],
    ['cordoned', { unschedulable: true }, {}, 'cordon', 'the node is cordoned'],
    ['uncordoned', { unschedulable: false }, {}, 'cordon', null],
    ['a taint', { taints: [TAINT] }, {}, 'cordon,taint:example.com/maintenance', `the node has the taint ${TAINT.key}`],
    [
      'a taint with its value',
      { taints: [TAINT] },
      {},
      `taint:${TAINT.key}=disk`,
      `the node has the taint ${TAINT.key}`,
    ],
    ['a taint with another value', { taints: [TAINT] }, {}, `taint:${TAINT.key}=fan`, null],
    [
      'a taint with its effect',
      { taints: [TAINT] },
      {},
      `taint:${TAINT.key}:NoSchedule`,
      `the node has the taint ${TAINT.key}`,
    ],
    ['a taint with another effect', { taints: [TAINT] }, {}, `taint:${TAINT.key}:NoExecute`, null],
    ['by its annotation, whatever was asked for', {}, { 'peregrine.io/drain': 'new disks' }, '', 'new disks'],
  ])('%s', (_, spec, annotations, on, reason) => {
    expect(drainReason(node(spec, annotations).value, parseDrainTriggers(on) ?? [])).toBe(reason);
  });

  test('by the annotation of a Calico Node, too', () => {
    expect(drainReason(node({}, { 'peregrine.io/drain': 'new disks' }, false).value, [])).toBe('new disks');
  });
});

test.each(['taint', 'taint:', 'taint:a=b:Never', 'cordoned', 'cordon taint:a'])('"%s" is refused', (text) => {
  expect(parseDrainTriggers(text)).toBeNull();
});

test.each([
  ['unschedulable', { unschedulable: 'yes', taints: [TAINT] }, 'spec.unschedulable'],
  ['a taint', { taints: [{ key: 7 }, TAINT] }, 'spec.taints.0.key'],
])('%s of a wrong form costs only itself', (_, spec, field) => {
  const { value, issues } = node(spec);
  expect(issues.map(({ path }) => path.join('.'))).toEqual([field]);
  expect(drainReason(value, [{ kind: 'taint', key: TAINT.key, value: null, effect: null }])).toContain(TAINT.key);
});

test('the derived state says so, and which originated routes are services', () => {
  const [own, ...others] = nodes(2);
  const resources = [own, ...others, configuration({ serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] })];
  const upkeep = { annotation: null, isUnschedulable: true, taints: [] };
  const drained = deriveN1([{ ...own, upkeep } as typeof own, ...resources.slice(1)], {
    drainOn: [{ kind: 'cordon' }],
  });
  expect(drained.drain).toBe('the node is cordoned');
  const state = deriveN1([...resources, service('web', { clusterIP: '10.96.0.1', externalTrafficPolicy: 'Cluster' })]);
  expect('drain' in state).toBe(false);
  expect(state.originated.filter(({ isService }) => isService).map(({ prefix }) => prefix)).toEqual(['10.96.0.0/12']);
});
