/**
 * Changes of best paths for one reader of events. What waits is one bit for a prefix however often it changes, so a slow
 * reader costs nothing more and is told the latest state when it gets to it; nothing is lost. A prefix that waits is held
 * in the table, as its number must not be given to another one meanwhile.
 */

import { FAMILY_NAMES, type FamilyIndex } from '../../../bgp/family.ts';
import { formatPrefix } from '../../../bgp/ip.ts';
import { DirtySet } from '../../../rib/dirty-set.ts';
import type { PrefixConsumer } from '../../../rib/prefix-consumer.ts';
import type { PrefixHandle } from '../../../rib/prefix-table.ts';
import type { Rib } from '../../../rib/rib.ts';
import type { View } from '../../api/schema.ts';
import type { ListFilter } from '../lists/filter.ts';
import { type OriginOf, routeView } from '../lists/loc-rib.ts';

/** Changed prefixes that the filter does not mean, looked at in a row. */
const FRUITLESS_PREFIXES = 1000;

export class RouteWatch implements PrefixConsumer {
  readonly wantsAllPaths = false;
  readonly wantsForwarding = false;
  readonly #rib: Rib;
  readonly #filter: ListFilter;
  readonly #originOf: OriginOf;
  readonly #changed: () => void;
  readonly #dirty: readonly [DirtySet, DirtySet] = [new DirtySet(), new DirtySet()];
  /** How far each table has been walked for a reader that wants all of it; 0: not, or to its end. */
  readonly #walk: [PrefixHandle, PrefixHandle] = [0, 0];
  /** With a filter that looks at paths: prefixes that were told, so that it can be told when they match no more. */
  readonly #told: readonly [DirtySet, DirtySet] = [new DirtySet(), new DirtySet()];

  constructor(rib: Rib, filter: ListFilter, originOf: OriginOf, changed: () => void) {
    this.#rib = rib;
    this.#filter = filter;
    this.#originOf = originOf;
    this.#changed = changed;
    rib.addConsumer(this);
  }

  /** Tells everything that is there now, too: the tables are walked as the reader takes it. */
  tellAll(): void {
    for (const family of this.#filter.families) this.#walk[family] = 1;
    this.#changed();
  }

  prefixChanged(family: FamilyIndex, prefix: PrefixHandle): void {
    if (!this.#filter.families.includes(family) || !this.#dirty[family].add(prefix)) return;
    this.#rib.prefixes[family].hold(prefix);
    this.#changed();
  }

  pathRemoved(): void {}

  /** The next change; undefined: looked for a while and found none that is meant; null: nothing waits. */
  take(): View<'RouteEvent'> | undefined | null {
    for (let looked = 0; looked < FRUITLESS_PREFIXES; looked++) {
      const family = this.#filter.families.find((one) => this.#dirty[one].count > 0 || this.#walk[one] !== 0);
      if (family === undefined) return null;
      const event = this.#dirty[family].count > 0 ? this.#takeChanged(family) : this.#takeWalked(family);
      if (event !== null) return event;
    }
    return undefined;
  }

  #takeChanged(family: FamilyIndex): View<'RouteEvent'> | null {
    const handle = this.#dirty[family].take();
    const event = this.#event(family, handle);
    this.#rib.prefixes[family].release(handle);
    return event;
  }

  #takeWalked(family: FamilyIndex): View<'RouteEvent'> | null {
    const { end, head } = this.#rib.prefixes[family];
    const handle = this.#walk[family];
    this.#walk[family] = handle + 1 < end ? handle + 1 : 0;
    return handle < end && head[handle] !== 0 ? this.#event(family, handle) : null;
  }

  close(): void {
    this.#rib.removeConsumer(this);
    for (const family of [0, 1] as const) {
      for (const set of [this.#dirty[family], this.#told[family]]) {
        while (set.count > 0) this.#rib.prefixes[family].release(set.take());
      }
    }
  }

  /** Null: this change is not meant. */
  #event(family: FamilyIndex, handle: PrefixHandle): View<'RouteEvent'> | null {
    const rib = this.#rib;
    const filter = this.#filter;
    const table = rib.prefixes[family];
    const prefix = table.describe(handle);
    if (!filter.concerns(prefix)) return null;
    const best = rib.best(family, handle);
    const paths = rib.paths[family];
    const isMeant =
      best !== 0 &&
      (filter.source === null || paths.rowPeer[best] === filter.source) &&
      filter.matchesSet(paths.rowEffective[best]);
    const told = this.#told[family];
    const wasTold = told.has(handle);
    const gone = { prefix: formatPrefix(prefix), family: FAMILY_NAMES[family], best: null };
    if (!isMeant) {
      if (!filter.looksAtPaths) return gone;
      if (!wasTold) return null;
      told.delete(handle);
      table.release(handle);
      return gone;
    }
    if (filter.looksAtPaths && !wasTold) {
      told.add(handle);
      table.hold(handle);
    }
    const shown = routeView(rib, family, handle, null, this.#originOf).paths.find((path) => path.best);
    return { ...gone, best: shown ?? null };
  }
}
