import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Prefix, prefixContains, prefixOf } from '../../bgp/ip.ts';
import { type ParsedRange, PrefixSet } from './prefix-set.ts';
import { prefix } from './test-support.ts';

function range(text: string, minLength: number, maxLength: number): ParsedRange {
  return { prefix: prefix(text), minLength, maxLength };
}

function holds(set: PrefixSet, { family, a, b, c, d, length }: Prefix): boolean {
  return set.has(family, a, b, c, d, length);
}

describe('membership', () => {
  test.each([
    ['the prefix itself', '10.0.0.0/8', 8, 8, '10.0.0.0/8', true],
    ['a longer one outside the lengths', '10.0.0.0/8', 8, 8, '10.1.0.0/16', false],
    ['a longer one at the lower length', '10.0.0.0/8', 16, 24, '10.1.0.0/16', true],
    ['a longer one at the upper length', '10.0.0.0/8', 16, 24, '10.1.2.0/24', true],
    ['one below the lower length', '10.0.0.0/8', 16, 24, '10.0.0.0/15', false],
    ['one above the upper length', '10.0.0.0/8', 16, 24, '10.1.2.0/25', false],
    ['a neighbour', '10.0.0.0/8', 8, 32, '11.0.0.0/8', false],
    ['a shorter one that contains it', '10.0.0.0/8', 0, 32, '0.0.0.0/0', false],
    ['a host route in the default route', '0.0.0.0/0', 0, 32, '255.255.255.255/32', true],
    ['the default route itself', '0.0.0.0/0', 0, 0, '0.0.0.0/0', true],
    ['no length left', '10.0.0.0/28', 28, 26, '10.0.0.0/28', false],
    ['an IPv6 prefix across lanes', '2001:db8:0:1::/64', 64, 128, '2001:db8:0:1:8000::1/128', true],
    ['an IPv6 neighbour', '2001:db8:0:1::/64', 64, 128, '2001:db8:0:2::/64', false],
    ['the other family', '::/0', 0, 128, '10.0.0.0/8', false],
  ])('%s', (_case, text, min, max, probe, expected) => {
    expect(holds(new PrefixSet([range(text, min, max)]), prefix(probe))).toBe(expected);
  });

  test('ranges of one prefix add up', () => {
    const set = new PrefixSet([range('10.0.0.0/8', 8, 8), range('10.0.0.0/8', 24, 24)]);
    expect(['10.0.0.0/8', '10.0.0.0/16', '10.0.0.0/24'].map((text) => holds(set, prefix(text)))).toEqual([
      true,
      false,
      true,
    ]);
  });

  test('a set without possible members says so', () => {
    expect(new PrefixSet([]).isEmpty).toBe(true);
    expect(new PrefixSet([range('10.0.0.0/28', 28, 26)]).isEmpty).toBe(true);
    expect(new PrefixSet([range('10.0.0.0/28', 28, 28)]).isEmpty).toBe(false);
  });
});

// Few distinct bits, so that ranges and probes often meet.
const lane = fc.constantFrom(0, 0x0a000000, 0x0a010000, 0x80000000, 0xffffffff, 0x0a0000ff);
const prefixes = fc
  .record({ isIpv4: fc.boolean(), a: lane, b: lane, c: lane, d: lane, length: fc.nat(128) })
  .map(({ isIpv4, a, b, c, d, length }) =>
    isIpv4 ? prefixOf({ family: 0, a, b: 0, c: 0, d: 0 }, length % 33) : prefixOf({ family: 1, a, b, c, d }, length),
  );
const ranges = fc.record({ prefix: prefixes, minLength: fc.nat(128), maxLength: fc.nat(128) });

test('agrees with looking at every range', () => {
  fc.assert(
    fc.property(
      fc.array(ranges, { maxLength: 40 }),
      fc.array(prefixes, { minLength: 1, maxLength: 20 }),
      (all, probes) => {
        const set = new PrefixSet(all);
        for (const probe of probes) {
          const expected = all.some(
            (one) =>
              prefixContains(one.prefix, probe) && probe.length >= one.minLength && probe.length <= one.maxLength,
          );
          expect(holds(set, probe)).toBe(expected);
        }
      },
    ),
    { numRuns: 300 },
  );
});
