/**
 * Capabilities of the peer's OPEN (and of ours) in BIRD's words: one line of tokens in dialect 1.6, a list in dialect 2.
 * They are what was offered; what the session agreed on is the line `Session:`.
 */

import { FAMILY_AFI, type FamilyIndex, SAFI_UNICAST } from '../../bgp/family.ts';
import type { Capability } from '../../bgp/wire/capability.ts';
import { decodeOpen } from '../../bgp/wire/open.ts';

/** Of an OPEN as it went over the wire; none when it cannot be read. */
export function capabilitiesOf(octets: Uint8Array | null): readonly Capability[] {
  if (octets === null) return [];
  const decoded = decodeOpen(octets, 0, octets.length);
  return decoded.ok ? decoded.message.capabilities : [];
}

interface FamilyTag {
  readonly afi: number;
  readonly safi: number;
}

function isFamily(family: FamilyIndex): (one: FamilyTag) => boolean {
  return ({ afi, safi }) => afi === FAMILY_AFI[family] && safi === SAFI_UNICAST;
}

/** ` ipv4 ipv6`, of those that are listed. */
function names(families: readonly FamilyTag[]): string {
  return ([0, 1] as const)
    .map((family) => (families.some(isFamily(family)) ? ` ipv${family === 0 ? 4 : 6}` : ''))
    .join('');
}

function find<K extends Capability['kind']>(
  capabilities: readonly Capability[],
  kind: K,
): Extract<Capability, { kind: K }> | null {
  return (capabilities.find((one) => one.kind === kind) as Extract<Capability, { kind: K }> | undefined) ?? null;
}

/** Dialect 1.6: tokens, each after a blank. */
export function capabilityWords(capabilities: readonly Capability[], family: FamilyIndex): string {
  const restart = find(capabilities, 'graceful-restart');
  const longLived = find(capabilities, 'long-lived-graceful-restart');
  const addPath = find(capabilities, 'add-path')?.families.find(isFamily(family)) ?? null;
  const able = (families: readonly FamilyTag[]): string => (families.some(isFamily(family)) ? 'able' : 'aware');
  return [
    find(capabilities, 'route-refresh') === null ? '' : ' refresh',
    find(capabilities, 'enhanced-route-refresh') === null ? '' : ' enhanced-refresh',
    restart === null ? '' : ` restart-${able(restart.families)}`,
    longLived === null ? '' : ` llgr-${able(longLived.families)}`,
    find(capabilities, 'four-octet-as') === null ? '' : ' AS4',
    addPath?.receive === true ? ' add-path-rx' : '',
    addPath?.send === true ? ' add-path-tx' : '',
  ].join('');
}

/** Dialect 2. @param title `Local capabilities` or `Neighbor capabilities` */
export function capabilityBlock(title: string, capabilities: readonly Capability[]): string[] {
  const out = [`    ${title}`];
  const announced = capabilities.flatMap((one) => (one.kind === 'multiprotocol' ? [one] : []));
  if (announced.length > 0) out.push('      Multiprotocol', `        AF announced:${names(announced)}`);
  if (find(capabilities, 'route-refresh') !== null) out.push('      Route refresh');
  const nextHops = find(capabilities, 'extended-next-hop');
  if (nextHops !== null) out.push('      Extended next hop');
  if (find(capabilities, 'extended-message') !== null) out.push('      Extended message');
  const restart = find(capabilities, 'graceful-restart');
  if (restart !== null) {
    out.push('      Graceful restart', `        Restart time: ${restart.restartTimeSeconds}`);
    if (restart.restarted) out.push('        Restart recovery');
    const preserved = restart.families.filter(({ forwardingPreserved }) => forwardingPreserved);
    out.push(`        AF supported:${names(restart.families)}`, `        AF preserved:${names(preserved)}`);
  }
  if (find(capabilities, 'four-octet-as') !== null) out.push('      4-octet AS numbers');
  const addPath = find(capabilities, 'add-path');
  if (addPath !== null) {
    const [rx, tx] = [addPath.families.filter(({ receive }) => receive), addPath.families.filter(({ send }) => send)];
    out.push('      ADD-PATH');
    if (rx.length > 0) out.push(`        RX:${names(rx)}`);
    if (tx.length > 0) out.push(`        TX:${names(tx)}`);
  }
  if (find(capabilities, 'enhanced-route-refresh') !== null) out.push('      Enhanced refresh');
  if (find(capabilities, 'long-lived-graceful-restart') !== null) out.push('      Long-lived graceful restart');
  const role = find(capabilities, 'role');
  if (role !== null) out.push(`      Role: ${role.role.replace('-', '_')}`);
  return out;
}
