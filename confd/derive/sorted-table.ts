/**
 * Values by key, and the list of them in order of key. The list is made anew only where something changed, and a list
 * that was handed out is never changed: who kept it can compare it with the next one element by element, by identity.
 */

/** More changes than this part of the table are cheaper done by sorting. */
const PATCH_SHARE = 1 / 16;

export class SortedTable<T extends object> {
  readonly #values = new Map<string, T>();
  /** Keys of `#list`, at the same positions. */
  #keys: string[] = [];
  #list: readonly T[] = [];
  readonly #touched = new Set<string>();

  get size(): number {
    return this.#values.size;
  }

  get(key: string): T | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: T): void {
    if (this.#values.get(key) === value) return;
    this.#values.set(key, value);
    this.#touched.add(key);
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.#touched.add(key);
  }

  /** Replaces every value by what `change` makes of it; the same value means no change. */
  replaceAll(change: (value: T) => T): void {
    const before = this.list();
    let after: T[] | null = null;
    for (let i = 0; i < before.length; i++) {
      const value = change(before[i]);
      if (value === before[i]) continue;
      after ??= [...before];
      after[i] = value;
      this.#values.set(this.#keys[i], value);
    }
    this.#list = after ?? before;
  }

  /** Values in order of key; the same list as before when nothing changed. */
  list(): readonly T[] {
    if (this.#touched.size === 0) return this.#list;
    if (this.#touched.size > this.#values.size * PATCH_SHARE) this.#sort();
    else this.#patch();
    this.#touched.clear();
    return this.#list;
  }

  #sort(): void {
    this.#keys = [...this.#values.keys()].sort();
    this.#list = this.#keys.map((key) => this.#values.get(key) as T);
  }

  #patch(): void {
    const list = [...this.#list];
    for (const key of this.#touched) {
      const value = this.#values.get(key);
      const at = this.#position(key);
      const isThere = this.#keys[at] === key;
      if (value === undefined) {
        if (!isThere) continue;
        this.#keys.splice(at, 1);
        list.splice(at, 1);
      } else if (isThere) list[at] = value;
      else {
        this.#keys.splice(at, 0, key);
        list.splice(at, 0, value);
      }
    }
    this.#list = list;
  }

  /** Where the key is, or where it belongs. */
  #position(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys[middle] < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
