/**
 * Changes on their way to the daemon: gathered until they may be told, the last word on each resource only, with the
 * revision they lead to. Pure.
 *
 * The revision is the highest resourceVersion that was told of. All kinds count in the same numbers, as they are kept in
 * one store; bookmarks and other people's writes do not count, so that it moves only when something was said.
 */

import { formatKey } from '../../model/resource.ts';
import type { ResourceEvent } from '../../resource-store.ts';

/** Whether resource version `a` comes after `b`; decimal numbers of any length. Empty comes before all. */
export function isLater(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}

export class Outbox {
  readonly #pending = new Map<string, ResourceEvent>();
  /** What the daemon knows of, as far as it was told. */
  readonly #told = new Set<string>();
  #revision = '';

  get isEmpty(): boolean {
    return this.#pending.size === 0;
  }

  get revision(): string {
    return this.#revision;
  }

  add(events: readonly ResourceEvent[], resourceVersion: string): void {
    for (const event of events) {
      const id = formatKey(event.type === 'set' ? event.resource : event.key);
      this.#pending.delete(id);
      // What came and went before it was told of needs no word.
      if (event.type !== 'deleted' || this.#told.has(id)) this.#pending.set(id, event);
    }
    if (isLater(resourceVersion, this.#revision)) this.#revision = resourceVersion;
  }

  /** The store has another history now: its numbers start anew. */
  resetRevision(): void {
    this.#revision = '';
  }

  has(isWanted: (event: ResourceEvent) => boolean): boolean {
    for (const event of this.#pending.values()) if (isWanted(event)) return true;
    return false;
  }

  /** All that is pending: it is told now. */
  take(): ResourceEvent[] {
    const events = [...this.#pending.values()];
    for (const [id, event] of this.#pending) {
      if (event.type === 'deleted') this.#told.delete(id);
      else this.#told.add(id);
    }
    this.#pending.clear();
    return events;
  }
}
