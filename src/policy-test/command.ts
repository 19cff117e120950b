/** `peregrine policy test FILE`: exit status 0 when everything is as wanted, 1 when not, 2 when a file is wrong. */

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { DatastoreSpec } from '../../confd/datastore/open.ts';
import type { DesiredState } from '../../confd/desired-state.ts';
import { anywhere, deriveDatastore } from '../cli/offline.ts';
import { formatCount, formatTable } from '../cli/table.ts';
import { UsageError } from '../cli/usage-error.ts';
import { type Diagnostic, formatDiagnostic, SourceDocument } from '../config/diagnose.ts';
import { loadStandAlone } from '../config/load.ts';
import { describeIssue } from '../config/words.ts';
import { type Check, checkRoute } from './check.ts';
import { policyTestSchema, type TestRoute } from './schema.ts';
import { PolicyStage } from './stage.ts';

const EXIT_FAILED = 1;
const EXIT_CONFIGURATION = 2;
const MAX_ALIASES = 100;

export interface PolicyTestOptions {
  readonly path: string;
  /** Where the policies come from; null: the file says it. */
  readonly policies:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'node'; readonly node: string; readonly spec: DatastoreSpec; readonly routerId: string | null }
    | null;
  readonly json: boolean;
}

export async function testPolicies(options: PolicyTestOptions): Promise<number> {
  const read = parsePolicyTest(options.path, await textOf(options.path));
  if (!read.ok) return refuse(read.diagnostics, read.text);
  const desired = await desiredOf(options, read.config);
  if (typeof desired === 'number') return desired;
  const checks = runPolicyTest(desired, read.routes);
  const failed = checks.filter(({ holds }) => !holds);
  process.stdout.write(
    options.json
      ? checks.map((check) => `${JSON.stringify(check)}\n`).join('')
      : report(checks, failed, read.routes.length),
  );
  return failed.length === 0 ? 0 : EXIT_FAILED;
}

type Read =
  | { readonly ok: true; readonly config: string | null; readonly routes: readonly TestRoute[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[]; readonly text: string };

export function parsePolicyTest(path: string, text: string): Read {
  const source = new SourceDocument(path, text);
  const syntax = source.syntaxErrors();
  if (syntax.length > 0) return { ok: false, diagnostics: syntax, text };
  const parsed = policyTestSchema.safeParse(source.document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {}, {
    error: describeIssue,
  });
  if (parsed.success) return { ok: true, config: parsed.data.config ?? null, routes: parsed.data.routes };
  const diagnostics = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => source.at([...issue.path, key], `unknown field "${key}"`, true))
      : [source.at(issue.path, issue.message)],
  );
  return { ok: false, diagnostics: diagnostics.sort((x, y) => x.line - y.line || x.column - y.column), text };
}

export function runPolicyTest(desired: DesiredState, routes: readonly TestRoute[]): readonly Check[] {
  const stage = new PolicyStage(desired);
  return routes.flatMap((route) => checkRoute(stage, route));
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The configuration whose policies are tested; a number: an exit status, and the reason was said. */
async function desiredOf({ path, policies }: PolicyTestOptions, config: string | null): Promise<DesiredState | number> {
  if (policies?.kind === 'node') {
    const desired = await deriveDatastore(policies.node, policies.spec, anywhere(policies.routerId));
    if (desired.incomplete === undefined) return desired;
    process.stderr.write(`peregrine: node ${policies.node}: ${desired.incomplete}\n`);
    return EXIT_FAILED;
  }
  const file = policies?.path ?? (config === null ? null : resolve(dirname(path), config));
  if (file === null)
    throw new UsageError(`${path} has no "config": --config FILE is needed, or --node NAME and --datastore DATASTORE`);
  const text = await textOf(file);
  const result = loadStandAlone(file, text);
  return result.ok ? result.desired : refuse(result.diagnostics, text);
}

function refuse(diagnostics: readonly Diagnostic[], text: string): number {
  for (const diagnostic of diagnostics) process.stderr.write(`${formatDiagnostic(diagnostic, text)}\n`);
  return EXIT_CONFIGURATION;
}

function report(checks: readonly Check[], failed: readonly Check[], routes: number): string {
  const asked = `${formatCount(checks.length, 'check')} of ${formatCount(routes, 'route')}`;
  if (failed.length === 0) return `${asked}: all as wanted\n`;
  const table = formatTable<Check>(
    [
      { title: 'test', value: ({ route }) => route },
      { title: 'prefix', value: ({ prefix }) => prefix },
      { title: 'from', value: ({ from }) => from },
      { title: 'where', value: ({ where }) => where },
      { title: 'what', value: ({ what }) => what },
      { title: 'wanted', value: ({ wanted }) => wanted },
      { title: 'got', value: ({ got }) => got },
      { title: 'decided by', value: ({ because, got }) => (got.endsWith(because) ? '' : because) },
    ],
    failed,
  );
  return `${table}\n\n${asked}: ${formatCount(failed.length, 'is', 'are')} not as wanted\n`;
}
