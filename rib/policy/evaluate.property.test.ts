/** The evaluator against an interpreter of the policy data that is written to be obviously right, not fast. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FamilyIndex } from '../../bgp/family.ts';
import { formatPrefix, parseAddress, prefixContains, prefixOf } from '../../bgp/ip.ts';
import type { PathAttributes } from '../../bgp/wire/path-attributes.ts';
import { AttributeEditor } from '../attribute-edit.ts';
import { applyCommunityEdits } from './apply-edits.ts';
import { VERDICT_ACCEPT } from './compiled.ts';
import { evaluate } from './evaluate.ts';
import { explainPolicy } from './explain.ts';
import type { Action, AsPathMaskItem, Match, Policy, RouteNumber, RouteSource } from './policy.ts';
import { compiled, prefix, type TestRoute, TestTables } from './test-support.ts';

interface NaiveRoute {
  communities: string[];
  path: number[];
  localPref: number;
  med: number | null;
  metric: number | null;
  preference: number | null;
  nextHop: string | null;
}

interface NaiveResult extends NaiveRoute {
  verdict: 'accept' | 'reject';
  decidedBy: string;
}

const MAX = 2147483647;

function maskMatches(mask: readonly AsPathMaskItem[], path: readonly number[]): boolean {
  if (mask.length === 0) return path.length === 0;
  const [item, ...rest] = mask;
  if (item === '*') return maskMatches(rest, path) || (path.length > 0 && maskMatches(mask, path.slice(1)));
  return path.length > 0 && (item === '?' || item === path[0]) && maskMatches(rest, path.slice(1));
}

/** Standard and large communities by their numbers; those of other kinds are not compared. */
function isInRange(text: string, { from, to }: { readonly from: string; readonly to: string }): boolean {
  const [numbers, low, high] = [text, from, to].map((one) => one.split(':').map(Number));
  if (numbers.length !== low.length || numbers.some(Number.isNaN)) return false;
  return numbers.every((number, i) => number >= low[i] && number <= high[i]);
}

function naiveMatch(match: Match, route: TestRoute, now: NaiveRoute, isInternal: boolean): boolean {
  return naiveKind(match, route, now, isInternal) !== (match.negate ?? false);
}

function naiveKind(match: Match, route: TestRoute, now: NaiveRoute, isInternal: boolean): boolean {
  const probe = prefix(route.prefix);
  const within = (min: number, max: number, value: number): boolean => value >= min && value <= max;
  switch (match.kind) {
    case 'prefix': {
      return match.ranges.some(
        (range) =>
          prefixContains(prefix(range.prefix), probe) && within(range.minLength, range.maxLength, probe.length),
      );
    }
    case 'source':
      return match.sources.includes(route.source ?? 'bgp');
    case 'peer-type':
      return (match.peerType === 'ibgp') === isInternal;
    case 'community':
      return now.communities.includes(match.community);
    case 'as-path-prefix':
      return match.asns.every((as, i) => now.path[i] === as);
    case 'community-in':
      return now.communities.some((one) => isInRange(one, match));
    case 'as-path-holds':
      return now.path.some((one) => match.ranges.some(({ min, max }) => within(min, max, one)));
    case 'as-path-mask':
      return maskMatches(match.mask, now.path);
    case 'med-present':
      return now.med !== null;
    case 'as-path-length':
      return within(match.min, match.max, now.path.length);
    case 'metric':
      return now.metric !== null && within(match.min, match.max, now.metric);
    case 'local-pref':
      return within(match.min, match.max, now.localPref);
    case 'med':
      return within(match.min, match.max, now.med ?? 0);
    case 'next-hop': {
      const address = now.nextHop === null ? null : parseAddress(now.nextHop);
      return address !== null && match.prefixes.some((text) => prefixContains(prefix(text), prefixOf(address, 32)));
    }
    default:
      throw new Error(`not generated: ${match.kind}`);
  }
}

