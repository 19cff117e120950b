/** The OpenAPI document is valid, complete, and what is served; test/support/in-process-speaker.ts holds answers to it. */

import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROUTES } from '../../src/api/routes/index.ts';
import { InProcessSpeaker } from '../support/in-process-speaker.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { OpenApiChecker } from '../support/openapi-checker.ts';

const SPEAKER = loopbackAddress(1);
const PEER = loopbackAddress(2);
let api: InProcessSpeaker;

beforeAll(async () => {
  api = await InProcessSpeaker.start(SPEAKER, {
    routerId: SPEAKER,
    as: 65_000,
    peers: [{ name: 'east', address: PEER, as: 65_001, passive: true }],
    originate: [{ prefix: '192.0.2.0/24' }],
  });
});
afterAll(() => api.stop());

test('the document that is served is valid OpenAPI 3.1', async () => {
  const document = await api.get<{ readonly openapi: string }>('/openapi.json');
  const validator = new Validator();
  const { valid, errors } = await validator.validate(document as never);
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
  expect(validator.version).toBe('3.1');
  expect(document).toEqual(JSON.parse(JSON.stringify(new OpenApiChecker().document)));
});

test('every route is in it once, under a name of its own', () => {
  const { paths } = new OpenApiChecker().document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(operations.sort()).toEqual(ROUTES.map(({ method, path }) => `${method} ${path}`).sort());
  expect(new Set(ROUTES.map(({ operationId }) => operationId)).size).toBe(ROUTES.length);
});

test('no schema of a component is left open', () => {
  const { schemas } = new OpenApiChecker().document.components;
  const open = Object.entries(schemas).filter(([, schema]) => Object.keys(schema).length === 0);
  expect(open).toEqual([]);
});

/** Whatever GET shows without a question that only some daemons can answer. */
const WITHOUT_PARAMETERS = ROUTES.filter(
  ({ method, path, isStream }) => method === 'GET' && !path.includes('{') && !isStream,
);

test.each(WITHOUT_PARAMETERS.map(({ path }) => [path]))('GET %s answers as the document says', async (path) => {
  // ask() compares.
  const { status } = await api.ask('GET', path);
  const { otherStatuses = [] } = WITHOUT_PARAMETERS.find((route) => route.path === path)!;
  expect([200, 400, ...otherStatuses]).toContain(status);
});

test('the checker sees what is not as it should be', () => {
  const checker = new OpenApiChecker();
  const problems = (text: string): string[] =>
    checker.problems('GET', '/v1/peers/x/received', 200, 'application/x-ndjson', text);
  expect(problems('')).toEqual([]);
  expect(problems('{"prefix":"::/0"}\n').join()).toMatch(/Received must have required property 'attributes'/);
  expect(checker.problems('GET', '/v1/status', 200, 'text/plain', '').join()).toMatch(/answers text\/plain/);
  expect(checker.problems('GET', '/v1/status', 418, 'text/plain', '').join()).toMatch(/is not said to answer 418/);
});
