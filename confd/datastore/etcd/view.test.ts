import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeEtcd } from '../../../test/support/fake-etcd.ts';
import { ManualTimers } from '../../../test/support/manual-timers.ts';
import type { ResourceEvent } from '../../resource-store.ts';
import type { GrpcFailure } from './grpc.ts';
import { watchedRanges } from './keys.ts';
import { EtcdView, type ViewOptions } from './view.ts';

const PREFIX = '/calico/resources/v3/projectcalico.org/';
const peerKey = (name: string): string => `${PREFIX}bgppeers/${name}`;
const poolKey = (name: string): string => `${PREFIX}ippools/${name}`;
const peerValue = (asNumber: number): string =>
  JSON.stringify({ kind: 'BGPPeer', metadata: {}, spec: { peerIP: '192.0.2.1', asNumber } });
const poolValue = (third: number): string => JSON.stringify({ spec: { cidr: `10.0.${third}.0/24` } });

const OPTIONS: Omit<ViewOptions, 'timers'> = {
  pageLimit: 2,
  gatherMs: 1,
  quietMs: 10,
  catchUpLimitMs: 100,
  callTimeoutMs: 1_000,
  silenceMs: 60_000,
};

/** A view with what it says, and connections that are opened again as often as the test wants. */
class Following {
  readonly etcd = new FakeEtcd();
  readonly timers = new ManualTimers();
  readonly said: string[] = [];
  readonly state = new Map<string, string>();
  failure: GrpcFailure | null = null;
  readonly view = new EtcdView(
    'n1',
    watchedRanges('n1', false),
    { ...OPTIONS, timers: this.timers },
    {
      deliver: (events, revision) => {
        if (events.length > 0) this.said.push(`${events.length} at ${revision}`);
        for (const event of events) this.#take(event);
      },
      relisting: (reason) => this.said.push(`relisting: ${reason}`),
      caughtUp: () => this.said.push('caught up'),
    },
  );

  /** A new connection; resolves when there is nothing to do but to wait. */
  async connect(): Promise<void> {
    this.failure = null;
    void this.view.follow(this.etcd.client()).then((failure) => {
      this.failure = failure;
    });
    await this.settle();
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 5; i++) await nextTurn();
  }

  /** Lets everything through and all waiting end. */
  async finish(): Promise<void> {
    for (let i = 0; i < 60; i++) {
      if (!this.etcd.isWatched) await this.connect();
      this.etcd.deliver();
      const due = this.timers.pending.find(({ milliseconds }) => milliseconds < OPTIONS.callTimeoutMs);
      if (due === undefined && i > 2) return;
      if (due !== undefined) {
        this.timers.pending.splice(this.timers.pending.indexOf(due), 1);
        due.callback();
      }
      await this.settle();
    }
    throw new Error('there is always something to wait for');
  }

  #take(event: ResourceEvent): void {
    if (event.type === 'deleted') {
      const key = `${event.key.kind}/${event.key.name}`;
      if (!this.state.delete(key)) throw new Error(`${key} is deleted, but was not there`);
      return;
    }
    if (event.type === 'refused') throw new Error(JSON.stringify(event));
    const { kind, name } = event.resource;
    const content = JSON.stringify(event.resource);
    if (this.state.get(`${kind}/${name}`) === content) throw new Error(`${kind}/${name} is said twice`);
    this.state.set(`${kind}/${name}`, content);
  }

  /** What a new view of the same etcd sees. */
  async seenAnew(): Promise<Map<string, string>> {
    const other = new Following();
    Object.assign(other.etcd, {
      history: this.etcd.history,
      revision: this.etcd.revision,
      compactedAt: this.etcd.compactedAt,
    });
    await other.connect();
    other.stop();
    return other.state;
  }

  stop(): void {
    this.view.stop();
    this.etcd.break();
  }
}

let following: Following;

beforeEach(() => {
  following = new Following();
});
afterEach(() => following.stop());

/** Lists, and goes on to watch. */
async function follow(): Promise<void> {
  await following.connect();
  await following.finish();
  following.said.length = 0;
}

