import { describe, expect, test } from 'vitest';
import { readRequest } from './resource.ts';

const object = (spec: object, metadata: object = {}) => ({
  apiVersion: 'crd.projectcalico.org/v1',
  kind: 'CalicoNodeStatus',
  metadata: { name: 'one', generation: 3, ...metadata },
  spec: { node: 'node-1', classes: ['BGP', 'Agent'], updatePeriodSeconds: 10, ...spec },
});

test('one of ours, with its classes in a fixed order', () => {
  const stored = object({});
  expect(readRequest(stored, 'node-1')).toEqual({
    kind: 'ours',
    request: { name: 'one', generation: 3, classes: ['Agent', 'BGP'], updatePeriodSeconds: 10, object: stored },
  });
});

describe('not ours, or not to be followed', () => {
  test.each<[string, unknown, string]>([
    ['of another node', object({ node: 'node-2' }), 'other'],
    ['without a name', object({}, { name: undefined }), 'other'],
    ['no object at all', null, 'other'],
    ['a list', [], 'other'],
    ['without a period', object({ updatePeriodSeconds: undefined }), 'refused'],
    ['a period that is too long', object({ updatePeriodSeconds: 86_401 }), 'refused'],
    ['half a second', object({ updatePeriodSeconds: 0.5 }), 'refused'],
    ['a class that there is not', object({ classes: ['Agent', 'Felix'] }), 'refused'],
  ])('%s', (_, stored, kind) => {
    expect(readRequest(stored, 'node-1').kind).toBe(kind);
  });

  test('the reason names the field and what is wanted', () => {
    expect(readRequest(object({ classes: ['Felix'] }), 'node-1')).toMatchObject({
      reason: 'spec.classes: "Felix", wanted Agent, BGP, Routes',
    });
  });
});
