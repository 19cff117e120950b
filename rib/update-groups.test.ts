import { describe, expect, test } from 'vitest';
import { FakeReceiver, receivedForm } from '../test/support/fake-receiver.ts';
import {
  type Export,
  FakeRib,
  fakeSettings,
  IPV4_RULES,
  ipv4Attributes,
  mpAttributes,
} from '../test/support/fake-rib.ts';
import type { EncodingRules, GroupSettings } from './export-hook.ts';
import {
  ADVERTISED,
  NOT_ADVERTISED_LEARNED_FROM_PEER,
  NOT_ADVERTISED_POLICY,
  NOT_ADVERTISED_TOO_LONG,
} from './reason.ts';
import { UpdateGroups } from './update-groups.ts';

/** A RIB, its groups, and a receiver for each peer that joins. */
class Scene {
  readonly rib = new FakeRib();
  readonly groups: UpdateGroups;
  readonly receivers = new Map<number, FakeReceiver>();

  constructor(limits = { logOctets: 8 << 20, lowWaterOctets: 256 << 10 }) {
    this.groups = new UpdateGroups(this.rib, limits);
  }

  join(
    peer: number,
    settings: GroupSettings = fakeSettings(this.rib),
    marksRefresh = false,
    holds = false,
  ): FakeReceiver {
    const receiver = new FakeReceiver(settings.encoding);
    this.receivers.set(peer, receiver);
    this.groups.join(peer, settings, marksRefresh, holds);
    return receiver;
  }

  encode(passes = Number.MAX_SAFE_INTEGER): void {
    let left = passes;
    while (left > 0 && this.groups.runEncodeSlice(() => --left <= 0));
  }

