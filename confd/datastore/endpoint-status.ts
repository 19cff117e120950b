/**
 * The workloads of this host that are BGP peers, from the status files that Felix writes (section 3.8 of Calico's
 * semantics). A directory like any other, but flat, with one JSON object in each file whatever its name; when it is not
 * there, Felix has no workloads to speak of, and it may be made later.
 */

import { basename, join } from 'node:path';
import type { Condition } from '../desired-state.ts';
import { toCondition } from '../model/resource.ts';
import { readWorkloadEndpoint } from '../model/workload-endpoint.ts';
import { DirectoryDatastore, type DirectoryFormat, type DirectoryOptions } from './directory.ts';
import type { ReadOutcome } from './resource-files.ts';
import type { Steps } from './steps.ts';

/** Where Felix keeps its files, unless CALICO_ENDPOINT_STATUS_PATH_PREFIX says otherwise. */
export const DEFAULT_STATUS_PATH_PREFIX = '/var/run/calico';

/** What a status file says. Workloads that are no peers are not mentioned at all. */
export function readStatusFile(path: string, text: string): ReadOutcome {
  const problem = (message: string): ReadOutcome => {
    const condition: Condition = { resource: path, field: '', message, severity: 'error' };
    return { ok: false, conditions: [condition] };
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return problem(error instanceof Error ? error.message : String(error));
  }
  const name = basename(path);
  const { value, issues } = readWorkloadEndpoint(name, parsed);
  if (value === null) return problem(issues.map((issue) => issue.message).join('; '));
  if (value.bgpPeerName === null) return { ok: true, file: { claims: [], conditions: [] } };
  const key = { kind: 'WorkloadEndpoint', name } as const;
  const conditions = issues.map((issue) => toCondition(key, issue, path));
  return { ok: true, file: { claims: [{ key, resource: value, conditions, place: path }], conditions: [] } };
}

/** A file is small: one step. */
// biome-ignore lint/correctness/useYield: there is nothing to pause between.
function* statusSteps(path: string, text: string): Steps<ReadOutcome> {
  return readStatusFile(path, text);
}

const STATUS_FORMAT: DirectoryFormat = {
  accepts: () => true,
  isRecursive: false,
  read: statusSteps,
  missing: 'empty',
};

/** Follows the status files below `prefix`. */
export function openEndpointStatus(
  prefix: string = DEFAULT_STATUS_PATH_PREFIX,
  options: Partial<Omit<DirectoryOptions, 'format'>> = {},
): DirectoryDatastore {
  return new DirectoryDatastore(join(prefix, 'endpoint-status'), { ...options, format: STATUS_FORMAT });
}
