/**
 * Service addresses that the own node advertises (section 4.7 of Calico's semantics), followed change by change: the
 * ranges, the host prefixes of single Services with who asked for each, and what policies need of both.
 *
 * A prefix that several Services share stays until the last of them is gone. Every event of a Service or one of its
 * EndpointSlices decides about that Service alone, from all of its slices; without slices it has no endpoints. (Calico
 * keeps advertising a Service whose last slice is gone.)
 */

import type { FamilyName } from '../../bgp/family.ts';
import { type Prefix, prefixContains } from '../../bgp/ip.ts';
import type { PrefixRange } from '../../rib/policy/policy.ts';
import type { OriginatedRoute } from '../desired-state.ts';
import type { EndpointSliceResource } from '../model/endpoint-slice.ts';
import type { ServiceResource } from '../model/service.ts';
import { familyOfText, prefixFromText } from '../model/values.ts';
import type { ResourceChange } from '../resource-store.ts';
import { same } from '../same.ts';
import type { DeriveContext } from './context.ts';
import { insideRange } from './matches.ts';
import { advertisedRanges, deriveServiceRules, ServiceDecision, type ServiceRules } from './service-rules.ts';
import { SortedTable } from './sorted-table.ts';
import { compareText } from './text-order.ts';

/** What policies need to know about service addresses. The lists are replaced, never changed. */
export interface ServicePolicyInputs {
  /** What covers every prefix that this node originates for services, by family (rule 7 of the export policy). */
  readonly originated: { readonly [F in FamilyName]: readonly PrefixRange[] };
  /** Ranges whose routes are never written to the kernel: kube-proxy handles these addresses. */
  readonly kernelRejected: readonly string[];
  /** Ranges that a route reflector passes on although it does not originate them (rule 7b), in this order. */
  readonly reflected: readonly string[];
}

const NOTHING: ServicePolicyInputs = {
  originated: { 'ipv4-unicast': [], 'ipv6-unicast': [] },
  kernelRejected: [],
  reflected: [],
};

function blackhole(prefix: string, origin: string): OriginatedRoute {
  return { prefix, kind: 'blackhole', gateway: null, communities: [], origin, isService: true };
}

/** Services that ask for one prefix. */
interface Askers {
  readonly names: Set<string>;
  /** The first by name. */
  first: string;
}

function least(names: Iterable<string>): string | null {
  let first: string | null = null;
  for (const name of names) if (first === null || name < first) first = name;
  return first;
}

export class ServiceStage {
  /** Prefixes that this node originates, with the resource that asks for each. */
  readonly routes = new Map<string, OriginatedRoute>();
  /** Prefixes whose route changed since they were last taken out. */
  readonly changedPrefixes = new Set<string>();
  policyInputs = NOTHING;

