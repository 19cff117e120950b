import { describe, expect, test } from 'vitest';
import {
  parseAsNumber,
  parseCidr,
  parseCommunity,
  parseDurationSeconds,
  parseInterfaceAddress,
  parseLabelValue,
  parsePeerEndpoint,
} from './values.ts';

describe('AS numbers', () => {
  test.each<[sentence: string, value: unknown, as: number | null]>([
    ['a number', 64512, 64512],
    ['the largest', 4294967295, 4294967295],
    ['one too large', 4294967296, null],
    ['decimal text', '65001', 65001],
    ['two halves', '1.10', 65546],
    ['a half too large', '1.65536', null],
    ['a YAML float is not two halves', 1.1, null],
    ['negative', -1, null],
    ['text around it', ' 1', null],
    ['hexadecimal', '0x10', null],
    ['true', true, null],
  ])('%s', (_sentence, value, as) => {
    expect(parseAsNumber(value)).toBe(as);
  });
});

describe('durations', () => {
  test.each<[sentence: string, value: unknown, seconds: number | null]>([
    ['seconds', '15s', 15],
    ['hours and minutes', '1h30m', 5400],
    ['a fraction', '1.5m', 90],
    ['a fraction without leading digit', '.5h', 1800],
    ['rounded up from a half', '1500ms', 2],
    ['rounded down below a half', '1499ms', 1],
    ['microseconds', '2000000us', 2],
    ['zero without unit', '0', 0],
    ['the number zero', 0, 0],
    ['a number without unit', '15', null],
    ['a bare number', 15, null],
    ['an unknown unit', '1d', null],
    ['nothing', '', null],
    ['a sign alone', '+', null],
    ['a plus sign', '+10s', 10],
    ['negative', '-10s', null],
    ['blanks', '10 s', null],
  ])('%s', (_sentence, value, seconds) => {
    expect(parseDurationSeconds(value)).toBe(seconds);
  });
});

describe('peerIP', () => {
  test.each<[sentence: string, value: unknown, parsed: [address: string, port: number] | null]>([
    ['IPv4', '192.0.2.1', ['192.0.2.1', 0]],
    ['IPv4 with port', '192.0.2.1:179', ['192.0.2.1', 179]],
    ['IPv6', 'fd00::1', ['fd00::1', 0]],
    ['IPv6 in another form becomes canonical', 'FD00:0:0::0001', ['fd00::1', 0]],
    ['IPv6 with port', '[fd00::1]:1790', ['fd00::1', 1790]],
    ['bracketed IPv6 without port', '[fd00::1]', null],
    ['bracketed IPv4 with port', '[192.0.2.1]:179', null],
    ['port 0', '192.0.2.1:0', null],
    ['a port too large', '192.0.2.1:65536', null],
    ['a port that is none', '192.0.2.1:bgp', null],
    ['a host name', 'tor.example', null],
    ['a CIDR', '192.0.2.1/32', null],
    ['a number', 3221225985, null],
  ])('%s', (_sentence, value, parsed) => {
    const endpoint = parsePeerEndpoint(value);
    expect(endpoint === null ? null : [endpoint.address, endpoint.port]).toEqual(parsed);
  });
});

describe('addresses and networks', () => {
  test.each<[sentence: string, value: unknown, parsed: [address: string, network: string] | null]>([
    ['address with length', '10.0.0.5/24', ['10.0.0.5', '10.0.0.0/24']],
    ['bare address', '10.0.0.5', ['10.0.0.5', '10.0.0.5/32']],
    ['an IPv6 address is not IPv4', 'fd00::1', null],
    ['a length too large', '10.0.0.5/33', null],
  ])('IPv4 node address: %s', (_sentence, value, parsed) => {
    const result = parseInterfaceAddress(value, 'ipv4-unicast');
    expect(result === null ? null : [result.address, result.network]).toEqual(parsed);
  });

  test('host bits of a CIDR are cleared', () => expect(parseCidr('10.1.2.3/8')).toBe('10.0.0.0/8'));
  test('a bare address is not a CIDR', () => expect(parseCidr('10.1.2.3')).toBeNull());
});

describe('communities', () => {
  test.each<[sentence: string, value: unknown, community: string | null]>([
    ['standard', '65001:100', '65001:100'],
    ['large', '4294967295:1:2', '4294967295:1:2'],
    ['leading zeros go', '065001:010', '65001:10'],
    ['a part too large for standard', '65536:1', null],
    ['a part too large for large', '4294967296:1:1', null],
    ['a name', 'my-community', null],
    ['four parts', '1:2:3:4', null],
  ])('%s', (_sentence, value, community) => {
    expect(parseCommunity(value)).toBe(community);
  });
});

describe('label values', () => {
  test.each<[sentence: string, value: unknown, label: string | null]>([
    ['text', 'r1', 'r1'],
    ['what YAML makes of an unquoted yes', true, 'true'],
    ['a number', 17, '17'],
    ['nothing', null, ''],
    ['a map is not one', {}, null],
  ])('%s', (_sentence, value, label) => {
    expect(parseLabelValue(value)).toBe(label);
  });
});
