/** What configurations mean: sessions, node, kernel; what is refused, with what is wanted. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Match, Policy, Statement } from '../../rib/policy/policy.ts';
import { readDocuments } from '../datastore/documents.ts';
import { derive } from '../derive/derive.ts';
import { DEFAULT_DERIVE_OPTIONS } from '../derive/options.ts';
import type { DesiredState } from '../desired-state.ts';
import { decodeObject } from '../model/resource.ts';
import { resourcesOf } from '../resource-store.ts';
import { formatBirdDiagnostic } from './diagnostic.ts';
import { type BirdFiles, loadBirdConfig } from './load.ts';
import { loadText, memorySources } from './test-support.ts';
import { PolicyMemory } from './translate-policy.ts';

const FIXTURES = resolve(import.meta.dirname, '../../fixtures');

function filesIn(folder: string): Record<string, string> {
  const path = join(FIXTURES, 'bird-config', folder);
  return Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'utf8')]));
}

function load(files: Record<string, string>, named: BirdFiles): DesiredState {
  const result = loadBirdConfig(memorySources(files), named, () => 'test');
  if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
  return result.desired;
}

function desired(text: string, family: 'ipv4-unicast' | 'ipv6-unicast' = 'ipv4-unicast'): DesiredState {
  const result = loadText(text, family);
  if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
  return result.desired;
}

/** The one peer of a protocol with these options; neighbour and AS numbers are there already. */
function peer(options: string, as = 65002) {
  return desired(`protocol bgp p { local as 65001; neighbor 10.0.0.9 as ${as}; ${options} }`).peers[0];
}

