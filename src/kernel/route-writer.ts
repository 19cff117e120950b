/**
 * Writes what OwnRoutes wants into the kernel: batches of requests, hundreds in one send, none of them acknowledged. The
 * kernel carries a batch out within the send and queues an error for each request that failed, so when the send returns
 * and the errors are read, everything else has succeeded. One batch is under way at a time; while a pool thread is in the
 * kernel with it, wishes go on changing here.
 */

import type { FamilyIndex } from '../../bgp/family.ts';
import { errnoName, errnoText } from '../net/syscalls.ts';
import type { FibCounters, FibEntry, FibFailure, FibFailureReason } from './fib.ts';
import {
  EACCES,
  EAGAIN,
  EEXIST,
  EHOSTUNREACH,
  EINTR,
  EINVAL,
  ENETDOWN,
  ENETUNREACH,
  ENOBUFS,
  ENODEV,
  ENOMEM,
  EPERM,
  ESRCH,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  RTM_DELROUTE,
  RTM_NEWROUTE,
} from './netlink/constants.ts';
import { decodeError, type NetlinkError, NetlinkReader, NetlinkWriter } from './netlink/message.ts';
import { encodeNextHop, encodeNextHopDeletion, encodeNextHopGroup, nextHopMessageOctets } from './netlink/next-hop.ts';
import { encodeRoute, type RouteOwner, routeMessageOctets } from './netlink/route.ts';
import type { NetlinkPort } from './netlink/socket.ts';
import { groupMembers, type NextHopObjects, type ObjectChange, ObjectRoute } from './next-hop-objects.ts';
import { LEFTOVERS_PER_PLAN, type OwnRoutes } from './own-routes.ts';
import type { Operation, RouteContent } from './route-plan.ts';
import { planSharedMoves, type SharedMove } from './shared-moves.ts';

/** The top bit belongs to dumps (fib-netlink.ts). */
const SEQUENCE_MASK = 0x7fffffff;
/** A batch ends behind the prefix that crosses this: about four thousand IPv4 routes, 20 ms of the kernel's time. */
const BATCH_OCTETS = 240 * 1024;
/** Room for the largest plan of one prefix: three requests with 256 hops each, sixteen leftovers to delete, objects. */
const PLAN_OCTETS = (3 + LEFTOVERS_PER_PLAN) * routeMessageOctets(256) + 258 * nextHopMessageOctets(1);
/** What the writer needs of a socket. */
export type RequestSocket = Pick<NetlinkPort, 'send' | 'receiveNow' | 'received'>;

const REASONS: ReadonlyMap<number, FibFailureReason> = new Map([
  [EEXIST, 'foreign-route-exists'],
  [ENETUNREACH, 'gateway-unreachable'],
  [EHOSTUNREACH, 'gateway-unreachable'],
  [EINVAL, 'gateway-unreachable'],
  [ENETDOWN, 'interface-unusable'],
  [ENODEV, 'interface-unusable'],
  [ENOMEM, 'out-of-memory'],
  [ENOBUFS, 'out-of-memory'],
  [EPERM, 'not-permitted'],
  [EACCES, 'not-permitted'],
]);

const FLAGS: Readonly<Record<Operation['kind'], number>> = {
  create: NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL,
  append: NLM_F_REQUEST | NLM_F_CREATE | NLM_F_APPEND,
  delete: NLM_F_REQUEST,
};

export interface RouteWriterEvents {
  /** A wanted route is not in the kernel, and that is new. */
  failed(failure: FibFailure): void;
  /** The kernel's answer does not fit what we believe is installed. */
  surprised(): void;
}

/** One request about a route in the batch under way. The objects are used again for the next batch. */
interface RouteRequest {
  own: OwnRoutes;
  handle: number;
  operation: Operation;
  /** What was wanted when it was planned. */
  wish: FibEntry | null;
}

/** One request about a next-hop object; `move` is what a changed group takes along. */
interface ObjectRequest {
  readonly change: ObjectChange;
  readonly move: SharedMove | null;
}

type Handles = readonly [number[], number[]];

