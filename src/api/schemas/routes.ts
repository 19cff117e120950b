/** Routes: the Loc-RIB, and the Adj-RIBs of one peer. */

import * as z from 'zod';
import { Attributes, FamilyName, Uint32 } from './common.ts';

export const Path = z.object({
  source: z.string().describe('session name, or `static`, `kernel`, `direct`'),
  origin: z
    .string()
    .nullable()
    .describe('of `static` paths, who asked for it: a field of the configuration, a resource, or an agent'),
  pathId: Uint32.nullable(),
  best: z.boolean(),
  multipath: z.boolean(),
  stale: z.boolean(),
  eligible: z.boolean(),
  reason: z
    .string()
    .nullable()
    .describe('why the path is not eligible, or the step at which it lost to the best one; null for the best'),
  attributes: Attributes,
});

export const Route = z.object({ prefix: z.string(), family: FamilyName, paths: z.array(Path) });

export const Advertised = z.object({
  prefix: z.string(),
  pathId: Uint32.nullable(),
  source: z.string(),
  attributes: Attributes,
});

export const Received = z.object({
  prefix: z.string(),
  pathId: Uint32.nullable(),
  eligible: z.boolean(),
  reason: z.string().nullable(),
  attributes: Attributes.describe('as received, before policy'),
});

export const Accepted = z.object({
  prefix: z.string(),
  pathId: Uint32.nullable(),
  best: z.boolean(),
  multipath: z.boolean(),
  stale: z.boolean(),
  reason: z.string().nullable().describe('the step at which it lost to the best path; null for the best'),
  attributes: Attributes.describe('after policy'),
});
