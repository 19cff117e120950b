/** The command line is wrong; the message says what was wanted. Ends with status 2. */

export class UsageError extends Error {}

export function only(positionals: readonly string[], count: number, wanted: string): void {
  if (positionals.length !== count) throw new UsageError(`wanted: peregrine ${wanted}`);
}
