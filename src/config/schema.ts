/**
 * The stand-alone configuration file as a schema: what may be written, in which form, with which defaults.
 *
 * The file is for people, so it has groups and shorthands (`192.168.0.0/16 le 26`); policy-syntax.ts and
 * to-desired-state.ts turn it into the DesiredState that the speaker knows. Calico's resources never pass through here.
 */

import * as z from 'zod';
import { formatPrefix, parseAddress, parseIpv4, parsePrefix, sameAddress } from '../../bgp/ip.ts';
import { BFD_MAX_INTERVAL_MS, BFD_MIN_INTERVAL_MS } from '../../bgp/session-config.ts';
import { parseListen, refusedTcp } from '../api/tcp-options.ts';

const address = z.string().refine((text) => parseAddress(text) !== null, 'wanted an IPv4 or IPv6 address');
const dottedQuad = z.string().refine((text) => parseIpv4(text) > 0, 'wanted a dotted quad such as 10.0.0.1');
const WANTED_PREFIX = 'wanted a prefix such as 10.0.0.0/24 or 2001:db8::/32';

/** What is wrong with a prefix; null: nothing. Host bits are refused, as one of address and length must be mistaken. */
function prefixProblem(text: string): string | null {
  const parsed = text.includes('/') ? parsePrefix(text) : null;
  if (parsed === null) return WANTED_PREFIX;
  const address = parseAddress(text.slice(0, text.indexOf('/')));
  if (address !== null && sameAddress(address, parsed)) return null;
  return `${text} has bits set beyond its length: wanted ${formatPrefix(parsed)}, or a longer prefix`;
}

const prefix = z.string().superRefine((text, context) => {
  const message = prefixProblem(text);
  if (message !== null) context.addIssue({ code: 'custom', message });
});

/** `65001`, `"65001"` or `"1.10"`. */
const WANTED_AS = 'wanted an AS number 1..4294967295 or "high.low"';
export const asNumber = z.union([z.number(), z.string()], WANTED_AS).transform((value, context): number => {
  const text = String(value);
  const dotted = /^(\d{1,5})\.(\d{1,5})$/.exec(text);
  const high = dotted === null ? 0 : Number(dotted[1]);
  const low = dotted === null ? (/^\d{1,10}$/.test(text) ? Number(text) : -1) : Number(dotted[2]);
  const as = dotted === null ? low : high < 65536 && low < 65536 ? high * 65536 + low : -1;
  if (as < 1 || as > 0xffffffff) {
    context.addIssue({ code: 'custom', message: WANTED_AS });
    return z.NEVER;
  }
  return as;
});

const uint32 = z.int().min(0).max(0xffffffff);
const seconds = z.int().min(0).max(65535);
const port = z.int().min(1).max(65535);
const family = z.enum(['ipv4-unicast', 'ipv6-unicast']);
/** A list, or its only member. */
const oneOrMore = <T extends z.ZodType>(item: T) =>
  z.preprocess((value) => (Array.isArray(value) ? value : [value]), z.array(item).min(1));

/** `PREFIX`, `PREFIX le N`, `PREFIX ge N`, `PREFIX ge N le M`, `PREFIX or longer`. */
export const PREFIX_RANGE = /^(\S+)(?:\s+(or longer)|(?:\s+ge\s+(\d+))?(?:\s+le\s+(\d+))?)$/;
const prefixRange = z.string().superRefine((text, context) => {
  const [, base = ''] = PREFIX_RANGE.exec(text) ?? [];
  const problem = prefixProblem(base);
  const message =
    problem === WANTED_PREFIX ? 'wanted PREFIX, PREFIX le N, PREFIX ge N le M or PREFIX or longer' : problem;
  if (message !== null) context.addIssue({ code: 'custom', message });
});

const community = z
  .string()
  .regex(
    /^(\d+:\d+(:\d+)?|(rt|ro):\S+:\d+|0x[0-9a-fA-F]{16})$/,
    'wanted aa:nn, aa:nn:mm (large), rt:aa:nn, ro:aa:nn or 0x and 16 hex digits (extended)',
  );
const range = z.strictObject({ min: uint32.optional(), max: uint32.optional() });

const matchSchema = z.strictObject({
  prefix: oneOrMore(prefixRange).optional(),
  notPrefix: oneOrMore(prefixRange).optional(),
  source: oneOrMore(z.enum(['bgp', 'static', 'kernel', 'direct'])).optional(),
  peerType: z.enum(['ibgp', 'ebgp']).optional(),
  interface: z.string().min(1).optional(),
  /** Every one of them must be there. */
  community: oneOrMore(community).optional(),
  asPathPrefix: oneOrMore(asNumber).optional(),
  asPathLength: range.optional(),
  metric: range.optional(),
  localPref: range.optional(),
  med: range.optional(),
  nextHop: oneOrMore(z.union([prefix, address], 'wanted a prefix or an address')).optional(),
  learnedFrom: oneOrMore(z.string()).optional(),
});

