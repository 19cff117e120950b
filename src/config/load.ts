/**
 * Reads a stand-alone configuration: text in, DesiredState or diagnostics out. All mistakes in the form of a file are
 * reported at once; when there are none, all mistakes in how its parts fit together.
 */

import { createHash } from 'node:crypto';
import type { DesiredState } from '../../confd/desired-state.ts';
import { parseListen, type TcpOptions } from '../api/tcp-options.ts';
import { type Diagnostic, SourceDocument } from './diagnose.ts';
import { type ApiConfig, configSchema } from './schema.ts';
import { toDesiredState } from './to-desired-state.ts';
import { describeIssue } from './words.ts';

/** Some 100,000 peers; more is a mistake, and would hold up everything while it is read. */
export const MAX_FILE_CHARACTERS = 16 * 1024 * 1024;
/** YAML aliases may multiply; a configuration has a handful. */
const MAX_ALIASES = 100;

/** Where the API listens beside its socket's path. */
export interface ApiPlaces {
  readonly socketGroup: string | null;
  readonly tcp: TcpOptions | null;
}

export type LoadResult =
  | {
      readonly ok: true;
      readonly desired: DesiredState;
      readonly controlSocket: string | null;
      readonly api: ApiPlaces;
    }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

export function loadStandAlone(file: string, text: string): LoadResult {
  if (text.length > MAX_FILE_CHARACTERS) {
    const message = `larger than ${MAX_FILE_CHARACTERS} characters: not read`;
    return { ok: false, diagnostics: [{ file, line: 1, column: 1, field: '', message }] };
  }
  const source = new SourceDocument(file, text);
  const syntax = source.syntaxErrors();
  if (syntax.length > 0) return { ok: false, diagnostics: syntax };
  const value: unknown = source.document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
  const parsed = configSchema.safeParse(value, { error: describeIssue });
  if (!parsed.success) {
    const diagnostics: Diagnostic[] = [];
    for (const issue of parsed.error.issues) {
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys) diagnostics.push(source.at([...issue.path, key], `unknown field "${key}"`, true));
      } else {
        const missing = typeof issue.path.at(-1) === 'string' && !has(source, issue.path);
        diagnostics.push(source.at(issue.path, missing ? 'this field is required' : issue.message));
      }
    }
    return { ok: false, diagnostics: inOrder(diagnostics) };
  }
  const revision = createHash('sha256').update(text).digest('hex').slice(0, 12);
  const { desired, problems } = toDesiredState(parsed.data, revision);
  if (problems.length > 0) {
    return { ok: false, diagnostics: inOrder(problems.map(({ path, message }) => source.at(path, message))) };
  }
  const { controlSocket = null, api } = parsed.data;
  return { ok: true, desired, controlSocket, api: apiPlaces(api) };
}

function apiPlaces({ socketGroup, listen, tls, tokenFile, readTokenFile, page }: ApiConfig): ApiPlaces {
  const place = listen === undefined ? null : parseListen(listen);
  const secrets = { tls: tls ?? null, tokenFile: tokenFile ?? null, readTokenFile: readTokenFile ?? null };
  return {
    socketGroup: socketGroup ?? null,
    tcp: place === null ? null : { ...place, ...secrets, page: page ?? false },
  };
}

function inOrder(diagnostics: Diagnostic[]): Diagnostic[] {
  return diagnostics.sort((x, y) => x.line - y.line || x.column - y.column);
}

function has(source: SourceDocument, path: readonly PropertyKey[]): boolean {
  return source.document.hasIn(path.map((key) => (typeof key === 'symbol' ? String(key) : key)));
}
