/**
 * For tests: configurations from texts in memory, and an interpreter of filters that is written after BIRD's rules to be
 * obviously right. It runs one route at a time, as BIRD does, and knows nothing of policies.
 */

import { parsePrefix, prefixContains } from '../../bgp/ip.ts';
import { globMatches } from '../../rib/policy/evaluate.ts';
import type { BirdConfig, Command, Expression, FunctionDefinition, SetItem } from './ast.ts';
import { BirdConfigError } from './diagnostic.ts';
import type { BirdSources } from './lexer.ts';
import { type BirdLoadResult, loadBirdConfig } from './load.ts';
import { parseBirdConfig } from './parse.ts';

export function memorySources(files: Readonly<Record<string, string>>): BirdSources {
  return {
    read: (path) => {
      const text = files[path];
      return text === undefined ? { failure: 'No such file or directory', isMissing: true } : { text };
    },
    glob: (pattern) =>
      Object.keys(files)
        .filter((name) => globMatches(pattern, name))
        .sort(),
  };
}

export function parseText(text: string, family: 'ipv4-unicast' | 'ipv6-unicast' = 'ipv4-unicast'): BirdConfig {
  return parseBirdConfig(memorySources({ 'bird.cfg': text }), 'bird.cfg', family).config;
}

/** What is wrong with a text, as `line:column message`; null when nothing is. */
export function mistakeIn(text: string, family: 'ipv4-unicast' | 'ipv6-unicast' = 'ipv4-unicast'): string | null {
  try {
    parseText(text, family);
    return null;
  } catch (error) {
    if (!(error instanceof BirdConfigError)) throw error;
    return `${error.at.line}:${error.at.column} ${error.message}`;
  }
}

/** A configuration of one family, with a router id when it has none. */
export function loadText(text: string, family: 'ipv4-unicast' | 'ipv6-unicast' = 'ipv4-unicast'): BirdLoadResult {
  const whole = /router id/.test(text) ? text : `${text}\nrouter id 192.0.2.1;\n`;
  const isIpv4 = family === 'ipv4-unicast';
  return loadBirdConfig(
    memorySources({ 'bird.cfg': whole }),
    { ipv4: isIpv4 ? 'bird.cfg' : null, ipv6: isIpv4 ? null : 'bird.cfg' },
    () => 'test',
  );
}

/** A route as a filter of BIRD sees it; undefined is undefined. */
export interface BirdRoute {
  net: string;
  source: 'RTS_BGP' | 'RTS_STATIC' | 'RTS_INHERIT' | 'RTS_DEVICE';
  ifname: string;
  preference: number;
  localPref: number | undefined;
  med: number | undefined;
  metric: number | undefined;
  nextHop: string | undefined;
  path: number[] | undefined;
  communities: string[];
}

type Plain =
  | number
  | boolean
  | string
  | undefined
  | { readonly set: readonly SetItem[] }
  | { readonly mask: readonly (number | '*' | '?')[] }
  | { readonly list: readonly (string | number)[] }
  | { readonly prefix: string };

class RuntimeError extends Error {}

class Verdict {
  readonly accept: boolean;
  constructor(accept: boolean) {
    this.accept = accept;
  }
}

class Return {
  readonly value: Plain;
  constructor(value: Plain) {
    this.value = value;
  }
}

/** Runs a named filter over a route, which it changes; true: accepted. */
export function interpretFilter(config: BirdConfig, name: string, route: BirdRoute): boolean {
  const filter = config.filters.get(name);
  if (filter === undefined) throw new Error(`no filter ${name}`);
  try {
    const outcome = new Interpreter(config, route).run(filter.body, new Map());
    return outcome instanceof Verdict && outcome.accept;
  } catch (error) {
    if (error instanceof RuntimeError) return false;
    throw error;
  }
}

class Interpreter {
  readonly #config: BirdConfig;
  readonly #route: BirdRoute;

  constructor(config: BirdConfig, route: BirdRoute) {
    this.#config = config;
    this.#route = route;
  }

  run(commands: readonly Command[], variables: Map<string, Plain>): Verdict | Return | null {
    for (const command of commands) {
      const outcome = this.#command(command, variables);
      if (outcome !== null) return outcome;
    }
    return null;
  }

