import { describe, expect, test } from 'vitest';
import { readDocuments } from './documents.ts';

function valuesOf(text: string): unknown[] {
  const content = readDocuments(text);
  if (!content.ok) throw new Error(JSON.stringify(content.errors));
  return content.objects.map((object) => object.value);
}

describe('what a file holds', () => {
  test.each<[sentence: string, text: string, values: unknown[]]>([
    ['an empty file holds nothing', '', []],
    ['comments alone hold nothing', '# nothing\n---\n# here\n', []],
    ['documents are separate objects', 'a: 1\n---\nb: 2\n', [{ a: 1 }, { b: 2 }]],
    ['empty documents between others are skipped', '---\n---\na: 1\n---\n', [{ a: 1 }]],
    ['JSON with tabs is read', '{\n\t"a": 1,\n\t"b": [\n\t\t2\n\t]\n}\n', [{ a: 1, b: [2] }]],
    ['yes, on and true are booleans', '{a: yes, b: on, c: true, d: "yes"}', [{ a: true, b: true, c: true, d: 'yes' }]],
    ['a community is not a sexagesimal number', 'a: 5663:12\nb: 1:30.5\n', [{ a: '5663:12', b: '1:30.5' }]],
    ['a date stays text', 'a: 2020-01-01T00:00:00Z\nb: 2020-01-01\n', [{ a: '2020-01-01T00:00:00Z', b: '2020-01-01' }]],
    [
      'a List is its items',
      'kind: List\napiVersion: v1\nitems: [{kind: A, x: 1}, {kind: B}]',
      [{ kind: 'A', x: 1 }, { kind: 'B' }],
    ],
    [
      'items of a typed list take kind and group from it',
      'kind: BGPPeerList\napiVersion: projectcalico.org/v3\nitems: [{metadata: {name: a}}]',
      [{ kind: 'BGPPeer', apiVersion: 'projectcalico.org/v3', metadata: { name: 'a' } }],
    ],
    ['an empty list holds nothing', 'kind: List\nitems: []', []],
    ['anchors and merge keys are followed', 'a: &x {p: 1}\nb: {<<: *x, q: 2}', [{ a: { p: 1 }, b: { p: 1, q: 2 } }]],
  ])('%s', (_sentence, text, values) => {
    expect(valuesOf(text)).toEqual(values);
  });
});

describe('syntax errors', () => {
  test.each<[sentence: string, text: string, line: number, column: number]>([
    ['a flow sequence that is not closed', 'a: 1\nb: [1\nc: 2\n', 3, 1],
    ['a key twice', 'a: 1\na: 2\n', 2, 1],
    ['an error in the second document', 'a: 1\n---\nb: "x\n', 4, 1],
    ['an alias to nothing', 'a: *x\n', 1, 4],
    ['a tab as indentation', 'a:\n\tb: 1\n', 2, 1],
  ])('%s', (_sentence, text, line, column) => {
    const content = readDocuments(text);
    expect(content.ok).toBe(false);
    if (!content.ok) expect(content.errors[0]).toMatchObject({ line, column });
  });

  test('one broken document makes the whole file broken', () => {
    expect(readDocuments('a: 1\n---\nb: [\n---\nc: 3\n').ok).toBe(false);
  });

  test('aliases that multiply without end are refused', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 9; i++) lines.push(`a${i}: &a${i} [${new Array(10).fill(`*a${i - 1}`).join(', ')}]`);
    expect(readDocuments(lines.join('\n')).ok).toBe(false);
  });
});

describe('places', () => {
  const content = readDocuments(
    'kind: A\nspec:\n  rules:\n    - x: 1\n    - w: 2\n---\nkind: List\nitems:\n  - kind: B\n    z: 3\n',
  );
  const objects = content.ok ? content.objects : [];

  test.each<[sentence: string, object: number, path: (string | number)[], line: number, column: number]>([
    ['the object itself', 0, [], 1, 1],
    ['a nested value', 0, ['spec', 'rules', 1, 'w'], 5, 10],
    ['a list element', 0, ['spec', 'rules', 0], 4, 7],
    ['something absent is where its holder is', 0, ['spec', 'nothing', 'deeper'], 3, 3],
    ['an item of a list', 1, [], 9, 5],
    ['a field of an item of a list', 1, ['z'], 10, 8],
  ])('%s', (_sentence, object, path, line, column) => {
    expect(objects[object].locate(path)).toEqual({ line, column });
  });
});