export class RouteWriter {
  private readonly socket: RequestSocket;
  private readonly owner: RouteOwner;
  private readonly own: readonly [OwnRoutes, OwnRoutes];
  private readonly objects: NextHopObjects;
  private readonly counters: FibCounters;
  private readonly events: RouteWriterEvents;
  private readonly writer = new NetlinkWriter(BATCH_OCTETS + PLAN_OCTETS);
  private readonly reader = new NetlinkReader();
  private requests: (RouteRequest | ObjectRequest)[] = [];
  /** Request objects, of which the first `used` are in the batch under way. */
  private readonly spare: RouteRequest[] = [];
  private used = 0;
  private firstSequence = 1;
  private readonly failedHandles: [Set<number>, Set<number>] = [new Set(), new Set()];
  private readonly emit = (change: ObjectChange): void => this.encodeChange(change, null);
  private readonly form = (family: FamilyIndex, entry: FibEntry, have: RouteContent | null): RouteContent =>
    this.objects.contentFor(family, entry, have, this.emit);

  constructor(
    socket: RequestSocket,
    owner: RouteOwner,
    own: readonly [OwnRoutes, OwnRoutes],
    objects: NextHopObjects,
    counters: FibCounters,
    events: RouteWriterEvents,
  ) {
    this.socket = socket;
    this.owner = owner;
    this.own = own;
    this.objects = objects;
    this.counters = counters;
    this.events = events;
  }

  /**
   * Writes one batch of dirty prefixes and takes in the answers; false when there was nothing to write. `moves`: whether
   * prefixes that wait for their group are looked at, now or never (`last-call`).
   */
  async writeBatch(moves: 'hold' | 'look' | 'last-call' = 'look'): Promise<boolean> {
    this.writer.reset();
    this.requests.length = 0;
    this.used = 0;
    const moved: SharedMove[] = moves === 'hold' ? [] : this.encodeMoves(moves === 'last-call');
    const handles: Handles = [this.fill(0), this.fill(1)];
    const hasRoutes = handles[0].length + handles[1].length + moved.length > 0;
    if (!hasRoutes && this.hasNothingWaiting()) this.objects.collectGarbage(this.emit);
    if (!hasRoutes && this.requests.length === 0) return false;
    if (this.writer.length > 0) {
      this.counters.requests += this.requests.length;
      const result = await this.socket.send(this.writer.octets, this.writer.length);
      if (result < 0) this.allFailed(-result);
      else this.readErrors();
    }
    this.firstSequence = (this.firstSequence + this.requests.length) & SEQUENCE_MASK;
    for (const { handles: along } of moved) {
      for (const own of this.own) for (const handle of along[own.family]) handles[own.family].push(handle);
    }
    for (const own of this.own) {
      const failed = this.failedHandles[own.family];
      for (const handle of handles[own.family]) {
        if (!failed.has(handle)) own.succeeded(handle);
      }
      failed.clear();
    }
    return true;
  }

  private hasNothingWaiting(): boolean {
    return this.own.every(({ dirty, moving }) => dirty.count + moving.count === 0);
  }

  /** Encodes the changes of whole groups. */
  private encodeMoves(isLastCall: boolean): SharedMove[] {
    if (this.own[0].moving.count + this.own[1].moving.count === 0) return [];
    const moves: SharedMove[] = [];
    for (const move of planSharedMoves(this.own, this.objects, isLastCall)) {
      const emit = (change: ObjectChange): void => this.encodeChange(change, change.kind === 'retarget' ? move : null);
      const hasRoom = this.writer.length < BATCH_OCTETS;
      if (hasRoom && this.objects.retarget(move.group, move.hops, emit)) moves.push(move);
      else this.moveAlone(move);
    }
    return moves;
  }

  private moveAlone({ handles }: SharedMove): void {
    for (const own of this.own) for (const handle of handles[own.family]) own.moveAlone(handle);
  }

  private encodeChange(change: ObjectChange, move: SharedMove | null): void {
    const sequence = (this.firstSequence + this.requests.length) & SEQUENCE_MASK;
    const { writer } = this;
    const { protocol } = this.owner;
    if (change.kind === 'delete') {
      encodeNextHopDeletion(writer, sequence, change.id);
    } else if (change.kind === 'create-member') {
      const { id, hop } = change.member;
      if (hop.gateway === null) throw new Error('a next-hop object without a gateway');
      encodeNextHop(writer, sequence, protocol, id, hop.gateway, hop);
    } else {
      const { group } = change;
      encodeNextHopGroup(writer, sequence, protocol, group.id, groupMembers(group), change.kind === 'retarget');
    }
    this.requests.push({ change, move });
    if (move !== null) this.counters.changed++;
  }

