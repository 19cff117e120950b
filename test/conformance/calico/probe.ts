/**
 * Runs a probe route of the corpus through one of our policies, with the evaluator that the RIB uses: the route becomes
 * an attribute set in a store of its own, and what the policy made of it is read back from the evaluation context.
 */

import { familyIndex } from '../../../bgp/family.ts';
import { addressOctets, parseAddress, parsePrefix } from '../../../bgp/ip.ts';
import { AttributeStore } from '../../../rib/attribute-store.ts';
import { NextHopTable } from '../../../rib/next-hop.ts';
import { COMMUNITY_LARGE, COMMUNITY_STANDARD, formatCommunity } from '../../../rib/policy/community.ts';
import { compilePolicy } from '../../../rib/policy/compile.ts';
import {
  ACTION_ADD_COMMUNITY,
  type CompiledPolicy,
  type PolicyUse,
  VERDICT_ACCEPT,
} from '../../../rib/policy/compiled.ts';
import { EvaluationContext, evaluate } from '../../../rib/policy/evaluate.ts';
import type { Policy } from '../../../rib/policy/policy.ts';
import type { Probe, ProbeRoute } from './calico-case.ts';

const INTERFACE_INDEX = 7;
const SOURCE_STATIC = 1;
const SOURCE_KERNEL = 2;
const SOURCE_DIRECT = 3;

/** LOCAL_PREF that the RIB gives to a path without one (RFC 4271 does not say; every implementation does). */
const DEFAULT_LOCAL_PREF = 100;

function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function attribute(flags: number, code: number, value: readonly number[]): number[] {
  return value.length > 255
    ? [flags | 0x10, code, value.length >> 8, value.length & 255, ...value]
    : [flags, code, value.length, ...value];
}

function localBlock(route: ProbeRoute): number[] {
  // A kernel route of the corpus without metric stands for one whose metric is not defined. Only routes out of the
  // kernel have one, so it is like a connected route, for which the policies do the same in every other respect.
  const source = route.source === 'static' ? SOURCE_STATIC : route.metric === undefined ? SOURCE_DIRECT : SOURCE_KERNEL;
  const interfaceIndex = route.interface === undefined ? 0 : INTERFACE_INDEX;
  return [0, 0, 12, source, 1, 0, 0, ...uint32(route.metric ?? 0), ...uint32(interfaceIndex)];
}

function bgpBlock(route: ProbeRoute): number[] {
  const asPath = route.asPath ?? [];
  const nextHop = parseAddress(route.nextHop ?? (route.prefix.includes(':') ? '2001:db8::fe' : '192.0.2.254'));
  if (nextHop === null) throw new Error(`next hop ${route.nextHop}`);
  const octets = [...addressOctets(nextHop)];
  const parts = (text: string): number[] => text.split(':').map(Number);
  const standard = (route.communities ?? []).flatMap((one) => uint32(parts(one)[0] * 65536 + parts(one)[1]));
  const large = (route.largeCommunities ?? []).flatMap((one) => parts(one).flatMap(uint32));
  return [
    ...attribute(0x40, 1, [0]),
    ...attribute(0x40, 2, asPath.length === 0 ? [] : [2, asPath.length, ...asPath.flatMap(uint32)]),
    ...(nextHop.family === 0 ? attribute(0x40, 3, octets) : []),
    ...(route.localPref === undefined ? [] : attribute(0x40, 5, uint32(route.localPref))),
    ...(standard.length === 0 ? [] : attribute(0xc0, 8, standard)),
    ...(nextHop.family === 1 ? attribute(0x80, 14, [0, 2, 1, 16, ...octets, 0]) : []),
    ...(large.length === 0 ? [] : attribute(0xc0, 32, large)),
  ];
}

export interface ProbeResult {
  readonly verdict: 'accept' | 'reject';
  readonly preference: number | null;
  readonly localPref: number;
  readonly metric: number | null;
  readonly tunnelDevice: string;
  readonly asPath: readonly number[];
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
}

const compiled = new WeakMap<Policy, CompiledPolicy>();

function compile(policy: Policy, use: PolicyUse): CompiledPolicy {
  const known = compiled.get(policy);
  if (known !== undefined) return known;
  const result = compilePolicy(policy, use);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  compiled.set(policy, result.policy);
  return result.policy;
}

