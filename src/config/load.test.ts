import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatDiagnostic } from './diagnose.ts';
import { loadStandAlone, MAX_FILE_CHARACTERS } from './load.ts';
import { parsePrefixRange } from './policy-syntax.ts';

const BASE = 'routerId: 10.0.0.1\nas: 65001\n';

function desired(text: string) {
  const result = loadStandAlone('test.yaml', text);
  if (!result.ok) throw new Error(result.diagnostics.map((d) => formatDiagnostic(d, text)).join('\n'));
  return result.desired;
}

function firstError(text: string): string {
  const result = loadStandAlone('test.yaml', text);
  if (result.ok) throw new Error('accepted');
  return formatDiagnostic(result.diagnostics[0], text);
}

describe('stand-alone configuration', () => {
  test.each(['tor', 'route-reflector'])('the example %s.yaml loads', (name) => {
    const file = new URL(`../../fixtures/stand-alone/${name}.yaml`, import.meta.url);
    expect(desired(readFileSync(file, 'utf8')).peers).toHaveLength(2);
  });

  test('defaults: both wildcard listeners, no kernel routes, next hops resolved through the kernel', () => {
    const state = desired(BASE);
    expect(state.listen).toEqual([
      { address: '0.0.0.0', port: 179 },
      { address: '::', port: 179 },
    ]);
    expect(state.kernel).toMatchObject({ backend: 'netlink', programRoutes: false, protocol: 12, table: 254 });
  });

  test.each([
    ['eBGP is single-hop', 'as: 65002', { kind: 'multihop', ttl: 1 }],
    ['iBGP is multihop', 'as: 65001', { kind: 'multihop', ttl: 64 }],
    ['multihopTtl overrides', 'as: 65002, multihopTtl: 5', { kind: 'multihop', ttl: 5 }],
    ['ttlSecurityHops is GTSM', 'as: 65002, ttlSecurityHops: 2', { kind: 'gtsm', hops: 2 }],
  ])('%s', (_, fields, ttl) => {
    expect(desired(`${BASE}peers: [{address: 10.0.0.2, ${fields}}]`).peers[0].session.ttl).toEqual(ttl);
  });

  test.each([
    ['nothing said', '', null],
    ['true', ', bfd: true', { minTxMs: 300, minRxMs: 300, multiplier: 3, multihop: false, strict: false }],
    ['false', ', bfd: false', null],
    [
      'details',
      ', bfd: {minTxMs: 50, strict: true}',
      { minTxMs: 50, minRxMs: 300, multiplier: 3, multihop: false, strict: true },
    ],
  ])('BFD: %s', (_, fields, bfd) => {
    expect(desired(`${BASE}peers: [{address: 10.0.0.2, as: 65002${fields}}]`).peers[0].session.bfd).toEqual(bfd);
  });

  test.each([
    ['a word', 'bfd: fast', 'peers.0.bfd: wanted true, false or {minTxMs'],
    ['too short', 'bfd: {minTxMs: 10}', 'peers.0.bfd.minTxMs: wanted 50 to 10000 milliseconds'],
    ['an unknown field', 'bfd: {interval: 50}', 'unknown field "interval"'],
    ['one hop over several', 'bfd: {multihop: false}, multihopTtl: 5', 'peers.0.bfd.multihop: single-hop BFD cannot'],
  ])('BFD refused: %s', (_, fields, words) => {
    expect(firstError(`${BASE}peers: [{address: 10.0.0.2, as: 65002, ${fields}}]`)).toContain(words);
  });

  test('a file that is too large is refused before it is looked into', () => {
    expect(firstError(`${BASE}# ${'x'.repeat(MAX_FILE_CHARACTERS)}`)).toContain('test.yaml:1:1 larger than');
  });

  test('a peer takes what its group says and overrides it field by field', () => {
    const { session, policy } = desired(
      `${BASE}peerGroups: {g: {as: 65002, holdTimeSeconds: 30, allowOwnAs: 2}}\npeers: [{address: "2001:DB8::2", group: g, holdTimeSeconds: 9}]`,
    ).peers[0];
    expect(session).toMatchObject({
      name: '2001:db8::2',
      peerAs: 65002,
      holdTimeSeconds: 9,
      families: ['ipv6-unicast'],
    });
    expect(policy.allowOwnAs).toBe(2);
  });

  test('RFC 8212: with ebgpRequiresPolicy an eBGP peer without policy neither sends nor gets routes', () => {
    const text = `${BASE}ebgpRequiresPolicy: true\npeers: [{address: 10.0.0.2, as: 65002}, {address: 10.0.0.3, as: 65001}]`;
    const [external, internal] = desired(text).peers;
    expect(external.policy.importPolicy['ipv4-unicast'].otherwise).toBe('reject');
    expect(external.policy.exportPolicy['ipv4-unicast'].otherwise).toBe('reject');
    expect(internal.policy.importPolicy['ipv4-unicast'].otherwise).toBe('accept');
  });

  test.each([
    [
      'an unknown field',
      `${BASE}peers:\n  - address: 10.0.0.2\n    ass: 1\n    as: 2\n`,
      'test.yaml:5:5 peers.0.ass: unknown field "ass"',
    ],
    [
      'a bad address',
      `${BASE}peers:\n  - address: 10.0.0.256\n    as: 2\n`,
      'test.yaml:4:14 peers.0.address: wanted an IPv4 or IPv6 address',
    ],
    ['a missing field', 'as: 1\n', 'test.yaml:1:1 routerId: this field is required'],
    ['an empty file', '', 'test.yaml:1:1 routerId: this field is required'],
    ['a list instead of a mapping', '- as\n', 'test.yaml:1:1 wanted a mapping (field: value)'],
    [
      'a word that is none of the possible ones',
      `${BASE}logLevel: loud\n`,
      'test.yaml:3:11 logLevel: wanted debug, info, warn or error',
    ],
    ['a number out of range', `${BASE}kernel: {table: 0}\n`, 'test.yaml:3:17 kernel.table: wanted at least 1'],
    [
      'host bits in a prefix',
      `${BASE}originate: [{prefix: 10.0.0.1/8}]\n`,
      'test.yaml:3:22 originate.0.prefix: 10.0.0.1/8 has bits set beyond its length: wanted 10.0.0.0/8',
    ],
    [
      'a bad member of a list',
      `${BASE}policies: {p: {statements: [{match: {prefix: [10.0.0.0/8, x]}, then: accept}]}}\n`,
      'test.yaml:3:59 policies.p.statements.0.match.prefix.1: wanted PREFIX, PREFIX le N',
    ],
    [
      'a bad value that stands for a list of one',
      `${BASE}policies: {p: {statements: [{match: {source: x}, then: accept}]}}\n`,
      'test.yaml:3:46 policies.p.statements.0.match.source: wanted bgp, static, kernel or direct',
    ],
    [
      'a missing policy',
      `${BASE}peers:\n  - address: 10.0.0.2\n    as: 2\n    import: nope\n`,
      'test.yaml:6:13 peers.0.import: there is no policy "nope"; there are: accept-all, reject-all',
    ],
    [
      'a missing group',
      `${BASE}peers:\n  - {address: 10.0.0.2, group: x}\n`,
      'test.yaml:4:32 peers.0.group: there is no peer group "x"; there are: none',
    ],
    ['AS 0', 'routerId: 1.1.1.1\nas: 0\n', 'test.yaml:2:5 as: wanted an AS number 1..4294967295 or "high.low"'],
    ['YAML that is not well-formed', 'as: [1\n', 'test.yaml:2:1'],
    [
      'one peer twice',
      `${BASE}peers: [{address: 10.0.0.2, as: 1}, {address: 10.0.0.2, as: 1, name: b}]\n`,
      'test.yaml:3:47 peers.1.address: a second peer with the address 10.0.0.2',
    ],
    [
      'a hold time of 2',
      `${BASE}peers: [{address: 10.0.0.2, as: 1, holdTimeSeconds: 2}]\n`,
      'test.yaml:3:53 peers.0.holdTimeSeconds: wanted 0 (off) or at least 3',
    ],
  ])('%s is refused with its place', (_, text, expected) => {
    expect(firstError(text).startsWith(expected), firstError(text)).toBe(true);
  });

  test('mistakes come in the order of the file', () => {
    const text = 'as: 0\nrouterId: x\npeers: [{address: y}]\nnonsense: 1\n';
    const result = loadStandAlone('test.yaml', text);
    expect(result.ok ? [] : result.diagnostics.map(({ line }) => line)).toEqual([1, 2, 3, 4]);
  });

  test('a diagnostic shows the line and a caret under the value', () => {
    expect(firstError('routerId: 1.1.1.1\nas: x\n').split('\n').slice(1)).toEqual(['2 | as: x', '        ^']);
  });
});

describe('prefix ranges', () => {
  test.each([
    ['10.0.0.0/8', { prefix: '10.0.0.0/8', minLength: 8, maxLength: 8 }],
    ['10.0.0.0/8 le 24', { prefix: '10.0.0.0/8', minLength: 8, maxLength: 24 }],
    ['10.0.0.0/8 ge 24', { prefix: '10.0.0.0/8', minLength: 24, maxLength: 32 }],
    ['10.0.0.0/8 ge 16 le 24', { prefix: '10.0.0.0/8', minLength: 16, maxLength: 24 }],
    ['2001:db8::/32 or longer', { prefix: '2001:db8::/32', minLength: 32, maxLength: 128 }],
  ])('%s', (text, expected) => expect(parsePrefixRange(text)).toEqual(expected));

  test.each(['10.0.0.0/8 le 7', '10.0.0.0/8 le 33', '10.0.0.0/8 ge 24 le 16'])('%s is refused', (text) =>
    expect(typeof parsePrefixRange(text)).toBe('string'),
  );
});
