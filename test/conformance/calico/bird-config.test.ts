/**
 * What Calico's confd renders for its own cases, read as a BIRD configuration: sessions, originated routes and policies
 * are those that are expected of the case, which are those that derive makes of its resources (calico.test.ts).
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FamilyName } from '../../../bgp/family.ts';
import { loadBirdConfig } from '../../../confd/bird-config/load.ts';
import { derive } from '../../../confd/derive/derive.ts';
import type { DesiredState } from '../../../confd/desired-state.ts';
import { fileSources, hashOf } from '../../../src/bird-config/sources.ts';
import { loadCases } from './calico-case.ts';
import { ASPECTS, compareAspect } from './compare.ts';

const folder = process.env.CALICO_CASES ?? '/work/shared/corpora/calico-cases';

/** The files of a case that are there; a node without a family may have none of it. */
function load(golden: string) {
  const path = (name: string): string | null => (existsSync(join(golden, name)) ? join(golden, name) : null);
  return loadBirdConfig(fileSources, { ipv4: path('bird.cfg'), ipv6: path('bird6.cfg') }, hashOf);
}

/** What sessions are besides the aspects: all that derive says of them, but for texts for people. */
function sessionsOf(state: DesiredState): unknown[] {
  return state.peers.map(({ session: { description: _text, ...session }, policy }) => ({
    ...session,
    nextHopMode: policy.nextHopMode,
    isRouteReflectorClient: policy.isRouteReflectorClient,
    clusterId: policy.isRouteReflectorClient ? policy.clusterId : null,
    allowOwnAs: policy.allowOwnAs,
    maxPrefixes: policy.maxPrefixes,
  }));
}

if (!existsSync(folder) && process.env.CALICO_CASES === undefined) {
  test.skip(`the cases are not at ${folder}; set CALICO_CASES`, () => {});
} else {
  // Some cases compare counts only and come without files.
  const cases = loadCases(folder).filter((one) => existsSync(join(one.folder, 'golden')));

  test('there are cases', () => {
    expect(cases.length).toBeGreaterThan(0);
  });

  describe.each(cases.map((one) => [one.name, one] as const))('%s', (_name, one) => {
    const result = load(join(one.folder, 'golden'));

    test('is read without a mistake', () => {
      expect(result.ok ? [] : result.diagnostics).toEqual([]);
    });
    if (!result.ok) return;
    const { desired } = result;

    const families: [string, FamilyName, typeof one.expected.v4][] = [
      ['IPv4', 'ipv4-unicast', one.expected.v4],
      ['IPv6', 'ipv6-unicast', one.expected.v6],
    ];
    for (const [label, family, expected] of families) {
      if (expected === null) continue;
      test.each(ASPECTS.map((aspect) => [aspect]))(`${label} %s`, (aspect) => {
        expect(compareAspect(aspect, desired, family, expected).slice(0, 20)).toEqual([]);
      });
    }

    test('is what derive says of the resources', () => {
      const derived = derive(one.resources, one.nodeName, one.options);
      expect(sessionsOf(desired)).toEqual(sessionsOf(derived));
      expect(desired.listen).toEqual(derived.listen);
      // A static route does not say whether it is for a Service.
      const routes = ({ originated }: DesiredState) =>
        originated.map(({ origin: _text, isService: _unknown, ...route }) => route);
      expect(routes(desired)).toEqual(routes(derived));
      const kernel = ({ kernel: { policy: _compared, ...rest } }: DesiredState) => rest;
      expect(kernel(desired)).toEqual(kernel(derived));
      expect(desired.decision).toEqual(derived.decision);
    });
  });
}
