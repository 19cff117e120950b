/**
 * A RIB for tests of what is sent: real tables, paths put in by hand, the best path being the one with the lowest
 * preference number. Attributes are real octets; `exported` is a stand-in for the export rules that a test can steer.
 */

import type { FamilyIndex } from '../../bgp/family.ts';
import { parsePrefix } from '../../bgp/ip.ts';
import { AttributeStore, type SetHandle } from '../../rib/attribute-store.ts';
import type { EncodingRules, ExportDecider, GroupSettings } from '../../rib/export-hook.ts';
import { NextHopTable } from '../../rib/next-hop.ts';
import { PathTable } from '../../rib/paths.ts';
import type { PeerIndex } from '../../rib/peer-table.ts';
import type { PrefixConsumer } from '../../rib/prefix-consumer.ts';
import { type PrefixHandle, PrefixTable } from '../../rib/prefix-table.ts';
import { ADVERTISED, NOT_ADVERTISED_POLICY } from '../../rib/reason.ts';

export class FakeRib {
  readonly sets = new AttributeStore(new NextHopTable());
  readonly prefixes: readonly [PrefixTable, PrefixTable] = [new PrefixTable(0), new PrefixTable(1)];
  readonly paths: readonly [PathTable, PathTable] = [new PathTable(), new PathTable()];
  readonly consumers: PrefixConsumer[] = [];
  readonly #preference = new Map<string, number>();

  addConsumer(consumer: PrefixConsumer): void {
    this.consumers.push(consumer);
  }

  removeConsumer(consumer: PrefixConsumer): void {
    this.consumers.splice(this.consumers.indexOf(consumer), 1);
  }

  intern(octets: Uint8Array): SetHandle {
    return this.sets.intern(octets, 0, octets.length);
  }

  handle(text: string): { family: FamilyIndex; prefix: PrefixHandle } {
    const { family, a, b, c, d, length } = parsePrefix(text)!;
    return { family, prefix: this.prefixes[family].insert(a, b, c, d, length) };
  }

  /** A path of a peer, in the place of the one that it had for the prefix. */
  announce(peer: PeerIndex, text: string, attributes: Uint8Array, preference: number): void {
    const { family, prefix } = this.handle(text);
    this.#unlink(family, prefix, peer);
    const paths = this.paths[family];
    const row = paths.allocate(prefix, peer, 0);
    const set = this.intern(attributes);
    this.sets.retain(set);
    paths.rowSet[row] = set;
    paths.rowEffective[row] = set;
    this.#preference.set(`${family} ${row}`, preference);
    const table = this.prefixes[family];
    let before = 0;
    for (let at = table.head[prefix]; at !== 0; at = paths.rowNext[at]) {
      if (this.#preference.get(`${family} ${at}`)! > preference) break;
      before = at;
    }
    if (before === 0) {
      paths.rowNext[row] = table.head[prefix];
      table.setHead(prefix, row);
    } else {
      paths.rowNext[row] = paths.rowNext[before];
      paths.rowNext[before] = row;
    }
    this.notify(family, prefix);
  }

  withdraw(peer: PeerIndex, text: string): void {
    const { family, prefix } = this.handle(text);
    this.#unlink(family, prefix, peer);
    this.notify(family, prefix);
    this.prefixes[family].removeIfUnused(prefix);
  }

  notify(family: FamilyIndex, prefix: PrefixHandle): void {
    for (const consumer of this.consumers) consumer.prefixChanged(family, prefix);
  }

  /** Rows of a prefix, best first. */
  rows(family: FamilyIndex, prefix: PrefixHandle): number[] {
    const rows: number[] = [];
    const paths = this.paths[family];
    for (let row = this.prefixes[family].head[prefix]; row !== 0; row = paths.rowNext[row]) rows.push(row);
    return rows;
  }

  #unlink(family: FamilyIndex, prefix: PrefixHandle, peer: PeerIndex): void {
    const paths = this.paths[family];
    const table = this.prefixes[family];
    let before = 0;
    for (let row = table.head[prefix]; row !== 0; before = row, row = paths.rowNext[row]) {
      if (paths.rowPeer[row] !== peer) continue;
      if (before === 0) table.setHead(prefix, paths.rowNext[row]);
      else paths.rowNext[before] = paths.rowNext[row];
      this.sets.release(paths.rowSet[row]);
      paths.free(row);
      return;
    }
  }
}

/** What a policy of the tests makes of a set's octets; null: not exported. */
export type Export = (attributes: Uint8Array) => Uint8Array | null;

export class FakeDecider implements ExportDecider {
  reason = ADVERTISED;
  readonly #rib: FakeRib;
  readonly #family: FamilyIndex;
  readonly #export: Export;

  constructor(rib: FakeRib, family: FamilyIndex, exported: Export) {
    this.#rib = rib;
    this.#family = family;
    this.#export = exported;
  }

  exportPath(row: number): SetHandle {
    const set = this.#rib.paths[this.#family].rowEffective[row];
    const octets = this.#export(this.#rib.sets.octetsOf(set).slice());
    if (octets === null) {
      this.reason = NOT_ADVERTISED_POLICY;
      return 0;
    }
    this.reason = ADVERTISED;
    return this.#rib.intern(octets);
  }
}

export const IPV4_RULES: EncodingRules = {
  family: 0,
  maxMessageOctets: 4096,
  addPath: false,
  fourOctetAs: true,
  extendedNextHop: false,
};

/** Settings of a group whose export is `exported`; `key` must tell different functions apart. */
export function fakeSettings(
  rib: FakeRib,
  encoding: Partial<EncodingRules> = {},
  key = 'all',
  exported: Export = (attributes) => attributes,
): GroupSettings {
  const rules = { ...IPV4_RULES, ...encoding };
  return {
    encoding: rules,
    exportKey: key,
    createDecider: () => new FakeDecider(rib, rules.family, exported),
  };
}

/** ORIGIN IGP, an AS path of one AS, NEXT_HOP, and `padding` octets of communities (a multiple of 4). */
export function ipv4Attributes(as: number, padding = 0): Uint8Array {
  return Uint8Array.from([
    ...[0x40, 1, 1, 0],
    ...[0x40, 2, 6, 2, 1, as >>> 24, (as >>> 16) & 255, (as >>> 8) & 255, as & 255],
    ...[0x40, 3, 4, 192, 0, 2, 1],
    ...communities(padding),
  ]);
}

/** As ipv4Attributes, with MP_REACH_NLRI of the family (RFC 8950 for IPv4). */
export function mpAttributes(family: FamilyIndex, as: number, padding = 0): Uint8Array {
  const nextHop = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
  return Uint8Array.from([
    ...[0x40, 1, 1, 0],
    ...[0x40, 2, 6, 2, 1, as >>> 24, (as >>> 16) & 255, (as >>> 8) & 255, as & 255],
    ...communities(padding),
    ...[0x80, 14, 21, 0, family === 0 ? 1 : 2, 1, 16, ...nextHop, 0],
  ]);
}

function communities(padding: number): number[] {
  if (padding === 0) return [];
  const value = Array.from({ length: padding }, (_, i) => i & 127);
  return padding > 255 ? [0xd0, 8, padding >>> 8, padding & 255, ...value] : [0xc0, 8, padding, ...value];
}
