import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareConfigs } from '../bgp/fsm/config-change.ts';
import type { SessionConfig } from '../bgp/session-config.ts';
import { anyCluster } from '../test/support/calico-arbitrary.ts';
import {
  affinity,
  configuration,
  deriveN1,
  filter,
  node,
  nodes,
  peer,
  pool,
} from '../test/support/calico-resources.ts';
import { applyChange } from './apply-change.ts';
import type { DesiredState } from './desired-state.ts';
import { type Change, diff } from './diff.ts';
import type { Resource } from './model/resource.ts';

const TOR = { node: 'n1', peerIP: '192.0.2.1', asNumber: 65001 };

/** Changes in order as `kind impact`. */
function steps(before: readonly Resource[], after: readonly Resource[]): string[] {
  return diff(deriveN1(before), deriveN1(after)).map((change) => `${change.kind} ${change.impact}`);
}

function applyAll(state: DesiredState, changes: readonly Change[]): DesiredState {
  return changes.reduce(applyChange, state);
}

describe('what a change of resources costs', () => {
  const tor = (more: object = {}) => peer('tor', { ...TOR, ...more });

  test.each<[sentence: string, before: Resource[], after: Resource[], expected: string[]]>([
    ['nothing costs nothing', nodes(2), nodes(2), []],
    ['a node that joins', nodes(2), nodes(3), ['peer-add hitless', 'peer-add hitless']],
    ['a node that leaves', nodes(3), nodes(2), ['peer-remove reset', 'peer-remove reset']],
    ['the first peer', nodes(1), [...nodes(1), tor()], ['listen-add hitless', 'peer-add hitless']],
    ['the last peer', [...nodes(1), tor()], nodes(1), ['peer-remove reset', 'listen-remove hitless']],
    [
      'a new AS number of a peer',
      [...nodes(1), tor()],
      [...nodes(1), tor({ asNumber: 65002 })],
      ['peer-restart reset'],
    ],
    ['GTSM', [...nodes(1), tor()], [...nodes(1), tor({ ttlSecurity: 1 })], ['peer-restart reset']],
    ['the keepalive time', [...nodes(1), tor()], [...nodes(1), tor({ keepaliveTime: '9s' })], ['peer-adjust hitless']],
    ['the next-hop mode', [...nodes(1), tor()], [...nodes(1), tor({ nextHopMode: 'Self' })], ['peer-policy soft']],
    [
      'a filter',
      [...nodes(1), tor({ filters: ['f'] }), filter('f', {})],
      [...nodes(1), tor({ filters: ['f'] }), filter('f', { exportV4: [{ action: 'Reject' }] })],
      ['peer-policy soft'],
    ],
    [
      "a peer's listening port",
      nodes(2),
      [...nodes(2), configuration({ listenPort: 1790 }, 'node.n2')],
      ['peer-adjust hitless', 'peer-adjust hitless'],
    ],
    [
      'our own listening port: the new socket before the old one goes',
      [...nodes(1), tor()],
      [...nodes(1), tor(), configuration({ listenPort: 1790 }, 'node.n1')],
      ['listen-add hitless', 'listen-remove hitless'],
    ],
    [
      'binding to the node address: the old socket is in the way',
      [...nodes(1), tor()],
      [...nodes(1), tor(), configuration({ bindMode: 'NodeIP' })],
      ['listen-remove hitless', 'listen-add hitless'],
    ],
    [
      'a new block: its route is there before what is inside is hidden',
      [...nodes(1), tor()],
      [...nodes(1), tor(), affinity('n1', '10.244.1.0/26')],
      ['originate-add soft', 'peer-policy soft'],
    ],
    [
      'a block that goes: what is inside shows before its route goes',
      [...nodes(1), tor(), affinity('n1', '10.244.1.0/26')],
      [...nodes(1), tor()],
      ['peer-policy soft', 'originate-remove soft'],
    ],
    [
      'a pool',
      [...nodes(1), tor()],
      [...nodes(1), tor(), pool('p', { cidr: '10.244.0.0/16' })],
      ['peer-policy soft', 'kernel soft'],
    ],
    [
      'ownership of cluster routes',
      [...nodes(1), pool('p', { cidr: '10.244.0.0/16' })],
      [...nodes(1), pool('p', { cidr: '10.244.0.0/16' }), configuration({ programClusterRoutes: 'Disabled' })],
      ['kernel soft'],
    ],
    [
      'a peering that becomes global is one step, for the other end knows one peer',
      [...nodes(1), tor()],
      [...nodes(1), peer('tor', { ...TOR, node: '' })],
      ['peer-rename hitless'],
    ],
    [
      'one that becomes global and gets other filters',
      [...nodes(1), tor(), filter('f', { exportV4: [{ action: 'Reject' }] })],
      [
        ...nodes(1),
        peer('tor', { ...TOR, node: '', filters: ['f'] }),
        filter('f', { exportV4: [{ action: 'Reject' }] }),
      ],
      ['peer-rename soft'],
    ],
    [
      'one that becomes global and gets GTSM: its session cannot go on',
      [...nodes(1), tor()],
      [...nodes(1), peer('tor', { ...TOR, node: '', ttlSecurity: 1 })],
      ['peer-replace reset'],
    ],
    [
      'an explicit peering with a node of the mesh, with GTSM: the mesh session gives way first',
      [node('n1', { ipv4Address: '10.0.0.1' }), node('n2', { ipv4Address: '10.0.0.2' })],
      [
        node('n1', { ipv4Address: '10.0.0.1' }),
        node('n2', { ipv4Address: '10.0.0.2' }),
        peer('p', { node: 'n1', peerIP: '10.0.0.2', asNumber: 64512, ttlSecurity: 1 }),
      ],
      ['peer-restart reset', 'peer-add hitless', 'metadata hitless'],
    ],
    [
      'and the way back',
      [
        node('n1', { ipv4Address: '10.0.0.1' }),
        node('n2', { ipv4Address: '10.0.0.2' }),
        peer('p', { node: 'n1', peerIP: '10.0.0.2', asNumber: 64512, ttlSecurity: 1 }),
      ],
      [node('n1', { ipv4Address: '10.0.0.1' }), node('n2', { ipv4Address: '10.0.0.2' })],
      ['peer-remove reset', 'peer-restart hitless', 'metadata hitless'],
    ],
    [
      'an explicit peering with a node of the mesh: the session of the mesh goes on as its',
      [node('n1', { ipv4Address: '10.0.0.1' }), node('n2', { ipv4Address: '10.0.0.2' })],
      [
        node('n1', { ipv4Address: '10.0.0.1' }),
        node('n2', { ipv4Address: '10.0.0.2' }),
        peer('p', { node: 'n1', peerIP: '10.0.0.2', asNumber: 64512 }),
      ],
      ['peer-rename hitless', 'peer-add hitless', 'metadata hitless'],
    ],
    [
      'and goes back to the mesh',
      [
        node('n1', { ipv4Address: '10.0.0.1' }),
        node('n2', { ipv4Address: '10.0.0.2' }),
        peer('p', { node: 'n1', peerIP: '10.0.0.2', asNumber: 64512 }),
      ],
      [node('n1', { ipv4Address: '10.0.0.1' }), node('n2', { ipv4Address: '10.0.0.2' })],
      ['peer-remove hitless', 'peer-rename hitless', 'metadata hitless'],
    ],
    ['the log level', nodes(1), [...nodes(1), configuration({ logSeverityScreen: 'Debug' })], ['log-level hitless']],
    ['something that is reported', nodes(1), [...nodes(1), peer('b', { ...TOR, asNumber: 0 })], ['metadata hitless']],
    [
      'another AS of the cluster',
      [...nodes(1), tor()],
      [...nodes(1), tor(), configuration({ asNumber: 65000 })],
      ['identity soft', 'peer-restart reset'],
    ],
    [
      'another address of our own',
      [node('n1', { ipv4Address: '10.0.0.1' }), tor()],
      [node('n1', { ipv4Address: '10.0.0.9' }), tor()],
      ['identity soft', 'peer-restart reset'],
    ],
    [
      'new before old',
      [...nodes(1), tor(), affinity('n1', '10.244.1.0/26')],
      [...nodes(1), peer('other', { ...TOR, peerIP: '192.0.2.2' }), affinity('n1', '10.244.2.0/26')],
      ['originate-add soft', 'peer-add hitless', 'peer-remove reset', 'originate-remove soft'],
    ],
  ])('%s', (_sentence, before, after, expected) => {
    expect(steps(before, after)).toEqual(expected);
  });

  test('every change has a reason, and none says a password', () => {
    const withPassword = deriveN1([...nodes(1), tor({ password: { secretKeyRef: { name: 's', key: 'k' } } })]);
    const secretState = {
      ...withPassword,
      peers: withPassword.peers.map((one) => ({ ...one, session: { ...one.session, password: 'sesame' } })),
    };
    const changes = diff(withPassword, secretState);
    expect(changes.map((one) => one.kind)).toEqual(['peer-restart']);
    expect(changes[0].reason).toBe('Node_192_0_2_1: password can only change with a new session');
  });
});

