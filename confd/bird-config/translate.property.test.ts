/** Random filters: the policy that they become decides and changes routes as BIRD's own way of running them does. */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PathAttributes } from '../../bgp/wire/path-attributes.ts';
import { AttributeEditor } from '../../rib/attribute-edit.ts';
import { applyCommunityEdits } from '../../rib/policy/apply-edits.ts';
import { type PolicyUse, VERDICT_ACCEPT } from '../../rib/policy/compiled.ts';
import { evaluate } from '../../rib/policy/evaluate.ts';
import type { Policy } from '../../rib/policy/policy.ts';
import { compiled, type TestRoute, TestTables } from '../../rib/policy/test-support.ts';
import type { BirdConfig } from './ast.ts';
import { BirdConfigError } from './diagnostic.ts';
import { printConfig } from './print.ts';
import { type BirdRoute, interpretFilter, parseText } from './test-support.ts';
import { PolicyTranslator } from './translate-policy.ts';

const OWN_AS = 65001;

// Small value spaces, so that conditions and routes often meet.
const number = fc.constantFrom(0, 1, 100, 512, 1024, 2147483135, 2147482623, 2147483647, 4294967295);
const prefix = fc.constantFrom(
  '10.0.0.0/8',
  '10.1.0.0/16',
  '10.1.2.0/24',
  '10.1.2.3/32',
  '192.168.0.0/16',
  '0.0.0.0/0',
);
const prefixItem = fc.constantFrom(
  '10.0.0.0/8{16,24}',
  '10.1.0.0/16+',
  '10.1.2.0/24-',
  '10.1.2.0/24',
  '192.168.0.0/16+',
);
const as = fc.constantFrom(65001, 65002, 65003);
const comparison = fc.constantFrom('=', '!=', '<', '<=', '>', '>=');
const attribute = fc.constantFrom('bgp_local_pref', 'bgp_med', 'krt_metric');
const community = fc.constantFrom('(65000, 1)', '(65000, 2)');
const maskItem = fc.oneof(as.map(String), fc.constantFrom('*', '?'));

const leaf: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(fc.constantFrom('~', '!~', '=', '!='), prefix).map(([operator, one]) => `net ${operator} ${one}`),
  fc.array(prefixItem, { minLength: 1, maxLength: 3 }).map((items) => `net ~ [ ${items.join(', ')} ]`),
  fc.constantFrom('RTS_BGP', 'RTS_STATIC', 'RTS_INHERIT', 'RTS_DEVICE').map((one) => `source = ${one}`),
  fc.constantFrom('source ~ [ RTS_BGP, RTS_STATIC ]', 'source != RTS_BGP', 'defined(source)', 'defined(ifname)'),
  fc.constantFrom('ifname ~ "cali*"', 'ifname = "eth0"', 'ifname ~ "*"', 'ifname !~ "eth?"'),
  attribute.map((name) => `defined(${name})`),
  fc.tuple(attribute, comparison, number).map(([name, operator, value]) => `${name} ${operator} ${value}`),
  fc.tuple(number, comparison, attribute).map(([value, operator, name]) => `${value} ${operator} ${name}`),
  fc
    .tuple(attribute, comparison, number)
    .map(([name, op, value]) => `defined(${name}) && 2147483647 - ${name} ${op} ${value}`),
  fc.tuple(number, comparison, number).map(([a, op, b]) => `bgp_local_pref + ${a} ${op} ${b}`),
  fc.tuple(community, fc.constantFrom('~', '!~')).map(([one, operator]) => `${one} ${operator} bgp_community`),
  fc
    .constantFrom('(65000, *)', '(64999..65000, 2)', '(*, 3)', '(65000, 2..9), (1, 1)')
    .map((items) => `bgp_community ~ [ ${items} ]`),
  fc.constantFrom('65001..65002', '65002', '1..9, 65003').map((items) => `bgp_path ~ [ ${items} ]`),
  as.map((one) => `${one} ~ bgp_path`),
  fc.tuple(fc.constantFrom('first', 'last'), as).map(([end, one]) => `bgp_path.${end} = ${one}`),
  fc.array(maskItem, { maxLength: 3 }).map((items) => `bgp_path ~ [= ${items.join(' ')} =]`),
  fc.tuple(comparison, fc.nat(3)).map(([operator, value]) => `bgp_path.len ${operator} ${value}`),
  fc.tuple(comparison, fc.constantFrom(8, 16, 24, 32)).map(([operator, value]) => `net.len ${operator} ${value}`),
  fc.constantFrom('flag', '!flag', 'v = 1', 'v < 512', 'is_ten()', 'tests(true)', 'tests(false)', 'marks()', 'true'),
);

