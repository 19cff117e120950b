/**
 * A support dump: everything that decides what this speaker does, as a list of parts: the configuration in force, what
 * the kernel told, who the peers are and all that they have sent (Adj-RIB-In), and for people the views of the API and the
 * recent lines of the log. replay.ts makes a speaker of it again. What is said here about format 1 is what replay reads.
 *
 * Passwords do not leave the daemon: the configuration has none, and wherever else one stands it is replaced.
 */

import { FAMILY_NAMES, type FamilyIndex } from '../../bgp/family.ts';
import { formatPrefix } from '../../bgp/ip.ts';
import type { NegotiatedSession } from '../../bgp/negotiated.ts';
import type { DrainExport } from '../../rib/export-rules.ts';
import type { SessionEnds } from '../../rib/peer-table.ts';
import type { Rib } from '../../rib/rib.ts';
import { HIDDEN_PASSWORD, type RunningPart, runningParts } from '../api/running.ts';
import type { View } from '../api/schema.ts';
import type { InterfaceAddress, KernelLink, KernelRoute } from '../kernel/fib.ts';
import type { RecentLine } from '../log/recent.ts';
import type { SpeakerCore } from '../speaker/core.ts';
import { explainPeer } from '../speaker/explain/peer.ts';
import type { PeerDriver } from '../speaker/peer-driver.ts';
import type { Speaker } from '../speaker/speaker.ts';
import type { RecordedMessageView } from './recorder.ts';

export const DUMP_FORMAT = 1;
/** Paths of Adj-RIB-In in a dump; of more, `end` says that it is not all. */
const MAX_DUMP_PATHS = 2_000_000;
/** Foreign routes of the kernel in a dump. */
const MAX_DUMP_ROUTES = 200_000;
/** Rows looked at before sockets have their turn. */
const ROWS_PER_PART = 1000;

/** Who the peer is to the tables. */
export interface DumpedSession {
  readonly session: NegotiatedSession | null;
  readonly ends: SessionEnds | null;
  /** False: the session is over, its paths are kept (graceful restart). */
  readonly isUp: boolean;
  readonly drain: DrainExport;
}

export type DumpPart =
  /** First of all. */
  | {
      readonly part: 'dump';
      readonly format: number;
      readonly version: string;
      readonly createdAt: string;
      readonly nodeVersion: string;
      readonly platform: string;
    }
  | { readonly part: 'running'; readonly value: RunningPart }
  | { readonly part: 'status'; readonly value: View<'Status'> }
  | { readonly part: 'link'; readonly value: KernelLink }
  | { readonly part: 'address'; readonly value: InterfaceAddress }
  | { readonly part: 'kernel-route'; readonly value: KernelRoute }
  | {
      readonly part: 'peer';
      readonly name: string;
      readonly view: View<'PeerDetail'>;
      readonly explanation: View<'PeerExplanation'>;
      readonly session: DumpedSession;
    }
  | { readonly part: 'originated'; readonly value: View<'Originated'> }
  | { readonly part: 'next-hop'; readonly value: View<'NextHop'> }
  | { readonly part: 'kernel-failure'; readonly value: object }
  /** Paths of one peer with the same attributes: canonical octets in base64, prefixes with their path ids. */
  | {
      readonly part: 'paths';
      readonly peer: string;
      readonly family: FamilyIndex;
      readonly attributes: string;
      readonly paths: readonly (readonly [prefix: string, pathId: number])[];
    }
  | { readonly part: 'log'; readonly value: View<'RecentLine'> }
  | { readonly part: 'message'; readonly value: RecordedMessageView }
  /** Last of all: without it the file is cut off. */
  | { readonly part: 'end'; readonly paths: number; readonly isWhole: boolean };

/** Replaces what must not be told. */
function redactor(secrets: readonly string[]): <T>(value: T) => T {
  // As they stand inside JSON strings; the longest first, as one may be the beginning of another.
  const escaped = secrets.map((secret) => JSON.stringify(secret).slice(1, -1)).sort((x, y) => y.length - x.length);
  return (value) => {
    const text = JSON.stringify(value);
    const hits = escaped.filter((secret) => secret !== '' && text.includes(secret));
    if (hits.length === 0) return value;
    const redacted = hits.reduce((rest, secret) => rest.replaceAll(secret, HIDDEN_PASSWORD), text);
    try {
      return JSON.parse(redacted);
    } catch {
      // A secret that looks like a piece of JSON: then the part is left out as a whole.
      return { part: 'hidden' };
    }
  };
}

