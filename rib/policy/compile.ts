/**
 * From policy data to a CompiledPolicy, or to the reasons why not. Everything that can be wrong with a policy is found
 * here, with the statement and field that it is in, so that evaluation has no error paths.
 *
 * A range without a length in it (min above max) is legal and holds nothing: Calico's filters can say that.
 */

import { FAMILY_ADDRESS_BITS } from '../../bgp/family.ts';
import { formatPrefix, parseAddress, parsePrefix } from '../../bgp/ip.ts';
import { COMMUNITY_EXTENDED, type Community, parseCommunity, standardCommunity } from './community.ts';
import {
  ACTION_ADD_COMMUNITY,
  ACTION_COMPUTE,
  ACTION_NORMALISE_PRIORITY,
  ACTION_PREPEND_AS_PATH,
  ACTION_REMOVE_ALL_COMMUNITIES,
  ACTION_REMOVE_COMMUNITIES_IN,
  ACTION_REMOVE_COMMUNITY,
  ACTION_SET_LOCAL_PREF,
  ACTION_SET_MED,
  ACTION_SET_METRIC,
  ACTION_SET_NEXT_HOP,
  ACTION_SET_PREFERENCE,
  ACTION_SET_TUNNEL,
  type CompiledAction,
  type CompiledMatch,
  type CompiledPolicy,
  type CompiledStatement,
  EditPrograms,
  MASK_ANY_ONE,
  MASK_ANY_RUN,
  MATCH_AS_PATH_HOLDS,
  MATCH_AS_PATH_LENGTH,
  MATCH_AS_PATH_MASK,
  MATCH_AS_PATH_PREFIX,
  MATCH_COMMUNITY,
  MATCH_COMMUNITY_IN,
  MATCH_INTERFACE,
  MATCH_LEARNED_FROM,
  MATCH_LOCAL_PREF,
  MATCH_MED,
  MATCH_MED_PRESENT,
  MATCH_METRIC,
  MATCH_NEXT_HOP,
  MATCH_PEER_TYPE,
  MATCH_PREFIX,
  MATCH_SOURCE,
  NEXT_HOP_ADDRESS,
  NEXT_HOP_PEER,
  NEXT_HOP_SELF,
  NEXT_HOP_UNCHANGED,
  NUMBER_LOCAL_PREF,
  NUMBER_MED,
  NUMBER_METRIC,
  type PolicyUse,
  VERDICT_ACCEPT,
  VERDICT_NEXT,
  VERDICT_REJECT,
} from './compiled.ts';
import type {
  Action,
  AsPathMaskItem,
  Match,
  Policy,
  PrefixRange,
  RouteNumber,
  RouteSource,
  Statement,
} from './policy.ts';
import { type ParsedRange, PrefixSet } from './prefix-set.ts';

/** Something in a policy that means nothing. */
export interface PolicyProblem {
  readonly policy: string;
  /** Name of the statement. */
  readonly statement: string;
  /** Path below the statement, as in `matches[0].ranges[2].prefix`. */
  readonly field: string;
  readonly message: string;
}

export type CompileResult =
  | { readonly ok: true; readonly policy: CompiledPolicy }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

/** Where in the statement something is wrong, and how to say so. */
type Report = (field: string, message: string) => void;

const UINT32_MAX = 0xffffffff;
/** Longest list of AS numbers in one match or action: more would be a mistake, and fill a segment. */
const AS_LIST_LIMIT = 64;
/** Linux device names: IFNAMSIZ - 1 octets. */
const INTERFACE_NAME_LIMIT = 15;

const NO_PREFIXES = new PrefixSet([]);
const NO_COMMUNITY: Community = standardCommunity(0);
const NO_PEERS: ReadonlySet<string> = new Set();

const BLANK_MATCH: CompiledMatch = {
  kind: 0,
  negate: false,
  prefixes: NO_PREFIXES,
  sources: 0,
  isInternal: false,
  pattern: '',
  community: NO_COMMUNITY,
  upTo: NO_COMMUNITY,
  asns: [],
  min: 0,
  max: 0,
  peers: NO_PEERS,
};

