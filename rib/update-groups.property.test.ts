/**
 * Random histories against recomputing from scratch: paths come and go, peers join, leave, read slowly, are cut, ask for
 * refreshes and change policy, encoding stops anywhere. When all have read everything, each peer's table must be what
 * export of the present paths says, whatever the way there was.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FakeReceiver, receivedForm } from '../test/support/fake-receiver.ts';
import { type Export, FakeRib, fakeSettings, ipv4Attributes, mpAttributes } from '../test/support/fake-rib.ts';
import type { EncodingRules } from './export-hook.ts';
import { type Regrouping, UpdateGroups } from './update-groups.ts';

const PEERS = [4, 5, 6, 7, 8];
const PREFIXES = 40;

/** Export policies: octet 12 of the attributes is the low octet of the AS. */
const POLICIES: ReadonlyArray<readonly [string, (family: 0 | 1) => Export]> = [
  ['all', () => (attributes) => attributes],
  ['odd only', () => (attributes) => (attributes[12] % 2 === 1 ? attributes : null)],
  ['merged', (family) => (attributes) => attributesOf(family, attributes[12] % 3)],
  ['none', () => () => null],
];

function attributesOf(family: 0 | 1, as: number): Uint8Array {
  return family === 0 ? ipv4Attributes(as, (as % 4) * 400) : mpAttributes(1, as, (as % 4) * 400);
}

