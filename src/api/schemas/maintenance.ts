/** What an operator does to the daemon as a whole: drain, restart; and how far it is with them. */

import * as z from 'zod';
import { FamilyName, Time } from './common.ts';

export const Drain = z
  .object({
    stage: z.enum(['avoided', 'services-withdrawn', 'closed']),
    reason: z.string(),
    since: Time,
    closesAt: Time.nullable().describe('when sessions end; null: they stay'),
  })
  .describe('being taken out of use (RFC 8326)');

const FamilyRecovery = z.object({
  isGoingOn: z.boolean(),
  until: Time.nullable().describe('the deferral time is over then at the latest'),
  waitingFor: z.array(z.object({ peer: z.string(), connected: z.boolean() })),
});

export const Recovery = z
  .object({
    isRestart: z.boolean().describe('the start found kernel routes or a restart file of an earlier life'),
    isGoingOn: z.boolean().describe('a peer with a session has not sent all that it has; absent peers do not count'),
    families: z.record(FamilyName, FamilyRecovery),
  })
  .describe('graceful restart of our own (RFC 4724 4.1)');
