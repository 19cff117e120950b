/**
 * Calico's own cases: `CALICO_CASES=DIR npx vitest run test/conformance/calico` derives every case under DIR and
 * compares sessions, originated routes and policies with what confd and BIRD make of it. Policies are compared by
 * behaviour: each probe route goes through ours, with the evaluator of the RIB.
 */

import { existsSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import type { FamilyName } from '../../../bgp/family.ts';
import { derive } from '../../../confd/derive/derive.ts';
import { loadCases } from './calico-case.ts';
import { ASPECTS, type Aspect, compareAspect } from './compare.ts';

const folder = process.env.CALICO_CASES ?? '/work/shared/corpora/calico-cases';

const tally = new Map<Aspect, { green: number; red: number }>(ASPECTS.map((aspect) => [aspect, { green: 0, red: 0 }]));

function count(aspect: Aspect, outcome: 'green' | 'red'): void {
  const line = tally.get(aspect);
  if (line !== undefined) line[outcome]++;
}

if (!existsSync(folder) && process.env.CALICO_CASES === undefined) {
  test.skip(`the cases are not at ${folder}; set CALICO_CASES`, () => {});
} else {
  const cases = loadCases(folder);

  test('there are cases', () => {
    expect(cases.length).toBeGreaterThan(0);
  });

  describe.each(cases.map((one) => [one.name, one] as const))('%s', (_name, one) => {
    const state = derive(one.resources, one.nodeName, one.options);

    test('nothing that Calico accepts is refused', () => {
      expect(one.conditions).toEqual([]);
      expect(state.incomplete).toBeUndefined();
    });

    if (one.expectPeeringCount !== null) {
      test('number of peerings', () => {
        expect(state.peers.length).toBe(one.expectPeeringCount);
      });
    }

    const families: [string, FamilyName, typeof one.expected.v4][] = [
      ['IPv4', 'ipv4-unicast', one.expected.v4],
      ['IPv6', 'ipv6-unicast', one.expected.v6],
    ];
    for (const [label, family, expected] of families) {
      if (expected === null) continue;
      test.each(ASPECTS.map((aspect) => [aspect]))(`${label} %s`, (aspect) => {
        const differences = compareAspect(aspect, state, family, expected);
        count(aspect, differences.length === 0 ? 'green' : 'red');
        expect(differences.slice(0, 20)).toEqual([]);
      });
    }
  });

  afterAll(() => {
    const lines = [`${cases.length} Calico cases, both families: green / red`];
    for (const [aspect, { green, red }] of tally) lines.push(`  ${aspect.padEnd(14)} ${green} / ${red}`);
    console.log(lines.join('\n'));
  });
}
