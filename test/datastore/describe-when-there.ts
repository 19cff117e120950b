/**
 * Tests that need a program which a person's machine may lack: they skip with the reason there, and fail on CI, where
 * a skip would hide the loss of all of them.
 */

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';

/** A `describe` that runs when nothing is missing. */
export function describeWhenThere(name: string, missing: string | null, body: () => void): void {
  if (missing === null) {
    describe(name, body);
  } else if (process.env.CI) {
    describe(name, () => {
      test('has what it needs', () => expect.fail(missing));
    });
  } else {
    describe.skip(`${name} (${missing})`, body);
  }
}

/** Path of a program, or null. */
export function findProgram(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}
