/** What `bfd` in a BGP protocol means with what `protocol bfd` says about timers. */

import { BFD_MAX_INTERVAL_MS, BFD_MIN_INTERVAL_MS, type BfdConfig } from '../../bgp/session-config.ts';
import { globMatches } from '../../rib/policy/evaluate.ts';
import type { BfdTimers, Protocol } from './ast.ts';
import { BirdConfigError, type Position } from './diagnostic.ts';
import { checkCommonOptions, Options, type Warn } from './options.ts';

/** BIRD's; its 10 ms for receiving are less than we do. */
const DEFAULTS = { minRxMs: BFD_MIN_INTERVAL_MS, minTxMs: 100, multiplier: 5 };

/** The BFD protocol of a file, if it has one. */
export class BfdProtocol {
  readonly #protocol: Protocol | null;

  constructor(protocol: Protocol | null) {
    this.#protocol = protocol;
    if (protocol !== null) checkCommonOptions(new Options(protocol));
  }

  /** What a session wants; null: no BFD. */
  of(options: Options, session: { multihop: boolean; interfaceName: string | null }, warn: Warn): BfdConfig | null {
    if (!options.has('bfd')) return null;
    const at = options.at('bfd');
    if (options.words('bfd').length > 0) {
      throw new BirdConfigError(at, `bfd ${options.words('bfd').join(' ')} is not supported, wanted: on or off`);
    }
    if (!options.bool('bfd', true)) return null;
    if (this.#protocol === null || new Options(this.#protocol).bool('disabled', false)) {
      warn(at, 'bfd has no effect without protocol bfd { }');
      return null;
    }
    const timers = session.multihop ? this.#multihopTimers() : this.#timersOf(session.interfaceName, at);
    return {
      minTxMs: interval(timers?.minTxMs ?? DEFAULTS.minTxMs, at, warn),
      minRxMs: interval(timers?.minRxMs ?? DEFAULTS.minRxMs, at, warn),
      multiplier: timers?.multiplier ?? DEFAULTS.multiplier,
      multihop: session.multihop,
      strict: false,
    };
  }

  #blocks(): { readonly patterns: readonly string[] | null; readonly timers: BfdTimers }[] {
    return (this.#protocol?.options ?? []).flatMap(({ value }) => (value.kind === 'bfd' ? [value] : []));
  }

  #multihopTimers(): BfdTimers | null {
    return this.#blocks().findLast(({ patterns }) => patterns === null)?.timers ?? null;
  }

  /** Timers go by interface, and which one leads to a neighbour is not known from the file. */
  #timersOf(interfaceName: string | null, at: Position): BfdTimers | null {
    const blocks = this.#blocks().filter((block) => block.patterns !== null);
    if (interfaceName === null) {
      if (blocks.length < 2) return blocks[0]?.timers ?? null;
      throw new BirdConfigError(
        at,
        'protocol bfd has timers for several interfaces, and which one leads to this neighbor is not said; wanted: one block',
      );
    }
    const found = blocks.find(({ patterns }) => isNamed(patterns ?? [], interfaceName));
    return found?.timers ?? null;
  }
}

/** The first pattern that matches counts. */
function isNamed(patterns: readonly string[], name: string): boolean {
  const first = patterns.find((pattern) => globMatches(pattern.replace(/^-/, ''), name));
  return first !== undefined && !first.startsWith('-');
}

function interval(wanted: number, at: Position, warn: Warn): number {
  const used = Math.min(Math.max(wanted, BFD_MIN_INTERVAL_MS), BFD_MAX_INTERVAL_MS);
  if (used !== wanted) warn(at, `a BFD interval of ${wanted} ms is out of range: ${used} ms used`);
  return used;
}
