/**
 * An etcd in memory for the view of it: revisions, history, compaction, restore, and watch streams whose responses the
 * test lets through one by one, cuts into fragments, or loses. It speaks octets, as the real one does.
 */

import { failed, GRPC_STATUS } from '../../confd/datastore/etcd/grpc.ts';
import type { RangeRequest, RangeResponse, ResponseHeader } from '../../confd/datastore/etcd/messages.ts';
import { ProtobufReader, ProtobufWriter } from '../../confd/datastore/etcd/protobuf.ts';
import type { ViewClient } from '../../confd/datastore/etcd/view.ts';

interface HistoryEvent {
  readonly revision: number;
  readonly key: string;
  /** Null: deleted. */
  readonly value: string | null;
}

interface Watch {
  readonly start: string;
  readonly end: string;
  next: number;
  /** It has caught up, and gets events as they happen. Those behind are looked after from time to time. */
  isSynced: boolean;
  isCancelled: boolean;
}

interface Stream {
  readonly reader: Parameters<ViewClient['watch']>[0];
  readonly watches: Watch[];
  /** Responses that are on their way. */
  readonly queue: Uint8Array[];
  isOpen: boolean;
}

const utf8 = new TextDecoder();
const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
const MAX_FRAGMENT_EVENTS = 2;

function encodeEvent({ revision, key, value }: HistoryEvent): Uint8Array {
  const entry = new ProtobufWriter().text(1, key).integer(3, revision);
  if (value !== null) entry.text(5, value);
  return new ProtobufWriter()
    .integer(1, value === null ? 1 : 0)
    .message(2, entry.finish())
    .finish();
}

export class FakeEtcd {
  history: HistoryEvent[] = [];
  revision = 1;
  compactedAt = 0;
  clusterId = '7';
  raftTerm = 2;
  /** How many events one response holds at most before it is cut. */
  fragmentEvents = MAX_FRAGMENT_EVENTS;
  /** As before etcd 3.4: requests for progress are not answered. */
  answersProgress = true;
  /** As before etcd 3.4.25: the answer to a request for progress may come before events that it covers. */
  progressOvertakes = false;
  ranges = 0;
  #stream: Stream | null = null;

  /** One transaction; all of it has one revision. */
  write(changes: readonly (readonly [key: string, value: string | null])[]): void {
    const present = this.content();
    const real = changes.filter(([key, value]) => value !== null || present.has(key));
    if (real.length === 0) return;
    this.revision++;
    for (const [key, value] of real) this.history.push({ revision: this.revision, key, value });
    if (this.#stream !== null) this.#feed(this.#stream, false);
  }

  /** Everything there is at a revision. */
  content(revision = this.revision): Map<string, { readonly value: string; readonly modRevision: number }> {
    const content = new Map<string, { value: string; modRevision: number }>();
    for (const event of this.history) {
      if (event.revision > revision) break;
      if (event.value === null) content.delete(event.key);
      else content.set(event.key, { value: event.value, modRevision: event.revision });
    }
    return content;
  }

  compact(): void {
    this.compactedAt = this.revision;
  }

  /** The state to go back to. */
  backup(): () => void {
    const { revision, compactedAt } = this;
    const history = [...this.history];
    return () => {
      this.break();
      Object.assign(this, { history: [...history], revision, compactedAt });
    };
  }

  /** The connection breaks: what was on its way is lost. */
  break(): void {
    const stream = this.#stream;
    this.#stream = null;
    if (stream === null) return;
    stream.isOpen = false;
    stream.reader.ended({ status: null, message: 'broken' });
  }

  /** Tells each watch that it is up to date, as etcd does every ten minutes. */
  tellProgress(): void {
    const stream = this.#stream;
    for (const [id, watch] of stream?.watches.entries() ?? []) {
      if (watch.isSynced && !watch.isCancelled) stream?.queue.push(this.#response(id, (writer) => writer));
    }
  }

  get isWatched(): boolean {
    return this.#stream !== null;
  }

  /** Lets up to `count` responses through. Watches that are behind come after all others. */
  deliver(count = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < count; i++) {
      const stream = this.#stream;
      if (stream?.queue.length === 0) this.#feed(stream, true);
      const response = stream?.queue.shift();
      if (stream === null || response === undefined) return;
      stream.reader.message(response);
    }
  }

  client(): ViewClient {
    return {
      range: async (request) => this.#range(request),
      watch: (reader) => {
        const stream: Stream = { reader, watches: [], queue: [], isOpen: true };
        this.#stream = stream;
        return {
          send: (request) => {
            if (stream.isOpen) this.#request(stream, request);
          },
          close: () => {
            stream.isOpen = false;
            if (this.#stream === stream) this.#stream = null;
          },
        };
      },
      explainWatch: (reason) => reason,
    };
  }

  #header(): ResponseHeader {
    return { clusterId: this.clusterId, memberId: '1', revision: this.revision, raftTerm: this.raftTerm };
  }

  #range(request: RangeRequest): ReturnType<ViewClient['range']> extends Promise<infer R> ? R : never {
    this.ranges++;
    const at = request.revision === 0 ? this.revision : request.revision;
    if (at > this.revision) return failed('required revision is a future revision', GRPC_STATUS.outOfRange);
    if (at < this.compactedAt) return failed('required revision has been compacted', GRPC_STATUS.outOfRange);
    const [start, end] = [utf8.decode(request.range.start), utf8.decode(request.range.end)];
    const found = [...this.content(at)]
      .filter(([key]) => (end === '' ? key === start : key >= start && key < end))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const taken = request.isCountOnly ? [] : found.slice(0, request.limit || found.length);
    const value: RangeResponse = {
      header: this.#header(),
      entries: taken.map(([key, entry]) => ({
        key: octets(key),
        value: octets(entry.value),
        modRevision: entry.modRevision,
      })),
      hasMore: taken.length < found.length,
    };
    return { ok: true, value };
  }

