/**
 * What is known of a route at one place of a filter, on every way that leads there: which sources it can have, which
 * attributes are defined, what variables hold. Conditions that are decided by it need not be asked of a route.
 */

import type { PolicyUse } from '../../rib/policy/compiled.ts';
import type { Match, RouteSource } from '../../rib/policy/policy.ts';
import { ALWAYS, type Attribute, type Condition, isMatch, NEVER } from './condition.ts';
import type { Value } from './value.ts';

export const ALL_SOURCES: readonly RouteSource[] = ['bgp', 'static', 'kernel', 'direct'];
const UINT32_MAX = 0xffffffff;

/** As the route came; set on every way; unset on every way; differs by the way. */
export type Presence = 'own' | 'set' | 'unset' | 'mixed';

/** A variable's value, and what was so when it was computed. */
export interface Held {
  readonly value: Value;
  readonly versions: State['versions'];
}

export interface State {
  readonly sources: ReadonlySet<RouteSource>;
  readonly metric: Presence;
  readonly localPref: Presence;
  readonly med: Presence;
  /** The MED is one that the filter has given, on every way, on none or on some. */
  readonly hasOwnMed: boolean | 'mixed';
  readonly preference: number | 'own' | 'mixed';
  readonly nextHop: string | 'own' | 'mixed';
  readonly hasTunnel: boolean;
  /** Another number for every change. */
  readonly versions: { readonly [A in Attribute]?: number };
  readonly variables: ReadonlyMap<string, Held>;
}

export function initialState(use: PolicyUse, preference: number): State {
  return {
    sources: new Set(use === 'import' ? ['bgp'] : ALL_SOURCES),
    metric: 'own',
    localPref: 'own',
    med: 'own',
    hasOwnMed: false,
    preference: use === 'import' ? preference : 'own',
    nextHop: 'own',
    hasTunnel: false,
    versions: {},
    variables: new Map(),
  };
}

let versionCount = 0;

/** The state after something was changed. */
export function changed(state: State, attribute: Attribute, more: Partial<State>): State {
  return { ...state, ...more, versions: { ...state.versions, [attribute]: ++versionCount } };
}

export function withVariable(state: State, name: string, value: Value): State {
  const variables = new Map(state.variables);
  variables.set(name, { value, versions: state.versions });
  return { ...state, variables };
}

function joinPresence(a: Presence, b: Presence): Presence {
  return a === b ? a : 'mixed';
}

/** What is known where two ways meet; null is a way that ended. */
export function join(a: State | null, b: State | null): State | null {
  if (a === null || a === b) return b;
  if (b === null) return a;
  const versions: { [A in Attribute]?: number } = {};
  for (const name of new Set([...Object.keys(a.versions), ...Object.keys(b.versions)]) as Set<Attribute>) {
    const [x, y] = [a.versions[name] ?? 0, b.versions[name] ?? 0];
    versions[name] = x === y ? x : ++versionCount;
  }
  const variables = new Map<string, Held>();
  // Variables that differ are not joined: see FilterTranslator, which keeps such ways apart.
  for (const [name, held] of a.variables) if (b.variables.get(name) === held) variables.set(name, held);
  return {
    sources: new Set([...a.sources, ...b.sources]),
    metric: joinPresence(a.metric, b.metric),
    localPref: joinPresence(a.localPref, b.localPref),
    med: joinPresence(a.med, b.med),
    hasOwnMed: a.hasOwnMed === b.hasOwnMed ? a.hasOwnMed : 'mixed',
    preference: a.preference === b.preference ? a.preference : 'mixed',
    nextHop: a.nextHop === b.nextHop ? a.nextHop : 'mixed',
    hasTunnel: a.hasTunnel || b.hasTunnel,
    versions,
    variables,
  };
}

/** Whether the route is of one of the sources, as far as it has to be asked. */
export function sourceIn(state: State, sources: readonly RouteSource[]): Condition {
  const possible = sources.filter((source) => state.sources.has(source));
  if (possible.length === 0) return NEVER;
  if (possible.length === state.sources.size) return ALWAYS;
  return isMatch({ kind: 'source', sources: possible });
}

/** Whether the route has a metric. Only kernel routes come with one. */
export function metricDefined(state: State): Condition {
  if (state.metric === 'set') return ALWAYS;
  if (state.metric === 'unset') return NEVER;
  if (state.metric === 'own') {
    if (!state.sources.has('kernel')) return NEVER;
    if (state.sources.size === 1) return ALWAYS;
  }
  return isMatch({ kind: 'metric', min: 0, max: UINT32_MAX });
}

export function medDefined(state: State): Condition {
  if (state.med === 'set') return ALWAYS;
  if (state.med === 'unset' || (state.med === 'own' && !state.sources.has('bgp'))) return NEVER;
  return isMatch({ kind: 'med-present' });
}

/** What is known when a condition has turned out so. */
export function refine(state: State, condition: Condition, holds: boolean): State {
  if (condition.kind === 'match') return refineByMatch(state, condition.match, holds);
  const decided = condition.kind === 'all' ? holds : condition.kind === 'any' ? !holds : false;
  if (!decided || condition.kind === 'constant') return state;
  return condition.of.reduce((known, part) => refine(known, part, holds), state);
}

function refineByMatch(state: State, match: Match, outcome: boolean): State {
  const holds = outcome !== (match.negate ?? false);
  if (match.kind === 'source') {
    const sources = [...state.sources].filter((source) => match.sources.includes(source) === holds);
    return { ...state, sources: new Set(sources) };
  }
  if (match.kind === 'metric' && (holds || (match.min === 0 && match.max === UINT32_MAX))) {
    return { ...state, metric: holds ? 'set' : 'unset' };
  }
  if (match.kind === 'med-present') return { ...state, med: holds ? 'set' : 'unset' };
  return state;
}
