/**
 * From what runs to what should run: a list of changes, each labelled with what it costs, in an order that loses
 * nothing on the way. Pure: the speaker applies the changes, this decides them.
 *
 * - `hitless`: no session and no route that stays notices.
 * - `soft`: routes are evaluated anew, sessions stay (RFC 2918 where a peer's routes are needed again).
 * - `reset`: one session ends or starts anew.
 *
 * Order (make before break): what is new comes first (listening sockets, originated routes, peers), then what changes
 * policy, then what restarts, then what goes, in the reverse order of how it came; what only describes the state last.
 * Except where the old is in the way of the new: the other end knows one peer by our address, so a session that gives
 * way to another with the same peer ends first, or the two are one single change.
 */

import { type ConfigChange, compareConfigs } from '../bgp/fsm/config-change.ts';
import type { DesiredPeer, DesiredState, ListenAddress, OriginatedRoute } from './desired-state.ts';
import { same } from './same.ts';

export type Impact = 'hitless' | 'soft' | 'reset';

type Described<K extends string, Content> = Content & {
  readonly kind: K;
  readonly impact: Impact;
  /** What and why, for people. */
  readonly reason: string;
};

export type Change =
  | Described<'listen-add' | 'listen-remove', { readonly listen: ListenAddress }>
  | Described<'originate-add' | 'originate-replace', { readonly route: OriginatedRoute }>
  | Described<'originate-remove', { readonly prefix: string }>
  | Described<'peer-add', { readonly peer: DesiredPeer }>
  | Described<'peer-remove', { readonly name: string }>
  /** Another peer takes over the address of the one named `replaced`. */
  | Described<'peer-replace', { readonly replaced: string; readonly peer: DesiredPeer }>
  /** The running session of the one named `replaced` goes on as this peer's: to the other end they are the same. */
  | Described<
      'peer-rename',
      { readonly replaced: string; readonly peer: DesiredPeer; readonly fields: readonly string[] }
    >
  /** The session cannot go on with the new values: it ends and starts anew. */
  | Described<'peer-restart', { readonly peer: DesiredPeer; readonly fields: readonly string[] }>
  /** Values that the running session takes over. */
  | Described<'peer-adjust', { readonly peer: DesiredPeer; readonly fields: readonly string[] }>
  /** What the peer's routes are allowed to do. */
  | Described<'peer-policy', { readonly peer: DesiredPeer; readonly fields: readonly string[] }>
  | Described<'kernel', { readonly kernel: DesiredState['kernel']; readonly fields: readonly string[] }>
  | Described<'decision', { readonly decision: DesiredState['decision'] }>
  /** To be drained, and why; null: no longer. */
  | Described<'drain', { readonly drain: string | null }>
  | Described<'log-level', { readonly logLevel: DesiredState['logLevel'] }>
  | Described<'identity', { readonly identity: Identity }>
  | Described<'metadata', { readonly metadata: Metadata }>;

/** Who we are. Sessions carry their own copy of it and are restarted by their own changes. */
export type Identity = Pick<DesiredState, 'routerId' | 'localAs'>;
/** What only describes the state. */
export type Metadata = Pick<DesiredState, 'revision' | 'incomplete' | 'nodeName' | 'conditions'>;

interface Differing<T> {
  readonly before: readonly T[];
  readonly after: readonly T[];
}

/**
 * What differs between two lists, element by element: whoever made them keeps the elements that nothing happened to,
 * so that only the others need be looked into. The order of the lists does not matter for the result.
 */
function differing<T extends object>(before: readonly T[], after: readonly T[]): Differing<T> {
  if (before === after) return { before: [], after: [] };
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start++;
  let end = 0;
  while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  let old = before.slice(start, before.length - end);
  let now = after.slice(start, after.length - end);
  if (old.length === now.length) {
    // Nothing came or went, as far as one can see: most are still at their places.
    const [oldAligned, nowAligned] = [old, now];
    old = oldAligned.filter((one, i) => one !== nowAligned[i]);
    now = nowAligned.filter((one, i) => one !== oldAligned[i]);
  }
  const oldOnes = new Set(old);
  const nowOnes = new Set(now);
  return { before: old.filter((one) => !nowOnes.has(one)), after: now.filter((one) => !oldOnes.has(one)) };
}

function changedFields<T extends object>(a: T, b: T, names: readonly (keyof T & string)[]): (keyof T & string)[] {
  return names.filter((name) => !same(a[name], b[name]));
}

type PolicyComparison = (a: DesiredPeer['policy'], b: DesiredPeer['policy']) => readonly string[];

