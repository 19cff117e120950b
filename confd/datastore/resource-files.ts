/**
 * From files to resources: what each file claims, which claim counts when several say the same name, and which events
 * lead from the last view to this one. Pure; directory.ts does the reading and watching.
 *
 * Claims are ordered by path and position in the file; the first one counts, the others are reported.
 */

import type { Condition } from '../desired-state.ts';
import { decodeObject, formatKey, type Resource, type ResourceKey, toCondition } from '../model/resource.ts';
import { formatPath } from '../model/schema.ts';
import type { ResourceEvent } from '../resource-store.ts';
import { documentSteps, type TextPosition } from './documents.ts';
import type { Steps } from './steps.ts';

/** One resource that a file defines. */
export interface Claim {
  readonly key: ResourceKey;
  /** Null: refused. */
  readonly resource: Resource | null;
  readonly conditions: readonly Condition[];
  /** `FILE:line:column` */
  readonly place: string;
}

export interface FileClaims {
  readonly claims: readonly Claim[];
  /** What is wrong with the file itself. */
  readonly conditions: readonly Condition[];
}

export type ReadOutcome =
  | { readonly ok: true; readonly file: FileClaims }
  | { readonly ok: false; readonly conditions: readonly Condition[] };

function place(path: string, position: TextPosition): string {
  return `${path}:${position.line}:${position.column}`;
}

/** What the text of a file claims, or the syntax errors that keep it from being read. `path` is for people. */
export function* readClaims(path: string, text: string): Steps<ReadOutcome> {
  const content = yield* documentSteps(text);
  if (!content.ok) {
    return {
      ok: false,
      conditions: content.errors.map((error) => ({
        resource: place(path, error),
        field: '',
        message: error.message,
        severity: 'error',
      })),
    };
  }
  const claims: Claim[] = [];
  const conditions: Condition[] = [];
  for (const object of content.objects) {
    yield;
    const decoded = decodeObject(object.value);
    if (decoded.outcome === 'ignored') continue;
    const { issues } = decoded;
    const key = decoded.outcome === 'accepted' ? decoded.resource : decoded.key;
    if (key === null) {
      for (const issue of issues) {
        const where = place(path, object.locate(issue.path));
        conditions.push({
          resource: where,
          field: formatPath(issue.path),
          message: issue.message,
          severity: issue.severity,
        });
      }
      continue;
    }
    claims.push({
      key: { kind: key.kind, name: key.name },
      resource: decoded.outcome === 'accepted' ? decoded.resource : null,
      conditions: issues.map((issue) => toCondition(key, issue, place(path, object.locate(issue.path)))),
      place: place(path, object.position),
    });
  }
  return { ok: true, file: { claims, conditions } };
}

export interface MergedClaims {
  /** The claim that counts, by `Kind/name`. */
  readonly winners: ReadonlyMap<string, Claim>;
  readonly conditions: readonly Condition[];
}

/** Puts files together, in order of path. */
export function mergeClaims(files: ReadonlyMap<string, FileClaims>): MergedClaims {
  const winners = new Map<string, Claim>();
  const conditions: Condition[] = [];
  for (const path of [...files.keys()].sort()) {
    const file = files.get(path);
    if (file === undefined) continue;
    conditions.push(...file.conditions);
    for (const claim of file.claims) {
      const name = formatKey(claim.key);
      const winner = winners.get(name);
      if (winner === undefined) winners.set(name, claim);
      else {
        conditions.push({
          resource: name,
          field: 'metadata.name',
          message: `${claim.place} defines it again: ${winner.place} counts`,
          severity: 'error',
        });
      }
    }
  }
  return { winners, conditions };
}

function sameContent(a: Claim, b: Claim): boolean {
  return (
    JSON.stringify(a.resource) === JSON.stringify(b.resource) &&
    JSON.stringify(a.conditions) === JSON.stringify(b.conditions)
  );
}

/** The events that lead from one view to the next, in order of kind and name. */
export function eventsBetween(before: ReadonlyMap<string, Claim>, after: ReadonlyMap<string, Claim>): ResourceEvent[] {
  const events: ResourceEvent[] = [];
  for (const name of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const old = before.get(name);
    const claim = after.get(name);
    if (claim === undefined) {
      if (old !== undefined) events.push({ type: 'deleted', key: old.key });
    } else if (old === undefined || (old !== claim && !sameContent(old, claim))) {
      const { key, resource, conditions } = claim;
      events.push(resource === null ? { type: 'refused', key, conditions } : { type: 'set', resource, conditions });
    }
  }
  return events;
}
