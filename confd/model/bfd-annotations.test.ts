import { describe, expect, test } from 'vitest';
import { BFD_DEFAULTS } from '../../bgp/session-config.ts';
import { deriveN1, NO_MESH, nodes, peerNamed } from '../../test/support/calico-resources.ts';
import { decodeObject } from './resource.ts';
import { formatPath } from './schema.ts';

type Annotations = { readonly [name: string]: unknown };

const SPEC = { node: 'n1', peerIP: '192.0.2.1', asNumber: 65001 };
const ON = { 'peregrine.io/bfd': 'true' };

function peer(annotations: Annotations, apiVersion = 'projectcalico.org/v3') {
  const decoded = decodeObject({ apiVersion, kind: 'BGPPeer', metadata: { name: 'tor', annotations }, spec: SPEC });
  if (decoded.outcome !== 'accepted' || decoded.resource.kind !== 'BGPPeer') throw new Error('not accepted');
  const { resource, issues } = decoded;
  return {
    resource,
    bfd: resource.bfd,
    complaints: issues.map(({ path, message }) => `${formatPath(path)} ${message}`),
  };
}

/** As Calico writes annotations of the v3 object to a v1 CRD. */
function inCrd(annotations: Annotations, beside: Annotations = {}) {
  const written = { 'projectcalico.org/metadata': JSON.stringify({ annotations }) };
  return peer({ ...written, ...beside }, 'crd.projectcalico.org/v1');
}

describe('BFD by annotation', () => {
  test.each<[string, Annotations, object | null]>([
    ['none', {}, null],
    ['on', ON, BFD_DEFAULTS],
    ['on, not quoted', { 'peregrine.io/bfd': true }, BFD_DEFAULTS],
    ['off', { 'peregrine.io/bfd': 'false' }, null],
    [
      'every detail',
      {
        ...ON,
        'peregrine.io/bfd-min-tx-ms': '50',
        'peregrine.io/bfd-min-rx-ms': '100',
        'peregrine.io/bfd-multiplier': '5',
        'peregrine.io/bfd-multihop': 'true',
        'peregrine.io/bfd-strict': 'true',
      },
      { minTxMs: 50, minRxMs: 100, multiplier: 5, multihop: true, strict: true },
    ],
  ])('%s', (_what, annotations, expected) => {
    for (const { bfd, complaints } of [peer(annotations), inCrd(annotations)]) {
      expect(bfd).toEqual(expected);
      expect(complaints).toEqual([]);
    }
  });

  test.each<[string, Annotations, object | null, string]>([
    ['a word instead of true', { 'peregrine.io/bfd': 'yes' }, null, 'peregrine.io/bfd must be "true" or "false"'],
    ['too fast', { ...ON, 'peregrine.io/bfd-min-tx-ms': '10' }, BFD_DEFAULTS, 'min-tx-ms must be milliseconds from 50'],
    ['with a unit', { ...ON, 'peregrine.io/bfd-min-rx-ms': '50ms' }, BFD_DEFAULTS, 'min-rx-ms must be milliseconds'],
    ['no multiplier', { ...ON, 'peregrine.io/bfd-multiplier': '0' }, BFD_DEFAULTS, 'multiplier must be a whole number'],
    ['misspelt', { ...ON, 'peregrine.io/bfd-min-tx': '50' }, BFD_DEFAULTS, 'is no annotation of ours'],
    ['a detail without BFD', { 'peregrine.io/bfd-min-tx-ms': '50' }, null, 'has no effect without peregrine.io/bfd'],
  ])('%s: the condition names it', (_what, annotations, expected, words) => {
    for (const { bfd, complaints } of [peer(annotations), inCrd(annotations)]) {
      expect(bfd).toEqual(expected);
      expect(complaints).toEqual([expect.stringContaining(words)]);
      expect(complaints[0]).toContain('metadata.annotations.peregrine.io/bfd');
    }
  });

  test("in a v1 CRD the user's annotations count before those beside them", () => {
    expect(inCrd({ 'peregrine.io/bfd': 'false' }, ON).bfd).toBe(null);
    expect(inCrd({}, ON).bfd).toEqual(BFD_DEFAULTS);
    expect(peer({ ...ON, 'projectcalico.org/metadata': 'not JSON' }, 'crd.projectcalico.org/v1').bfd).toEqual(
      BFD_DEFAULTS,
    );
  });

  test('annotations of others are none of ours', () => {
    expect(
      peer({ 'kubectl.kubernetes.io/last-applied-configuration': '{}', 'peregrine.io/other': 'x' }).complaints,
    ).toEqual([]);
  });

  test('reaches the session', () => {
    const { resource } = peer(ON);
    const derived = peerNamed(deriveN1([NO_MESH, ...nodes(2), resource]), 'Node_192_0_2_1');
    expect(derived.session.bfd).toEqual(BFD_DEFAULTS);
  });
});
