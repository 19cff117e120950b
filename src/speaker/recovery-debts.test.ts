import { describe, expect, test } from 'vitest';
import { debtOf, FamilyDebts, type RecoveryPeer } from './recovery-debts.ts';

const SESSION = { families: [true, false], gracefulRestart: { restarted: false } } as const;

function peer(name: string, given: Partial<RecoveryPeer> = {}): RecoveryPeer {
  return {
    name,
    isWanted: true,
    usesGracefulRestart: true,
    isInternal: true,
    isClient: false,
    families: [true, false],
    session: SESSION,
    endOfRibReceived: [false, false],
    isExpected: false,
    wasUp: false,
    isOverdue: false,
    ...given,
  };
}

const KNOWING = { isRestart: true, knowsPeers: true, isGraceOver: false };
const UNKNOWING = { isRestart: true, knowsPeers: false, isGraceOver: false };
const FRESH = { isRestart: false, knowsPeers: false, isGraceOver: false };
const ABSENT = { session: null } as const;

describe('what a peer owes', () => {
  test.each([
    ['a session, nothing sent yet', {}, KNOWING, 'connected'],
    ['a session, End-of-RIB received', { endOfRibReceived: [true, false] }, KNOWING, 'nothing'],
    [
      'a session, the peer has restarted too',
      { session: { ...SESSION, gracefulRestart: { restarted: true } } },
      KNOWING,
      'restarting',
    ],
    ['a session without graceful restart', { session: { ...SESSION, gracefulRestart: null } }, KNOWING, 'nothing'],
    [
      'a session that does not carry the family',
      { session: { ...SESSION, families: [false, true] } },
      KNOWING,
      'nothing',
    ],
    ['absent, the earlier life had a session', { ...ABSENT, isExpected: true }, KNOWING, 'absent-expected'],
    ['absent, never seen before', ABSENT, KNOWING, 'nothing'],
    ['absent, nothing is known of an earlier life', ABSENT, UNKNOWING, 'absent-unknown'],
    ['absent, and had sent everything', { ...ABSENT, wasUp: true }, UNKNOWING, 'nothing'],
    ['absent, other family', { ...ABSENT, isExpected: true, families: [false, true] }, KNOWING, 'nothing'],
    ['disabled', { ...ABSENT, isExpected: true, isWanted: false }, KNOWING, 'nothing'],
    ['graceful restart off here', { usesGracefulRestart: false, ...ABSENT }, UNKNOWING, 'nothing'],
  ] as const)('%s: %s', (_, given, rules, debt) => {
    expect(debtOf(peer('p', given), 0, rules)).toBe(debt);
  });
});

describe('End-of-RIB to a peer', () => {
  const TOR = { isInternal: false };
  const CLIENT = { isClient: true };
  const DONE = { endOfRibReceived: [true, false] } as const;
  const RESTARTING = { session: { ...SESSION, gracefulRestart: { restarted: true } } } as const;

  test.each([
    ['mesh: another node is absent', peer('p'), [peer('q', { ...ABSENT, isExpected: true })], KNOWING, false],
    ['mesh: another node has not sent all', peer('p'), [peer('q')], KNOWING, false],
    ['mesh: the ToR has not sent all', peer('p'), [peer('q', TOR)], KNOWING, true],
    ['to the ToR: a node has not sent all', peer('p', TOR), [peer('q')], KNOWING, true],
    ['to the ToR: only it itself has not', peer('p', TOR), [peer('q', DONE)], KNOWING, false],
    ['reflector, to a client: another client has not sent all', peer('p', CLIENT), [peer('q', CLIENT)], KNOWING, true],
    ['reflector, to a client: a non-client has not', peer('p', CLIENT), [peer('q')], KNOWING, true],
    ['reflector, to a non-client: a client has not', peer('p'), [peer('q', CLIENT)], KNOWING, true],
    [
      'reflector: the other client has restarted itself',
      peer('p', CLIENT),
      [peer('q', { ...CLIENT, ...RESTARTING })],
      KNOWING,
      false,
    ],
    [
      'reflector: the other client has no graceful restart',
      peer('p', CLIENT),
      [peer('q', { ...CLIENT, session: { ...SESSION, gracefulRestart: null } })],
      KNOWING,
      false,
    ],
    [
      'reflector: the other client is new and absent',
      peer('p', CLIENT),
      [peer('q', { ...CLIENT, ...ABSENT })],
      KNOWING,
      false,
    ],
    ['reflector: absent, nothing known', peer('p', CLIENT), [peer('q', { ...CLIENT, ...ABSENT })], UNKNOWING, true],
    [
      '... for a minute',
      peer('p', CLIENT),
      [peer('q', { ...CLIENT, ...ABSENT })],
      { ...UNKNOWING, isGraceOver: true },
      false,
    ],
    ['no earlier life is known: nothing is held', peer('p'), [peer('q', TOR)], FRESH, false],
    ['... but by a reflector', peer('p', CLIENT), [peer('q', CLIENT)], FRESH, true],
    [
      '... for as long as a first table takes',
      peer('p', CLIENT),
      [peer('q', { ...CLIENT, isOverdue: true })],
      FRESH,
      false,
    ],
    [
      'to a peer without graceful restart nothing is held',
      peer('p', { ...TOR, session: { ...SESSION, gracefulRestart: null } }),
      [peer('q')],
      KNOWING,
      false,
    ],
  ] as const)('%s', (_, to, others, rules, isHeld) => {
    expect(new FamilyDebts([to, ...others], 0, rules).holdsEndOfRib(to)).toBe(isHeld);
  });

  test('kernel routes wait for peers that restart themselves, and for absent ones whose grace is over', () => {
    const peers = [peer('p', RESTARTING), peer('q', ABSENT), peer('r', DONE)];
    const debts = new FamilyDebts(peers, 0, { isRestart: true, knowsPeers: false, isGraceOver: true });
    expect([debts.owing, debts.connected]).toEqual([2, 1]);
  });
});
