/** Server-sent events of a running speaker: states of peers, revisions, best paths by filter, and readers that stall. */

import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ReceivedView, View } from '../../src/api/schema.ts';
import { InProcessSpeaker } from '../support/in-process-speaker.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { updateOctets } from '../support/raw-speaker.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 10_000;
const [SPEAKER, EAST] = [1, 2].map(loopbackAddress);

interface Told {
  readonly kind: string;
  readonly data: { readonly [field: string]: unknown };
}

/** A reader of the event stream. */
class Reader {
  readonly told: Told[] = [];
  readonly #call: ClientRequest;
  #rest = '';

  private constructor(call: ClientRequest, response: IncomingMessage) {
    this.#call = call;
    response.setEncoding('utf8');
    response.on('error', () => {});
    response.on('data', (chunk: string) => this.#read(chunk));
  }

  static open(socketPath: string, query: string): Promise<Reader> {
    return new Promise((resolve, reject) => {
      const call = request({ socketPath, path: `/v1/events?${query}` }, (response) => {
        expect(response.headers['content-type']).toBe('text/event-stream');
        resolve(new Reader(call, response));
      });
      call.on('error', reject);
      call.end();
    });
  }

  close(): void {
    this.#call.on('error', () => {});
    this.#call.destroy();
  }

  until(what: string, isThere: (told: readonly Told[]) => boolean): Promise<unknown> {
    return waitUntil(what, DEADLINE_MS, async () => this.told, isThere);
  }

  #read(chunk: string): void {
    const events = (this.#rest + chunk).split('\n\n');
    this.#rest = events.pop() ?? '';
    for (const text of events) {
      const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1];
      const kind = field('event');
      if (kind !== undefined) this.told.push({ kind, data: JSON.parse(field('data')!) as Told['data'] });
    }
  }
}

let api: InProcessSpeaker;
let east: SocketSpeaker;
let reader: Reader;
const connectEast = (): Promise<SocketSpeaker> =>
  SocketSpeaker.establish({ localAddress: EAST, address: SPEAKER, as: 65_001 });
const announce = (...prefixes: readonly string[]): void => east.send(updateOctets(65_001, EAST, prefixes));
const open = async (query: string): Promise<Reader> => {
  reader = await Reader.open(api.socketPath, query);
  return reader;
};

beforeAll(async () => {
  api = await InProcessSpeaker.start(SPEAKER, {
    routerId: SPEAKER,
    as: 65_000,
    peers: [
      {
        name: 'east',
        address: EAST,
        as: 65_001,
        passive: true,
        import: 'accept-all',
        idleHold: { minSeconds: 1, maxSeconds: 1 },
      },
    ],
    originate: [{ prefix: '192.0.2.0/24' }],
  });
  east = await connectEast();
  announce('10.0.0.0/8');
  await waitUntil(
    'the east is read',
    DEADLINE_MS,
    () => api.list<ReceivedView>('/v1/peers/east/received'),
    ({ length }) => length === 1,
  );
});
afterEach(() => reader.close());
afterAll(async () => {
  east.close();
  await api.stop();
});

test('a session that ends and comes back is told, with the reason', async () => {
  const { told } = await open('kinds=peer');
  await api.ask('POST', '/v1/peers/east/reset');
  await reader.until('it is down', () => told.some(({ data }) => data.from === 'Established'));
  expect(told[0].data).toMatchObject({
    peer: 'east',
    from: 'Established',
    reason: expect.stringContaining('Administrative Reset'),
  });
  expect(Date.parse(String(told[0].data.at))).toBeGreaterThan(0);
  east = await waitUntil('it is back', DEADLINE_MS, connectEast, () => true);
  await reader.until('it is up', () => told.some(({ data }) => data.to === 'Established'));
  announce('10.0.0.0/8');
});

test('the present state comes first when it is asked for', async () => {
  const { told } = await open('kinds=peer,revision,route&initial=true');
  await reader.until('everything is told', () => told.filter(({ kind }) => kind === 'route').length >= 2);
  expect(told.slice(0, 2)).toMatchObject([
    { kind: 'revision', data: { refused: 0 } },
    { kind: 'peer', data: { peer: 'east', from: null, to: 'Established' } },
  ]);
  expect(told[0].data.applied).toBe(told[0].data.desired);
  const routes = told.slice(2).map(({ data }) => (data as unknown as View<'RouteEvent'>).prefix);
  expect(routes.sort()).toEqual(['10.0.0.0/8', '192.0.2.0/24']);
});

describe('best paths', () => {
  const routesOf = (told: readonly Told[]) =>
    told
      .map(({ data }) => data as unknown as View<'RouteEvent'>)
      .map(({ prefix, best }) => `${prefix} ${best?.source ?? 'none'}`);

  test('come and go', async () => {
    const { told } = await open('kinds=route');
    await api.ask('PUT', '/v1/originated/test', { prefix: '203.0.113.0/24' });
    await reader.until('it came', () => told.length === 1);
    await api.ask('DELETE', '/v1/originated/test');
    await reader.until('it went', () => told.length === 2);
    expect(routesOf(told)).toEqual(['203.0.113.0/24 static', '203.0.113.0/24 none']);
  });

  test.each([
    ['prefix=10.1.0.0/16&match=longer', ['10.1.0.0/16 east', '10.1.2.0/24 east']],
    ['prefix=10.1.2.3', ['10.1.0.0/16 east', '10.1.2.0/24 east']],
    ['prefix=10.1.2.0/24', ['10.1.2.0/24 east']],
    ['source=east', ['10.1.0.0/16 east', '10.1.2.0/24 east', '172.16.0.0/16 east']],
    ['as=65001&prefix=172.16.0.0/12&match=longer', ['172.16.0.0/16 east']],
  ])('of the filter %s only', async (query, expected) => {
    const { told } = await open(`kinds=route&${query}`);
    announce('10.1.0.0/16', '10.1.2.0/24', '172.16.0.0/16');
    await reader.until('they are told', () => told.length === expected.length);
    expect(routesOf(told).sort()).toEqual(expected);
    // All of them go with the session, whatever the filter looks at.
    await api.ask('POST', '/v1/peers/east/reset');
    await reader.until('they are gone', () => told.filter(({ data }) => data.best === null).length >= expected.length);
    east = await waitUntil('east is back', DEADLINE_MS, connectEast, () => true);
  });
});

test('readers that go away leave nothing behind', async () => {
  for (let n = 0; n < 5; n++) {
    await open('kinds=route&initial=true&source=east');
    await reader.until('open', () => true);
    reader.close();
  }
  announce('10.0.0.0/8');
  await open('kinds=route&initial=true');
  await reader.until('told', (told) => told.length >= 1);
});

test.each([
  ['kinds=weather', 400, /query.kinds: wanted some of peer, revision, kernel, route/],
  ['peer=nobody', 404, /no peer "nobody"/],
  ['kinds=route&community=x', 400, /community "x"/],
  ['kinds=route&limit=5', 400, /limit/],
])('%s is refused', async (query, status, detail) => {
  const answer = await api.ask('GET', `/v1/events?${query}`);
  expect(answer.status).toBe(status);
  expect((JSON.parse(answer.text) as View<'Problem'>).detail).toMatch(detail);
});