function naiveAction(action: Action, route: TestRoute, now: NaiveRoute): void {
  switch (action.kind) {
    case 'set-local-pref':
      now.localPref = action.value;
      break;
    case 'set-med':
      now.med = action.value;
      break;
    case 'set-metric':
      now.metric = action.value;
      break;
    case 'compute': {
      const numbers = { 'local-pref': now.localPref, med: now.med ?? 0, metric: now.metric ?? 0 };
      const value = (action.offset + action.sign * numbers[action.from]) >>> 0;
      if (action.target === 'local-pref') now.localPref = value;
      else now[action.target] = value;
      break;
    }
    case 'set-preference':
      now.preference = action.value;
      break;
    case 'normalise-priority':
      if ((route.source ?? 'bgp') === 'bgp') now.metric = (MAX - now.localPref) >>> 0;
      else {
        now.metric ??= action.normal;
        now.localPref = (MAX - now.metric) >>> 0;
      }
      break;
    case 'add-community':
      if (!now.communities.includes(action.community)) now.communities.push(action.community);
      break;
    case 'remove-community':
      now.communities = now.communities.filter((one) => action.community !== 'all' && one !== action.community);
      break;
    case 'remove-communities-in':
      now.communities = now.communities.filter((one) => !isInRange(one, action));
      break;
    case 'prepend-as-path':
      now.path.unshift(...action.asns);
      break;
    case 'set-next-hop':
      now.nextHop = action.value;
      break;
    default:
      throw new Error(`not generated: ${action.kind}`);
  }
}

function naive(policy: Policy, route: TestRoute, isInternal: boolean): NaiveResult {
  const { communities, largeCommunities, extendedCommunities, asPath, localPref, med, nextHop } =
    route.attributes ?? {};
  const now: NaiveRoute = {
    communities: [...(communities ?? []), ...(extendedCommunities ?? []), ...(largeCommunities ?? [])],
    path: (asPath ?? []).flatMap((segment) => segment.asns),
    localPref: localPref ?? 100,
    med: med ?? null,
    metric: route.source === 'kernel' ? (route.metric ?? 0) : null,
    preference: null,
    nextHop: nextHop ?? null,
  };
  let skip = 0;
  for (const statement of policy.statements) {
    if (skip-- > 0) continue;
    skip = 0;
    if (!statement.matches.every((match) => naiveMatch(match, route, now, isInternal))) continue;
    for (const action of statement.actions) naiveAction(action, route, now);
    if (statement.verdict !== 'next') return { ...now, verdict: statement.verdict, decidedBy: statement.name };
    skip = statement.skip ?? 0;
  }
  return { ...now, verdict: policy.otherwise, decidedBy: 'otherwise' };
}

// Small value spaces, so that matches and routes often meet.
const community = fc.constantFrom('1:1', '1:2', '65535:0', '1:1:1', '1:1:2', 'rt:1:1', '0x4300000000000001');
const as = fc.constantFrom(1, 2, 3, 4200000000);
const small = fc.constantFrom(0, 1, 100, 512, 1024, MAX - 1024, MAX, 0xffffffff);
const source = fc.constantFrom<RouteSource>('bgp', 'static', 'kernel', 'direct');
const prefixText = fc
  .record({ a: fc.constantFrom(0x0a000000, 0x0a010000, 0x0a010203, 0xc0a80000), length: fc.nat(32) })
  .map(({ a, length }) => formatPrefix(prefixOf({ family: 0 as FamilyIndex, a, b: 0, c: 0, d: 0 }, length)));
const interval = fc.tuple(small, small).map(([x, y]) => ({ min: Math.min(x, y), max: Math.max(x, y) }));

const number = fc.constantFrom<RouteNumber>('local-pref', 'med', 'metric');
const maskItem = fc.oneof(as, fc.constantFrom<AsPathMaskItem>('*', '?'));