describe('the first listing', () => {
  test('reads page by page, all at one revision, whatever is written meanwhile', async () => {
    const { etcd } = following;
    for (const name of ['a', 'b', 'c', 'd', 'e']) etcd.write([[peerKey(name), peerValue(1)]]);
    const client = etcd.client();
    const paging = {
      ...client,
      range: (request: Parameters<typeof client.range>[0], what: string) => {
        if (etcd.ranges === 4)
          etcd.write([
            [peerKey('e'), null],
            [peerKey('f'), peerValue(1)],
          ]);
        return client.range(request, what);
      },
    };
    void following.view.follow(paging);
    await following.settle();
    expect([...following.state.keys()]).toEqual(['a', 'b', 'c', 'd', 'e'].map((name) => `BGPPeer/${name}`));
    expect(following.said).toEqual(['5 at 6', 'caught up']);
    await following.finish();
    expect([...following.state.keys()]).toEqual(['a', 'b', 'c', 'd', 'f'].map((name) => `BGPPeer/${name}`));
  });

  test('that is overtaken by compaction begins again', async () => {
    const { etcd } = following;
    for (const name of ['a', 'b', 'c', 'd', 'e']) etcd.write([[peerKey(name), peerValue(1)]]);
    const client = etcd.client();
    const compacting = {
      ...client,
      range: (request: Parameters<typeof client.range>[0], what: string) => {
        if (etcd.ranges === 4) {
          etcd.write([[peerKey('a'), peerValue(2)]]);
          etcd.compact();
        }
        return client.range(request, what);
      },
    };
    void following.view.follow(compacting);
    await following.settle();
    expect(following.said).toEqual(['5 at 7', 'caught up']);
  });
});

describe('resuming', () => {
  test('what was missed is one batch, said when etcd says that it was everything', async () => {
    const { etcd, said } = following;
    etcd.write([
      [peerKey('a'), peerValue(1)],
      [poolKey('p'), poolValue(1)],
    ]);
    await follow();
    etcd.break();
    etcd.write([[peerKey('a'), peerValue(2)]]);
    etcd.write([[poolKey('p'), null]]);
    etcd.write([[peerKey('b'), peerValue(1)]]);
    await following.connect();
    etcd.deliver();
    expect(said).toEqual([]);
    await following.finish();
    expect(said).toEqual(['3 at 5', 'caught up']);
  });

  test('nothing was missed: caught up at once', async () => {
    following.etcd.write([[peerKey('a'), peerValue(1)]]);
    await follow();
    following.etcd.break();
    await following.connect();
    following.etcd.deliver();
    expect(following.said).toEqual(['caught up']);
  });

  test('an etcd that does not tell about progress is believed after a while', async () => {
    const { etcd, said } = following;
    etcd.answersProgress = false;
    await follow();
    etcd.break();
    etcd.write([[peerKey('a'), peerValue(1)]]);
    await following.connect();
    await following.finish();
    expect(said).toEqual(['1 at 2', 'caught up']);
  });

  test('an answer about progress that overtakes events makes none of them lost', async () => {
    const { etcd } = following;
    etcd.progressOvertakes = true;
    await follow();
    etcd.break();
    etcd.write([[peerKey('a'), peerValue(1)]]);
    await following.connect();
    // The watches exist, and the answer comes before the event, which never comes.
    etcd.deliver(8);
    etcd.break();
    await following.settle();
    await following.finish();
    expect([...following.state.keys()]).toEqual(['BGPPeer/a']);
  });

  test('as long as something comes, it was not everything, whatever etcd says', async () => {
    const { etcd, said, timers } = following;
    etcd.progressOvertakes = true;
    await follow();
    etcd.break();
    etcd.write([[peerKey('a'), peerValue(1)]]);
    etcd.write([[poolKey('p'), poolValue(1)]]);
    await following.connect();
    etcd.deliver(9);
    await timers.expire(OPTIONS.quietMs);
    etcd.deliver();
    await following.finish();
    expect(said).toEqual(['2 at 3', 'caught up']);
  });

  test('a stream that breaks between the fragments of a response loses none of them', async () => {
    const { etcd, said } = following;
    await follow();
    etcd.break();
    etcd.write(['a', 'b', 'c', 'd', 'e'].map((name) => [peerKey(name), peerValue(1)] as const));
    await following.connect();
    // The seven watches, and the first of three fragments.
    etcd.deliver(8);
    etcd.break();
    await following.settle();
    expect(following.state.size).toBe(0);
    await following.finish();
    expect(said).toEqual(['5 at 2', 'caught up']);
  });

  test('connections that break all the time do not hold back what has come for ever', async () => {
    const { etcd, said, timers } = following;
    await follow();
    etcd.break();
    etcd.write([[peerKey('a'), peerValue(1)]]);
    etcd.write([[peerKey('b'), peerValue(1)]]);
    await following.connect();
    etcd.deliver(9);
    etcd.break();
    await following.settle();
    expect(said).toEqual([]);
    await timers.expire(OPTIONS.catchUpLimitMs);
    expect(said).toEqual(['2 at 3']);
  });
});

