/** Peers: session, counters, what two OPENs agreed on, why a session is down. */

import * as z from 'zod';
import { BfdSession } from './bfd.ts';
import { Count, FamilyName, Time, Uint32 } from './common.ts';
import { Drain } from './maintenance.ts';

export const FamilyCounters = z.object({
  received: Count.describe('paths held from the peer, before policy'),
  accepted: Count.describe('of these, the ones that may be selected'),
  best: Count.describe("prefixes whose best path is this peer's"),
  advertised: Count.describe('prefixes told to the peer'),
});

const familyIndex = z.union([z.literal(0), z.literal(1)]).describe('0: ipv4-unicast, 1: ipv6-unicast');
const perFamily = z.tuple([z.boolean(), z.boolean()]).describe('[ipv4-unicast, ipv6-unicast]');
const role = z.enum(['provider', 'rs-server', 'rs-client', 'customer', 'peer']);

/** bgp/negotiated.ts */
export const Negotiated = z.object({
  localAs: Uint32,
  peerAs: Uint32,
  localBgpIdentifier: Uint32,
  peerBgpIdentifier: Uint32,
  isInternal: z.boolean(),
  asn4: z.boolean(),
  extendedMessage: z.boolean(),
  maxMessageLengthOctets: Count,
  families: perFamily,
  addPathReceive: perFamily,
  addPathSend: perFamily,
  extendedNextHop: z.boolean(),
  routeRefresh: z.boolean(),
  enhancedRouteRefresh: z.boolean(),
  holdTimeSeconds: Count,
  keepaliveTimeSeconds: Count,
  sendHoldTimeSeconds: Count,
  gracefulRestart: z
    .object({
      restarted: z.boolean(),
      notification: z.boolean(),
      restartTimeSeconds: Count,
      families: z.array(z.object({ family: familyIndex, forwardingPreserved: z.boolean() })),
    })
    .nullable(),
  longLivedGracefulRestart: z
    .object({
      families: z.array(z.object({ family: familyIndex, forwardingPreserved: z.boolean(), staleTimeSeconds: Count })),
    })
    .nullable(),
  role: z.object({ local: role, peer: role.nullable() }).nullable(),
});

export const PeerError = z.object({
  at: Time,
  kind: z.string(),
  code: z.int().nullable().describe('NOTIFICATION error code, RFC 4271 4.5'),
  subcode: z.int().nullable(),
  text: z.string(),
});

export const Peer = z.object({
  name: z.string(),
  description: z.string(),
  address: z.string(),
  port: z.int(),
  localAddress: z.string().nullable(),
  localAs: Uint32,
  peerAs: Uint32,
  type: z.enum(['ibgp', 'ebgp']),
  routeReflectorClient: z.boolean(),
  passive: z.boolean(),
  state: z.string(),
  stateSeconds: Count.describe('how long the peer has been in this state'),
  families: z.partialRecord(FamilyName, FamilyCounters),
  negotiated: Negotiated.nullable(),
  messages: z.object({
    received: Count,
    sent: Count,
    updatesReceived: Count,
    updatesMalformed: Count.describe('of these, the ones that RFC 7606 had something to say about'),
    octetsReceived: Count,
    octetsSent: Count,
  }),
  sessionsEstablished: Count,
  drain: Drain.nullable().describe('of this session alone; null: none'),
  waitingFor: z.string().nullable().describe('what the session waits for while it is down, in words'),
  lastError: PeerError.nullable(),
  bfd: BfdSession.nullable().describe('null: not configured'),
});

const Open = z
  .object({
    version: z.int(),
    as: Uint32,
    holdTimeSeconds: Count,
    bgpIdentifier: z.string(),
    capabilities: z.array(z.looseObject({ kind: z.string() }).describe('the fields depend on the kind')),
  })
  .describe('an OPEN message as it went over the wire');

export const PeerDetail = Peer.extend({
  enabled: z.boolean(),
  disabledByHand: z.boolean(),
  interface: z.string().nullable(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).nullable().describe("null: the daemon's"),
  timers: z.array(
    z.object({
      timer: z.string().describe('by the name of RFC 4271, or of the RFC that has it'),
      remainingSeconds: z.number(),
    }),
  ),
  openSent: Open.nullable(),
  openReceived: Open.nullable(),
  endOfRibReceived: z.partialRecord(FamilyName, z.boolean()),
  lastDialFailure: z.object({ at: Time, code: z.string(), text: z.string() }).nullable(),
});
