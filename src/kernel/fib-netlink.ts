/**
 * The Linux back end: keeps our routes of one table as the speaker wants them and follows links, addresses and other
 * programs' routes by notification (RFC 3549, linux/rtnetlink.h). This file decides when things happen; what messages
 * mean is kernel-view.ts, what is written route-writer.ts.
 *
 * Two sockets. Requests and dumps go through one, strictly one after the other; notifications arrive at the other, which
 * a kernel-side filter keeps free of what we did ourselves. While the tables are read as a whole, notifications wait in
 * their socket and are applied afterwards: they then only repeat, or are newer than, what was read.
 */

import { type FamilyIndex, type FamilyName, familyIndex } from '../../bgp/family.ts';
import type { Prefix } from '../../bgp/ip.ts';
import { errnoText } from '../net/syscalls.ts';
import type {
  Fib,
  FibCounters,
  FibEntry,
  FibFailure,
  FibRouteStatus,
  FibStartError,
  FibStartResult,
  InterfaceAddress,
  KernelLink,
  KernelListener,
  ResyncReason,
} from './fib.ts';
import { KernelView } from './kernel-view.ts';
import { EAGAIN, EINTR, ENOBUFS, RT_TABLE_MAIN, RTPROT_BIRD } from './netlink/constants.ts';
import type { DumpResult } from './netlink/dump.ts';
import { NetlinkReader } from './netlink/message.ts';
import { type NetlinkPort, NetlinkSocket } from './netlink/socket.ts';
import { RouteWriter } from './route-writer.ts';
import { type OpenSocket, openSockets, TableReader } from './table-reader.ts';

/** Notifications queued while we are busy or reading: about 10,000 routes. */
const RECEIVE_BUFFER_OCTETS = 8 * 1024 * 1024;
/** Datagrams read per turn of the event loop. */
const NOTIFICATIONS_PER_TURN = 256;
/** After reading everything, this many turns' worth are caught up on at once. */
const CATCH_UP_TURNS = 64;
/** A route that somebody deleted comes back after this time; shorter would make a fight with another program costly. */
const RESTORE_DELAY_MS = 200;
/** Reading everything again waits this long for more reasons to do so, and at least this long behind the last time. */
const RESYNC_DELAY_MS = 100;
const RESYNC_INTERVAL_MS = 300;
/** However large the table, reading it takes at most this share of the time ... */
const RESYNC_TIME_SHARE = 1 / 3;
/** ... and the comparison from time to time, which nothing asks for, this one. */
const AUDIT_INTERVAL_MS = 60_000;
const AUDIT_TIME_SHARE = 1 / 200;
/** Refused routes are tried again soon after something changed, and by themselves after 1, 2, 4 ... 32 s. */
const RETRY_SOON_MS = 50;
const RETRY_FIRST_MS = 1000;
const RETRY_LAST_MS = 32_000;
/** Routes whose next-hop group may move as a whole are waited for this long at most while more wishes follow. */
const HOLD_MOVES_MS = 100;
const DUMP_ATTEMPTS = 5;
/** When the tables cannot be read: again after 0.2, 0.4 ... 10 s, with new sockets from the second time on. */
const REREAD_LAST_MS = 10_000;
const REOPEN_AFTER_FAILURES = 2;

export interface FibNetlinkOptions {
  /** Routing table, default main (254). */
  readonly table?: number;
  /** Protocol number of our routes, default 12. */
  readonly protocol?: number;
  /** Routes of the other family are not ours, whatever protocol number they have. */
  readonly onlyFamily?: FamilyName | undefined;
  /** False: only learn; every wish is ignored and no route of the table is touched. */
  readonly programRoutes?: boolean;
  /** Time between comparisons that nothing asks for; tests make it short. */
  readonly auditIntervalMs?: number;
  /** How long routes whose group may move as a whole are waited for; tests make it long. */
  readonly holdMovesMs?: number;
  /** True: routes name next-hop objects where the kernel has them and shows them to others as routes with hops. */
  readonly nextHopObjects?: boolean;
  /** Size of the notification queue; tests make it tiny. */
  readonly receiveBufferOctets?: number;
  /** Opens netlink sockets; tests put one in between that fails. */
  readonly openSocket?: OpenSocket;
  readonly listener: KernelListener;
}