const BLANK_ACTION: CompiledAction = {
  kind: 0,
  index: 0,
  isEdit: false,
  value: 0,
  community: NO_COMMUNITY,
  upTo: NO_COMMUNITY,
  asns: [],
  address: null,
  interfaceName: '',
  target: 0,
  from: 0,
  isSubtraction: false,
};

const NUMBERS: { readonly [N in RouteNumber]: number } = {
  'local-pref': NUMBER_LOCAL_PREF,
  med: NUMBER_MED,
  metric: NUMBER_METRIC,
};

/** Bit numbers as the attribute store's `source` column has them. */
const SOURCE_BITS: { readonly [S in RouteSource]: number } = { bgp: 1, static: 2, kernel: 4, direct: 8 };

function isUint32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= UINT32_MAX;
}

function compileRanges(ranges: readonly PrefixRange[], report: Report): PrefixSet {
  const parsed: ParsedRange[] = [];
  for (const [i, range] of ranges.entries()) {
    const at = `ranges[${i}]`;
    const prefix = parsePrefix(range.prefix);
    if (prefix === null) {
      report(`${at}.prefix`, `${JSON.stringify(range.prefix)} is not a prefix`);
      continue;
    }
    if (formatPrefix(prefix) !== range.prefix)
      report(`${at}.prefix`, `${range.prefix} is not canonical, write ${formatPrefix(prefix)}`);
    const bits = FAMILY_ADDRESS_BITS[prefix.family];
    for (const end of ['minLength', 'maxLength'] as const)
      if (!Number.isInteger(range[end]) || range[end] < 0 || range[end] > bits)
        report(`${at}.${end}`, `${range[end]} is not a length of 0..${bits}`);
    parsed.push({ prefix, minLength: range.minLength, maxLength: range.maxLength });
  }
  return new PrefixSet(parsed);
}

function compilePrefixList(prefixes: readonly string[], report: Report): PrefixSet {
  const parsed: ParsedRange[] = [];
  for (const [i, text] of prefixes.entries()) {
    const prefix = parsePrefix(text);
    if (prefix === null) report(`prefixes[${i}]`, `${JSON.stringify(text)} is not a prefix`);
    else parsed.push({ prefix, minLength: 0, maxLength: FAMILY_ADDRESS_BITS[prefix.family] });
  }
  return new PrefixSet(parsed);
}

function compileCommunity(text: string, report: Report): Community {
  const community = parseCommunity(text);
  if (community !== null) return community;
  report(
    'community',
    `${JSON.stringify(text)} is not aa:nn, aa:nn:mm, rt:aa:nn, ro:aa:nn, 0x and 16 hex digits, or a well-known name`,
  );
  return NO_COMMUNITY;
}

function compileCommunityRange(
  { from, to }: { readonly from: string; readonly to: string },
  report: Report,
): { readonly community: Community; readonly upTo: Community } {
  const community = compileCommunity(from, (_field, message) => report('from', message));
  const upTo = compileCommunity(to, (_field, message) => report('to', message));
  if (community.type !== upTo.type) report('to', `${to} is not of the kind of ${from}`);
  // Numbers of extended communities are of a size that their type says.
  if (community.type === COMMUNITY_EXTENDED) report('from', 'there are no ranges of extended communities');
  return { community, upTo };
}

function compileAsRanges(ranges: readonly { readonly min: number; readonly max: number }[], report: Report): number[] {
  if (ranges.length > AS_LIST_LIMIT) report('ranges', `${ranges.length} ranges where ${AS_LIST_LIMIT} are possible`);
  for (const [i, { min, max }] of ranges.entries()) {
    checkInterval(min, max, (field, message) => report(`ranges[${i}].${field}`, message));
  }
  return ranges.flatMap(({ min, max }) => [min, max]);
}

function compileAsns(asns: readonly number[], report: Report): readonly number[] {
  if (asns.length === 0 || asns.length > AS_LIST_LIMIT)
    report('asns', `${asns.length} AS numbers where 1..${AS_LIST_LIMIT} are possible`);
  // AS 0 may not occur in a path, RFC 7607.
  for (const [i, as] of asns.entries())
    if (!isUint32(as) || as === 0) report(`asns[${i}]`, `${as} is not an AS number of 1..4294967295`);
  return asns;
}

