import { expect, test } from 'vitest';
import { parsePrefix } from '../../bgp/ip.ts';
import { CommandError, TokenReader, tokenize } from './tokens.ts';
import { type Candidate, matchesPattern, parseCondition } from './where.ts';

const ROUTE: Candidate = {
  net: parsePrefix('10.1.2.0/24') ?? raise(),
  proto: 'Mesh_10_0_0_2',
  source: 'RTS_BGP',
  preference: 100,
  from: '10.0.0.2',
  gateway: '10.0.0.9',
  interfaceName: 'eth0',
  metric: 0,
  localPref: 200,
  isBgp: true,
  origin: 'IGP',
  med: null,
  nextHop: '10.0.0.2',
  pathLength: 3,
  asns: [65001, 65002, 65003, 65004],
  communities: ['65000:100', '65535:65281'],
  extendedCommunities: [],
  largeCommunities: ['65000:1:2'],
};

function raise(): never {
  throw new Error('not a prefix');
}

function holds(text: string, route: Candidate = ROUTE): boolean {
  const reader = new TokenReader(tokenize(text));
  const condition = parseCondition(reader);
  reader.end();
  return condition(route);
}

test.each([
  ['net = 10.1.2.0/24', true],
  ['net != 10.1.2.0/24', false],
  ['net ~ 10.0.0.0/8', true],
  ['net ~ [10.0.0.0/8]', false],
  ['net ~ [10.0.0.0/8+]', true],
  ['net ~ [10.0.0.0/8{16,23}]', false],
  ['net ~ [10.0.0.0/8{16,24}, 192.168.0.0/16+]', true],
  ['net ~ [10.1.2.128/25-]', true],
  ['net !~ [11.0.0.0/8+]', true],
  ['net ~ [fd00::/8+]', false],
  ['net.len = 24 && net.ip = 10.1.2.0', true],
  ['net.len > 24 || preference >= 100', true],
  ['!(net.len < 20)', true],
  ['proto = "Mesh_10_0_0_2"', true],
  ['proto ~ "Mesh_*"', true],
  ['source = RTS_BGP && source != RTS_STATIC', true],
  ['source ~ [RTS_STATIC, RTS_DEVICE]', false],
  ['from = 10.0.0.2 && gw ~ 10.0.0.0/24', true],
  ['ifname = "eth0"', true],
  ['bgp_path.len = 3', true],
  ['bgp_path.first = 65001 && bgp_path.last = 65004', true],
  ['bgp_path ~ [= 65001 * =]', true],
  ['bgp_path ~ [= * 65002 ? ? =]', true],
  ['bgp_path ~ [= * 65002 =]', false],
  ['bgp_path ~ [65002..65003]', true],
  ['65005 ~ bgp_path', false],
  ['(65000,100) ~ bgp_community', true],
  ['bgp_community ~ [(65000,*)]', true],
  ['bgp_community ~ [(65000,1..99)]', false],
  ['bgp_large_community ~ [(65000,*,2)]', true],
  ['bgp_origin = ORIGIN_IGP', true],
  ['bgp_local_pref = 200', true],
  ['defined(bgp_med)', false],
  ['bgp_med < 5', true],
  ['bgp_next_hop ~ [10.0.0.0/24+]', true],
  ['true', true],
])('%s', (text, result) => {
  expect(holds(text)).toBe(result);
});

test.each([
  ['net ='],
  ['net ~ [10.0.0.0/8'],
  ['nonsense = 1'],
  ['constructor = 1'],
  ['net ~ [10.0.0.0/8{1}]'],
  ['((('],
  ['1 + 1'],
  [`${'('.repeat(60)}true${')'.repeat(60)}`],
  ['999.0.0.0/8 = net'],
])('%s is no condition', (text) => {
  expect(() => holds(text)).toThrow(CommandError);
});

test('a value that is no truth is a run-time error', () => {
  expect(() => holds('net.len')).toThrow(new CommandError('boolean expression expected', 8008));
});

test('a mask with many stars does not take for ever', () => {
  const asns = Array(400).fill(1);
  const route: Candidate = { ...ROUTE, asns };
  const begin = performance.now();
  expect(holds(`bgp_path ~ [= ${'* 1 '.repeat(100)}* 2 =]`, route)).toBe(false);
  expect(performance.now() - begin).toBeLessThan(1000);
});

test.each([
  ['Mesh_*', 'Mesh_10_0_0_2', true],
  ['*', '', true],
  ['*_2', 'Mesh_10_0_0_2', true],
  ['*_2', 'Mesh_10_0_0_3', false],
  ['kernel?', 'kernel1', true],
  ['kernel?', 'kernel', false],
  ['a.b', 'axb', false],
  ['[a]', 'a', false],
  [`${'*a'.repeat(400)}b`, 'a'.repeat(64), false],
])('pattern %s and name %s', (pattern, name, result) => {
  expect(matchesPattern(pattern, name)).toBe(result);
});