  readonly #slices = new Map<string, Map<string, EndpointSliceResource>>();
  readonly #dirty = new Set<string>();
  readonly #prefixes = new Map<string, readonly string[]>();
  readonly #askers = new Map<string, Askers>();
  /** Host prefixes that no range covers. */
  readonly #uncovered = {
    'ipv4-unicast': new SortedTable<PrefixRange>(),
    'ipv6-unicast': new SortedTable<PrefixRange>(),
  };
  #rules: ServiceRules | null = null;
  #decision: ServiceDecision | null = null;
  #ranges: readonly string[] = [];
  #rangePrefixes: readonly Prefix[] = [];

  /** A Service or EndpointSlice that came, changed or went. */
  note({ before, after }: ResourceChange): void {
    for (const one of [before, after]) {
      if (one?.kind === 'Service') this.#dirty.add(one.name);
      else if (one?.kind === 'EndpointSlice' && one.service !== null) this.#dirty.add(one.service);
    }
    if (before?.kind === 'EndpointSlice' && before.service !== null) {
      const slices = this.#slices.get(before.service);
      slices?.delete(before.name);
      if (slices?.size === 0) this.#slices.delete(before.service);
    }
    if (after?.kind === 'EndpointSlice' && after.service !== null) {
      const slices = this.#slices.get(after.service);
      if (slices === undefined) this.#slices.set(after.service, new Map([[after.name, after]]));
      else slices.set(after.name, after);
    }
  }

  /** Brings everything up to date with what was noted, and with the context when that is a new one. */
  refresh(context: DeriveContext, isNewContext: boolean): void {
    const { services } = context.resources;
    if (isNewContext && this.#takeRules(deriveServiceRules(context))) {
      for (const name of [...services.keys(), ...this.#prefixes.keys()]) this.#dirty.add(name);
    }
    for (const name of this.#dirty) this.#decide(name, services.get(name));
    this.#dirty.clear();
    this.#refreshPolicyInputs(context);
  }

  /** False when they are what they were. */
  #takeRules(rules: ServiceRules): boolean {
    if (this.#rules !== null && same(this.#rules, rules)) return false;
    this.#rules = rules;
    this.#decision = new ServiceDecision(rules);
    const ranges = rules.isExcluded ? [] : advertisedRanges(rules);
    const touched = new Set([...this.#ranges, ...ranges]);
    this.#ranges = ranges;
    this.#rangePrefixes = ranges.map(prefixFromText);
    for (const prefix of [...touched, ...this.#askers.keys()]) this.#place(prefix);
    return true;
  }

  #decide(name: string, service: ServiceResource | undefined): void {
    const slices = this.#slices.get(name)?.values() ?? [];
    const after = service === undefined ? [] : (this.#decision?.prefixesOf(service, slices) ?? []);
    const before = this.#prefixes.get(name) ?? [];
    if (after.length === 0) this.#prefixes.delete(name);
    else this.#prefixes.set(name, after);
    for (const prefix of before) if (!after.includes(prefix)) this.#release(prefix, name);
    for (const prefix of after) if (!before.includes(prefix)) this.#claim(prefix, name);
  }

  #claim(prefix: string, name: string): void {
    const askers = this.#askers.get(prefix);
    if (askers === undefined) this.#askers.set(prefix, { names: new Set([name]), first: name });
    else {
      askers.names.add(name);
      if (name < askers.first) askers.first = name;
    }
    this.#place(prefix);
  }

  #release(prefix: string, name: string): void {
    const askers = this.#askers.get(prefix);
    if (askers === undefined) return;
    askers.names.delete(name);
    if (askers.first === name) {
      const next = least(askers.names);
      if (next === null) this.#askers.delete(prefix);
      else askers.first = next;
    }
    this.#place(prefix);
  }

  /** Puts the route of a prefix where it belongs, or takes it out. */
  #place(prefix: string): void {
    const isRange = this.#ranges.includes(prefix);
    const family = familyOfText(prefix);
    const first = this.#askers.get(prefix)?.first;
    const origin = isRange ? 'BGPConfiguration/default' : first === undefined ? null : `Service/${first}`;
    if (this.routes.get(prefix)?.origin !== (origin ?? undefined)) {
      this.changedPrefixes.add(prefix);
      if (origin === null) this.routes.delete(prefix);
      else this.routes.set(prefix, blackhole(prefix, origin));
    }
    const isCovered = isRange || first === undefined || this.#isCovered(prefix);
    if (isCovered) this.#uncovered[family].delete(prefix);
    else if (this.#uncovered[family].get(prefix) === undefined)
      this.#uncovered[family].set(prefix, insideRange(prefix));
  }

  #isCovered(prefix: string): boolean {
    const inner = prefixFromText(prefix);
    return this.#rangePrefixes.some((range) => prefixContains(range, inner));
  }

  /** Prefixes inside a range that is accepted as a whole need no line of their own, so that most changes change none. */
  #refreshPolicyInputs(context: DeriveContext): void {
    const rules = this.#rules;
    if (rules === null) return;
    const isReflector = context.ownNode.routeReflectorClusterId !== null;
    const external = context.traits.reflectsExternalIps ? rules.externalIps : [];
    const accepted = (family: FamilyName): readonly PrefixRange[] => {
      const ranges = this.#ranges.filter((range) => familyOfText(range) === family).map(insideRange);
      const hosts = this.#uncovered[family].list();
      return ranges.length === 0 ? hosts : [...ranges, ...hosts];
    };
    const next: ServicePolicyInputs = {
      originated: { 'ipv4-unicast': accepted('ipv4-unicast'), 'ipv6-unicast': accepted('ipv6-unicast') },
      kernelRejected: advertisedRanges(rules).sort(compareText),
      reflected: isReflector ? [...rules.loadBalancerIps, ...external] : [],
    };
    if (!same(this.policyInputs, next)) this.policyInputs = next;
  }
}

/** The CIDRs of one family, in the given order. */
export function ofFamily(cidrs: Iterable<string>, family: FamilyName): string[] {
  return [...cidrs].filter((cidr) => familyOfText(cidr) === family);
}
