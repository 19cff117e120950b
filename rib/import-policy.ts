/**
 * Import policy as the RIB calls it: the peer's policy, and around it the rules that hold for every external peer.
 *
 * - RFC 9234 5, ingress rule 3: a path from a provider, peer or route server that has no OTC gets one with the peer's
 *   AS (whether one that has OTC is a leak, eligibility.ts has decided before).
 * - RFC 8326 4.2: a path with GRACEFUL_SHUTDOWN gets LOCAL_PREF 0, after the policy, so that a policy which sets
 *   LOCAL_PREF does not undo it. A policy that removes the community opts out; so does the option here.
 *
 * Results are cached per attribute set (and, where the verdict depends on the prefix, per edit).
 */

import { FAMILY_AFI, FAMILY_IPV4, FAMILY_NAMES, type FamilyIndex } from '../bgp/family.ts';
import { ATTRIBUTE_MULTI_EXIT_DISC, COMMUNITY_GRACEFUL_SHUTDOWN } from '../bgp/iana.ts';
import type { IpAddress } from '../bgp/ip.ts';
import type { NegotiatedSession } from '../bgp/negotiated.ts';
import { SET_HAS_OTC } from './attribute-columns.ts';
import { AttributeEditor } from './attribute-edit.ts';
import type { AttributeStore, SetHandle } from './attribute-store.ts';
import type { NextHopTable } from './next-hop.ts';
import type { PeerPolicyConfig } from './peer-policy.ts';
import type { PeerTable } from './peer-table.ts';
import { applyCommunityEdits } from './policy/apply-edits.ts';
import { standardCommunity } from './policy/community.ts';
import { compilePolicy, formatProblem } from './policy/compile.ts';
import {
  type CompiledPolicy,
  isCacheable,
  NEXT_HOP_ADDRESS,
  NEXT_HOP_PEER,
  VERDICT_ACCEPT,
} from './policy/compiled.ts';
import { carriesCommunity, EvaluationContext, evaluate } from './policy/evaluate.ts';
import { explainPolicy, type PolicyExplanation } from './policy/explain.ts';
import { type Policy, REJECT_ALL } from './policy/policy.ts';
import type { ImportPeer, ImportPolicy, PolicyCompiler } from './policy-hook.ts';
import { SetCache } from './set-cache.ts';

/** The tables that import reads; Rib has them under these names. */
export interface ImportTables {
  readonly peers: PeerTable;
  readonly nextHops: NextHopTable;
  readonly sets: AttributeStore;
}

export interface ImportOptions {
  /** RFC 8326: GRACEFUL_SHUTDOWN from external peers lowers LOCAL_PREF to 0. */
  readonly honoursGracefulShutdown: boolean;
  /** Name of a network interface; empty when there is none with that index. */
  interfaceName(index: number): string;
  /** Told about policies that do not compile; such a policy rejects everything. */
  onProblem(message: string): void;
}

const GRACEFUL_SHUTDOWN = standardCommunity(COMMUNITY_GRACEFUL_SHUTDOWN);

/** What the RIB compiles its peers' import policies with. */
export function importPolicyCompiler(tables: ImportTables, options: ImportOptions): PolicyCompiler {
  const editor = new AttributeEditor(tables.sets);
  return {
    compileImport(config: PeerPolicyConfig, family: FamilyIndex, peer: ImportPeer): ImportPolicy {
      const policy = compileOrReject(config.importPolicy[FAMILY_NAMES[family]], options);
      return new PeerImportPolicy(tables, options, editor, policy, family, peer);
    },
  };
}

function compileOrReject(policy: Policy, options: ImportOptions): CompiledPolicy {
  const result = compilePolicy(policy, 'import');
  if (result.ok) return result.policy;
  for (const problem of result.problems) options.onProblem(formatProblem(problem));
  const rejecting = compilePolicy({ ...REJECT_ALL, name: policy.name }, 'import');
  if (!rejecting.ok) throw new Error('a policy without statements always compiles');
  return rejecting.policy;
}

class PeerImportPolicy implements ImportPolicy {
  readonly acceptsAll: boolean;
  readonly dependsOnPrefix: boolean;
  preference = -1;
  readonly #tables: ImportTables;
  readonly #honoursGracefulShutdown: boolean;
  readonly #editor: AttributeEditor;
  readonly #policy: CompiledPolicy;
  readonly #family: FamilyIndex;
  readonly #peer: ImportPeer;
  readonly #context: EvaluationContext;
  readonly #cache: SetCache;
  readonly #isCacheable: boolean;
  /** The session that the cache is good for; its tag. */
  #session: NegotiatedSession | null = null;
  #tag = 1;

