/**
 * Statements that say the same about many prefixes become one statement with many prefixes, which is looked up in a few
 * steps however many there are. Calico renders one condition for each service address and three for each block.
 *
 * A line may move up to an earlier one of the same shape when nothing between them could decide otherwise about its
 * routes: lines of the same verdict, or lines about other prefixes.
 */

import { parsePrefix, prefixContains } from '../../bgp/ip.ts';
import type { Match, PrefixRange } from '../../rib/policy/policy.ts';
import type { Line, Mark } from './layout.ts';

/** How many lines are looked back over. */
const MAX_LOOK_BACK = 64;

/** A line that only decides, about prefixes and perhaps under more conditions. */
interface Candidate {
  readonly line: Line;
  /** Verdict and the other matches. */
  readonly shape: string;
  readonly ranges: PrefixRange[];
  readonly others: readonly Match[];
  count: number;
}

function candidateOf(item: Line | Mark): Candidate | null {
  if (item.kind === 'mark' || item.verdict === 'next' || item.actions.length > 0) return null;
  const prefixes = item.matches.filter((match) => match.kind === 'prefix');
  const [prefix] = prefixes;
  if (prefixes.length !== 1 || prefix.kind !== 'prefix' || prefix.negate) return null;
  const others = item.matches.filter((match) => match !== prefix);
  return { line: item, shape: JSON.stringify([item.verdict, others]), ranges: [...prefix.ranges], others, count: 1 };
}

function areApart(a: readonly PrefixRange[], b: readonly PrefixRange[]): boolean {
  if (a.length * b.length > 4096) return false;
  return a.every((x) => {
    const outer = parsePrefix(x.prefix);
    return b.every((y) => {
      const other = parsePrefix(y.prefix);
      if (outer === null || other === null) return false;
      return !prefixContains(outer, other) && !prefixContains(other, outer);
    });
  });
}

/** The earlier candidate of the same shape that this one may join. */
function earlier(run: readonly Candidate[], candidate: Candidate): Candidate | null {
  for (let i = run.length - 1; i >= 0 && run.length - i <= MAX_LOOK_BACK; i--) {
    const before = run[i];
    if (before.shape === candidate.shape) return before;
    const isFree = before.line.verdict === candidate.line.verdict || areApart(before.ranges, candidate.ranges);
    if (!isFree) return null;
  }
  return null;
}

export function groupStatements(items: readonly (Line | Mark)[]): (Line | Mark)[] {
  const result: (Line | Mark)[] = [];
  let run: Candidate[] = [];
  const flush = (): void => {
    for (const { line, ranges, others, count } of run) {
      if (count === 1) result.push(line);
      else {
        const name = `${line.name} (and ${count - 1} more)`;
        result.push({ ...line, name, matches: [{ kind: 'prefix', ranges, negate: false }, ...others] });
      }
    }
    run = [];
  };
  for (const item of items) {
    const candidate = candidateOf(item);
    if (candidate === null) {
      flush();
      result.push(item);
      continue;
    }
    const target = earlier(run, candidate);
    if (target === null) run.push(candidate);
    else {
      target.ranges.push(...candidate.ranges);
      target.count++;
    }
  }
  flush();
  return result;
}
