/**
 * Recorded UPDATE streams of real Internet peers (../shared/corpora/real/README.md): where they are, what the index
 * expects of them, and the octets.
 */

import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { UpdateContext } from '../../bgp/wire/update-context.ts';

export interface StreamCounts {
  readonly announceV4?: number;
  readonly withdrawV4?: number;
  readonly announceV6?: number;
  readonly withdrawV6?: number;
  readonly finalPrefixes?: number;
  /** Relative to the folder of the corpus: `expect/<finalRibFile's name>`. */
  readonly finalRibFile?: string;
}

export interface StreamEntry {
  readonly id: string;
  readonly file: string;
  readonly peerAs: number;
  readonly peerIp: string;
  readonly asn4: boolean;
  readonly addPath: boolean;
  readonly messages: number;
  readonly bytes: number;
  readonly maxMessageLength?: number;
  /** LOCAL_PREF is in the messages: they come from an internal peer. */
  readonly ibgpLike?: boolean;
  readonly bgpdump: StreamCounts;
  /** Outcomes over all messages under the stream's own kind of session; absent where the corpus does not say. */
  readonly verdicts?: Readonly<Record<string, number>>;
  /** The same for an external session. */
  readonly verdictsEbgp?: Readonly<Record<string, number>>;
  readonly finalPrefixesIfRfc7607Applied?: number;
}

const REAL = new URL('../../../shared/corpora/real/', import.meta.url);

/** The streams, or null when the corpus is not installed. */
export function loadStreamIndex(): readonly StreamEntry[] | null {
  const index = new URL('streams-index.json', REAL);
  return existsSync(index) ? (JSON.parse(readFileSync(index, 'utf8')) as StreamEntry[]) : null;
}

/** The messages of a stream, one after another. */
export function readStream(entry: StreamEntry): Uint8Array {
  return gunzipSync(readFileSync(new URL(entry.file, REAL)));
}

/** The text of the table that the stream ends in; lines as the corpus describes them. */
export function readFinalRib(entry: StreamEntry): string | null {
  const { finalRibFile } = entry.bgpdump;
  return finalRibFile === undefined ? null : gunzipSync(readFileSync(new URL(finalRibFile, REAL))).toString('utf8');
}

/** The session that a stream is replayed under. */
export function streamContext(entry: StreamEntry): UpdateContext {
  return {
    asn4: entry.asn4,
    isInternal: entry.ibgpLike === true,
    isConfederationMember: false,
    families: [true, true],
    addPathReceive: [entry.addPath, entry.addPath],
    extendedNextHop: false,
  };
}
