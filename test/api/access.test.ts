/** Who may do what over TCP, with and without TLS and token, and what is refused before any route is asked. */

import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type ClientRequest, type RequestOptions, request } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProblemView } from '../../src/api/schema.ts';
import type { TcpOptions } from '../../src/api/tcp-options.ts';
import { makeCertificates } from '../datastore/certificates.ts';
import { InProcessSpeaker } from '../support/in-process-speaker.ts';
import { loopbackAddress, temporaryFolder } from '../support/loopback.ts';
import { waitUntil } from '../support/wait-for.ts';

const SPEAKER = loopbackAddress(1);
const PEER = loopbackAddress(2);
const DEADLINE_MS = 10_000;
const WRITE = 'write-0123456789abcdef';
const READ = 'read-0123456789abcdef';
const CONFIG = { routerId: SPEAKER, as: 65_000, peers: [{ name: 'east', address: PEER, as: 65_001, passive: true }] };
const folder = temporaryFolder();

interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly challenge: string | undefined;
  readonly text: string;
}

function answerTo(
  make: (options: RequestOptions) => ClientRequest,
  options: RequestOptions,
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = make({ agent: false, ...options });
    call.on('error', reject);
    call.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        const { 'content-type': type, 'www-authenticate': challenge } = response.headers;
        resolve({ status: response.statusCode ?? 0, type, challenge, text });
      });
    });
    call.end(body);
  });
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, 0o600);
  return path;
}

function speakerWith(tcp: Partial<TcpOptions>, more = {}): Promise<InProcessSpeaker> {
  const options = {
    address: '127.0.0.1',
    port: 0,
    tls: null,
    tokenFile: null,
    readTokenFile: null,
    page: false,
    ...tcp,
  };
  return InProcessSpeaker.start(SPEAKER, CONFIG, { tcp: options, ...more });
}

describe('loopback without a token', () => {
  let api: InProcessSpeaker;
  beforeAll(async () => {
    api = await speakerWith({});
  });
  afterAll(() => api.stop());
  const ask = (method: string, path: string, headers = {}): Promise<Answer> =>
    answerTo(request, { host: '127.0.0.1', port: api.tcpPort, method, path, headers });

  test('may be read', async () => {
    expect(await ask('GET', '/v1/status')).toMatchObject({ status: 200, type: 'application/json' });
    expect((await ask('GET', '/v1/peers')).status).toBe(200);
  });

  test('may not be acted upon', async () => {
    const answer = await ask('POST', '/v1/peers/east/disable');
    expect(answer).toMatchObject({
      status: 401,
      type: 'application/problem+json',
      challenge: 'Bearer realm="peregrine"',
    });
    expect((JSON.parse(answer.text) as ProblemView).detail).toBe('to act, a token is needed here');
    expect((await ask('GET', '/v1/peers/east')).text).toContain('"state":"Active"');
  });

  test.each([
    ['localhost', 200],
    ['LOCALHOST:1234', 200],
    ['[::1]:80', 200],
    ['127.0.0.5', 200],
    ['evil.example', 403],
    ['localhost.evil.example', 403],
    ['127.0.0.1.evil.example', 403],
  ])('a page in a browser that calls us %s is answered %d', async (host, status) => {
    expect((await ask('GET', '/v1/status', { host })).status).toBe(status);
  });

  test('a token where there is none is wrong', async () => {
    const answer = await ask('GET', '/v1/status', { authorization: `Bearer ${READ}` });
    expect(answer).toMatchObject({ status: 401, challenge: 'Bearer realm="peregrine", error="invalid_token"' });
  });
});

describe('TLS and tokens', () => {
  let api: InProcessSpeaker;
  let ca: Buffer;
  const tokens = { tokenFile: file('write', `${WRITE}\n`), readTokenFile: file('read', `${READ}\n`) };
  beforeAll(async () => {
    const certificates = await makeCertificates(temporaryFolder());
    const { cert, key } = certificates.server;
    ca = await readFile(certificates.ca);
    api = await speakerWith({ ...tokens, tls: { certificate: cert, key } });
  });
  afterAll(() => api.stop());
  const ask = (method: string, path: string, token: string | null): Promise<Answer> => {
    const headers = token === null ? {} : { authorization: `Bearer ${token}` };
    const place = { host: '127.0.0.1', port: api.tcpPort, method, path, headers, ca };
    return answerTo((options) => tlsRequest(options), place);
  };

  test.each([
    ['nothing reads', 'GET', '/v1/status', null, 401],
    ['nothing acts', 'POST', '/v1/peers/east/reset', null, 401],
    ['a wrong token', 'GET', '/v1/status', 'wrong-0123456789abcdef', 401],
    ['the token that reads reads', 'GET', '/v1/status', READ, 200],
    ['the token that reads lists', 'GET', '/v1/routes', READ, 200],
    ['the token that reads acts', 'POST', '/v1/peers/east/reset', READ, 403],
    ['the token that acts reads', 'GET', '/v1/peers', WRITE, 200],
    ['the token that acts acts', 'POST', '/v1/peers/east/reset', WRITE, 200],
    ['nobody learns what there is', 'GET', '/v1/peers/nobody', null, 401],
  ])('%s: %s %s', async (_, method, path, token, status) => {
    const answer = await ask(method, path, token);
    expect(answer.status).toBe(status);
    if (status >= 400) expect(answer.type).toBe('application/problem+json');
  });

  test('nothing is answered in the clear', async () => {
    const plain = answerTo(request, { host: '127.0.0.1', port: api.tcpPort, path: '/v1/status' });
    await expect(plain.then((answer) => answer.status)).rejects.toThrow();
  });

  test('files are read again on demand; one that is broken changes nothing', async () => {
    file('read', 'another-0123456789abcdef\n');
    await api.reloadSecrets();
    expect((await ask('GET', '/v1/status', READ)).status).toBe(401);
    expect((await ask('GET', '/v1/status', 'another-0123456789abcdef')).status).toBe(200);
    file('read', 'short\n');
    await api.reloadSecrets();
    expect((await ask('GET', '/v1/status', 'another-0123456789abcdef')).status).toBe(200);
  });
});