/** Names of fields that differ, remembered for one diff: thousands of sessions share a few policy objects. */
function policyComparison(): PolicyComparison {
  const answers = new Map<object, Map<object, readonly string[]>>();
  return (a, b) => {
    if (a === b) return [];
    let known = answers.get(a);
    if (known === undefined) {
      known = new Map();
      answers.set(a, known);
    }
    let fields = known.get(b);
    if (fields === undefined) {
      const names = [...new Set([...Object.keys(a), ...Object.keys(b)])] as (keyof DesiredPeer['policy'])[];
      fields = changedFields(a, b, names);
      known.set(b, fields);
    }
    return fields;
  };
}

/** Steps of one diff, gathered by when their turn is. */
class Plan {
  readonly inTheWay: Change[] = [];
  readonly added: Change[] = [];
  readonly routesAdded: Change[] = [];
  readonly givingWay: Change[] = [];
  readonly peersAdded: Change[] = [];
  readonly policies: Change[] = [];
  readonly restarted: Change[] = [];
  readonly peersRemoved: Change[] = [];
  readonly routesRemoved: Change[] = [];
  readonly removed: Change[] = [];
  readonly described: Change[] = [];

  inOrder(): Change[] {
    return [
      ...this.inTheWay,
      ...this.added,
      ...this.routesAdded,
      ...this.givingWay,
      ...this.peersAdded,
      ...this.policies,
      ...this.restarted,
      ...this.peersRemoved,
      ...this.routesRemoved,
      ...this.removed,
      ...this.described,
    ];
  }
}

function planListen(plan: Plan, running: DesiredState, desired: DesiredState): void {
  const key = (listen: ListenAddress): string => `${listen.address} ${listen.port}`;
  const before = new Set(running.listen.map(key));
  const after = new Set(desired.listen.map(key));
  for (const listen of desired.listen) {
    if (before.has(key(listen))) continue;
    const reason = `listen on ${listen.address} port ${listen.port}`;
    plan.added.push({ kind: 'listen-add', impact: 'hitless', reason, listen });
  }
  for (const listen of running.listen) {
    if (after.has(key(listen))) continue;
    const reason = `no longer listen on ${listen.address} port ${listen.port}; accepted connections stay`;
    // Linux does not let a wildcard address and another of the family share a port: the old one has to go first.
    const isInTheWay = desired.listen.some(
      (other) => other.port === listen.port && other.address.includes(':') === listen.address.includes(':'),
    );
    const turn = isInTheWay ? plan.inTheWay : plan.removed;
    turn.push({ kind: 'listen-remove', impact: 'hitless', reason, listen });
  }
}

function planOriginated(plan: Plan, running: DesiredState, desired: DesiredState): void {
  const changed = differing(running.originated, desired.originated);
  const before = new Map(changed.before.map((route) => [route.prefix, route]));
  const after = new Set(changed.after.map((route) => route.prefix));
  for (const route of changed.after) {
    const old = before.get(route.prefix);
    if (old === undefined) {
      const reason = `originate ${route.prefix} for ${route.origin}`;
      plan.routesAdded.push({ kind: 'originate-add', impact: 'soft', reason, route });
    } else if (!same(old, route)) {
      const isOnlyOrigin = same({ ...old, origin: route.origin }, route);
      const impact = isOnlyOrigin ? 'hitless' : 'soft';
      const reason = `${route.prefix} is now for ${route.origin}`;
      plan.routesAdded.push({ kind: 'originate-replace', impact, reason, route });
    }
  }
  for (const { prefix, origin } of changed.before) {
    if (after.has(prefix)) continue;
    const reason = `no longer originate ${prefix} for ${origin}`;
    plan.routesRemoved.push({ kind: 'originate-remove', impact: 'soft', reason, prefix });
  }
}

/** Addresses of peers that a session comes up with that did not run there under that name before. */
function addressesTaken(before: ReadonlyMap<string, DesiredPeer>, after: readonly DesiredPeer[]): Set<string> {
  const taken = new Set<string>();
  for (const { session } of after) {
    const old = before.get(session.name)?.session;
    const isThere =
      old?.enabled === true && old.peerAddress === session.peerAddress && old.peerPort === session.peerPort;
    if (session.enabled && !isThere) taken.add(session.peerAddress);
  }
  return taken;
}

const UNCHANGED: Pick<ConfigChange, 'fields' | 'resetFields'> = { fields: [], resetFields: [] };

