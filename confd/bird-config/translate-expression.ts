/**
 * Expressions of a filter as values: what is constant is computed, what depends on the route becomes a condition over
 * matches or a number that policies can compare. What policies cannot say is a mistake with its place.
 */

import { formatPrefix, parseAddress, parsePrefix, prefixContains } from '../../bgp/ip.ts';
import { globMatches } from '../../rib/policy/evaluate.ts';
import type { Match, RouteSource } from '../../rib/policy/policy.ts';
import type { Expression, SetItem } from './ast.ts';
import {
  addressSet,
  compareMeasure,
  compareNumbers,
  hostPrefix,
  measureInSet,
  mirrored,
  netEquals,
  netInSet,
  netInside,
  nextHopIn,
  pathHolds,
} from './compare.ts';
import { ALWAYS, all, any, attributesOf, type Condition, isMatch, NEVER, not } from './condition.ts';
import { BirdConfigError, type Position } from './diagnostic.ts';
import { type FilterContext, reasonAgainst } from './filter-context.ts';
import { arithmetic } from './parse-expression.ts';
import { medDefined, metricDefined, refine, type State, sourceIn } from './state.ts';
import { attributeOfValue, communityKind, communityText, describeValue, type Value } from './value.ts';

/** BIRD's names of where routes come from, as far as there are such routes here. */
const SOURCES: ReadonlyMap<string, RouteSource> = new Map([
  ['RTS_BGP', 'bgp'],
  ['RTS_STATIC', 'static'],
  ['RTS_INHERIT', 'kernel'],
  ['RTS_DEVICE', 'direct'],
]);
/** Most members that a set of communities or AS numbers may be written out to. */
const MAX_SET_MEMBERS = 256;

/** How functions are computed whose result has to be known without a route. */
export type ConstantCall = (call: Extract<Expression, { kind: 'call' }>, state: State) => Value;

export class ExpressionTranslator {
  readonly #context: FilterContext;
  readonly #call: ConstantCall;
  /** Conditions that have to hold at this place, or BIRD would stop with a run-time error and reject. */
  #needed: Condition[] = [];

  constructor(context: FilterContext, call: ConstantCall) {
    this.#context = context;
    this.#call = call;
  }

  /** What must hold lest the last expression is a run-time error in BIRD. */
  takeNeeded(): Condition {
    const needed = all(...this.#needed);
    this.#needed = [];
    return needed;
  }

  condition(expression: Expression, state: State): Condition {
    const value = this.value(expression, state);
    if (value.kind === 'bool') return value.condition;
    throw new BirdConfigError(expression.at, `this is ${describeValue(value)}, wanted: a condition`);
  }

  value(expression: Expression, state: State): Value {
    switch (expression.kind) {
      case 'number':
      case 'string':
      case 'ip':
      case 'prefix':
      case 'enum':
      case 'set':
      case 'mask':
      case 'empty':
        return expression;
      case 'bool':
        return { kind: 'bool', condition: expression.value ? ALWAYS : NEVER };
      case 'tuple':
        return this.#community(expression, state);
      case 'attribute':
        return this.#attribute(expression.name, expression.at, state);
      case 'variable':
        return this.#variable(expression.name, expression.at, state);
      case 'call':
        return this.#call(expression, state);
      case 'not':
        return { kind: 'bool', condition: not(this.condition(expression.operand, state)) };
      case 'defined':
        return { kind: 'bool', condition: this.#defined(expression.name, expression.at, state) };
      case 'method':
        return this.#method(expression, state);
      case 'binary':
        return this.#binary(expression, state);
    }
  }

  /** Notes that a value is used where BIRD stops when it is undefined. */
  need(defined: Condition): void {
    if (defined.kind !== 'constant' || !defined.value) this.#needed.push(defined);
  }

  #community(expression: Extract<Expression, { kind: 'tuple' }>, state: State): Value {
    const numbers = expression.elements.map((element) => {
      const value = this.value(element, state);
      if (value.kind === 'number') return value.value;
      throw new BirdConfigError(element.at, 'wanted: a number that does not depend on the route');
    });
    const text = communityText(expression.ec, numbers);
    if (text === null) throw new BirdConfigError(expression.at, 'the halves of a community are 0..65535');
    return { kind: 'community', type: communityKind(expression.ec, numbers.length), text };
  }

  #variable(name: string, at: Position, state: State): Value {
    const held = state.variables.get(name);
    if (held === undefined) return { kind: 'nothing' };
    const { value, versions } = held;
    const own = attributeOfValue(value);
    const looksAt = new Set(own === null ? [] : [own]);
    if (value.kind === 'bool') attributesOf(value.condition, looksAt);
    for (const attribute of looksAt) {
      if (versions[attribute] !== state.versions[attribute]) {
        throw new BirdConfigError(
          at,
          `${name} holds what ${attribute} was before it was changed, which is not supported; use it before the change`,
        );
      }
    }
    return value;
  }

