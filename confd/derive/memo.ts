/** Whether what something is made of changed: by identity, which costs nothing however large the inputs are. */

import { same } from '../same.ts';

export class InputWatch {
  #inputs: readonly unknown[] | null = null;

  /** True the first time, and whenever one of the inputs is another than before. */
  changed(...inputs: readonly unknown[]): boolean {
    const known = this.#inputs;
    const isKnown = known !== null && inputs.every((one, i) => Object.is(one, known[i]));
    this.#inputs = inputs;
    return !isKnown;
  }
}

/** Plain data that is made anew only when its inputs changed; what comes out equal stays the same object. */
export class Memo<T> {
  readonly #watch = new InputWatch();
  #value: { readonly made: T } | null = null;

  get(inputs: readonly unknown[], make: () => T): T {
    if (this.#watch.changed(...inputs) || this.#value === null) {
      const made = make();
      if (this.#value === null || !same(this.#value.made, made)) this.#value = { made };
    }
    return this.#value.made;
  }
}