  #command(command: Command, variables: Map<string, Plain>): Verdict | Return | null {
    switch (command.kind) {
      case 'accept':
        return new Verdict(true);
      case 'reject':
        return new Verdict(false);
      case 'if':
        return this.run(this.#bool(command.condition, variables) ? command.consequence : command.otherwise, variables);
      case 'case': {
        const subject = this.#value(command.subject, variables);
        const arm = command.arms.find(({ items }) => inSet(subject, items));
        return this.run(arm?.body ?? command.otherwise, variables);
      }
      case 'assign':
        variables.set(command.name, this.#value(command.value, variables));
        return null;
      case 'set':
        this.#set(command.attribute, this.#value(command.value, variables));
        return null;
      case 'unset':
        this.#route.med = undefined;
        return null;
      case 'edit':
        this.#edit(command.method, this.#value(command.value, variables));
        return null;
      case 'return':
        return new Return(command.value === null ? undefined : this.#value(command.value, variables));
      case 'print':
        return null;
      case 'call': {
        const outcome = this.#call(command.call.name, command.call.arguments, variables);
        return outcome instanceof Verdict ? outcome : null;
      }
    }
  }

  #call(name: string, given: readonly Expression[], variables: Map<string, Plain>): Verdict | Plain {
    const definition = this.#config.functions.get(name) as FunctionDefinition;
    const own = new Map(definition.parameters.map((one, i) => [one.name, this.#value(given[i], variables)]));
    const outcome = this.run(definition.body, own);
    return outcome instanceof Return ? outcome.value : (outcome ?? undefined);
  }

  #bool(expression: Expression, variables: Map<string, Plain>): boolean {
    const value = this.#value(expression, variables);
    if (typeof value !== 'boolean') throw new RuntimeError('not a condition');
    return value;
  }

  #set(attribute: string, value: Plain): void {
    if (value === undefined) throw new RuntimeError('undefined');
    if (attribute === 'bgp_local_pref') this.#route.localPref = value as number;
    else if (attribute === 'bgp_med') this.#route.med = value as number;
    else if (attribute === 'krt_metric') this.#route.metric = value as number;
    else if (attribute === 'preference') this.#route.preference = value as number;
    else if (attribute === 'bgp_next_hop') this.#route.nextHop = value as string;
    else throw new Error(attribute);
  }

  #edit(method: string, value: Plain): void {
    const route = this.#route;
    if (method === 'prepend') route.path = [value as number, ...(route.path ?? [])];
    else if (method === 'add') {
      if (!route.communities.includes(value as string)) route.communities.push(value as string);
    } else if (typeof value === 'object' && 'set' in value) {
      route.communities = route.communities.filter((one) => !inSet(one, value.set));
    } else route.communities = route.communities.filter((one) => one !== value);
  }

  #attribute(name: string): Plain {
    const route = this.#route;
    switch (name) {
      case 'net':
        return { prefix: route.net };
      case 'source':
        return route.source;
      case 'ifname':
        return route.ifname;
      case 'preference':
        return route.preference;
      case 'bgp_local_pref':
        return route.localPref;
      case 'bgp_med':
        return route.med;
      case 'krt_metric':
        return route.metric;
      case 'bgp_next_hop':
        return route.nextHop;
      case 'bgp_path':
        return { list: route.path ?? [] };
      case 'bgp_community':
        return { list: route.communities };
      default:
        throw new Error(name);
    }
  }

  #value(expression: Expression, variables: Map<string, Plain>): Plain {
    switch (expression.kind) {
      case 'number':
      case 'bool':
      case 'string':
        return expression.value;
      case 'enum':
        return expression.name;
      case 'ip':
        return expression.address;
      case 'prefix':
        return { prefix: expression.prefix };
      case 'tuple':
        return expression.elements.map((element) => this.#value(element, variables)).join(':');
      case 'set':
        return { set: expression.items };
      case 'mask':
        return { mask: expression.items };
      case 'attribute':
        return this.#attribute(expression.name);
      case 'variable':
        return variables.get(expression.name);
      case 'defined':
        if (expression.name === 'bgp_path') return this.#route.path !== undefined;
        return this.#attribute(expression.name) !== undefined;
      case 'not':
        return !this.#bool(expression.operand, variables);
      case 'call': {
        const outcome = this.#call(expression.name, expression.arguments, variables);
        if (outcome instanceof Verdict) throw outcome;
        return outcome;
      }
      case 'method': {
        const object = this.#value(expression.object, variables);
        if (object === undefined) return undefined;
        if (typeof object === 'object' && 'prefix' in object) return Number(object.prefix.split('/')[1]);
        const path = (object as { list: readonly number[] }).list;
        if (expression.name === 'len') return path.length;
        return expression.name === 'first' ? path[0] : path.at(-1);
      }
      case 'binary':
        return this.#binary(expression, variables);
      default:
        throw new Error(expression.kind);
    }
  }

