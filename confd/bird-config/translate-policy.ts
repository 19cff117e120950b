/** Filters of one configuration as policies: those of equal text in equal places are one object. */

import type { FamilyName } from '../../bgp/family.ts';
import type { PolicyUse } from '../../rib/policy/compiled.ts';
import { ACCEPT_ALL, type Policy, REJECT_ALL } from '../../rib/policy/policy.ts';
import { same } from '../same.ts';
import type { BirdConfig, FilterUse } from './ast.ts';
import { BirdConfigError, type Position } from './diagnostic.ts';
import type { FilterContext } from './filter-context.ts';
import { layOut } from './layout.ts';
import { MAX_TOTAL_STATEMENTS } from './limits.ts';
import { printFilterUse } from './print.ts';
import { FilterTranslator } from './translate-filter.ts';

/** BIRD's preference of BGP routes. */
export const BGP_PREFERENCE = 100;

export interface PolicyPlace {
  readonly use: PolicyUse;
  readonly replacesNextHop: boolean;
  readonly clearsMed: boolean;
  readonly preference: number;
}

/** Policies of one reading for the next: what means the same stays the same object, so that diff need not look into it. */
export class PolicyMemory {
  #before: ReadonlyMap<string, Policy> = new Map();
  #now = new Map<string, Policy>();

  /** The policy of the reading before when it is equal. */
  keep(key: string, made: Policy): Policy {
    const old = this.#before.get(key);
    const policy = old !== undefined && same(old, made) ? old : made;
    this.#now.set(key, policy);
    return policy;
  }

  begin(): void {
    this.#now = new Map();
  }

  /** The reading counts; what it did not use is forgotten. */
  commit(): void {
    this.#before = this.#now;
  }
}

export class PolicyTranslator {
  readonly #memory: PolicyMemory;
  readonly #config: BirdConfig;
  readonly #family: FamilyName;
  readonly #peers: FilterContext['peers'];
  readonly #known = new Map<string, Policy>();
  #total = 0;

  constructor(config: BirdConfig, family: FamilyName, memory = new PolicyMemory()) {
    this.#memory = memory;
    this.#config = config;
    this.#family = family;
    this.#peers = config.protocols.flatMap(({ type, name, options }) => {
      if (type !== 'bgp') return [];
      const neighbor = options.findLast((option) => option.value.kind === 'neighbor')?.value;
      return neighbor?.kind === 'neighbor' && neighbor.address !== null ? [{ name, address: neighbor.address }] : [];
    });
  }

  /** @throws BirdConfigError when the filter says something that no policy can */
  policy(use: FilterUse, place: PolicyPlace, at: Position): Policy {
    const hasOwnPreference = place.use === 'import' && place.preference !== BGP_PREFERENCE;
    if (use.kind === 'none') return REJECT_ALL;
    if (use.kind === 'all' && !hasOwnPreference) return ACCEPT_ALL;
    const key = JSON.stringify([printFilterUse(use), place]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = this.#make(use, place, at);
    const whole = hasOwnPreference ? withPreference(made, place.preference) : made;
    const policy = this.#memory.keep(`${this.#family} ${key}`, whole);
    this.#total += policy.statements.length;
    if (this.#total > MAX_TOTAL_STATEMENTS) {
      throw new BirdConfigError(at, `all filters together are too long: more than ${MAX_TOTAL_STATEMENTS} statements`);
    }
    this.#known.set(key, policy);
    return policy;
  }

  #make(use: FilterUse, place: PolicyPlace, at: Position): Policy {
    const { functions, filters, protocols } = this.#config;
    const context = { ...place, family: this.#family, functions, protocols, peers: this.#peers };
    const translator = new FilterTranslator(context);
    const prefix = `${place.use} ${this.#family}`;
    switch (use.kind) {
      case 'named': {
        const filter = filters.get(use.name);
        if (filter === undefined) throw new BirdConfigError(at, `No such filter: ${use.name}`);
        return layOut(`${prefix} ${use.name}`, translator.filter(use.name, filter.body));
      }
      case 'inline':
        return layOut(prefix, translator.filter('filter', use.body));
      case 'where':
        return layOut(prefix, translator.where('where', use.condition));
      default:
        return use.kind === 'all' ? ACCEPT_ALL : REJECT_ALL;
    }
  }
}

/** `preference N` of a protocol: what routes have before the filter. */
function withPreference(policy: Policy, value: number): Policy {
  const first = {
    name: `preference ${value}`,
    matches: [],
    actions: [{ kind: 'set-preference' as const, value }],
    verdict: 'next' as const,
  };
  return { ...policy, statements: [first, ...policy.statements] };
}
