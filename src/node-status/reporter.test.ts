import { beforeEach, describe, expect, test } from 'vitest';
import type { Timers } from '../../confd/datastore/datastore.ts';
import type { ListHandlers, ReadOutcome, WatchHandlers } from '../../confd/datastore/kubernetes/api-client.ts';
import type { WriteRequest } from '../../confd/datastore/kubernetes/transport.ts';
import { SILENT_LOG } from '../log/log.ts';
import { NodeStatusReporter } from './reporter.ts';

const PATH = '/apis/projectcalico.org/v3/caliconodestatuses';

const stored = (spec: object = {}, metadata: object = {}, status?: object) => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'CalicoNodeStatus',
  metadata: { name: 'one', generation: 1, resourceVersion: '1', ...metadata },
  spec: { node: 'own', classes: ['BGP'], updatePeriodSeconds: 10, ...spec },
  ...(status === undefined ? {} : { status }),
});

/** An API server that does what a test says. */
class FakeClient {
  readonly writes: { path: string; body: { status: object; metadata: { resourceVersion: string } } }[] = [];
  answers: (ReadOutcome | null)[] = [];
  readAnswer: object = stored();
  lists: ListHandlers[] = [];
  watches: { path: string; handlers: WatchHandlers }[] = [];

  list(_path: string, _accept: string, handlers: ListHandlers): () => void {
    this.lists.push(handlers);
    return () => {};
  }
  watch(path: string, _accept: string, handlers: WatchHandlers): () => void {
    this.watches.push({ path, handlers });
    return () => {};
  }
  async read(): Promise<ReadOutcome> {
    return { ok: true, value: this.readAnswer };
  }
  async write(path: string, { body }: WriteRequest): Promise<ReadOutcome> {
    const object = JSON.parse(body);
    this.writes.push({ path, body: object });
    return this.answers.shift() ?? { ok: true, value: object };
  }
}

/** Time passes when a test says so; what is due happens in order. */
class AdvancingTimers implements Timers {
  #nowMs = 0;
  readonly #pending = new Set<{ readonly atMs: number; readonly callback: () => void }>();

