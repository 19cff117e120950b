/** Where changes are told to whoever follows them. Costs nothing while nobody does. */

import type { View } from '../../api/schema.ts';

/** `at` is added here. */
export type SpeakerEvent =
  | { readonly kind: 'peer'; readonly data: Omit<View<'PeerEvent'>, 'at'> }
  | { readonly kind: 'revision'; readonly data: Omit<View<'RevisionEvent'>, 'at'> }
  | { readonly kind: 'kernel'; readonly data: Omit<View<'KernelEvent'>, 'at'> };

export type EventListener = (event: SpeakerEvent) => void;

export class EventHub {
  readonly #listeners = new Set<EventListener>();

  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  emit(event: SpeakerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Returns what ends it. */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