const setSchema = z.strictObject({
  localPref: uint32.optional(),
  med: uint32.nullable().optional(),
  metric: uint32.optional(),
  preference: z.int().min(0).max(255).optional(),
  nextHop: z
    .union([z.enum(['self', 'peer', 'unchanged']), address], 'wanted self, peer, unchanged or an address')
    .optional(),
  addCommunity: oneOrMore(community).optional(),
  removeCommunity: oneOrMore(z.union([community, z.literal('all')])).optional(),
  prependAsPath: oneOrMore(asNumber).optional(),
});

export const statementSchema = z.strictObject({
  name: z.string().optional(),
  match: matchSchema.default({}),
  set: setSchema.default({}),
  // biome-ignore lint/suspicious/noThenProperty: the word that policy languages use; the object is never awaited.
  then: z.enum(['accept', 'reject', 'next']),
});

export const policySchema = z.strictObject({
  statements: z.array(statementSchema).default([]),
  otherwise: z.enum(['accept', 'reject']).default('reject'),
});

const policyReference = z.union(
  [z.string(), z.strictObject({ 'ipv4-unicast': z.string().optional(), 'ipv6-unicast': z.string().optional() })],
  'wanted the name of a policy or {ipv4-unicast: NAME, ipv6-unicast: NAME}',
);

const WANTED_BFD_INTERVAL = `wanted ${BFD_MIN_INTERVAL_MS} to ${BFD_MAX_INTERVAL_MS} milliseconds`;
const bfdInterval = z.int().min(BFD_MIN_INTERVAL_MS, WANTED_BFD_INTERVAL).max(BFD_MAX_INTERVAL_MS, WANTED_BFD_INTERVAL);
const WANTED_BFD = 'wanted true, false or {minTxMs, minRxMs, multiplier, multihop, strict}';
/** RFC 5880. `true` is the object with nothing in it. */
const bfd = z.preprocess(
  (value) => (value === true ? {} : value === false ? null : value),
  z
    .strictObject(
      {
        minTxMs: bfdInterval.optional(),
        minRxMs: bfdInterval.optional(),
        multiplier: z.int().min(1).max(255).optional(),
        multihop: z.boolean().optional(),
        strict: z.boolean().optional(),
      },
      { error: (issue) => (issue.code === 'invalid_type' ? WANTED_BFD : undefined) },
    )
    .nullable(),
);

const peerOptions = {
  description: z.string().max(256).optional(),
  as: asNumber.optional(),
  port: port.optional(),
  localAddress: address.optional(),
  interface: z.string().min(1).max(15).optional(),
  localAs: asNumber.optional(),
  passive: z.boolean().optional(),
  enabled: z.boolean().optional(),
  families: z.array(family).min(1).optional(),
  holdTimeSeconds: seconds.refine((value) => value === 0 || value >= 3, 'wanted 0 (off) or at least 3').optional(),
  keepaliveTimeSeconds: seconds.min(1).optional(),
  sendHoldTimeSeconds: seconds.optional(),
  connectRetryTimeSeconds: seconds.min(1).optional(),
  connectDelaySeconds: seconds.optional(),
  delayOpenTimeSeconds: seconds.optional(),
  idleHold: z
    .strictObject({ minSeconds: seconds.min(1), maxSeconds: seconds.min(1), forgetSeconds: seconds.default(300) })
    .optional(),
  /** RFC 5082; how many hops away the peer may be. */
  ttlSecurityHops: z.int().min(1).max(255).optional(),
  /** TTL of packets we send; eBGP default 1, iBGP default 64. */
  multihopTtl: z.int().min(1).max(255).optional(),
  password: z.string().min(1).max(80).optional(),
  fourOctetAs: z.boolean().optional(),
  routeRefresh: z.boolean().optional(),
  enhancedRouteRefresh: z.boolean().optional(),
  extendedMessage: z.boolean().optional(),
  extendedNextHop: z.boolean().optional(),
  addPath: z.strictObject({ send: z.boolean().default(false), receive: z.boolean().default(false) }).optional(),
  gracefulRestart: z
    .strictObject({
      mode: z.enum(['off', 'helper', 'full']).default('helper'),
      restartTimeSeconds: z.int().min(0).max(4095).default(120),
      notification: z.boolean().default(true),
      longLivedStaleTimeSeconds: z.int().min(0).max(16777215).nullable().default(null),
    })
    .optional(),
  role: z.enum(['provider', 'rs-server', 'rs-client', 'customer', 'peer']).optional(),
  strictRole: z.boolean().optional(),
  routeReflectorClient: z.boolean().optional(),
  nextHop: z.enum(['auto', 'self', 'keep']).optional(),
  allowOwnAs: z.int().min(0).max(10).optional(),
  maxPrefixes: z.int().min(1).optional(),
  removePrivateAs: z.boolean().optional(),
  bfd: bfd.optional(),
  import: policyReference.optional(),
  export: policyReference.optional(),
};