/** The Linux back end; loads native code when it is started. */
export function createFibNetlink(options: FibNetlinkOptions): Fib {
  return new FibNetlink(options);
}

class FibNetlink implements Fib {
  readonly backend = 'netlink';
  private readonly listener: KernelListener;
  private readonly table: number;
  private readonly protocol: number;
  /** By family: routes are written, and those under our protocol number are ours. */
  private readonly programmed: readonly [boolean, boolean];
  private readonly receiveBufferOctets: number;
  private readonly auditIntervalMs: number;
  private readonly holdMovesMs: number;
  private readonly view: KernelView;
  private readonly total: FibCounters = {
    installed: [0, 0],
    stale: 0,
    added: 0,
    changed: 0,
    deleted: 0,
    failed: 0,
    requests: 0,
    nextHopObjects: 0,
    restored: 0,
    resyncs: 0,
  };
  private readonly reader = new NetlinkReader();
  private readonly openSocket: OpenSocket;
  private readonly tables: TableReader;
  private commands: NetlinkPort | null = null;
  private monitor: NetlinkPort | null = null;
  private writer: RouteWriter | null = null;
  /** The command socket is in use. */
  private isWorking = false;
  private isWorkScheduled = false;
  /** False from a failed dump until the next whole one: then nothing is written. */
  private isTableKnown = false;
  private resyncWanted: ResyncReason | null = null;
  private lastResyncAtMs = Number.NEGATIVE_INFINITY;
  private lastResyncTookMs = 0;
  private auditTimer: NodeJS.Timeout | null = null;
  private resyncTimer: NodeJS.Timeout | null = null;
  private restoreTimer: NodeJS.Timeout | null = null;
  private retryTimer: NodeJS.Timeout | null = null;
  private retryDelayMs = RETRY_FIRST_MS;
  private isRetrySoon = false;
  private lastRetryAtMs = Number.NEGATIVE_INFINITY;
  private settleWaiters: (() => void)[] = [];
  private resyncWaiters: (() => void)[] = [];
  private isClosed = false;
  private isMoreToCome = false;
  /** The sockets are of no use any more. */
  private isBroken = false;
  private failedReads = 0;
  private problemText: string | null = null;
  private movingSinceMs: number | null = null;
  private moveTimer: NodeJS.Timeout | null = null;

  constructor(options: FibNetlinkOptions) {
    this.listener = options.listener;
    this.table = options.table ?? RT_TABLE_MAIN;
    this.protocol = options.protocol ?? RTPROT_BIRD;
    const programRoutes = options.programRoutes ?? true;
    this.receiveBufferOctets = options.receiveBufferOctets ?? RECEIVE_BUFFER_OCTETS;
    this.openSocket = options.openSocket ?? NetlinkSocket.open;
    this.auditIntervalMs = options.auditIntervalMs ?? AUDIT_INTERVAL_MS;
    this.holdMovesMs = options.holdMovesMs ?? HOLD_MOVES_MS;
    const only = options.onlyFamily === undefined ? null : familyIndex(options.onlyFamily);
    this.programmed = [programRoutes && only !== 1, programRoutes && only !== 0];
    this.view = new KernelView(this.listener, { table: this.table, protocol: this.protocol }, this.programmed, {
      resync: () => this.requestResync('own-routes-disturbed'),
      restore: () => this.restoreSoon(),
      retry: () => this.retrySoon(),
      write: () => this.scheduleWork(),
    });
    this.tables = new TableReader(this.view, this.table, options.nextHopObjects ?? false);
  }

  async start(): Promise<FibStartResult | FibStartError> {
    const problem = this.open();
    if (problem !== null) return { error: problem };
    this.isWorking = true;
    const errno = await this.readEverything('start');
    this.isWorking = false;
    if (errno !== 0) {
      this.close();
      return { error: `Cannot read the kernel's tables: ${errnoText(errno)}` };
    }
    this.scheduleWork();
    return { adopted: [this.view.own[0].staleCount, this.view.own[1].staleCount], learned: this.view.foreign.count };
  }

