/**
 * The seam between the speaker and the kernel's routing table: what may be asked of it (`Fib`) and what it tells
 * (`KernelListener`). Two back ends stand behind it: fib-netlink.ts (Linux) and fib-none.ts (route reflectors).
 *
 * The caller says what it wants per prefix and never looks at the table; the back end owns what is installed, keeps it
 * so when others disturb it, and reports what it cannot do as values. Nothing here knows about BGP.
 */

import type { FamilyIndex } from '../../bgp/family.ts';
import type { IpAddress, Prefix } from '../../bgp/ip.ts';
import type { FibEntry, FibHop, FibServices, FibSink } from '../../rib/fib.ts';

export type { FibEntry, FibHop } from '../../rib/fib.ts';

export type KernelRouteType = 'unicast' | 'blackhole' | 'unreachable' | 'prohibit';

/** A route that another program (or the kernel) has in our table. */
export interface KernelRoute {
  readonly prefix: Prefix;
  readonly type: KernelRouteType;
  /** Number from /etc/iproute2/rt_protos: 3 boot, 4 static, 12 bird, 16 dhcp, 80 Felix... */
  readonly protocol: number;
  readonly metric: number;
  readonly hops: readonly FibHop[];
}

/** A network interface. `running` is the carrier; routes are usable when both `up` and `running`. */
export interface KernelLink {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  readonly running: boolean;
  readonly loopback: boolean;
  readonly mtuOctets: number;
  /** Index of the device that it is enslaved to (bridge, bond, VRF); 0: none. */
  readonly master: number;
  /** Of a VRF device: the table that its members route by. Null: it is no VRF device. */
  readonly vrfTable: number | null;
}

/** An address of an interface with the prefix that it makes connected. */
export interface InterfaceAddress {
  readonly interfaceIndex: number;
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** Far end of a point-to-point interface: then the connected prefix is this address, not ours. */
  readonly peer: IpAddress | null;
}

export type FibFailureReason =
  /** EEXIST: another program has a route with the same prefix and metric; it was left alone. */
  | 'foreign-route-exists'
  /** ENETUNREACH, EHOSTUNREACH or EINVAL: the kernel does not accept the gateway. */
  | 'gateway-unreachable'
  /** ENETDOWN, ENODEV. */
  | 'interface-unusable'
  /** ENOMEM, ENOBUFS. */
  | 'out-of-memory'
  | 'not-permitted'
  | 'other';

/** A wanted route that is not (or not as wanted) in the kernel, and why. It is tried again when something changes. */
export interface FibFailure {
  readonly prefix: Prefix;
  readonly entry: FibEntry;
  readonly reason: FibFailureReason;
  readonly errno: number;
  /** For people: errno's name and the kernel's own words when it gave some. */
  readonly message: string;
}

/** What somebody else did to a route of ours that is wanted. */
export type DisturbanceKind =
  | 'deleted'
  /** Another route stands where ours stood, or ours was changed: `other` says how it looks now. */
  | 'replaced'
  /** Another route under our protocol number stands beside ours: `other`. */
  | 'added'
  /** Found by reading everything: nobody told when or by whom. */
  | 'missing'
  | 'different';

/** A wanted route of ours was not as wanted; it is put right, if no foreign route is in its place. */
export interface RouteDisturbance {
  readonly prefix: Prefix;
  readonly kind: DisturbanceKind;
  readonly other: KernelRoute | null;
  /**
   * Netlink port of whoever did it: as a rule the process id of a program, as it sees itself (containers). 0: the kernel
   * itself, or unknown.
   */
  readonly port: number;
}

/** How a wanted route is doing in the kernel. */
export interface FibRouteStatus {
  /** `pending`: about to be written, or to be put back. */
  readonly state: 'installed' | 'pending' | 'failed';
  readonly failure: FibFailure | null;
  /** The foreign route that has the place of ours (same prefix and metric), or that the kernel prefers to ours. */
  readonly rival: KernelRoute | null;
}

