/**
 * RFC 7606 attribute by attribute: what a value, its flags or its sender make of an UPDATE that announces one prefix.
 * Each row runs through UpdateReader and the full decoder.
 */

import { describe, expect, test } from 'vitest';
import { readOutcome } from '../../../test/conformance/update-outcome.ts';
import { TREATMENT_NAMES } from '../error.ts';
import { finishMessage, startMessage } from '../header.ts';
import { fromHex } from '../octets.ts';
import { decodeUpdate } from '../update.ts';
import type { UpdateContext } from '../update-context.ts';
import { UpdateReader } from '../update-reader.ts';

const EXTERNAL: UpdateContext = {
  asn4: true,
  isInternal: false,
  isConfederationMember: false,
  families: [true, true],
  addPathReceive: [false, false],
  extendedNextHop: false,
};
const INTERNAL: UpdateContext = { ...EXTERNAL, isInternal: true };
const CONFEDERATION: UpdateContext = { ...EXTERNAL, isConfederationMember: true };
const OLD: UpdateContext = { ...EXTERNAL, asn4: false };

const ORIGIN = '40010100';
const AS_PATH = '40020602010000fde9';
const NEXT_HOP = '4003040a000002';
const LOCAL_PREF = '40050400000064';
const PREFIX = '18c63364';

/** An UPDATE of these attributes and NLRI. */
function update(attributes: string, nlri = PREFIX, withdrawn = ''): Uint8Array {
  const parts = [withdrawn, attributes, nlri].map((text) => fromHex(text) ?? new Uint8Array(0));
  const writer = startMessage(2);
  writer.uint16(parts[0].length).bytes(parts[0]).uint16(parts[1].length).bytes(parts[1]).bytes(parts[2]);
  return finishMessage(writer);
}

/** Outcome of both decoders, which must be the same one. */
function outcomeOf(octets: Uint8Array, context: UpdateContext): string {
  const { treatment, notification } = readOutcome(new UpdateReader(context), octets, 0, octets.length);
  const decoded = decodeUpdate(octets, 0, octets.length, context);
  const full = decoded.ok
    ? TREATMENT_NAMES[decoded.message.treatment]
    : `session-reset ${decoded.error.code}/${decoded.error.subcode}`;
  const fast = TREATMENT_NAMES[treatment];
  expect(fast === 'session-reset' ? `${fast} ${notification}` : fast).toBe(full);
  return full;
}

