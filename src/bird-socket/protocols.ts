/**
 * The protocols that `show protocols` lists: static, kernel, device and direct under BIRD's automatic names (readers tell
 * the source of a route by them), then one BGP protocol for each peer under the name that Calico gives it.
 */

import { FAMILY_NAMES, type FamilyIndex } from '../../bgp/family.ts';
import { PEER_DIRECT, PEER_KERNEL, PEER_STATIC, type PeerIndex } from '../../rib/peer-table.ts';
import type { PeerDriver } from '../speaker/peer-driver.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { BFD_PROTOCOL, hasBfd } from './bfd.ts';
import { type Dialect, sinceTime } from './dialect.ts';
import { errorText } from './error-text.ts';

export type LocalKind = 'Static' | 'Kernel' | 'Device' | 'Direct' | 'BFD';

interface ProtocolBase {
  readonly name: string;
  /** Of the table column. */
  readonly table: string;
  readonly families: readonly FamilyIndex[];
  readonly sinceWallMs: number;
  /** `down`, `start` or `up`. */
  readonly state: string;
}

export interface LocalProtocol extends ProtocolBase {
  readonly kind: LocalKind;
  /** Source in the RIB; 0: none (device). */
  readonly source: PeerIndex;
}

export interface BgpProtocol extends ProtocolBase {
  readonly kind: 'BGP';
  readonly driver: PeerDriver;
}

export type Protocol = LocalProtocol | BgpProtocol;

const LOCAL_SOURCE: { readonly [K in LocalKind]: PeerIndex } = {
  Static: PEER_STATIC,
  Kernel: PEER_KERNEL,
  Device: 0,
  Direct: PEER_DIRECT,
  BFD: 0,
};

/** Name and table of the local protocols, in BIRD's order. */
function localNames(dialect: Dialect): readonly (readonly [string, LocalKind, string, readonly FamilyIndex[]])[] {
  const { families } = dialect;
  if (dialect.name === '1.6') {
    return [
      ['static1', 'Static', 'master', families],
      ['kernel1', 'Kernel', 'master', families],
      ['device1', 'Device', 'master', families],
      ['direct1', 'Direct', 'master', families],
    ];
  }
  return [
    ['device1', 'Device', '---', families],
    ['direct1', 'Direct', '---', families],
    ['kernel1', 'Kernel', 'master4', [0]],
    ['kernel2', 'Kernel', 'master6', [1]],
    ['static1', 'Static', 'master4', [0]],
    ['static2', 'Static', 'master6', [1]],
  ];
}

/** Name of the local protocol that a route of this family comes from. */
export function localProtocolName(dialect: Dialect, source: PeerIndex, family: FamilyIndex): string {
  const number = dialect.name === '2' && family === 1 && source !== PEER_DIRECT ? 2 : 1;
  return source === PEER_STATIC ? `static${number}` : source === PEER_KERNEL ? `kernel${number}` : `direct1`;
}

function bgpState(driver: PeerDriver): string {
  if (!isRunning(driver)) return 'down';
  return driver.session === null ? 'start' : 'up';
}

/** Not switched off by configuration or by hand. */
export function isRunning(driver: PeerDriver): boolean {
  return driver.config.enabled && !driver.isDisabled && driver.state.isStarted;
}

/** A speaker that has not read a configuration yet has no protocols; its socket is not open then. */
export function protocolsOf(speaker: Speaker, dialect: Dialect): Protocol[] {
  const bfd = hasBfd(speaker, dialect)
    ? ([[BFD_PROTOCOL, 'BFD', dialect.name === '1.6' ? 'master' : '---', dialect.families]] as const)
    : [];
  const local = [...localNames(dialect), ...bfd].map(
    ([name, kind, table, families]): LocalProtocol => ({
      name,
      kind,
      table,
      families,
      source: LOCAL_SOURCE[kind],
      sinceWallMs: speaker.startedWallMs,
      state: 'up',
    }),
  );
  const bgp = [...speaker.drivers.values()]
    .filter(({ config }) => dialect.families.some((family) => config.families.includes(FAMILY_NAMES[family])))
    .sort((x, y) => (x.name < y.name ? -1 : 1))
    .map(
      (driver): BgpProtocol => ({
        name: driver.name,
        kind: 'BGP',
        table: dialect.name === '1.6' ? 'master' : '---',
        families: dialect.families.filter((family) => driver.config.families.includes(FAMILY_NAMES[family])),
        sinceWallMs: driver.protocolSinceWallMs,
        state: bgpState(driver),
        driver,
      }),
    );
  return [...local, ...bgp];
}

/** The word of the info column and of `BGP state:`. */
export function bgpStateWord(driver: PeerDriver): string {
  if (!isRunning(driver)) return 'Down';
  const { fsmState, config } = driver;
  return fsmState === 'Active' && config.passive ? 'Passive' : fsmState;
}

function infoOf(protocol: Protocol): string {
  if (protocol.kind !== 'BGP') return '';
  const { driver } = protocol;
  const error = errorText(driver.state.lastDownReason);
  if (!isRunning(driver)) return error;
  return `${bgpStateWord(driver).padEnd(14)}${error}`;
}

function columns(dialect: Dialect, cells: readonly [string, string, string, string, string], info: string): string {
  const [name, proto, table, state, since] = cells.map((cell, index) => cell.padEnd(dialect.columns[index]));
  return `${name} ${proto} ${table} ${state}${dialect.sinceGap}${since}  ${info}`;
}

/** Lower case in both dialects: readers compare it word for word, and BIRD 2's own tools do not look. */
export function protocolsHeading(dialect: Dialect): string {
  return columns(dialect, ['name', 'proto', 'table', 'state', 'since'], 'info');
}

export function protocolRow(dialect: Dialect, protocol: Protocol, nowWallMs: number): string {
  const { name, kind, table, state, sinceWallMs } = protocol;
  const since = sinceTime(dialect, sinceWallMs, nowWallMs);
  return columns(dialect, [name, kind, table, state, since], infoOf(protocol));
}
