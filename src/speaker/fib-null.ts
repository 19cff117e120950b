/** Stands in for rib/fib.ts until that has landed: wants nothing in the kernel. */
import type { FamilyIndex } from '../../bgp/family.ts';
import type { Prefix } from '../../bgp/ip.ts';
import type { CompiledPolicy } from '../../rib/policy/compiled.ts';
import type { Rib } from '../../rib/rib.ts';
import type { FibEntry } from '../kernel/fib.ts';

export interface FibSink {
  replace(family: FamilyIndex, a: number, b: number, c: number, d: number, length: number, entry: FibEntry): void;
  remove(family: FamilyIndex, a: number, b: number, c: number, d: number, length: number): void;
}
export class FibDesired {
  constructor(_rib: Rib, _services: { interfaceIndex(name: string): number; interfaceName(index: number): string }) {}
  configure(_options: {
    policies: readonly [CompiledPolicy, CompiledPolicy];
    defaultMetric: number | null;
    maxPaths: number;
  }): void {}
  drain(_maxChanges: number, _sink: FibSink): boolean {
    return false;
  }
  desired(_family: FamilyIndex): Iterable<{ prefix: Prefix; entry: FibEntry }> {
    return [];
  }
}
