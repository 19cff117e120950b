/**
 * The whole RIB against a model that knows nothing of its tables: after any sequence of UPDATEs, lost and new sessions,
 * refreshes, policy and next-hop changes, with slices of work in between, the tables hold what the model holds, the
 * best path is the one that RFC 4271 9.1.2.2 written down naively selects, every count is what counting gives, and
 * a consumer that only listened to prefixChanged knows the truth.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatPrefix } from '../bgp/ip.ts';
import { type Attributes, block, LOCAL_AS, PEER_POLICY, RibBench } from '../test/support/rib.ts';
import { DECISION_DEFAULTS } from './decision.ts';
import type { PathRow } from './paths.ts';
import { ACCEPT_ALL_IMPORT, type ImportPolicy } from './policy-hook.ts';
import type { Rib } from './rib.ts';

const PREFIXES = ['10.0.0.0/8', '198.51.100.0/24', '0.0.0.0/0'];
const PEERS = [
  { name: 'e1', as: 65001, bgpIdentifier: '1.1.1.1', address: '192.0.2.1' },
  { name: 'e2', as: 65001, bgpIdentifier: '1.1.1.1', address: '192.0.2.2' },
  { name: 'e3', as: 65002, bgpIdentifier: '3.3.3.3', address: '192.0.2.3' },
  { name: 'i1', as: LOCAL_AS, bgpIdentifier: '2.2.2.2', address: '192.0.2.4' },
  { name: 'a1', as: 65003, bgpIdentifier: '4.4.4.4', address: '192.0.2.5', addPath: true },
];
const NO_LLGR = 0xffff0007;

interface Path {
  readonly attributes: Attributes;
  isStale: boolean;
  isRefreshPending: boolean;
  isLongLived: boolean;
}

type Step =
  | { kind: 'announce'; peer: number; prefix: number; pathId: number; attributes: Attributes }
  | { kind: 'withdraw'; peer: number; prefix: number; pathId: number }
  | { kind: 'down'; peer: number; retain: boolean }
  | { kind: 'up' | 'endOfRib' | 'sweep' | 'longLived' | 'beginRefresh' | 'endRefresh'; peer: number }
  | { kind: 'policy'; peer: number; rule: number }
  | { kind: 'cost'; nextHop: number; cost: number | null }
  | { kind: 'slice'; checks: number };

const peer = fc.nat(PEERS.length - 1);
const prefix = fc.nat(PREFIXES.length - 1);
const pathId = fc.integer({ min: 0, max: 2 });
const attributes: fc.Arbitrary<Attributes> = fc.record({
  asPath: fc.constantFrom([65001], [65002], [65003], [65001], [65002], [65001, 65002], [65001, LOCAL_AS], []),
  localPref: fc.constantFrom(50, 100, 100, 100),
  med: fc.constantFrom(0, 1, 2),
  nextHop: fc.constantFrom('192.0.2.1', '192.0.2.2', '192.0.2.3'),
  communities: fc.constantFrom([], [NO_LLGR], [0xfde80001]),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('announce' as const), peer, prefix, pathId, attributes }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('withdraw' as const), peer, prefix, pathId }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('down' as const), peer, retain: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('up', 'endOfRib', 'sweep', 'longLived', 'beginRefresh', 'endRefresh'),
      peer,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('policy' as const), peer, rule: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('cost' as const),
      nextHop: fc.integer({ min: 1, max: 4 }),
      cost: fc.constantFrom(null, 1, 2),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('slice' as const), checks: fc.integer({ min: 1, max: 3 }) }) },
);

/** Rule 0 accepts, 1 rejects MED 2, 2 sets LOCAL_PREF to 200 for a /24 or longer, 3 sets the next hop to 192.0.2.4. */
function applyRule(rule: number, given: Attributes, length: number): Attributes | null {
  if (rule === 1) return given.med === 2 ? null : given;
  if (rule === 2) return length >= 24 ? { ...given, localPref: 200 } : given;
  return rule === 3 ? { ...given, nextHop: '192.0.2.4' } : given;
}