const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    tie('condition').map((one) => `!(${one})`),
    fc
      .tuple(tie('condition'), fc.constantFrom('&&', '||'), tie('condition'))
      .map(([a, op, b]) => `(${a}) ${op} (${b})`),
    // Without brackets: one level, to the left.
    fc
      .tuple(leaf, fc.constantFrom('&&', '||'), leaf, fc.constantFrom('&&', '||'), leaf)
      .map((parts) => parts.join(' ')),
  ),
}));

const plainCommand: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('accept;', 'reject;', 'flag = net ~ 10.1.0.0/16;', 'flag = true;', 'unset(bgp_med);', 'step();'),
  fc.tuple(attribute, number).map(([name, value]) => `${name} = ${value};`),
  fc
    .tuple(attribute, fc.constantFrom('bgp_local_pref', 'bgp_med', 'krt_metric'))
    .map(([name, from]) => `${name} = 2147483647 - ${from};`),
  fc.constantFrom('v = 1;', 'v = 512;', 'v = 2000;', 'preference = 150;'),
  fc.tuple(community, fc.constantFrom('add', 'delete')).map(([one, method]) => `bgp_community.${method}(${one});`),
  as.map((one) => `bgp_path.prepend(${one});`),
  fc.constantFrom('(65000, *)', '(65000, 2..3)').map((items) => `bgp_community.delete([ ${items} ]);`),
  fc
    .tuple(attribute, number, number)
    .map(([name, a, b]) => `case ${name} { ${a}: accept; ${b}: v = 3; else: reject; }`),
);

/** What Calico renders for blocks, services and pools: long lists of verdicts by prefix. */
const verdicts: fc.Arbitrary<string> = fc
  .array(
    fc.tuple(
      fc.constantFrom('=', '~'),
      prefix,
      fc.constantFrom('', ' && krt_metric < 1024'),
      fc.constantFrom('accept', 'reject'),
    ),
    { minLength: 2, maxLength: 6 },
  )
  .map((lines) => lines.map(([op, inside, more, end]) => `if (net ${op} ${inside}${more}) then { ${end}; }`).join(' '));

const { command } = fc.letrec<{ command: string }>((tie) => ({
  command: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    plainCommand,
    verdicts,
    fc
      .tuple(
        condition,
        fc.array(tie('command'), { maxLength: 3 }),
        fc.option(fc.array(tie('command'), { maxLength: 2 })),
      )
      .map(([test, then, otherwise]) => {
        const tail = otherwise === null ? '' : ` else { ${otherwise.join(' ')} }`;
        return `if ${test} then { ${then.join(' ')} }${tail}`;
      }),
  ),
}));