  read(peer: number, maxOctets = Number.MAX_SAFE_INTEGER): number {
    const pieces = this.groups.nextOutput(peer, maxOctets);
    this.receivers.get(peer)!.receive(pieces);
    return pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  /** Encodes and lets these peers (all, unless said) read until nothing is left. */
  settle(peers: Iterable<number> = this.receivers.keys()): void {
    const readers = [...peers];
    for (let progress = true; progress; ) {
      this.encode();
      progress = false;
      for (const peer of readers) if (this.read(peer) > 0) progress = true;
    }
  }
}

const tableOf = (receiver: FakeReceiver): Record<string, string> => Object.fromEntries([...receiver.table].sort());
const A = ipv4Attributes(65001);
const B = ipv4Attributes(65002);

describe('who hears what', () => {
  test('a peer does not hear its own path, the others get the same octets', () => {
    const scene = new Scene();
    for (const peer of [4, 5, 6]) scene.join(peer);
    scene.rib.announce(4, '10.0.0.0/24', A, 1);
    scene.encode();
    const [first, second] = [5, 6].map((peer) => scene.groups.nextOutput(peer, 10_000));
    expect(second.at(-1)!.buffer).toBe(first.at(-1)!.buffer);
    scene.read(4);
    expect(scene.receivers.get(4)!.announced).toBe(0);
  });

  test.each<[string, (rib: FakeRib) => void, Record<number, string[]>]>([
    [
      'the best path moves to another peer: that peer hears a withdrawal',
      (rib) => rib.announce(5, '10.0.0.0/24', B, 0),
      { 4: ['+10.0.0.0/24'], 5: ['-10.0.0.0/24'], 6: ['+10.0.0.0/24'] },
    ],
    [
      'it moves with equal attributes: only the two peers hear of it',
      (rib) => rib.announce(5, '10.0.0.0/24', A, 0),
      { 4: ['+10.0.0.0/24'], 5: ['-10.0.0.0/24'], 6: [] },
    ],
    [
      'it gets other attributes: all others hear them',
      (rib) => rib.announce(4, '10.0.0.0/24', B, 1),
      { 4: [], 5: ['+10.0.0.0/24'], 6: ['+10.0.0.0/24'] },
    ],
    [
      'it goes: all others hear a withdrawal',
      (rib) => rib.withdraw(4, '10.0.0.0/24'),
      { 4: [], 5: ['-10.0.0.0/24'], 6: ['-10.0.0.0/24'] },
    ],
    [
      'it is announced again unchanged: nobody hears of it',
      (rib) => rib.announce(4, '10.0.0.0/24', A, 1),
      { 4: [], 5: [], 6: [] },
    ],
    [
      'another path than the best one comes: nobody hears of it',
      (rib) => rib.announce(5, '10.0.0.0/24', B, 2),
      { 4: [], 5: [], 6: [] },
    ],
    [
      'it goes and comes back before anything is encoded: nobody hears of it',
      (rib) => {
        rib.withdraw(4, '10.0.0.0/24');
        rib.announce(4, '10.0.0.0/24', A, 1);
      },
      { 4: [], 5: [], 6: [] },
    ],
  ])('%s', (_sentence, change, heard) => {
    const scene = new Scene();
    for (const peer of [4, 5, 6]) scene.join(peer);
    scene.rib.announce(4, '10.0.0.0/24', A, 1);
    scene.settle();
    for (const receiver of scene.receivers.values()) receiver.log.length = 0;
    change(scene.rib);
    scene.settle();
    for (const [peer, log] of Object.entries(heard)) expect(scene.receivers.get(Number(peer))!.log).toEqual(log);
  });

  test('a path whose outgoing attributes leave no room is withdrawn, not sent, and not a reason to give up', () => {
    const scene = new Scene();
    const long: Export = (attributes) => (attributes.length > 100 ? ipv4Attributes(65001, 4060) : attributes);
    const receiver = scene.join(5, fakeSettings(scene.rib, {}, 'grows', long));
    scene.rib.announce(4, '10.0.0.0/24', A, 1);
    scene.rib.announce(4, '10.0.1.0/24', A, 1);
    scene.settle();
    expect(receiver.table.size).toBe(2);
    scene.rib.announce(4, '10.0.0.0/24', ipv4Attributes(65001, 200), 1);
    scene.settle();
    expect(receiver.log.at(-1)).toBe('-10.0.0.0/24');
    expect([...receiver.table.keys()]).toEqual(['10.0.1.0/24']);
    const row = scene.rib.rows(0, scene.rib.handle('10.0.0.0/24').prefix)[0];
    expect(scene.groups.explain(5, 0, row)).toBe(NOT_ADVERTISED_TOO_LONG);
    expect(scene.groups.explain(4, 0, row)).not.toBe(ADVERTISED);
  });

  test('why a path is not told, and what is', () => {
    const scene = new Scene();
    scene.join(4);
    scene.join(
      5,
      fakeSettings(scene.rib, {}, 'only A', (attributes) => (attributes[12] === A[12] ? attributes : null)),
    );
    scene.rib.announce(4, '10.0.0.0/24', A, 1);
    scene.rib.announce(6, '10.0.1.0/24', B, 1);
    scene.settle();
    const rows = ['10.0.0.0/24', '10.0.1.0/24'].map((text) => scene.rib.rows(0, scene.rib.handle(text).prefix)[0]);
    expect(rows.map((row) => scene.groups.explain(4, 0, row))).toEqual([NOT_ADVERTISED_LEARNED_FROM_PEER, ADVERTISED]);
    expect(rows.map((row) => scene.groups.explain(5, 0, row))).toEqual([ADVERTISED, NOT_ADVERTISED_POLICY]);
    expect([4, 5].map((peer) => scene.groups.advertisedCount(peer, 0))).toEqual([1, 1]);
    const { prefix } = scene.rib.handle('10.0.1.0/24');
    expect(scene.groups.advertised(4, 0, prefix)).toEqual([{ prefix, pathId: 0, set: scene.rib.intern(B), from: 6 }]);
    expect(scene.groups.advertised(5, 0, prefix)).toEqual([]);
  });

  test('IPv4 and IPv6 of one session do not wait for each other', () => {
    const scene = new Scene();
    const v4 = scene.join(5);
    const rules6: EncodingRules = { ...IPV4_RULES, family: 1 };
    const v6 = new FakeReceiver(rules6);
    scene.groups.join(5, fakeSettings(scene.rib, rules6), false);
    scene.rib.announce(4, '10.0.0.0/24', A, 1);
    scene.rib.announce(4, 'fd00::/64', mpAttributes(1, 65001), 1);
    scene.encode();
    const pieces = scene.groups.nextOutput(5, 100_000);
    v4.receive(pieces.slice(0, 1));
    v6.receive(pieces.slice(1));
    expect([v4.marks, [...v4.table.keys()]]).toEqual([['eor'], ['10.0.0.0/24']]);
    expect([v6.marks, [...v6.table.keys()]]).toEqual([['eor'], ['fd00::/64']]);
  });
});

describe('ADD-PATH', () => {
  const rules = { addPath: true };

  test('all paths but its own are told to a peer, each with an identifier of its own', () => {
    const scene = new Scene();
    for (const peer of [4, 5, 6]) scene.join(peer, fakeSettings(scene.rib, rules));
    for (const peer of [4, 5, 7]) scene.rib.announce(peer, '10.0.0.0/24', ipv4Attributes(65000 + peer), peer);
    scene.settle();
    const attributes = (peer: number): string[] => [...scene.receivers.get(peer)!.table.values()].sort();
    const of = (...peers: number[]): string[] => peers.map((peer) => receivedForm(ipv4Attributes(65000 + peer)));
    expect([attributes(4), attributes(5), attributes(6)]).toEqual([of(5, 7), of(4, 7), of(4, 5, 7)]);
    const keys = [...scene.receivers.get(6)!.table.keys()];
    expect(new Set(keys).size).toBe(3);
    for (const key of scene.receivers.get(4)!.table.keys()) expect(keys).toContain(key);
  });

  test('one path goes, the others are not sent again', () => {
    const scene = new Scene();
    const receiver = scene.join(6, fakeSettings(scene.rib, rules));
    for (const peer of [4, 5, 7]) scene.rib.announce(peer, '10.0.0.0/24', ipv4Attributes(65000 + peer), peer);
    scene.settle();
    const [best] = receiver.table.keys();
    scene.rib.withdraw(4, '10.0.0.0/24');
    scene.settle();
    expect(receiver.log.slice(3)).toEqual([`-${best}`]);
  });

  test('a row that is given to another path means another path', () => {
    const scene = new Scene();
    const receiver = scene.join(6, fakeSettings(scene.rib, rules));
    scene.rib.announce(4, '10.0.0.0/24', A, 1);
    scene.settle();
    scene.rib.withdraw(4, '10.0.0.0/24');
    scene.rib.announce(5, '10.9.0.0/24', A, 1);
    scene.settle();
    expect([...receiver.table.keys()]).toEqual(['10.9.0.0/24#2']);
    expect(receiver.log).toEqual(['+10.0.0.0/24#2', '-10.0.0.0/24#2', '+10.9.0.0/24#2']);
  });
});

describe('End-of-RIB', () => {
  test('comes at once when there is nothing to send', () => {
    const scene = new Scene();
    const receiver = scene.join(5);
    scene.read(5);
    expect(receiver.marks).toEqual(['eor']);
  });

  test('that is held back comes when it is let go, behind all that waits then', () => {
    const scene = new Scene();
    scene.rib.announce(4, '10.0.0.0/24', A, 1);
    const held = scene.join(5, undefined, false, true);
    const free = scene.join(6);
    scene.settle();
    expect([held.marks, free.marks, held.table.size]).toEqual([[], ['eor'], 1]);
    for (let i = 0; i < 1000; i++) scene.rib.announce(4, `10.1.${i >> 8}.${i & 255}/32`, A, 1);
    scene.groups.releaseEndOfRib(5, 0);
    scene.groups.releaseEndOfRib(5, 0);
    for (let i = 0; i < 20; i++) {
      scene.encode(1);
      scene.read(5, 3000);
      if (held.marks.length > 0) expect(held.table.size).toBe(1001);
    }
    scene.settle();
    expect([held.marks, free.marks, held.table.size]).toEqual([['eor'], ['eor'], 1001]);
  });

  test('that is held back does not hold back a refresh without marks', () => {
    const scene = new Scene();
    scene.rib.announce(4, '10.0.0.0/24', A, 1);
    const plain = scene.join(5, undefined, false, true);
    const marking = scene.join(6, undefined, true, true);
    scene.settle();
    for (const peer of [5, 6]) scene.groups.requestFullRefresh(peer, 0);
    scene.settle();
    expect([plain.announced, marking.announced]).toEqual([2, 1]);
    for (const peer of [5, 6]) scene.groups.releaseEndOfRib(peer, 0);
    scene.settle();
    expect([plain.marks, marking.marks]).toEqual([['eor'], ['eor', 'borr', 'eorr']]);
  });

  test('comes behind the whole table, once for each member', () => {
    const scene = new Scene();
    for (let i = 0; i < 10_000; i++) scene.rib.announce(4, `10.${i >> 8}.${i & 255}.0/24`, A, 1);
    const first = scene.join(5);
    scene.encode(1);
    const second = scene.join(6);
    for (let i = 0; i < 20; i++) {
      scene.encode(1);
      for (const [peer, receiver] of scene.receivers) {
        scene.read(peer, 3000);
        if (receiver.marks.length > 0) expect(receiver.table.size).toBe(10_000);
      }
    }
    scene.settle();
    expect([first.marks, second.marks]).toEqual([['eor'], ['eor']]);
    expect([first.table.size, second.table.size]).toEqual([10_000, 10_000]);
    expect([first.duplicates, second.duplicates]).toEqual([0, 0]);
  });

  test('does not wait for prefixes that never rest', () => {
    const scene = new Scene();
    for (let i = 0; i < 1500; i++) scene.rib.announce(4, `10.${i >> 8}.${i & 255}.0/24`, A, 1);
    const receiver = scene.join(5);
    for (let round = 0; round < 20 && receiver.marks.length === 0; round++) {
      for (let i = 0; i < 1500; i++) scene.rib.announce(4, `10.${i >> 8}.${i & 255}.0/24`, round % 2 ? A : B, 1);
      scene.encode(1);
      scene.read(5);
    }
    expect(receiver.marks).toEqual(['eor']);
  });
});

describe('ROUTE-REFRESH', () => {
  test.each([
    ['with BoRR and EoRR around it', true, ['eor', 'borr', 'eorr']],
    ['unmarked for a peer that does not know them', false, ['eor']],
  ])('one member is sent everything again, the others nothing: %s', (_sentence, marksRefresh, marks) => {
    const scene = new Scene();
    for (const peer of [4, 5, 6]) scene.join(peer, undefined, marksRefresh);
    for (let i = 0; i < 100; i++) scene.rib.announce(4 + (i & 1), `10.0.${i}.0/24`, A, 1);
    scene.settle();
    scene.groups.requestFullRefresh(5, 0);
    scene.settle();
    expect([4, 5, 6].map((peer) => scene.receivers.get(peer)!.announced)).toEqual([50, 100, 100]);
    expect(scene.receivers.get(5)!.marks).toEqual(marks);
    expect(scene.receivers.get(6)!.marks).toEqual(['eor']);
    expect(scene.receivers.get(5)!.withdrawn).toBe(0);
  });

  test('what changes meanwhile is told once, and withdrawn if it goes', () => {
    const scene = new Scene();
    const receiver = scene.join(5, undefined, true);
    for (let i = 0; i < 100; i++) scene.rib.announce(4, `10.0.${i}.0/24`, A, 1);
    scene.settle();
    scene.groups.requestFullRefresh(5, 0);
    scene.rib.withdraw(4, '10.0.7.0/24');
    scene.rib.announce(4, '10.0.8.0/24', B, 1);
    scene.settle();
    expect(receiver.table.size).toBe(99);
    expect(receiver.table.get('10.0.8.0/24')).toBe(receivedForm(B));
    expect(receiver.log.filter((line) => line.endsWith('10.0.7.0/24'))).toEqual(['+10.0.7.0/24', '-10.0.7.0/24']);
  });

  test('asked for before End-of-RIB it begins after it', () => {
    const scene = new Scene();
    for (let i = 0; i < 100; i++) scene.rib.announce(4, `10.0.${i}.0/24`, A, 1);
    const receiver = scene.join(5, undefined, true);
    scene.groups.requestFullRefresh(5, 0);
    scene.settle();
    expect(receiver.marks).toEqual(['eor', 'borr', 'eorr']);
    expect(receiver.announced).toBe(200);
  });
});

describe('slow members', () => {
  const limits = { logOctets: 512 << 10, lowWaterOctets: 64 << 10 };

  test('the log stays within its bound, the fast member gets everything, the slow one ends with the right table', () => {
    const scene = new Scene(limits);
    const fast = scene.join(5);
    const slow = scene.join(6);
    const late = scene.join(7);
    let most = 0;
    let cut = 0;
    for (let round = 0; round < 30; round++) {
      for (let i = 0; i < 2000; i++) {
        const prefix = `10.${i >> 8}.${i & 255}.0/24`;
        if ((i + round) % 7 === 0) scene.rib.withdraw(4, prefix);
        else scene.rib.announce(4, prefix, ipv4Attributes(65000 + ((i * 7 + round) % 500), 40), 1);
      }
      while (scene.groups.runEncodeSlice(() => true)) {
        scene.read(5);
        cut = Math.max(cut, scene.groups.summaries()[0].catchingUp);
      }
      scene.read(5);
      if (round < 10) scene.read(7, 20_000);
      most = Math.max(most, scene.groups.summaries()[0].retainedOctets);
    }
    // The bound, one pass, and the rest of the chunk that the bound falls into.
    expect(most).toBeLessThan(limits.logOctets + (256 << 10) + (64 << 10));
    expect(fast.messageOctets.reduce((sum, octets) => sum + octets, 0)).toBeGreaterThan(2 * limits.logOctets);
    expect(fast.duplicates + fast.needlessWithdrawals).toBe(0);
    expect(cut).toBeGreaterThan(0);
    scene.settle();
    expect(scene.groups.summaries()[0].catchingUp).toBe(0);
    expect(tableOf(slow)).toEqual(tableOf(fast));
    expect(tableOf(late)).toEqual(tableOf(fast));
    expect(slow.marks).toEqual(['eor']);
  });

  test('nothing is encoded while nobody reads', () => {
    const scene = new Scene(limits);
    scene.join(5);
    scene.join(6);
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 2000; i++) scene.rib.announce(4, `10.${i >> 8}.${i & 255}.0/24`, ipv4Attributes(round), 1);
      scene.encode();
    }
    const [summary] = scene.groups.summaries();
    expect(summary.retainedOctets).toBeLessThan(limits.lowWaterOctets + (256 << 10) + (64 << 10));
    expect(summary.waiting).toBe(2000);
    expect(summary.catchingUp).toBe(0);
  });

