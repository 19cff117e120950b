/** Parts of requests that several routes have. Query parameters arrive as text. */

import * as z from 'zod';

/** The name of a session as `/v1/peers` lists it. */
export const PeerParams = z.strictObject({ peer: z.string().describe('name of the peer') });

export const Flag = z
  .enum(['true', 'false'])
  .transform((text) => text === 'true')
  .optional();

/** A whole number of a query. */
export function integerText(min: number, max: number) {
  return z
    .string()
    .refine((text) => /^\d{1,10}$/.test(text) && Number(text) >= min && Number(text) <= max, `wanted ${min} to ${max}`)
    .transform(Number);
}

/** Items of one page. */
const MAX_PAGE = 10_000;

/** Without either, a list comes as a whole, as it is read. */
const paging = {
  limit: integerText(1, MAX_PAGE).optional().describe('at most so many items; `Link` and `Next-Cursor` name the rest'),
  cursor: z.string().optional().describe('goes on where the page before ended'),
};

/** Which routes are meant. */
export const routeFilters = {
  family: z.string().optional().describe('`ipv4-unicast` or `ipv6-unicast`'),
  prefix: z.string().optional().describe('that prefix only; of an address, the prefix that routes it'),
  match: z
    .enum(['exact', 'longest', 'shorter', 'longer'])
    .optional()
    .describe('how `prefix` is meant: itself, the longest that covers it, all that cover it, all inside it'),
  longest: Flag.describe('the same as `match=longest`'),
  source: z.string().optional().describe('paths of that peer, or of `static`, `kernel`, `direct`'),
  community: z
    .string()
    .optional()
    .describe('paths with that community: `65000:1`, `65000:1:2`, `no-export`, `rt:65000:1`'),
  as: integerText(0, 0xffffffff).optional().describe('paths with that AS anywhere in AS_PATH'),
  originAs: integerText(0, 0xffffffff).optional().describe('paths that come from that AS'),
};

export const PagingQuery = z.strictObject(paging);
export const RouteQuery = z.strictObject({ ...routeFilters, ...paging });
const { source: _, ...ofPeer } = routeFilters;
export const PeerRouteQuery = z.strictObject({ ...ofPeer, ...paging });
