/**
 * A namespace with two interfaces (t0, t1), a back end in it and words for what tests say: routes as `ip route` spells
 * them. For tests against a real kernel.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { parseAddress, parsePrefix } from '../../../bgp/ip.ts';
import type { Fib, FibEntry, FibHop } from '../fib.ts';
import { createFibNetlink, type FibNetlinkOptions } from '../fib-netlink.ts';
import { TestNamespace } from './namespace.ts';
import { type RecordingListener, recordingListener } from './recording-listener.ts';

export const V4 = '10.1.0.0/16';
export const V6 = '2001:db8:a::/48';

export class FibScene {
  readonly ns: TestNamespace;
  readonly #defaults: Partial<FibNetlinkOptions>;
  listener: RecordingListener = recordingListener();
  /** What the listener was told by the last restart. */
  learnedAtStart: string[] = [];
  fib: Fib = createFibNetlink({ listener: this.listener });

  constructor(label: string, defaults: Partial<FibNetlinkOptions> = {}) {
    this.#defaults = defaults;
    this.ns = TestNamespace.enter(label);
    this.ns.addInterface('t0', ['192.0.2.1/24', '2001:db8::1/64']);
    this.ns.addInterface('t1', ['198.51.100.1/24', '2001:db8:1::1/64']);
  }

  /** A new back end, as after a restart of the daemon. */
  async restart(options: Partial<FibNetlinkOptions> = {}): Promise<void> {
    this.fib.close();
    this.listener = recordingListener();
    this.fib = createFibNetlink({ listener: this.listener, ...this.#defaults, ...options });
    const started = await this.fib.start();
    if ('error' in started) throw new Error(started.error);
    this.learnedAtStart = this.listener.take();
  }

  /** Ends the back end and empties the tables. */
  clean(): void {
    this.fib.close();
    // The routes go with them; `ip route flush` cannot delete such routes.
    if (this.ns.ip('nexthop show') !== '') this.ns.ip('nexthop flush');
    for (const family of ['-4', '-6']) {
      for (const protocol of ['bird', 'static', '77']) this.ns.ip(`${family} route flush proto ${protocol}`);
    }
    if (this.ns.ip('route show table all').includes('table 1000')) this.ns.ip('route flush table 1000');
    if (this.ns.ip('-6 route show table all').includes('table 1000')) this.ns.ip('-6 route flush table 1000');
  }

  remove(): void {
    this.fib.close();
    this.ns.remove();
  }

  /** `192.0.2.9`, `192.0.2.9 dev t0 onlink`, `dev t0`, `192.0.2.9 weight 3`. */
  hop(text: string): FibHop {
    const words = text.split(' ');
    const after = (word: string): string | null => (words.includes(word) ? words[words.indexOf(word) + 1] : null);
    const device = after('dev');
    return {
      gateway: words[0] === 'dev' ? null : parseAddress(words[0]),
      interfaceIndex: device === null ? 0 : this.fib.interfaceIndex(device),
      onlink: words.includes('onlink'),
      weight: Number(after('weight') ?? 1),
    };
  }

  readonly unicast = (metric: number, ...hops: string[]): FibEntry => ({
    type: 'unicast',
    metric,
    hops: hops.map((text) => this.hop(text)),
  });

  readonly blackhole = (metric = 0): FibEntry => ({ type: 'blackhole', metric, hops: [] });

  /** Wishes a route. */
  readonly want = (prefixText: string, entry: FibEntry): void => {
    const { family, a, b, c, d, length } = parsePrefix(prefixText)!;
    this.fib.replace(family, a, b, c, d, length, entry);
  };

  readonly unwant = (prefixText: string): void => {
    const { family, a, b, c, d, length } = parsePrefix(prefixText)!;
    this.fib.remove(family, a, b, c, d, length);
  };

  /** `ip route show` for exactly this prefix, without what only IPv6 prints. */
  readonly kernel = (prefix: string, table = 'main'): string[] => {
    const family = prefix.includes(':') ? '-6' : '-4';
    return this.ns
      .ip(`${family} route show exact ${prefix} table ${table}`)
      .replace(/ pref medium/g, '')
      .replace(/\n\t/g, ' ')
      .split('\n')
      .map((line) => line.replace(/ +/g, ' ').trim())
      .filter((line) => line !== '');
  };

  /** Waits as long as a machine that is busy with something else may need, but less than a test may take. */
  readonly until = async (what: string, condition: () => boolean): Promise<void> => {
    for (const end = performance.now() + 50_000; !condition(); ) {
      if (performance.now() > end) throw new Error(`Never happened: ${what}; told: ${this.listener.lines.join('; ')}`);
      await delay(10);
    }
  };
}