describe('one attribute added to a right UPDATE', () => {
  test.each([
    ['nothing', '', EXTERNAL, 'ok'],
    ['MULTI_EXIT_DISC', '80040400000001', EXTERNAL, 'ok'],
    ['MULTI_EXIT_DISC of 3 octets', '800403000001', EXTERNAL, 'treat-as-withdraw'],
    ['MULTI_EXIT_DISC marked transitive', 'c0040400000001', EXTERNAL, 'treat-as-withdraw'],
    ['MULTI_EXIT_DISC with a needless extended length', '900400040000' + '0001', EXTERNAL, 'ok'],
    ['LOCAL_PREF from an internal peer', LOCAL_PREF, INTERNAL, 'ok'],
    ['LOCAL_PREF from an external peer', LOCAL_PREF, EXTERNAL, 'attribute-discard'],
    ['LOCAL_PREF from a confederation peer', LOCAL_PREF, CONFEDERATION, 'ok'],
    ['LOCAL_PREF of 3 octets from an internal peer', '400503000001', INTERNAL, 'treat-as-withdraw'],
    ['LOCAL_PREF of 3 octets from an external peer', '400503000001', EXTERNAL, 'attribute-discard'],
    ['ATOMIC_AGGREGATE', '400600', EXTERNAL, 'ok'],
    ['ATOMIC_AGGREGATE with a value', '40060101', EXTERNAL, 'attribute-discard'],
    ['ATOMIC_AGGREGATE marked optional', 'c00600', EXTERNAL, 'treat-as-withdraw'],
    ['AGGREGATOR', 'c007080000fde90a000002', EXTERNAL, 'ok'],
    ['AGGREGATOR with reserved flag bits', 'c807080000fde90a000002', EXTERNAL, 'ok'],
    ['AGGREGATOR of 6 octets', 'c00706fde90a000002', EXTERNAL, 'attribute-discard'],
    ['AGGREGATOR with AS 0', 'c00708000000000a000002', EXTERNAL, 'attribute-discard'],
    ['COMMUNITIES', 'c00804fde90001', EXTERNAL, 'ok'],
    ['empty COMMUNITIES', 'c00800', EXTERNAL, 'treat-as-withdraw'],
    ['COMMUNITIES of 5 octets', 'c00805fde9000100', EXTERNAL, 'treat-as-withdraw'],
    ['COMMUNITIES marked non-transitive', '800804fde90001', EXTERNAL, 'treat-as-withdraw'],
    ['ORIGINATOR_ID from an internal peer', '8009040a000001', INTERNAL, 'ok'],
    ['ORIGINATOR_ID of 3 octets from an internal peer', '8009030a0000', INTERNAL, 'treat-as-withdraw'],
    ['ORIGINATOR_ID from an external peer', '8009040a000001', EXTERNAL, 'attribute-discard'],
    ['CLUSTER_LIST from an internal peer', '800a080a0000010a000002', INTERNAL, 'ok'],
    ['empty CLUSTER_LIST from an internal peer', '800a00', INTERNAL, 'treat-as-withdraw'],
    ['empty CLUSTER_LIST from an external peer', '800a00', EXTERNAL, 'attribute-discard'],
    ['CLUSTER_LIST marked transitive from an external peer', 'c00a040a000001', EXTERNAL, 'treat-as-withdraw'],
    ['EXTENDED_COMMUNITIES', 'c010080002fde900000064', EXTERNAL, 'ok'],
    ['EXTENDED_COMMUNITIES of 7 octets', 'c010070002fde9000000', EXTERNAL, 'treat-as-withdraw'],
    ['AS4_PATH from a four-octet speaker', 'c01106020100011170', EXTERNAL, 'attribute-discard'],
    ['AS4_PATH from a two-octet speaker', 'c01106020100011170', OLD, 'ok'],
    ['AS4_PATH with AS 0 from a two-octet speaker', 'c01106020100000000', OLD, 'attribute-discard'],
    ['empty AS4_PATH from a two-octet speaker', 'c01100', OLD, 'attribute-discard'],
    ['AS4_AGGREGATOR of 6 octets from a two-octet speaker', 'c01206fde90a000002', OLD, 'attribute-discard'],
    ['IPv6 extended communities', `c01914${'00'.repeat(20)}`, EXTERNAL, 'ok'],
    ['IPv6 extended communities of 19 octets', `c01913${'00'.repeat(19)}`, EXTERNAL, 'treat-as-withdraw'],
    ['AIGP from an internal peer', '801a0b01000b000000000000000a', INTERNAL, 'ok'],
    ['AIGP from an external peer, as if unknown', '801a0b01000b000000000000000a', EXTERNAL, 'ok'],
    ['AIGP with a short TLV', '801a0a01000a0000000000000a', INTERNAL, 'attribute-discard'],
    ['AIGP with a TLV that overruns', '801a0b0100ff000000000000000a', INTERNAL, 'attribute-discard'],
    ['AIGP with a TLV of length 0', '801a03020000', INTERNAL, 'attribute-discard'],
    ['AIGP with an unknown TLV', '801a03020003', INTERNAL, 'ok'],
    ['empty AIGP', '801a00', INTERNAL, 'attribute-discard'],
    ['LARGE_COMMUNITIES', 'c0200c0000fde90000000100000002', EXTERNAL, 'ok'],
    ['LARGE_COMMUNITIES of 13 octets', 'c0200d0000fde9000000010000000200', EXTERNAL, 'treat-as-withdraw'],
    ['empty LARGE_COMMUNITIES', 'c02000', EXTERNAL, 'treat-as-withdraw'],
    ['ONLY_TO_CUSTOMER', 'c023040000fde9', EXTERNAL, 'ok'],
    ['ONLY_TO_CUSTOMER of 3 octets', 'c0230300fde9', EXTERNAL, 'treat-as-withdraw'],
    ['an unknown optional transitive attribute', 'c0fe0101', EXTERNAL, 'ok'],
    ['an unknown optional non-transitive attribute', '80fe0101', EXTERNAL, 'ok'],
    ['an unknown well-known attribute', '40fe0101', EXTERNAL, 'session-reset 3/2'],
    ['a registered optional attribute marked well-known', '40160101', EXTERNAL, 'treat-as-withdraw'],
    ['attribute 0 marked optional', 'c00000', EXTERNAL, 'attribute-discard'],
    ['attribute 0 marked well-known', '000000', EXTERNAL, 'session-reset 3/2'],
    ['a second ORIGIN', '40010101', EXTERNAL, 'attribute-discard'],
    ['a second, broken ORIGIN', '40010109', EXTERNAL, 'attribute-discard'],
    ['a second unknown attribute', 'c0fe0101c0fe0102', EXTERNAL, 'attribute-discard'],
    ['half an attribute header', 'c0fe', EXTERNAL, 'treat-as-withdraw'],
    ['half an extended length', 'd0fe00', EXTERNAL, 'treat-as-withdraw'],
    ['an attribute that overruns', 'c0fe0501', EXTERNAL, 'treat-as-withdraw'],
  ])('%s', (_name, attribute, context, expected) => {
    // Two-octet speakers write AS numbers in two octets.
    const path = context.asn4 ? AS_PATH : '4002040201fde9';
    expect(outcomeOf(update(ORIGIN + path + NEXT_HOP + attribute), context)).toBe(expected);
  });
});

