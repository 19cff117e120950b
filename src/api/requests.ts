/** Parts of requests that several routes have. Query parameters arrive as text. */

import * as z from 'zod';

/** The name of a session as `/v1/peers` lists it. */
export const PeerParams = z.strictObject({ peer: z.string().describe('name of the peer') });
export const Flag = z
  .enum(['true', 'false'])
  .transform((text) => text === 'true')
  .optional();
