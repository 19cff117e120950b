/** Whether what became of a route is what was wanted, field by field. */

import type { AttributesView } from '../api/schema.ts';
import type { TestRoute, Wanted } from './schema.ts';
import type { Outcome, PolicyStage } from './stage.ts';

export interface Check {
  readonly route: string;
  readonly prefix: string;
  readonly from: string;
  /** `import`, `export PEER` or `kernel`. */
  readonly where: string;
  /** `verdict`, or the attribute. */
  readonly what: string;
  readonly wanted: string;
  readonly got: string;
  readonly holds: boolean;
  /** Statement and policy, or the rule, that decided. */
  readonly because: string;
}

/** All that is wanted of one route. A route that cannot be made fails as a whole, with the reason. */
export function checkRoute(stage: PolicyStage, route: TestRoute): readonly Check[] {
  const { prefix, from } = route;
  const common = { route: route.name ?? '', prefix, from };
  try {
    const outcome = stage.try(route);
    const checks: Check[] = [];
    const add = (where: string, wanted: Wanted, got: Outcome, self: string): void => {
      for (const one of compare(wanted, got, self)) checks.push({ ...common, where, ...one });
    };
    if (route.import !== undefined) {
      if (outcome.import === null) throw new Error(`import is asked of what peers send, not of ${from}`);
      add('import', route.import, outcome.import, outcome.selfTowards(from));
    }
    for (const [peer, wanted] of Object.entries(route.export ?? {})) {
      add(`export ${peer}`, wanted, outcome.export.get(peer)!, outcome.selfTowards(peer));
    }
    if (route.kernel !== undefined) add('kernel', route.kernel, outcome.kernel, '');
    return checks;
  } catch (error) {
    const got = error instanceof Error ? error.message : String(error);
    return [{ ...common, where: '', what: 'route', wanted: 'a route', got, holds: false, because: '' }];
  }
}

type Compared = Pick<Check, 'what' | 'wanted' | 'got' | 'holds' | 'because'>;

function compare(wanted: Wanted, got: Outcome, self: string): Compared[] {
  const because = got.by !== '' && (got.verdict === 'accept' || got.reason.includes('policy')) ? got.by : got.reason;
  const compared: Compared[] = [];
  const add = (what: string, want: string, have: string, holds = want === have): void => {
    compared.push({ what, wanted: want, got: have, holds, because });
  };
  const said = got.reason === '' ? got.verdict : `${got.verdict}: ${got.reason}`;
  add('verdict', wanted.verdict, said, wanted.verdict === got.verdict);
  if (wanted.by !== undefined) add('by', wanted.by, got.statement || 'no policy');
  if (wanted.reason !== undefined)
    add('reason', wanted.reason, got.reason || 'none', got.reason.includes(wanted.reason));
  const { attributes } = got;
  // The verdict says all that there is to say.
  if (attributes === null) return compared;
  if (wanted.localPref !== undefined) add('localPref', text(wanted.localPref), text(attributes.localPref));
  if (wanted.med !== undefined) add('med', text(wanted.med), text(attributes.med));
  if (wanted.asPath !== undefined) add('asPath', wanted.asPath.join(' ') || 'empty', attributes.asPath || 'empty');
  if (wanted.nextHop !== undefined) {
    const have = attributes.nextHop ?? 'none';
    add('nextHop', wanted.nextHop, have === self && wanted.nextHop === 'self' ? 'self' : have);
  }
  if (wanted.communities !== undefined)
    add('communities', sorted(wanted.communities), sorted(communitiesOf(attributes)));
  return compared;
}

function text(value: number | null): string {
  return value === null ? 'none' : String(value);
}

function communitiesOf({ communities, largeCommunities, extendedCommunities }: AttributesView): readonly string[] {
  return [...communities, ...largeCommunities, ...extendedCommunities];
}

function sorted(communities: readonly string[]): string {
  return [...communities].sort().join(' ') || 'none';
}