describe('well-known attributes', () => {
  test.each([
    ['ORIGIN is missing', AS_PATH + NEXT_HOP, 'treat-as-withdraw'],
    ['ORIGIN 3 is undefined', `40010103${AS_PATH}${NEXT_HOP}`, 'treat-as-withdraw'],
    ['ORIGIN has 2 octets', `4001020000${AS_PATH}${NEXT_HOP}`, 'treat-as-withdraw'],
    ['ORIGIN has the Partial bit', `60010100${AS_PATH}${NEXT_HOP}`, 'ok'],
    ['ORIGIN is marked optional', `c0010100${AS_PATH}${NEXT_HOP}`, 'treat-as-withdraw'],
    ['AS_PATH is missing', ORIGIN + NEXT_HOP, 'treat-as-withdraw'],
    ['AS_PATH is empty', `${ORIGIN}400200${NEXT_HOP}`, 'ok'],
    ['AS_PATH overruns itself', `${ORIGIN}40020602020000fde9${NEXT_HOP}`, 'treat-as-withdraw'],
    ['AS_PATH holds AS 0', `${ORIGIN}400206020100000000${NEXT_HOP}`, 'treat-as-withdraw'],
    ['AS_PATH has a confederation segment', `${ORIGIN}40020603010000fde9${NEXT_HOP}`, 'treat-as-withdraw'],
    ['NEXT_HOP is missing', ORIGIN + AS_PATH, 'treat-as-withdraw'],
    ['NEXT_HOP has 5 octets', `${ORIGIN}${AS_PATH}4003050a00000200`, 'treat-as-withdraw'],
    ['NEXT_HOP is 0.0.0.0', `${ORIGIN}${AS_PATH}40030400000000`, 'treat-as-withdraw'],
    ['NEXT_HOP is 127.0.0.1', `${ORIGIN}${AS_PATH}4003047f000001`, 'treat-as-withdraw'],
    ['NEXT_HOP is multicast', `${ORIGIN}${AS_PATH}400304e0000001`, 'treat-as-withdraw'],
    ['NEXT_HOP is broadcast', `${ORIGIN}${AS_PATH}400304ffffffff`, 'treat-as-withdraw'],
    ['LOCAL_PREF is missing', ORIGIN + AS_PATH + NEXT_HOP, 'ok'],
  ])('%s', (_name, attributes, expected) => {
    expect(outcomeOf(update(attributes), { ...INTERNAL })).toBe(expected);
  });
});

