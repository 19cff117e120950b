/**
 * Who hears that a prefix has changed: update groups and the FIB. They keep their own queue, in which a prefix is
 * pending at most once, and read the tables when they get to it.
 */

import type { FamilyIndex } from '../bgp/family.ts';
import type { PathRow } from './paths.ts';
import type { PrefixHandle } from './prefix-table.ts';

export interface PrefixConsumer {
  /** Also called for changes of eligible paths that are not the best one (ADD-PATH groups). */
  readonly wantsAllPaths: boolean;
  /** Also called when the multipath set, or the resolution of a next hop in it, changes (FIB). */
  readonly wantsForwarding: boolean;
  /** The prefix has another best path, another effective set on it, or none any more. Must only take a note. */
  prefixChanged(family: FamilyIndex, prefix: PrefixHandle): void;
  /** Only with wantsAllPaths: `row` is about to be freed, its number will be given to another path. */
  pathRemoved(family: FamilyIndex, prefix: PrefixHandle, row: PathRow): void;
}
