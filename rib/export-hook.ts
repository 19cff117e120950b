/**
 * The one call that update groups make into the export rules (rib/export-rules.ts implements it): may the members of
 * the group hear this path, and with which attributes. Everything that the answer depends on, apart from the path, is
 * the same for all members of a group; `exportKey` names it.
 */

import type { FamilyIndex } from '../bgp/family.ts';
import type { SetHandle } from './attribute-store.ts';
import type { PathRow } from './paths.ts';
import type { NotAdvertisedReason } from './reason.ts';

export interface ExportDecider {
  /**
   * The attribute set to send for an eligible path (canonical octets without code 0, possibly a new set with reference
   * count 0), or 0: not advertised, `reason` says why. That a peer does not hear its own paths is not decided here.
   */
  exportPath(row: PathRow): SetHandle;
  /** Why the last answer was 0. */
  readonly reason: NotAdvertisedReason;
}

/** How UPDATEs to the members of a group are written: what their OPEN messages agreed on. */
export interface EncodingRules {
  readonly family: FamilyIndex;
  /** 4096, or 65535 with extended messages (RFC 8654). */
  readonly maxMessageOctets: number;
  /** Path identifiers are written and all paths are sent (RFC 7911). */
  readonly addPath: boolean;
  /** False: AS numbers are written with two octets and AS4_PATH where needed (RFC 6793). */
  readonly fourOctetAs: boolean;
  /** RFC 8950: IPv4 routes are withdrawn in MP_UNREACH_NLRI too. */
  readonly extendedNextHop: boolean;
}

/** What makes a peer a member of one group of a family and not of another. */
export interface GroupSettings {
  readonly encoding: EncodingRules;
  /** Equal keys promise equal answers of the deciders. */
  readonly exportKey: string;
  /** Called once for each group that is made. */
  createDecider(): ExportDecider;
}

/** The identity of the group that these settings put a peer into. */
export function groupKey(settings: GroupSettings): string {
  const { family, maxMessageOctets, addPath, fourOctetAs, extendedNextHop } = settings.encoding;
  return `${family} ${maxMessageOctets} ${+addPath}${+fourOctetAs}${+extendedNextHop} ${settings.exportKey}`;
}