function checkInterval(min: number, max: number, report: Report): void {
  if (!isUint32(min)) report('min', `${min} is not in 0..4294967295`);
  if (!isUint32(max)) report('max', `${max} is not in 0..4294967295`);
  else if (min > max) report('max', `${max} is below min, ${min}`);
}

function compileMask(mask: readonly AsPathMaskItem[], report: Report): readonly number[] {
  if (mask.length > AS_LIST_LIMIT) report('mask', `${mask.length} items where ${AS_LIST_LIMIT} are possible`);
  return mask.map((item, i) => {
    if (item === '*') return MASK_ANY_RUN;
    if (item === '?') return MASK_ANY_ONE;
    if (!isUint32(item)) report(`mask[${i}]`, `${item} is neither an AS number nor * nor ?`);
    return item;
  });
}

function compileMatch(match: Match, use: PolicyUse, report: Report): CompiledMatch {
  if (match.negate !== undefined && typeof match.negate !== 'boolean') report('negate', 'must be true or false');
  return { ...compileKind(match, use, report), negate: match.negate === true };
}

function compileKind(match: Match, use: PolicyUse, report: Report): CompiledMatch {
  switch (match.kind) {
    case 'prefix':
      return {
        ...BLANK_MATCH,
        kind: MATCH_PREFIX,
        prefixes: compileRanges(match.ranges, report),
      };
    case 'source': {
      let sources = 0;
      for (const source of match.sources) sources |= SOURCE_BITS[source] ?? 0;
      if (match.sources.some((source) => SOURCE_BITS[source] === undefined))
        report('sources', `${JSON.stringify(match.sources)}: known are ${Object.keys(SOURCE_BITS).join(', ')}`);
      return { ...BLANK_MATCH, kind: MATCH_SOURCE, sources };
    }
    case 'peer-type':
      if (use === 'kernel') report('peerType', 'a kernel policy is attached to no peer');
      if (match.peerType !== 'ibgp' && match.peerType !== 'ebgp')
        report('peerType', `${JSON.stringify(match.peerType)} is neither ibgp nor ebgp`);
      return { ...BLANK_MATCH, kind: MATCH_PEER_TYPE, isInternal: match.peerType === 'ibgp' };
    case 'interface':
      return { ...BLANK_MATCH, kind: MATCH_INTERFACE, pattern: match.pattern };
    case 'community':
      return { ...BLANK_MATCH, kind: MATCH_COMMUNITY, community: compileCommunity(match.community, report) };
    case 'community-in':
      return { ...BLANK_MATCH, kind: MATCH_COMMUNITY_IN, ...compileCommunityRange(match, report) };
    case 'as-path-holds':
      return { ...BLANK_MATCH, kind: MATCH_AS_PATH_HOLDS, asns: compileAsRanges(match.ranges, report) };
    case 'as-path-prefix':
      return { ...BLANK_MATCH, kind: MATCH_AS_PATH_PREFIX, asns: compileAsns(match.asns, report) };
    case 'as-path-mask':
      return { ...BLANK_MATCH, kind: MATCH_AS_PATH_MASK, asns: compileMask(match.mask, report) };
    case 'as-path-length':
      checkInterval(match.min, match.max, report);
      return { ...BLANK_MATCH, kind: MATCH_AS_PATH_LENGTH, min: match.min, max: match.max };
    case 'metric':
      checkInterval(match.min, match.max, report);
      return { ...BLANK_MATCH, kind: MATCH_METRIC, min: match.min, max: match.max };
    case 'local-pref':
      checkInterval(match.min, match.max, report);
      return { ...BLANK_MATCH, kind: MATCH_LOCAL_PREF, min: match.min, max: match.max };
    case 'med':
      checkInterval(match.min, match.max, report);
      return { ...BLANK_MATCH, kind: MATCH_MED, min: match.min, max: match.max };
    case 'med-present':
      return { ...BLANK_MATCH, kind: MATCH_MED_PRESENT };
    case 'next-hop':
      return { ...BLANK_MATCH, kind: MATCH_NEXT_HOP, prefixes: compilePrefixList(match.prefixes, report) };
    case 'learned-from':
      return { ...BLANK_MATCH, kind: MATCH_LEARNED_FROM, peers: new Set(match.peers) };
    default:
      report('kind', `${JSON.stringify((match as { kind: unknown }).kind)} is not a kind of match`);
      return BLANK_MATCH;
  }
}