/** Told by the back end, always from the event loop and never from inside a call to `Fib`, except `start`. */
export interface KernelListener {
  /** A link is new or something in it changed. */
  linkChanged(link: KernelLink): void;
  linkRemoved(link: KernelLink): void;
  addressAdded(address: InterfaceAddress): void;
  addressRemoved(address: InterfaceAddress): void;
  /** The best (lowest metric) foreign route of a prefix is new or different. */
  routeLearned(route: KernelRoute): void;
  /** The prefix has no foreign route any more; `route` is the one that was told last. */
  routeLost(route: KernelRoute): void;
  routeFailed(failure: FibFailure): void;
  routeDisturbed(disturbance: RouteDisturbance): void;
  /** The kernel's tables cannot be read, and nothing is written meanwhile: why. Null: they can be read again. */
  troubled(problem: string | null): void;
  /** The kernel's tables were read as a whole and compared; the differences have been told before this. */
  resynced(reason: ResyncReason): void;
}

export type ResyncReason =
  | 'start'
  /** ENOBUFS: the kernel dropped notifications because we were too slow. */
  | 'notifications-lost'
  /** Somebody changed a protocol-12 route in a way that the notification alone does not explain. */
  | 'own-routes-disturbed'
  /** Nothing in particular: from time to time what we believe is compared with what is. */
  | 'periodic'
  | 'requested';

export interface FibCounters {
  /** Own routes believed to be in the kernel, by family. */
  installed: [number, number];
  /** Own routes found at start and not refreshed yet. */
  stale: number;
  added: number;
  changed: number;
  deleted: number;
  failed: number;
  /** Requests sent to the kernel about routes and next-hop objects. */
  requests: number;
  /** Own next-hop objects believed to be in the kernel. */
  nextHopObjects: number;
  /** Own routes that were put back after somebody removed or changed them. */
  restored: number;
  resyncs: number;
}

export interface FibStartResult {
  /** Own routes (by protocol) that an earlier run left behind, by family. They stay until refreshed or swept. */
  readonly adopted: readonly [number, number];
  readonly learned: number;
}

/** Why a back end could not start: a value for the start-up report. */
export interface FibStartError {
  readonly error: string;
}

export interface Fib extends FibSink, FibServices {
  readonly backend: 'netlink' | 'none';
  /** Reads links, addresses and routes (telling the listener), then follows them. Wishes given before are kept. */
  start(): Promise<FibStartResult | FibStartError>;
  /** From now on this prefix should be so. Lanes as in bgp/ip.ts; b, c, d are 0 for IPv4. Never blocks, never throws. */
  replace(family: FamilyIndex, a: number, b: number, c: number, d: number, length: number, entry: FibEntry): void;
  /** We want no route for this prefix any more. */
  remove(family: FamilyIndex, a: number, b: number, c: number, d: number, length: number): void;
  /** Whether more wishes will follow at once: then routes whose next-hop group may move as a whole are waited for. */
  moreToCome(isMore: boolean): void;
  /** Removes own routes of an earlier run that nobody asked for since; returns how many. */
  sweepStale(family: FamilyIndex): number;
  /** Reads everything again and compares, as after lost notifications. */
  resync(): Promise<void>;
  /** Resolves when nothing is waiting to be written. */
  settled(): Promise<void>;
  /** How the wanted route of a prefix is doing; says `installed` of prefixes that are not wanted. */
  status(prefix: Prefix): FibRouteStatus;
  /** Why the kernel's tables cannot be read at the moment; null: they can. */
  problem(): string | null;
  /** Wanted routes that are not in the kernel. */
  failures(): FibFailure[];
  links(): KernelLink[];
  addresses(): InterfaceAddress[];
  /** Index of the interface with this name, 0 when there is none. */
  interfaceIndex(name: string): number;
  /** Name of the interface with this index, empty when there is none. */
  interfaceName(index: number): string;
  counters(): FibCounters;
  /** Stops following and writing; installed routes stay. */
  close(): void;
}