  /** Opens both sockets, in place of those that were open; the reason when they cannot be had. */
  private open(): string | null {
    this.monitor?.close();
    this.commands?.close();
    const sockets = openSockets(this.openSocket, this.receiveBufferOctets);
    if ('error' in sockets) return sockets.error;
    this.commands = sockets.commands;
    this.monitor = sockets.monitor;
    this.isBroken = false;
    const owner = { table: this.table, protocol: this.protocol };
    this.writer = new RouteWriter(sockets.commands, owner, this.view.own, this.view.objects, this.total, {
      failed: (failure) => this.listener.routeFailed(failure),
      surprised: () => this.requestResync('own-routes-disturbed'),
    });
    return null;
  }

  replace(family: FamilyIndex, a: number, b: number, c: number, d: number, length: number, entry: FibEntry): void {
    if (!this.programmed[family]) return;
    this.view.own[family].want(a, b, c, d, length, entry);
    this.scheduleWork();
  }

  remove(family: FamilyIndex, a: number, b: number, c: number, d: number, length: number): void {
    if (!this.programmed[family]) return;
    this.view.own[family].unwant(a, b, c, d, length);
    this.scheduleWork();
  }

  moreToCome(isMore: boolean): void {
    if (isMore === this.isMoreToCome) return;
    this.isMoreToCome = isMore;
    if (!isMore && this.hasMoving()) this.scheduleWork();
  }

  sweepStale(family: FamilyIndex): number {
    if (!this.programmed[family]) return 0;
    const count = this.view.own[family].sweep();
    this.scheduleWork();
    return count;
  }

  resync(): Promise<void> {
    if (this.isClosed || this.commands === null) return Promise.resolve();
    return new Promise((resolve) => {
      this.resyncWaiters.push(resolve);
      this.resyncWanted ??= 'requested';
      if (this.resyncTimer !== null) clearTimeout(this.resyncTimer);
      this.resyncTimer = null;
      this.scheduleWork();
    });
  }

  settled(): Promise<void> {
    if (this.isSettled()) return Promise.resolve();
    return new Promise((resolve) => this.settleWaiters.push(resolve));
  }

  status(prefix: Prefix): FibRouteStatus {
    const own = this.view.own[prefix.family];
    const failure = own.failureOf(prefix);
    const state = failure !== null ? 'failed' : own.isPending(prefix) ? 'pending' : 'installed';
    const wanted = own.wantedOf(prefix);
    const isTaken = failure?.reason === 'foreign-route-exists';
    return { state, failure, rival: wanted === null ? null : this.view.rival(prefix, wanted.metric, isTaken) };
  }

  problem(): string | null {
    return this.problemText;
  }

  failures(): FibFailure[] {
    return [...this.view.own[0].failures.values(), ...this.view.own[1].failures.values()];
  }

  links(): KernelLink[] {
    return this.view.interfaces.links();
  }

  addresses(): InterfaceAddress[] {
    return this.view.interfaces.addresses();
  }

  interfaceIndex(name: string): number {
    return this.view.interfaces.indexOf(name);
  }

  interfaceName(index: number): string {
    return this.view.interfaces.link(index)?.name ?? '';
  }

  counters(): FibCounters {
    const [own4, own6] = this.view.own;
    const installed: [number, number] = [own4.installedCount, own6.installedCount];
    const nextHopObjects = this.view.objects.count;
    return { ...this.total, installed, nextHopObjects, stale: own4.staleCount + own6.staleCount };
  }

  close(): void {
    this.isClosed = true;
    for (const timer of [this.resyncTimer, this.restoreTimer, this.retryTimer, this.auditTimer, this.moveTimer]) {
      if (timer !== null) clearTimeout(timer);
    }
    this.monitor?.close();
    this.commands?.close();
    for (const resolve of [...this.settleWaiters.splice(0), ...this.resyncWaiters.splice(0)]) resolve();
  }

  // What is to be done next.

  /** Starts working unless that is under way; wishes of one turn of the event loop make one batch. */
  private scheduleWork(): void {
    if (this.isWorkScheduled || this.isWorking || this.isClosed || this.commands === null) return;
    this.isWorkScheduled = true;
    setImmediate(() => {
      this.isWorkScheduled = false;
      if (!this.isClosed && !this.isWorking) void this.workUntilSettled();
    });
  }

