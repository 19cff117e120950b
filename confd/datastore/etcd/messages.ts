/**
 * The messages of etcd's v3 API that a reader needs: Range, Watch and Authenticate, from and to octets. Pure.
 *
 * Field numbers are those of etcd's published API definition (etcdserverpb, mvccpb). Fields that are not used here are
 * skipped. Every decode function yields null for malformed octets.
 */

import { ProtobufReader, ProtobufWriter } from './protobuf.ts';

/** Keys from `start` up to and without `end`. */
export interface KeyRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

export interface ResponseHeader {
  readonly clusterId: string;
  readonly memberId: string;
  /** Of the whole store, not of what was asked for. */
  readonly revision: number;
  readonly raftTerm: number;
}

export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly modRevision: number;
}

export interface RangeRequest {
  readonly range: KeyRange;
  /** 0: no limit. */
  readonly limit: number;
  /** The revision to read at; 0: the newest. */
  readonly revision: number;
  readonly isCountOnly: boolean;
}

export interface RangeResponse {
  readonly header: ResponseHeader;
  readonly entries: readonly KeyValue[];
  /** The limit left some out. */
  readonly hasMore: boolean;
}

export interface KeyEvent {
  readonly type: 'put' | 'delete';
  /** Of a delete, `value` is empty and `modRevision` that of the deletion. */
  readonly entry: KeyValue;
}

export interface WatchResponse {
  readonly header: ResponseHeader;
  readonly watchId: number;
  readonly isCreated: boolean;
  readonly isCancelled: boolean;
  readonly cancelReason: string;
  /** Above 0: the watch wanted what was compacted; this is the first revision that can be had. */
  readonly compactRevision: number;
  /** More of the same response follows. */
  readonly isFragment: boolean;
  readonly events: readonly KeyEvent[];
}

const NO_HEADER: ResponseHeader = { clusterId: '0', memberId: '0', revision: 0, raftTerm: 0 };
const NO_ENTRY: KeyValue = { key: new Uint8Array(0), value: new Uint8Array(0), modRevision: 0 };

export function encodeRangeRequest(request: RangeRequest): Uint8Array {
  return new ProtobufWriter()
    .octets(1, request.range.start)
    .octets(2, request.range.end)
    .integer(3, request.limit)
    .integer(4, request.revision)
    .flag(9, request.isCountOnly)
    .finish();
}

/** Asks for all events from `startRevision` on, with notes about progress and with large responses in fragments. */
export function encodeWatchCreateRequest(range: KeyRange, startRevision: number): Uint8Array {
  const create = new ProtobufWriter()
    .octets(1, range.start)
    .octets(2, range.end)
    .integer(3, startRevision)
    .flag(4, true)
    .flag(8, true)
    .finish();
  return new ProtobufWriter().message(1, create).finish();
}

/** Asks for a note once all watches of the stream are up to date. */
export function encodeWatchProgressRequest(): Uint8Array {
  return new ProtobufWriter().message(3, new Uint8Array(0)).finish();
}

export function encodeAuthenticateRequest(name: string, password: string): Uint8Array {
  return new ProtobufWriter().text(1, name).text(2, password).finish();
}

/** The token. */
export function decodeAuthenticateResponse(octets: Uint8Array): string | null {
  const reader = new ProtobufReader(octets);
  let token = '';
  while (reader.next()) if (reader.field === 2) token = reader.text();
  return reader.isMalformed ? null : token;
}

export function decodeRangeResponse(octets: Uint8Array): RangeResponse | null {
  const reader = new ProtobufReader(octets);
  let header: ResponseHeader | null = NO_HEADER;
  const entries: KeyValue[] = [];
  let hasMore = false;
  while (reader.next()) {
    if (reader.field === 1) header = decodeHeader(reader.octets());
    else if (reader.field === 2) {
      const entry = decodeKeyValue(reader.octets());
      if (entry === null) return null;
      entries.push(entry);
    } else if (reader.field === 3) hasMore = reader.flag();
  }
  return reader.isMalformed || header === null ? null : { header, entries, hasMore };
}

export function decodeWatchResponse(octets: Uint8Array): WatchResponse | null {
  const reader = new ProtobufReader(octets);
  let header: ResponseHeader | null = NO_HEADER;
  let watchId = 0;
  let isCreated = false;
  let isCancelled = false;
  let cancelReason = '';
  let compactRevision = 0;
  let isFragment = false;
  const events: KeyEvent[] = [];
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        header = decodeHeader(reader.octets());
        break;
      case 2:
        watchId = reader.integer();
        break;
      case 3:
        isCreated = reader.flag();
        break;
      case 4:
        isCancelled = reader.flag();
        break;
      case 5:
        compactRevision = reader.integer();
        break;
      case 6:
        cancelReason = reader.text();
        break;
      case 7:
        isFragment = reader.flag();
        break;
      case 11: {
        const event = decodeEvent(reader.octets());
        if (event === null) return null;
        events.push(event);
        break;
      }
    }
  }
  if (reader.isMalformed || header === null) return null;
  return { header, watchId, isCreated, isCancelled, cancelReason, compactRevision, isFragment, events };
}

function decodeHeader(octets: Uint8Array): ResponseHeader | null {
  const reader = new ProtobufReader(octets);
  let { clusterId, memberId, revision, raftTerm } = NO_HEADER;
  while (reader.next()) {
    if (reader.field === 1) clusterId = reader.id();
    else if (reader.field === 2) memberId = reader.id();
    else if (reader.field === 3) revision = reader.integer();
    else if (reader.field === 4) raftTerm = reader.integer();
  }
  return reader.isMalformed ? null : { clusterId, memberId, revision, raftTerm };
}

function decodeKeyValue(octets: Uint8Array): KeyValue | null {
  const reader = new ProtobufReader(octets);
  let { key, value, modRevision } = NO_ENTRY;
  while (reader.next()) {
    if (reader.field === 1) key = reader.octets();
    else if (reader.field === 3) modRevision = reader.integer();
    else if (reader.field === 5) value = reader.octets();
  }
  return reader.isMalformed ? null : { key, value, modRevision };
}

function decodeEvent(octets: Uint8Array): KeyEvent | null {
  const reader = new ProtobufReader(octets);
  let type: KeyEvent['type'] = 'put';
  let entry: KeyValue | null = NO_ENTRY;
  while (reader.next()) {
    if (reader.field === 1) type = reader.integer() === 1 ? 'delete' : 'put';
    else if (reader.field === 2) entry = decodeKeyValue(reader.octets());
  }
  return reader.isMalformed || entry === null ? null : { type, entry };
}
