/**
 * Which policy a session gets, as one object for all sessions that are to be treated alike: thousands of mesh sessions
 * share two. When the rules change, the objects of those for whom nothing changed stay the same.
 */

import type { FamilyName } from '../../bgp/family.ts';
import type { PeerPolicyConfig } from '../../rib/peer-policy.ts';
import { ACCEPT_ALL, type Policy, REJECT_ALL } from '../../rib/policy/policy.ts';
import { same } from '../same.ts';
import { onlyFamily } from './per-family.ts';
import { exportPolicy, importPolicy, type PolicyInputs } from './session-policies.ts';

/** What the policy of a session depends on besides the rules of the node. */
export interface PolicyChoice {
  readonly family: FamilyName;
  /** Names of BGPFilters, in order. */
  readonly filters: readonly string[];
  readonly nextHopMode: PeerPolicyConfig['nextHopMode'];
  readonly isRouteReflectorClient: boolean;
  readonly clusterId: string | null;
  readonly allowOwnAs: number;
}

export class PeerPolicies {
  readonly #choices = new Map<string, PolicyChoice>();
  readonly #configs = new Map<PolicyChoice, PeerPolicyConfig>();
  readonly #policies = new Map<string, Policy>();
  #inputs: PolicyInputs;

  constructor(inputs: PolicyInputs) {
    this.#inputs = inputs;
  }

  /** The one object for all that choose the same. */
  choose(wanted: PolicyChoice): PolicyChoice {
    const { family, filters, nextHopMode, isRouteReflectorClient, clusterId, allowOwnAs } = wanted;
    const key = JSON.stringify([family, nextHopMode, isRouteReflectorClient, clusterId, allowOwnAs, ...filters]);
    const known = this.#choices.get(key);
    if (known !== undefined) return known;
    this.#choices.set(key, wanted);
    return wanted;
  }

  configOf(choice: PolicyChoice): PeerPolicyConfig {
    let config = this.#configs.get(choice);
    if (config === undefined) {
      config = this.#make(choice);
      this.#configs.set(choice, config);
    }
    return config;
  }

  /**
   * Takes new rules; the result says which policies are to be replaced, and by what. What is not among those `used` is
   * forgotten.
   */
  refresh(inputs: PolicyInputs, used: ReadonlySet<PeerPolicyConfig>): ReadonlyMap<PeerPolicyConfig, PeerPolicyConfig> {
    this.#inputs = inputs;
    for (const [key, choice] of this.#choices) {
      const config = this.#configs.get(choice);
      if (config !== undefined && used.has(config)) continue;
      this.#choices.delete(key);
      this.#configs.delete(choice);
    }
    const before = new Map(this.#policies);
    this.#policies.clear();
    const replaced = new Map<PeerPolicyConfig, PeerPolicyConfig>();
    for (const [choice, config] of this.#configs) {
      const next = this.#make(choice, before);
      if (same(config, next)) continue;
      this.#configs.set(choice, next);
      replaced.set(config, next);
    }
    return replaced;
  }

  #make(choice: PolicyChoice, before?: ReadonlyMap<string, Policy>): PeerPolicyConfig {
    const { family, filters } = choice;
    const policy = (direction: 'import' | 'export'): Policy => {
      const key = JSON.stringify([direction, family, ...filters]);
      let found = this.#policies.get(key);
      if (found === undefined) {
        const made = (direction === 'import' ? importPolicy : exportPolicy)(this.#inputs, family, filters);
        const old = before?.get(key);
        found = old !== undefined && same(old, made) ? old : made;
        this.#policies.set(key, found);
      }
      return found;
    };
    return {
      importPolicy: onlyFamily(family, policy('import'), ACCEPT_ALL),
      exportPolicy: onlyFamily(family, policy('export'), REJECT_ALL),
      nextHopMode: choice.nextHopMode,
      isRouteReflectorClient: choice.isRouteReflectorClient,
      clusterId: choice.clusterId,
      // BIRD looks for its cluster in what clients send only: two reflectors of one cluster then know each other's clients.
      usesOwnCluster: !choice.isRouteReflectorClient,
      allowOwnAs: choice.allowOwnAs,
      maxPrefixes: null,
      // BIRD tells none over the multihop sessions that all of Calico's are: traffic goes to addresses of nodes.
      tellsLinkLocal: false,
      removePrivateAs: false,
    };
  }
}