  private async workUntilSettled(): Promise<void> {
    this.isWorking = true;
    while (!this.isClosed) {
      if (this.isResyncDue()) await this.resyncNow();
      else if (!this.isTableKnown || !(await this.writer?.writeBatch(this.movesNow()))) break;
    }
    this.isWorking = false;
    if (this.isClosed) return;
    // Wishes that arrived behind the last look found us still working.
    const isMoveDue = this.isTableKnown && this.hasMoving() && this.movesNow() !== 'hold';
    if (isMoveDue || this.isResyncDue() || (this.isTableKnown && this.hasDirty())) {
      this.scheduleWork();
      return;
    }
    this.scheduleRetry();
    if (this.isSettled()) for (const resolve of this.settleWaiters.splice(0)) resolve();
  }

  private hasMoving(): boolean {
    return this.view.own[0].moving.count + this.view.own[1].moving.count > 0;
  }

  /** What is to become of routes that may move with their group. */
  private movesNow(): 'hold' | 'look' | 'last-call' {
    if (!this.hasMoving()) {
      this.movingSinceMs = null;
      return 'look';
    }
    const now = performance.now();
    this.movingSinceMs ??= now;
    const leftMs = this.movingSinceMs + this.holdMovesMs - now;
    if (leftMs <= 0) return 'last-call';
    if (!this.isMoreToCome) return 'look';
    this.moveTimer ??= setTimeout(() => {
      this.moveTimer = null;
      this.scheduleWork();
    }, leftMs + 1);
    return 'hold';
  }

  private isResyncDue(): boolean {
    return this.resyncWanted !== null && this.resyncTimer === null;
  }

  private hasDirty(): boolean {
    return this.view.own[0].dirty.count + this.view.own[1].dirty.count > 0;
  }

  private isSettled(): boolean {
    if (this.isClosed || this.commands === null) return true;
    const restoring = this.view.own[0].restoring.size + this.view.own[1].restoring.size;
    const isWaiting = this.hasDirty() || this.hasMoving() || restoring > 0;
    return !this.isWorking && this.resyncWanted === null && !isWaiting;
  }

  private requestResync(reason: ResyncReason): void {
    if (this.isClosed) return;
    // Lost notifications need more care than any other reason.
    if (this.resyncWanted === null || reason === 'notifications-lost') this.resyncWanted = reason;
    if (this.resyncTimer !== null) return;
    const sinceLastMs = performance.now() - this.lastResyncAtMs;
    const pauseMs = Math.max(RESYNC_INTERVAL_MS, this.lastResyncTookMs * (1 / RESYNC_TIME_SHARE - 1));
    const patienceMs = Math.min(RESYNC_DELAY_MS * 2 ** Math.min(this.failedReads, 10), REREAD_LAST_MS);
    this.resyncTimer = setTimeout(
      () => {
        this.resyncTimer = null;
        this.scheduleWork();
      },
      Math.max(patienceMs, pauseMs - sinceLastMs),
    );
  }

  /** The kernel may forget to tell, or do what nobody thought of: the next comparison is never far away. */
  private startAuditTimer(): void {
    if (this.auditTimer !== null) clearTimeout(this.auditTimer);
    this.auditTimer = setTimeout(
      () => {
        this.resyncWanted ??= 'periodic';
        this.scheduleWork();
      },
      Math.max(this.auditIntervalMs, this.lastResyncTookMs / AUDIT_TIME_SHARE),
    );
  }

  private restoreSoon(): void {
    this.restoreTimer ??= setTimeout(() => {
      this.restoreTimer = null;
      this.total.restored += this.view.own[0].restore() + this.view.own[1].restore();
      this.scheduleWork();
    }, RESTORE_DELAY_MS);
  }

  /** Links, addresses or foreign routes changed: refused routes get another chance, once the dust has settled. */
  private retrySoon(): void {
    if (this.isRetrySoon || this.view.own[0].failures.size + this.view.own[1].failures.size === 0) return;
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    this.isRetrySoon = true;
    this.retryDelayMs = RETRY_FIRST_MS;
    // Not more often than every second, or a busy table would keep us writing what is refused again.
    this.startRetryTimer(Math.max(RETRY_SOON_MS, this.lastRetryAtMs + RETRY_FIRST_MS - performance.now()));
  }