describe('the frame of the message', () => {
  const right = ORIGIN + AS_PATH + NEXT_HOP;
  const reach = (nextHop: string, nlri: string): string => {
    const value = `000201${(nextHop.length / 2).toString(16).padStart(2, '0')}${nextHop}00${nlri}`;
    return `800e${(value.length / 2).toString(16).padStart(2, '0')}${value}`;
  };
  const global = '20010db8000000000000000000000001';
  const linkLocal = 'fe800000000000000000000000000001';
  test.each([
    ['an empty UPDATE', '', '', '', 'ok'],
    ['withdrawn routes alone', '', '', PREFIX, 'ok'],
    ['a withdrawn prefix of 33 bits', '', '', '21c633640000', 'session-reset 3/10'],
    ['a prefix of 33 bits', right, '21c633640000', '', 'session-reset 3/10'],
    ['a prefix that is cut off', right, '18c633', '', 'session-reset 3/10'],
    ['MP_REACH_NLRI with a global next hop', ORIGIN + AS_PATH + reach(global, '2020010db8'), '', '', 'ok'],
    ['MP_REACH_NLRI with both next hops', ORIGIN + AS_PATH + reach(global + linkLocal, '2020010db8'), '', '', 'ok'],
    [
      'MP_REACH_NLRI with :: and a link-local next hop (BIRD without a global address)',
      ORIGIN + AS_PATH + reach('00'.repeat(16) + linkLocal, '2020010db8'),
      '',
      '',
      'ok',
    ],
    [
      'MP_REACH_NLRI with :: and a global next hop',
      ORIGIN + AS_PATH + reach('00'.repeat(16) + global, '2020010db8'),
      '',
      '',
      'treat-as-withdraw',
    ],
    [
      'MP_REACH_NLRI with ::1 and a link-local next hop',
      ORIGIN + AS_PATH + reach(`${'00'.repeat(15)}01${linkLocal}`, '2020010db8'),
      '',
      '',
      'treat-as-withdraw',
    ],
    ['MP_REACH_NLRI with a link-local next hop', ORIGIN + AS_PATH + reach(linkLocal, '2020010db8'), '', '', 'ok'],
    [
      'MP_REACH_NLRI with next hop ::',
      ORIGIN + AS_PATH + reach('00'.repeat(16), '2020010db8'),
      '',
      '',
      'treat-as-withdraw',
    ],
    [
      'MP_REACH_NLRI with next hop ::1',
      ORIGIN + AS_PATH + reach(`${'00'.repeat(15)}01`, '2020010db8'),
      '',
      '',
      'treat-as-withdraw',
    ],
    [
      'MP_REACH_NLRI with a multicast next hop',
      ORIGIN + AS_PATH + reach(`ff02${'00'.repeat(14)}`, '2020010db8'),
      '',
      '',
      'treat-as-withdraw',
    ],
    [
      'MP_REACH_NLRI with a next hop of 4 octets',
      ORIGIN + AS_PATH + reach('0a000001', '2020010db8'),
      '',
      '',
      'session-reset 3/9',
    ],
    ['MP_REACH_NLRI whose next hop overruns', `${ORIGIN}${AS_PATH}800e0500020110ff`, '', '', 'session-reset 3/9'],
    ['MP_REACH_NLRI without AFI/SAFI', `${ORIGIN}${AS_PATH}800e020002`, '', '', 'session-reset 3/9'],
    ['MP_REACH_NLRI with a prefix of 129 bits', ORIGIN + AS_PATH + reach(global, '81'), '', '', 'session-reset 3/9'],
    [
      'MP_REACH_NLRI marked transitive',
      `${ORIGIN}${AS_PATH}c0${reach(global, '2020010db8').slice(2)}`,
      '',
      '',
      'treat-as-withdraw',
    ],
    [
      'MP_REACH_NLRI twice',
      ORIGIN + AS_PATH + reach(global, '2020010db8') + reach(global, '2020010db8'),
      '',
      '',
      'session-reset 3/1',
    ],
    ['MP_REACH_NLRI without ORIGIN', AS_PATH + reach(global, '2020010db8'), '', '', 'treat-as-withdraw'],
    [
      'a broken NEXT_HOP beside MP_REACH_NLRI, which does not need it',
      `${ORIGIN}${AS_PATH}40030100${reach(global, '2020010db8')}`,
      '',
      '',
      'ok',
    ],
    ['MP_REACH_NLRI of another family', `${ORIGIN}${AS_PATH}800e0700190000000000`, '', '', 'ok'],
    ['broken attributes that go with another family', `400101ff${AS_PATH}800e0700190000000000`, '', '', 'ok'],
    ['MP_UNREACH_NLRI', '800f0800020120' + '20010db8', '', '', 'ok'],
    ['MP_UNREACH_NLRI with a prefix cut off', '800f070002012020' + '010d', '', '', 'session-reset 3/9'],
    ['MP_UNREACH_NLRI marked transitive, alone', 'c00f08000201' + '2020010db8', '', '', 'treat-as-withdraw'],
    ['MP_UNREACH_NLRI twice', '800f03000201800f03000201', '', '', 'session-reset 3/1'],
    ['attributes that announce nothing', right, '', '', 'ok'],
    ['attributes that announce nothing, one to be discarded', `${right}40060101`, '', '', 'attribute-discard'],
    ['attributes that announce nothing, one malformed', `400101ff${AS_PATH}`, '', '', 'session-reset 3/6'],
    ['attributes that announce nothing, one with wrong flags', `c0010100${AS_PATH}`, '', PREFIX, 'session-reset 3/4'],
    ['attributes that announce nothing and overrun', `${ORIGIN}c0fe0501`, '', '', 'session-reset 3/1'],
    [
      'attributes that announce nothing, with an impossible next hop',
      `${ORIGIN}${AS_PATH}40030400000000`,
      '',
      '',
      'ok',
    ],
  ])('%s', (_name, attributes, nlri, withdrawn, expected) => {
    expect(outcomeOf(update(attributes, nlri, withdrawn), EXTERNAL)).toBe(expected);
  });

  test.each([
    ['withdrawn routes exceed the message', '0005' + '0000', 'session-reset 3/1'],
    ['withdrawn routes leave no room for the attributes length', '0001' + '0000', 'session-reset 3/1'],
    ['attributes exceed the message', '0000' + '0001', 'session-reset 3/1'],
  ])('%s', (_name, body, expected) => {
    const octets = finishMessage(startMessage(2).bytes(fromHex(body) ?? new Uint8Array(0)));
    expect(outcomeOf(octets, EXTERNAL)).toBe(expected);
  });

  test('an IPv4 prefix may have an IPv6 next hop only when that was negotiated (RFC 8950)', () => {
    const value = `00010110${global}00${PREFIX}`;
    const octets = update(`${ORIGIN}${AS_PATH}800e${(value.length / 2).toString(16)}${value}`, '');
    expect(outcomeOf(octets, EXTERNAL)).toBe('session-reset 3/9');
    expect(outcomeOf(octets, { ...EXTERNAL, extendedNextHop: true })).toBe('ok');
  });

  test('prefixes of a family that was not negotiated are ignored with all that is wrong in them', () => {
    const octets = update(`400101ff${AS_PATH}`, '21ffffffff', '21ffffffff');
    const { announced, withdrawn } = readOutcome(
      new UpdateReader({ ...EXTERNAL, families: [false, true] }),
      octets,
      0,
      octets.length,
    );
    expect([announced, withdrawn]).toEqual([
      [[], []],
      [[], []],
    ]);
    expect(outcomeOf(octets, { ...EXTERNAL, families: [false, true] })).toBe('ok');
  });
});
