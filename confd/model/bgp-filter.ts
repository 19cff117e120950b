/**
 * BGPFilter (section 2.3 of Calico's semantics): ordered rules that decide before Calico's own policy does.
 *
 * The unit that a bad value costs is the rule: a rule without its broken match would catch more than was meant. Rules
 * are kept here close to how they are written; derive/filters.ts turns them into policy statements.
 */

import * as z from 'zod';
import type { FamilyName } from '../../bgp/family.ts';
import { MAX_ROUTE_PRIORITY } from './bgp-configuration.ts';
import { field, list, oneOf, requiredField, requiredText, type Shape, section } from './schema.ts';
import { parseAsNumber, parseCommunity, parseFamilyCidr, parseInteger } from './values.ts';

export type FilterOperation =
  | { readonly kind: 'addCommunity'; readonly community: string }
  | { readonly kind: 'prependAsPath'; readonly asns: readonly number[] }
  | { readonly kind: 'setPriority'; readonly priority: number };

export interface FilterRule {
  /** Position in the list as written, for messages and explanations. */
  readonly index: number;
  readonly cidr: string | null;
  readonly matchOperator: 'Equal' | 'NotEqual' | 'In' | 'NotIn' | null;
  readonly prefixLength: { readonly min: number | null; readonly max: number | null } | null;
  readonly source: 'RemotePeers' | null;
  readonly interface: string | null;
  readonly peerType: 'eBGP' | 'iBGP' | null;
  readonly community: string | null;
  readonly asPathPrefix: readonly number[];
  readonly priority: number | null;
  readonly action: 'Accept' | 'Reject';
  readonly operations: readonly FilterOperation[];
}

export interface BgpFilterResource {
  readonly kind: 'BGPFilter';
  readonly name: string;
  readonly importV4: readonly FilterRule[];
  readonly exportV4: readonly FilterRule[];
  readonly importV6: readonly FilterRule[];
  readonly exportV6: readonly FilterRule[];
}

const COMMUNITY_FORM = 'a community: aa:nn with 16-bit parts or aa:nn:mm with 32-bit parts';
const PRIORITY_FORM = 'a whole number from 1 to 2147483646';

const parseRealAsNumber = (value: unknown): number | null => parseAsNumber(value) || null;
const parsePriority = (value: unknown): number | null => parseInteger(value, 1, MAX_ROUTE_PRIORITY - 1);

function parseInterfaceGlob(value: unknown): string | null {
  return typeof value === 'string' && /^[a-zA-Z0-9_.*-]{1,15}$/.test(value) ? value : null;
}

const asNumber = requiredField(parseRealAsNumber, 'an AS number (1 to 4294967295, or "high.low")');

const operation = z
  .object({
    addCommunity: z.object({ value: requiredField(parseCommunity, COMMUNITY_FORM) }).nullish(),
    prependASPath: z.object({ prefix: z.array(asNumber).min(1).max(10) }).nullish(),
    setPriority: z.object({ value: requiredField(parsePriority, PRIORITY_FORM) }).nullish(),
  })
  .transform((given, context): FilterOperation => {
    const found: FilterOperation[] = [];
    if (given.addCommunity) found.push({ kind: 'addCommunity', community: given.addCommunity.value });
    if (given.prependASPath) found.push({ kind: 'prependAsPath', asns: given.prependASPath.prefix });
    if (given.setPriority) found.push({ kind: 'setPriority', priority: given.setPriority.value });
    if (found.length === 1) return found[0];
    context.addIssue({ code: 'custom', message: 'must be exactly one of addCommunity, prependASPath, setPriority' });
    return z.NEVER;
  });

function rules(family: FamilyName, bits: number) {
  const length = field((value) => parseInteger(value, 0, bits), `a prefix length from 0 to ${bits}`, null);
  const cidrForm = family === 'ipv4-unicast' ? 'an IPv4 CIDR such as 10.0.0.0/8' : 'an IPv6 CIDR such as fd00::/8';
  const rule = z
    .object({
      cidr: field((value) => parseFamilyCidr(value, family), cidrForm, null),
      matchOperator: oneOf(['Equal', 'NotEqual', 'In', 'NotIn'], null),
      prefixLength: z.object({ min: length, max: length }).nullish(),
      source: oneOf(['RemotePeers'], null),
      interface: field(parseInterfaceGlob, 'an interface name or glob of up to 15 characters', null),
      peerType: oneOf(['eBGP', 'iBGP'], null),
      communities: z
        .object({ values: z.array(requiredField(parseCommunity, COMMUNITY_FORM)).length(1, 'must hold one community') })
        .nullish(),
      asPathPrefix: list(asNumber),
      priority: field(parsePriority, PRIORITY_FORM, null),
      action: requiredField(
        (value) => (value === 'Accept' || value === 'Reject' ? value : null),
        'one of Accept, Reject',
      ),
      operations: z.array(operation).max(10).nullish(),
    })
    .superRefine((given, context) => {
      const refuse = (path: string, message: string): void =>
        context.addIssue({ code: 'custom', path: [path], message });
      if (given.cidr !== null && given.matchOperator === null) refuse('matchOperator', 'must be set when cidr is');
      if (given.prefixLength && given.cidr === null) refuse('prefixLength', 'needs cidr');
      if (given.operations?.length && given.action !== 'Accept') refuse('operations', 'need action Accept');
    });
  // `matchOperator` without `cidr` is left alone: there is nothing to compare, so it restricts nothing.
  return z
    .array(rule.optional())
    .nullish()
    .transform((given): FilterRule[] =>
      (given ?? []).flatMap((one, index) =>
        one === undefined
          ? []
          : [
              {
                index,
                cidr: one.cidr,
                matchOperator: one.cidr === null ? null : one.matchOperator,
                prefixLength: one.prefixLength ?? null,
                source: one.source,
                interface: one.interface,
                peerType: one.peerType,
                community: one.communities?.values[0] ?? null,
                asPathPrefix: one.asPathPrefix,
                priority: one.priority,
                action: one.action,
                operations: one.operations ?? [],
              },
            ],
      ),
    );
}

export const bgpFilterShape: Shape<BgpFilterResource> = {
  schema: z
    .object({
      metadata: z.object({ name: requiredText }),
      spec: section({
        importV4: rules('ipv4-unicast', 32),
        exportV4: rules('ipv4-unicast', 32),
        importV6: rules('ipv6-unicast', 128),
        exportV6: rules('ipv6-unicast', 128),
      }),
    })
    .transform(
      ({ metadata, spec }): BgpFilterResource => ({
        kind: 'BGPFilter',
        name: metadata.name,
        importV4: spec.importV4,
        exportV4: spec.exportV4,
        importV6: spec.importV6,
        exportV6: spec.exportV6,
      }),
    ),
  dispensable: ['spec.importV4.*', 'spec.exportV4.*', 'spec.importV6.*', 'spec.exportV6.*'],
};