describe('a new listing', () => {
  test('after compaction, once, with the deletions found by comparing', async () => {
    const { etcd, said } = following;
    etcd.write([
      [peerKey('a'), peerValue(1)],
      [poolKey('p'), poolValue(1)],
      [poolKey('q'), poolValue(2)],
    ]);
    await follow();
    etcd.break();
    etcd.write([[poolKey('p'), null]]);
    etcd.write([[peerKey('a'), peerValue(2)]]);
    etcd.compact();
    await following.finish();
    expect(said).toEqual(['relisting: history before revision 5 is compacted', '2 at 4', 'caught up', 'caught up']);
    expect([...following.state.keys()]).toEqual(['BGPPeer/a', 'IPPool/q']);
  });

  test('after compaction while it watched, which etcd lets happen: none', async () => {
    const { etcd, said } = following;
    await follow();
    etcd.compact();
    etcd.write([[peerKey('a'), peerValue(1)]]);
    await following.finish();
    expect(said).toEqual(['1 at 2']);
  });

  test('after compaction of what etcd said that nothing of ours was in: none', async () => {
    const { etcd, said } = following;
    etcd.write([[peerKey('a'), peerValue(1)]]);
    await follow();
    etcd.write([['/calico/something/else', 'x']]);
    etcd.tellProgress();
    await following.finish();
    etcd.break();
    etcd.compact();
    await following.finish();
    expect(said).toEqual(['caught up']);
  });

  test('of a restored store looks at every entry, whatever its revision', async () => {
    const { etcd } = following;
    const restore = etcd.backup();
    etcd.write([[peerKey('a'), peerValue(1)]]);
    etcd.write([[peerKey('b'), peerValue(1)]]);
    await follow();
    restore();
    etcd.write([[peerKey('a'), peerValue(2)]]);
    etcd.write([[peerKey('b'), peerValue(2)]]);
    await following.finish();
    expect(following.state).toEqual(await following.seenAnew());
  });

  test.each<[sentence: string, change: (etcd: FakeEtcd, restore: () => void) => void, reason: string]>([
    ['when the revision went back', (_etcd, restore) => restore(), 'went back from revision'],
    [
      'when it is another cluster',
      (etcd, restore) => {
        restore();
        etcd.clusterId = '8';
      },
      'another etcd cluster',
    ],
    [
      'when the raft term went back, although the revision did not',
      (etcd, restore) => {
        restore();
        for (let i = 0; i < 9; i++) etcd.write([[poolKey('new'), poolValue(i)]]);
        etcd.compact();
        etcd.raftTerm--;
      },
      'went back from raft term',
    ],
    [
      'when only its history is another',
      (etcd, restore) => {
        restore();
        for (let i = 0; i < 9; i++) etcd.write([[poolKey('new'), poolValue(i)]]);
      },
      'had something else at revision',
    ],
  ])('%s', async (_sentence, change, reason) => {
    const { etcd, said } = following;
    etcd.write([
      [peerKey('kept'), peerValue(1)],
      [peerKey('was'), peerValue(1)],
    ]);
    const restore = etcd.backup();
    await follow();
    etcd.write([[peerKey('was'), null]]);
    etcd.write([[peerKey('gone'), peerValue(1)]]);
    etcd.write([[peerKey('kept'), peerValue(7)]]);
    await following.finish();
    said.length = 0;
    change(etcd, restore);
    await following.finish();
    expect(said[0]).toContain(reason);
    expect(following.state).toEqual(await following.seenAnew());
    etcd.write([[peerKey('kept'), peerValue(8)]]);
    await following.finish();
    expect(following.state).toEqual(await following.seenAnew());
  });
});

