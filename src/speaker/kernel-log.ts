/**
 * Our routes' troubles in the kernel, in the log: who deletes or changes one of them is named, and which the kernel
 * refuses and why, with a bounded number of lines however many routes that are.
 */

import { formatPrefix } from '../../bgp/ip.ts';
import type { DisturbanceKind, FibFailure, FibFailureReason, RouteDisturbance } from '../kernel/fib.ts';
import { describeKernelRoute } from '../kernel/route-text.ts';
import type { Log } from '../log/log.ts';
import { BoundedLines } from './bounded-lines.ts';
import type { Clock } from './clock.ts';

const WORDS: Readonly<Record<DisturbanceKind, string>> = {
  deleted: 'somebody deleted a route of ours; it is put back',
  replaced: 'somebody changed a route of ours; it is put right, unless the new one is theirs',
  added: 'somebody else writes routes under our protocol number; they are removed',
  missing: 'a route of ours was not there; it is put back',
  different: 'a route of ours was not as wanted; it is put right',
};
const MORE = 'more of the same, in number of times';

export class KernelLog {
  readonly #log: Log;
  readonly #interfaceName: (index: number) => string;
  readonly #disturbances: BoundedLines<DisturbanceKind>;
  readonly #failures: BoundedLines<FibFailureReason>;

  constructor(log: Log, clock: Clock, interfaceName: (index: number) => string) {
    this.#log = log;
    this.#interfaceName = interfaceName;
    this.#disturbances = new BoundedLines(clock, (counts) => log.warn('KERNEL_DISTURBED', counts, MORE));
    this.#failures = new BoundedLines(clock, (counts) => log.warn('KERNEL_ROUTE_FAILED', counts, MORE));
  }

  disturbed({ prefix, kind, other, port }: RouteDisturbance): void {
    this.#disturbances.note(
      kind,
      () => formatPrefix(prefix),
      (text) => {
        const fields = {
          prefix: text,
          what: kind,
          ...(other !== null && {
            [kind === 'deleted' ? 'was' : 'now']: describeKernelRoute(other, this.#interfaceName),
          }),
          ...(port !== 0 && { netlinkPort: port }),
        };
        this.#log.warn('KERNEL_DISTURBED', fields, WORDS[kind]);
      },
    );
  }

  failed({ prefix, reason, errno, message }: FibFailure): void {
    this.#failures.note(
      reason,
      () => formatPrefix(prefix),
      (text) => {
        const fields = { prefix: text, reason, errno };
        this.#log.warn('KERNEL_ROUTE_FAILED', fields, `the kernel refused the route: ${message}`);
      },
    );
  }
}
