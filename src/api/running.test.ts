/** The state in force as parts: nothing is lost on the way, and no password leaves. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diff } from '../../confd/diff.ts';
import { anyCluster } from '../../test/support/calico-arbitrary.ts';
import { deriveN1, node, nodes, peer, secret } from '../../test/support/calico-resources.ts';
import { differentPasswords, HIDDEN_PASSWORD, type RunningPart, runningParts, stateOfParts } from './running.ts';

/** Parts as they come out of the socket. */
async function* overTheWire(parts: Iterable<RunningPart>): AsyncGenerator<RunningPart> {
  for (const part of parts) yield JSON.parse(JSON.stringify(part)) as RunningPart;
}

const OWN = node('n1', { ipv4Address: '10.0.0.1/24', ipv6Address: 'fd00::1/64' });

test('any state comes out as it went in, but for its passwords', async () => {
  await fc.assert(
    fc.asyncProperty(anyCluster, async (cluster) => {
      const state = deriveN1([...cluster.filter((one) => one.name !== 'n1'), OWN]);
      const hidden = state.peers.map((one) =>
        one.session.password === null ? one : { ...one, session: { ...one.session, password: HIDDEN_PASSWORD } },
      );
      const shown = await stateOfParts(overTheWire(runningParts(state)));
      expect(shown).toEqual({ ...state, peers: hidden });
      expect(diff({ ...state, peers: hidden }, shown)).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

test('a policy is said once, however many sessions share it', () => {
  const parts = [...runningParts(deriveN1(nodes(50)))];
  const count = (kind: RunningPart['part']): number => parts.filter(({ part }) => part === kind).length;
  expect([count('state'), count('policy'), count('peer')]).toEqual([1, 2, 98]);
});

const PROTECTED = deriveN1([
  ...nodes(3),
  peer('a', { peerIP: '192.0.2.1', asNumber: 65001, password: { secretKeyRef: { name: 's', key: 'k' } } }),
  peer('b', { peerIP: '192.0.2.2', asNumber: 65001 }),
  secret('s', { k: 'geheim' }),
]);

test('no password is in the parts', () => {
  expect(JSON.stringify(PROTECTED)).toContain('geheim');
  expect(JSON.stringify([...runningParts(PROTECTED)])).not.toContain('geheim');
});

test.each([
  ['the same', 'Global_192_0_2_1', 'geheim', false],
  ['another', 'Global_192_0_2_1', 'Geheim', true],
  ['one for a session that has none', 'Global_192_0_2_2', 'geheim', true],
  ['one for a session that is not there', 'Mesh_10_0_0_9', 'geheim', true],
])('asked about %s password', (_, name, password, isDifferent) => {
  const { different } = differentPasswords(PROTECTED, { passwords: { [name]: password } });
  expect(different).toEqual(isDifferent ? [name] : []);
});
