/**
 * BGPPeer (section 2.2 of Calico's semantics): which nodes peer with whom, and how.
 *
 * A bad value in a timer, next-hop mode or AS allowance costs that field. A bad value in anything that says who peers
 * with whom, under which AS, how it is protected or what is filtered costs the peer: without it the object would mean
 * more than its author wrote.
 */

import * as z from 'zod';
import type { BfdConfig } from '../../bgp/session-config.ts';
import { parseSelector, type Selector } from '../selector.ts';
import { bfdAnnotations, bfdOf } from './bfd-annotations.ts';
import { type FieldIssue, field, flag, list, oneOf, requiredText, type Shape, text } from './schema.ts';
import { passwordReference, type SecretKeyRef } from './secret.ts';
import {
  familyOfText,
  type PeerEndpoint,
  parseAddressText,
  parseAsNumber,
  parseDurationSeconds,
  parseInteger,
  parsePeerEndpoint,
} from './values.ts';

export interface BgpPeerResource {
  readonly kind: 'BGPPeer';
  readonly name: string;
  /** Local side: one node, or the nodes that a selector chooses, or (both null) every node. */
  readonly node: string | null;
  readonly nodeSelector: Selector | null;
  /** Remote side: exactly one of these three is meant; the first that is set, from the last to the first, counts. */
  readonly peerIp: PeerEndpoint | null;
  readonly peerSelector: Selector | null;
  readonly localWorkloadSelector: Selector | null;
  /** 0: not given. */
  readonly asNumber: number;
  /** 0: not given. */
  readonly localAsNumber: number;
  readonly keepOriginalNextHop: boolean;
  readonly nextHopMode: 'Auto' | 'Self' | 'Keep' | null;
  readonly password: SecretKeyRef | null;
  readonly sourceAddress: 'UseNodeIP' | 'None';
  readonly maxRestartTimeSeconds: number | null;
  readonly keepaliveTimeSeconds: number | null;
  readonly numAllowedLocalAsNumbers: number;
  /** 0: off; else hops of RFC 5082. */
  readonly ttlSecurity: number;
  readonly reachableBy: string | null;
  readonly filters: readonly string[];
  readonly reversePeering: 'Auto' | 'Manual';
  /** Of annotations of ours (bfd-annotations.ts). */
  readonly bfd: BfdConfig | null;
}

/** A selector field. Its message points at the column. */
const selector = z
  .unknown()
  .optional()
  .transform((value, context): Selector | null => {
    if (value === undefined || value === null || value === '') return null;
    if (typeof value !== 'string') {
      context.addIssue({ code: 'custom', message: 'must be a selector (text)' });
      return z.NEVER;
    }
    const parsed = parseSelector(value);
    if (parsed.ok) return parsed.selector;
    context.addIssue({
      code: 'custom',
      message: `must be a selector: column ${parsed.error.column}: ${parsed.error.message}`,
    });
    return z.NEVER;
  });

const asNumber = field(parseAsNumber, 'an AS number (1 to 4294967295, or "high.low")', 0);
const duration = field(parseDurationSeconds, 'a duration such as 15s or 2m', null);

const PEER_IP_FORM = 'an address with optional port: 192.0.2.1, 192.0.2.1:179, fd00::1 or [fd00::1]:179';