/**
 * A probe without interface stands for a route whose interface name is not defined, for which no interface match
 * holds. Neither BIRD nor we have such routes: where there is no interface the name is empty, and `*` matches it
 * (section 2.3 of Calico's semantics). So the statements that ask for any name are left out for these probes.
 */
function withoutAnyInterface(policy: Policy): Policy {
  const known = withoutAny.get(policy);
  if (known !== undefined) return known;
  const statements = policy.statements.filter(
    (statement) => !statement.matches.some((match) => match.kind === 'interface' && /^\*+$/.test(match.pattern)),
  );
  const rest = { ...policy, statements };
  withoutAny.set(policy, rest);
  return rest;
}

const withoutAny = new WeakMap<Policy, Policy>();

export function runProbe(policy: Policy, use: PolicyUse, isInternal: boolean, route: ProbeRoute): ProbeResult {
  const hasInterface = route.interface !== undefined;
  const nextHops = new NextHopTable(() =>
    hasInterface ? { cost: 0, gateway: null, interfaceIndex: INTERFACE_INDEX } : null,
  );
  const store = new AttributeStore(nextHops);
  const prefix = parsePrefix(route.prefix);
  if (prefix === null) throw new Error(`prefix ${route.prefix}`);
  const context = new EvaluationContext({
    store,
    nextHops,
    interfaceName: (index) => (index === INTERFACE_INDEX ? (route.interface ?? '') : ''),
    peerName: () => '',
  });
  const block = Uint8Array.from(route.source === 'bgp' ? bgpBlock(route) : localBlock(route));
  Object.assign(context, prefix);
  context.set = store.intern(block, 0, block.length);
  context.family = familyIndex(prefix.family === 0 ? 'ipv4-unicast' : 'ipv6-unicast');
  context.isInternal = isInternal;
  const program = compile(hasInterface ? policy : withoutAnyInterface(policy), use);
  const verdict = evaluate(program, context) === VERDICT_ACCEPT ? 'accept' : 'reject';
  const added = program.programs
    .sequence(context.program)
    .filter((edit) => edit.kind === ACTION_ADD_COMMUNITY)
    .map((edit) => edit.community);
  const withAdded = (type: number, given: readonly string[] | undefined): string[] => [
    ...new Set([...(given ?? []), ...added.filter((one) => one.type === type).map(formatCommunity)]),
  ];
  return {
    verdict,
    preference: context.preference < 0 ? null : context.preference,
    localPref: context.localPref,
    metric: context.hasMetric ? context.metric : null,
    tunnelDevice: context.tunnel,
    asPath: [...context.front.subarray(0, context.frontCount), ...(route.asPath ?? [])],
    communities: withAdded(COMMUNITY_STANDARD, route.communities),
    largeCommunities: withAdded(COMMUNITY_LARGE, route.largeCommunities),
  };
}

/** Differences between what a probe expects and what came out; empty when there are none. */
export function compareProbe(probe: Probe, result: ProbeResult, use: PolicyUse): string[] {
  const { route, expect } = probe;
  if (result.verdict !== expect.verdict) return [`verdict ${result.verdict}, expected ${expect.verdict}`];
  if (expect.verdict === 'reject') return [];
  const set = expect.set ?? {};
  const differences: string[] = [];
  const check = (name: string, actual: unknown, expected: unknown): void => {
    if (JSON.stringify(actual) !== JSON.stringify(expected)) {
      differences.push(`${name} ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`);
    }
  };
  // The kernel policy of Calico sets a preference that has no effect at that place; ours does not.
  if (use !== 'kernel') check('preference', result.preference, set.preference ?? null);
  check('metric', result.metric, set.metric ?? route.metric ?? null);
  if (route.source === 'bgp' || set.localPref !== undefined) {
    check('localPref', result.localPref, set.localPref ?? route.localPref ?? DEFAULT_LOCAL_PREF);
  }
  check('tunnelDevice', result.tunnelDevice, set.tunnelDevice ?? '');
  check('asPath', result.asPath, set.asPath ?? route.asPath ?? []);
  check('communities', result.communities, set.communities ?? route.communities ?? []);
  check('largeCommunities', result.largeCommunities, set.largeCommunities ?? route.largeCommunities ?? []);
  return differences;
}

/** A probe for messages. */
export function describeRoute(route: ProbeRoute): string {
  return JSON.stringify(route);
}