function compileNextHop(value: string, use: PolicyUse, report: Report): CompiledAction {
  const action = { ...BLANK_ACTION, kind: ACTION_SET_NEXT_HOP, isEdit: true };
  if (use === 'kernel') report('value', 'the kernel uses the resolved next hop, it cannot be set there');
  if (value === 'self') {
    if (use === 'import') report('value', 'a received path through ourselves could not be used');
    return { ...action, value: NEXT_HOP_SELF };
  }
  // Towards a peer its own address is no next hop for it: `peer` on export is what `self` is.
  if (value === 'peer') return { ...action, value: use === 'export' ? NEXT_HOP_SELF : NEXT_HOP_PEER };
  if (value === 'unchanged') return { ...action, value: NEXT_HOP_UNCHANGED };
  const address = parseAddress(value);
  if (address === null) report('value', `${JSON.stringify(value)} is neither an address nor self, peer or unchanged`);
  return { ...action, value: NEXT_HOP_ADDRESS, address };
}

function compileAction(action: Action, use: PolicyUse, report: Report): CompiledAction {
  const number = (value: number, max = UINT32_MAX): number => {
    if (!isUint32(value) || value > max) report('value', `${value} is not in 0..${max}`);
    return value;
  };
  switch (action.kind) {
    case 'set-local-pref':
      return { ...BLANK_ACTION, kind: ACTION_SET_LOCAL_PREF, isEdit: true, value: number(action.value) };
    case 'set-med':
      return {
        ...BLANK_ACTION,
        kind: ACTION_SET_MED,
        isEdit: true,
        value: action.value === null ? -1 : number(action.value),
      };
    case 'set-metric':
      // Later normalise-priority makes LOCAL_PREF of it, hence an edit.
      return { ...BLANK_ACTION, kind: ACTION_SET_METRIC, isEdit: true, value: number(action.value) };
    case 'compute': {
      const [target, from] = [NUMBERS[action.target], NUMBERS[action.from]];
      const known = Object.keys(NUMBERS).join(', ');
      if (target === undefined) report('target', `${JSON.stringify(action.target)} is not one of ${known}`);
      if (from === undefined) report('from', `${JSON.stringify(action.from)} is not one of ${known}`);
      if (action.sign !== 1 && action.sign !== -1) report('sign', `${action.sign} is neither 1 nor -1`);
      if (!isUint32(action.offset)) report('offset', `${action.offset} is not in 0..${UINT32_MAX}`);
      return {
        ...BLANK_ACTION,
        kind: ACTION_COMPUTE,
        isEdit: true,
        value: action.offset,
        target: target ?? 0,
        from: from ?? 0,
        isSubtraction: action.sign === -1,
      };
    }
    case 'normalise-priority':
      if (!isUint32(action.normal) || action.normal > 0x7fffffff)
        report('normal', `${action.normal} is not in 0..2147483647`);
      return { ...BLANK_ACTION, kind: ACTION_NORMALISE_PRIORITY, isEdit: true, value: action.normal };
    case 'set-preference':
      return { ...BLANK_ACTION, kind: ACTION_SET_PREFERENCE, value: number(action.value, 255) };
    case 'set-next-hop':
      return compileNextHop(action.value, use, report);
    case 'add-community':
      return {
        ...BLANK_ACTION,
        kind: ACTION_ADD_COMMUNITY,
        isEdit: true,
        community: compileCommunity(action.community, report),
      };
    case 'remove-community':
      if (action.community === 'all') return { ...BLANK_ACTION, kind: ACTION_REMOVE_ALL_COMMUNITIES, isEdit: true };
      return {
        ...BLANK_ACTION,
        kind: ACTION_REMOVE_COMMUNITY,
        isEdit: true,
        community: compileCommunity(action.community, report),
      };
    case 'remove-communities-in':
      return {
        ...BLANK_ACTION,
        kind: ACTION_REMOVE_COMMUNITIES_IN,
        isEdit: true,
        ...compileCommunityRange(action, report),
      };
    case 'prepend-as-path':
      return { ...BLANK_ACTION, kind: ACTION_PREPEND_AS_PATH, isEdit: true, asns: compileAsns(action.asns, report) };
    case 'set-tunnel':
      if (use !== 'kernel') report('interfaceName', 'only a kernel policy can send through a tunnel');
      if (action.interfaceName === '' || action.interfaceName.length > INTERFACE_NAME_LIMIT)
        report('interfaceName', `${JSON.stringify(action.interfaceName)} is not the name of a device`);
      return { ...BLANK_ACTION, kind: ACTION_SET_TUNNEL, interfaceName: action.interfaceName };
    default:
      report('kind', `${JSON.stringify((action as { kind: unknown }).kind)} is not a kind of action`);
      return BLANK_ACTION;
  }
}