  test('a sender that hears nothing of its own table does not drive a slow receiver out', () => {
    const scene = new Scene(limits);
    scene.join(4);
    const receiver = scene.join(5);
    for (let i = 0; i < 60_000; i++) {
      scene.rib.announce(4, `${10 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}.0/24`, ipv4Attributes(i >> 2, 40), 1);
      if (i % 500 === 0) {
        scene.encode();
        scene.read(4);
      }
    }
    scene.encode();
    expect(scene.groups.summaries()[0]).toMatchObject({ catchingUp: 0 });
    expect(scene.groups.summaries()[0].retainedOctets).toBeLessThan(limits.logOctets);
    // Another peer's path still reaches the sender at once, although the receiver reads nothing.
    scene.rib.announce(5, '192.0.2.0/24', A, 1);
    scene.encode();
    scene.read(4);
    expect([...scene.receivers.get(4)!.table.keys()]).toEqual(['192.0.2.0/24']);
    scene.settle();
    expect(receiver.table.size).toBe(60_000);
    expect(receiver.announced).toBe(60_000);
  });
});

describe('other export settings', () => {
  const prepends: Export = (attributes) => ipv4Attributes(attributes[12] + 1000);
  const onlyOdd: Export = (attributes) => (attributes[12] % 2 === 1 ? attributes : null);

  const scenario = (): Scene => {
    const scene = new Scene();
    for (const peer of [4, 5, 6]) scene.join(peer);
    for (let i = 0; i < 100; i++) scene.rib.announce(4 + (i % 2), `10.0.${i}.0/24`, ipv4Attributes(i % 10), 1);
    scene.settle();
    for (const receiver of scene.receivers.values()) receiver.log.length = 0;
    return scene;
  };

  test('one member changes group: it hears the differences, the others nothing', () => {
    const scene = scenario();
    scene.groups.regroup([{ peer: 6, settings: fakeSettings(scene.rib, {}, 'odd', onlyOdd) }]);
    scene.settle();
    const { log, table } = scene.receivers.get(6)!;
    expect(log).toHaveLength(50);
    expect(log.every((line) => line.startsWith('-'))).toBe(true);
    expect(table.size).toBe(50);
    expect([4, 5].map((peer) => scene.receivers.get(peer)!.log.length)).toEqual([0, 0]);
  });

  test.each([
    ['given together', true],
    ['given one by one', false],
  ])('all members change alike: each hears the differences, and all are one group again: %s', (_sentence, together) => {
    const scene = scenario();
    const changes = [4, 5, 6].map((peer) => ({ peer, settings: fakeSettings(scene.rib, {}, 'prepends', prepends) }));
    if (together) scene.groups.regroup(changes);
    else for (const change of changes) scene.groups.regroup([change]);
    scene.settle();
    expect([4, 5, 6].map((peer) => scene.receivers.get(peer)!.log.length)).toEqual([50, 50, 100]);
    expect(scene.groups.summaries().map((summary) => summary.members)).toEqual([[4, 5, 6]]);
    for (const receiver of scene.receivers.values()) expect(receiver.duplicates + receiver.withdrawn).toBe(0);
  });

  test('a member with unread output changes group: what it has not read comes first', () => {
    const scene = scenario();
    for (let i = 0; i < 50; i++) scene.rib.announce(4, `10.0.${i}.0/24`, ipv4Attributes(20 + i), 0);
    scene.encode();
    scene.groups.regroup([{ peer: 6, settings: fakeSettings(scene.rib, {}, 'odd', onlyOdd) }]);
    scene.settle();
    const expected = scene.join(7, fakeSettings(scene.rib, {}, 'odd', onlyOdd));
    scene.settle();
    expect(tableOf(scene.receivers.get(6)!)).toEqual(tableOf(expected));
    expect(scene.receivers.get(6)!.duplicates).toBe(0);
  });
});

