import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FakeReceiver, receivedForm } from '../test/support/fake-receiver.ts';
import { FakeRib, IPV4_RULES, ipv4Attributes, mpAttributes } from '../test/support/fake-rib.ts';
import type { EncodingRules } from './export-hook.ts';
import { OutputLog } from './output-log.ts';
import { UpdateBatch } from './update-batch.ts';
import { endOfRibMessage, routeRefreshMessage, UpdatePacker } from './update-packer.ts';

const IPV6_RULES: EncodingRules = { ...IPV4_RULES, family: 1 };

/** Writes announcements and withdrawals of prefixes in one batch; what a receiver makes of it. */
function written(
  rules: EncodingRules,
  announced: ReadonlyArray<readonly [string, Uint8Array, number?]>,
  withdrawn: ReadonlyArray<readonly [string, number?]> = [],
): { receiver: FakeReceiver; octets: number } {
  const rib = new FakeRib();
  const log = new OutputLog(rules.maxMessageOctets);
  const cursor = log.openCursor();
  const batch = new UpdateBatch();
  const packer = new UpdatePacker(rib.sets, rib.prefixes[rules.family], rules);
  for (const [text, attributes, pathId] of announced) {
    const set = rib.intern(attributes);
    batch.announce(set, rib.sets.length[set], 0, rib.handle(text).prefix, pathId ?? 0);
  }
  for (const [text, pathId] of withdrawn) batch.withdraw(0, rib.handle(text).prefix, pathId ?? 0);
  batch.flush(packer, log, rib.prefixes[rules.family]);
  const pieces: Uint8Array[] = [];
  const octets = log.read(cursor, 1, Number.MAX_SAFE_INTEGER, pieces);
  const receiver = new FakeReceiver(rules);
  receiver.receive(pieces);
  expect(receiver.isAtMessageEnd).toBe(true);
  return { receiver, octets };
}