describe('a stream that is of no use', () => {
  test.each<[sentence: string, response: readonly number[], reason: string]>([
    ['malformed octets', [0xff], 'cannot be read'],
    // watch_id 1 is there; a cancellation with the reason "why".
    ['a cancellation', [0x10, 1, 0x20, 1, 0x32, 3, 0x77, 0x68, 0x79], 'why'],
    ['an answer for another watch', [0x10, 99, 0x5a, 0], 'nobody asked for'],
  ])('%s ends the connection, with the reason', async (_sentence, response, reason) => {
    const { etcd } = following;
    const client = etcd.client();
    let inject: (octets: Uint8Array) => void = () => {};
    const watching = following.view.follow({
      ...client,
      watch: (reader) => {
        inject = (octets) => reader.message(octets);
        return client.watch(reader);
      },
    });
    await following.finish();
    inject(Uint8Array.from(response));
    expect((await watching).message).toContain(reason);
  });

  test('a watch that is not set up in time ends the connection', async () => {
    await following.connect();
    await following.timers.expire(OPTIONS.callTimeoutMs);
    await following.settle();
    expect(following.failure?.message).toBe('no watch within 1 s');
  });

  test('a watch that falls silent ends the connection, one that tells of progress does not', async () => {
    await follow();
    for (let i = 0; i < 3; i++) {
      await following.timers.expire(OPTIONS.silenceMs);
      following.etcd.tellProgress();
      following.etcd.deliver();
    }
    await following.timers.expire(OPTIONS.silenceMs);
    await following.settle();
    expect(following.failure).toBe(null);
    await following.timers.expire(OPTIONS.silenceMs);
    await following.settle();
    expect(following.failure?.message).toBe('nothing was heard of the watch for 60 s');
  });
});

test('whatever happens, in the end the view is what etcd has, and nothing was said twice', async () => {
  const key = fc.constantFrom(peerKey('a'), peerKey('b'), peerKey('c'), poolKey('p'), poolKey('q'));
  const change = fc.record({ key, version: fc.option(fc.integer({ min: 1, max: 5 })) });
  const command = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('write' as const), changes: fc.array(change, { maxLength: 4 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 12 }) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('break' as const, 'connect' as const, 'tell' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constantFrom('compact' as const, 'backup' as const, 'restore' as const) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), timer: fc.nat(3) }) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { maxLength: 40 }),
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      async (commands, size, overtakes) => {
        const run = new Following();
        const { etcd, timers } = run;
        etcd.fragmentEvents = size;
        etcd.progressOvertakes = overtakes;
        let restore = etcd.backup();
        for (const one of commands) {
          switch (one.do) {
            case 'write':
              etcd.write(
                [...new Map(one.changes.map(({ key, version }) => [key, version]))].map(
                  ([key, version]): [string, string | null] => [
                    key,
                    version === null ? null : key.includes('bgppeers') ? peerValue(version) : poolValue(version),
                  ],
                ),
              );
              break;
            case 'deliver':
              etcd.deliver(one.count);
              break;
            case 'break':
              etcd.break();
              break;
            case 'connect':
              if (!etcd.isWatched) await run.connect();
              break;
            case 'tell':
              etcd.tellProgress();
              break;
            case 'compact':
              etcd.compact();
              break;
            case 'backup':
              restore = etcd.backup();
              break;
            case 'restore':
              restore();
              // As etcd's own tool does it. Without that, the same writes over again could not be told apart.
              etcd.clusterId = String(Number(etcd.clusterId) + 1);
              break;
            case 'wait': {
              const [due] = timers.pending.splice(one.timer, 1);
              due?.callback();
            }
          }
          await run.settle();
        }
        await run.finish();
        expect(run.state).toEqual(await run.seenAnew());
        run.stop();
      },
    ),
    { numRuns: 500 },
  );
});