function planChangedPeer(
  plan: Plan,
  old: DesiredPeer,
  peer: DesiredPeer,
  taken: ReadonlySet<string>,
  comparePolicies: PolicyComparison,
): void {
  const { name } = peer.session;
  const policy = comparePolicies(old.policy, peer.policy);
  // Which field ends a session is for the session machine to say (bgp/fsm/config-change.ts).
  const { fields: changed, resetFields: restart } =
    old.session === peer.session ? UNCHANGED : compareConfigs(old.session, peer.session);
  if (restart.length > 0) {
    // A session that is down on both sides of the change has nothing to lose.
    const impact = old.session.enabled ? 'reset' : 'hitless';
    const fields = [...changed, ...policy];
    const reason = `${name}: ${restart.join(', ')} can only change with a new session`;
    const givesWay = old.session.enabled && !peer.session.enabled && taken.has(old.session.peerAddress);
    const turn = givesWay ? plan.givingWay : plan.restarted;
    turn.push({ kind: 'peer-restart', impact, reason, peer, fields });
    return;
  }
  if (changed.length > 0) {
    const reason = `${name}: ${changed.join(', ')} taken over by the running session`;
    // The policy is still the old one at this step, so that each change does what its label says.
    const adjusted = { session: peer.session, policy: old.policy };
    plan.policies.push({ kind: 'peer-adjust', impact: 'hitless', reason, peer: adjusted, fields: changed });
  }
  if (policy.length > 0) {
    const reason = `${name}: ${policy.join(', ')} evaluated anew`;
    plan.policies.push({ kind: 'peer-policy', impact: 'soft', reason, peer, fields: policy });
  }
}

const NONE_TAKEN: ReadonlySet<string> = new Set();

/** Peers at the same place with the same session are dealt with at once: a rule that changes changes all of them. */
function withoutSameSessions(
  changed: Differing<DesiredPeer>,
  deal: (old: DesiredPeer, peer: DesiredPeer) => void,
): Differing<DesiredPeer> {
  const { before, after } = changed;
  if (before.length !== after.length) return changed;
  const isSame = (i: number): boolean => before[i].session === after[i].session;
  for (let i = 0; i < after.length; i++) if (isSame(i)) deal(before[i], after[i]);
  return { before: before.filter((_, i) => !isSame(i)), after: after.filter((_, i) => !isSame(i)) };
}

/** Running sessions that are to end, by the address of their peer. */
function endingSessions(changed: Differing<DesiredPeer>): Map<string, DesiredPeer[]> {
  const after = new Map(changed.after.map((peer) => [peer.session.name, peer]));
  const ending = new Map<string, DesiredPeer[]>();
  for (const peer of changed.before) {
    const { name, peerAddress, enabled } = peer.session;
    if (!enabled || after.get(name)?.session.enabled === true) continue;
    const others = ending.get(peerAddress);
    if (others === undefined) ending.set(peerAddress, [peer]);
    else others.push(peer);
  }
  return ending;
}

/**
 * Where a session gives way to another one that the other end could not tell from it (an explicit peering takes the place
 * of the mesh, or gives it back), nothing need end: the running session goes on under the other name. What remains to be
 * planned is returned.
 */
function planTakeovers(
  plan: Plan,
  changed: Differing<DesiredPeer>,
  comparePolicies: PolicyComparison,
): Differing<DesiredPeer> {
  const ending = endingSessions(changed);
  if (ending.size === 0) return changed;
  const before = new Map(changed.before.map((peer) => [peer.session.name, peer]));
  const after = new Map(changed.after.map((peer) => [peer.session.name, peer]));
  const planned = new Set<DesiredPeer | undefined>();
  for (const peer of changed.after) {
    const { name, peerAddress, enabled } = peer.session;
    const waiting = before.get(name);
    if (!enabled || waiting?.session.enabled === true) continue;
    const candidates = ending.get(peerAddress) ?? [];
    const at = candidates.findIndex((one) => compareConfigs(one.session, peer.session).resetFields.length === 0);
    if (at < 0) continue;
    const [old] = candidates.splice(at, 1);
    const replaced = old.session.name;
    const resting = after.get(replaced);
    for (const one of [peer, waiting, old, resting]) planned.add(one);
    if (waiting !== undefined) {
      const reason = `${name} was kept down and makes room for the session that gets its name`;
      plan.policies.push({ kind: 'peer-remove', impact: 'hitless', reason, name });
    }
    const policy = comparePolicies(old.policy, peer.policy);
    const changedFields = compareConfigs(old.session, peer.session).fields.filter((field) => field !== 'name');
    const fields = [...changedFields, ...policy];
    const reason = `${name} goes on with the session of ${replaced}`;
    plan.policies.push({
      kind: 'peer-rename',
      impact: policy.length > 0 ? 'soft' : 'hitless',
      reason,
      replaced,
      peer,
      fields,
    });
    if (resting !== undefined) {
      const why = `${replaced} is kept down from now on`;
      plan.policies.push({ kind: 'peer-add', impact: 'hitless', reason: why, peer: resting });
    }
  }
  return {
    before: changed.before.filter((peer) => !planned.has(peer)),
    after: changed.after.filter((peer) => !planned.has(peer)),
  };
}

