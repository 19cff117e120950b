/**
 * BGPFilter rules as policy statements (section 2.3 of Calico's semantics). Rules keep their order; Accept and Reject
 * end the policy of the session, no rule matching goes on with what follows.
 *
 * `prefixLength` with Equal and NotEqual never and always matches in Calico, because it compares a prefix with a set;
 * here it narrows the comparison as it does for In and NotIn.
 */

import { FAMILY_ADDRESS_BITS, type FamilyName, familyIndex } from '../../bgp/family.ts';
import type { Action, Match, Statement } from '../../rib/policy/policy.ts';
import { MAX_ROUTE_PRIORITY } from '../model/bgp-configuration.ts';
import type { BgpFilterResource, FilterOperation, FilterRule } from '../model/bgp-filter.ts';
import { prefixFromText } from '../model/values.ts';

export type FilterDirection = 'import' | 'export';

/** The list of rules of a filter that applies to a direction and family. */
export function rulesOf(
  filter: BgpFilterResource,
  direction: FilterDirection,
  family: FamilyName,
): readonly FilterRule[] {
  if (family === 'ipv4-unicast') return direction === 'import' ? filter.importV4 : filter.exportV4;
  return direction === 'import' ? filter.importV6 : filter.exportV6;
}

/** `always` and `never` stand for a comparison that cannot fail or cannot hold. */
function prefixMatch(rule: FilterRule, family: FamilyName): Match | 'always' | 'never' {
  if (rule.cidr === null || rule.matchOperator === null) return 'always';
  const bits = FAMILY_ADDRESS_BITS[familyIndex(family)];
  const length = prefixFromText(rule.cidr).length;
  const isExact = rule.matchOperator === 'Equal' || rule.matchOperator === 'NotEqual';
  const negate = rule.matchOperator === 'NotEqual' || rule.matchOperator === 'NotIn';
  const minLength = Math.max(rule.prefixLength?.min ?? length, length);
  const maxLength = Math.min(rule.prefixLength?.max ?? bits, isExact ? length : bits);
  if (minLength > maxLength) return negate ? 'always' : 'never';
  return { kind: 'prefix', ranges: [{ prefix: rule.cidr, minLength, maxLength }], negate };
}

/** The matches of a rule, or null when it can never match. */
function matchesOf(rule: FilterRule, family: FamilyName): Match[] | null {
  const matches: Match[] = [];
  const prefix = prefixMatch(rule, family);
  if (prefix === 'never') return null;
  if (prefix !== 'always') matches.push(prefix);
  if (rule.source !== null) matches.push({ kind: 'source', sources: ['bgp'] });
  if (rule.interface !== null) matches.push({ kind: 'interface', pattern: rule.interface });
  if (rule.peerType !== null) matches.push({ kind: 'peer-type', peerType: rule.peerType === 'iBGP' ? 'ibgp' : 'ebgp' });
  if (rule.community !== null) matches.push({ kind: 'community', community: rule.community });
  if (rule.asPathPrefix.length > 0) matches.push({ kind: 'as-path-prefix', asns: rule.asPathPrefix });
  if (rule.priority !== null) {
    const localPref = MAX_ROUTE_PRIORITY - rule.priority;
    matches.push({ kind: 'local-pref', min: localPref, max: localPref });
  }
  return matches;
}

function actionOf(operation: FilterOperation): Action {
  switch (operation.kind) {
    case 'addCommunity':
      return { kind: 'add-community', community: operation.community };
    case 'prependAsPath':
      return { kind: 'prepend-as-path', asns: operation.asns };
    case 'setPriority':
      return { kind: 'set-local-pref', value: MAX_ROUTE_PRIORITY - operation.priority };
  }
}

/** The statements of one filter; rules that can never match are left out. */
export function filterStatements(
  filter: BgpFilterResource,
  direction: FilterDirection,
  family: FamilyName,
): Statement[] {
  const list = `${direction}${family === 'ipv4-unicast' ? 'V4' : 'V6'}`;
  return rulesOf(filter, direction, family).flatMap((rule) => {
    const matches = matchesOf(rule, family);
    if (matches === null) return [];
    return [
      {
        name: `BGPFilter/${filter.name} ${list}[${rule.index}]`,
        matches,
        actions: rule.operations.map(actionOf),
        verdict: rule.action === 'Accept' ? 'accept' : 'reject',
      },
    ];
  });
}