const communityRange = fc.constantFrom(
  { from: '1:1', to: '1:1' },
  { from: '1:0', to: '1:65535' },
  { from: '0:2', to: '65535:2' },
  { from: '2:2', to: '1:1' },
  { from: '1:1:0', to: '1:1:4294967295' },
  { from: '0:1:2', to: '9:9:9' },
);

const anyMatch: fc.Arbitrary<Match> = fc.oneof(
  communityRange.map((range) => ({ kind: 'community-in' as const, ...range })),
  fc.record({
    kind: fc.constant('as-path-holds' as const),
    ranges: fc.array(fc.constantFrom({ min: 2, max: 3 }, { min: 5, max: 4200000000 }, { min: 1, max: 1 }), {
      maxLength: 2,
    }),
  }),
  fc.record({ kind: fc.constant('as-path-mask' as const), mask: fc.array(maskItem, { maxLength: 4 }) }),
  fc.constant({ kind: 'med-present' as const }),
  fc.record({
    kind: fc.constant('prefix' as const),
    ranges: fc.array(fc.record({ prefix: prefixText, minLength: fc.nat(32), maxLength: fc.nat(32) }), { maxLength: 4 }),
    negate: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('source' as const), sources: fc.array(source, { maxLength: 3 }) }),
  fc.record({ kind: fc.constant('peer-type' as const), peerType: fc.constantFrom('ibgp' as const, 'ebgp' as const) }),
  fc.record({ kind: fc.constant('community' as const), community }),
  fc.record({ kind: fc.constant('as-path-prefix' as const), asns: fc.array(as, { minLength: 1, maxLength: 3 }) }),
  interval.map((range) => ({ kind: 'as-path-length' as const, ...range })),
  interval.map((range) => ({ kind: 'metric' as const, ...range })),
  interval.map((range) => ({ kind: 'local-pref' as const, ...range })),
  interval.map((range) => ({ kind: 'med' as const, ...range })),
  fc.record({ kind: fc.constant('next-hop' as const), prefixes: fc.array(prefixText, { maxLength: 3 }) }),
);

const match: fc.Arbitrary<Match> = fc
  .tuple(anyMatch, fc.option(fc.boolean(), { nil: undefined }))
  .map(([one, negate]) => (negate === undefined ? one : { ...one, negate }));

const action: fc.Arbitrary<Action> = fc.oneof(
  communityRange.map((range) => ({ kind: 'remove-communities-in' as const, ...range })),
  fc.record({
    kind: fc.constant('compute' as const),
    target: number,
    offset: small,
    sign: fc.constantFrom(1 as const, -1 as const),
    from: number,
  }),
  fc.record({ kind: fc.constant('set-local-pref' as const), value: small }),
  fc.record({ kind: fc.constant('set-med' as const), value: fc.option(small) }),
  fc.record({ kind: fc.constant('set-metric' as const), value: small }),
  fc.record({ kind: fc.constant('set-preference' as const), value: fc.nat(255) }),
  fc.record({ kind: fc.constant('normalise-priority' as const), normal: fc.constantFrom(512, 1024) }),
  fc.record({ kind: fc.constant('add-community' as const), community }),
  fc.record({ kind: fc.constant('remove-community' as const), community: fc.oneof(community, fc.constant('all')) }),
  fc.record({ kind: fc.constant('prepend-as-path' as const), asns: fc.array(as, { minLength: 1, maxLength: 3 }) }),
  fc.record({ kind: fc.constant('set-next-hop' as const), value: fc.constantFrom('10.0.0.9', '10.1.2.3') }),
);

