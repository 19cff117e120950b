/**
 * What was delivered of one kind, and from that what is new: listings and watch events become resource events. Pure.
 *
 * A listing is compared with what is known only when it is complete: before that, nobody can say what it lacks. What
 * says the same as before (a heartbeat) is no event. One kind may come from several sources, each with a part of the
 * objects; an object that moves from one to another is not gone in between, so what a `lingering` source no longer has
 * is kept until `expire`.
 */

import { formatKey, type Resource, type ResourceKey } from '../../model/resource.ts';
import type { ResourceEvent } from '../../resource-store.ts';
import { same } from '../../same.ts';
import { type ObjectContext, objectKey, readObject } from './object.ts';
import type { WatchTarget } from './target.ts';

/** A set event or a refusal: what was last said of an object. */
type Said = Exclude<ResourceEvent, { readonly type: 'deleted' }>;

interface KnownObject {
  readonly key: ResourceKey;
  said: Said;
  /** The last form that could be used: an edit that is refused does not undo it. Null: there was none. */
  good: Resource | null;
  /** Bit per source that has it. 0: lingering. */
  sources: number;
}

export interface MirrorChange {
  readonly events: readonly ResourceEvent[];
  /** Objects to `expire` after a while. */
  readonly lingering: readonly string[];
}

const NOTHING: MirrorChange = { events: [], lingering: [] };

function keyOf(event: ResourceEvent): ResourceKey {
  return event.type === 'set' ? event.resource : event.key;
}

export class Mirror {
  readonly #context: ObjectContext;
  readonly #lingeringSource: number;
  readonly #known = new Map<string, KnownObject>();
  /** Listings in the course of being read, by source. */
  readonly #listings = new Map<number, Map<string, Said>>();

  /** `lingeringSource`: the number of the source whose objects may move to another; null: none. */
  constructor(context: ObjectContext, lingeringSource: number | null = null) {
    this.#context = context;
    this.#lingeringSource = lingeringSource ?? -1;
  }

  /** Some object of a source was delivered. */
  hasObjects(source: number): boolean {
    for (const known of this.#known.values()) if (known.sources & (1 << source)) return true;
    return false;
  }

  /** The last good form of each object that had one. */
  *resources(): IterableIterator<Resource> {
    for (const { good } of this.#known.values()) if (good !== null) yield good;
  }

  beginList(source: number): void {
    this.#listings.set(source, new Map());
  }

  addListed(source: number, target: WatchTarget, object: unknown): void {
    const event = this.#read(target, object);
    if (event !== null) this.#listings.get(source)?.set(formatKey(keyOf(event)), event);
  }

  /** Deletions first, then what is new. */
  completeList(source: number): MirrorChange {
    const listed = this.#listings.get(source) ?? new Map<string, Said>();
    this.#listings.delete(source);
    const events: ResourceEvent[] = [];
    const lingering: string[] = [];
    for (const [id, known] of this.#known) {
      if (known.sources & (1 << source) && !listed.has(id)) this.#remove(source, id, known, events, lingering);
    }
    for (const [id, event] of listed) this.#put(source, id, event, events);
    return { events, lingering };
  }

  /** The source has no objects. */
  clear(source: number): MirrorChange {
    this.beginList(source);
    return this.completeList(source);
  }

  apply(source: number, type: 'ADDED' | 'MODIFIED' | 'DELETED', target: WatchTarget, object: unknown): MirrorChange {
    const key = objectKey(target.kind, object);
    if (key === null) return NOTHING;
    const id = formatKey(key);
    const event = type === 'DELETED' ? null : this.#read(target, object);
    const events: ResourceEvent[] = [];
    const lingering: string[] = [];
    if (event !== null) this.#put(source, id, event, events);
    else {
      const known = this.#known.get(id);
      if (known !== undefined && known.sources & (1 << source)) this.#remove(source, id, known, events, lingering);
    }
    return { events, lingering };
  }

  /** The time of a lingering object is over: null when it was found again. */
  expire(id: string): ResourceEvent | null {
    const known = this.#known.get(id);
    if (known === undefined || known.sources !== 0) return null;
    this.#known.delete(id);
    return { type: 'deleted', key: known.key };
  }

  #read(target: WatchTarget, object: unknown): Said | null {
    const event = readObject(target, object, this.#context);
    return event === null || event.type === 'deleted' ? null : event;
  }

  #put(source: number, id: string, event: Said, events: ResourceEvent[]): void {
    const good = event.type === 'set' ? event.resource : null;
    const known = this.#known.get(id);
    if (known === undefined) {
      const { kind, name } = keyOf(event);
      this.#known.set(id, { key: { kind, name }, said: event, good, sources: 1 << source });
      events.push(event);
      return;
    }
    known.sources |= 1 << source;
    if (same(known.said, event)) return;
    known.said = event;
    known.good = good ?? known.good;
    events.push(event);
  }

  #remove(source: number, id: string, known: KnownObject, events: ResourceEvent[], lingering: string[]): void {
    known.sources &= ~(1 << source);
    if (known.sources !== 0) return;
    if (source === this.#lingeringSource) {
      lingering.push(id);
      return;
    }
    this.#known.delete(id);
    events.push({ type: 'deleted', key: known.key });
  }
}