describe('what is given back', () => {
  test('the last member of a group goes: its sets, prefixes and consumer are let go', () => {
    const scene = new Scene();
    scene.join(5);
    scene.join(6, fakeSettings(scene.rib, { addPath: true }));
    for (let i = 0; i < 20_000; i++) scene.rib.announce(4, `10.${i >> 8}.${i & 255}.0/24`, A, 1);
    scene.settle();
    expect(scene.rib.consumers).toHaveLength(2);
    scene.groups.requestFullRefresh(5, 0);
    scene.groups.leave(5);
    scene.groups.leave(6);
    scene.encode();
    expect(scene.rib.consumers).toHaveLength(0);
    expect(scene.groups.summaries()).toEqual([]);
    expect(scene.rib.prefixes[0].holds.some((holds) => holds !== 0)).toBe(false);
    expect(scene.rib.sets.refCount[scene.rib.intern(A)]).toBe(20_000);
  });

  test('the shell is told once of each peer that has something to read again', () => {
    const scene = new Scene();
    for (const peer of [4, 5, 6]) scene.join(peer);
    scene.settle();
    const ready = (): number[] => {
      const peers: number[] = [];
      scene.groups.forEachReady((peer) => peers.push(peer));
      return peers;
    };
    expect(ready()).toEqual([]);
    scene.rib.announce(4, '10.0.0.0/24', A, 1);
    scene.encode();
    expect(ready()).toEqual([5, 6]);
    scene.rib.announce(4, '10.0.1.0/24', A, 1);
    scene.encode();
    expect(ready()).toEqual([]);
    scene.read(5);
    scene.rib.announce(4, '10.0.2.0/24', A, 1);
    scene.encode();
    expect(ready()).toEqual([5]);
  });
});
