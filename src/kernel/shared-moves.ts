/**
 * Routes that move together: when all routes of a next-hop group come to want the same other next hops, the group is
 * changed instead of the routes, in one request however many they are. That is what a failed gateway, or one more or less
 * in an ECMP set, looks like from here. Whoever wants something else leaves the group before that.
 */

import type { PrefixHandle } from '../../rib/prefix-table.ts';
import type { FibHop } from './fib.ts';
import { hopsKey, type NextHopGroup, type NextHopObjects } from './next-hop-objects.ts';
import type { OwnRoutes } from './own-routes.ts';

/** A group that is to lead elsewhere, and whom it takes along, by family. */
export interface SharedMove {
  readonly group: NextHopGroup;
  readonly hops: readonly FibHop[];
  readonly handles: readonly [PrefixHandle[], PrefixHandle[]];
}

interface Tally {
  count: number;
  /** By content. */
  readonly targets: Map<string, SharedMove>;
}

/**
 * Looks at the prefixes that wait in `moving`. Those that can move together are returned, and are in no set any more;
 * those that cannot become dirty; those whose fate depends on dirty prefixes still to be written stay, unless
 * `isLastCall`.
 */
export function planSharedMoves(
  own: readonly [OwnRoutes, OwnRoutes],
  objects: NextHopObjects,
  isLastCall: boolean,
): SharedMove[] {
  const tallies = tally(own, objects);
  const mayWait = !isLastCall && own[0].dirty.count + own[1].dirty.count > 0;
  const moves: SharedMove[] = [];
  for (const [group, { count, targets }] of tallies) {
    const all = [...targets.values()].sort((x, y) => size(y) - size(x));
    const [largest, ...others] = all;
    const isWhole = count === group.routes;
    if (isWhole && others.length === 0) {
      for (const { moving, family } of own) for (const handle of largest.handles[family]) moving.delete(handle);
      moves.push(largest);
      continue;
    }
    // Once the others have left, the rest is whole.
    const alone = isWhole ? others : mayWait ? [] : all;
    for (const move of alone) {
      for (const routes of own) for (const handle of move.handles[routes.family]) routes.moveAlone(handle);
    }
  }
  return moves;
}

function tally(own: readonly [OwnRoutes, OwnRoutes], objects: NextHopObjects): Map<NextHopGroup, Tally> {
  const tallies = new Map<NextHopGroup, Tally>();
  const keys = new Map<readonly FibHop[], string | null>();
  for (const routes of own) {
    const { moving, family } = routes;
    for (let handle = moving.next(0); handle >= 0; handle = moving.next(handle + 1)) {
      const group = routes.groupOf(handle);
      const hops = routes.wantedEntry(handle)?.hops;
      if (hops !== undefined && !keys.has(hops)) keys.set(hops, objects.canHave(hops) ? hopsKey(hops) : null);
      const key = hops === undefined ? null : (keys.get(hops) ?? null);
      if (group === null || hops === undefined || key === null) {
        routes.moveAlone(handle);
        continue;
      }
      let entry = tallies.get(group);
      if (entry === undefined) {
        entry = { count: 0, targets: new Map() };
        tallies.set(group, entry);
      }
      let move = entry.targets.get(key);
      if (move === undefined) {
        move = { group, hops, handles: [[], []] };
        entry.targets.set(key, move);
      }
      entry.count++;
      move.handles[family].push(handle);
    }
  }
  return tallies;
}

function size({ handles }: SharedMove): number {
  return handles[0].length + handles[1].length;
}