function mistakes(text: string, family: 'ipv4-unicast' | 'ipv6-unicast' = 'ipv4-unicast'): string[] {
  const result = loadText(text, family);
  return result.ok ? [] : result.diagnostics.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

describe('the files of a Calico node', () => {
  const files = filesIn('cluster');
  const state = load(files, { ipv4: 'bird.cfg', ipv6: 'bird6.cfg' });
  const objects = [
    'bgp-configuration.yaml',
    'ip-pools.yaml',
    'tor.yaml',
    'nodes/node-1.yaml',
    'nodes/node-2.yaml',
    'nodes/node-3.yaml',
  ];
  const resources = objects.flatMap((name) => {
    const content = readDocuments(readFileSync(join(FIXTURES, 'cluster', name), 'utf8'));
    if (!content.ok) throw new Error(name);
    return content.objects.flatMap(({ value }) => {
      const decoded = decodeObject(value);
      return decoded.outcome === 'accepted' ? [decoded.resource] : [];
    });
  });
  const derived = derive(resourcesOf(resources, 'test'), 'node-2', DEFAULT_DERIVE_OPTIONS);

  /** Statements without names, as they are for one type of session. */
  function specialised(policy: Policy, isInternal: boolean): Omit<Statement, 'name'>[] {
    const isOther = (match: Match): boolean => match.kind === 'peer-type' && (match.peerType === 'ibgp') !== isInternal;
    return policy.statements
      .filter(({ matches }) => !matches.some(isOther))
      .map(({ name: _text, ...statement }) => ({
        ...statement,
        matches: statement.matches.filter(({ kind }) => kind !== 'peer-type'),
      }));
  }

  test('sessions are those that derive makes of the resources', () => {
    const plain = ({ peers }: DesiredState) => peers.map(({ session: { description: _text, ...rest } }) => rest);
    expect(plain(state)).toEqual(plain(derived));
    expect(state.listen).toEqual(derived.listen);
    expect(state.originated.map(({ prefix }) => prefix)).toEqual(derived.originated.map(({ prefix }) => prefix));
  });

  test('import and export policies are those of derive, statement by statement', () => {
    for (const [i, { session, policy }] of state.peers.entries()) {
      const isInternal = session.localAs === session.peerAs;
      for (const family of session.families) {
        for (const direction of ['importPolicy', 'exportPolicy'] as const) {
          const ours = policy[direction][family];
          const theirs = derived.peers[i].policy[direction][family];
          expect(specialised(ours, isInternal)).toEqual(specialised(theirs, isInternal));
          expect(ours.otherwise).toBe(theirs.otherwise);
        }
      }
    }
  });

  test('sessions of one kind share one policy', () => {
    const [first, second] = state.peers.filter(({ session }) => session.name.startsWith('Mesh_10_'));
    expect(first.policy.exportPolicy['ipv4-unicast']).toBe(second.policy.exportPolicy['ipv4-unicast']);
  });

  test('a policy that means the same stays the same object when a file is read again', () => {
    const memory = new PolicyMemory();
    const read = (texts: Record<string, string>): DesiredState => {
      const result = loadBirdConfig(memorySources(texts), { ipv4: 'bird.cfg', ipv6: null }, () => '', memory);
      if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
      return result.desired;
    };
    const before = read(files);
    const moved = read({ ...files, 'bird.cfg': `\n\n${files['bird.cfg']}` });
    expect(moved.peers[0].policy.exportPolicy['ipv4-unicast']).toBe(
      before.peers[0].policy.exportPolicy['ipv4-unicast'],
    );
    expect(moved.kernel.policy['ipv4-unicast']).toBe(before.kernel.policy['ipv4-unicast']);
    const changed = read({
      ...files,
      'bird_aggr.cfg': files['bird_aggr.cfg'].replaceAll('192.168.2.0/26', '192.168.4.0/26'),
    });
    const policy = changed.peers[0].policy.exportPolicy['ipv4-unicast'];
    expect(policy).not.toBe(before.peers[0].policy.exportPolicy['ipv4-unicast']);
  });

  test('thousands of service addresses are one statement', () => {
    const addresses = Array.from({ length: 3000 }, (_, i) => `10.96.${i >> 8}.${i & 255}/32`);
    const lines = addresses.map((one) => `if ( net ~ ${one} ) then { accept; }\n`).join('');
    const ipam = files['bird_ipam.cfg'].replace('  if (net ~ 192.168.0.0/16)', `${lines}  if (net ~ 192.168.0.0/16)`);
    const [first] = load({ ...files, 'bird_ipam.cfg': ipam }, { ipv4: 'bird.cfg', ipv6: null }).peers;
    expect(first.policy.exportPolicy['ipv4-unicast'].statements.length).toBeLessThan(10);
  });
});

test('the files of 3.31: no templates but that of BGP, no priorities, tunnels by BIRD', () => {
  const state = desired(`
    function calico_aggr () { if ( net = 10.48.7.0/26 ) then { accept; } if ( net ~ 10.48.7.0/26 ) then { reject; } }
    function calico_export_to_bgp_peers(bool internal_peer) {
      if internal_peer then { if defined(ifname) && ( ifname ~ "*.cali" || ifname ~ "*.calico" ) then reject; }
      calico_aggr();
      if ( net ~ 10.48.0.0/16 ) then { accept; }
    }
    filter calico_kernel_programming {
      if ( net ~ 10.96.0.0/16 ) then { reject; }
      if ( net ~ 10.48.0.0/16 ) then { krt_tunnel = "tunl0"; accept; }
      accept;
    }
    protocol kernel { learn; persist; scan time 2; import all; export filter calico_kernel_programming; merge paths on; }
    protocol static { route 10.48.7.0/26 blackhole; }
    template bgp bgp_template { local as 64512; multihop; gateway recursive; import all; add paths on; graceful restart; }
    protocol bgp Mesh_10_0_0_3 from bgp_template {
      neighbor 10.0.0.3 as 64512; ttl security 2;
      export filter { calico_export_to_bgp_peers(true); reject; };
      passive on;
    }`);
  expect(state.peers[0].session).toMatchObject({ passive: true, ttl: { kind: 'gtsm', hops: 64 } });
  const { importPolicy, exportPolicy } = state.peers[0].policy;
  expect(importPolicy['ipv4-unicast'].statements).toEqual([]);
  const plain = (policy: Policy) =>
    policy.statements.map(({ matches, actions, verdict }) => [matches, actions, verdict]);
  const inside = (prefix: string, minLength: number, maxLength = 32): Match => ({
    kind: 'prefix',
    ranges: [{ prefix, minLength, maxLength }],
    negate: false,
  });
  expect(plain(exportPolicy['ipv4-unicast'])).toEqual([
    [[{ kind: 'interface', pattern: '*.cali' }], [], 'reject'],
    [[{ kind: 'interface', pattern: '*.calico' }], [], 'reject'],
    [[inside('10.48.7.0/26', 26, 26)], [], 'accept'],
    [[inside('10.48.7.0/26', 26)], [], 'reject'],
    [[inside('10.48.0.0/16', 16)], [], 'accept'],
  ]);
  expect(plain(state.kernel.policy['ipv4-unicast'])).toEqual([
    [[inside('10.96.0.0/16', 16)], [], 'reject'],
    [[inside('10.48.0.0/16', 16)], [{ kind: 'set-tunnel', interfaceName: 'tunl0' }], 'accept'],
  ]);
  expect(state.kernel.policy['ipv4-unicast'].otherwise).toBe('accept');
});

test('templates of one’s own', () => {
  const state = load(filesIn('custom'), { ipv4: 'bird.cfg', ipv6: null });
  expect(
    state.peers.map(({ session: { name, passive, holdTimeSeconds, peerPort } }) => [
      name,
      passive,
      holdTimeSeconds,
      peerPort,
    ]),
  ).toEqual([
    ['speaker', true, 240, 1179],
    ['tor_a', false, 90, 179],
    ['tor_b', false, 90, 179],
  ]);
  expect(state.peers[1].policy).toMatchObject({ nextHopMode: 'self', maxPrefixes: 1000 });
  expect(state.peers[2].policy.importPolicy['ipv4-unicast'].statements[0].actions).toEqual([
    { kind: 'set-preference', value: 90 },
  ]);
  expect(state.kernel).toMatchObject({
    maxPaths: 8,
    defaultMetric: 32,
    directInterfaces: ['dummy*', '-docker*', 'eth*'],
  });
  expect(state.originated).toMatchObject([
    { prefix: '203.0.113.53/32', kind: 'blackhole' },
    { prefix: '203.0.113.99/32', kind: 'via', gateway: '192.0.2.1' },
  ]);
});

describe('options of a BGP protocol', () => {
  test('defaults are those of BIRD', () => {
    expect(peer('').session).toMatchObject({
      ...{ peerPort: 179, localAddress: null, passive: false, enabled: true, password: null, description: '' },
      ...{ holdTimeSeconds: 240, keepaliveTimeSeconds: null, connectRetryTimeSeconds: 120, connectDelaySeconds: 5 },
      idleHold: { minSeconds: 60, maxSeconds: 300, forgetSeconds: 300 },
      // External sessions are direct, internal ones are not.
      ttl: { kind: 'multihop', ttl: 1 },
      gracefulRestart: { mode: 'helper', restartTimeSeconds: 120 },
      addPath: { 'ipv4-unicast': { send: false, receive: false } },
    });
    expect(peer('', 65001).session.ttl).toEqual({ kind: 'multihop', ttl: 64 });
    expect(peer('').policy).toMatchObject({ nextHopMode: 'auto', allowOwnAs: 0, maxPrefixes: null, clusterId: null });
    expect(peer('').policy.importPolicy['ipv4-unicast'].otherwise).toBe('accept');
    expect(peer('').policy.exportPolicy['ipv4-unicast'].otherwise).toBe('reject');
  });

  test.each<[string, object]>([
    ['source address 10.0.0.1;', { localAddress: '10.0.0.1' }],
    ['passive;', { passive: true }],
    ['passive off;', { passive: false }],
    ['disabled;', { enabled: false }],
    ['hold time 90; keepalive time 10;', { holdTimeSeconds: 90, keepaliveTimeSeconds: 10 }],
    ['keepalive time 0;', { keepaliveTimeSeconds: null }],
    ['connect delay time 2; connect retry time 7;', { connectDelaySeconds: 2, connectRetryTimeSeconds: 7 }],
    ['error wait time 5,30; error forget time 9;', { idleHold: { minSeconds: 5, maxSeconds: 30, forgetSeconds: 9 } }],
    ['multihop;', { ttl: { kind: 'multihop', ttl: 64 } }],
    ['multihop 3;', { ttl: { kind: 'multihop', ttl: 3 } }],
    ['ttl security on; multihop 2;', { ttl: { kind: 'gtsm', hops: 2 } }],
    ['ttl security 2;', { ttl: { kind: 'gtsm', hops: 1 } }],
    ['password "a b";', { password: 'a b' }],
    [
      'graceful restart; graceful restart time 10;',
      { gracefulRestart: { mode: 'full', restartTimeSeconds: 10, notification: false, longLivedStaleTimeSeconds: 0 } },
    ],
    [
      'graceful restart off;',
      {
        gracefulRestart: { mode: 'off', restartTimeSeconds: 120, notification: false, longLivedStaleTimeSeconds: null },
      },
    ],
    [
      'graceful restart time 9999;',
      {
        gracefulRestart: {
          mode: 'helper',
          restartTimeSeconds: 4095,
          notification: false,
          longLivedStaleTimeSeconds: 0,
        },
      },
    ],
    [
      'add paths rx;',
      { addPath: { 'ipv4-unicast': { send: false, receive: true }, 'ipv6-unicast': { send: false, receive: false } } },
    ],
    ['local as 7;', { localAs: 7 }],
    ['enable extended messages;', { extendedMessage: true }],
  ])('%s', (options, expected) => {
    expect(peer(options).session).toMatchObject(expected);
  });

  test.each<[string, object]>([
    ['next hop self;', { nextHopMode: 'self' }],
    ['next hop self; next hop keep;', { nextHopMode: 'keep' }],
    ['allow local as;', { allowOwnAs: 1 }],
    ['allow local as 3;', { allowOwnAs: 3 }],
    ['rr client; rr cluster id 1.0.0.1;', { isRouteReflectorClient: true, clusterId: '1.0.0.1' }],
    ['import limit 5 action restart;', { maxPrefixes: 5 }],
    ['import limit off;', { maxPrefixes: null }],
  ])('%s', (options, expected) => {
    expect(peer(options, 65001).policy).toMatchObject(expected);
  });

  test.each<[string, string, object | null]>([
    [
      'without timers',
      'protocol bfd { }',
      { minTxMs: 100, minRxMs: 50, multiplier: 5, multihop: false, strict: false },
    ],
    [
      'with timers',
      'protocol bfd { interface "eth*" { min rx interval 60 ms; min tx interval 1 s; multiplier 4; }; }',
      { minTxMs: 1000, minRxMs: 60, multiplier: 4, multihop: false, strict: false },
    ],
    [
      'over several hops',
      'protocol bfd { multihop { interval 200000 us; }; }',
      { minTxMs: 200, minRxMs: 200, multiplier: 5, multihop: true, strict: false },
    ],
    ['without protocol bfd', '', null],
  ])('BFD %s', (what, protocol, expected) => {
    const multihop = what === 'over several hops' ? 'multihop; source address 10.0.0.1;' : '';
    const [first] = desired(
      `${protocol} protocol bgp p { local as 1; neighbor 10.0.0.9 as 2; bfd on; ${multihop} }`,
    ).peers;
    expect(first.session.bfd).toEqual(expected);
  });

  test('a link-local neighbour', () => {
    const [first] = desired('protocol bgp p { local as 1; neighbor fe80::1 % "eth0" as 2; }', 'ipv6-unicast').peers;
    expect(first.session).toMatchObject({ peerAddress: 'fe80::1', interfaceName: 'eth0', ttl: { ttl: 1 } });
  });

  test('two sessions with one address and port: the first counts', () => {
    const state = desired(`
      protocol bgp b { local as 1; neighbor 10.0.0.9 as 2; }
      protocol bgp a { local as 1; neighbor 10.0.0.9 as 2; }
      protocol bgp c { local as 1; neighbor 10.0.0.9 port 1790 as 2; }`);
    expect(state.peers.map(({ session: { name, enabled } }) => [name, enabled])).toEqual([
      ['a', false],
      ['b', true],
      ['c', true],
    ]);
    expect(state.conditions[0].message).toContain('session a is kept down: b already peers with 10.0.0.9 port 179');
  });
});

describe('what is refused', () => {
  const bgp = (options: string): string => `protocol bgp p { local as 1; neighbor 10.0.0.9 as 2; ${options}\n}`;
  test.each<[string, string]>([
    ['protocol bgp p { neighbor 10.0.0.9 as 2;\n}', '2:1 Local AS number must be set'],
    ['protocol bgp p { local as 1;\n}', '2:1 Neighbor must be configured'],
    ['protocol bgp p { local as 1; neighbor 10.0.0.9;\n}', '2:1 Remote AS number must be set'],
    ['protocol bgp p { local as 1; neighbor 10.0.0.9 port 0 as 2;\n}', '2:1 Invalid port number'],
    [bgp('multihop 256;'), '2:1 Multihop must be in range 1-255'],
    [bgp('rr client;'), '2:1 Only internal neighbor can be RR client'],
    [bgp('multihop; gateway direct;'), '2:1 Multihop BGP cannot use direct gateway mode'],
    [bgp('multihop; interface "eth0";'), '2:1 Multihop BGP cannot be bound to interface'],
    [bgp('bfd graceful;'), '1:54 bfd graceful is not supported, wanted: on or off'],
    [`protocol bfd { }\n${bgp('bfd; multihop;')}`, '3:1 Multihop BGP with BFD requires specified source address'],
    ['protocol bfd { interface "*" { authentication simple; }; }', '1:32 BFD authentication is not supported'],
    [
      `protocol bfd { interface "eth0" { }; interface "eth1" { }; }\n${bgp('bfd;')}`,
      '2:54 protocol bfd has timers for several interfaces',
    ],
    [bgp('rs client;'), '1:54 rs client is not supported: there is no route server'],
    [bgp('table other;'), '1:54 table other is not supported: there is only master'],
    [bgp('export limit 5;'), '1:54 export limit is not supported'],
    [bgp('import limit 5 action block;'), '1:54 import limit is not supported: action block does not exist here'],
    [bgp('prefer older on;'), '1:54 prefer older on is not supported'],
    [bgp('path metric off;'), '1:54 path metric off is not supported'],
    [bgp('default bgp_local_pref 200;'), '1:54 default bgp_local_pref is not supported: it is always 100'],
    [bgp('hold time 2;'), '1:54 Hold time must be greater than 2 or 0, not 2'],
    [bgp('keepalive time 300;'), '1:54 keepalive time 300 must be shorter than the hold time of 240'],
    [bgp(`password "${'x'.repeat(81)}";`), '1:54 a password has 1 to 80 octets'],
    ['protocol kernel a { }\nprotocol kernel b { }', '2:1 a second protocol kernel is not supported'],
    ['protocol kernel { persist off; }', '1:19 persist is not supported: routes always stay'],
    ['protocol kernel { import none; }', '1:19 an import filter of protocol kernel is not supported'],
    [
      'protocol static { route 10.0.0.0/8 unreachable; }',
      '1:19 a static route that is unreachable is not supported, wanted: blackhole',
    ],
    [
      'protocol static { route 10.0.0.0/8 via "eth0"; }',
      '1:19 a static route that is via "INTERFACE" is not supported',
    ],
    [
      'protocol static { route 10.0.0.0/8 multipath via 10.0.0.1 via 10.0.0.2; }',
      '1:19 a static route that is multipath',
    ],
    [
      'protocol static { preference 5; }',
      '1:19 preference is not supported: routes of protocol static always have 200',
    ],
    ['protocol direct { interface 10.0.0.0/8; }', '1:19 10.0.0.0/8: wanted patterns of names'],
    ['router id 0.0.0.0;', '1:1 Router ID must not be 0.0.0.0'],
  ])('%s', (text, expected) => {
    expect(mistakes(text)).toEqual([expect.stringContaining(expected)]);
  });

  test.each<[string, string]>([
    ['gw = 10.0.0.1;', 'gw cannot be set, wanted: bgp_local_pref'],
    ['bgp_origin = ORIGIN_IGP;', 'bgp_origin cannot be set'],
    ['if bgp_origin = ORIGIN_IGP then accept;', 'bgp_origin cannot be compared here: policies do not look at ORIGIN'],
    ['if gw = 10.0.0.1 then accept;', 'gw cannot be compared here: policies know the BGP next hop only'],
    ['if preference > 100 then accept;', 'preference cannot be compared here: only import filters know it'],
    ['if bgp_med < bgp_local_pref then accept;', 'a number of the route < a number of the route is not supported'],
    ['bgp_local_pref = bgp_local_pref * 2;', 'a number of the route * a number is not supported'],
    [
      'if bgp_ext_community ~ [(rt, 65000, *)] then accept;',
      'ranges of extended communities (and *) are not supported',
    ],
    ['if bgp_path.first ~ [64512..65534] then accept;', 'more than 256 AS numbers are not supported here'],
    ['bgp_community.add((65000, 65536));', 'the halves of a community are 0..65535'],
    ['bgp_community.add((1, 2, 3));', '1:2:3 cannot be in bgp_community'],
    ['krt_tunnel = "tunl0";', 'krt_tunnel is for the filter that exports to the kernel'],
    ['unset(bgp_local_pref);', 'unset(bgp_local_pref) is not supported, wanted: bgp_med'],
    ['bgp_path.delete(5);', 'bgp_path.delete is not supported, wanted: bgp_path.prepend(AS)'],
    ['return;', 'return is for functions'],
    ['if 5 then accept;', 'this is a number, wanted: a condition'],
    [
      'if bgp_next_hop = 10.0.0.1 then accept;',
      'bgp_next_hop cannot be compared here: towards this peer it is what will be sent',
    ],
    ['if net ~ 10.0.0.0/8 && bgp_med + 1 > 5 then accept;', 'a value here may be undefined'],
    ['if defined(bgp_community) then accept;', 'a list that is not there reads as empty'],
  ])('in an export filter: %s', (commands, expected) => {
    const text = `protocol bgp p { local as 1; neighbor 10.0.0.9 as 2; export filter { ${commands} accept; }; }`;
    expect(mistakes(text)).toEqual([expect.stringContaining(expected)]);
  });

  test('a filter that grows beyond all bounds', () => {
    const doubling = Array.from({ length: 20 }, (_, i) => `function f${i + 1}() { f${i}(); f${i}(); }`).join('\n');
    const text = `function f0() { if net ~ 10.0.0.0/8 then reject; if bgp_med = 1 then bgp_med = 2; }\n${doubling}\nprotocol bgp p { local as 1; neighbor 10.0.0.9 as 2; import filter { f20(); accept; }; }`;
    expect(mistakes(text)).toEqual([expect.stringContaining('this filter is too long')]);
  });

  test('variables that differ on ever more ways', () => {
    const ways = Array.from({ length: 40 }, (_, i) => `if (65000, ${i}) ~ bgp_community then v = ${i};`).join('\n');
    const text = `protocol bgp p { local as 1; neighbor 10.0.0.9 as 2; import filter int v; { v = 0; ${ways} bgp_local_pref = v; accept; }; }`;
    expect(mistakes(text)).toEqual([expect.stringContaining('this filter is too long')]);
  });
});

test('passwords are not shown', () => {
  const text = 'router id 1.2.3.4;\nprotocol bgp p { password "se cret" "other"; }';
  const result = loadText(text);
  const [shown] = result.ok ? [] : result.diagnostics.map((one) => formatBirdDiagnostic(one, text));
  expect(shown).toMatch(/^bird.cfg:2:37 syntax error at a text in quotes, wanted: ; after password\n/);
  expect(shown).toContain('password "*******');
  expect(shown).not.toMatch(/se cret|other/);
});

describe('both files together', () => {
  const v6 =
    'router id 1.2.3.4;\nprotocol kernel { persist; learn; }\nprotocol bgp p6 { local as 1; neighbor fd00::9 as 2; }';
  const v4 =
    'router id 1.2.3.4;\nprotocol kernel { persist; learn; }\nprotocol bgp p4 { local as 1; neighbor 10.0.0.9 as 2; }';
  const both = (ipv4: string, ipv6: string) =>
    loadBirdConfig(memorySources({ a: ipv4, b: ipv6 }), { ipv4: 'a', ipv6: 'b' }, () => '');

  test('are one state', () => {
    const result = both(v4, v6);
    expect(result).toMatchObject({
      ok: true,
      desired: { peers: [{ session: { name: 'p4' } }, { session: { name: 'p6' } }] },
    });
  });

  test('a family without protocol kernel is left alone in the kernel', () => {
    const without = v6.replace(/protocol kernel.*/, '');
    expect(both(v4, v6)).toMatchObject({ ok: true, desired: { kernel: { programRoutes: true } } });
    expect(both(v4, without)).toMatchObject({
      desired: { kernel: { programRoutes: true, onlyFamily: 'ipv4-unicast' } },
    });
    expect(both(v4, v6.replace('learn;', 'disabled;'))).toMatchObject({
      desired: { kernel: { programRoutes: true, onlyFamily: 'ipv4-unicast' } },
    });
    const result = both(v4, v6);
    expect(result.ok && 'onlyFamily' in result.desired.kernel).toBe(false);
    expect(desired('protocol kernel { persist; disabled; }').kernel).toMatchObject({ programRoutes: false });
  });

  test.each([
    ['another router id', v6.replace('1.2.3.4', '1.2.3.5'), 'router id 1.2.3.5 differs from 1.2.3.4'],
    ['another kernel table', v6.replace('learn;', 'learn; kernel table 5;'), 'kernel table is 5, and 254 in a'],
    ['one name twice', v6.replace('p6', 'p4'), 'protocol bgp p4 is in both files'],
  ])('disagree: %s', (_case, ipv6, expected) => {
    const result = both(v4, ipv6);
    expect(result.ok ? [] : result.diagnostics.map(({ message }) => message)).toEqual([
      expect.stringContaining(expected),
    ]);
  });

  test('a file that is missing is no mistake of the other', () => {
    const result = loadBirdConfig(memorySources({ a: v4 }), { ipv4: 'a', ipv6: 'b' }, () => '');
    expect(result).toMatchObject({ ok: false, isMissingFile: true, diagnostics: [{ file: 'b' }] });
  });

  test('a mistake is not hidden by a missing file', () => {
    const result = loadBirdConfig(memorySources({ a: 'x' }), { ipv4: 'a', ipv6: 'b' }, () => '');
    expect(result).toMatchObject({ ok: false, isMissingFile: false });
  });
});

describe('what is accepted without effect is said', () => {
  test.each([
    [
      'bgp',
      'protocol bgp p { local as 1; neighbor 10.0.0.9 as 2; startup hold time 5; }',
      'startup hold time has no effect',
    ],
    ['kernel', 'protocol kernel { }', 'persist is not written'],
    ['precedence', 'filter f { if true || true && false then accept; }', '|| and && are of one precedence'],
    [
      'the same route',
      'protocol static { route 10.0.0.0/8 blackhole; route 10.0.0.0/8 via 10.0.0.1; }',
      'is there already',
    ],
  ])('%s', (_case, text, expected) => {
    expect(desired(text).conditions.map(({ message }) => message)).toEqual([expect.stringContaining(expected)]);
  });
});

test('no text makes it fail otherwise than with a place', () => {
  const texts = ['cluster', 'custom'].map((folder) => {
    const files = filesIn(folder);
    return (files['bird.cfg'] ?? '').replace(/include "(.*)";/g, (_line, name: string) => files[name] ?? '');
  });
  const junk = fc.constantFrom(
    ...[
      '{',
      '}',
      '(',
      ')',
      '[',
      ']',
      ';',
      ',',
      '"',
      "'",
      '/*',
      '#',
      '..',
      '~',
      '!',
      '&&',
      '=',
      '-',
      '[=',
      '=]',
      '0',
      '-1',
    ],
    ...[
      '4294967296',
      '::',
      '10.0.0.0/8',
      'if',
      'then',
      'else',
      'case',
      'return',
      'define x = 1;',
      'accept;',
      'include "x";',
    ],
    ...['function f() { }', '\0', '\u{1f600}', '\n', 'true', 'net', 'bgp_path', 'from', 'protocol bgp x { }'],
  );
  const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), length: fc.nat(30), put: fc.option(junk) });
  fc.assert(
    fc.property(fc.constantFrom(...texts), fc.array(edit, { minLength: 1, maxLength: 4 }), (text, edits) => {
      let mutated = text;
      for (const { at, length, put } of edits) {
        const place = Math.floor(at * mutated.length);
        mutated = `${mutated.slice(0, place)}${put ?? ''}${mutated.slice(place + length)}`;
      }
      const result = loadText(mutated);
      if (result.ok) return;
      expect(result.diagnostics.length).toBeGreaterThan(0);
      for (const { line, column, message } of result.diagnostics) {
        expect(line).toBeGreaterThan(0);
        expect(column).toBeGreaterThan(0);
        expect(message).not.toBe('');
      }
    }),
    { numRuns: Number(process.env.BIRD_FUZZ_RUNS ?? 400) },
  );
});