const peer = fc.constantFrom(...PEERS);
const prefix = fc.integer({ min: 0, max: PREFIXES - 1 });
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant('announce' as const), peer, prefix, as: fc.integer({ min: 0, max: 6 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('announce many' as const),
      peer,
      prefix,
      as: fc.integer({ min: 0, max: 6 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('withdraw' as const), peer, prefix }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('withdraw all' as const), peer }) },
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant('encode' as const), passes: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant('read' as const), peer, octets: fc.integer({ min: 1, max: 9000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('join' as const), peer, policy: fc.integer({ min: 0, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), peer }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('refresh' as const), peer }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('regroup' as const), peer, policy: fc.integer({ min: 0, max: 3 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('regroup all' as const), policy: fc.integer({ min: 0, max: 3 }) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class History {
  readonly rib = new FakeRib();
  readonly groups: UpdateGroups;
  readonly receivers = new Map<number, FakeReceiver>();
  readonly policyOf = new Map<number, number>();
  /** Announced and best or not: preference number by peer and prefix is the peer's number, so it never ties. */
  readonly #rules: Partial<EncodingRules>;
  readonly #family: 0 | 1;

  constructor(family: 0 | 1, rules: Partial<EncodingRules>, logOctets: number) {
    this.#family = family;
    this.#rules = { ...rules, family };
    this.groups = new UpdateGroups(this.rib, { logOctets, lowWaterOctets: 3000 });
  }

  run(one: Step): void {
    switch (one.kind) {
      case 'announce':
        this.#announce(one.peer, one.prefix, one.as);
        break;
      case 'announce many':
        for (let i = 0; i < 10; i++) this.#announce(one.peer, (one.prefix + i) % PREFIXES, (one.as + i) % 7);
        break;
      case 'withdraw':
        this.rib.withdraw(one.peer, this.#text(one.prefix));
        break;
      case 'withdraw all':
        for (let i = 0; i < PREFIXES; i++) this.rib.withdraw(one.peer, this.#text(i));
        break;
      case 'encode': {
        let left = one.passes;
        this.groups.runEncodeSlice(() => --left <= 0);
        this.rib.sets.sweep(1000);
        break;
      }
      case 'read':
        this.read(one.peer, one.octets);
        break;
      case 'join': {
        const { settings } = this.#regrouping(one.peer, one.policy);
        this.receivers.set(one.peer, new FakeReceiver(settings.encoding));
        this.groups.join(one.peer, settings, one.peer % 2 === 0);
        break;
      }
      case 'leave':
        this.groups.leave(one.peer);
        this.receivers.delete(one.peer);
        break;
      case 'refresh':
        this.groups.requestFullRefresh(one.peer, this.#family);
        break;
      case 'regroup':
        this.groups.regroup([this.#regrouping(one.peer, one.policy)]);
        break;
      case 'regroup all':
        this.groups.regroup(PEERS.map((each) => this.#regrouping(each, one.policy)));
        break;
    }
  }

  read(from: number, octets: number): number {
    const pieces = this.groups.nextOutput(from, octets);
    this.receivers.get(from)?.receive(pieces);
    return pieces.length;
  }

  /** Everybody reads until nothing is left. */
  settle(): void {
    for (let progress = true; progress; ) {
      while (this.groups.runEncodeSlice(() => true));
      progress = false;
      for (const each of PEERS) if (this.read(each, 4096) > 0) progress = true;
    }
    expect(PEERS.filter((each) => this.groups.hasOutput(each))).toEqual([]);
  }

  /** The table that the peer should have, from the paths as they are now. */
  expected(of: number): Map<string, string> {
    const table = new Map<string, string>();
    const exported = POLICIES[this.policyOf.get(of)!][1](this.#family);
    for (let i = 0; i < PREFIXES; i++) {
      const handle = this.rib.handle(this.#text(i)).prefix;
      const rows = this.rib.rows(this.#family, handle);
      for (const row of this.#rules.addPath ? rows : rows.slice(0, 1)) {
        if (this.rib.paths[this.#family].rowPeer[row] === of) continue;
        const set = this.rib.paths[this.#family].rowEffective[row];
        const attributes = exported(this.rib.sets.octetsOf(set).slice());
        if (attributes === null) continue;
        table.set(this.#rules.addPath ? `${this.#text(i)}#${row + 1}` : this.#text(i), receivedForm(attributes));
      }
      this.rib.prefixes[this.#family].removeIfUnused(handle);
    }
    return table;
  }

  check(): void {
    for (const [each, receiver] of this.receivers) {
      expect(receiver.isAtMessageEnd).toBe(true);
      expect(new Map([...receiver.table].sort())).toEqual(new Map([...this.expected(each)].sort()));
      expect(this.groups.advertisedCount(each, this.#family)).toBe(receiver.table.size);
      expect(receiver.marks.filter((mark) => mark === 'eor')).toEqual(['eor']);
      expect(receiver.marks[0]).toBe('eor');
      const refreshes = receiver.marks.slice(1);
      expect(refreshes.filter((mark, i) => mark !== (i % 2 === 0 ? 'borr' : 'eorr'))).toEqual([]);
      expect(refreshes.length % 2).toBe(0);
    }
    for (const summary of this.groups.summaries()) expect(summary.catchingUp).toBe(0);
  }

  /** When all have left, nothing is held but by the paths themselves. */
  checkGivenBack(): void {
    for (const each of PEERS) this.groups.leave(each);
    while (this.groups.runEncodeSlice(() => true));
    const table = this.rib.prefixes[this.#family];
    expect(table.holds.subarray(0, table.end).findIndex((holds) => holds !== 0)).toBe(-1);
    const uses = new Map<number, number>();
    const { rowSet, rowPrefix, end } = this.rib.paths[this.#family];
    for (let row = 1; row < end; row++)
      if (rowPrefix[row] !== 0) uses.set(rowSet[row], (uses.get(rowSet[row]) ?? 0) + 1);
    const { end: setEnd, length, refCount } = this.rib.sets;
    const counted = Array.from({ length: setEnd }, (_, set) => (length[set] === 0 ? 0 : refCount[set]));
    expect(counted).toEqual(Array.from({ length: setEnd }, (_, set) => uses.get(set) ?? 0));
  }

  #announce(from: number, at: number, as: number): void {
    // Which peer is preferred differs from prefix to prefix, so that the best path wanders.
    this.rib.announce(from, this.#text(at), attributesOf(this.#family, as), (from * 7 + at * 3) % 11);
  }

  #text(at: number): string {
    return this.#family === 0 ? `10.0.${at}.0/${24 + (at % 9)}` : `fd00:0:${(at + 1).toString(16)}::/${48 + (at % 81)}`;
  }

  #regrouping(of: number, policy: number): Regrouping {
    this.policyOf.set(of, policy);
    const [key, exported] = POLICIES[policy];
    return { peer: of, settings: fakeSettings(this.rib, this.#rules, key, exported(this.#family)) };
  }
}

describe('update groups', () => {
  test.each<[string, 0 | 1, Partial<EncodingRules>, number]>([
    ['IPv4', 0, {}, 1 << 20],
    ['IPv4, members are cut early', 0, {}, 2000],
    ['IPv6, members are cut early', 1, {}, 2000],
    ['ADD-PATH', 0, { addPath: true }, 1 << 20],
    ['ADD-PATH, IPv6, members are cut early', 1, { addPath: true }, 2000],
  ])('every peer ends with what export of the present paths says: %s', (_sentence, family, rules, logOctets) => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 300, size: 'max' }), (steps) => {
        const history = new History(family, rules, logOctets);
        for (const each of [4, 5, 6]) history.run({ kind: 'join', peer: each, policy: 0 });
        for (const one of steps) history.run(one);
        history.settle();
        history.check();
        history.checkGivenBack();
      }),
      { numRuns: 60 },
    );
  });

  test.each<[string, Partial<EncodingRules>]>([
    ['IPv4', {}],
    ['ADD-PATH', { addPath: true }],
  ])('nothing is sent twice, nothing is withdrawn in vain: %s', (_sentence, rules) => {
    const ordinary = step.filter((one) => !['join', 'refresh', 'leave'].includes(one.kind));
    fc.assert(
      fc.property(fc.array(ordinary, { minLength: 20, maxLength: 200, size: 'max' }), (steps) => {
        const history = new History(0, rules, 1 << 20);
        for (const each of PEERS) history.run({ kind: 'join', peer: each, policy: 0 });
        for (const one of steps) {
          history.run(one);
          // What changes twice while a member changes group may be sent once too often.
          if (one.kind === 'regroup' || one.kind === 'regroup all') history.settle();
        }
        history.settle();
        history.check();
        for (const receiver of history.receivers.values()) {
          expect([receiver.duplicates, receiver.needlessWithdrawals]).toEqual([0, 0]);
        }
      }),
      { numRuns: 60 },
    );
  });
});
