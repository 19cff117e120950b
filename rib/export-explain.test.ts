/** The rules that explain tells are those that export asks, in its order. */

import { describe, expect, test } from 'vitest';
import type { PathAttributes } from '../bgp/wire/path-attributes.ts';
import { EXPLAINED_REASONS, explainExport } from './export-explain.ts';
import type { ExportSettings } from './export-rules.ts';
import { CLUSTER, ExportBench, LOCAL_AS } from './export-test-support.ts';
import { compiled, only, type TestRoute } from './policy/test-support.ts';
import { NOT_ADVERTISED_LEARNED_FROM_PEER, NOT_ADVERTISED_REASON_NAMES } from './reason.ts';

const ROUTE: TestRoute = {
  prefix: '198.51.100.0/24',
  attributes: { origin: 'igp', asPath: [{ type: 'sequence', asns: [65010] }], nextHop: '192.0.2.1' },
};
const INTERNAL: Partial<ExportSettings> = { isInternal: true, peerAs: LOCAL_AS };

interface Explained {
  readonly refused: string | null;
  readonly before: readonly string[];
  readonly reason: string;
  readonly policy: string | null;
  readonly decidedBy: string | null;
}

function explained(more: Partial<PathAttributes>, settings: Partial<ExportSettings>, as = 65010): Explained {
  const bench = new ExportBench();
  const peer = bench.addPeer('source', as);
  const row = bench.addPath({ ...ROUTE, attributes: { ...ROUTE.attributes!, ...more } }, peer);
  const context = bench.group(settings);
  context.exportPath(row);
  const { rules, reason, policy } = explainExport(bench, bench.group(settings), row, context.reason);
  const at = rules.findIndex(({ verdict }) => verdict === 'refused');
  const short = (rule: string): string => rule.split(' ')[0];
  return {
    refused: at < 0 ? null : short(rules[at].rule),
    before: rules.filter(({ verdict }) => verdict === 'passed').map(({ rule }) => short(rule)),
    reason,
    policy: policy?.verdict ?? null,
    decidedBy: policy?.decidedBy ?? null,
  };
}

const REJECTING = { policy: compiled(only({ verdict: 'reject' }), 'export') };
const ALL = ['NO_ADVERTISE', 'NO_EXPORT', 'NO_EXPORT_SUBCONFED', 'BLACKHOLE'];
const COMMUNITIES = ['65535:65282', '65535:65281', '65535:65283', '65535:666'];

describe('towards an external peer', () => {
  test.each(ALL.map((name, index) => [name, COMMUNITIES.slice(index), ALL.slice(0, index)] as const))(
    'of several rules that refuse, %s comes first',
    (name, communities, passed) => {
      const { refused, before, policy } = explained({ communities }, {});
      expect([refused, policy]).toEqual([name, null]);
      for (const rule of passed) expect(before).toContain(rule);
    },
  );

  test('all rules pass, the internal ones are not asked', () => {
    const { refused, before, policy, reason } = explained({}, {});
    expect([refused, policy, reason]).toEqual([null, 'accept', 'advertised']);
    expect(before).toEqual([
      ...['a', 'only', 'NO_ADVERTISE', 'long-lived', 'NO_EXPORT', 'NO_EXPORT_SUBCONFED', 'BLACKHOLE', 'a'],
      ...['export', 'there', 'attributes'],
    ]);
  });

  test('a policy that rejects is told with its statement, after all rules before it', () => {
    const { refused, before, policy, decidedBy } = explained({}, REJECTING);
    expect([refused, policy, decidedBy]).toEqual(['export', 'reject', 'only']);
    expect(before.at(-1)).toBe('a');
  });

  test('a leak is refused before the policy is asked', () => {
    const { refused, policy } = explained({ onlyToCustomer: 65010 }, { role: 'customer' });
    expect([refused, policy]).toEqual(['a', null]);
  });
});

describe('towards an internal peer', () => {
  test('an internal path without reflection', () => {
    const { refused, before } = explained({}, INTERNAL, LOCAL_AS);
    expect(refused).toBe('an');
    expect(before).toEqual(['a', 'only', 'NO_ADVERTISE', 'long-lived']);
  });

  test('a path that has passed the cluster', () => {
    const { refused, before } = explained(
      { clusterList: [CLUSTER] },
      { ...INTERNAL, isRouteReflectorClient: true },
      LOCAL_AS,
    );
    expect(refused).toBe('a');
    expect(before.at(-1)).toBe('an');
  });

  test('external communities do not matter', () => {
    expect(explained({ communities: ['65535:65281'] }, INTERNAL).refused).toBeNull();
  });
});

test('what the peer sent itself is refused by the first rule, and nothing else is reached', () => {
  const bench = new ExportBench();
  const row = bench.addPath(ROUTE, bench.addPeer('source', 65010));
  const { rules, policy } = explainExport(bench, bench.group(), row, NOT_ADVERTISED_LEARNED_FROM_PEER);
  expect(rules.map(({ verdict }) => verdict)).toEqual(['refused', ...rules.slice(1).map(() => 'not-reached')]);
  expect(policy).toBeNull();
});

test('explaining leaves no attribute set behind', () => {
  const bench = new ExportBench();
  const row = bench.addPath(ROUTE, bench.addPeer('source', 65010));
  const before = bench.sets.count;
  explainExport(bench, bench.group(), row, 0);

  bench.sets.sweep(1000);
  expect(bench.sets.count).toBe(before);
});

test('every reason has its rule', () => {
  expect([0, ...EXPLAINED_REASONS].sort((x, y) => x - y)).toEqual(
    NOT_ADVERTISED_REASON_NAMES.map((_, reason) => reason),
  );
});

test('a service address while the speaker is drained', () => {
  const bench = new ExportBench();
  const row = bench.addPath({ prefix: '198.51.100.0/24', source: 'static' });
  const context = bench.group();
  const { rules } = explainExport(
    bench,
    context,
    row,
    NOT_ADVERTISED_REASON_NAMES.indexOf('this node is drained, and others have the address too'),
  );
  const refused = rules.filter(({ verdict }) => verdict === 'refused').map(({ rule }) => rule);
  expect(refused).toEqual(['a service address is not told while the speaker is drained']);
});
