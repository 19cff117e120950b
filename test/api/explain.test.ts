/** Explain over the API, against a running speaker with a table of its own and peers that send. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReceivedView, View } from '../../src/api/schema.ts';
import {
  formatAdvertisedExplanation,
  formatKernelExplanation,
  formatPeerExplanation,
  formatRouteExplanation,
} from '../../src/cli/explain.ts';
import { InProcessSpeaker } from '../support/in-process-speaker.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { updateOctets } from '../support/raw-speaker.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 10_000;
const [SPEAKER, EAST, WEST, AWAY] = [1, 2, 3, 4].map(loopbackAddress);
let api: InProcessSpeaker;
let east: SocketSpeaker;
let west: SocketSpeaker;

const ofRoute = (prefix: string) => api.get<View<'RouteExplanation'>>(`/v1/explain/route?prefix=${prefix}`);
const ofAdvertised = (prefix: string, peer: string) =>
  api.get<View<'AdvertisedExplanation'>>(`/v1/explain/advertised/${peer}?prefix=${prefix}`);

beforeAll(async () => {
  // biome-ignore lint/suspicious/noThenProperty: the configuration's own word; the object is never awaited.
  const statement = { name: 'no-tests', match: { prefix: '203.0.113.0/24' }, then: 'reject' };
  const refusing = {
    statements: [statement],
    otherwise: 'accept',
  };
  api = await InProcessSpeaker.start(SPEAKER, {
    routerId: SPEAKER,
    as: 65_000,
    policies: { 'no-tests': refusing },
    peers: [
      { name: 'east', address: EAST, as: 65_001, passive: true, import: 'no-tests', export: 'no-tests' },
      { name: 'west', address: WEST, as: 65_002, passive: true, import: 'accept-all', export: 'accept-all' },
      { name: 'away', address: AWAY, as: 65_003, port: 1, connectRetryTimeSeconds: 1 },
    ],
    originate: [{ prefix: '192.0.2.0/24', communities: ['65535:65281'] }],
  });
  east = await SocketSpeaker.establish({ localAddress: EAST, address: SPEAKER, as: 65_001 });
  west = await SocketSpeaker.establish({ localAddress: WEST, address: SPEAKER, as: 65_002 });
  east.send(updateOctets(65_001, EAST, ['198.51.100.0/24', '203.0.113.0/24']));
  west.send(updateOctets(65_002, WEST, ['198.51.100.0/24', '203.0.113.0/24']));
  for (const name of ['east', 'west']) {
    await waitUntil(
      `${name} is read`,
      DEADLINE_MS,
      () => api.list<ReceivedView>(`/v1/peers/${name}/received`),
      (all) => all.length === 2,
    );
  }
});
afterAll(async () => {
  east.close();
  west.close();
  await api.stop();
});

describe('route', () => {
  test('every candidate, the best first, with the step that decided', async () => {
    const view = await ofRoute('198.51.100.77');
    expect(view).toMatchObject({ asked: '198.51.100.77', prefix: '198.51.100.0/24', family: 'ipv4-unicast' });
    expect(view.bestBecause).toBe('lower router id');
    const [best, other] = view.candidates;
    expect(view.candidates.length).toBe(2);
    expect([best.best, other.best]).toEqual([true, false]);
    expect(best.verdict).toBe('best: lower router id');
    expect(other.verdict).toBe('lost: the best has lower router id');
    expect(view.best).toBe(best.source);
    expect(formatRouteExplanation(view)).toMatch(
      /^198\.51\.100\.77 is routed by 198\.51\.100\.0\/24: best is from (east|west) \(lower router id\)$/m,
    );
  });

  test('what import policy refused, by which statement', async () => {
    const view = await ofRoute('203.0.113.0/24');
    expect([view.best, view.bestBecause]).toEqual(['west', 'other path not eligible']);
    const refused = view.candidates.find(({ source }) => source === 'east')!;
    expect(refused).toMatchObject({
      eligible: false,
      verdict: 'not eligible: rejected by import policy',
      effective: null,
    });
    expect(refused.importPolicy).toMatchObject({ policy: 'no-tests', verdict: 'reject', decidedBy: 'no-tests' });
    expect(formatRouteExplanation(view)).toContain('no-tests   applies (prefix in {203.0.113.0/24}): reject');
  });

  test('our own has no import policy', async () => {
    const view = await ofRoute('192.0.2.0/24');
    expect(view.candidates).toMatchObject([
      { source: 'static', verdict: 'best: only path', importPolicy: null, nextHop: null },
    ]);
  });
});

describe('advertised', () => {
  test('what is told, with the attributes that left', async () => {
    const view = await waitUntil(
      'told',
      DEADLINE_MS,
      () => ofAdvertised('192.0.2.1', 'west'),
      ({ paths }) => paths[0]?.told,
    );
    expect(view.verdict).toBe('west is told 192.0.2.0/24');
    expect(view.paths[0]).toMatchObject({
      source: 'static',
      attributes: { asPath: '65000', communities: ['65535:65281'] },
    });
    expect(view.paths[0].rules.filter(({ verdict }) => verdict === 'refused')).toEqual([]);
  });

  test('what policy refuses, by which statement', async () => {
    const view = await ofAdvertised('203.0.113.0/24', 'east');
    expect(view.verdict).toBe(
      'east is not told 203.0.113.0/24: rejected by export policy, by statement no-tests of policy no-tests',
    );
    expect(view.paths[0].exportPolicy?.decidedBy).toBe('no-tests');
    expect(formatAdvertisedExplanation(view)).toMatch(/^ {2}refused +export policy$/m);
  });

  test('what goes not back to where it came from', async () => {
    expect((await ofAdvertised('203.0.113.0/24', 'west')).verdict).toBe(
      'west is not told 203.0.113.0/24: learned from this peer',
    );
  });

  test.each([
    ['without a session', '192.0.2.0/24', 'away', /^away has no session/],
    [
      'a family that was not negotiated',
      '2001:db8::/32',
      'east',
      /^there is no route for 2001:db8::\/32; and none that covers it$/,
    ],
    ['without a route', '10.0.0.0/8', 'east', /^there is no route for 10.0.0.0\/8; and none that covers it$/],
    [
      'a prefix inside another',
      '192.0.2.0/25',
      'east',
      /^there is no route for 192.0.2.0\/25; it is covered by 192.0.2.0\/24$/,
    ],
  ])('%s', async (_, prefix, peer, verdict) => {
    const view = await ofAdvertised(prefix, peer);
    expect(view.verdict).toMatch(verdict);
    expect(view.paths).toEqual([]);
    expect(formatAdvertisedExplanation(view)).toBe(view.verdict);
  });
});

test('kernel without one', async () => {
  const view = await api.get<View<'KernelExplanation'>>('/v1/explain/kernel?prefix=192.0.2.0/24');
  expect(view.verdict).toBe('192.0.2.0/24 is not wanted in the kernel: the daemon does not use the kernel');
  expect(formatKernelExplanation(view)).toContain('best path from static');
});

describe('peer', () => {
  test('whose port is closed', async () => {
    const view = await waitUntil(
      'refused',
      DEADLINE_MS,
      () => api.get<View<'PeerExplanation'>>('/v1/explain/peer/away'),
      ({ findings }) => findings.length > 0,
    );
    expect(view.findings[0]).toMatchObject({
      severity: 'error',
      hint: expect.stringContaining(`nothing listens on ${AWAY} port 1`),
    });
    expect(formatPeerExplanation(view)).toMatch(/^ {2}hint: port closed/m);
  });

  test('that is well', async () => {
    const view = await api.get<View<'PeerExplanation'>>('/v1/explain/peer/west');
    expect([view.verdict, view.findings]).toEqual(['west is established', []]);
  });
});

test.each([
  ['/v1/explain/route?prefix=10.0.0.0/8', 404, /no route for 10.0.0.0\/8/],
  ['/v1/explain/route?prefix=x', 400, /"x" is not a prefix or address/],
  ['/v1/explain/route', 400, /query.prefix: wanted text/],
  ['/v1/explain/kernel?prefix=10.0.0.0/8', 404, /no route/],
  ['/v1/explain/peer/nobody', 404, /no peer "nobody"; there are: away, east, west/],
  ['/v1/explain/advertised/nobody?prefix=::/0', 404, /no peer "nobody"/],
])('%s is refused with %d', async (path, status, detail) => {
  const answer = await api.ask('GET', path);
  expect(answer.status).toBe(status);
  expect((JSON.parse(answer.text) as View<'Problem'>).detail).toMatch(detail);
});
