import { describe, expect, test } from 'vitest';
import type { PeerView, StatusView } from '../api/schema.ts';
import { type ReadinessInput, type ReadyPolicy, readiness } from './readiness.ts';

function peer(name: string, parts: Partial<PeerView> = {}): PeerView {
  return {
    name,
    address: '192.0.2.1',
    type: 'ibgp',
    state: 'Established',
    waitingFor: null,
    lastError: null,
    ...parts,
  } as PeerView;
}
const DOWN = { state: 'Active', waitingFor: 'the next attempt to connect' } as const;
const EXTERNAL = { type: 'ebgp' } as const;
const DISABLED = { state: 'Idle', waitingFor: 'disabled' } as const;

function input(peers: readonly PeerView[], parts: Partial<ReadinessInput> = {}): ReadinessInput {
  const status = { appliedRevision: '7', datastore: { kind: 'etcd', inSync: true, detail: '' } } as StatusView;
  return { status, peers, listenFailures: [], kernelFailure: null, recovery: null, ...parts };
}

describe('sessions', () => {
  test.each<[string, ReadyPolicy, readonly PeerView[], boolean]>([
    ['no peers at all', 'all', [], true],
    ['no peers at all', 'any', [], true],
    ['one of two is up', 'any', [peer('a'), peer('b', DOWN)], true],
    ['one of two is up', 'all', [peer('a'), peer('b', DOWN)], false],
    ['none is up', 'any', [peer('a', DOWN), peer('b', DOWN)], false],
    ['none is up', 'none', [peer('a', DOWN)], true],
    ['only an internal one is up', 'external', [peer('a'), peer('tor', { ...DOWN, ...EXTERNAL })], false],
    ['one of two external ones is up', 'external', [peer('t1', EXTERNAL), peer('t2', { ...DOWN, ...EXTERNAL })], true],
    ['there are no external ones', 'external', [peer('a', DOWN)], true],
    ['one was switched off by hand', 'all', [peer('a'), peer('b', DISABLED)], true],
    ['the only one was switched off by hand', 'any', [peer('b', DISABLED)], true],
  ])('%s, policy %s', (_, policy, peers, ready) => {
    expect(readiness(input(peers), policy).ready).toBe(ready);
  });

  test('that are missing are named, with what they wait for and what went wrong last', () => {
    const lastError = { at: '', kind: 'notification-received', code: 2, subcode: 2, text: 'Bad Peer AS' };
    expect(readiness(input([peer('tor', { ...DOWN, lastError })]), 'any').unmet).toEqual([
      {
        condition: 'peers',
        detail: 'no session with tor (192.0.2.1), waiting for the next attempt to connect',
        peer: 'tor',
        state: 'Active',
        lastError: 'Bad Peer AS',
      },
    ]);
  });

  test('are not all listed when there are very many', () => {
    const { unmet } = readiness(input(Array.from({ length: 5000 }, (_, i) => peer(`p${i}`, DOWN))), 'all');
    expect(unmet).toHaveLength(21);
    expect(unmet.at(-1)?.detail).toBe('and 4980 more sessions');
  });
});

describe('besides sessions', () => {
  test('nothing else counts before there is a configuration', () => {
    const status = { appliedRevision: '', datastore: { kind: 'etcd', inSync: false, detail: 'connection refused' } };
    const answer = readiness(input([], { status: status as StatusView, listenFailures: ['x'] }), 'none');
    expect(answer).toMatchObject({ ready: false, unmet: [{ condition: 'configuration' }] });
    expect(answer.unmet[0].detail).toContain('connection refused');
  });

  test('a datastore that is away makes nobody NotReady', () => {
    const status = { appliedRevision: '7', datastore: { kind: 'etcd', inSync: false, detail: 'connection refused' } };
    expect(readiness(input([], { status: status as StatusView }), 'any').ready).toBe(true);
  });

  test.each<[string, Partial<ReadinessInput>]>([
    ['listener', { listenFailures: ['10.0.0.1 port 179: address in use'] }],
    ['kernel', { kernelFailure: 'operation not permitted' }],
    ['recovery', { recovery: { secondsLeft: 12 } }],
  ])('%s', (condition, parts) => {
    expect(readiness(input([], parts), 'none')).toMatchObject({ ready: false, unmet: [{ condition }] });
  });
});
