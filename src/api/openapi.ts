/**
 * The OpenAPI 3.1 document, made of the routes and of the zod schemas that also check requests and type answers. Loaded
 * when somebody asks for it.
 */

import * as z from 'zod';
import { PROBLEM_TYPE, titleOf } from './refusal.ts';
import type { ApiRoute } from './route.ts';
import { VIEWS } from './schemas/index.ts';

type Json = { readonly [key: string]: unknown };
type JsonSchema = Json & { readonly properties?: { readonly [name: string]: Json }; readonly required?: string[] };

const SCHEMA_PREFIX = '#/components/schemas/';

export function openApiDocument(routes: readonly ApiRoute[], version: string): Json {
  const paths: { [path: string]: { [method: string]: Json } } = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    paths[route.path][route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Peregrine control API',
      version,
      description:
        'JSON over HTTP on a Unix socket, and on TCP when asked. Lists are NDJSON: one JSON value a line. Refusals are RFC 9457 problems.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{}, { token: [] }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'on TCP; the Unix socket is for its owner and group' },
      },
    },
  };
}

function componentSchemas(): { [name: string]: Json } {
  const registry = z.registry<{ id?: string }>();
  for (const [id, schema] of Object.entries(VIEWS)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => `${SCHEMA_PREFIX}${id}` });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _, $id: __, ...schema }]) => [name, schema as Json]),
  );
}

function operation(route: ApiRoute): Json {
  const { operationId, tag, summary, params, query, body, refusals = [], otherStatuses = [] } = route;
  const parameters = [...parametersOf('path', params), ...parametersOf('query', query)];
  const statuses = [...new Set([400, 401, 403, ...refusals, 500, 503])].sort((x, y) => x - y);
  return {
    operationId,
    tags: [tag],
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: requestSchema(body) } } } }),
    responses: {
      200: answerOf(route),
      ...Object.fromEntries(statuses.map((status) => [status, refusal(status)])),
      ...Object.fromEntries(otherStatuses.map((status) => [status, either(answerOf(route), refusal(status))])),
    },
  };
}

function answerOf({ document, list, type }: ApiRoute): Json {
  if (document !== undefined) {
    return { description: document, content: { 'application/json': { schema: reference(document) } } };
  }
  if (list !== undefined) {
    // OpenAPI 3.1 has no word for the items of a sequence; the schema is that of one line.
    return { description: `a ${list} a line`, content: { 'application/x-ndjson': { schema: reference(list) } } };
  }
  return { description: type ?? '', content: { [type ?? 'text/plain']: {} } };
}

function refusal(status: number): Json {
  return { description: titleOf(status), content: { [PROBLEM_TYPE]: { schema: reference('Problem') } } };
}

/** One status for an answer and for a refusal. */
function either(answer: Json, other: Json): Json {
  return { ...answer, content: { ...(answer.content as Json), ...(other.content as Json) } };
}

function reference(view: string): Json {
  return { $ref: `${SCHEMA_PREFIX}${view}` };
}

function requestSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input' });
  return json as JsonSchema;
}

function parametersOf(place: 'path' | 'query', schema: z.ZodType | undefined): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = requestSchema(schema);
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}