const text = fc
  .tuple(fc.array(command, { maxLength: 6 }), condition, fc.array(plainCommand, { maxLength: 2 }))
  .map(([body, test, step]) => {
    const simple = step.filter((one) => !/v |flag|step|case/.test(one)).join(' ');
    const plainTest = /flag|\bv\b|tests|marks/.test(test) ? 'net ~ 192.168.0.0/16' : test;
    return `
function is_ten() { return net ~ 10.0.0.0/8; }
function tests(bool flag) {
  if flag then { if ${plainTest} then return true; if net.len > 24 then return false; }
  return source = RTS_BGP;
}
function marks() { bgp_community.add((65000, 2)); if (65000, 1) ~ bgp_community then { bgp_local_pref = 7; return true; } return false; }
function step() { if net = 10.1.2.0/24 then return; ${simple} }
filter t bool flag; int v; { flag = false; v = 0; ${body.join('\n')} accept; }
`;
  });

interface Given {
  readonly net: string;
  readonly source: 'bgp' | 'static' | 'kernel' | 'direct';
  readonly interfaceName: string;
  readonly localPref: number | null;
  readonly med: number | null;
  readonly metric: number;
  readonly path: readonly number[];
  readonly communities: readonly string[];
}

const given: fc.Arbitrary<Given> = fc.record({
  net: prefix,
  source: fc.constantFrom('bgp', 'bgp', 'static', 'kernel', 'direct'),
  interfaceName: fc.constantFrom('', 'eth0', 'cali123'),
  localPref: fc.option(number),
  med: fc.option(number),
  metric: number,
  path: fc.array(as, { maxLength: 3 }),
  communities: fc.uniqueArray(fc.constantFrom('65000:1', '65000:2', '65000:3')),
});

function testRoute(one: Given): TestRoute {
  const attributes: PathAttributes = {
    origin: 'igp',
    nextHop: '10.9.9.9',
    ...(one.path.length === 0 ? {} : { asPath: [{ type: 'sequence' as const, asns: [...one.path] }] }),
    ...(one.localPref === null ? {} : { localPref: one.localPref }),
    ...(one.med === null ? {} : { med: one.med }),
    ...(one.communities.length === 0 ? {} : { communities: [...one.communities] }),
  };
  if (one.source === 'bgp') return { prefix: one.net, attributes };
  return { prefix: one.net, source: one.source, metric: one.metric, interfaceName: one.interfaceName };
}

const SOURCES = { bgp: 'RTS_BGP', static: 'RTS_STATIC', kernel: 'RTS_INHERIT', direct: 'RTS_DEVICE' } as const;

function birdRoute(one: Given, use: PolicyUse, isInternal: boolean): BirdRoute {
  const isBgp = one.source === 'bgp';
  const hasBgp = isBgp || use !== 'kernel';
  const ownAs = use === 'export' && !isInternal ? [OWN_AS] : [];
  return {
    net: one.net,
    source: SOURCES[one.source],
    ifname: isBgp ? 'eth0' : one.interfaceName,
    preference: 100,
    localPref: hasBgp ? ((isBgp ? one.localPref : null) ?? 100) : undefined,
    // Towards external peers it is 0 before the filter.
    med: !isBgp || one.med === null ? undefined : ownAs.length > 0 ? 0 : one.med,
    metric: one.source === 'kernel' ? one.metric : undefined,
    nextHop: isBgp ? '10.9.9.9' : undefined,
    path: hasBgp ? [...ownAs, ...(isBgp ? one.path : [])] : undefined,
    communities: isBgp ? [...one.communities] : [],
  };
}

function translated(config: BirdConfig, use: PolicyUse, isInternal: boolean): Policy | null {
  const place = { use, replacesNextHop: false, clearsMed: use === 'export' && !isInternal, preference: 100 };
  try {
    return new PolicyTranslator(config, 'ipv4-unicast').policy({ kind: 'named', name: 't' }, place, {
      file: '',
      line: 1,
      column: 1,
    });
  } catch (error) {
    // Said to be impossible, with the reason: nothing to compare.
    if (error instanceof BirdConfigError) return null;
    throw error;
  }
}

