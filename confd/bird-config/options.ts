/** The options of a protocol by name: the last one counts, as in BIRD. */

import type { FilterUse, Option, OptionValue, Protocol } from './ast.ts';
import { BirdConfigError, type Position } from './diagnostic.ts';

/** Something that is accepted and means little or nothing here. */
export type Warn = (at: Position, message: string) => void;

export class Options {
  readonly protocol: Protocol;
  readonly #last = new Map<string, Option>();

  constructor(protocol: Protocol) {
    this.protocol = protocol;
    for (const option of protocol.options) this.#last.set(option.name, option);
  }

  get all(): Iterable<Option> {
    return this.#last.values();
  }

  has(name: string): boolean {
    return this.#last.has(name);
  }

  at(name: string): Position {
    return this.#last.get(name)?.at ?? this.protocol.end;
  }

  #value<K extends OptionValue['kind']>(name: string, kind: K): Extract<OptionValue, { kind: K }> | null {
    const value = this.#last.get(name)?.value;
    return value?.kind === kind ? (value as Extract<OptionValue, { kind: K }>) : null;
  }

  bool(name: string, otherwise: boolean): boolean {
    return this.#value(name, 'bool')?.value ?? otherwise;
  }

  number(name: string, otherwise: number): number {
    return this.#value(name, 'numbers')?.values[0] ?? otherwise;
  }

  numbers(name: string): readonly number[] | null {
    return this.#value(name, 'numbers')?.values ?? null;
  }

  text(name: string): string | null {
    return this.#value(name, 'text')?.value ?? null;
  }

  words(name: string): readonly string[] {
    return this.#value(name, 'words')?.words ?? [];
  }

  filter(name: string, otherwise: 'all' | 'none'): FilterUse {
    return this.#value(name, 'filter')?.filter ?? { kind: otherwise };
  }

  value<K extends OptionValue['kind']>(name: string, kind: K): Extract<OptionValue, { kind: K }> | null {
    return this.#value(name, kind);
  }

  /** Where one of several words was written last, as with `next hop self` and `next hop keep`. */
  lastOf(names: readonly string[]): string | null {
    return this.protocol.options.findLast(({ name }) => names.includes(name))?.name ?? null;
  }

  /** Refuses an option that says other than it is here; `value` is what may be said. */
  mustBe(name: string, value: boolean, why: string): void {
    if (this.has(name) && this.bool(name, value) !== value) {
      throw new BirdConfigError(this.at(name), `${name} ${value ? 'off' : 'on'} is not supported: ${why}`);
    }
  }

  refuse(name: string, why: string): void {
    if (this.has(name)) throw new BirdConfigError(this.at(name), `${name} is not supported: ${why}`);
  }
}

/** What all types of protocol have in common and we do not. */
export function checkCommonOptions(options: Options): void {
  const table = options.text('table');
  if (table !== null && table !== 'master') {
    throw new BirdConfigError(options.at('table'), `table ${table} is not supported: there is only master`);
  }
  for (const name of ['export limit', 'receive limit', 'import limit']) {
    if (name === 'import limit' && options.protocol.type === 'bgp') continue;
    if (name === 'receive limit' && options.protocol.type === 'bgp') continue;
    if (options.value(name, 'limit')?.limit != null) options.refuse(name, 'there is no such limit, wanted: off');
  }
}
