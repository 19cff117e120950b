/**
 * What UpdateReader makes of one UPDATE, told the way the full decoder tells it, so that tests can hold the two against
 * each other.
 */

import type { FamilyIndex } from '../../bgp/family.ts';
import { TREATMENT_OK, TREATMENT_RESET, TREATMENT_WITHDRAW, type Treatment } from '../../bgp/wire/error.ts';
import type { Nlri } from '../../bgp/wire/message-types.ts';
import { decodeNlri } from '../../bgp/wire/nlri.ts';
import { decodeAttributes, type PathAttributes } from '../../bgp/wire/path-attributes.ts';
import { CARRIER_CLASSIC, CARRIER_MULTIPROTOCOL, type UpdateReader } from '../../bgp/wire/update-reader.ts';

export interface ReaderOutcome {
  readonly treatment: Treatment;
  /** `code/subcode` of the NOTIFICATION; only when the treatment is a session reset. */
  readonly notification: string | null;
  readonly endOfRib: FamilyIndex | -1;
  /** Prefixes by family that the reader says to withdraw explicitly, and that it found announced. */
  readonly withdrawn: readonly (readonly Nlri[])[];
  readonly announced: readonly (readonly Nlri[])[];
  /** Canonical attributes by carrier; null when that carrier announces nothing or must not be used. */
  readonly classic: PathAttributes | null;
  readonly multiprotocol: PathAttributes | null;
  readonly classicBlock: Uint8Array | null;
}

/** Reads [start, end) and walks everything that a RIB would walk. */
export function readOutcome(reader: UpdateReader, octets: Uint8Array, start: number, end: number): ReaderOutcome {
  let treatment = reader.read(octets, start, end);
  const withdrawn: Nlri[][] = [[], []];
  const announced: Nlri[][] = [[], []];
  let classic: PathAttributes | null = null;
  let multiprotocol: PathAttributes | null = null;
  let classicBlock: Uint8Array | null = null;
  if (treatment !== TREATMENT_RESET) {
    const hasPathIds = reader.context.addPathReceive;
    const prefixes = (family: FamilyIndex, from: number, to: number): Nlri[] =>
      decodeNlri(family, reader.octets, from, to, hasPathIds[family]);
    withdrawn[0].push(...prefixes(0, reader.withdrawnStart, reader.withdrawnEnd));
    announced[0].push(...prefixes(0, reader.nlriStart, reader.nlriEnd));
    if (reader.mpUnreachFamily !== -1)
      withdrawn[reader.mpUnreachFamily].push(
        ...prefixes(reader.mpUnreachFamily, reader.mpUnreachStart, reader.mpUnreachEnd),
      );
    if (reader.mpReachFamily !== -1)
      announced[reader.mpReachFamily].push(...prefixes(reader.mpReachFamily, reader.mpReachStart, reader.mpReachEnd));
    const useBlock = (carrier: 0 | 1): PathAttributes | null => {
      reader.selectBlock(carrier);
      const blockTreatment = reader.canonicalise();
      if (blockTreatment > treatment) treatment = blockTreatment;
      if (blockTreatment >= TREATMENT_WITHDRAW) return null;
      if (carrier === CARRIER_CLASSIC) classicBlock = reader.blockOctets.slice(reader.blockStart, reader.blockEnd);
      return decodeAttributes(reader.blockOctets, reader.blockStart, reader.blockEnd);
    };
    if (treatment === TREATMENT_OK) {
      if (reader.nlriStart < reader.nlriEnd) classic = useBlock(CARRIER_CLASSIC);
      if (reader.mpReachStart < reader.mpReachEnd) multiprotocol = useBlock(CARRIER_MULTIPROTOCOL);
    }
  }
  // Attributes of an UPDATE that announces nothing are judged by `read` itself.
  for (const found of reader.findings) if (found.treatment > treatment) treatment = found.treatment;
  const { notification } = reader;
  return {
    treatment,
    notification: notification === null ? null : `${notification.code}/${notification.subcode}`,
    endOfRib: reader.endOfRib,
    withdrawn,
    announced,
    classic,
    multiprotocol,
    classicBlock,
  };
}
