/**
 * All conditions of a state, each once and sorted, while each part of the derivation replaces its own: thousands of
 * mesh sessions with one missing password are one condition.
 */

import type { Condition } from '../desired-state.ts';
import { SortedTable } from './sorted-table.ts';

const NONE: readonly Condition[] = [];

function keyOf(one: Condition): string {
  return `${one.resource}\0${one.field}\0${one.severity}\0${one.message}`;
}

export class ConditionTable {
  readonly #byOwner = new Map<string, readonly Condition[]>();
  readonly #counts = new Map<string, number>();
  readonly #table = new SortedTable<Condition>();

  /** What `owner` has to say from now on. */
  replace(owner: string, conditions: readonly Condition[]): void {
    const before = this.#byOwner.get(owner) ?? NONE;
    if (before === conditions || (before.length === 0 && conditions.length === 0)) return;
    if (conditions.length === 0) this.#byOwner.delete(owner);
    else this.#byOwner.set(owner, conditions);
    for (const condition of conditions) {
      const key = keyOf(condition);
      const count = this.#counts.get(key) ?? 0;
      this.#counts.set(key, count + 1);
      if (count === 0) this.#table.set(key, condition);
    }
    for (const condition of before) {
      const key = keyOf(condition);
      const count = (this.#counts.get(key) ?? 0) - 1;
      if (count > 0) this.#counts.set(key, count);
      else {
        this.#counts.delete(key);
        this.#table.delete(key);
      }
    }
  }

  list(): readonly Condition[] {
    return this.#table.list();
  }
}

/** Conditions of one list, each once and sorted. */
export function sortedConditions(conditions: readonly Condition[]): readonly Condition[] {
  const table = new ConditionTable();
  table.replace('all', conditions);
  return table.list();
}
