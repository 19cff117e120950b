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

import { compareConfigs } from '../bgp/fsm/config-change.ts';
import type { DesiredPeer, DesiredState, ListenAddress, OriginatedRoute } from './desired-state.ts';

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
  /** The session cannot go on with the new values: it ends and starts anew. */
  | Described<'peer-restart', { readonly peer: DesiredPeer; readonly fields: readonly string[] }>
  /** Values that the running session takes over. */
  | Described<'peer-adjust', { readonly peer: DesiredPeer; readonly fields: readonly string[] }>
  /** What the peer's routes are allowed to do. */
  | Described<'peer-policy', { readonly peer: DesiredPeer; readonly fields: readonly string[] }>
  | Described<'kernel', { readonly kernel: DesiredState['kernel']; readonly fields: readonly string[] }>
  | Described<'decision', { readonly decision: DesiredState['decision'] }>
  | Described<'log-level', { readonly logLevel: DesiredState['logLevel'] }>
  | Described<'identity', { readonly identity: Identity }>
  | Described<'metadata', { readonly metadata: Metadata }>;

/** Who we are. Sessions carry their own copy of it and are restarted by their own changes. */
export type Identity = Pick<DesiredState, 'routerId' | 'localAs'>;
/** What only describes the state. */
export type Metadata = Pick<DesiredState, 'revision' | 'incomplete' | 'nodeName' | 'conditions'>;

/** Equality of plain data. Policies are shared between sessions, so the same object is the usual case. */
function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && same(Reflect.get(a, name), Reflect.get(b, name)))
  );
}

/**
 * `same` that remembers its answers, for one diff: thousands of sessions share a few policy objects, and comparing
 * each pair of policies once is enough.
 */
function rememberingSame(): (a: object, b: object) => boolean {
  const answers = new WeakMap<object, WeakMap<object, boolean>>();
  return (a, b) => {
    if (a === b) return true;
    let known = answers.get(a);
    if (known === undefined) {
      known = new WeakMap();
      answers.set(a, known);
    }
    let answer = known.get(b);
    if (answer === undefined) {
      answer = same(a, b);
      known.set(b, answer);
    }
    return answer;
  };
}

function changedFields<T extends object>(a: T, b: T, names: readonly (keyof T & string)[]): (keyof T & string)[] {
  return names.filter((name) => !same(a[name], b[name]));
}

type ObjectComparison = (a: object, b: object) => boolean;

function changedPolicyFields(a: DesiredPeer['policy'], b: DesiredPeer['policy'], isSame: ObjectComparison): string[] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])] as (keyof DesiredPeer['policy'])[];
  return names.filter((name) => {
    const before = a[name];
    const after = b[name];
    if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) {
      return !Object.is(before, after);
    }
    return !(
      isSame(before['ipv4-unicast'], after['ipv4-unicast']) && isSame(before['ipv6-unicast'], after['ipv6-unicast'])
    );
  });
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
  const before = new Map(running.originated.map((route) => [route.prefix, route]));
  const after = new Map(desired.originated.map((route) => [route.prefix, route]));
  for (const route of desired.originated) {
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
  for (const { prefix, origin } of running.originated) {
    if (after.has(prefix)) continue;
    const reason = `no longer originate ${prefix} for ${origin}`;
    plan.routesRemoved.push({ kind: 'originate-remove', impact: 'soft', reason, prefix });
  }
}

/** Addresses of peers that a session comes up with that did not run there under that name before. */
function addressesTaken(before: ReadonlyMap<string, DesiredPeer>, desired: DesiredState): Set<string> {
  const taken = new Set<string>();
  for (const { session } of desired.peers) {
    const old = before.get(session.name)?.session;
    const isThere =
      old?.enabled === true && old.peerAddress === session.peerAddress && old.peerPort === session.peerPort;
    if (session.enabled && !isThere) taken.add(session.peerAddress);
  }
  return taken;
}

function planChangedPeer(
  plan: Plan,
  old: DesiredPeer,
  peer: DesiredPeer,
  taken: ReadonlySet<string>,
  isSame: ObjectComparison,
): void {
  const { name } = peer.session;
  // Which field ends a session is for the session machine to say (bgp/fsm/config-change.ts).
  const { fields: changed, resetFields: restart } = compareConfigs(old.session, peer.session);
  const policy = changedPolicyFields(old.policy, peer.policy, isSame);
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

function planPeers(plan: Plan, running: DesiredState, desired: DesiredState): void {
  const isSame = rememberingSame();
  const before = new Map(running.peers.map((peer) => [peer.session.name, peer]));
  const after = new Map(desired.peers.map((peer) => [peer.session.name, peer]));
  const taken = addressesTaken(before, desired);
  const leaving = new Map<string, DesiredPeer[]>();
  for (const peer of running.peers) {
    if (after.has(peer.session.name)) continue;
    const address = peer.session.peerAddress;
    leaving.set(address, [...(leaving.get(address) ?? []), peer]);
  }
  for (const peer of desired.peers) {
    const { name, peerAddress } = peer.session;
    const old = before.get(name);
    if (old !== undefined) {
      planChangedPeer(plan, old, peer, taken, isSame);
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