/** @param behind how many statements come after this one */
function compileSkip(statement: Statement, behind: number, report: Report): number {
  const skip = statement.skip ?? 0;
  if (!Number.isInteger(skip) || skip < 0 || skip > behind) report('skip', `${skip} is not in 0..${behind}`);
  else if (skip > 0 && statement.verdict !== 'next') report('skip', `means nothing with verdict ${statement.verdict}`);
  return skip;
}

/** Compiles a policy for the place where it is attached; all problems are reported, not only the first. */
export function compilePolicy(policy: Policy, use: PolicyUse): CompileResult {
  const problems: PolicyProblem[] = [];
  const statements: CompiledStatement[] = [];
  let actionIndex = 0;
  for (const statement of policy.statements) {
    const report =
      (place: string): Report =>
      (field, message) =>
        problems.push({
          policy: policy.name,
          statement: statement.name,
          field: place === '' ? field : `${place}.${field}`,
          message,
        });
    const verdicts: readonly string[] = ['reject', 'accept', 'next'];
    const verdict = verdicts.indexOf(statement.verdict);
    if (verdict < 0) report('')('verdict', `${JSON.stringify(statement.verdict)} is not one of ${verdicts.join(', ')}`);
    statements.push({
      name: statement.name,
      matches: statement.matches.map((match, i) => compileMatch(match, use, report(`matches[${i}]`))),
      actions: statement.actions.map((action, i) => ({
        ...compileAction(action, use, report(`actions[${i}]`)),
        index: actionIndex++,
      })),
      skip: compileSkip(statement, policy.statements.length - statements.length - 1, report('')),
      verdict: verdict === 1 ? VERDICT_ACCEPT : verdict === 2 ? VERDICT_NEXT : VERDICT_REJECT,
    });
  }
  if (actionIndex > 65535 || statements.length > 65534)
    problems.push({ policy: policy.name, statement: '', field: 'statements', message: 'more than 65534 of them' });
  if (policy.otherwise !== 'accept' && policy.otherwise !== 'reject')
    problems.push({
      policy: policy.name,
      statement: '',
      field: 'otherwise',
      message: `${JSON.stringify(policy.otherwise)} is neither accept nor reject`,
    });
  if (problems.length > 0) return { ok: false, problems };
  const uses = (kind: number): boolean => statements.some(({ matches }) => matches.some((m) => m.kind === kind));
  const otherwise = policy.otherwise === 'accept' ? VERDICT_ACCEPT : VERDICT_REJECT;
  return {
    ok: true,
    policy: {
      policy,
      use,
      statements,
      otherwise,
      dependsOnPrefix: uses(MATCH_PREFIX),
      dependsOnInterface: uses(MATCH_INTERFACE),
      dependsOnSourcePeer: uses(MATCH_LEARNED_FROM),
      acceptsAll:
        otherwise === VERDICT_ACCEPT &&
        statements.every(({ actions, verdict }) => verdict !== VERDICT_REJECT && actions.length === 0),
      programs: new EditPrograms(),
    },
  };
}

/** One line per problem, for logs and the API. */
export function formatProblem(problem: PolicyProblem): string {
  const place = problem.statement === '' ? '' : ` statement ${problem.statement},`;
  return `policy ${problem.policy},${place} ${problem.field}: ${problem.message}`;
}