const spec = z
  .object({
    node: text(null),
    nodeSelector: selector,
    peerIP: field(parsePeerEndpoint, PEER_IP_FORM, null),
    peerSelector: selector,
    localWorkloadSelector: selector,
    asNumber,
    localASNumber: asNumber,
    keepOriginalNextHop: flag(false),
    nextHopMode: oneOf(['Auto', 'Self', 'Keep'], null),
    password: passwordReference,
    sourceAddress: oneOf(['UseNodeIP', 'None'], 'UseNodeIP'),
    maxRestartTime: duration,
    keepaliveTime: duration,
    numAllowedLocalASNumbers: field((value) => parseInteger(value, 0, 255), 'a whole number from 0 to 255', 0),
    ttlSecurity: field((value) => parseInteger(value, 0, 255), 'a number of hops from 0 to 255', 0),
    reachableBy: field(parseAddressText, 'an address', null),
    filters: list(requiredText),
    reversePeering: oneOf(['Auto', 'Manual'], 'Auto'),
  })
  .superRefine((peer, context) => {
    const refuse = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    if (peer.peerIP === null && peer.peerSelector === null && peer.localWorkloadSelector === null) {
      refuse('peerIP', 'must be set, or peerSelector, or localWorkloadSelector');
    }
    if (peer.reachableBy !== null && peer.peerIP !== null) {
      if (familyOfText(peer.reachableBy) !== peer.peerIP.family) {
        refuse('reachableBy', 'must be an address of the same family as peerIP');
      }
    }
  });

export const bgpPeerShape: Shape<BgpPeerResource> = {
  schema: z.object({ metadata: z.object({ name: requiredText, annotations: bfdAnnotations }), spec }).transform(
    ({ metadata, spec: peer }): BgpPeerResource => ({
      kind: 'BGPPeer',
      name: metadata.name,
      node: peer.node,
      nodeSelector: peer.nodeSelector,
      peerIp: peer.peerIP,
      peerSelector: peer.peerSelector,
      localWorkloadSelector: peer.localWorkloadSelector,
      asNumber: peer.asNumber,
      localAsNumber: peer.localASNumber,
      keepOriginalNextHop: peer.keepOriginalNextHop,
      nextHopMode: peer.nextHopMode,
      password: peer.password,
      sourceAddress: peer.sourceAddress,
      maxRestartTimeSeconds: peer.maxRestartTime,
      keepaliveTimeSeconds: peer.keepaliveTime,
      numAllowedLocalAsNumbers: peer.numAllowedLocalASNumbers,
      ttlSecurity: peer.ttlSecurity,
      reachableBy: peer.reachableBy,
      filters: peer.filters,
      reversePeering: peer.reversePeering,
      bfd: bfdOf(metadata.annotations),
    }),
  ),
  dispensable: [
    'spec.keepOriginalNextHop',
    'spec.nextHopMode',
    'spec.sourceAddress',
    'spec.maxRestartTime',
    'spec.keepaliveTime',
    'spec.numAllowedLocalASNumbers',
    'spec.reversePeering',
    'metadata.annotations.*',
    'metadata.annotations',
  ],
};

/** Fields that contradict each other: Calico refuses them on write, and the one that counts is said here. */
export function checkBgpPeer(peer: BgpPeerResource): FieldIssue[] {
  const issues: FieldIssue[] = [];
  const warn = (name: string, message: string): void => {
    issues.push({ path: ['spec', name], message, severity: 'warning' });
  };
  if (peer.node !== null && peer.nodeSelector !== null) warn('node', 'is ignored because nodeSelector is set');
  if (peer.localWorkloadSelector !== null) {
    if (peer.peerIp !== null) warn('peerIP', 'is ignored because localWorkloadSelector is set');
    if (peer.peerSelector !== null) warn('peerSelector', 'is ignored because localWorkloadSelector is set');
  } else if (peer.peerSelector !== null) {
    if (peer.peerIp !== null) warn('peerIP', 'is ignored because peerSelector is set');
    if (peer.asNumber !== 0) warn('asNumber', "is ignored because peerSelector is set: the peer node's AS counts");
    if (peer.localAsNumber !== 0) warn('localASNumber', 'is ignored because peerSelector is set');
    if (peer.reachableBy !== null) warn('reachableBy', 'is ignored because peerSelector is set');
  }
  if (peer.nextHopMode !== null && peer.keepOriginalNextHop) {
    warn('keepOriginalNextHop', 'is ignored because nextHopMode is set');
  }
  return issues;
}
