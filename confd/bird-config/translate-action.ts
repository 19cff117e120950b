/** What filters do to routes, as actions of rib/policy. */

import type { Action } from '../../rib/policy/policy.ts';
import type { Command } from './ast.ts';
import { BirdConfigError, type Position } from './diagnostic.ts';
import type { FilterContext } from './filter-context.ts';
import { changed, type State } from './state.ts';
import { COMMUNITY_ATTRIBUTES, communityRanges } from './translate-expression.ts';
import { describeValue, type Value } from './value.ts';

interface Change {
  readonly actions: readonly Action[];
  readonly state: State;
}

/** Device names: IFNAMSIZ - 1 octets. */
const INTERFACE_NAME_LIMIT = 15;
const PREFERENCE_LIMIT = 255;

const NUMBERS = { bgp_local_pref: 'local-pref', bgp_med: 'med', krt_metric: 'metric' } as const;

/** `attribute = value;` */
export function translateAssignment(
  context: FilterContext,
  { attribute, at }: Extract<Command, { kind: 'set' }>,
  value: Value,
  state: State,
): Change {
  switch (attribute) {
    case 'bgp_local_pref':
    case 'bgp_med':
    case 'krt_metric':
      return setNumber(NUMBERS[attribute], value, at, state);
    case 'preference':
      return setPreference(context, value, at, state);
    case 'bgp_next_hop':
      if (value.kind !== 'ip') return refuse(attribute, value, at, 'an address');
      if (context.use === 'kernel')
        return refuse(attribute, value, at, 'nothing: the kernel is given the resolved one');
      return {
        actions: [{ kind: 'set-next-hop', value: value.address }],
        state: changed(state, 'next-hop', { nextHop: value.address }),
      };
    case 'krt_tunnel':
      return setTunnel(context, value, at, state);
    default:
      throw new BirdConfigError(
        at,
        `${attribute} cannot be set, wanted: bgp_local_pref, bgp_med, bgp_next_hop, krt_metric, krt_tunnel or preference`,
      );
  }
}

function refuse(attribute: string, value: Value, at: Position, wanted: string): never {
  throw new BirdConfigError(at, `${attribute} = ${describeValue(value)} is not supported, wanted: ${wanted}`);
}

function setNumber(target: 'local-pref' | 'med' | 'metric', value: Value, at: Position, state: State): Change {
  const known = {
    'local-pref': { localPref: 'set' },
    med: { med: 'set', hasOwnMed: true },
    metric: { metric: 'set' },
  } as const;
  const after = changed(state, target, known[target]);
  if (value.kind === 'number') {
    const kinds = { 'local-pref': 'set-local-pref', med: 'set-med', metric: 'set-metric' } as const;
    return { actions: [{ kind: kinds[target], value: value.value }], state: after };
  }
  if (value.kind !== 'measure' || value.measure === 'path-length' || value.measure === 'net-length') {
    return refuse(target, value, at, 'a number, or NUMBER + or - bgp_local_pref, bgp_med or krt_metric');
  }
  const { measure: from, sign, offset, defined } = value;
  if (defined.kind !== 'constant' || !defined.value) {
    throw new BirdConfigError(at, `the value may be undefined here; ask defined(...) first`);
  }
  if (from === 'zero') return setNumber(target, { kind: 'number', value: offset }, at, state);
  return { actions: [{ kind: 'compute', target, offset, sign, from }], state: after };
}

function setPreference(context: FilterContext, value: Value, at: Position, state: State): Change {
  if (value.kind !== 'number') return refuse('preference', value, at, 'a number');
  const after = changed(state, 'preference', { preference: value.value });
  // BIRD compares routes by it before export and kernel filters run.
  if (context.use !== 'import') return { actions: [], state: after };
  if (value.value > PREFERENCE_LIMIT) {
    throw new BirdConfigError(at, `preference ${value.value} is too great, wanted: 0..${PREFERENCE_LIMIT}`);
  }
  return { actions: [{ kind: 'set-preference', value: value.value }], state: after };
}

/** An empty name is no tunnel. */
function setTunnel(context: FilterContext, value: Value, at: Position, state: State): Change {
  if (context.use !== 'kernel') {
    throw new BirdConfigError(at, 'krt_tunnel is for the filter that exports to the kernel');
  }
  if (value.kind !== 'string' || value.value.length > INTERFACE_NAME_LIMIT) {
    return refuse('krt_tunnel', value, at, `the name of an interface of up to ${INTERFACE_NAME_LIMIT} characters`);
  }
  const isSet = value.value !== '';
  if (!isSet && state.hasTunnel) {
    throw new BirdConfigError(at, 'krt_tunnel cannot be taken back, wanted: if ... else');
  }
  return {
    actions: isSet ? [{ kind: 'set-tunnel', interfaceName: value.value }] : [],
    state: changed(state, 'tunnel', { hasTunnel: isSet }),
  };
}

/** `unset(attribute);` */
export function translateUnset(attribute: string, at: Position, state: State): Change {
  if (attribute === 'bgp_med') {
    return {
      actions: [{ kind: 'set-med', value: null }],
      state: changed(state, 'med', { med: 'unset', hasOwnMed: true }),
    };
  }
  throw new BirdConfigError(at, `unset(${attribute}) is not supported, wanted: bgp_med`);
}

/** `attribute.method(value);` */
export function translateEdit(
  { attribute, method, at }: Extract<Command, { kind: 'edit' }>,
  value: Value,
  state: State,
): Change {
  if (attribute === 'bgp_path') {
    if (method !== 'prepend') {
      throw new BirdConfigError(at, `bgp_path.${method} is not supported, wanted: bgp_path.prepend(AS)`);
    }
    if (value.kind !== 'number' || value.value === 0) {
      throw new BirdConfigError(
        at,
        `bgp_path.prepend of ${describeValue(value)} is not supported, wanted: an AS number`,
      );
    }
    return { actions: [{ kind: 'prepend-as-path', asns: [value.value] }], state: changed(state, 'as-path', {}) };
  }
  if (method !== 'add' && method !== 'delete') {
    throw new BirdConfigError(at, `${attribute}.${method} is not supported, wanted: add or delete`);
  }
  if (value.kind !== 'community' && (value.kind !== 'set' || method === 'add')) {
    throw new BirdConfigError(
      at,
      `${attribute}.${method} of ${describeValue(value)} is not supported, wanted: a community`,
    );
  }
  const ranges =
    value.kind === 'set' ? communityRanges(value.items, at) : [{ type: value.type, from: value.text, to: value.text }];
  const actions = ranges.map(({ type, from, to }): Action => {
    if (COMMUNITY_ATTRIBUTES[type] !== attribute) throw new BirdConfigError(at, `${from} cannot be in ${attribute}`);
    if (from !== to) return { kind: 'remove-communities-in', from, to };
    return { kind: method === 'add' ? 'add-community' : 'remove-community', community: from };
  });
  return { actions, state: changed(state, 'communities', {}) };
}
