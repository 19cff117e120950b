/**
 * A filter between its text and a policy: branches are decided as far as they can be, functions are written out, and
 * what is left is steps that a route really takes. layout.ts makes statements of it.
 */

import type { Action } from '../../rib/policy/policy.ts';
import type { Condition } from './condition.ts';
import type { State } from './state.ts';

/** A place behind a block that can be gone to from inside; collects what is known on the ways there. */
export class Label {
  state: State | null = null;
}

export type Step =
  | {
      readonly kind: 'do';
      readonly actions: readonly Action[];
      readonly verdict: 'accept' | 'reject' | 'next';
      readonly name: string;
    }
  | {
      readonly kind: 'if';
      readonly condition: Condition;
      readonly consequence: readonly Step[];
      readonly otherwise: readonly Step[];
      readonly name: string;
    }
  | { readonly kind: 'block'; readonly label: Label; readonly body: readonly Step[] }
  | { readonly kind: 'leave'; readonly label: Label; readonly name: string };