test('policies do what the filters do that they were made of', () => {
  const count = { translated: 0, refused: 0, accepted: 0, rejected: 0 };
  fc.assert(
    fc.property(
      text,
      fc.constantFrom<PolicyUse>('import', 'export', 'kernel'),
      fc.boolean(),
      fc.array(given, { minLength: 1, maxLength: 4 }),
      (source, use, isInternal, routes) => {
        const config = parseText(source);
        const policy = translated(config, use, isInternal);
        if (policy === null) {
          count.refused++;
          return;
        }
        count.translated++;
        const tables = new TestTables({ '10.9.9.9': 'eth0' });
        const program = compiled(policy, use);
        const editor = new AttributeEditor(tables.store);
        for (const one of routes) {
          if (use === 'import' && one.source !== 'bgp') continue;
          const route = birdRoute(one, use, isInternal);
          const isAccepted = interpretFilter(config, 't', route);
          const context = tables.contextOf(testRoute(one), isInternal);
          context.ownAsInFront = use === 'export' && !isInternal ? OWN_AS : 0;
          expect(evaluate(program, context) === VERDICT_ACCEPT).toBe(isAccepted);
          count[isAccepted ? 'accepted' : 'rejected']++;
          if (!isAccepted) continue;
          if (route.localPref !== undefined) expect(context.localPref).toBe(route.localPref);
          // What leaves of a MED that no filter has set is not the policy's business.
          if (context.hasNewMed || context.ownAsInFront === 0) {
            expect(context.med < 0 ? undefined : context.med).toBe(route.med);
          }
          expect(context.hasMetric ? context.metric : undefined).toBe(route.metric);
          if (use === 'import') expect(context.preference < 0 ? 100 : context.preference).toBe(route.preference);
          editor.begin(context.set);
          applyCommunityEdits(program, context.program, editor);
          editor.rewriteAsPath(context.front, context.frontCount, false, false, 0);
          const { communities, asPath } = tables.attributesOf(editor.finish());
          expect([...(communities ?? [])].sort()).toEqual([...route.communities].sort());
          if (route.path !== undefined) expect((asPath ?? []).flatMap(({ asns }) => asns)).toEqual(route.path);
        }
      },
    ),
    { numRuns: Number(process.env.BIRD_FILTER_RUNS ?? 700) },
  );
  // The test says something only while most filters are translated and both verdicts occur.
  expect(count.translated).toBeGreaterThan(count.refused * 2);
  expect(count.accepted).toBeGreaterThan(100);
  expect(count.rejected).toBeGreaterThan(100);
});

/** Everything but places. */
function withoutPlaces(value: unknown): unknown {
  if (value instanceof Map) return [...value].map(([key, one]) => [key, withoutPlaces(one)]);
  if (Array.isArray(value)) return value.map(withoutPlaces);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== 'at' && key !== 'end' && key !== 'doubts');
  return Object.fromEntries(entries.map(([key, one]) => [key, withoutPlaces(one)]));
}

test('what is printed is parsed to the same again', () => {
  fc.assert(
    fc.property(text, (source) => {
      const config = parseText(source);
      expect(withoutPlaces(parseText(printConfig(config)))).toEqual(withoutPlaces(config));
    }),
    { numRuns: 150 },
  );
});

test.each([
  ['cluster/bird.cfg', 'ipv4-unicast' as const],
  ['cluster/bird6.cfg', 'ipv6-unicast' as const],
  ['custom/bird.cfg', 'ipv4-unicast' as const],
])('the fixture %s is printed and parsed to the same', (name, family) => {
  const path = resolve(import.meta.dirname, '../../fixtures/bird-config', name);
  const text = readFileSync(path, 'utf8').replace(/include "(.*)";/g, (_line, file: string) =>
    readFileSync(resolve(path, '..', file), 'utf8'),
  );
  const config = parseText(text, family);
  const again = parseText(printConfig(config), family);
  // Statements about logs are not printed.
  expect(withoutPlaces({ ...again, ignored: [] })).toEqual(withoutPlaces({ ...config, ignored: [] }));
});
