/** BFD sessions (RFC 5880): state, timers of both sides, why a session went down last. */

import * as z from 'zod';
import { Count, Time, Uint32 } from './common.ts';

const state = z.enum(['AdminDown', 'Down', 'Init', 'Up']);
const ms = z.number().min(0);

export const BfdSession = z.object({
  peers: z.array(z.string()).describe('names of the peers that it is for'),
  address: z.string(),
  localAddress: z.string().nullable(),
  interface: z.string().nullable(),
  multihop: z.boolean().describe('RFC 5883, port 4784; else RFC 5881, port 3784'),
  state,
  stateSeconds: Count.describe('how long the session has been in this state'),
  diagnostic: z.string().describe('why this side went down last, RFC 5880 4.1'),
  localDiscriminator: Uint32,
  minTxMs: ms.describe('as configured'),
  minRxMs: ms.describe('as configured'),
  multiplier: Count.describe('as configured: packets that the peer may miss'),
  transmitIntervalMs: ms.describe('in force, before jitter; 0: nothing is sent by time'),
  detectionTimeMs: ms.describe('silence of the peer after which the session is down; 0: not known yet'),
  remote: z
    .object({
      state,
      diagnostic: z.string(),
      discriminator: Uint32,
      minTxMs: ms,
      minRxMs: ms,
      multiplier: Count,
      controlPlaneIndependent: z.boolean().describe('C bit'),
    })
    .nullable()
    .describe('what the peer said last; null: nothing within the detection time'),
  timesUp: Count,
  lastDown: z
    .object({ at: Time, cause: z.string(), diagnostic: z.string() })
    .nullable()
    .describe('the last time that it left Up'),
  packets: z.object({ received: Count, sent: Count, refused: Count, sendErrors: Count }),
  problem: z.string().nullable().describe('why packets cannot be sent or received'),
});