function planPeers(plan: Plan, running: DesiredState, desired: DesiredState): void {
  const comparePolicies = policyComparison();
  const different = withoutSameSessions(differing(running.peers, desired.peers), (old, peer) =>
    planChangedPeer(plan, old, peer, NONE_TAKEN, comparePolicies),
  );
  // Policies of a stand-alone file may name peers; Calico's never do.
  const isCalico = running.nodeName !== null && desired.nodeName !== null;
  const changed = isCalico ? planTakeovers(plan, different, comparePolicies) : different;
  const before = new Map(changed.before.map((peer) => [peer.session.name, peer]));
  const after = new Set(changed.after.map((peer) => peer.session.name));
  const taken = addressesTaken(before, changed.after);
  const leaving = new Map<string, DesiredPeer[]>();
  for (const peer of changed.before) {
    if (after.has(peer.session.name)) continue;
    const address = peer.session.peerAddress;
    leaving.set(address, [...(leaving.get(address) ?? []), peer]);
  }
  for (const peer of changed.after) {
    const { name, peerAddress } = peer.session;
    const old = before.get(name);
    if (old !== undefined) {
      planChangedPeer(plan, old, peer, taken, comparePolicies);
      continue;
    }
    const replaced = leaving.get(peerAddress)?.shift();
    if (replaced === undefined) {
      const reason = `new peer ${name}: ${peer.session.description || peerAddress}`;
      plan.peersAdded.push({ kind: 'peer-add', impact: 'hitless', reason, peer });
    } else {
      const reason = `${name} takes over ${peerAddress} from ${replaced.session.name}`;
      const impact = replaced.session.enabled ? 'reset' : 'hitless';
      plan.restarted.push({ kind: 'peer-replace', impact, reason, replaced: replaced.session.name, peer });
    }
  }
  for (const { session } of [...leaving.values()].flat()) {
    const impact = session.enabled ? 'reset' : 'hitless';
    const reason = `${session.name} is no longer configured`;
    const turn = taken.has(session.peerAddress) ? plan.givingWay : plan.peersRemoved;
    turn.push({ kind: 'peer-remove', impact, reason, name: session.name });
  }
}

function planRest(plan: Plan, running: DesiredState, desired: DesiredState): void {
  const kernelFields = changedFields(
    running.kernel,
    desired.kernel,
    Object.keys(desired.kernel) as (keyof DesiredState['kernel'])[],
  );
  if (kernelFields.length > 0) {
    const reason = `kernel: ${kernelFields.join(', ')}`;
    plan.policies.push({ kind: 'kernel', impact: 'soft', reason, kernel: desired.kernel, fields: kernelFields });
  }
  if (!same(running.decision, desired.decision)) {
    const reason = 'rules of the decision process: best paths are chosen anew';
    plan.policies.push({ kind: 'decision', impact: 'soft', reason, decision: desired.decision });
  }
  const { routerId, localAs, logLevel } = desired;
  if (running.routerId !== routerId || running.localAs !== localAs) {
    const reason = `router id ${routerId}, AS ${localAs}: best paths are chosen anew`;
    plan.policies.push({ kind: 'identity', impact: 'soft', reason, identity: { routerId, localAs } });
  }
  if (running.drain !== desired.drain) {
    const drain = desired.drain ?? null;
    const reason = drain === null ? 'no longer drained' : `drained: ${drain}`;
    plan.policies.push({ kind: 'drain', impact: 'soft', reason, drain });
  }
  if (running.logLevel !== logLevel) {
    plan.described.push({ kind: 'log-level', impact: 'hitless', reason: `log level ${logLevel}`, logLevel });
  }
  const metadata = metadataOf(desired);
  if (!same(metadataOf(running), metadata)) {
    const reason = `revision ${desired.revision}, ${desired.conditions.length} conditions`;
    plan.described.push({ kind: 'metadata', impact: 'hitless', reason, metadata });
  }
}

function metadataOf(state: DesiredState): Metadata {
  const { revision, incomplete, nodeName, conditions } = state;
  return incomplete === undefined ? { revision, nodeName, conditions } : { revision, incomplete, nodeName, conditions };
}

/** The changes that lead from `running` to `desired`, in the order in which they are to be applied. */
export function diff(running: DesiredState, desired: DesiredState): Change[] {
  const plan = new Plan();
  planListen(plan, running, desired);
  planOriginated(plan, running, desired);
  planPeers(plan, running, desired);
  planRest(plan, running, desired);
  return plan.inOrder();
}
