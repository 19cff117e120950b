/** The parts of the page that need no browser. */

import { describe, expect, test } from 'vitest';
import type { PeerView } from './api.ts';
import { duration, formatPlace, octets, parsePlace } from './format.ts';
import { byName, kindOf, peerMatches, totals } from './peer-list.ts';
import { EventParser } from './sse.ts';
import { layOut } from './topology-layout.ts';

function peer(fields: Partial<PeerView>): PeerView {
  const base = { name: 'a', description: '', address: '10.0.0.1', peerAs: 65_001, type: 'ebgp', state: 'Established' };
  return {
    ...base,
    routeReflectorClient: false,
    families: {},
    lastError: null,
    waitingFor: null,
    ...fields,
  } as PeerView;
}

describe('event streams', () => {
  test('events are the same however the text is cut', () => {
    const text =
      ': hello\nretry: 2000\n\nid: 1\nevent: peer\ndata: {"a":1}\n\ndata: x\r\ndata: y\r\n\r\nevent: nothing\n\n';
    const wanted = [
      { kind: 'peer', data: '{"a":1}' },
      { kind: 'message', data: 'x\ny' },
    ];
    for (let size = 1; size <= text.length; size++) {
      const parser = new EventParser();
      const events = [];
      for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
      expect(events, `pieces of ${size}`).toEqual(wanted);
    }
  });

  test('what never ends is not kept', () => {
    const parser = new EventParser();
    expect(() => {
      for (let index = 0; index < 10; index++) parser.push('x'.repeat(1_000_000));
    }).toThrow('does not end');
  });
});

test.each([
  [0, '0 s'],
  [59.9, '59 s'],
  [60, '1 min'],
  [3725, '1 h 2 min'],
  [86_400, '1 d'],
  [90_061, '1 d 1 h'],
])('%s seconds are %s', (seconds, wanted) => {
  expect(duration(seconds)).toBe(wanted);
});

test.each([
  [0, '0 octets'],
  [1536, '1.5 KiB'],
  [5 * 1024 ** 3, '5.0 GiB'],
])('%s octets are %s', (value, wanted) => {
  expect(octets(value)).toBe(wanted);
});

test.each(['a', 'a/b?c#d', '<b>', 'fe80::1%eth0', '100%', 'ü'])('the address of %s leads there', (name) => {
  const place = parsePlace(formatPlace('peer', name, { text: 'x&y=z', empty: '' }));
  expect(place).toMatchObject({ view: 'peer', name });
  expect([...place.query]).toEqual([['text', 'x&y=z']]);
});

test.each(['', '#', '#/'])('%j is the first view', (hash) => {
  expect(parsePlace(hash).view).toBe('peers');
});

describe('peers', () => {
  const rack = peer({ name: 'tor-1', description: 'Rack One', state: 'Active', waitingFor: 'a connection' });
  test.each([
    ['nothing', { text: '' }, true],
    ['words in any case and order', { text: 'one TOR' }, true],
    ['an AS', { text: 'as65001' }, true],
    ['a reason', { text: 'connection' }, true],
    ['one word that is not there', { text: 'tor two' }, false],
    ['up', { state: 'up' }, false],
    ['down', { state: 'down' }, true],
    ['one state', { state: 'Active' }, true],
    ['another state', { state: 'Idle' }, false],
    ['its type', { type: 'ebgp' }, true],
    ['another type', { type: 'client' }, false],
  ])('filter by %s', (_what, filter, wanted) => {
    expect(peerMatches(rack, { text: '', state: '', type: '', ...filter })).toBe(wanted);
  });

  test('kinds, totals and the order of names', () => {
    expect(kindOf(peer({ type: 'ibgp' }))).toBe('ibgp');
    expect(kindOf(peer({ type: 'ibgp', routeReflectorClient: true }))).toBe('client');
    const counters = { received: 4, accepted: 3, best: 2, advertised: 1 };
    const families = { 'ipv4-unicast': counters, 'ipv6-unicast': counters };
    expect(totals(peer({ families }))).toEqual({ received: 8, accepted: 6, best: 4, advertised: 2 });
    expect(['n10', 'n9', 'n1'].sort(byName)).toEqual(['n1', 'n9', 'n10']);
  });
});

describe('topology', () => {
  test('few external ASes have a group each, many share one', () => {
    const of = (ases: number) =>
      layOut(Array.from({ length: ases }, (_, i) => peer({ name: `p${i}`, peerAs: 65_000 + i })));
    expect(of(3).groups.map(({ title }) => title)).toEqual([
      'AS 65000, external',
      'AS 65001, external',
      'AS 65002, external',
    ]);
    expect(of(20).groups.map(({ title }) => title)).toEqual(['20 external ASes']);
  });

  test.each([
    [5, 'boxes', 5],
    [31, 'dots', 31],
    [1500, 'dots', 1500],
    [4000, 'dots', 400],
  ])('%s peers are drawn as %s, %s of them', (count, form, drawn) => {
    const peers = Array.from({ length: count }, (_, i) =>
      peer({ name: `p${i}`, type: 'ibgp', state: i % 10 === 0 ? 'Idle' : 'Established' }),
    );
    const { groups, height } = layOut(peers);
    expect(groups).toHaveLength(1);
    const [group] = groups;
    expect(group).toMatchObject({
      form,
      total: count,
      leftOut: count - drawn,
      established: count - Math.ceil(count / 10),
    });
    expect(group.peers).toHaveLength(drawn);
    // Nothing stands outside its group, and no two in the same place.
    for (const { x, y } of group.peers) {
      expect(x).toBeGreaterThanOrEqual(group.x);
      expect(x).toBeLessThan(group.x + group.width);
      expect(y).toBeLessThan(group.y + group.height);
    }
    expect(new Set(group.peers.map(({ x, y }) => `${x} ${y}`)).size).toBe(drawn);
    expect(height).toBeGreaterThanOrEqual(group.y + group.height);
  });
});
