/**
 * Next-hop objects of ours (linux/nexthop.h): routes with the same next hops name one group by number instead of
 * repeating its hops, so that a hundred thousand routes change their next hops with one request (shared-moves.ts). Pure
 * bookkeeping: what is in the kernel, which routes use it, which requests are needed.
 *
 * A route always names a group, also with one hop: the kernel replaces a group by a group only. Groups have members, one
 * object for each hop. Numbers are 0x5TTTnnnn, TTT being the low 12 bits of the table's number, so that speakers with
 * tables of their own do not take each other's objects for theirs. What no route uses is deleted.
 */

import { FAMILY_IPV6, type FamilyIndex } from '../../bgp/family.ts';
import { formatAddress } from '../../bgp/ip.ts';
import type { FibEntry, FibHop } from './fib.ts';
import type { DecodedNextHop, GroupMember } from './netlink/next-hop.ts';
import { joinsSiblings, type RouteContent } from './route-plan.ts';

/** Objects of one table. Routes that would need more are written with their hops. */
const MAX_OBJECTS = 0xffff;
/** Unused objects deleted in one batch. */
const DELETIONS_PER_BATCH = 500;

export interface NextHopMember {
  readonly id: number;
  readonly key: string;
  readonly hop: FibHop;
  /** Groups that name it. */
  groups: number;
}

export class NextHopGroup {
  readonly id: number;
  key: string;
  hops: readonly FibHop[];
  members: readonly NextHopMember[];
  /** Installed routes that name it. */
  routes = 0;
  readonly #contents = new Map<number, ObjectRoute>();

  constructor(id: number, key: string, hops: readonly FibHop[], members: readonly NextHopMember[]) {
    this.id = id;
    this.key = key;
    this.hops = hops;
    this.members = members;
  }

  /** A route through the group; one object for each metric. */
  routeWith(metric: number): ObjectRoute {
    let content = this.#contents.get(metric);
    if (content === undefined) {
      content = new ObjectRoute(this, metric);
      this.#contents.set(metric, content);
    }
    return content;
  }
}

/** A route that names a group: its hops are those of the group, now. */
export class ObjectRoute implements RouteContent {
  readonly type = 'unicast';
  readonly group: NextHopGroup;
  readonly metric: number;

  constructor(group: NextHopGroup, metric: number) {
    this.group = group;
    this.metric = metric;
  }

  get hops(): readonly FibHop[] {
    return this.group.hops;
  }

  get nextHopId(): number {
    return this.group.id;
  }
}

/** A request to the kernel about objects. */
export type ObjectChange =
  | { readonly kind: 'create-member'; readonly member: NextHopMember }
  | { readonly kind: 'create-group'; readonly group: NextHopGroup }
  | { readonly kind: 'retarget'; readonly group: NextHopGroup }
  | { readonly kind: 'delete'; readonly id: number };

export class NextHopObjects {
  /** False: no new objects are made; those of an earlier run are still understood, and go when nobody uses them. */
  isEnabled = false;
  readonly #base: number;
  readonly #protocol: number;
  readonly #groups = new Map<number, NextHopGroup>();
  readonly #groupsByKey = new Map<string, NextHopGroup>();
  readonly #members = new Map<number, NextHopMember>();
  readonly #membersByKey = new Map<string, NextHopMember>();
  /** Every object that the kernel has, others' too. */
  readonly #known = new Map<number, DecodedNextHop>();
  /** Contents that the kernel would not have as objects, until the next attempt. */
  readonly #refused = new Set<string>();
  #groupsByHops = new WeakMap<readonly FibHop[], NextHopGroup>();
  #lastNumber = 0;

  constructor(table: number, protocol: number) {
    this.#base = 0x50000000 + (table & 0xfff) * 0x10000;
    this.#protocol = protocol;
  }

  get count(): number {
    return this.#groups.size + this.#members.size;
  }