/** /24 prefixes of 10.0.0.0/8. */
const blocks = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.${i >>> 8}.${i & 255}.0/24`);

describe('UpdatePacker', () => {
  test.each<[string, EncodingRules, string[], Uint8Array]>([
    [
      'IPv4 prefixes of every octet count go into the NLRI field',
      IPV4_RULES,
      ['0.0.0.0/0', '10.0.0.0/8', '10.128.0.0/9', '172.16.0.0/12', '192.0.2.0/25', '192.0.2.1/32'],
      ipv4Attributes(65001),
    ],
    [
      'IPv6 prefixes go into MP_REACH_NLRI',
      IPV6_RULES,
      ['::/0', '2001:db8::/32', 'fd00:8::/29', 'fd00::1/128', 'fd00:0:0:1234::/64', 'fd00::5:0:0/97'],
      mpAttributes(1, 65001),
    ],
    [
      'IPv4 prefixes with an IPv6 next hop go into MP_REACH_NLRI',
      { ...IPV4_RULES, extendedNextHop: true },
      ['10.0.0.0/8', '192.0.2.1/32'],
      mpAttributes(0, 65001),
    ],
    ['attributes behind MP_REACH_NLRI keep their order', IPV6_RULES, ['fd00::/64'], mpAttributes(1, 65001, 300)],
  ])('%s', (_sentence, rules, prefixes, attributes) => {
    const { receiver } = written(
      rules,
      prefixes.map((prefix) => [prefix, attributes] as const),
    );
    expect([...receiver.table.keys()]).toEqual(prefixes);
    expect(new Set(receiver.table.values())).toEqual(new Set([receivedForm(attributes)]));
    expect(receiver.messageOctets).toHaveLength(1);
  });

  test.each<[string, EncodingRules, Uint8Array, (i: number) => string, number]>([
    ['IPv4, 4096 octets', IPV4_RULES, ipv4Attributes(65001), (i) => `10.${i >>> 8}.${i & 255}.0/24`, 4],
    [
      'IPv4, extended messages',
      { ...IPV4_RULES, maxMessageOctets: 65535 },
      ipv4Attributes(65001),
      (i) => `10.${i >>> 8}.${i & 255}.0/24`,
      4,
    ],
    ['IPv6, 4096 octets', IPV6_RULES, mpAttributes(1, 65001), (i) => `2001:db8:${i.toString(16)}::/48`, 7],
    [
      'IPv6, extended messages',
      { ...IPV6_RULES, maxMessageOctets: 65535 },
      mpAttributes(1, 65001),
      (i) => `2001:db8:${i.toString(16)}::/48`,
      7,
    ],
  ])('messages are filled to the negotiated maximum: %s', (_sentence, rules, attributes, prefix, nlriOctets) => {
    const count = 40_000;
    const { receiver } = written(
      rules,
      Array.from({ length: count }, (_, i) => [prefix(i), attributes] as const),
    );
    expect(receiver.table.size).toBe(count);
    const full = receiver.messageOctets.slice(0, -1);
    for (const octets of full) expect(octets).toBeGreaterThan(rules.maxMessageOctets - nlriOctets);
  });

  test('path identifiers go before each prefix', () => {
    const attributes = ipv4Attributes(65001);
    const { receiver } = written({ ...IPV4_RULES, addPath: true }, [
      ['10.0.0.0/8', attributes, 7],
      ['10.0.0.0/8', ipv4Attributes(65002), 0xfffffffe],
      ['192.0.2.1/32', attributes, 7],
    ]);
    expect([...receiver.table.keys()]).toEqual(['10.0.0.0/8#7', '192.0.2.1/32#7', '10.0.0.0/8#4294967294']);
  });

  test.each<[string, EncodingRules, string[]]>([
    ['IPv4 in the Withdrawn Routes field', IPV4_RULES, blocks(3000)],
    ['IPv4 in MP_UNREACH_NLRI with extended next hop', { ...IPV4_RULES, extendedNextHop: true }, blocks(3000)],
    ['few IPv6 ones in a short MP_UNREACH_NLRI', IPV6_RULES, ['fd00::/64', 'fd00:1::/64']],
    [
      'IPv6 in MP_UNREACH_NLRI',
      IPV6_RULES,
      Array.from({ length: 3000 }, (_, i) => `fd00:${(i + 1).toString(16)}::/64`),
    ],
  ])('withdrawals: %s', (_sentence, rules, prefixes) => {
    const { receiver } = written(
      rules,
      [],
      prefixes.map((prefix) => [prefix] as const),
    );
    expect(receiver.log).toEqual(prefixes.map((prefix) => `-${prefix}`));
    for (const octets of receiver.messageOctets.slice(0, -1)) expect(octets).toBeGreaterThan(4096 - 9);
  });

  test('withdrawals go out before announcements', () => {
    const { receiver } = written(IPV4_RULES, [['10.0.0.0/8', ipv4Attributes(1)]], [['192.0.2.0/24']]);
    expect(receiver.log).toEqual(['-192.0.2.0/24', '+10.0.0.0/8']);
  });

  test('prefixes that share attributes share a message, whatever is between them', () => {
    const announced = blocks(60).map((block, i) => [block, ipv4Attributes(65000 + (i % 3))] as const);
    const { receiver } = written(IPV4_RULES, announced);
    expect(receiver.messageOctets).toHaveLength(3);
    expect(receiver.table.size).toBe(60);
  });

  test.each<[string, EncodingRules, (padding: number) => Uint8Array, string, number]>([
    ['NLRI field', IPV4_RULES, (padding) => ipv4Attributes(1, padding), '10.0.0.1/32', 4096 - 23 - 20 - 4 - 5],
    [
      'shorter prefix in the NLRI field',
      IPV4_RULES,
      (padding) => ipv4Attributes(1, padding),
      '10.0.0.0/8',
      4096 - 23 - 20 - 4 - 2,
    ],
    ['MP_REACH_NLRI', IPV6_RULES, (padding) => mpAttributes(1, 1, padding), 'fd00::1/128', 4096 - 23 - 37 - 1 - 4 - 17],
  ])('fits() says whether attributes leave room for one prefix: %s', (_sentence, rules, attributes, prefix, room) => {
    const rib = new FakeRib();
    const packer = new UpdatePacker(rib.sets, rib.prefixes[rules.family], rules);
    const fitting = room - (room % 4);
    for (const [padding, expected] of [
      [fitting, true],
      [fitting + 4, false],
      [100, true],
    ] as const) {
      const set = rib.intern(attributes(padding));
      expect(packer.fits(set, rib.handle(prefix).prefix)).toBe(expected);
    }
    const { receiver } = written(rules, [[prefix, attributes(fitting)]]);
    expect(receiver.messageOctets[0]).toBeGreaterThan(4092);
    expect(receiver.table.get(prefix)).toBe(receivedForm(attributes(fitting)));
  });

  test.each([
    ['IPv4', endOfRibMessage(0), 23],
    ['IPv6', endOfRibMessage(1), 29],
  ])('End-of-RIB of %s', (_family, message, octets) => {
    expect(message).toHaveLength(octets);
    expect([message[16], message[17], message[18]]).toEqual([0, octets, 2]);
  });

  test('BoRR and EoRR', () => {
    expect([...routeRefreshMessage(1, 1).subarray(16)]).toEqual([0, 23, 5, 0, 2, 1, 1]);
    expect([...routeRefreshMessage(0, 2).subarray(16)]).toEqual([0, 23, 5, 0, 1, 2, 1]);
  });

  test('whatever is written is read back the same', () => {
    const prefix4 = fc.tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 32 }));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(prefix4, fc.integer({ min: 0, max: 5 })), { maxLength: 200 }),
        fc.constantFrom(4096, 65535),
        fc.boolean(),
        (paths, maxMessageOctets, addPath) => {
          const rules = { ...IPV4_RULES, maxMessageOctets, addPath };
          const expected = new Map<string, string>();
          const announced = paths.map(([[address, length], as], i) => {
            const text = prefixText(address, length);
            const attributes = ipv4Attributes(as, as * 280);
            expected.set(addPath ? `${text}#${i + 1}` : text, receivedForm(attributes));
            return [text, attributes, i + 1] as const;
          });
          // Without path identifiers a prefix has one path only.
          const seen = new Set<string>();
          const last = announced.reverse().filter(([text]) => addPath || (!seen.has(text) && seen.add(text)));
          expect(new Map([...written(rules, last).receiver.table].sort())).toEqual(new Map([...expected].sort()));
        },
      ),
      { numRuns: 60 },
    );
  });
});

function prefixText(address: number, length: number): string {
  const masked = length === 0 ? 0 : (address & (0xffffffff << (32 - length))) >>> 0;
  return `${masked >>> 24}.${(masked >>> 16) & 255}.${(masked >>> 8) & 255}.${masked & 255}/${length}`;
}
