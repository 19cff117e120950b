/** Why: what decided about a route, at import, in the decision process, at export, on the way into the kernel; and why a session is down. */

import * as z from 'zod';
import { Attributes, Count, FamilyName, Time, Uint32 } from './common.ts';

export const PolicyExplanation = z
  .object({
    policy: z.string(),
    verdict: z.enum(['accept', 'reject']),
    decidedBy: z.string().describe('name of the statement that decided, or `otherwise`'),
    statements: z.array(
      z.object({
        statement: z.string(),
        applies: z.boolean(),
        matches: z.array(z.object({ match: z.string(), holds: z.boolean() })),
        actions: z.array(z.string()),
        verdict: z.enum(['accept', 'reject', 'next']).describe('what it decides if it applies'),
      }),
    ),
    changes: z.array(z.object({ what: z.string(), before: z.string(), after: z.string() })),
  })
  .describe('every statement that was tried, the deciding one last, and what was changed');

export const Candidate = z.object({
  source: z.string().describe('session name, or `static`, `kernel`, `direct`'),
  pathId: Uint32.nullable(),
  best: z.boolean(),
  multipath: z.boolean(),
  stale: z.boolean(),
  longLivedStale: z.boolean(),
  eligible: z.boolean(),
  verdict: z.string().describe('best and why, at which step it lost to the best, or why it is not eligible'),
  preference: z.int().describe('preference of its source: lower wins before anything of BGP is looked at'),
  nextHop: z
    .object({ address: z.string(), reachable: z.boolean(), igpCost: Uint32 })
    .nullable()
    .describe('null: it has none'),
  importPolicy: PolicyExplanation.nullable().describe('null: local, accepted without policy, or refused before policy'),
  received: Attributes,
  effective: Attributes.nullable().describe('after import policy; null when not eligible'),
});

export const RouteExplanation = z.object({
  asked: z.string(),
  prefix: z.string(),
  family: FamilyName,
  best: z.string().nullable().describe('source of the best path; null: there is none'),
  bestBecause: z.string().nullable().describe('the step in which the runner-up lost'),
  candidates: z.array(Candidate).describe('the best first'),
  kernel: z.string().describe('whether it is in the kernel, in words'),
});

export const AdvertisedExplanation = z.object({
  asked: z.string(),
  peer: z.string(),
  prefix: z.string().nullable().describe('null: there is no such prefix'),
  verdict: z.string().describe('one sentence'),
  paths: z
    .array(
      z.object({
        source: z.string(),
        pathId: Uint32.nullable().describe('ours, as the peer is told it'),
        told: z.boolean().describe('it is in the Adj-RIB-Out'),
        reason: z.string(),
        rules: z.array(
          z.object({
            rule: z.string(),
            reference: z.string(),
            verdict: z.enum(['passed', 'refused', 'not-applicable', 'not-reached']),
          }),
        ),
        exportPolicy: PolicyExplanation.nullable().describe('null: a rule before it refused the path'),
        attributes: Attributes.nullable().describe('what the peer was told; null: it was not'),
      }),
    )
    .describe('the best path, or with ADD-PATH every path'),
});

export const KernelExplanation = z.object({
  asked: z.string(),
  prefix: z.string(),
  verdict: z.string().describe('one sentence'),
  wanted: z.boolean().describe('the kernel should have it'),
  reason: z.string().describe('why it should not, or how it is doing'),
  source: z.string().nullable(),
  policy: PolicyExplanation.nullable().describe('kernel policy; null: it is not asked'),
  route: z.string().nullable().describe('as `ip route` writes it'),
  state: z.enum(['installed', 'pending', 'failed', 'not-wanted']),
  failure: z.string().nullable(),
});

export const Finding = z.object({
  severity: z.enum(['error', 'warning', 'info']),
  what: z.string().describe('what was found'),
  hint: z.string().describe('what to do about it; empty: nothing'),
});

export const PeerExplanation = z.object({
  peer: z.string(),
  state: z.string(),
  verdict: z.string().describe('one sentence'),
  waitingFor: z.string().nullable(),
  lastError: z.object({ at: Time, text: z.string() }).nullable(),
  findings: z.array(Finding).describe('the likeliest cause first'),
  kernelCounters: z
    .object({
      overSeconds: Count,
      md5Missing: Count.describe('TCPMD5NotFound: segments without a signature where we want one'),
      md5Unexpected: Count.describe('TCPMD5Unexpected: signed segments where we have no password'),
      md5Wrong: Count.describe('TCPMD5Failure: signed with another password'),
      ttlTooLow: Count.describe('TCPMinTTLDrop: from further away than GTSM allows'),
    })
    .nullable()
    .describe('segments that the kernel dropped lately, of all sessions; null: it does not say'),
});