  /** Encodes dirty prefixes of one family until the batch is full; returns their handles. */
  private fill(family: FamilyIndex): number[] {
    const own = this.own[family];
    const { table, dirty } = own;
    const handles: number[] = [];
    while (dirty.count > 0 && this.writer.length < BATCH_OCTETS) {
      const handle = dirty.take();
      const wish = own.wantedEntry(handle);
      handles.push(handle);
      for (const operation of own.plan(handle, this.form)) {
        encodeRoute(
          this.writer,
          operation.kind === 'delete' ? RTM_DELROUTE : RTM_NEWROUTE,
          FLAGS[operation.kind],
          (this.firstSequence + this.requests.length) & SEQUENCE_MASK,
          this.owner,
          family,
          table.laneA[handle],
          family === 0 ? 0 : table.laneB[handle],
          family === 0 ? 0 : table.laneC[handle],
          family === 0 ? 0 : table.laneD[handle],
          table.length[handle],
          operation.content,
        );
        this.requests.push(this.request(own, handle, operation, wish));
        this.count(operation);
        if (family !== 0 && operation.kind === 'delete' && operation.content.nextHopId === undefined) {
          // An IPv6 deletion by hops hits the route through an object if that comes first.
          if (own.groupOf(handle) !== null) this.events.surprised();
        }
      }
    }
    return handles;
  }

  private request(own: OwnRoutes, handle: number, operation: Operation, wish: FibEntry | null): RouteRequest {
    if (this.used === this.spare.length) this.spare.push({ own, handle, operation, wish });
    const request = this.spare[this.used++];
    request.own = own;
    request.handle = handle;
    request.operation = operation;
    request.wish = wish;
    return request;
  }

  private count(operation: Operation): void {
    if (operation.kind === 'create') this.counters.added++;
    else if (operation.kind === 'append') this.counters.changed++;
    else this.counters.deleted++;
  }

  private readErrors(): void {
    for (;;) {
      const length = this.socket.receiveNow();
      if (length === -EINTR) continue;
      if (length === -EAGAIN) return;
      if (length < 0) {
        // ENOBUFS: more errors than the buffer holds; what is installed can only be learned by reading it.
        this.events.surprised();
        if (length !== -ENOBUFS) return;
        continue;
      }
      this.reader.open(this.socket.received, length);
      while (this.reader.nextMessage()) {
        if (this.reader.type === NLMSG_ERROR) this.requestFailed(this.reader.sequence, decodeError(this.reader));
      }
    }
  }

  private allFailed(errno: number): void {
    for (let i = 0; i < this.requests.length; i++) {
      this.requestFailed((this.firstSequence + i) & SEQUENCE_MASK, { errno, message: '' });
    }
    this.events.surprised();
  }

  private requestFailed(sequence: number, error: NetlinkError): void {
    const request = this.requests[(sequence - this.firstSequence) & SEQUENCE_MASK];
    if (request === undefined || error.errno === 0) return;
    if ('change' in request) this.changeFailed(request, error);
    else this.routeFailed(request, error);
  }

  private changeFailed({ change, move }: ObjectRequest, { errno }: NetlinkError): void {
    this.objects.failed(change);
    if (move !== null) this.moveAlone(move);
    // A number that is taken, a group that is gone: what there is must be looked at. Else the hop is at fault, and the
    // routes are written with their hops, which tells what is wrong with each.
    if (errno === EEXIST || move !== null) this.events.surprised();
  }

  private routeFailed({ own, handle, operation, wish }: RouteRequest, error: NetlinkError): void {
    if (operation.kind === 'delete') {
      // Gone already, or gone with its interface: as wanted.
      if (error.errno !== ESRCH && error.errno !== ENODEV) this.events.surprised();
      return;
    }
    // IPv4 refuses to append the very same route a second time: then it is there, as wanted.
    if (operation.kind === 'append' && error.errno === EEXIST && own.family === 0) return;
    this.failedHandles[own.family].add(handle);
    if (wish === null) return;
    const { content } = operation;
    if (content instanceof ObjectRoute && !this.objects.has(content.group)) {
      own.withdrawn(handle, operation);
      return;
    }
    const failure: FibFailure = {
      prefix: own.table.describe(handle),
      entry: wish,
      reason: REASONS.get(error.errno) ?? 'other',
      errno: error.errno,
      message: `${errnoName(error.errno)}: ${error.message === '' ? errnoText(error.errno) : error.message}`,
    };
    this.counters.failed++;
    if (own.additionFailed(handle, operation, failure)) {
      this.events.failed(failure);
      if (error.errno === EEXIST) this.events.surprised();
    }
  }
}
