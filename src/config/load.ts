/** Reads a stand-alone configuration: text in, DesiredState or diagnostics out. All of a file's errors are reported at once. */

import { createHash } from 'node:crypto';
import type { DesiredState } from '../../confd/desired-state.ts';
import { type Diagnostic, SourceDocument } from './diagnose.ts';
import { configSchema } from './schema.ts';
import { toDesiredState } from './to-desired-state.ts';

export type LoadResult =
  | { readonly ok: true; readonly desired: DesiredState; readonly controlSocket: string | null }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

export function loadStandAlone(file: string, text: string): LoadResult {
  const source = new SourceDocument(file, text);
  const syntax = source.syntaxErrors();
  if (syntax.length > 0) return { ok: false, diagnostics: syntax };
  const parsed = configSchema.safeParse(source.document.toJS({ maxAliasCount: 100 }) ?? {});
  if (!parsed.success) {
    const diagnostics: Diagnostic[] = [];
    for (const issue of parsed.error.issues) {
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys) diagnostics.push(source.at([...issue.path, key], `unknown field "${key}"`, true));
      } else {
        const missing = issue.code === 'invalid_type' && issue.input === undefined && !has(source, issue.path);
        diagnostics.push(source.at(issue.path, missing ? 'this field is required' : issue.message));
      }
    }
    return { ok: false, diagnostics };
  }
  const revision = createHash('sha256').update(text).digest('hex').slice(0, 12);
  const { desired, problems } = toDesiredState(parsed.data, revision);
  if (problems.length > 0) {
    return { ok: false, diagnostics: problems.map(({ path, message }) => source.at(path, message)) };
  }
  return { ok: true, desired, controlSocket: parsed.data.controlSocket ?? null };
}

function has(source: SourceDocument, path: readonly PropertyKey[]): boolean {
  return source.document.hasIn(path.map((key) => (typeof key === 'symbol' ? String(key) : key)));
}
