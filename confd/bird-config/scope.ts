/** Names that a configuration has defined so far: BIRD reads once, so everything is defined before it is used. */

import type { FamilyName } from '../../bgp/family.ts';
import type { Expression, FilterDefinition, FunctionDefinition, Protocol, Variable } from './ast.ts';
import { BirdConfigError, type BirdDiagnostic, type Position } from './diagnostic.ts';
import type { Token } from './lexer.ts';
import { isReserved } from './vocabulary.ts';

export class Scope {
  readonly family: FamilyName;
  readonly constants = new Map<string, Expression>();
  readonly functions = new Map<string, FunctionDefinition>();
  readonly filters = new Map<string, FilterDefinition>();
  readonly templates = new Map<string, Protocol>();
  readonly protocols = new Map<string, Protocol>();
  readonly tables = new Set<string>(['master']);
  /** Of the function or filter that is being read. */
  variables: Map<string, Variable> = new Map();
  readonly doubts: BirdDiagnostic[] = [];

  constructor(family: FamilyName) {
    this.family = family;
  }

  isDefined(name: string): boolean {
    const { constants, functions, filters, templates, protocols, tables } = this;
    return [constants, functions, filters, templates, protocols, tables].some((names) => names.has(name));
  }

  /** The name that a token gives to something new. */
  newName(token: Token): string {
    const { text, kind, at } = token;
    if (kind === 'word' && isReserved(text)) {
      throw new BirdConfigError(at, `${text} is a word of the language and cannot be a name`);
    }
    if (this.isDefined(text)) throw new BirdConfigError(at, `Symbol already defined: ${text}`);
    return text;
  }

  declare(type: string, token: Token): Variable {
    const { text, kind, at } = token;
    if (kind === 'word' && isReserved(text)) {
      throw new BirdConfigError(at, `${text} is a word of the language and cannot be a name`);
    }
    if (this.variables.has(text)) throw new BirdConfigError(at, `Symbol already defined: ${text}`);
    const variable = { type, name: text };
    this.variables.set(text, variable);
    return variable;
  }

  /** Refuses an address of the other family: each daemon of BIRD 1.6 knows one. */
  checkFamily(kind: 'ip4' | 'ip6', text: string, at: Position): void {
    if ((kind === 'ip4') === (this.family === 'ipv4-unicast')) return;
    throw new BirdConfigError(
      at,
      kind === 'ip4'
        ? `${text} is an IPv4 address, and this is a configuration of bird6`
        : `${text} is an IPv6 address, and this is a configuration of bird (bird6 reads its own file)`,
    );
  }
}