  schedule(milliseconds: number, callback: () => void): () => void {
    const entry = { atMs: this.#nowMs + milliseconds, callback };
    this.#pending.add(entry);
    return () => void this.#pending.delete(entry);
  }

  advance(milliseconds: number): void {
    const endMs = this.#nowMs + milliseconds;
    for (;;) {
      const due = [...this.#pending].filter(({ atMs }) => atMs <= endMs).sort((x, y) => x.atMs - y.atMs);
      if (due.length === 0) break;
      this.#nowMs = due[0].atMs;
      this.#pending.delete(due[0]);
      due[0].callback();
    }
    this.#nowMs = endMs;
  }
}

const failure = (status: number): ReadOutcome => ({
  ok: false,
  failure: { status, reason: '', message: `status ${status}`, retryAfterSeconds: null },
});
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

let client: FakeClient;
let timers: AdvancingTimers;
let peers: number;
let warnings: string[];
let reporter: NodeStatusReporter;

beforeEach(() => {
  client = new FakeClient();
  timers = new AdvancingTimers();
  peers = 1;
  warnings = [];
  reporter = new NodeStatusReporter({
    client,
    path: PATH,
    node: 'own',
    build: async () => ({ status: { bgp: { numberEstablishedV4: peers, peersV4: [] } }, routesOmitted: 0 }),
    log: { ...SILENT_LOG, warn: (_msgid, _fields, message) => void warnings.push(message) },
    timers,
    random: () => 0.5,
    wallMs: () => Date.UTC(2026, 10, 29, 12, 0, 0, 123),
  });
  reporter.start();
});

async function listed(...objects: readonly object[]): Promise<void> {
  const handlers = client.lists.at(-1)!;
  for (const object of objects) handlers.item(object);
  handlers.done({ resourceVersion: '7', continueToken: '' });
  await settle();
}

describe('a report', () => {
  test('is made at once, with its time, into the status sub-resource', async () => {
    await listed(stored());
    expect(client.writes).toEqual([
      {
        path: `${PATH}/one/status`,
        body: stored({}, {}, { bgp: { numberEstablishedV4: 1, peersV4: [] }, lastUpdated: '2026-11-29T12:00:00Z' }),
      },
    ]);
  });

  test('is made again every period, and written only when something has changed', async () => {
    await listed(stored());
    timers.advance(10_000);
    await settle();
    expect(client.writes).toHaveLength(1);
    peers = 2;
    timers.advance(10_000);
    await settle();
    expect(client.writes).toHaveLength(2);
  });

  test('that the object holds already, in other order and without empty lists, is not written', async () => {
    await listed(stored({}, {}, { lastUpdated: 'long ago', bgp: { numberEstablishedV4: 1 } }));
    expect(client.writes).toEqual([]);
  });

  test('with period 0 is made once, and again when the specification changes', async () => {
    await listed(stored({ updatePeriodSeconds: 0 }));
    peers = 2;
    timers.advance(1_000_000);
    await settle();
    expect(client.writes).toHaveLength(1);
    const changed = stored({ updatePeriodSeconds: 0, classes: ['Agent', 'BGP'] }, { generation: 2 });
    client.watches.at(-1)?.handlers.event({ type: 'MODIFIED', object: changed });
    await settle();
    expect(client.writes).toHaveLength(2);
  });

  test('that collides is made again with the newer object, three times in all', async () => {
    client.answers = [failure(409), failure(409)];
    client.readAnswer = stored({}, { resourceVersion: '9' });
    await listed(stored());
    expect(client.writes.map(({ body }) => body.metadata.resourceVersion)).toEqual(['1', '9', '9']);
    expect(warnings).toEqual([]);
    client.answers = [failure(409), failure(409), failure(409)];
    peers = 2;
    timers.advance(10_000);
    await settle();
    expect(warnings).toEqual(['CalicoNodeStatus one cannot be written: status 409']);
  });

  test('goes into the whole object where there is no sub-resource', async () => {
    client.answers = [failure(404)];
    await listed(stored());
    peers = 2;
    timers.advance(10_000);
    await settle();
    expect(client.writes.map(({ path }) => path)).toEqual([`${PATH}/one/status`, `${PATH}/one`, `${PATH}/one`]);
  });

  test('that is not allowed is said once', async () => {
    client.answers = [failure(403), failure(403)];
    await listed(stored());
    timers.advance(10_000);
    await settle();
    expect(warnings).toEqual(['CalicoNodeStatus one cannot be written: status 403']);
  });

  test('echoed by the watch makes no other', async () => {
    await listed(stored());
    client.watches.at(-1)?.handlers.event({ type: 'MODIFIED', object: { ...client.writes[0].body } });
    await settle();
    expect(client.writes).toHaveLength(1);
  });
});

describe('objects', () => {
  test('of other nodes are left alone', async () => {
    await listed(stored({ node: 'other' }));
    expect(client.writes).toEqual([]);
  });

  test('that are wrong are named once', async () => {
    await listed(stored({ updatePeriodSeconds: -1 }));
    expect(client.writes).toEqual([]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('spec.updatePeriodSeconds');
  });

  test.each([
    ['a deletion', { type: 'DELETED', object: stored() }],
    ['another node', { type: 'MODIFIED', object: stored({ node: 'other' }, { generation: 2 }) }],
  ] as const)('are not reported on any more after %s', async (_, event) => {
    await listed(stored());
    client.watches.at(-1)?.handlers.event(event);
    peers = 2;
    timers.advance(100_000);
    await settle();
    expect(client.writes).toHaveLength(1);
  });

  test('that a new list does not have any more are gone', async () => {
    await listed(stored());
    client.watches.at(-1)?.handlers.failed({ status: 410, reason: 'Expired', message: '', retryAfterSeconds: null });
    timers.advance(10_000);
    expect(client.lists).toHaveLength(2);
    await listed();
    peers = 2;
    timers.advance(100_000);
    await settle();
    expect(client.writes).toHaveLength(1);
  });
});

test('a watch that ends goes on where it was', async () => {
  await listed(stored());
  const { handlers, path } = client.watches[0];
  expect(path).toContain('resourceVersion=7');
  handlers.event({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '42' } } });
  handlers.ended();
  timers.advance(10_000);
  expect(client.watches.at(-1)?.path).toContain('resourceVersion=42');
});

test('nothing is written after the end', async () => {
  await listed(stored());
  reporter.stop();
  peers = 2;
  timers.advance(100_000);
  await settle();
  expect(client.writes).toHaveLength(1);
});