  /** The route as it is to be written: through a group, which is made when there is none yet, or with its own hops. */
  contentFor(
    family: FamilyIndex,
    entry: FibEntry,
    have: RouteContent | null,
    emit: (change: ObjectChange) => void,
  ): RouteContent {
    if (!this.isEnabled || entry.type !== 'unicast') return entry;
    // An IPv6 deletion by hops may hit a route through an object instead: the two kinds are never mixed there.
    if (family === FAMILY_IPV6 && have !== null && joinsSiblings(have)) return entry;
    let group = this.#groupsByHops.get(entry.hops);
    if (group === undefined || group.hops !== entry.hops || this.#groups.get(group.id) !== group) {
      const key = hopsKey(entry.hops);
      if (key === null || this.#refused.has(key)) return entry;
      group = this.#groupsByKey.get(key) ?? this.#createGroup(key, entry.hops, emit) ?? undefined;
      if (group === undefined) return entry;
      // The same content: comparisons are by identity from now on.
      group.hops = entry.hops;
      this.#groupsByHops.set(entry.hops, group);
    }
    return group.routeWith(entry.metric);
  }

  /** False: it was refused, or is gone. */
  has(group: NextHopGroup): boolean {
    return this.#groups.get(group.id) === group;
  }

  canHave(hops: readonly FibHop[]): boolean {
    const key = hopsKey(hops);
    return this.isEnabled && key !== null && !this.#refused.has(key);
  }

  /** Lets all routes of the group go these ways from now on; false when there are no numbers left. */
  retarget(group: NextHopGroup, hops: readonly FibHop[], emit: (change: ObjectChange) => void): boolean {
    const key = hopsKey(hops);
    if (key === null) return false;
    const members = this.#membersFor(hops, emit);
    if (members === null) return false;
    this.#setTarget(group, key, hops, members);
    emit({ kind: 'retarget', group });
    return true;
  }

  /** The kernel refused a change: nothing of it is there. */
  failed(change: ObjectChange): void {
    if (change.kind === 'create-member') {
      this.#forgetMember(change.member);
    } else if (change.kind === 'create-group') {
      this.#refused.add(change.group.key);
      this.#forgetGroup(change.group);
    }
  }

  /** Something changed: what was refused may work now. */
  retryRefused(): void {
    this.#refused.clear();
  }

  /** Asks for the deletion of objects that nothing uses. */
  collectGarbage(emit: (change: ObjectChange) => void): void {
    let left = DELETIONS_PER_BATCH;
    for (const group of this.#groups.values()) {
      if (group.routes > 0 || left-- <= 0) continue;
      this.#forgetGroup(group);
      emit({ kind: 'delete', id: group.id });
    }
    for (const member of this.#members.values()) {
      if (member.groups > 0 || left-- <= 0) continue;
      this.#forgetMember(member);
      emit({ kind: 'delete', id: member.id });
    }
  }

  get hasGarbage(): boolean {
    for (const group of this.#groups.values()) if (group.routes === 0) return true;
    for (const member of this.#members.values()) if (member.groups === 0) return true;
    return false;
  }

  /** The route through this object with this metric; null: it is not a group of ours. */
  routeThrough(id: number, metric: number): ObjectRoute | null {
    return this.#groups.get(id)?.routeWith(metric) ?? null;
  }

  /** Where the object leads, whoever made it; null: unknown, or nowhere. */
  hopsOf(id: number): FibHop[] | null {
    const object = this.#known.get(id);
    if (object === undefined) return null;
    if (object.hop !== null) return [object.hop];
    const hops: FibHop[] = [];
    for (const member of object.members ?? []) {
      const hop = this.#known.get(member.id)?.hop;
      if (hop !== undefined && hop !== null) hops.push({ ...hop, weight: member.weight });
    }
    return hops.length > 0 ? hops : null;
  }

  // What the kernel shows.

  beginScan(): void {
    this.#groups.clear();
    this.#groupsByKey.clear();
    this.#members.clear();
    this.#membersByKey.clear();
    this.#known.clear();
    this.#refused.clear();
    this.#groupsByHops = new WeakMap();
  }

  scanned(object: DecodedNextHop): void {
    this.#known.set(object.id, object);
  }

  /** All objects have been scanned: those in our range, under our protocol number, are ours. */
  endObjects(): void {
    for (const object of this.#known.values()) {
      if (!this.#isOurs(object) || object.hop === null) continue;
      const member = { id: object.id, key: hopKey(object.hop) ?? `${object.id}`, hop: object.hop, groups: 0 };
      this.#members.set(member.id, member);
      this.#membersByKey.set(member.key, member);
    }
    for (const object of this.#known.values()) {
      if (!this.#isOurs(object) || object.members === null) continue;
      const hops = this.hopsOf(object.id) ?? [];
      const members = object.members.flatMap(({ id }) => this.#members.get(id) ?? []);
      for (const member of members) member.groups++;
      const group = new NextHopGroup(object.id, hopsKey(hops) ?? `${object.id}`, hops, members);
      this.#groups.set(group.id, group);
      if (!this.#groupsByKey.has(group.key)) this.#groupsByKey.set(group.key, group);
    }
  }

  /** Somebody made or changed an object; true: it is (or was) one of ours. */
  changedByOthers(object: DecodedNextHop): boolean {
    this.#known.set(object.id, object);
    const group = this.#groups.get(object.id);
    if (group !== undefined) group.hops = this.hopsOf(object.id) ?? [];
    return group !== undefined || this.#members.has(object.id);
  }

  /** Somebody deleted an object; the group of ours that it was, and whether it was ours at all. */
  deletedByOthers(id: number): { readonly group: NextHopGroup | null; readonly isOurs: boolean } {
    this.#known.delete(id);
    const group = this.#groups.get(id) ?? null;
    if (group !== null) this.#forgetGroup(group);
    const member = this.#members.get(id);
    if (member !== undefined) this.#forgetMember(member);
    return { group, isOurs: group !== null || member !== undefined };
  }

  /**
   * The kernel has removed, without a word, the next hops on this interface, and the groups that had no others. Returns
   * those groups of ours.
   */
  interfaceLost(interfaceIndex: number): { readonly lost: NextHopGroup[]; readonly isConcerned: boolean } {
    const lost: NextHopGroup[] = [];
    let isConcerned = false;
    for (const { id, hop } of this.#known.values()) if (hop?.interfaceIndex === interfaceIndex) this.#known.delete(id);
    for (const group of this.#groups.values()) {
      const members = group.members.filter(({ hop }) => hop.interfaceIndex !== interfaceIndex);
      if (members.length === group.members.length) continue;
      isConcerned = true;
      if (members.length === 0) {
        lost.push(group);
        this.#known.delete(group.id);
        this.#forgetGroup(group);
      } else {
        const hops = group.hops.filter((hop) => hop.interfaceIndex !== interfaceIndex);
        this.#setTarget(group, hopsKey(hops) ?? `${group.id}`, hops, members);
      }
    }
    for (const member of this.#members.values()) {
      if (member.hop.interfaceIndex === interfaceIndex) this.#forgetMember(member);
    }
    return { lost, isConcerned };
  }

  #isOurs({ id, protocol }: DecodedNextHop): boolean {
    return protocol === this.#protocol && id > this.#base && id <= this.#base + MAX_OBJECTS;
  }

  #createGroup(key: string, hops: readonly FibHop[], emit: (change: ObjectChange) => void): NextHopGroup | null {
    const members = this.#membersFor(hops, emit);
    const id = members === null ? 0 : this.#freeId();
    if (members === null || id === 0) return null;
    const group = new NextHopGroup(id, key, hops, members);
    for (const member of members) member.groups++;
    this.#groups.set(id, group);
    this.#groupsByKey.set(key, group);
    this.#know(id, groupMembers(group));
    emit({ kind: 'create-group', group });
    return group;
  }

  #membersFor(hops: readonly FibHop[], emit: (change: ObjectChange) => void): NextHopMember[] | null {
    const members: NextHopMember[] = [];
    for (const hop of hops) {
      const key = hopKey(hop);
      if (key === null) return null;
      let member = this.#membersByKey.get(key);
      if (member === undefined) {
        const id = this.#freeId();
        if (id === 0) return null;
        member = { id, key, hop, groups: 0 };
        this.#members.set(id, member);
        this.#membersByKey.set(key, member);
        this.#known.set(id, { id, protocol: this.#protocol, hop, members: null });
        emit({ kind: 'create-member', member });
      }
      members.push(member);
    }
    return members;
  }

  #setTarget(group: NextHopGroup, key: string, hops: readonly FibHop[], members: readonly NextHopMember[]): void {
    for (const member of members) member.groups++;
    for (const member of group.members) member.groups--;
    if (this.#groupsByKey.get(group.key) === group) this.#groupsByKey.delete(group.key);
    group.key = key;
    group.hops = hops;
    group.members = members;
    if (!this.#groupsByKey.has(key)) this.#groupsByKey.set(key, group);
    this.#know(group.id, groupMembers(group));
  }

  #know(id: number, members: readonly GroupMember[]): void {
    this.#known.set(id, { id, protocol: this.#protocol, hop: null, members });
  }

  #forgetGroup(group: NextHopGroup): void {
    if (this.#groups.get(group.id) !== group) return;
    this.#groups.delete(group.id);
    this.#known.delete(group.id);
    if (this.#groupsByKey.get(group.key) === group) this.#groupsByKey.delete(group.key);
    for (const member of group.members) member.groups--;
  }

  #forgetMember(member: NextHopMember): void {
    this.#members.delete(member.id);
    this.#known.delete(member.id);
    if (this.#membersByKey.get(member.key) === member) this.#membersByKey.delete(member.key);
  }

  #freeId(): number {
    if (this.#known.size >= MAX_OBJECTS) return 0;
    for (let attempt = 0; attempt < MAX_OBJECTS; attempt++) {
      this.#lastNumber = (this.#lastNumber % MAX_OBJECTS) + 1;
      const id = this.#base + this.#lastNumber;
      if (!this.#known.has(id)) return id;
    }
    return 0;
  }
}

/** The members with their weights, as the kernel wants them said. */
export function groupMembers(group: NextHopGroup): GroupMember[] {
  return group.members.map(({ id, key }) => ({
    id,
    weight: group.hops.find((hop) => hopKey(hop) === key)?.weight ?? 1,
  }));
}

/** A hop as text, without its weight; null when it cannot be an object: those need a gateway and an interface. */
function hopKey({ gateway, interfaceIndex, onlink }: FibHop): string | null {
  if (gateway === null || interfaceIndex === 0) return null;
  return `${formatAddress(gateway)}%${interfaceIndex}${onlink ? ' onlink' : ''}`;
}

/** Hops as text, whatever their order; null when one of them cannot be an object. */
export function hopsKey(hops: readonly FibHop[]): string | null {
  const keys: string[] = [];
  for (const hop of hops) {
    const key = hopKey(hop);
    if (key === null) return null;
    keys.push(`${key} ${hop.weight}`);
  }
  return keys.length === 0 ? null : keys.sort().join(', ');
}