  #request(stream: Stream, request: Uint8Array): void {
    const reader = new ProtobufReader(request);
    while (reader.next()) {
      if (reader.field === 1) this.#create(stream, reader.octets());
      else if (reader.field === 3) {
        reader.octets();
        if (!this.answersProgress) continue;
        const answer = this.#response(-1, (writer) => writer);
        if (this.progressOvertakes) stream.queue.unshift(answer);
        else stream.queue.push(answer);
      }
    }
  }

  #create(stream: Stream, request: Uint8Array): void {
    const reader = new ProtobufReader(request);
    let [start, end, next] = ['', '', this.revision + 1];
    while (reader.next()) {
      if (reader.field === 1) start = reader.text();
      else if (reader.field === 2) end = reader.text();
      else if (reader.field === 3) next = reader.integer();
    }
    stream.watches.push({ start, end, next, isSynced: next > this.revision, isCancelled: false });
    stream.queue.push(this.#response(stream.watches.length - 1, (writer) => writer.flag(3, true)));
  }

  /** Puts on its way what each watch has not had yet; `all`: also those that are behind. */
  #feed(stream: Stream, all: boolean): void {
    for (const [id, watch] of stream.watches.entries()) {
      if (watch.isCancelled || !(all || watch.isSynced)) continue;
      watch.isSynced = true;
      if (watch.next <= this.compactedAt) {
        watch.isCancelled = true;
        stream.queue.push(this.#response(id, (writer) => writer.flag(4, true).integer(5, this.compactedAt + 1)));
        continue;
      }
      const events = this.history.filter(
        ({ revision, key }) => revision >= watch.next && key >= watch.start && key < watch.end,
      );
      watch.next = this.revision + 1;
      for (let i = 0; i < events.length; i += this.fragmentEvents) {
        const part = events.slice(i, i + this.fragmentEvents);
        const isFragment = i + this.fragmentEvents < events.length;
        stream.queue.push(
          this.#response(id, (writer) => {
            writer.flag(7, isFragment);
            for (const event of part) writer.message(11, encodeEvent(event));
            return writer;
          }),
        );
      }
    }
  }

  #response(watchId: number, fill: (writer: ProtobufWriter) => ProtobufWriter): Uint8Array {
    const { clusterId, memberId, revision, raftTerm } = this.#header();
    const header = new ProtobufWriter()
      .integer(1, Number(clusterId))
      .integer(2, Number(memberId))
      .integer(3, revision)
      .integer(4, raftTerm)
      .finish();
    const writer = new ProtobufWriter().message(1, header);
    return watchId < 0 ? withWholeStreamId(writer) : fill(writer.integer(2, watchId)).finish();
  }
}

/** -1 as an int64 takes ten octets. */
function withWholeStreamId(writer: ProtobufWriter): Uint8Array {
  const head = writer.finish();
  return Uint8Array.from([...head, 0x10, ...Array<number>(9).fill(0xff), 0x01]);
}
