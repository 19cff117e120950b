import { describe, expect, test } from 'vitest';
import { localBlock, type PeerText, prefixValue, RibBench } from '../test/support/rib.ts';
import { PEER_KERNEL } from './peer-table.ts';
import { describePrefix } from './rib-view.ts';

const PREFIX = '198.51.100.0/24';
const NO_LLGR = 0xffff0007;

const counters = (bench: RibBench, peer: number) => {
  const { received, eligible, best, stale } = bench.rib.counters(peer, 0);
  return { received, eligible, best, stale };
};

const deadlineAfter = (checks: number): (() => boolean) => {
  let left = checks;
  return () => --left <= 0;
};

describe('the end of a session', () => {
  const loaded = (text: Partial<PeerText> = {}) => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p', ...text });
    const other = bench.peer({ name: 'other', bgpIdentifier: '203.9.9.9' });
    bench.update(peer, { announced: [PREFIX, '10.0.0.0/8'] });
    bench.announce(peer, '2001:db8::/32', { nextHop: '2001:db8::9' });
    bench.announce(other, PREFIX);
    return { bench, peer };
  };

  test('removes the paths in slices, other paths take over', () => {
    const { bench, peer } = loaded();
    bench.rib.sessionDown(peer, [false, false]);
    expect(bench.rib.hasPendingWork).toBe(true);
    bench.settle();
    expect([bench.best(PREFIX), bench.best('10.0.0.0/8'), bench.best('2001:db8::/32')]).toEqual(['other', null, null]);
    expect(counters(bench, peer)).toEqual({ received: 0, eligible: 0, best: 0, stale: 0 });
    expect(bench.rib.hasPendingWork).toBe(false);
  });

  test('a peer that is back before its paths are removed keeps what it announces again', () => {
    const { bench, peer } = loaded();
    bench.rib.sessionDown(peer, [false, false]);
    bench.up(peer);
    bench.announce(peer, PREFIX, {});
    bench.settle();
    expect([bench.best(PREFIX), bench.best('10.0.0.0/8')]).toEqual(['p', null]);
  });

  test('retained paths stay until End-of-RIB, which removes what was not announced again', () => {
    const { bench, peer } = loaded();
    bench.rib.sessionDown(peer, [true, false]);
    bench.settle();
    expect([bench.best(PREFIX), bench.best('2001:db8::/32')]).toEqual(['p', null]);
    expect(counters(bench, peer).stale).toBe(2);
    bench.up(peer, { forwardingPreserved: [0] });
    bench.announce(peer, PREFIX, {});
    expect(counters(bench, peer).stale).toBe(1);
    expect(bench.update(peer, { endOfRib: 0 }).endOfRib).toBe(0);
    bench.settle();
    expect([bench.best(PREFIX), bench.best('10.0.0.0/8'), counters(bench, peer).stale]).toEqual(['p', null, 0]);
  });

  test('without the F bit in the new OPEN they go at once', () => {
    const { bench, peer } = loaded();
    bench.rib.sessionDown(peer, [true, true]);
    bench.up(peer, { forwardingPreserved: [1] });
    bench.settle();
    expect([bench.best('10.0.0.0/8'), bench.best('2001:db8::/32')]).toEqual([null, 'p']);
  });

  test('sweepStale (the restart timer) removes them', () => {
    const { bench, peer } = loaded();
    bench.rib.sessionDown(peer, [true, true]);
    bench.rib.sweepStale(peer, 0);
    bench.settle();
    expect([bench.best('10.0.0.0/8'), bench.best('2001:db8::/32')]).toEqual([null, 'p']);
  });

  test('what was stale before a second loss is removed (RFC 4724 4.2)', () => {
    const { bench, peer } = loaded();
    bench.rib.sessionDown(peer, [true, true]);
    bench.up(peer, { forwardingPreserved: [0, 1] });
    bench.announce(peer, PREFIX, {});
    bench.rib.sessionDown(peer, [true, true]);
    bench.settle();
    expect([bench.best(PREFIX), bench.best('10.0.0.0/8')]).toEqual(['p', null]);
  });

  test('or retained with the rest, until End-of-RIB', () => {
    const { bench, peer } = loaded();
    for (let loss = 0; loss < 3; loss++) {
      bench.rib.sessionDown(peer, [true, true], [loss > 0, false]);
      bench.up(peer, { forwardingPreserved: [0, 1] });
      if (loss < 2) bench.announce(peer, PREFIX, {});
    }
    bench.settle();
    expect([bench.best(PREFIX), bench.best('10.0.0.0/8'), bench.best('2001:db8::/32')]).toEqual(['p', 'p', null]);
    bench.announce(peer, PREFIX, {});
    bench.update(peer, { endOfRib: 0 });
    bench.settle();
    expect([bench.best(PREFIX), bench.best('10.0.0.0/8'), counters(bench, peer).stale]).toEqual(['p', null, 0]);
  });

  test('any number of losses keeps stale and current apart', () => {
    const { bench, peer } = loaded();
    for (let i = 0; i < 50; i++) {
      bench.rib.sessionDown(peer, [true, true]);
      bench.up(peer, { forwardingPreserved: [0, 1] });
      bench.announce(peer, PREFIX, { med: i });
      if (i % 8 === 1) bench.announce(peer, `10.${i}.0.0/16`, {});
      if (i % 5 === 0) bench.rib.beginRefresh(peer, 0);
    }
    bench.update(peer, { endOfRib: 0 });
    bench.settle();
    // Announced after the last loss: PREFIX and 49, which is 1 modulo 8.
    expect(counters(bench, peer).received).toBe(2);
    expect(['10.49.0.0/16', '10.33.0.0/16', '10.0.0.0/8'].map((p) => bench.best(p))).toEqual(['p', null, null]);
  });

  test('long-lived stale paths lose to any other, carry LLGR_STALE, and go with NO_LLGR', () => {
    const { bench, peer } = loaded();
    bench.announce(peer, '172.16.0.0/12', { communities: [NO_LLGR] });
    bench.rib.sessionDown(peer, [true, true]);
    bench.rib.beginLongLivedStale(peer, 0);
    bench.settle();
    expect([bench.best(PREFIX), bench.best('10.0.0.0/8'), bench.best('172.16.0.0/12')]).toEqual(['other', 'p', null]);
    const view = describePrefix(bench.rib, 0, bench.handle(PREFIX));
    expect(view.bestBecause).toBe('not long-lived stale');
    const row = view.paths[1].row;
    expect(bench.rib.sets.hasCommunity(bench.rib.paths[0].rowEffective[row], 0xffff0006)).toBe(true);
    bench.up(peer, { forwardingPreserved: [0, 1] });
    bench.announce(peer, PREFIX, {});
    expect(bench.best(PREFIX)).toBe('p');
    bench.update(peer, { endOfRib: 0 });
    bench.settle();
    expect(bench.best('10.0.0.0/8')).toBe(null);
  });

  test('a removed peer is gone when its last path is, its name is free at once', () => {
    const { bench, peer } = loaded();
    bench.rib.removePeer(peer);
    expect(bench.rib.peers.indexOf('p')).toBe(0);
    const again = bench.peer({ name: 'p' });
    expect(again).not.toBe(peer);
    bench.announce(again, PREFIX);
    bench.settle();
    expect([bench.rib.peers.get(peer), bench.best(PREFIX), bench.best('10.0.0.0/8')]).toEqual([null, 'p', null]);
  });

  test('any number of refreshes keeps retained, pending and current paths apart', () => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p' });
    bench.update(peer, { announced: ['10.0.0.0/16', '10.1.0.0/16'] });
    bench.rib.sessionDown(peer, [true, true]);
    bench.up(peer, { forwardingPreserved: [0] });
    bench.announce(peer, '10.1.0.0/16', { med: 1 });
    bench.announce(peer, '10.2.0.0/16', {});
    for (let i = 0; i < 40; i++) bench.rib.beginRefresh(peer, 0);
    bench.announce(peer, '10.3.0.0/16', {});
    const present = (): number[] => [0, 1, 2, 3].filter((i) => bench.best(`10.${i}.0.0/16`) !== null);
    bench.rib.sweepStale(peer, 0);
    bench.settle();
    expect(present()).toEqual([1, 2, 3]);
    bench.rib.endRefresh(peer, 0);
    bench.settle();
    expect(present()).toEqual([3]);
  });

  test('work that is given while the cursor is half way reaches every path', () => {
    const bench = new RibBench();
    const [one, two] = ['one', 'two'].map((name) => bench.peer({ name }));
    const block = (i: number): string[] => Array.from({ length: 300 }, (_, j) => `10.${i}.${j >> 8}.${j & 255}/32`);
    bench.update(one, { announced: block(1) });
    bench.update(two, { announced: block(2) });
    bench.rib.sessionDown(two, [false, false]);
    bench.rib.runSlice(deadlineAfter(2));
    bench.rib.sessionDown(one, [false, false]);
    bench.settle();
    expect([counters(bench, one).received, counters(bench, two).received]).toEqual([0, 0]);
  });

  test('a slice ends when its time is over', () => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p' });
    const many = Array.from({ length: 1000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`);
    bench.update(peer, { announced: many });
    bench.rib.sessionDown(peer, [false, false]);
    expect(bench.rib.runSlice(deadlineAfter(1))).toBe(true);
    const left = counters(bench, peer).received;
    expect(left).toBeGreaterThan(800);
    expect(left).toBeLessThan(1000);
    bench.settle();
    expect(counters(bench, peer).received).toBe(0);
  });
});

describe('enhanced route refresh (RFC 7313)', () => {
  test('what was not announced again between BoRR and EoRR is removed', () => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p' });
    bench.update(peer, { announced: [PREFIX, '10.0.0.0/8'] });
    bench.rib.beginRefresh(peer, 0);
    bench.announce(peer, PREFIX, {});
    bench.settle();
    expect(bench.best('10.0.0.0/8')).toBe('p');
    bench.rib.endRefresh(peer, 0);
    bench.settle();
    expect([bench.best(PREFIX), bench.best('10.0.0.0/8')]).toEqual(['p', null]);
  });

  test('EoRR without BoRR removes nothing', () => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p' });
    bench.announce(peer, PREFIX);
    bench.rib.endRefresh(peer, 0);
    bench.settle();
    expect(bench.best(PREFIX)).toBe('p');
  });

  test('a local source is resynchronised in the same way', () => {
    const bench = new RibBench();
    const set = (text: string): void => {
      const p = prefixValue(text);
      bench.rib.setLocalPath(PEER_KERNEL, p.family, p.a, p.b, p.c, p.d, p.length, localBlock(2, 100));
    };
    set(PREFIX);
    set('10.0.0.0/8');
    bench.rib.beginRefresh(PEER_KERNEL, 0);
    set(PREFIX);
    bench.rib.endRefresh(PEER_KERNEL, 0);
    bench.settle();
    expect([bench.best(PREFIX), bench.best('10.0.0.0/8')]).toEqual(['kernel', null]);
  });
});
