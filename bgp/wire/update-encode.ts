/** UPDATE messages from plain values (RFC 4271 §4.3): what is sent one at a time, and what tests and tools send. */

import { FAMILY_AFI, FAMILY_IPV4, type FamilyIndex, SAFI_UNICAST } from '../family.ts';
import {
  ATTRIBUTE_MP_UNREACH_NLRI,
  FLAG_EXTENDED_LENGTH,
  FLAG_OPTIONAL,
  FLAG_TRANSITIVE,
  MESSAGE_UPDATE,
} from '../iana.ts';
import { writeNlri } from './attribute/multiprotocol.ts';
import { ATTRIBUTE_TABLE } from './attribute/table.ts';
import { finishMessage, startMessage } from './header.ts';
import type { AttributeValue, Nlri } from './message-types.ts';
import { fromHex, OctetWriter } from './octets.ts';

/** One attribute to send. Flags default to those of the table; `octets` (hexadecimal) is used when `value` is null. */
export interface AttributeContent {
  readonly code: number;
  readonly flags?: number;
  readonly value: AttributeValue | null;
  readonly octets?: string;
}

export interface UpdateContent {
  readonly withdrawn?: readonly Nlri[];
  readonly attributes?: readonly AttributeContent[];
  readonly nlri?: readonly Nlri[];
}

/** Encodes an UPDATE with attributes in the given order. The caller keeps it within the session's message length. */
export function encodeUpdate(content: UpdateContent, asn4 = true): Uint8Array {
  const withdrawn = new OctetWriter();
  writeNlri(withdrawn, content.withdrawn ?? []);
  const attributes = new OctetWriter();
  for (const attribute of content.attributes ?? []) writeAttribute(attributes, attribute, asn4);
  const writer = startMessage(MESSAGE_UPDATE, 256);
  writer.uint16(withdrawn.length).bytes(withdrawn.take());
  writer.uint16(attributes.length).bytes(attributes.take());
  writeNlri(writer, content.nlri ?? []);
  return finishMessage(writer);
}

function writeAttribute(writer: OctetWriter, attribute: AttributeContent, asn4: boolean): void {
  const descriptor = ATTRIBUTE_TABLE[attribute.code];
  const value = new OctetWriter();
  if (descriptor !== undefined && attribute.value !== null) descriptor.write(value, attribute.value, asn4);
  else value.bytes(fromHex(attribute.octets ?? '') ?? new Uint8Array(0));
  const flags = attribute.flags ?? descriptor?.flags ?? FLAG_OPTIONAL | FLAG_TRANSITIVE;
  const isExtended = value.length > 255 || (flags & FLAG_EXTENDED_LENGTH) !== 0;
  writer.uint8(isExtended ? flags | FLAG_EXTENDED_LENGTH : flags).uint8(attribute.code);
  if (isExtended) writer.uint16(value.length);
  else writer.uint8(value.length);
  writer.bytes(value.take());
}

/** End-of-RIB marker of a family (RFC 4724 §2). */
export function encodeEndOfRib(family: FamilyIndex): Uint8Array {
  if (family === FAMILY_IPV4) return encodeUpdate({});
  const value = { afi: FAMILY_AFI[family], safi: SAFI_UNICAST, nlri: [] };
  return encodeUpdate({ attributes: [{ code: ATTRIBUTE_MP_UNREACH_NLRI, value }] });
}
