/**
 * From resources to what this node should be doing: the pure function at the heart of confd/, and the class for a
 * daemon that follows a datastore. Both are the same derivation (deriver.ts).
 */

import type { DesiredState } from '../desired-state.ts';
import {
  asAdditions,
  type ResourceBatch,
  type ResourceChange,
  ResourceStore,
  type Resources,
} from '../resource-store.ts';
import { Deriver } from './deriver.ts';
import type { GenerationDecision } from './felix-generation.ts';
import type { DeriveOptions } from './options.ts';

/** What the node should be doing. The same resources give the same state, whatever order they came in. */
export function derive(resources: Resources, nodeName: string, options: DeriveOptions): DesiredState {
  return new Deriver(nodeName, options).derive(resources, asAdditions(resources));
}

/**
 * The mirror of a datastore with what one node makes of it: after any batches, `derive` gives what the function of that
 * name gives for the resources that there are then, at the cost of what the batches touched.
 */
export class IncrementalDeriver {
  readonly #store = new ResourceStore();
  readonly #deriver: Deriver;
  #pending: ResourceChange[] = [];

  constructor(nodeName: string, options: DeriveOptions) {
    this.#deriver = new Deriver(nodeName, options);
  }

  apply(batch: ResourceBatch): void {
    for (const change of this.#store.apply(batch)) this.#pending.push(change);
  }

  derive(): DesiredState {
    const changes = this.#pending;
    this.#pending = [];
    return this.#deriver.derive(this.#store.live(), changes);
  }

  /** Which generation of Calico counted in the last state; null before there was one. */
  get generation(): GenerationDecision | null {
    return this.#deriver.generation;
  }

  /** What there is now; a copy. */
  snapshot(): Resources {
    return this.#store.snapshot();
  }
}