  #binary(expression: Extract<Expression, { kind: 'binary' }>, variables: Map<string, Plain>): Plain {
    const { operator, left, right } = expression;
    if (operator === '&&') return this.#bool(left, variables) && this.#bool(right, variables);
    if (operator === '||') return this.#bool(left, variables) || this.#bool(right, variables);
    const [a, b] = [this.#value(left, variables), this.#value(right, variables)];
    switch (operator) {
      case '=':
        return equals(a, b);
      case '!=':
        return !equals(a, b);
      case '~':
        return matches(a, b);
      case '!~':
        return !matches(a, b);
      case '<':
        return compare(a, b) < 0;
      case '<=':
        return compare(a, b) <= 0;
      case '>':
        return compare(a, b) > 0;
      case '>=':
        return compare(a, b) >= 0;
      default: {
        if (typeof a !== 'number' || typeof b !== 'number') throw new RuntimeError('no numbers');
        if (operator === '+') return (a + b) >>> 0;
        return operator === '-' ? (a - b) >>> 0 : Math.imul(a, b) >>> 0;
      }
    }
  }
}

function equals(a: Plain, b: Plain): boolean {
  if (a === undefined || b === undefined) return false;
  return JSON.stringify(a) === JSON.stringify(b);
}

/** An undefined value is before everything. */
function compare(a: Plain, b: Plain): number {
  const [x, y] = [(a as number | undefined) ?? -1, (b as number | undefined) ?? -1];
  return x - y;
}

function inSet(value: Plain, items: readonly SetItem[]): boolean {
  if (value === undefined) throw new RuntimeError('undefined');
  return items.some((item) => {
    switch (item.kind) {
      case 'numbers':
        return typeof value === 'number' && item.low <= value && value <= item.high;
      case 'enum':
        return value === item.name;
      case 'prefix': {
        if (typeof value !== 'object' || !('prefix' in value)) return false;
        const [net, base] = [parsePrefix(value.prefix), parsePrefix(item.prefix)];
        if (net === null || base === null || net.length < item.low || net.length > item.high) return false;
        return prefixContains(base, net) || prefixContains(net, base);
      }
      case 'tuple': {
        const numbers = String(value).split(':').map(Number);
        return numbers.every((number, i) => number >= item.parts[i].low && number <= item.parts[i].high);
      }
      default:
        throw new Error(item.kind);
    }
  });
}

function maskMatches(mask: readonly (number | '*' | '?')[], path: readonly number[]): boolean {
  if (mask.length === 0) return path.length === 0;
  const [item, ...rest] = mask;
  if (item === '*') return maskMatches(rest, path) || (path.length > 0 && maskMatches(mask, path.slice(1)));
  return path.length > 0 && (item === '?' || item === path[0]) && maskMatches(rest, path.slice(1));
}

function matches(a: Plain, b: Plain): boolean {
  if (a === undefined || b === undefined) throw new RuntimeError('undefined');
  if (typeof b === 'string') return globMatches(b, a as string);
  if (typeof b !== 'object') throw new Error('~');
  if ('set' in b) {
    if (typeof a === 'object' && 'list' in a) return a.list.some((one) => inSet(one, b.set));
    return inSet(a, b.set);
  }
  if ('mask' in b) return maskMatches(b.mask, (a as { list: number[] }).list);
  if ('list' in b) return b.list.includes(a as string);
  const [outer, inner] = [
    parsePrefix(b.prefix),
    parsePrefix(typeof a === 'object' && 'prefix' in a ? a.prefix : `${a as string}/32`),
  ];
  return outer !== null && inner !== null && prefixContains(outer, inner);
}