  private scheduleRetry(): void {
    if (this.view.own[0].failures.size + this.view.own[1].failures.size === 0) {
      this.retryDelayMs = RETRY_FIRST_MS;
    } else if (this.retryTimer === null) {
      this.startRetryTimer(this.retryDelayMs);
      this.retryDelayMs = Math.min(this.retryDelayMs * 2, RETRY_LAST_MS);
    }
  }

  private startRetryTimer(delayMs: number): void {
    this.retryTimer = setTimeout(() => {
      this.retryTimer = null;
      this.isRetrySoon = false;
      this.lastRetryAtMs = performance.now();
      this.view.objects.retryRefused();
      for (const own of this.view.own) own.retryFailed();
      this.scheduleWork();
    }, delayMs);
  }

  // Reading the kernel.

  private async resyncNow(): Promise<void> {
    const reason = this.resyncWanted ?? 'requested';
    const waiters = this.resyncWaiters.splice(0);
    this.resyncWanted = null;
    const needsSockets = this.isBroken || this.failedReads >= REOPEN_AFTER_FAILURES;
    let problem = needsSockets ? this.open() : null;
    if (problem === null) {
      const errno = await this.readEverything(needsSockets ? 'notifications-lost' : reason);
      if (errno !== 0) problem = `Cannot read the kernel's tables: ${errnoText(errno)}`;
    }
    this.tell(problem);
    // Whatever was in the way (say, memory): later may fare better, and until then nothing is certain.
    if (problem !== null) this.requestResync('notifications-lost');
    for (const resolve of waiters) resolve();
  }

  private tell(problem: string | null): void {
    this.failedReads = problem === null ? 0 : this.failedReads + 1;
    if (this.isClosed || problem === this.problemText) return;
    this.problemText = problem;
    this.listener.troubled(problem);
  }

  /** Reads links, addresses and routes as a whole; the errno of what failed, or 0. */
  private async readEverything(reason: ResyncReason): Promise<number> {
    const startedAtMs = performance.now();
    this.isTableKnown = false;
    this.monitor?.stopWatching();
    // What waits there is older than what will be read now, and messages after it are missing: it would mislead.
    if (reason === 'notifications-lost') this.discardNotifications();
    let result: DumpResult = { errno: 0, wasInterrupted: true };
    for (let attempt = 0; attempt < DUMP_ATTEMPTS && result.errno === 0 && result.wasInterrupted; attempt++) {
      if (this.commands === null) break;
      result = await this.tables.scan(this.commands);
    }
    if (this.isClosed) return 0;
    if (result.errno !== 0) return result.errno;
    this.total.restored += this.view.endScan(reason === 'start');
    this.isTableKnown = true;
    this.total.resyncs++;
    this.lastResyncAtMs = performance.now();
    this.lastResyncTookMs = this.lastResyncAtMs - startedAtMs;
    this.startAuditTimer();
    this.listener.resynced(reason);
    // Always changed while it was read: what we have may miss something.
    if (result.wasInterrupted) this.requestResync('own-routes-disturbed');
    // Before anything is written: what is queued may explain what the scan has shown.
    for (let turn = 0; turn < CATCH_UP_TURNS && this.readNotifications(); turn++) {}
    this.monitor?.startWatching(() => this.readNotifications());
    return 0;
  }

  /** Applies what has arrived, up to a limit; true when there may be more. */
  private readNotifications(): boolean {
    for (let count = 0; count < NOTIFICATIONS_PER_TURN; count++) {
      if (this.monitor === null || this.isClosed) return false;
      const length = this.monitor.receiveNow();
      if (length === -EINTR) continue;
      if (length === -EAGAIN) return false;
      if (length < 0) {
        // ENOBUFS: the queue overflowed. Anything else is as good a reason to distrust what we know, and the socket.
        this.requestResync('notifications-lost');
        if (length === -ENOBUFS) continue;
        this.isBroken = true;
        this.monitor.stopWatching();
        return false;
      }
      this.reader.open(this.monitor.received, length);
      while (this.reader.nextMessage()) this.view.notified(this.reader);
    }
    return true;
  }

  private discardNotifications(): void {
    for (;;) {
      const length = this.monitor?.receiveNow() ?? -EAGAIN;
      if (length < 0 && length !== -ENOBUFS && length !== -EINTR) return;
    }
  }
}