const policy: fc.Arbitrary<Policy> = fc
  .record({
    statements: fc.array(
      fc.record({
        matches: fc.array(match, { maxLength: 2 }),
        actions: fc.array(action, { maxLength: 3 }),
        verdict: fc.constantFrom('accept' as const, 'reject' as const, 'next' as const, 'next' as const),
        skip: fc.nat(3),
      }),
      { maxLength: 6 },
    ),
    otherwise: fc.constantFrom('accept' as const, 'reject' as const),
  })
  .map(({ statements, otherwise }) => ({
    name: 'generated',
    statements: statements.map(({ skip, ...statement }, i) => {
      const possible = Math.min(skip, statements.length - i - 1);
      return { name: `s${i}`, ...statement, ...(statement.verdict === 'next' ? { skip: possible } : {}) };
    }),
    otherwise,
  }));

function optional<K extends keyof PathAttributes>(key: K, value: PathAttributes[K] | null): Partial<PathAttributes> {
  return value === null ? {} : ({ [key]: value } as Partial<PathAttributes>);
}

const attributes: fc.Arbitrary<PathAttributes> = fc
  .record({
    communities: fc.option(fc.uniqueArray(fc.constantFrom('1:1', '1:2', '65535:0'), { minLength: 1 })),
    large: fc.option(fc.uniqueArray(fc.constantFrom('1:1:1', '1:1:2'), { minLength: 1 })),
    extended: fc.option(fc.uniqueArray(fc.constantFrom('rt:1:1', '0x4300000000000001'), { minLength: 1 })),
    asns: fc.option(fc.array(as, { minLength: 1, maxLength: 4 })),
    localPref: fc.option(small),
    med: fc.option(small),
    nextHop: fc.option(fc.constantFrom('10.0.0.1', '10.1.0.1')),
  })
  .map(({ communities, large, extended, asns, localPref, med, nextHop }) => ({
    origin: 'igp' as const,
    ...optional('communities', communities),
    ...optional('largeCommunities', large),
    ...optional('extendedCommunities', extended),
    ...optional('asPath', asns === null ? null : [{ type: 'sequence' as const, asns }]),
    ...optional('localPref', localPref),
    ...optional('med', med),
    ...optional('nextHop', nextHop),
  }));

const route: fc.Arbitrary<TestRoute> = fc.record({
  prefix: prefixText,
  source,
  attributes,
  metric: fc.constantFrom(0, 512, 1024),
});

test('evaluate and explain agree with the data read naively', () => {
  fc.assert(
    fc.property(policy, fc.array(route, { minLength: 1, maxLength: 4 }), fc.boolean(), (data, routes, isInternal) => {
      const tables = new TestTables();
      const program = compiled(data, 'import');
      const editor = new AttributeEditor(tables.store);
      for (const one of routes) {
        const expected = naive(data, one, isInternal);
        const context = tables.contextOf(one, isInternal);
        const explanation = explainPolicy(program, context);
        expect({ verdict: explanation.verdict, decidedBy: explanation.decidedBy }).toEqual({
          verdict: expected.verdict,
          decidedBy: expected.decidedBy,
        });
        const verdict = evaluate(program, context);
        expect(verdict === VERDICT_ACCEPT ? 'accept' : 'reject').toBe(expected.verdict);
        expect(context.statement < 0 ? 'otherwise' : data.statements[context.statement].name).toBe(expected.decidedBy);
        expect(context.localPref).toBe(expected.localPref);
        expect(Math.max(context.med, 0)).toBe(expected.med ?? 0);
        expect(context.hasMetric ? context.metric : null).toBe(expected.metric);
        expect(context.preference < 0 ? null : context.preference).toBe(expected.preference);

        editor.begin(context.set);
        applyCommunityEdits(program, context.program, editor);
        editor.rewriteAsPath(context.front, context.frontCount, false, false, 0);
        const { communities, extendedCommunities, largeCommunities, asPath } = tables.attributesOf(editor.finish());
        const left = [...(communities ?? []), ...(extendedCommunities ?? []), ...(largeCommunities ?? [])];
        expect(left.sort()).toEqual(expected.communities.sort());
        expect((asPath ?? []).flatMap((segment) => segment.asns)).toEqual(expected.path);
      }
    }),
    { numRuns: 500 },
  );
});
