/** What a question is about: the prefix that somebody named, or the one that an address is routed by. */

import type { FamilyIndex } from '../../../bgp/family.ts';
import { formatPrefix, parseAddress, parsePrefix } from '../../../bgp/ip.ts';
import type { PrefixHandle } from '../../../rib/prefix-table.ts';
import { findPrefix } from '../../../rib/rib-view.ts';
import type { ApiRefusal } from '../../api/refusal.ts';
import type { SpeakerCore } from '../core.ts';

export interface Subject {
  readonly family: FamilyIndex;
  readonly handle: PrefixHandle;
  readonly prefix: string;
}

/** The prefix in the tables, or why there is none. */
export function subjectOf(core: SpeakerCore, text: string): Subject | ApiRefusal {
  const wanted = parsePrefix(text);
  if (wanted === null) return { refused: `"${text}" is not a prefix or address`, status: 400 };
  const { family, a, b, c, d, length } = wanted;
  const table = core.rib.prefixes[family];
  const longest = table.longestMatch(a, b, c, d, length);
  const handle = parseAddress(text) === null ? findPrefix(core.rib, wanted) : longest;
  if (handle !== 0) return { family, handle, prefix: formatPrefix(table.describe(handle)) };
  const covering =
    longest === 0 ? 'and none that covers it' : `it is covered by ${formatPrefix(table.describe(longest))}`;
  return { refused: `there is no route for ${text}; ${covering}`, status: 404 };
}
