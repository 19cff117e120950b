/**
 * The sessions of the own node, followed change by change. Everything that decides about sessions with one address (the
 * nodes and workloads that have it, the BGPPeers that name or select it) makes one group, so that a change of a Node
 * costs its two or four addresses, not the mesh.
 *
 * What concerns every session (the own node, a BGPPeer with selectors, a password) has all groups made anew; sessions
 * that come out as they were stay the same objects.
 */

import { FAMILY_NAMES, type FamilyName } from '../../bgp/family.ts';
import type { PeerPolicyConfig } from '../../rib/peer-policy.ts';
import type { DesiredPeer, OriginatedRoute } from '../desired-state.ts';
import { nodeConfigurationName } from '../model/bgp-configuration.ts';
import type { BgpPeerResource } from '../model/bgp-peer.ts';
import type { SecretKeyRef } from '../model/secret.ts';
import { familyOfText, hostPrefix } from '../model/values.ts';
import type { WorkloadEndpointResource } from '../model/workload-endpoint.ts';
import type { ResourceChange } from '../resource-store.ts';
import { same } from '../same.ts';
import type { ConditionTable } from './condition-table.ts';
import type { DeriveContext } from './context.ts';
import { meshEntries } from './mesh.ts';
import { addressesOf } from './node-index.ts';
import { type PeerEntry, workloadAddress } from './peer-entry.ts';
import { PeerIndex, remoteSide } from './peer-index.ts';
import type { PeerPolicies } from './peer-policies.ts';
import { explicitEntries } from './peers.ts';
import { type DerivedSession, deriveSessions } from './sessions.ts';
import { SortedTable } from './sorted-table.ts';
import { byName } from './text-order.ts';

/** The sessions with one address. */
interface AddressGroup {
  readonly sessions: readonly DerivedSession[];
  /** Host route to the address through a given gateway (section 4.8). */
  readonly route: OriginatedRoute | null;
}

const EMPTY_GROUP: AddressGroup = { sessions: [], route: null };

export class PeerStage {
  /** Host routes to peers, by prefix. */
  readonly routes = new Map<string, OriginatedRoute>();
  /** Prefixes whose route changed since they were last taken out. */
  readonly changedPrefixes = new Set<string>();

  readonly #conditions: ConditionTable;
  readonly #groups = new Map<string, AddressGroup>();
  readonly #peers = new SortedTable<DesiredPeer>();
  readonly #sessionCount = { 'ipv4-unicast': 0, 'ipv6-unicast': 0 };
  readonly #workloads = new Map<string, readonly WorkloadEndpointResource[]>();
  readonly #dirty = new Set<string>();
  readonly #changedPeers: BgpPeerResource[] = [];
  /** `namespace/name` */
  readonly #changedSecrets = new Set<string>();
  #isAllDirty = true;
  #index: PeerIndex | null = null;

  constructor(conditions: ConditionTable) {
    this.#conditions = conditions;
  }

  /** Sorted by name. */
  get peers(): readonly DesiredPeer[] {
    return this.#peers.list();
  }

  hasSessions(family: FamilyName): boolean {
    return this.#sessionCount[family] > 0;
  }

  /** The policies of the present sessions. */
  policiesInUse(): ReadonlySet<PeerPolicyConfig> {
    return new Set(this.peers.map((peer) => peer.policy));
  }

  note(change: ResourceChange, nodeAddresses: (name: string) => readonly string[]): void {
    const { before, after } = change;
    switch ((after ?? before)?.kind) {
      case 'Node':
        for (const node of [before, after]) {
          if (node?.kind === 'Node') for (const address of addressesOf(node)) this.#dirty.add(address);
        }
        return;
      case 'WorkloadEndpoint':
        this.#noteWorkload(before, -1);
        this.#noteWorkload(after, 1);
        return;
      case 'BGPConfiguration': {
        // The port that a node listens on. The two configurations of the own node make a new context.
        const prefix = nodeConfigurationName('');
        const name = (after ?? before)?.name ?? '';
        if (!name.startsWith(prefix)) return;
        for (const address of nodeAddresses(name.slice(prefix.length))) this.#dirty.add(address);
        return;
      }
      case 'BGPPeer':
        for (const peer of [before, after]) if (peer?.kind === 'BGPPeer') this.#changedPeers.push(peer);
        return;
      case 'BGPFilter':
        // Only whether it is there matters here.
        if (before === null || after === null) this.#isAllDirty = true;
        return;
      case 'Secret':
        this.#changedSecrets.add((after ?? before)?.name ?? '');
        return;
      default:
        return;
    }
  }

