import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FAMILY_IPV4, FAMILY_IPV6, type FamilyIndex } from '../../bgp/family.ts';
import { formatAddress, parseAddress } from '../../bgp/ip.ts';
import type { FibHop } from './fib.ts';
import { planChange, type RouteContent, sameContent, sameHop } from './route-plan.ts';

function hop(text: string): FibHop {
  const [gateway, flag] = text.split(' ');
  return {
    gateway: gateway === '-' ? null : parseAddress(gateway),
    interfaceIndex: 3,
    onlink: flag === 'onlink',
    weight: flag?.startsWith('x') ? Number(flag.slice(1)) : 1,
  };
}

const via = (metric: number, ...hops: string[]): RouteContent => ({ type: 'unicast', metric, hops: hops.map(hop) });
const blackhole = (metric: number): RouteContent => ({ type: 'blackhole', metric, hops: [] });

function show(family: FamilyIndex, have: RouteContent | null, want: RouteContent | null): string[] {
  const text = (content: RouteContent | null): string =>
    content === null
      ? 'none'
      : `${content.type} ${content.metric}${content.hops.map((h) => ` ${h.gateway === null ? '-' : formatAddress(h.gateway)}${h.weight > 1 ? `x${h.weight}` : ''}`).join('')}`;
  return planChange(family, have, want).map(
    ({ kind, content, otherwise }) => `${kind} ${text(content)}${otherwise === null ? '' : ` else ${text(otherwise)}`}`,
  );
}

