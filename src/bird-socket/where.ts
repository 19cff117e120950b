/**
 * Conditions of `show route where`: the part of BIRD's filter language that asks about a route. A condition is compiled
 * once and asked per path; it looks at the columns of the RIB first, and decodes attributes only when it names them.
 */

import {
  type IpAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
  prefixOf,
  sameAddress,
} from '../../bgp/ip.ts';
import { CommandError, type TokenReader } from './tokens.ts';

/** What a condition may ask of a path. */
export interface Candidate {
  readonly net: Prefix;
  readonly proto: string;
  /** RTS_ constant. */
  readonly source: string;
  readonly preference: number;
  readonly from: string | null;
  readonly gateway: string | null;
  readonly interfaceName: string;
  readonly metric: number;
  readonly localPref: number;
  readonly isBgp: boolean;
  readonly origin: 'IGP' | 'EGP' | 'INCOMPLETE';
  /** null: the route has none. */
  readonly med: number | null;
  readonly nextHop: string | null;
  /** Of AS_PATH; an AS_SET counts 1. */
  readonly pathLength: number;
  /** All AS numbers of AS_PATH, sets included. */
  readonly asns: readonly number[];
  readonly communities: readonly string[];
  readonly extendedCommunities: readonly string[];
  readonly largeCommunities: readonly string[];
}

interface PrefixPattern {
  readonly kind: 'pattern';
  readonly prefix: Prefix;
  readonly min: number;
  readonly max: number;
}
interface Range {
  readonly kind: 'range';
  readonly min: number;
  readonly max: number;
}
/** Numbers joined by `:`, `*` for any. */
interface Tuple {
  readonly kind: 'tuple';
  readonly parts: readonly (number | '*' | readonly [number, number])[];
}
type SetItem = PrefixPattern | Range | Tuple | Value;
interface SetValue {
  readonly kind: 'set';
  readonly items: readonly SetItem[];
}
/** `[= 1 * 2 =]`: `*` any sequence, `?` any one. */
interface Mask {
  readonly kind: 'mask';
  readonly parts: readonly (number | '*' | '?')[];
}
type Value =
  | boolean
  | number
  | string
  | null
  | IpAddress
  | Prefix
  | readonly number[]
  | readonly string[]
  | Tuple
  | SetValue
  | Mask;
type Term = (route: Candidate) => Value;
export type Condition = (route: Candidate) => boolean;

/** Nesting beyond this is refused: a command line is short, the stack is not endless either. */
const MAX_DEPTH = 50;
const CONSTANTS: Readonly<Record<string, Value>> = {
  true: true,
  false: false,
  ORIGIN_IGP: 'ORIGIN_IGP',
  ORIGIN_EGP: 'ORIGIN_EGP',
  ORIGIN_INCOMPLETE: 'ORIGIN_INCOMPLETE',
  RTS_STATIC: 'RTS_STATIC',
  RTS_INHERIT: 'RTS_INHERIT',
  RTS_DEVICE: 'RTS_DEVICE',
  RTS_BGP: 'RTS_BGP',
};

const address = (text: string | null | undefined): Value => (text == null ? null : parseAddress(text));

const ATTRIBUTES: Readonly<Record<string, Term>> = {
  net: (route) => route.net,
  'net.len': (route) => route.net.length,
  'net.ip': (route) => ({ family: route.net.family, a: route.net.a, b: route.net.b, c: route.net.c, d: route.net.d }),
  proto: (route) => route.proto,
  source: (route) => route.source,
  preference: (route) => route.preference,
  from: (route) => address(route.from),
  gw: (route) => address(route.gateway),
  ifname: (route) => route.interfaceName,
  krt_metric: (route) => route.metric,
  bgp_path: (route) => (route.isBgp ? route.asns : null),
  'bgp_path.len': (route) => (route.isBgp ? route.pathLength : null),
  'bgp_path.first': (route) => (route.isBgp ? (route.asns.at(0) ?? 0) : null),
  'bgp_path.last': (route) => (route.isBgp ? (route.asns.at(-1) ?? 0) : null),
  bgp_origin: (route) => (route.isBgp ? `ORIGIN_${route.origin}` : null),
  bgp_next_hop: (route) => address(route.nextHop),
  bgp_med: (route) => route.med,
  bgp_local_pref: (route) => (route.isBgp ? route.localPref : null),
  bgp_community: (route) => route.communities,
  bgp_ext_community: (route) => route.extendedCommunities,
  bgp_large_community: (route) => route.largeCommunities,
};

class Parser {
  readonly #reader: TokenReader;
  #depth = 0;

  constructor(reader: TokenReader) {
    this.#reader = reader;
  }