test.each([
  ['everywhere without a token', { address: '0.0.0.0' }, /needs a token/],
  ['with a token file that is missing', { tokenFile: '/nonexistent' }, /ENOENT.*\/nonexistent/],
  [
    'with a certificate that is none',
    { tls: { certificate: file('c', 'x'), key: file('k', 'x') } },
    /PEM|key|routines/i,
  ],
])('listening %s fails', async (_, tcp, why) => {
  await expect(speakerWith(tcp)).rejects.toThrow(why);
});

test('the socket can be given to a group', async () => {
  const { gid } = statSync(folder);
  const api = await InProcessSpeaker.start(SPEAKER, CONFIG, { socketGroup: String(gid) });
  const { gid: found, mode } = statSync(api.socketPath);
  await api.stop();
  expect([found, mode & 0o777]).toEqual([gid, 0o660]);
  const unknown = InProcessSpeaker.start(SPEAKER, CONFIG, { socketGroup: 'nosuchgroup' });
  await expect(unknown).rejects.toThrow('there is no group "nosuchgroup" in /etc/group');
});

describe('bounds', () => {
  let api: InProcessSpeaker;
  const STALLED_MS = 300;
  const originate = Array.from({ length: 20_000 }, (_, n) => ({ prefix: `10.${n >> 8}.${n & 255}.0/24` }));
  const MANY = { ...CONFIG, originate };
  beforeAll(async () => {
    api = await InProcessSpeaker.start(SPEAKER, MANY, { stalledMs: STALLED_MS });
  });
  afterAll(() => api.stop());

  const raw = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(api.socketPath, () => socket.write(text));
      let answer = '';
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(answer));
    });

  test.each([
    ['what is no HTTP', 'HELLO\r\n\r\n', 400],
    ['a head that is too large', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
    [
      'a body that is too large',
      `POST /v1/peers/east/reset HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 70000\r\n\r\n`,
      413,
    ],
    [
      'a body that is no JSON',
      'POST /v1/peers/east/reset HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n{',
      400,
    ],
    [
      'a body of another type',
      'POST /v1/peers/east/reset HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 1\r\n\r\nx',
      415,
    ],
    ['an endless name', `GET /v1/peers/${'x'.repeat(2000)} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`, 414],
  ])('%s is a problem', async (_, text, status) => {
    const answer = await raw(text);
    const [head, body] = answer.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head).toMatch(/^content-type: application\/problem\+json\r?$/im);
    expect(JSON.parse(body)).toMatchObject({ status, type: 'about:blank' });
  });

  test('a connection that says nothing, and a reader that does not read, are cut', async () => {
    expect(await raw('')).toBe('');
    const socket = connect(api.socketPath, () => socket.write('GET /v1/routes HTTP/1.1\r\nhost: x\r\n\r\n'));
    socket.pause();
    socket.on('error', () => {});
    // It goes on talking; that is how it hears that it was cut, too.
    await waitUntil(
      'the reader is cut',
      DEADLINE_MS,
      () => (socket.destroyed ? true : !socket.write('x') && false),
      (isCut) => isCut,
    );
    socket.destroy();
    expect((await api.ask('GET', '/v1/status')).status).toBe(200);
  });

  test('a list too many is refused, single answers and later ones are not', async () => {
    await api.stop();
    api = await InProcessSpeaker.start(SPEAKER, MANY);
    const sockets = Array.from({ length: 64 }, () => {
      const socket = connect(api.socketPath, () => socket.write('GET /v1/routes HTTP/1.1\r\nhost: x\r\n\r\n'));
      socket.on('error', () => {});
      socket.pause();
      return socket;
    });
    const refused = await waitUntil(
      'all are under way',
      DEADLINE_MS,
      () => api.ask('GET', '/v1/kernel'),
      ({ status }) => status === 503,
    );
    expect(refused.headers['retry-after']).toBe('1');
    expect(refused.text).toContain('64 lists and streams are under way already');
    expect((await api.ask('GET', '/v1/status')).status).toBe(200);
    for (const socket of sockets) socket.destroy();
    await waitUntil(
      'there is room again',
      DEADLINE_MS,
      () => api.ask('GET', '/v1/kernel'),
      ({ status }) => status === 200,
    );
  });
});
