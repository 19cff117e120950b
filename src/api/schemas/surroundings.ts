/** What routes depend on. */

import * as z from 'zod';
import { Count, FamilyName, Uint32 } from './common.ts';

export const NextHop = z.object({
  address: z.string(),
  reachable: z.boolean(),
  own: z.boolean().describe('an address of this machine'),
  igpCost: Uint32,
  gateway: z.string().nullable().describe('null: it is a neighbour, or not reachable'),
  interface: z.string().nullable(),
  attributeSets: Count.describe('how many sets of attributes name it'),
});

export const Interface = z.object({
  index: Count,
  name: z.string(),
  up: z.boolean(),
  running: z.boolean().describe('it has a carrier'),
  loopback: z.boolean(),
  mtuOctets: Count,
  addresses: z.array(
    z.object({ address: z.string(), peer: z.string().nullable().describe('far end, point to point') }),
  ),
});

export const Policy = z.object({
  name: z.string(),
  use: z.enum(['import', 'export', 'kernel']),
  peers: Count.describe('how many peers share it'),
  peerNames: z.array(z.string()).describe('the first of them'),
  text: z.string().describe('statement by statement'),
});

export const UpdateGroup = z.object({
  family: FamilyName,
  members: z.array(z.string()).describe('peers that share one Adj-RIB-Out and one encoded stream'),
  catchingUp: Count,
  advertised: Count,
  waiting: Count.describe('prefixes that wait to be encoded, and those that no member would hear of'),
  retainedOctets: Count.describe('encoded UPDATEs that slower members have not taken yet'),
});