export function* dumpParts(
  speaker: Speaker,
  nextHops: Iterable<View<'NextHop'> | undefined>,
  recent: readonly RecentLine[],
): Generator<DumpPart | undefined> {
  const { core, running } = speaker;
  const passwords = (running?.peers ?? []).flatMap(({ session }) => session.password ?? []);
  const hide = redactor([...new Set(passwords)]);
  yield {
    part: 'dump',
    format: DUMP_FORMAT,
    version: speaker.version,
    createdAt: new Date(speaker.clock.wallMs()).toISOString(),
    nodeVersion: process.version,
    platform: `${process.platform} ${process.arch}`,
  };
  yield hide({ part: 'status', value: speaker.views.status() });
  if (core !== null && running !== null) {
    for (const value of runningParts(running)) yield hide({ part: 'running', value });
    yield* kernelParts(core);
    for (const value of speaker.agentRoutes.views()) yield hide({ part: 'originated', value });
    for (const driver of [...speaker.drivers.values()]) {
      const view = speaker.views.peer(driver.name);
      if (!('refused' in view)) yield hide(peerPart(speaker, core, driver, view));
    }
    for (const value of nextHops) yield value === undefined ? undefined : { part: 'next-hop', value };
  }
  for (const { atWallMs, ...line } of recent) {
    yield hide({ part: 'log', value: { at: new Date(atWallMs).toISOString(), ...line, fields: { ...line.fields } } });
  }
  for (const value of speaker.recorder?.views() ?? []) yield { part: 'message', value };
  let paths = 0;
  let isWhole = true;
  if (core !== null) {
    for (const part of pathParts(core.rib)) {
      if (part === undefined || part.part !== 'paths') yield part;
      else if (paths + part.paths.length > MAX_DUMP_PATHS) isWhole = false;
      else {
        paths += part.paths.length;
        yield part;
      }
      if (!isWhole) break;
    }
  }
  yield { part: 'end', paths, isWhole };
}

function* kernelParts({ fib, sync }: SpeakerCore): Generator<DumpPart | undefined> {
  for (const value of fib.links()) yield { part: 'link', value };
  for (const value of fib.addresses()) yield { part: 'address', value };
  let routes = 0;
  for (const value of sync.view.routes()) {
    if (routes++ === MAX_DUMP_ROUTES) break;
    yield { part: 'kernel-route', value };
  }
  for (const { prefix, reason, message } of fib.failures()) {
    yield { part: 'kernel-failure', value: { prefix: formatPrefix(prefix), reason, message } };
  }
}

function peerPart(speaker: Speaker, { rib }: SpeakerCore, driver: PeerDriver, view: View<'PeerDetail'>): DumpPart {
  const state = rib.peers.get(driver.ribIndex);
  return {
    part: 'peer',
    name: driver.name,
    view,
    explanation: explainPeer(speaker, driver, null),
    session: {
      session: state?.session ?? null,
      ends: state?.ends ?? null,
      isUp: state?.isUp ?? false,
      drain: driver.drain,
    },
  };
}

/** Adj-RIB-In of everybody in the order of the table, so many rows at a time. */
function* pathParts(rib: Rib): Generator<DumpPart | undefined> {
  for (const [index] of FAMILY_NAMES.entries()) {
    const family = index as FamilyIndex;
    const { prefixes, paths } = rib.families[family];
    for (let from = 1; from < paths.end; from += ROWS_PER_PART) {
      const byKey = new Map<string, { peer: string; set: number; paths: [string, number][] }>();
      const stop = Math.min(paths.end, from + ROWS_PER_PART);
      for (let row = from; row < stop; row++) {
        const handle = paths.rowPrefix[row];
        const peer = paths.rowPeer[row];
        // Local paths come from configuration and kernel again.
        if (handle === 0 || rib.peers.get(peer) === null) continue;
        const set = paths.rowSet[row];
        const key = `${peer} ${set}`;
        let group = byKey.get(key);
        if (group === undefined) {
          group = { peer: rib.peers.nameOf(peer), set, paths: [] };
          byKey.set(key, group);
        }
        group.paths.push([formatPrefix(prefixes.describe(handle)), paths.pathIdOf(row)]);
      }
      for (const { peer, set, paths: list } of byKey.values()) {
        const attributes = Buffer.from(rib.sets.octetsOf(set)).toString('base64');
        yield { part: 'paths', peer, family, attributes, paths: list };
      }
      // The slice may end here; what the next rows are is looked up anew.
      yield undefined;
    }
  }
}
