import { describe, expect, test } from 'vitest';
import type { PeerView, StatusView } from '../api/schema.ts';
import { formatCompact, type Look, type ScreenState, type SortKey, screen } from './top-screen.ts';

const STATUS = {
  version: '1.2.3',
  routerId: '192.0.2.1',
  localAs: 65_000,
  nodeName: null,
  uptimeSeconds: 61,
  appliedRevision: 'abc',
  desiredRevision: 'abc',
  peers: { configured: 3, established: 2 },
  tables: { 'ipv4-unicast': { prefixes: 1_000_000, paths: 2_000_000 } },
  kernel: { backend: 'netlink', installed: 12_345, failed: 1, stale: 0 },
  eventLoopDelay: { p50Ms: 0.1, p99Ms: 4, maxMs: 12.5 },
  memory: { rssOctets: 64 * 1024 * 1024, heapOctets: 1024, externalOctets: 1024 },
  conditions: [],
} as unknown as StatusView;

const peer = (name: string, state: string, received: number, messages: number): PeerView =>
  ({
    name,
    peerAs: 4_200_000_000,
    state,
    stateSeconds: received,
    negotiated: state === 'Established' ? {} : null,
    families: { 'ipv4-unicast': { received, accepted: received, best: received, advertised: 2 * received } },
    messages: { received: messages, sent: messages },
  }) as unknown as PeerView;

const at = (atMs: number, messages: number): Look => ({
  atMs,
  status: STATUS,
  peers: [
    peer('alpha', 'Established', 10, messages),
    peer('beta', 'Idle', 0, 0),
    peer('gamma', 'Established', 500_000, 10 * messages),
  ],
});
const STATE: ScreenState = { sort: 'n', isReversed: false, from: 0, isPaused: false, trouble: null };
const SIZE = { columns: 80, rows: 24 };
const names = (state: Partial<ScreenState>): string[] =>
  screen(at(2000, 300), at(1000, 100), SIZE, { ...STATE, ...state })
    .lines.map((line) => line.split(' ')[0])
    .filter((word) => ['alpha', 'beta', 'gamma'].includes(word));

describe('the screen', () => {
  test('is as large as the terminal, whatever is on it', () => {
    for (const size of [SIZE, { columns: 40, rows: 10 }, { columns: 200, rows: 60 }, { columns: 20, rows: 3 }]) {
      const { lines } = screen(at(1000, 1), null, size, STATE);
      expect(lines.length).toBe(size.rows);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(size.columns);
    }
  });

  test('in 80 columns every figure is there', () => {
    const { lines, header } = screen(at(2000, 300), at(1000, 100), SIZE, STATE);
    expect(lines.slice(0, 4)).toEqual([
      'peregrine 1.2.3  192.0.2.1  AS 65000  up 1m01s  revision abc',
      'sessions 2/3 up   prefixes/paths ipv4 1.00M/2.00M   kernel 12.3k (1 failed)',
      'messages in 2200/s  out 2200/s   loop delay p50 0.1  p99 4.0  max 12.5 ms',
      'memory 64.0 MiB resident  1.0 KiB heap  1.0 KiB arrays',
    ]);
    expect(lines[header]).toMatch(/^PEER .* OUT\/s$/);
    expect(lines.find((line) => line.startsWith('gamma'))).toMatch(
      /^gamma +4200000000 Established +5d18h +500\.0k +1\.00M +2000 +2000$/,
    );
    expect(lines.at(-1)).toMatch(/^q:quit p:pause R:reverse n:name /);
  });

  test.each<[SortKey, string[]]>([
    ['n', ['alpha', 'beta', 'gamma']],
    ['s', ['beta', 'alpha', 'gamma']],
    ['r', ['gamma', 'alpha', 'beta']],
    ['i', ['gamma', 'alpha', 'beta']],
    ['t', ['beta', 'alpha', 'gamma']],
  ])('sorted by %s', (sort, expected) => {
    expect(names({ sort })).toEqual(expected);
    expect(names({ sort, isReversed: true })).toEqual([...expected].reverse());
  });

  test('more sessions than lines: a part, and which', () => {
    const peers = Array.from({ length: 100 }, (_, n) => peer(`p${String(n).padStart(3, '0')}`, 'Idle', 0, 0));
    const { lines } = screen({ ...at(0, 0), peers }, null, { columns: 120, rows: 24 }, { ...STATE, from: 95 });
    expect(lines.filter((line) => line.startsWith('p0')).length).toBe(17);
    expect(lines.at(-1)).toMatch(/ 84-100\/100$/);
  });

  test('a daemon that has begun anew has no negative rates', () => {
    const { lines } = screen(at(2000, 1), at(1000, 500), SIZE, STATE);
    expect(lines[2]).toContain('messages in 0/s');
  });

  test('other people cannot write to the terminal', () => {
    const look = { ...at(0, 0), peers: [peer('evil\u001b[2J', 'Idle', 0, 0)] };
    expect(screen(look, null, SIZE, STATE).lines.join('')).not.toContain('\u001b');
  });
});

test.each([
  [0, '0'],
  [9.94, '9.9'],
  [9999, '9999'],
  [10_000, '10.0k'],
  [1_234_567, '1.23M'],
])('%d is %s', (value, text) => expect(formatCompact(value)).toBe(text));
