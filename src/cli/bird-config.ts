/** `check` and `derive` for configurations of BIRD: is it good, and what does it mean. */

import type { BirdFiles } from '../../confd/bird-config/load.ts';
import type { Condition, DesiredState } from '../../confd/desired-state.ts';
import { checkBirdConfig } from '../bird-config/check.ts';
import type { ReportOptions } from './derive-report.ts';

interface Options extends ReportOptions {
  readonly json: boolean;
}

const EXIT_CONFIGURATION = 2;

function named({ ipv4, ipv6 }: BirdFiles): string {
  return [ipv4, ipv6].filter((path) => path !== null).join(', ');
}

/** The state, or null after the mistakes have been written. */
function readOrComplain(files: BirdFiles, options: Options): DesiredState | null {
  const result = checkBirdConfig(files);
  if (result.ok) return result.desired;
  if (options.json) process.stdout.write(`${JSON.stringify(result.diagnostics, null, 2)}\n`);
  for (const error of result.errors) process.stderr.write(`${error}\n`);
  return null;
}

function formatCondition({ resource, severity, message }: Condition): string {
  return `${resource} ${severity}: ${message}`;
}

/** Says whether the files are good, and what in them has no effect. */
export async function checkBirdFiles(files: BirdFiles, options: Options): Promise<number> {
  const desired = readOrComplain(files, options);
  if (desired === null) return EXIT_CONFIGURATION;
  if (options.json || options.policies) return write(desired, options);
  const lines = [...desired.conditions.map(formatCondition), `${named(files)}: good`];
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

/** Writes what the speaker would do. */
export async function deriveBirdFiles(files: BirdFiles, options: Options): Promise<number> {
  const desired = readOrComplain(files, options);
  return desired === null ? EXIT_CONFIGURATION : write(desired, options);
}

async function write(desired: DesiredState, options: Options): Promise<number> {
  const { formatDesired, withoutSecrets } = await import('./derive-report.ts');
  const shown = withoutSecrets(desired);
  process.stdout.write(options.json ? `${JSON.stringify(shown, null, 2)}\n` : `${formatDesired(shown, options)}\n`);
  return 0;
}
