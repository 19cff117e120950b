import { describe, expect, test } from 'vitest';
import { parseAddress } from '../bgp/ip.ts';
import { prefixValue, RibBench } from '../test/support/rib.ts';
import { describePrefix, findPrefix, listPrefixes, listReceived, longestMatch } from './rib-view.ts';

describe('views', () => {
  const bench = new RibBench();
  const one = bench.peer({ name: 'one' });
  const two = bench.peer({ name: 'two' });
  const prefixes = Array.from({ length: 25 }, (_, i) => `10.${i}.0.0/16`);
  bench.update(one, { announced: prefixes });
  bench.update(two, { announced: ['10.3.0.0/16', '10.0.0.0/8'], attributes: { localPref: 50 } });

  test('prefixes come in pages', () => {
    const seen: number[] = [];
    let from = 1;
    let pages = 0;
    do {
      const page = listPrefixes(bench.rib, 0, from, 10);
      seen.push(...page.entries);
      from = page.next;
      pages++;
    } while (from !== 0);
    expect([seen.length, new Set(seen).size, pages]).toEqual([26, 26, 3]);
  });

  test('what a peer sent', () => {
    const page = listReceived(bench.rib, two, 0, 1, 100);
    expect(page.entries.map(({ prefix, path }) => [prefix.length, path.isBest, path.worseBecause])).toEqual([
      [16, false, 'higher LOCAL_PREF'],
      [8, true, null],
    ]);
    expect(page.next).toBe(0);
  });

  test('longest and exact match', () => {
    const address = parseAddress('10.30.1.1');
    const handle = address === null ? 0 : longestMatch(bench.rib, address);
    expect(bench.rib.prefixes[0].length[handle]).toBe(8);
    expect(findPrefix(bench.rib, prefixValue('10.3.0.0/16'))).toBe(bench.handle('10.3.0.0/16'));
    expect(findPrefix(bench.rib, prefixValue('10.3.0.0/17'))).toBe(0);
  });

  test('a prefix with its paths', () => {
    const view = describePrefix(bench.rib, 0, bench.handle('10.3.0.0/16'));
    expect(view.bestBecause).toBe('higher LOCAL_PREF');
    expect(view.paths.map((path) => [path.peer, path.isBest, path.received.localPref, path.received.nextHop])).toEqual([
      ['one', true, 100, '192.0.2.1'],
      ['two', false, 50, '192.0.2.1'],
    ]);
    expect(describePrefix(bench.rib, 0, bench.handle('10.0.0.0/8')).bestBecause).toBe('only path');
  });
});
