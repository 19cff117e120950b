/**
 * The parsed columns of the attribute store: what decision, policy and export need of a set, taken from its canonical
 * octets once. Indexed by set handle; a column field is replaced when it grows, so fetch it again after anything that
 * may intern a set.
 */

import { grownFloat64, grownUint8, grownUint16, grownUint32, NARROW_STEPS, StaggeredGrowth } from './columns.ts';

/** Bits of `flags`: well-known communities and presence of attributes. */
export const SET_NO_EXPORT = 1 << 0;
export const SET_NO_ADVERTISE = 1 << 1;
export const SET_NO_EXPORT_SUBCONFED = 1 << 2;
export const SET_LLGR_STALE = 1 << 3;
export const SET_NO_LLGR = 1 << 4;
export const SET_GRACEFUL_SHUTDOWN = 1 << 5;
export const SET_BLACKHOLE = 1 << 6;
export const SET_HAS_LOCAL_PREF = 1 << 7;
export const SET_HAS_MED = 1 << 8;
export const SET_HAS_ORIGINATOR_ID = 1 << 9;
export const SET_HAS_CLUSTER_LIST = 1 << 10;
export const SET_HAS_OTC = 1 << 11;
export const SET_HAS_COMMUNITIES = 1 << 12;
export const SET_HAS_EXTENDED_COMMUNITIES = 1 << 13;
export const SET_HAS_LARGE_COMMUNITIES = 1 << 14;
/** A local route that others have too and that goes first when this node is drained. */
export const SET_SERVICE = 1 << 15;

/** Values of `source`, as in attribute code 0 of locally made sets. */
export const SOURCE_BGP = 0;
export const SOURCE_STATIC = 1;
export const SOURCE_KERNEL = 2;
export const SOURCE_DIRECT = 3;

const COLUMNS = 21;

export class AttributeColumns {
  capacity: number;
  protected readonly growth: StaggeredGrowth;
  /** Paths and holders that use the set. */
  refCount: Uint32Array;
  /** Where its octets start in the arena, and how many there are. */
  offset: Uint32Array;
  length: Uint16Array;
  hash: Uint32Array;
  /** Next set of the same hash bucket; of free handles the next free one. */
  chain: Uint32Array;
  /** What kinds of peer the octets have been validated for, and whether the handle waits for the sweep. */
  validity: Uint8Array;
  /** Goes up when the handle is freed: what a cache keeps by handle is only good for the same generation. */
  generation: Uint32Array;
  /**
   * One number for the steps from LLGR_STALE to ORIGIN (higher is better):
   * (((notLlgrStale * 2^32 + LOCAL_PREF) * 16384 + 16383 - AS_PATH length) * 4 + 2 - ORIGIN).
   */
  rank: Float64Array;
  /** 100 when absent. */
  localPref: Uint32Array;
  /** 0 when absent (RFC 4271 9.1.2.2 c). */
  med: Uint32Array;
  /** An AS_SET counts 1, confederation segments 0. */
  asPathLength: Uint16Array;
  origin: Uint8Array;
  /** First AS of the first AS_SEQUENCE; 0 when AS_PATH is empty or begins with an AS_SET. */
  neighborAs: Uint32Array;
  /** 0 when absent. */
  originatorId: Uint32Array;
  clusterListLength: Uint16Array;
  /** 0: no next hop. */
  nextHop: Uint32Array;
  flags: Uint16Array;
  source: Uint8Array;
  /** Of locally made sets: kernel metric, outgoing interface, kernel route type. */
  metric: Uint32Array;
  interfaceIndex: Uint32Array;
  routeType: Uint8Array;

  constructor() {
    this.growth = new StaggeredGrowth(COLUMNS, NARROW_STEPS);
    const { capacity } = this.growth;
    this.capacity = capacity;
    this.refCount = new Uint32Array(capacity);
    this.offset = new Uint32Array(capacity);
    this.length = new Uint16Array(capacity);
    this.hash = new Uint32Array(capacity);
    this.chain = new Uint32Array(capacity);
    this.validity = new Uint8Array(capacity);
    this.generation = new Uint32Array(capacity);
    this.rank = new Float64Array(capacity);
    this.localPref = new Uint32Array(capacity);
    this.med = new Uint32Array(capacity);
    this.asPathLength = new Uint16Array(capacity);
    this.origin = new Uint8Array(capacity);
    this.neighborAs = new Uint32Array(capacity);
    this.originatorId = new Uint32Array(capacity);
    this.clusterListLength = new Uint16Array(capacity);
    this.nextHop = new Uint32Array(capacity);
    this.flags = new Uint16Array(capacity);
    this.source = new Uint8Array(capacity);
    this.metric = new Uint32Array(capacity);
    this.interfaceIndex = new Uint32Array(capacity);
    this.routeType = new Uint8Array(capacity);
  }

  /** Grows the column that is due; call when a new handle reaches growth.dueAt. */
  protected growColumn(): void {
    const { target, dueAt: used } = this.growth;
    switch (this.growth.advance()) {
      case 0:
        this.refCount = grownUint32(this.refCount, target, used);
        break;
      case 1:
        this.offset = grownUint32(this.offset, target, used);
        break;
      case 2:
        this.length = grownUint16(this.length, target, used);
        break;
      case 3:
        this.hash = grownUint32(this.hash, target, used);
        break;
      case 4:
        this.chain = grownUint32(this.chain, target, used);
        break;
      case 5:
        this.validity = grownUint8(this.validity, target, used);
        break;
      case 6:
        this.generation = grownUint32(this.generation, target, used);
        break;
      case 7:
        this.rank = grownFloat64(this.rank, target, used);
        break;
      case 8:
        this.localPref = grownUint32(this.localPref, target, used);
        break;
      case 9:
        this.med = grownUint32(this.med, target, used);
        break;
      case 10:
        this.asPathLength = grownUint16(this.asPathLength, target, used);
        break;
      case 11:
        this.origin = grownUint8(this.origin, target, used);
        break;
      case 12:
        this.neighborAs = grownUint32(this.neighborAs, target, used);
        break;
      case 13:
        this.originatorId = grownUint32(this.originatorId, target, used);
        break;
      case 14:
        this.clusterListLength = grownUint16(this.clusterListLength, target, used);
        break;
      case 15:
        this.nextHop = grownUint32(this.nextHop, target, used);
        break;
      case 16:
        this.flags = grownUint16(this.flags, target, used);
        break;
      case 17:
        this.source = grownUint8(this.source, target, used);
        break;
      case 18:
        this.metric = grownUint32(this.metric, target, used);
        break;
      case 19:
        this.interfaceIndex = grownUint32(this.interfaceIndex, target, used);
        break;
      case 20:
        this.routeType = grownUint8(this.routeType, target, used);
        break;
    }
    this.capacity = this.growth.capacity;
  }
}
