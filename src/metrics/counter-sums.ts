/**
 * Sums over things that come and go, as counters that never go down: what each thing counted since it was last looked
 * at is added, and what is gone leaves behind what it had counted until then.
 */

export class CounterSums {
  readonly #sums = new Map<string, number>();
  #last = new Map<string, number>();

  /** `things`: what there is now, each with a key of its own, the key of the sum it belongs to, and its count so far. */
  update(things: Iterable<{ readonly key: string; readonly sum: string; readonly count: number }>): void {
    const now = new Map<string, number>();
    for (const { key, sum, count } of things) {
      const before = this.#last.get(key) ?? 0;
      // A thing of the same name that began anew counts from 0 again.
      const gained = count >= before ? count - before : count;
      this.#sums.set(sum, (this.#sums.get(sum) ?? 0) + gained);
      now.set(key, count);
    }
    this.#last = now;
  }

  of(sum: string): number {
    return this.#sums.get(sum) ?? 0;
  }
}
