import { describe, expect, test } from 'vitest';
import { parseAddress, parsePrefix } from '../../bgp/ip.ts';
import type { DisturbanceKind, KernelRoute, RouteDisturbance } from '../kernel/fib.ts';
import { type Log, SILENT_LOG } from '../log/log.ts';
import { LINES_PER_WINDOW } from './bounded-lines.ts';
import { VirtualClock } from './clock.ts';
import { KernelLog } from './kernel-log.ts';

describe('what others do to our kernel routes', () => {
  function scene(): { clock: VirtualClock; lines: object[]; log: KernelLog } {
    const lines: object[] = [];
    const log: Log = {
      ...SILENT_LOG,
      warn: (msgid, fields, message) => void lines.push({ msgid, ...fields, message }),
    };
    const clock = new VirtualClock();
    return { clock, lines, log: new KernelLog(log, clock, (index) => `eth${index}`) };
  }

  function disturbance(
    prefixText: string,
    kind: DisturbanceKind,
    more: Partial<RouteDisturbance> = {},
  ): RouteDisturbance {
    return { prefix: parsePrefix(prefixText)!, kind, other: null, port: 0, ...more };
  }

  const theirs = (prefixText: string): KernelRoute => ({
    prefix: parsePrefix(prefixText)!,
    type: 'unicast',
    protocol: 4,
    metric: 5,
    hops: [{ gateway: parseAddress('192.0.2.7'), interfaceIndex: 2, onlink: false, weight: 1 }],
  });

  test('names what happened, by what, and who', () => {
    const { lines, log } = scene();
    log.disturbed(
      disturbance('10.1.0.0/16', 'deleted', { other: { ...theirs('10.1.0.0/16'), protocol: 12 }, port: 4711 }),
    );
    log.disturbed(disturbance('10.2.0.0/16', 'replaced', { other: theirs('10.2.0.0/16'), port: 4712 }));
    log.disturbed(disturbance('10.3.0.0/16', 'missing'));
    expect(lines).toMatchObject([
      {
        msgid: 'KERNEL_DISTURBED',
        prefix: '10.1.0.0/16',
        what: 'deleted',
        was: 'via 192.0.2.7 dev eth2 proto bird metric 5',
        netlinkPort: 4711,
      },
      {
        prefix: '10.2.0.0/16',
        what: 'replaced',
        now: 'via 192.0.2.7 dev eth2 proto static metric 5',
        netlinkPort: 4712,
      },
      { prefix: '10.3.0.0/16', what: 'missing' },
    ]);
    expect(lines[2]).not.toHaveProperty('netlinkPort');
  });

  test('a route that is fought about has one line, and one a minute that counts', () => {
    const { clock, lines, log } = scene();
    for (let i = 0; i < 100; i++) {
      log.disturbed(disturbance('10.1.0.0/16', 'deleted'));
      clock.advance(500);
    }
    expect(lines).toHaveLength(1);
    clock.advance(60_000);
    expect(lines.slice(1)).toMatchObject([{ msgid: 'KERNEL_DISTURBED', seconds: 60, deleted: 99 }]);
    clock.advance(600_000);
    expect(lines).toHaveLength(2);
    log.disturbed(disturbance('10.1.0.0/16', 'deleted'));
    expect(lines).toHaveLength(3);
  });

  test('a hundred thousand routes at once: a few lines and one that counts', () => {
    const { clock, lines, log } = scene();
    for (let i = 0; i < 100_000; i++)
      log.disturbed(disturbance(`10.${(i >> 8) & 255}.${i & 255}.${i >> 16}/32`, 'deleted'));
    expect(lines).toHaveLength(LINES_PER_WINDOW);
    clock.advance(60_000);
    expect(lines).toHaveLength(LINES_PER_WINDOW + 1);
    expect(lines.at(-1)).toMatchObject({ deleted: 100_000 - LINES_PER_WINDOW });
  });

  test('a hundred thousand refused routes: a few lines and one that counts', () => {
    const { clock, lines, log } = scene();
    const entry = { type: 'blackhole', metric: 0, hops: [] } as const;
    for (let i = 0; i < 100_000; i++) {
      const prefix = parsePrefix(`10.${(i >> 8) & 255}.${i & 255}.${i >> 16}/32`)!;
      log.failed({ prefix, entry, reason: 'out-of-memory', errno: 12, message: 'ENOMEM: not enough memory' });
    }
    expect(lines[0]).toMatchObject({ msgid: 'KERNEL_ROUTE_FAILED', prefix: '10.0.0.0/32', reason: 'out-of-memory' });
    clock.advance(60_000);
    expect(lines).toHaveLength(LINES_PER_WINDOW + 1);
    expect(lines.at(-1)).toMatchObject({ msgid: 'KERNEL_ROUTE_FAILED', 'out-of-memory': 100_000 - LINES_PER_WINDOW });
  });
});
