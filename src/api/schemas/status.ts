/** The daemon in one page. */

import * as z from 'zod';
import { Condition, Count, Time, Uint32 } from './common.ts';
import { Drain, Recovery } from './maintenance.ts';

const Table = z.object({ prefixes: Count, paths: Count });

export const Status = z.object({
  version: z.string(),
  nodeName: z.string().nullable(),
  routerId: z.string(),
  localAs: Uint32,
  startedAt: Time,
  uptimeSeconds: Count,
  desiredRevision: z.string().describe('revision of the configuration that was read last'),
  appliedRevision: z.string().describe('revision of the one that is in force; empty: none yet'),
  datastore: z.object({ kind: z.string(), inSync: z.boolean(), detail: z.string() }),
  peers: z.object({ configured: Count, established: Count }),
  tables: z.object({ 'ipv4-unicast': Table, 'ipv6-unicast': Table }),
  attributeSets: Count,
  kernel: z.object({ backend: z.string(), installed: Count, failed: Count, stale: Count }),
  eventLoopDelay: z.object({ p50Ms: z.number(), p99Ms: z.number(), maxMs: z.number() }),
  memory: z.object({ rssOctets: Count, heapOctets: Count, externalOctets: Count }),
  log: z.object({ droppedLines: Count.describe('because stderr was blocked or full') }),
  recovery: Recovery.nullable().describe('null: not started yet'),
  drain: Drain.nullable().describe('null: not drained'),
  conditions: z.array(Condition),
});
