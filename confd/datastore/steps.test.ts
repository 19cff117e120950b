/** Work in steps gives others their turn, and comes to the same. */

import { expect, test } from 'vitest';
import { readClaims } from './resource-files.ts';
import { atOnce, inTurns, type Steps } from './steps.ts';

const DOCUMENTS = 200;
const text = Array.from({ length: DOCUMENTS }, (_, i) =>
  JSON.stringify({
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
    metadata: { name: `p${i}` },
    spec: { cidr: `10.${i}.0.0/16` },
  }),
).join('\n---\n');

test('a file of resources has a step for every document and every object', () => {
  let steps = 0;
  const reading = readClaims('x.yaml', text);
  for (let next = reading.next(); !next.done; next = reading.next()) steps++;
  expect(steps).toBeGreaterThanOrEqual(2 * DOCUMENTS);
});

test('others have their turn between steps that take long', async () => {
  function* busy(): Steps<string> {
    for (let step = 0; step < 6; step++) {
      const endMs = performance.now() + 6;
      while (performance.now() < endMs);
      yield;
    }
    return 'done';
  }
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  expect(await inTurns(busy())).toBe('done');
  isOver = true;
  expect(turns).toBeGreaterThanOrEqual(2);
});

test('both ways come to the same', async () => {
  // Places in the file are functions of the text alone.
  expect(JSON.stringify(await inTurns(readClaims('x.yaml', text)))).toBe(
    JSON.stringify(atOnce(readClaims('x.yaml', text))),
  );
});