class World {
  readonly bench: RibBench;
  readonly indices: number[] = [];
  /** Per peer: `prefix/pathId` to path. */
  readonly model: Array<Map<string, Path>> = [];
  readonly rules = PEERS.map(() => 0);
  readonly isUp = PEERS.map(() => true);
  readonly isRetained = PEERS.map(() => false);
  readonly isRefreshing = PEERS.map(() => false);
  readonly costs = new Map<number, number | null>([
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
  /** What a consumer of best paths believes: prefix to peer and octets. */
  readonly heard = new Map<string, string>();
  readonly alwaysCompareMed: boolean;

  constructor(alwaysCompareMed: boolean) {
    this.alwaysCompareMed = alwaysCompareMed;
    this.bench = new RibBench({
      decision: { ...DECISION_DEFAULTS, alwaysCompareMed },
      resolver: (_family, a) => {
        const cost = this.costs.get(a & 255) ?? (this.costs.has(a & 255) ? null : 1);
        return cost === null ? null : { cost, gateway: null, interfaceIndex: 1 };
      },
      policyCompiler: (rib) => ({
        compileImport: (_policy, _family, { name }) =>
          this.#policy(
            rib,
            PEERS.findIndex((p) => p.name === name),
          ),
      }),
    });
    this.bench.rib.addConsumer({
      wantsAllPaths: false,
      wantsForwarding: false,
      prefixChanged: (family, handle) => {
        const text = formatPrefix(this.bench.rib.prefixes[family].describe(handle));
        this.heard.set(text, this.#truth(text));
      },
      pathRemoved: () => {},
    });
    for (const given of PEERS) {
      this.indices.push(this.bench.peer({ ...given, forwardingPreserved: [0, 1] }));
      this.model.push(new Map());
    }
  }

  /** Compiled once per peer here; the rule is looked up on every evaluation, as reevaluate() demands. */
  #policy(rib: Rib, at: number): ImportPolicy {
    const byOctets = this.#byOctets;
    const rules = this.rules;
    return {
      ...ACCEPT_ALL_IMPORT,
      acceptsAll: false,
      get dependsOnPrefix() {
        return rules[at] === 2;
      },
      evaluate: (_a, _b, _c, _d, length, set) => {
        const given = byOctets.get(rib.sets.octetsOf(set).join());
        const result = given === undefined ? null : applyRule(rules[at], given, length);
        if (result === null) return 0;
        const octets = block(result);
        return rib.sets.intern(octets, 0, octets.length);
      },
    };
  }

  readonly #byOctets = new Map<string, Attributes>();

  #truth(text: string): string {
    const row = this.bench.rib.best(0, this.bench.handle(text));
    if (row === 0) return '';
    const paths = this.bench.rib.paths[0];
    return `${paths.rowPeer[row]} ${this.bench.rib.sets.octetsOf(paths.rowEffective[row]).join()}`;
  }

  apply(one: Step): void {
    const { bench } = this;
    if (one.kind === 'slice') {
      let left = one.checks;
      bench.rib.runSlice(() => --left <= 0);
      return;
    }
    if (one.kind === 'cost') {
      this.costs.set(one.nextHop, one.cost);
      bench.rib.resolutionChanged();
      return;
    }
    const at = one.peer;
    const index = this.indices[at];
    const paths = this.model[at];
    switch (one.kind) {
      case 'announce': {
        if (!this.isUp[at]) return;
        const id = PEERS[at].addPath === true ? one.pathId : 0;
        this.#byOctets.set(block(one.attributes).join(), one.attributes);
        bench.announce(index, PREFIXES[one.prefix], one.attributes, PEERS[at].addPath === true ? id : null);
        const path = { attributes: one.attributes, isStale: false, isRefreshPending: false, isLongLived: false };
        paths.set(`${PREFIXES[one.prefix]} ${id}`, path);
        return;
      }
      case 'withdraw': {
        if (!this.isUp[at]) return;
        const id = PEERS[at].addPath === true ? one.pathId : 0;
        bench.withdraw(index, PREFIXES[one.prefix], PEERS[at].addPath === true ? id : null);
        paths.delete(`${PREFIXES[one.prefix]} ${id}`);
        return;
      }
      case 'down':
        bench.rib.sessionDown(index, [one.retain, one.retain]);
        this.#removeIf(at, (path) => !one.retain || path.isStale);
        for (const path of paths.values()) {
          path.isStale = true;
          path.isRefreshPending = false;
        }
        this.isUp[at] = false;
        this.isRetained[at] = one.retain;
        this.isRefreshing[at] = false;
        return;
      case 'up':
        bench.up(index);
        this.isUp[at] = true;
        return;
      case 'endOfRib':
        if (!this.isUp[at]) return;
        bench.update(index, { endOfRib: 0 });
        this.#sweepStale(at);
        return;
      case 'sweep':
        bench.rib.sweepStale(index, 0);
        this.#sweepStale(at);
        return;
      case 'longLived':
        bench.rib.beginLongLivedStale(index, 0);
        if (!this.isRetained[at]) return;
        // Not while up: what a new session has not yet confirmed is handled by its End-of-RIB.
        this.#removeIf(at, (path) => path.isStale && path.attributes.communities?.includes(NO_LLGR) === true);
        for (const path of paths.values()) if (path.isStale) path.isLongLived = true;
        return;
      case 'beginRefresh':
        if (!this.isUp[at]) return;
        bench.rib.beginRefresh(index, 0);
        this.isRefreshing[at] = true;
        for (const path of paths.values()) path.isRefreshPending = true;
        return;
      case 'endRefresh':
        bench.rib.endRefresh(index, 0);
        if (this.isRefreshing[at]) this.#removeIf(at, (path) => path.isRefreshPending);
        this.isRefreshing[at] = false;
        return;
      case 'policy':
        this.rules[at] = one.rule;
        bench.rib.updatePeer(index, { ...PEER_POLICY, importPolicy: structuredClone(PEER_POLICY.importPolicy) });
        return;
    }
  }