describe('planChange', () => {
  test.each<[string, FamilyIndex, RouteContent | null, RouteContent | null, string[]]>([
    ['nothing to nothing', FAMILY_IPV4, null, null, []],
    ['first route', FAMILY_IPV4, null, via(0, '192.0.2.1'), ['create unicast 0 192.0.2.1']],
    ['removal', FAMILY_IPV4, via(5, '192.0.2.1'), null, ['delete unicast 5 192.0.2.1']],
    ['the same', FAMILY_IPV4, via(5, '192.0.2.1'), via(5, '192.0.2.1'), []],
    ['the same hops in another order', FAMILY_IPV6, via(5, 'fd::1', 'fd::2'), via(5, 'fd::2', 'fd::1'), []],
    ['IPv6 default metric spelled out', FAMILY_IPV6, via(0, 'fd::1'), via(1024, 'fd::1'), []],
    [
      'IPv4 metric 0 is not 1024',
      FAMILY_IPV4,
      via(0, '192.0.2.1'),
      via(1024, '192.0.2.1'),
      ['create unicast 1024 192.0.2.1', 'delete unicast 0 192.0.2.1'],
    ],
    [
      'another gateway: the new one is there before the old one goes',
      FAMILY_IPV4,
      via(5, '192.0.2.1'),
      via(5, '192.0.2.2'),
      ['append unicast 5 192.0.2.2', 'delete unicast 5 192.0.2.1'],
    ],
    [
      'IPv6 unreachable to blackhole: a duplicate for the kernel as long as the old one is there',
      FAMILY_IPV6,
      { type: 'unreachable', metric: 5, hops: [] },
      blackhole(5),
      ['delete unreachable 5', 'append blackhole 5'],
    ],
    [
      'unicast to blackhole',
      FAMILY_IPV6,
      via(5, 'fd::1'),
      blackhole(5),
      ['append blackhole 5', 'delete unicast 5 fd::1'],
    ],
    [
      'IPv4 multipath is one route',
      FAMILY_IPV4,
      via(5, '192.0.2.1'),
      via(5, '192.0.2.1', '192.0.2.2'),
      ['append unicast 5 192.0.2.1 192.0.2.2', 'delete unicast 5 192.0.2.1'],
    ],
    [
      'IPv6 multipath grows by its new hop',
      FAMILY_IPV6,
      via(5, 'fd::1'),
      via(5, 'fd::1', 'fd::2'),
      ['append unicast 5 fd::2 else unicast 5 fd::1'],
    ],
    [
      'IPv6 multipath shrinks by the hop that is gone',
      FAMILY_IPV6,
      via(5, 'fd::1', 'fd::2', 'fd::3'),
      via(5, 'fd::3'),
      ['delete unicast 5 fd::1 fd::2'],
    ],
    [
      'IPv6 multipath swaps a hop',
      FAMILY_IPV6,
      via(5, 'fd::1', 'fd::2'),
      via(5, 'fd::2', 'fd::3'),
      ['append unicast 5 fd::3 else unicast 5 fd::2', 'delete unicast 5 fd::1'],
    ],
    [
      'IPv6 weight changes: the duplicate goes first',
      FAMILY_IPV6,
      via(5, 'fd::1', 'fd::2'),
      via(5, 'fd::1', 'fd::2 x3'),
      ['delete unicast 5 fd::2', 'append unicast 5 fd::2x3 else unicast 5 fd::1'],
    ],
    [
      'IPv6 route gets a second hop and a weight: the second hop bridges',
      FAMILY_IPV6,
      via(5, 'fd::1'),
      via(5, 'fd::1 x3', 'fd::2'),
      [
        'append unicast 5 fd::2 else unicast 5 fd::1x3',
        'delete unicast 5 fd::1',
        'append unicast 5 fd::1x3 else unicast 5 fd::2',
      ],
    ],
    [
      'IPv6 route without gateway takes no siblings',
      FAMILY_IPV6,
      via(5, '-'),
      via(5, 'fd::1'),
      ['append unicast 5 fd::1', 'delete unicast 5 -'],
    ],
    [
      'onlink alone is a change',
      FAMILY_IPV4,
      via(5, '192.0.2.1'),
      via(5, '192.0.2.1 onlink'),
      ['append unicast 5 192.0.2.1', 'delete unicast 5 192.0.2.1'],
    ],
  ])('%s', (_, family, have, want, expected) => {
    expect(show(family, have, want)).toEqual(expected);
  });

  const contents = fc.oneof(
    fc.constant(null),
    fc.constant(blackhole(1)),
    fc
      .tuple(
        fc.constantFrom(1, 2),
        fc.uniqueArray(fc.constantFrom('fd::1', 'fd::2', 'fd::3', 'fd::4'), { minLength: 1 }),
      )
      .map(([metric, hops]) => via(metric, ...hops)),
    fc
      .tuple(fc.constantFrom(1, 2), fc.constantFrom(2, 3))
      .map(([metric, weight]) => via(metric, 'fd::1', `fd::2 x${weight}`)),
  );

  test('IPv6: played on a model of the kernel the plan ends at the wish and is never without a route on the way', () => {
    fc.assert(
      fc.property(contents, contents, (have, want) => {
        // The kernel's list: hops with gateway and equal metric are one route, everything else stands for itself.
        let table: { metric: number; type: string; hop: FibHop | null }[] = [];
        const rows = (content: RouteContent): typeof table =>
          content.type === 'unicast'
            ? content.hops.map((h) => ({ metric: content.metric, type: content.type, hop: h }))
            : [{ metric: content.metric, type: content.type, hop: null }];
        const isRow = (x: (typeof table)[number], y: (typeof table)[number]): boolean =>
          x.metric === y.metric &&
          x.type === y.type &&
          (x.hop === null || y.hop === null ? x.hop === y.hop : sameHop(x.hop, y.hop));
        if (have !== null) table = rows(have);
        for (const { kind, content } of planChange(FAMILY_IPV6, have, want)) {
          for (const row of rows(content)) {
            const at = table.findIndex((other) => isRow(other, row));
            if (kind === 'delete') {
              expect(at).toBeGreaterThanOrEqual(0);
              table.splice(at, 1);
            } else {
              expect(at).toBe(-1);
              table.push(row);
            }
          }
          if (have !== null && want !== null) expect(table.length).toBeGreaterThan(0);
        }
        const left =
          table.length === 0
            ? null
            : ({
                type: table[0].type,
                metric: table[0].metric,
                hops: table.flatMap((row) => (row.hop === null ? [] : [row.hop])),
              } as RouteContent);
        if (want === null || left === null) expect(left).toBe(want);
        else expect(sameContent(FAMILY_IPV6, left, want)).toBe(true);
      }),
    );
  });
});
