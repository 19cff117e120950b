/**
 * `bird -p -c FILE`: reads a configuration and everything it includes, and says what is wrong. Loads nothing but the
 * reader, because confd asks at every rendering.
 */

import { type BirdDiagnostic, formatBirdDiagnostic } from '../../confd/bird-config/diagnostic.ts';
import { type BirdFiles, type BirdLoadResult, loadBirdConfig } from '../../confd/bird-config/load.ts';
import type { PolicyMemory } from '../../confd/bird-config/translate-policy.ts';
import type { DesiredState } from '../../confd/desired-state.ts';
import { fileSources, hashOf } from './sources.ts';

export type BirdCheckResult =
  | { readonly ok: true; readonly desired: DesiredState }
  | {
      readonly ok: false;
      /** One mistake each: `FILE:line:column message`, then the line and a caret. */
      readonly errors: readonly string[];
      readonly diagnostics: readonly BirdDiagnostic[];
      /** Only files are missing, which may still come. */
      readonly isMissingFile: boolean;
    };

export function readBirdConfig(files: BirdFiles, memory?: PolicyMemory): BirdLoadResult {
  return loadBirdConfig(fileSources, files, hashOf, memory);
}

/** Mistakes as people want them. */
export function formatBirdErrors(result: Extract<BirdLoadResult, { ok: false }>): string[] {
  return result.diagnostics.map((one) => formatBirdDiagnostic(one, result.inputs.texts.get(one.file) ?? null));
}

/** Checks bird.cfg (`ipv4`) or bird6.cfg (`ipv6`), or both together. */
export function checkBirdConfig(files: BirdFiles): BirdCheckResult {
  const result = readBirdConfig(files);
  if (result.ok) return { ok: true, desired: result.desired };
  const { diagnostics, isMissingFile } = result;
  return { ok: false, errors: formatBirdErrors(result), diagnostics, isMissingFile };
}