  or(): Term {
    if (++this.#depth > MAX_DEPTH) throw new CommandError('Expression too deep');
    let left = this.#and();
    while (this.#reader.accept('||')) {
      const [first, second] = [left, this.#and()];
      left = (route) => truth(first(route)) || truth(second(route));
    }
    this.#depth--;
    return left;
  }

  #and(): Term {
    let left = this.#not();
    while (this.#reader.accept('&&')) {
      const [first, second] = [left, this.#not()];
      left = (route) => truth(first(route)) && truth(second(route));
    }
    return left;
  }

  #not(): Term {
    let isNegated = false;
    while (this.#reader.accept('!')) isNegated = !isNegated;
    const term = this.#comparison();
    return isNegated ? (route) => !truth(term(route)) : term;
  }

  #comparison(): Term {
    const left = this.#term();
    for (const operator of ['=', '!=', '<=', '>=', '<', '>', '~', '!~'] as const) {
      if (!this.#reader.accept(operator)) continue;
      const right = this.#term();
      return (route) => compare(operator, left(route), right(route));
    }
    return left;
  }

  #term(): Term {
    const reader = this.#reader;
    if (reader.accept('[')) {
      const value = reader.accept('=') ? this.#mask() : this.#set();
      return () => value;
    }
    if (reader.accept('(')) return this.#parenthesis();
    const token = reader.next();
    switch (token.kind) {
      case 'number': {
        const value = Number(token.text);
        return () => value;
      }
      case 'string': {
        const value = token.text;
        return () => value;
      }
      case 'address':
      case 'prefix': {
        const value = token.kind === 'address' ? parseAddress(token.text) : parsePrefix(token.text);
        if (value === null) throw new CommandError(`Invalid address ${token.text}`);
        return () => value;
      }
      case 'word':
        return this.#word(token.text);
      default:
        throw new CommandError();
    }
  }

  #word(word: string): Term {
    if (word === 'defined') {
      this.#reader.expect('(');
      const term = this.#term();
      this.#reader.expect(')');
      return (route) => {
        const value = term(route);
        return value !== null && !(Array.isArray(value) && value.length === 0);
      };
    }
    if (Object.hasOwn(CONSTANTS, word)) return () => CONSTANTS[word];
    if (!Object.hasOwn(ATTRIBUTES, word)) throw new CommandError(`syntax error, unexpected ${word}`);
    return ATTRIBUTES[word];
  }