  /** Brings the sessions up to date with what was noted, and all of them when the context is a new one. */
  refresh(context: DeriveContext, isNewContext: boolean, policies: PeerPolicies): void {
    if (isNewContext) {
      this.#isAllDirty = true;
      this.#index = null;
    }
    this.#spreadPeerChanges(context);
    this.#spreadSecretChanges(context);
    this.#index ??= new PeerIndex(context);
    if (this.#isAllDirty) {
      const all = [
        this.#groups.keys(),
        context.nodes.addresses(),
        this.#index.byAddress.keys(),
        this.#workloads.keys(),
      ];
      for (const addresses of all) for (const address of addresses) this.#dirty.add(address);
    }
    for (const address of this.#dirty) this.#refreshAddress(context, this.#index, policies, address);
    this.#dirty.clear();
    this.#isAllDirty = false;
  }

  /** Gives sessions another policy for the one that they have. */
  replacePolicies(replaced: ReadonlyMap<PeerPolicyConfig, PeerPolicyConfig>): void {
    if (replaced.size === 0) return;
    this.#peers.replaceAll((peer) => {
      const policy = replaced.get(peer.policy);
      return policy === undefined ? peer : { session: peer.session, policy };
    });
  }

  /** Which groups the changed BGPPeers may have a part in. */
  #spreadPeerChanges(context: DeriveContext): void {
    for (const peer of this.#changedPeers) this.#spread(context, peer);
    if (this.#changedPeers.length > 0) this.#index = null;
    this.#changedPeers.length = 0;
  }

  /** Which groups have a password out of the changed Secrets. */
  #spreadSecretChanges(context: DeriveContext): void {
    if (this.#changedSecrets.size === 0) return;
    const isChanged = (reference: SecretKeyRef | null | undefined): boolean =>
      reference != null && this.#changedSecrets.has(`${context.options.secretNamespace}/${reference.name}`);
    if (isChanged(context.configuration?.nodeMeshPassword)) this.#isAllDirty = true;
    for (const peer of context.resources.bgpPeers.values()) if (isChanged(peer.password)) this.#spread(context, peer);
    this.#changedSecrets.clear();
  }

  /** Which groups a BGPPeer may have a part in. */
  #spread({ ownNode }: DeriveContext, peer: BgpPeerResource): void {
    const { peerIp } = peer;
    if (peerIp !== null) this.#dirty.add(peerIp.address);
    // A peer that selects, or that makes us the far end of other nodes' sessions, may concern any address.
    const isOwn = peerIp !== null && addressesOf(ownNode).includes(peerIp.address);
    if (isOwn || remoteSide(peer) !== 'endpoint') this.#isAllDirty = true;
  }

  #noteWorkload(resource: ResourceChange['before'], sign: 1 | -1): void {
    if (resource?.kind !== 'WorkloadEndpoint') return;
    for (const family of FAMILY_NAMES) {
      const address = workloadAddress(resource, family);
      if (address === null) continue;
      this.#dirty.add(address);
      const others = (this.#workloads.get(address) ?? []).filter((one) => one.name !== resource.name);
      const now = sign > 0 ? byName([...others, resource]) : others;
      if (now.length === 0) this.#workloads.delete(address);
      else this.#workloads.set(address, now);
    }
  }

  #refreshAddress(context: DeriveContext, index: PeerIndex, policies: PeerPolicies, address: string): void {
    const { value: group, conditions } = context.collect(() => this.#groupOf(context, index, policies, address));
    this.#conditions.replace(`peers at ${address}`, conditions);
    const before = this.#groups.get(address) ?? EMPTY_GROUP;
    // A group that only complains is one, or nobody would look at its address when the complaint is settled elsewhere.
    if (group.sessions.length === 0 && group.route === null && conditions.length === 0) this.#groups.delete(address);
    else this.#groups.set(address, group);
    this.#replaceSessions(before.sessions, group.sessions, policies);
    if (same(before.route, group.route)) return;
    const prefix = hostPrefix(address);
    this.changedPrefixes.add(prefix);
    if (group.route === null) this.routes.delete(prefix);
    else this.routes.set(prefix, group.route);
  }

  #groupOf(context: DeriveContext, index: PeerIndex, policies: PeerPolicies, address: string): AddressGroup {
    const nodes = context.nodes.withAddress(address);
    const workloads = this.#workloads.get(address) ?? [];
    const explicit = explicitEntries({ context, index, address, nodes, workloads });
    const entries = [...explicit, ...meshEntries(context, nodes, address, familyOfText(address))];
    if (entries.length === 0) return EMPTY_GROUP;
    return { sessions: deriveSessions(context, entries, policies), route: reachableByRoute(context, explicit) };
  }

  #replaceSessions(before: readonly DerivedSession[], after: readonly DerivedSession[], policies: PeerPolicies): void {
    for (const { session } of before) {
      if (!after.some((one) => one.session.name === session.name)) {
        this.#peers.delete(session.name);
      }
      this.#sessionCount[session.families[0]]--;
    }
    for (const { session, choice } of after) {
      const old = this.#peers.get(session.name);
      const policy = policies.configOf(choice);
      this.#sessionCount[session.families[0]]++;
      const isSameSession = old !== undefined && same(old.session, session);
      if (isSameSession && old.policy === policy) continue;
      this.#peers.set(session.name, { session: isSameSession ? old.session : session, policy });
    }
  }
}

/** The host route to a peer that is reached through a given gateway; the first entry that says one counts. */
function reachableByRoute(context: DeriveContext, entries: readonly PeerEntry[]): OriginatedRoute | null {
  let route: OriginatedRoute | null = null;
  for (const { address, reachableBy, source } of entries) {
    if (reachableBy === null) continue;
    if (route === null) {
      const origin = `${source.kind}/${source.name}`;
      route = { prefix: hostPrefix(address), kind: 'via', gateway: reachableBy, communities: [], origin };
    } else if (route.gateway !== reachableBy) {
      context.report(source, 'spec.reachableBy', `${route.prefix} already goes via ${route.gateway} (${route.origin})`);
    }
  }
  return route;
}