export const peerGroupSchema = z.strictObject(peerOptions);
export const peerSchema = z.strictObject({
  ...peerOptions,
  name: z
    .string()
    .regex(/^[A-Za-z0-9_.:-]{1,64}$/, 'wanted 1 to 64 of letters, digits, "_", ".", ":" and "-"')
    .optional(),
  address,
  group: z.string().optional(),
});

const LISTEN = 'wanted ADDRESS:PORT, such as 127.0.0.1:8179 or "[::1]:8179"';
const file = z.string().min(1);

/** The control API beside its socket's path. */
const apiSchema = z
  .strictObject({
    socketGroup: z
      .union([z.string().min(1), z.int().min(0)])
      .transform(String)
      .optional(),
    listen: z
      .string()
      .refine((text) => parseListen(text) !== null, LISTEN)
      .optional(),
    tls: z.strictObject({ certificate: file, key: file }).optional(),
    tokenFile: file.optional(),
    readTokenFile: file.optional(),
    page: z.boolean().optional(),
  })
  .superRefine(({ listen, tls, tokenFile, readTokenFile, page }, context) => {
    const place = listen === undefined ? null : parseListen(listen);
    if (place === null) {
      const needless = Object.entries({ tls, tokenFile, readTokenFile, page }).find(([, value]) => value !== undefined);
      if (needless !== undefined && listen === undefined) {
        context.addIssue({ code: 'custom', path: [needless[0]], message: 'this is for TCP: wanted listen beside it' });
      }
      return;
    }
    const options = { ...place, tls: null, tokenFile: tokenFile ?? null, readTokenFile: readTokenFile ?? null };
    const message = refusedTcp(options);
    if (message !== null) context.addIssue({ code: 'custom', path: ['listen'], message });
  });
export type ApiConfig = z.infer<typeof apiSchema>;

export const configSchema = z.strictObject({
  routerId: dottedQuad,
  as: asNumber,
  clusterId: dottedQuad.optional(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  controlSocket: z.string().min(1).max(107).optional(),
  api: apiSchema.default({}),
  listen: z.array(z.strictObject({ address, port: port.default(179) })).default([
    { address: '0.0.0.0', port: 179 },
    { address: '::', port: 179 },
  ]),
  /** Have everybody prefer other ways and withdraw service addresses (RFC 8326); a text says why. */
  drain: z.union([z.boolean(), z.string().min(1).max(128)], 'wanted true, false or the reason').default(false),
  /** RFC 8212: without an import (export) policy an eBGP peer's routes are not accepted (none are sent to it). */
  ebgpRequiresPolicy: z.boolean().default(false),
  kernel: z
    .strictObject({
      enabled: z.boolean().default(false),
      /** `kernel`: through connected and kernel routes; `always`: every next hop counts as reachable. */
      resolveNextHops: z.enum(['kernel', 'always']).optional(),
      table: z.int().min(1).max(0xffffffff).default(254),
      protocol: z.int().min(5).max(255).default(12),
      metric: uint32.nullable().default(null),
      learn: z.boolean().default(false),
      importDirect: z.array(z.string()).default([]),
      maxPaths: z.int().min(1).max(256).default(16),
      nextHopObjects: z.enum(['off', 'auto']).default('off'),
      policy: policyReference.optional(),
    })
    .default({
      enabled: false,
      table: 254,
      protocol: 12,
      metric: null,
      learn: false,
      importDirect: [],
      maxPaths: 16,
      nextHopObjects: 'off',
    }),
  decision: z
    .strictObject({
      alwaysCompareMed: z.boolean().default(false),
      multipath: z.boolean().default(true),
      multipathRelax: z.boolean().default(false),
    })
    .default({ alwaysCompareMed: false, multipath: true, multipathRelax: false }),
  peerGroups: z.record(z.string(), peerGroupSchema).default({}),
  peers: z.array(peerSchema).default([]),
  originate: z
    .array(
      z.strictObject({
        prefix,
        via: address.optional(),
        communities: z.array(community).default([]),
        /** An address that others serve too: withdrawn while this node is drained. */
        service: z.boolean().default(false),
      }),
    )
    .default([]),
  policies: z.record(z.string(), policySchema).default({}),
});

export type StandAloneConfig = z.output<typeof configSchema>;
export type PeerOptions = z.output<typeof peerGroupSchema>;
export type PeerEntry = z.output<typeof peerSchema>;
export type PolicyEntry = z.output<typeof policySchema>;