  constructor(
    tables: ImportTables,
    options: ImportOptions,
    editor: AttributeEditor,
    policy: CompiledPolicy,
    family: FamilyIndex,
    peer: ImportPeer,
  ) {
    this.#tables = tables;
    this.#honoursGracefulShutdown = options.honoursGracefulShutdown && !peer.isInternal;
    this.#editor = editor;
    this.#policy = policy;
    this.#family = family;
    this.#peer = peer;
    this.#cache = new SetCache(tables.sets);
    this.#isCacheable = isCacheable(policy);
    this.#context = new EvaluationContext({
      store: tables.sets,
      nextHops: tables.nextHops,
      interfaceName: (index) => options.interfaceName(index),
      peerName: (index) => tables.peers.nameOf(index),
    });
    this.#context.family = family;
    this.#context.sourcePeer = peer.peer;
    this.#context.isInternal = peer.isInternal;
    // External paths may need OTC or the graceful shutdown rule whatever the policy says.
    this.acceptsAll = policy.acceptsAll && peer.isInternal;
    this.dependsOnPrefix = policy.dependsOnPrefix;
  }

  get statement(): string {
    const index = this.#context.statement;
    return index < 0 ? '' : this.#policy.statements[index].name;
  }

  evaluate(a: number, b: number, c: number, d: number, length: number, set: SetHandle): SetHandle {
    const session = this.#tables.peers.get(this.#peer.peer)?.session ?? null;
    if (session !== this.#session) {
      this.#session = session;
      this.#tag++;
    }
    const cache = this.#cache;
    if (this.#isCacheable && cache.find(set, this.#tag, 0)) {
      this.preference = (cache.detail & 0xffff) - 1;
      this.#context.statement = (cache.detail >>> 16) - 1;
      return cache.value;
    }
    this.#load(a, b, c, d, length, set);
    const context = this.#context;
    const verdict = evaluate(this.#policy, context);
    this.preference = verdict === VERDICT_ACCEPT ? context.preference : -1;
    if (!this.#isCacheable) {
      if (verdict !== VERDICT_ACCEPT) return 0;
      if (cache.find(set, this.#tag, context.program)) return cache.value;
      const edited = this.#edit();
      cache.put(set, this.#tag, context.program, edited, 0);
      return edited;
    }
    const value = verdict === VERDICT_ACCEPT ? this.#edit() : 0;
    cache.put(set, this.#tag, 0, value, ((context.statement + 1) << 16) | (this.preference + 1));
    return value;
  }

  explain(a: number, b: number, c: number, d: number, length: number, set: SetHandle): PolicyExplanation {
    this.#load(a, b, c, d, length, set);
    return explainPolicy(this.#policy, this.#context);
  }

  #load(a: number, b: number, c: number, d: number, length: number, set: SetHandle): void {
    const context = this.#context;
    context.a = a;
    context.b = b;
    context.c = c;
    context.d = d;
    context.length = length;
    context.set = set;
  }

  /** The set that the accepted route goes on with: the same one when nothing changes. */
  #edit(): SetHandle {
    const { context, policy, editor } = { context: this.#context, policy: this.#policy, editor: this.#editor };
    const needsOtc = this.#needsOnlyToCustomer(context.set);
    const isShutDown = this.#honoursGracefulShutdown && carriesCommunity(policy, GRACEFUL_SHUTDOWN, context);
    if (context.program === 0 && !needsOtc && !isShutDown) return context.set;
    editor.begin(context.set);
    applyCommunityEdits(policy, context.program, editor);
    if (needsOtc) editor.setOnlyToCustomer(this.#peer.peerAs);
    if (isShutDown) editor.setLocalPref(0);
    else if (context.hasNewLocalPref) editor.setLocalPref(context.localPref);
    if (context.hasNewMed) {
      if (context.med < 0) editor.remove(ATTRIBUTE_MULTI_EXIT_DISC);
      else editor.setMed(context.med);
    }
    if (context.frontCount > 0) editor.rewriteAsPath(context.front, context.frontCount, false, false, 0);
    if (!this.#writeNextHop()) return 0;
    return editor.finish();
  }

  #needsOnlyToCustomer(set: SetHandle): boolean {
    const local = this.#session?.role?.local;
    if (this.#peer.isInternal || (local !== 'customer' && local !== 'peer' && local !== 'rs-client')) return false;
    return (this.#tables.sets.flags[set] & SET_HAS_OTC) === 0;
  }

  /** False when the wanted next hop cannot be one of this family. */
  #writeNextHop(): boolean {
    const context = this.#context;
    let address: IpAddress | null = null;
    if (context.nextHopAction === NEXT_HOP_ADDRESS) address = context.nextHopAddress;
    else if (context.nextHopAction === NEXT_HOP_PEER)
      address = this.#tables.peers.get(this.#peer.peer)?.ends?.peerAddress ?? null;
    if (address === null) return true;
    if (address.family === FAMILY_IPV4) {
      if (this.#family !== FAMILY_IPV4) return false;
      this.#editor.setIpv4NextHop(address.a);
    } else {
      this.#editor.setIpv6NextHop(FAMILY_AFI[this.#family], address.a, address.b, address.c, address.d, 0, 0);
    }
    return true;
  }
}
