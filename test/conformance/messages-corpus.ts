/**
 * The corpus of messages that other implementations use as tests, in the format of ../shared/corpora/README.md: one
 * JSON object a line, with the octets, the context they arrive under, the outcomes that count as right and a neutral
 * decode.
 */

import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { UpdateContext } from '../../bgp/wire/update-context.ts';

export interface NeutralNlri {
  readonly prefix: string;
  readonly pathId?: number;
}

export interface NeutralAttribute {
  readonly code: number;
  readonly name: string;
  /** Flags octet in hexadecimal. */
  readonly flags: string;
  readonly value?: unknown;
  readonly hex?: string;
  readonly handling?: 'forward-with-partial' | 'ignore';
}

export interface NeutralUpdate {
  readonly type: 'UPDATE';
  readonly withdrawn: readonly NeutralNlri[];
  readonly attrs: readonly NeutralAttribute[];
  readonly nlri: readonly NeutralNlri[];
  readonly eor?: string;
}

export interface NeutralCapability {
  readonly code: number;
  readonly hex?: string;
  readonly malformed?: boolean;
  readonly [field: string]: unknown;
}

export interface NeutralOpen {
  readonly type: 'OPEN';
  readonly version: number;
  readonly myAs: number;
  readonly asn?: number;
  readonly holdTime: number;
  readonly bgpId: string;
  readonly capabilities?: readonly NeutralCapability[];
}

export interface NeutralNotification {
  readonly type: 'NOTIFICATION';
  readonly code: number;
  readonly subcode: number;
  readonly dataHex: string;
  readonly shutdownCommunication?: string;
}

export interface NeutralRouteRefresh {
  readonly type: 'ROUTE-REFRESH';
  readonly afi: number;
  readonly safi: number;
  readonly subtype: number;
  readonly orfHex?: string;
}

export type NeutralMessage =
  | NeutralUpdate
  | NeutralOpen
  | NeutralNotification
  | NeutralRouteRefresh
  | { readonly type: 'KEEPALIVE' };

export interface CorpusLine {
  readonly id: string;
  readonly type: string;
  readonly hex: string;
  readonly context?: {
    readonly asn4: boolean;
    readonly ibgp: boolean;
    readonly addPath?: readonly string[];
    readonly extMsg?: boolean;
    readonly confed?: boolean;
  };
  readonly treatment: string;
  readonly accept: readonly string[];
  readonly scope?: string;
  readonly decoded?: NeutralMessage | null;
}

const CORPORA = new URL('../../../shared/corpora/', import.meta.url);

/** The files to check: MESSAGES (several with `,`), or the open corpus where it is installed. */
export function corpusFiles(): readonly string[] {
  const chosen = process.env.MESSAGES;
  if (chosen !== undefined && chosen !== '') return chosen.split(',');
  return ['messages.jsonl', 'cve-triggers.jsonl'].map((name) => new URL(name, CORPORA).pathname);
}

/** The lines of the files that exist, and a sentence about those that do not. */
export function loadCorpus(): { readonly lines: readonly CorpusLine[]; readonly missing: string | null } {
  const files = corpusFiles();
  const missing = files.filter((file) => !existsSync(file));
  // Who names a file wants it checked.
  if (missing.length > 0 && process.env.MESSAGES !== undefined)
    throw new Error(`MESSAGES: no file ${missing.join(', ')}`);
  const lines = files
    .filter((file) => existsSync(file))
    .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
    .filter((text) => text.trim() !== '')
    .map((text) => JSON.parse(text) as CorpusLine);
  return {
    lines,
    missing: missing.length === 0 ? null : `not installed: ${missing.map((file) => basename(file)).join(', ')}`,
  };
}

/** The negotiated state that a line's octets are to be read under. */
export function updateContextOfLine(line: CorpusLine): UpdateContext {
  const addPath = line.context?.addPath ?? [];
  return {
    asn4: line.context?.asn4 ?? true,
    isInternal: line.context?.ibgp ?? false,
    isConfederationMember: line.context?.confed ?? false,
    families: [true, true],
    addPathReceive: [addPath.includes('1/1'), addPath.includes('2/1')],
    extendedNextHop: true,
  };
}