  #sweepStale(at: number): void {
    if (this.isRetained[at]) this.#removeIf(at, (path) => path.isStale);
    this.isRetained[at] = false;
  }

  #removeIf(at: number, condition: (path: Path) => boolean): void {
    for (const [key, path] of this.model[at]) if (condition(path)) this.model[at].delete(key);
  }

  /** RFC 4271 9.1.2.2 as a sequence of eliminations; the candidates are the eligible paths of a prefix. */
  naiveBest(text: string): string | null {
    const length = Number(text.split('/')[1]);
    let left = PEERS.flatMap((given, at) =>
      [...this.model[at]].flatMap(([key, path]) => {
        const [prefixText, id] = key.split(' ');
        if (prefixText !== text || path.attributes.asPath?.includes(LOCAL_AS) === true) return [];
        const used = applyRule(this.rules[at], path.attributes, length);
        if (used === null) return [];
        const hop = Number(used.nextHop?.split('.')[3]);
        const cost = this.costs.has(hop) ? (this.costs.get(hop) ?? null) : 1;
        if (cost === null) return [];
        return [{ given, at, id: Number(id), used, cost, isLongLived: path.isLongLived }];
      }),
    );
    const keepLowest = (value: (candidate: (typeof left)[number]) => number): void => {
      const lowest = Math.min(...left.map(value));
      left = left.filter((candidate) => value(candidate) === lowest);
    };
    keepLowest((one) => (one.isLongLived ? 1 : 0));
    keepLowest((one) => -(one.used.localPref ?? 100));
    keepLowest((one) => one.used.asPath?.length ?? 0);
    const neighbor = (one: (typeof left)[number]): unknown => (this.alwaysCompareMed ? 0 : one.used.asPath?.[0]);
    left = left.filter(
      (one) => !left.some((other) => neighbor(other) === neighbor(one) && (other.used.med ?? 0) < (one.used.med ?? 0)),
    );
    keepLowest((one) => (one.given.as === LOCAL_AS ? 1 : 0));
    keepLowest((one) => one.cost);
    keepLowest((one) => Number(one.given.bgpIdentifier.replaceAll('.', '')));
    keepLowest((one) => one.at);
    keepLowest((one) => one.id);
    return left.length === 0 ? null : `${left[0].given.name} ${left[0].id}`;
  }

  check(): void {
    const { rib } = this.bench;
    const paths = rib.paths[0];
    const held = new Map<number, number>();
    const hold = (set: number): void => {
      if (set !== 0) held.set(set, (held.get(set) ?? 0) + 1);
    };
    let total = 0;
    for (const [at, index] of this.indices.entries()) {
      const expected = [...this.model[at].keys()].sort();
      const found: string[] = [];
      let eligible = 0;
      for (let row: PathRow = 1; row < paths.end; row++) {
        if (paths.rowPrefix[row] === 0 || paths.rowPeer[row] !== index) continue;
        found.push(`${formatPrefix(rib.prefixes[0].describe(paths.rowPrefix[row]))} ${paths.pathIdOf(row)}`);
        if (paths.rowEffective[row] !== 0) eligible++;
        hold(paths.rowSet[row]);
        hold(paths.rowEffective[row]);
        hold(paths.parkedOf(row));
      }
      expect(found.sort()).toEqual(expected);
      total += found.length;
      const best = PREFIXES.filter((text) => this.bench.best(text) === PEERS[at].name).length;
      const stale = [...this.model[at].values()].filter((path) => path.isStale || path.isRefreshPending).length;
      const counters = rib.counters(index, 0);
      expect(counters).toMatchObject({ received: expected.length, eligible, best, stale });
      expect(counters.byReason.reduce((sum, count) => sum + count)).toBe(expected.length);
    }
    expect(paths.count).toBe(total);
    for (const text of PREFIXES) {
      const row = rib.best(0, this.bench.handle(text));
      const best = row === 0 ? null : `${rib.peers.nameOf(paths.rowPeer[row])} ${paths.pathIdOf(row)}`;
      expect(`${text} ${best}`).toBe(`${text} ${this.naiveBest(text)}`);
      expect(this.heard.get(text) ?? '').toBe(this.#truth(text));
    }
    expect(rib.sets.count).toBe(held.size);
    for (const [set, count] of held) expect(rib.sets.refCount[set]).toBe(count);
  }
}

test.each([
  ['MED within a neighbour AS', false],
  ['alwaysCompareMed', true],
])('any sequence of events ends where computing from scratch ends: %s', (_sentence, alwaysCompareMed) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const world = new World(alwaysCompareMed);
      for (const one of steps) world.apply(one);
      world.bench.settle();
      world.check();
      for (const index of world.indices) world.bench.rib.removePeer(index);
      world.bench.settle();
      const { rib } = world.bench;
      expect([rib.sets.count, rib.nextHops.count, rib.paths[0].count, rib.prefixes[0].count]).toEqual([0, 0, 0, 0]);
      expect([...world.heard.values()].every((value) => value === '')).toBe(true);
    }),
    { numRuns: 1500 },
  );
});