  #unsupported(name: string, at: Position): never {
    throw new BirdConfigError(at, `${name} cannot be compared here: ${reasonAgainst(name)}`);
  }

  #attribute(name: string, at: Position, state: State): Value {
    switch (name) {
      case 'net':
      case 'source':
      case 'ifname':
      case 'proto':
      // A path or a list that is not there reads as an empty one.
      case 'bgp_path':
      case 'bgp_community':
      case 'bgp_large_community':
      case 'bgp_ext_community':
        return { kind: 'attribute', name, defined: ALWAYS };
      case 'from':
        return { kind: 'attribute', name, defined: sourceIn(state, ['bgp']) };
      case 'dest':
        if (this.#context.use !== 'kernel') this.#unsupported(name, at);
        return { kind: 'attribute', name, defined: ALWAYS };
      case 'bgp_next_hop':
        return this.#nextHop(at, state);
      case 'preference':
        if (typeof state.preference === 'number') return { kind: 'number', value: state.preference };
        return this.#unsupported(name, at);
      case 'bgp_local_pref':
        return this.#measure('local-pref', this.#defined(name, at, state));
      case 'bgp_med':
        if (!this.#context.clearsMed || state.hasOwnMed === true) return this.#measure('med', medDefined(state));
        if (state.hasOwnMed === 'mixed') this.#unsupported('bgp_med after it was set on some routes', at);
        return this.#measure('zero', medDefined(state));
      case 'krt_metric':
        return this.#measure('metric', metricDefined(state));
      default:
        return this.#unsupported(name, at);
    }
  }

  #measure(measure: 'local-pref' | 'med' | 'metric' | 'zero', defined: Condition): Value {
    return { kind: 'measure', measure, sign: 1, offset: 0, defined };
  }

  #nextHop(at: Position, state: State): Value {
    const { nextHop } = state;
    if (nextHop !== 'own' && nextHop !== 'mixed') return { kind: 'ip', address: nextHop };
    if (nextHop === 'mixed' || this.#context.replacesNextHop) this.#unsupported('bgp_next_hop', at);
    return { kind: 'attribute', name: 'bgp_next_hop', defined: this.#defined('bgp_next_hop', at, state) };
  }

  #defined(name: string, at: Position, state: State): Condition {
    const isKernel = this.#context.use === 'kernel';
    switch (name) {
      case 'krt_metric':
        return metricDefined(state);
      case 'bgp_med':
        return medDefined(state);
      case 'bgp_local_pref':
        if (!isKernel || state.localPref === 'set') return ALWAYS;
        if (state.localPref === 'mixed')
          this.#unsupported('defined(bgp_local_pref) after it was set on some routes', at);
        return sourceIn(state, ['bgp']);
      case 'bgp_path':
        if (isKernel && state.versions['as-path'] !== undefined)
          this.#unsupported('defined(bgp_path) after a change', at);
        return isKernel ? sourceIn(state, ['bgp']) : ALWAYS;
      case 'bgp_next_hop':
      case 'bgp_origin':
        return isKernel ? sourceIn(state, ['bgp']) : ALWAYS;
      case 'bgp_community':
      case 'bgp_large_community':
      case 'bgp_ext_community':
        throw new BirdConfigError(at, `defined(${name}) is not supported: a list that is not there reads as empty`);
      case 'gw':
      case 'krt_source':
      case 'krt_prefsrc':
      case 'krt_realm':
      case 'krt_tunnel':
      case 'igp_metric':
      case 'bgp_atomic_aggr':
      case 'bgp_aggregator':
      case 'bgp_originator_id':
      case 'bgp_cluster_list':
        return this.#unsupported(name, at);
      default:
        return ALWAYS;
    }
  }

  #method({ object, name, argument, at }: Extract<Expression, { kind: 'method' }>, state: State): Value {
    const value = this.value(object, state);
    if (argument === null && value.kind === 'attribute') {
      const { defined } = value;
      if (value.name === 'bgp_path' && name === 'len') {
        return { kind: 'measure', measure: 'path-length', sign: 1, offset: 0, defined };
      }
      if (value.name === 'bgp_path' && (name === 'first' || name === 'last'))
        return { kind: 'path-end', end: name, defined };
      if (value.name === 'net' && name === 'len') {
        return { kind: 'measure', measure: 'net-length', sign: 1, offset: 0, defined: ALWAYS };
      }
    }
    if (argument === null && value.kind === 'prefix' && name === 'len') {
      return { kind: 'number', value: Number(value.prefix.split('/')[1]) };
    }
    throw new BirdConfigError(
      at,
      `.${name} of ${describeValue(value)} is not supported, wanted: bgp_path.len, .first or .last, or net.len`,
    );
  }

  #binary(expression: Extract<Expression, { kind: 'binary' }>, state: State): Value {
    const { operator, left, right, at } = expression;
    switch (operator) {
      case '&&':
      case '||':
        return this.#junction(operator === '&&', left, right, state);
      case '+':
      case '-':
      case '*':
      case '/':
        return this.#compute(operator, this.value(left, state), this.value(right, state), at);
      default: {
        const [a, b] = [this.value(left, state), this.value(right, state)];
        const isMatchOperator = operator === '~' || operator === '!~';
        const condition = isMatchOperator ? this.#matches(a, b, at, state) : this.#compares(a, operator, b, at, state);
        return { kind: 'bool', condition: operator === '!~' ? not(condition) : condition };
      }
    }
  }

  /** The right side is evaluated only when the left side has not decided, and with what is known then. */
  #junction(isAnd: boolean, left: Expression, right: Expression, state: State): Value {
    const first = this.condition(left, state);
    if (first.kind === 'constant') {
      if (first.value !== isAnd) return { kind: 'bool', condition: first };
      return { kind: 'bool', condition: this.condition(right, state) };
    }
    const neededBefore = this.#needed;
    this.#needed = [];
    const second = this.condition(right, refine(state, first, isAnd));
    if (this.#needed.length > 0) {
      throw new BirdConfigError(
        right.at,
        'a value here may be undefined, which is a run-time error in BIRD; ask defined(...) first',
      );
    }
    this.#needed = neededBefore;
    return { kind: 'bool', condition: isAnd ? all(first, second) : any(first, second) };
  }

  #compute(operator: '+' | '-' | '*' | '/', a: Value, b: Value, at: Position): Value {
    if (a.kind === 'number' && b.kind === 'number') {
      const value = arithmetic(operator, a.value, b.value);
      if (value === null) throw new BirdConfigError(at, 'division by zero');
      return { kind: 'number', value };
    }
    const [measure, number] = a.kind === 'measure' ? [a, b] : [b, a];
    if (measure.kind !== 'measure' || number.kind !== 'number' || operator === '*' || operator === '/') {
      throw new BirdConfigError(
        at,
        `${describeValue(a)} ${operator} ${describeValue(b)} is not supported, wanted: constants, or NUMBER + or - one attribute`,
      );
    }
    this.need(measure.defined);
    const known = { ...measure, defined: ALWAYS };
    if (operator === '+') return { ...known, offset: (measure.offset + number.value) >>> 0 };
    if (measure === a) return { ...known, offset: (measure.offset - number.value) >>> 0 };
    return { ...known, sign: measure.sign === 1 ? -1 : 1, offset: (number.value - measure.offset) >>> 0 };
  }

  #compares(a: Value, operator: string, b: Value, at: Position, state: State): Condition {
    if (a.kind === 'number' && b.kind === 'number') return compareNumbers(a.value, operator, b.value) ? ALWAYS : NEVER;
    const { family } = this.#context;
    if (a.kind === 'measure' && b.kind === 'number') return compareMeasure(a, operator, b.value, family);
    if (a.kind === 'number' && b.kind === 'measure') return compareMeasure(b, mirrored(operator), a.value, family);
    if (a.kind === 'nothing' || b.kind === 'nothing') {
      throw new BirdConfigError(at, 'a variable is compared before it was given a value');
    }
    if (operator !== '=' && operator !== '!=') {
      throw new BirdConfigError(
        at,
        `${describeValue(a)} ${operator} ${describeValue(b)} is not supported, wanted: one number of the route and a constant`,
      );
    }
    const equal = this.#equals(a, b, at, state);
    return operator === '=' ? equal : not(equal);
  }

  #equals(a: Value, b: Value, at: Position, state: State): Condition {
    if (b.kind === 'attribute' && a.kind !== 'attribute') return this.#equals(b, a, at, state);
    if (a.kind === 'bool' && b.kind === 'bool') {
      return any(all(a.condition, b.condition), all(not(a.condition), not(b.condition)));
    }
    if (a.kind === 'path-end' && b.kind === 'number') return all(a.defined, isMatch(pathHolds(b.value, a.end)));
    if (a.kind !== 'attribute') return constantEquals(a, b) ? ALWAYS : NEVER;
    switch (a.name) {
      case 'net':
        // A set or anything else is of another type and never equal.
        return b.kind === 'prefix' ? netEquals(b.prefix) : NEVER;
      case 'source':
        return b.kind === 'enum' ? this.#source(b.name, state) : NEVER;
      case 'dest':
        return b.kind === 'enum' ? this.#destination(b.name, at, state) : NEVER;
      case 'ifname':
        if (b.kind !== 'string') return NEVER;
        if (/[*?]/.test(b.value)) throw new BirdConfigError(at, 'a name with * or ? is a pattern, wanted: ~');
        return isMatch({ kind: 'interface', pattern: b.value });
      case 'proto':
        return b.kind === 'string' ? this.#protocol((name) => name === b.value, at, state) : NEVER;
      case 'from':
        return b.kind === 'ip' ? this.#from([hostPrefix(b.address)], state) : NEVER;
      case 'bgp_next_hop':
        return b.kind === 'ip' ? all(a.defined, nextHopIn([hostPrefix(b.address)])) : NEVER;
      default:
        throw new BirdConfigError(at, `${a.name} = ${describeValue(b)} is not supported, wanted: ~`);
    }
  }

  #source(name: string, state: State): Condition {
    const source = SOURCES.get(name);
    return source === undefined ? NEVER : sourceIn(state, [source]);
  }

  /** Of what is written to the kernel only our own statics without gateway go nowhere; they have no interface. */
  #destination(name: string, at: Position, state: State): Condition {
    switch (name) {
      case 'RTD_BLACKHOLE':
        return all(sourceIn(state, ['static']), isMatch({ kind: 'interface', pattern: '' }));
      case 'RTD_UNREACHABLE':
      case 'RTD_PROHIBIT':
        return NEVER;
      default:
        throw new BirdConfigError(
          at,
          `${name} is not supported, wanted: RTD_BLACKHOLE, RTD_UNREACHABLE or RTD_PROHIBIT`,
        );
    }
  }

  /** Protocols are known by name: those of BGP as peers, others by the source of their routes. */
  #protocol(holds: (name: string) => boolean, at: Position, state: State): Condition {
    const { protocols } = this.#context;
    const peers = protocols.filter(({ type, name }) => type === 'bgp' && holds(name)).map(({ name }) => name);
    const parts: Condition[] = [];
    if (peers.length > 0) parts.push(all(sourceIn(state, ['bgp']), isMatch({ kind: 'learned-from', peers })));
    for (const [type, source] of [
      ['static', 'static'],
      ['kernel', 'kernel'],
      ['direct', 'direct'],
    ] as const) {
      const own = protocols.filter((protocol) => protocol.type === type);
      const named = own.filter(({ name }) => holds(name)).length;
      if (named === 0) continue;
      if (named < own.length) {
        throw new BirdConfigError(at, `one of several ${type} protocols cannot be told from the others here`);
      }
      parts.push(sourceIn(state, [source]));
    }
    return any(...parts);
  }

  #from(prefixes: readonly string[], state: State): Condition {
    const ranges = prefixes.map((text) => parsePrefix(text));
    const peers = this.#context.peers
      .filter(({ address }) => {
        const host = parsePrefix(hostPrefix(address));
        return host !== null && ranges.some((range) => range !== null && prefixContains(range, host));
      })
      .map(({ name }) => name);
    if (peers.length === 0) return NEVER;
    return all(sourceIn(state, ['bgp']), isMatch({ kind: 'learned-from', peers }));
  }

  #matches(a: Value, b: Value, at: Position, state: State): Condition {
    const { family } = this.#context;
    const refuse = (wanted: string): never => {
      throw new BirdConfigError(at, `${describeValue(a)} ~ ${describeValue(b)} is not supported, wanted: ${wanted}`);
    };
    if (a.kind === 'number' && b.kind === 'set') return inNumbers(a.value, b.items) ? ALWAYS : NEVER;
    if (a.kind === 'measure' && b.kind === 'set') {
      this.need(a.defined);
      return measureInSet(a, b.items, family) ?? refuse('numbers in [ ]');
    }
    if (a.kind === 'prefix' && b.kind === 'prefix') return contains(b.prefix, a.prefix) ? ALWAYS : NEVER;
    if (a.kind === 'ip' && (b.kind === 'prefix' || b.kind === 'set')) {
      const prefixes = b.kind === 'prefix' ? [b.prefix] : addressSet(b.items);
      if (prefixes === null) return refuse('addresses or prefixes');
      return prefixes.some((prefix) => contains(prefix, hostPrefix(a.address))) ? ALWAYS : NEVER;
    }
    if (a.kind === 'string' && b.kind === 'string') return globMatches(b.value, a.value) ? ALWAYS : NEVER;
    if (a.kind === 'enum' && b.kind === 'set') {
      return b.items.some((item) => item.kind === 'enum' && item.name === a.name) ? ALWAYS : NEVER;
    }
    if (a.kind === 'path-end' && b.kind === 'set') {
      this.need(a.defined);
      return this.#anyAs(b.items, a.end, at);
    }
    if (b.kind === 'attribute') return this.#memberOf(a, b, at);
    if (a.kind !== 'attribute') return refuse('an attribute on one side');
    switch (a.name) {
      case 'net':
        if (b.kind === 'prefix') return netInside(b.prefix, family);
        return (b.kind === 'set' ? netInSet(b.items) : null) ?? refuse('a prefix, or prefixes in [ ]');
      case 'source':
        if (b.kind !== 'set') return refuse('[ RTS_... ]');
        return any(...b.items.map((item) => (item.kind === 'enum' ? this.#source(item.name, state) : NEVER)));
      case 'dest':
        if (b.kind !== 'set') return refuse('[ RTD_... ]');
        return any(...b.items.map((item) => (item.kind === 'enum' ? this.#destination(item.name, at, state) : NEVER)));
      case 'ifname':
        if (b.kind !== 'string') return refuse('a pattern in double quotes');
        return isMatch({ kind: 'interface', pattern: b.value });
      case 'proto':
        if (b.kind !== 'string') return refuse('a pattern in double quotes');
        return this.#protocol((name) => globMatches(b.value, name), at, state);
      case 'from':
      case 'bgp_next_hop': {
        const prefixes = b.kind === 'prefix' ? [b.prefix] : b.kind === 'set' ? addressSet(b.items) : null;
        if (prefixes === null) return refuse('a prefix, or addresses and prefixes in [ ]');
        this.need(a.defined);
        return a.name === 'from' ? this.#from(prefixes, state) : nextHopIn(prefixes);
      }
      case 'bgp_path':
        this.need(a.defined);
        if (b.kind === 'mask') return isMatch(maskMatch(b.items));
        return b.kind === 'set' ? this.#anyAs(b.items, 'anywhere', at) : refuse('[= a mask =] or AS numbers in [ ]');
      case 'bgp_community':
      case 'bgp_large_community':
      case 'bgp_ext_community':
        return b.kind === 'set' ? this.#anyCommunity(a.name, b.items, at) : refuse('communities in [ ]');
      default:
        return refuse('another attribute');
    }
  }

  /** `(a, b) ~ bgp_community`, `AS ~ bgp_path`. */
  #memberOf(a: Value, b: Extract<Value, { kind: 'attribute' }>, at: Position): Condition {
    if (a.kind === 'community' && b.name === COMMUNITY_ATTRIBUTES[a.type]) {
      return isMatch({ kind: 'community', community: a.text });
    }
    if (a.kind === 'number' && b.name === 'bgp_path') {
      this.need(b.defined);
      return isMatch(pathHolds(a.value, 'anywhere'));
    }
    throw new BirdConfigError(at, `${describeValue(a)} ~ ${b.name} is not supported: they are of different types`);
  }

  #anyAs(items: readonly SetItem[], place: 'anywhere' | 'first' | 'last', at: Position): Condition {
    const ranges = items.map((item) => {
      if (item.kind !== 'numbers') throw new BirdConfigError(at, 'wanted: AS numbers in [ ]');
      return { min: item.low, max: item.high };
    });
    if (place === 'anywhere') return isMatch({ kind: 'as-path-holds', ranges });
    const count = ranges.reduce((sum, { min, max }) => sum + max - min + 1, 0);
    if (count > MAX_SET_MEMBERS) {
      throw new BirdConfigError(at, `more than ${MAX_SET_MEMBERS} AS numbers are not supported here`);
    }
    return any(
      ...ranges.flatMap(({ min, max }) =>
        Array.from({ length: max - min + 1 }, (_, i) => isMatch(pathHolds(min + i, place))),
      ),
    );
  }

  #anyCommunity(name: string, items: readonly SetItem[], at: Position): Condition {
    return any(
      ...communityRanges(items, at).map(({ type, from, to }) => {
        if (COMMUNITY_ATTRIBUTES[type] !== name) throw new BirdConfigError(at, `${from} cannot be in ${name}`);
        return isMatch(from === to ? { kind: 'community', community: from } : { kind: 'community-in', from, to });
      }),
    );
  }
}

/** Where each kind of community is. */
export const COMMUNITY_ATTRIBUTES = {
  standard: 'bgp_community',
  large: 'bgp_large_community',
  extended: 'bgp_ext_community',
} as const;

/** The communities of a set; one of several stands for those whose numbers are each within both. */
export function communityRanges(
  items: readonly SetItem[],
  at: Position,
): { readonly type: keyof typeof COMMUNITY_ATTRIBUTES; readonly from: string; readonly to: string }[] {
  return items.map((item) => {
    if (item.kind !== 'tuple') throw new BirdConfigError(at, 'wanted: communities in [ ]');
    const type = communityKind(item.ec, item.parts.length);
    // `*` is as great as a number of that kind can be.
    const limit = type === 'standard' ? 0xffff : 0xffffffff;
    const high = item.parts.map((part) => (part.low === 0 && part.high === 0xffffffff ? limit : part.high));
    const from = communityText(
      item.ec,
      item.parts.map(({ low }) => low),
    );
    const to = communityText(item.ec, high);
    if (from === null || to === null) throw new BirdConfigError(at, 'the halves of a community are 0..65535');
    if (type === 'extended' && from !== to) {
      throw new BirdConfigError(at, 'ranges of extended communities (and *) are not supported');
    }
    return { type, from, to };
  });
}

function inNumbers(value: number, items: readonly SetItem[]): boolean {
  return items.some((item) => item.kind === 'numbers' && item.low <= value && value <= item.high);
}

function contains(outer: string, inner: string): boolean {
  const [a, b] = [parsePrefix(outer), parsePrefix(inner)];
  return a !== null && b !== null && prefixContains(a, b);
}

/** Equal type and value; attributes and what depends on them do not come here. */
function constantEquals(a: Value, b: Value): boolean {
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case 'string':
    case 'number':
      return a.value === (b as typeof a).value;
    case 'ip':
      return canonical(a.address) === canonical((b as typeof a).address);
    case 'prefix':
      return a.prefix === (b as typeof a).prefix;
    case 'enum':
      return a.name === (b as typeof a).name;
    case 'community':
      return a.text === (b as typeof a).text;
    default:
      return false;
  }
}

function canonical(address: string): string {
  const parsed = parseAddress(address);
  return parsed === null ? address : formatPrefix({ ...parsed, length: parsed.family === 0 ? 32 : 128 });
}

/** A beginning and a run is what policies have a word for. */
function maskMatch(items: readonly (number | '*' | '?')[]): Match {
  const mask = simplified(items);
  const beginning = mask.slice(0, -1).filter((item): item is number => typeof item === 'number' && item !== 0);
  if (mask.length > 1 && mask.at(-1) === '*' && beginning.length === mask.length - 1) {
    return { kind: 'as-path-prefix', asns: beginning };
  }
  return { kind: 'as-path-mask', mask };
}

/** `* *` is `*`. */
function simplified(items: readonly (number | '*' | '?')[]): readonly (number | '*' | '?')[] {
  return items.filter((item, i) => item !== '*' || items[i - 1] !== '*');
}
