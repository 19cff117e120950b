/**
 * What a configuration of BIRD 1.6 says, as a tree: names are resolved as far as definition before use allows
 * (constants are written out, variables, attributes and functions told apart), nothing is interpreted.
 */

import type { BirdDiagnostic, Position } from './diagnostic.ts';

export type BinaryOperator = '&&' | '||' | '=' | '!=' | '<' | '<=' | '>' | '>=' | '~' | '!~' | '+' | '-' | '*' | '/';

/** Numbers of a community in a set; `*` is 0 to the greatest. */
export interface TuplePart {
  readonly low: number;
  readonly high: number;
}

export type SetItem =
  | { readonly kind: 'numbers'; readonly low: number; readonly high: number }
  | { readonly kind: 'enum'; readonly name: string }
  /** Lengths of the prefixes inside (or, when shorter, around) the prefix. */
  | { readonly kind: 'prefix'; readonly prefix: string; readonly low: number; readonly high: number }
  | { readonly kind: 'addresses'; readonly low: string; readonly high: string }
  /** A community: `ec` is the type word of an extended one. */
  | { readonly kind: 'tuple'; readonly ec: string | null; readonly parts: readonly TuplePart[] };

export type MaskItem = number | '*' | '?';

export type Expression = { readonly at: Position } & (
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'ip'; readonly address: string }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'enum'; readonly name: string }
  | { readonly kind: 'tuple'; readonly ec: string | null; readonly elements: readonly Expression[] }
  | { readonly kind: 'set'; readonly items: readonly SetItem[] }
  | { readonly kind: 'mask'; readonly items: readonly MaskItem[] }
  | { readonly kind: 'empty' }
  | { readonly kind: 'attribute'; readonly name: string }
  | { readonly kind: 'variable'; readonly name: string }
  | Call
  | { readonly kind: 'not'; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'method';
      readonly object: Expression;
      readonly name: string;
      readonly argument: Expression | null;
    }
  | { readonly kind: 'defined'; readonly name: string }
);

export interface Call {
  readonly kind: 'call';
  readonly name: string;
  readonly arguments: readonly Expression[];
}

export interface CaseArm {
  readonly items: readonly SetItem[];
  readonly body: readonly Command[];
}

export type Command = { readonly at: Position } & (
  | {
      readonly kind: 'if';
      readonly condition: Expression;
      readonly consequence: readonly Command[];
      readonly otherwise: readonly Command[];
    }
  | { readonly kind: 'assign'; readonly name: string; readonly value: Expression }
  | { readonly kind: 'set'; readonly attribute: string; readonly value: Expression }
  | { readonly kind: 'edit'; readonly attribute: string; readonly method: string; readonly value: Expression }
  | { readonly kind: 'unset'; readonly attribute: string }
  | { readonly kind: 'accept' }
  | { readonly kind: 'reject' }
  | { readonly kind: 'return'; readonly value: Expression | null }
  | { readonly kind: 'print' }
  | { readonly kind: 'call'; readonly call: Call & { readonly at: Position } }
  | {
      readonly kind: 'case';
      readonly subject: Expression;
      readonly arms: readonly CaseArm[];
      readonly otherwise: readonly Command[];
    }
);

export interface Variable {
  readonly type: string;
  readonly name: string;
}

export interface FunctionDefinition {
  readonly name: string;
  readonly parameters: readonly Variable[];
  readonly variables: readonly Variable[];
  readonly body: readonly Command[];
  readonly at: Position;
}

export interface FilterBody {
  readonly variables: readonly Variable[];
  readonly body: readonly Command[];
}

export interface FilterDefinition extends FilterBody {
  readonly name: string;
  readonly at: Position;
}

export type FilterUse =
  | { readonly kind: 'all' }
  | { readonly kind: 'none' }
  | { readonly kind: 'named'; readonly name: string }
  | ({ readonly kind: 'inline' } & FilterBody)
  | { readonly kind: 'where'; readonly condition: Expression };

export type StaticTarget =
  | { readonly kind: 'blackhole' | 'unreachable' | 'prohibit' }
  | { readonly kind: 'via'; readonly address: string; readonly interfaceName: string | null }
  | { readonly kind: 'recursive'; readonly address: string }
  | { readonly kind: 'device'; readonly interfaceName: string }
  | { readonly kind: 'multipath' };

export type OptionValue =
  | { readonly kind: 'none' }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'numbers'; readonly values: readonly number[] }
  /** A string, a name or an address. */
  | { readonly kind: 'text'; readonly type: 'string' | 'name' | 'ip'; readonly value: string }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'filter'; readonly filter: FilterUse }
  /** null: no limit. */
  | { readonly kind: 'limit'; readonly limit: number | null; readonly action: string | null }
  | { readonly kind: 'merge'; readonly value: boolean; readonly limit: number | null }
  | { readonly kind: 'local'; readonly address: string | null; readonly as: number }
  | {
      readonly kind: 'neighbor';
      readonly address: string | null;
      readonly interfaceName: string | null;
      readonly port: number | null;
      readonly as: number | null;
    }
  | { readonly kind: 'route'; readonly prefix: string; readonly target: StaticTarget }
  | { readonly kind: 'interfaces'; readonly patterns: readonly string[] }
  /** Of protocol bfd: for the interfaces that the patterns name, or (null) for sessions over several hops. */
  | { readonly kind: 'bfd'; readonly patterns: readonly string[] | null; readonly timers: BfdTimers };

/** Intervals in milliseconds; null: BIRD's default. */
export interface BfdTimers {
  readonly minRxMs: number | null;
  readonly minTxMs: number | null;
  readonly multiplier: number | null;
}

export interface Option {
  /** All its words, as in `hold time`. */
  readonly name: string;
  readonly value: OptionValue;
  readonly at: Position;
}

export type ProtocolType = 'kernel' | 'device' | 'direct' | 'static' | 'bgp' | 'pipe' | 'bfd';

export interface Protocol {
  readonly type: ProtocolType;
  readonly name: string;
  /** Those of its template first. */
  readonly options: readonly Option[];
  readonly at: Position;
  /** The closing brace. */
  readonly end: Position;
}

export interface GlobalOption {
  readonly name: string;
  readonly at: Position;
}

export interface BirdConfig {
  readonly routerId: { readonly value: string; readonly at: Position } | null;
  readonly listen: { readonly address: string | null; readonly port: number | null } | null;
  readonly functions: ReadonlyMap<string, FunctionDefinition>;
  readonly filters: ReadonlyMap<string, FilterDefinition>;
  readonly templates: ReadonlyMap<string, Protocol>;
  readonly protocols: readonly Protocol[];
  /** Global statements that mean nothing here, such as `timeformat`. */
  readonly ignored: readonly GlobalOption[];
  /** What is legal and probably not what was meant. */
  readonly doubts: readonly BirdDiagnostic[];
}