  /** `(a,b)` is a community, everything else an expression. */
  #parenthesis(): Term {
    const isTuple =
      this.#reader.peek()?.kind === 'number' ||
      this.#reader.peek()?.text === 'rt' ||
      this.#reader.peek()?.text === 'ro';
    if (isTuple && this.#reader.peek(1)?.text === ',') {
      const value = this.#tuple();
      return () => value;
    }
    const inner = this.or();
    this.#reader.expect(')');
    return inner;
  }

  /** After `(`. */
  #tuple(): Tuple {
    const reader = this.#reader;
    const parts: (number | '*' | readonly [number, number])[] = [];
    do {
      if (parts.length === 0 && (reader.accept('rt') || reader.accept('ro'))) {
        throw new CommandError('Extended communities cannot be asked for here');
      }
      if (reader.accept('*')) parts.push('*');
      else {
        const min = this.#number();
        parts.push(reader.accept('..') ? [min, this.#number()] : min);
      }
    } while (reader.accept(','));
    reader.expect(')');
    return { kind: 'tuple', parts };
  }

  #number(): number {
    const token = this.#reader.acceptKind('number');
    if (token === null) throw new CommandError();
    return Number(token.text);
  }

  #mask(): Mask {
    const parts: (number | '*' | '?')[] = [];
    while (!this.#reader.accept('=')) {
      if (this.#reader.accept('*')) parts.push('*');
      else if (this.#reader.accept('?')) parts.push('?');
      else parts.push(this.#number());
    }
    this.#reader.expect(']');
    return { kind: 'mask', parts };
  }

  #set(): SetValue {
    const items: SetItem[] = [];
    if (this.#reader.accept(']')) return { kind: 'set', items };
    do items.push(this.#setItem());
    while (this.#reader.accept(','));
    this.#reader.expect(']');
    return { kind: 'set', items };
  }

  #setItem(): SetItem {
    const reader = this.#reader;
    if (reader.accept('(')) return this.#tuple();
    const token = reader.next();
    if (token.kind === 'number') {
      const min = Number(token.text);
      return { kind: 'range', min, max: reader.accept('..') ? this.#number() : min };
    }
    if (token.kind === 'string') return token.text;
    if (token.kind === 'word' && Object.hasOwn(CONSTANTS, token.text)) return CONSTANTS[token.text];
    if (token.kind === 'address') {
      const value = parseAddress(token.text);
      if (value === null) throw new CommandError(`Invalid address ${token.text}`);
      return value;
    }
    const prefix = token.kind === 'prefix' ? parsePrefix(token.text) : null;
    if (prefix === null) throw new CommandError();
    const bits = prefix.family === 0 ? 32 : 128;
    if (reader.accept('+')) return { kind: 'pattern', prefix, min: prefix.length, max: bits };
    if (reader.accept('-')) return { kind: 'pattern', prefix, min: 0, max: prefix.length };
    if (reader.accept('{')) {
      const min = this.#number();
      reader.expect(',');
      const max = this.#number();
      reader.expect('}');
      return { kind: 'pattern', prefix, min, max };
    }
    return { kind: 'pattern', prefix, min: prefix.length, max: prefix.length };
  }
}

function truth(value: Value): boolean {
  if (typeof value !== 'boolean') throw new CommandError('boolean expression expected', 8008);
  return value;
}

function isAddress(value: Value | SetItem): value is IpAddress {
  return typeof value === 'object' && value !== null && 'family' in value && !('length' in value);
}

function isPrefix(value: Value | SetItem): value is Prefix {
  return typeof value === 'object' && value !== null && 'family' in value && 'length' in value;
}

function isKind<K extends string>(value: Value | SetItem, kind: K): value is Extract<SetItem | Value, { kind: K }> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

function equal(x: Value, y: Value): boolean {
  if (isAddress(x) && isAddress(y)) return sameAddress(x, y);
  if (isPrefix(x) && isPrefix(y)) return x.length === y.length && sameAddress(x, y);
  if (Array.isArray(x) && isKind(y, 'mask')) return matchesMask(x as readonly number[], y.parts);
  return x === y;
}

function compare(operator: '=' | '!=' | '<' | '<=' | '>' | '>=' | '~' | '!~', x: Value, y: Value): boolean {
  switch (operator) {
    case '=':
      return equal(x, y);
    case '!=':
      return !equal(x, y);
    case '~':
      return matches(x, y);
    case '!~':
      return !matches(x, y);
  }
  // An attribute that the route does not have is below everything (BIRD 1.6).
  if (x === null || y === null) return operator === '<' || operator === '<=' ? x === null : y === null;
  if (typeof x !== 'number' || typeof y !== 'number') throw new CommandError('cannot be compared', 8008);
  if (operator === '<') return x < y;
  if (operator === '<=') return x <= y;
  return operator === '>' ? x > y : x >= y;
}

function matches(x: Value, y: Value): boolean {
  if (x === null) return false;
  if (isKind(y, 'mask')) return Array.isArray(x) && matchesMask(x as readonly number[], y.parts);
  if (isKind(y, 'set')) return y.items.some((item) => matchesItem(x, item));
  if (isPrefix(y)) {
    if (isPrefix(x)) return prefixContains(y, x);
    return isAddress(x) && prefixContains(y, prefixOf(x, x.family === 0 ? 32 : 128));
  }
  // `(a,b) ~ bgp_community`, `65001 ~ bgp_path`, "Mesh_*" patterns the other way round.
  if (Array.isArray(y)) return (y as readonly (string | number)[]).some((entry) => matchesItem(entry, x as SetItem));
  if (typeof x === 'string' && typeof y === 'string') return matchesPattern(y, x);
  throw new CommandError('~ cannot be applied to this', 8008);
}

function matchesItem(x: Value, item: SetItem): boolean {
  if (Array.isArray(x)) return (x as readonly (string | number)[]).some((entry) => matchesItem(entry, item));
  if (isKind(item, 'range')) return typeof x === 'number' && x >= item.min && x <= item.max;
  if (isKind(item, 'tuple')) return typeof x === 'string' && matchesTuple(x, item.parts);
  if (isKind(item, 'pattern')) {
    if (isAddress(x)) return matchesItem(prefixOf(x, x.family === 0 ? 32 : 128), item);
    if (!isPrefix(x) || x.length < item.min || x.length > item.max) return false;
    // Of the two the shorter one must cover the other: that is how BIRD reads `-` and `{min,max}`.
    return x.length >= item.prefix.length ? prefixContains(item.prefix, x) : prefixContains(x, item.prefix);
  }
  return equal(x, item as Value);
}

function matchesTuple(text: string, parts: Tuple['parts']): boolean {
  const values = text.split(':').map(Number);
  if (values.length !== parts.length) return false;
  return parts.every((part, index) => {
    if (part === '*') return true;
    return typeof part === 'number' ? part === values[index] : values[index] >= part[0] && values[index] <= part[1];
  });
}

/**
 * `*` any sequence, `?` any one. Greedy with one point to go back to: the product of the lengths at worst, where a regular
 * expression would be exponential.
 */
function matchesSequence<T>(items: ArrayLike<T>, parts: ArrayLike<T | '*' | '?'>): boolean {
  let at = 0;
  let part = 0;
  let star = -1;
  let resume = 0;
  while (at < items.length) {
    if (parts[part] === '*') {
      star = part++;
      resume = at;
    } else if (part < parts.length && (parts[part] === '?' || parts[part] === items[at])) {
      at++;
      part++;
    } else if (star >= 0) {
      part = star + 1;
      at = ++resume;
    } else return false;
  }
  while (parts[part] === '*') part++;
  return part === parts.length;
}

function matchesMask(asns: readonly number[], parts: Mask['parts']): boolean {
  return matchesSequence(asns, parts);
}

/** BIRD's patterns of names: `*` and `?`. */
export function matchesPattern(pattern: string, name: string): boolean {
  return matchesSequence(name, pattern);
}

/** Reads a condition from the tokens; what follows it is left. */
export function parseCondition(reader: TokenReader): Condition {
  const term = new Parser(reader).or();
  return (route) => truth(term(route));
}
