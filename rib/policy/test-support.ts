/** For tests of policy and export: tables with a few routes in them, made from readable attributes. */

import { type Prefix, parseAddress, parsePrefix } from '../../bgp/ip.ts';
import { decodeAttributes, encodeAttributes, type PathAttributes } from '../../bgp/wire/path-attributes.ts';
import { SOURCE_DIRECT, SOURCE_KERNEL, SOURCE_STATIC } from '../attribute-columns.ts';
import { LOCAL_IS_SERVICE } from '../attribute-parser.ts';
import { AttributeStore, type SetHandle } from '../attribute-store.ts';
import { NextHopTable, type Resolution } from '../next-hop.ts';
import { type CompileResult, compilePolicy, formatProblem } from './compile.ts';
import type { CompiledPolicy, PolicyUse } from './compiled.ts';
import { EvaluationContext, type PolicyServices } from './evaluate.ts';
import type { Policy, RouteSource, Statement } from './policy.ts';

/** A route as tests write it. */
export interface TestRoute {
  readonly prefix: string;
  /** Default: bgp. */
  readonly source?: RouteSource;
  readonly attributes?: PathAttributes;
  /** Of kernel routes. */
  readonly metric?: number;
  /** Name of the outgoing interface of a route that is not of BGP. */
  readonly interfaceName?: string;
  readonly isService?: boolean;
}

const SOURCES = { bgp: 0, static: SOURCE_STATIC, kernel: SOURCE_KERNEL, direct: SOURCE_DIRECT } as const;

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === null) throw new Error(`${text} is not a prefix`);
  return parsed;
}

/** Canonical block of a route: code 0 first when it is not of BGP. */
export function blockOf(route: TestRoute, interfaceIndex: number): Uint8Array {
  const attributes = encodeAttributes(route.attributes ?? {});
  const source = SOURCES[route.source ?? 'bgp'];
  if (source === 0) return attributes;
  const block = new Uint8Array(15 + attributes.length);
  const metric = route.metric ?? 0;
  const bits = route.isService === true ? LOCAL_IS_SERVICE : 0;
  block.set([0, 0, 12, source, 1, 0, bits, metric >>> 24, (metric >>> 16) & 255, (metric >>> 8) & 255, metric & 255]);
  block[14] = interfaceIndex;
  block.set(attributes, 15);
  return block;
}

/** Tables with interfaces by name; next hops in `resolved` leave through the named interface, others nowhere. */
export class TestTables implements PolicyServices {
  readonly nextHops: NextHopTable;
  readonly store: AttributeStore;
  readonly interfaces: string[] = [''];
  peerNames: readonly string[] = [];

  constructor(resolved: Readonly<Record<string, string>> = {}) {
    this.nextHops = new NextHopTable((family, a, b, c, d): Resolution | null => {
      for (const [address, name] of Object.entries(resolved)) {
        const known = parseAddress(address);
        if (known?.family === family && known.a === a && known.b === b && known.c === c && known.d === d)
          return { cost: 0, gateway: null, interfaceIndex: this.interfaceIndex(name) };
      }
      return null;
    });
    this.store = new AttributeStore(this.nextHops);
  }

  interfaceIndex(name: string): number {
    const known = this.interfaces.indexOf(name);
    return known >= 0 ? known : this.interfaces.push(name) - 1;
  }

  interfaceName(index: number): string {
    return this.interfaces[index] ?? '';
  }

  peerName(peer: number): string {
    return this.peerNames[peer] ?? '';
  }

  intern(route: TestRoute): SetHandle {
    const block = blockOf(route, this.interfaceIndex(route.interfaceName ?? ''));
    const set = this.store.intern(block, 0, block.length);
    this.store.retain(set);
    return set;
  }

  attributesOf(set: SetHandle): PathAttributes {
    return decodeAttributes(this.store.octetsOf(set));
  }

  /** A context with the route loaded. */
  contextOf(route: TestRoute, isInternal = false): EvaluationContext {
    const context = new EvaluationContext(this);
    loadRoute(context, route.prefix, this.intern(route));
    context.isInternal = isInternal;
    return context;
  }
}

export function loadRoute(context: EvaluationContext, text: string, set: SetHandle): void {
  const { family, a, b, c, d, length } = prefix(text);
  Object.assign(context, { family, a, b, c, d, length, set });
}

/** The compiled policy; fails the test when it does not compile. */
export function compiled(policy: Policy, use: PolicyUse): CompiledPolicy {
  const result: CompileResult = compilePolicy(policy, use);
  if (result.ok) return result.policy;
  throw new Error(result.problems.map(formatProblem).join('\n'));
}

/** A policy of one statement. */
export function only(statement: Partial<Statement>, otherwise: 'accept' | 'reject' = 'reject'): Policy {
  return {
    name: 'test',
    statements: [{ name: 'only', matches: [], actions: [], verdict: 'accept', ...statement }],
    otherwise,
  };
}
