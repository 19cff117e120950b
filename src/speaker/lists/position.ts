/**
 * Where a list stands: a family and a number in its table. Prefixes and paths keep their number for as long as they are
 * there, so a list that is read page by page shows everything that was there all the time exactly once.
 */

import type { FamilyIndex } from '../../../bgp/family.ts';
import { collectPage, type Items, type Page } from '../../api/items.ts';
import type { ApiRefusal } from '../../api/refusal.ts';
import type { Paging } from '../../api/source.ts';

export class Position {
  family: FamilyIndex = 0;
  /** What comes next; 1 is the first. */
  at = 1;

  /** The reverse of toString; null: that is no position. */
  static read(text: string): Position | null {
    const match = /^([46])-([1-9]\d{0,9})$/.exec(text);
    if (match === null) return null;
    const position = new Position();
    position.family = match[1] === '4' ? 0 : 1;
    position.at = Number(match[2]);
    return position;
  }

  toString(): string {
    return `${this.family === 0 ? 4 : 6}-${this.at}`;
  }

  /** Goes on to a family; false: the list is past it already. */
  enter(family: FamilyIndex): boolean {
    if (family < this.family) return false;
    if (family > this.family) this.at = 1;
    this.family = family;
    return true;
  }
}

/** A list as a stream, or the page of it that was asked for. */
export function listed<T>(
  { limit, cursor }: Paging,
  list: (position: Position | null) => Items<T>,
): Items<T> | Promise<Page<T>> | ApiRefusal {
  if (limit === undefined && cursor === undefined) return list(null);
  const position = cursor === undefined ? new Position() : Position.read(cursor);
  if (position === null) return { refused: `cursor "${cursor}": wanted one that the page before gave`, status: 400 };
  return collectPage(list(position), limit ?? DEFAULT_LIMIT, () => position.toString());
}

const DEFAULT_LIMIT = 1000;