describe('session fields', () => {
  const state = deriveN1([...nodes(1), peer('tor', TOR)]);
  const withField = (name: keyof SessionConfig): DesiredState => ({
    ...state,
    peers: state.peers.map((one) => ({ ...one, session: { ...one.session, [name]: 'another value' } })),
  });

  const fields = (Object.keys(state.peers[0].session) as (keyof SessionConfig)[]).filter((name) => name !== 'name');

  test.each(fields.map((name) => [name]))('a new %s does to the session what the session machine says', (name) => {
    const desired = withField(name);
    const { effect } = compareConfigs(state.peers[0].session, desired.peers[0].session);
    const expected = {
      hitless: { kind: 'peer-adjust', impact: 'hitless' },
      reset: { kind: 'peer-restart', impact: 'reset' },
    };
    expect(effect).not.toBe('none');
    if (effect !== 'none') expect(diff(state, desired)).toMatchObject([{ ...expected[effect], fields: [name] }]);
  });
});

describe('any two clusters', () => {
  const options = { routerId: 'hash' } as const;

  test('the changes lead from one to the other', () => {
    fc.assert(
      fc.property(anyCluster, anyCluster, (before, after) => {
        const running = deriveN1(before, options);
        const desired = deriveN1(after, options);
        expect(applyAll(running, diff(running, desired))).toEqual(desired);
      }),
      { numRuns: 300 },
    );
  });

  test('there is nothing to do when nothing changed', () => {
    fc.assert(
      fc.property(anyCluster, (cluster) => {
        const copy = structuredClone(deriveN1(cluster, options));
        expect(diff(deriveN1(cluster, options), copy)).toEqual([]);
      }),
    );
  });

  test('any sequence of changes, step by step, ends as deriving from scratch', () => {
    const edits = fc.array(fc.tuple(fc.boolean(), anyCluster), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(edits, (batches) => {
        const now = new Map<string, Resource>();
        let running = deriveN1([], options);
        for (const [isDelete, batch] of batches) {
          for (const one of batch) {
            if (isDelete) now.delete(`${one.kind}/${one.name}`);
            else now.set(`${one.kind}/${one.name}`, one);
          }
          running = applyAll(running, diff(running, deriveN1([...now.values()], options)));
        }
        expect(running).toEqual(deriveN1([...now.values()], options));
      }),
      { numRuns: 150 },
    );
  });

  test('no two enabled sessions share an address and port of a peer, at any step', () => {
    const endpoints = (state: DesiredState): string[] =>
      state.peers.flatMap(({ session }) => (session.enabled ? [`${session.peerAddress} ${session.peerPort}`] : []));
    fc.assert(
      fc.property(anyCluster, anyCluster, (before, after) => {
        let state = deriveN1(before, options);
        for (const change of diff(state, deriveN1(after, options))) {
          state = applyChange(state, change);
          expect(new Set(endpoints(state)).size, change.reason).toBe(endpoints(state).length);
        }
      }),
      { numRuns: 500 },
    );
  });
});
