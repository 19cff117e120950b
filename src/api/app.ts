/**
 * Fastify routes out of the values in routes/: requests are checked by their zod schemas, lists are streamed, and
 * everything that is refused (also by fastify and by Node's parser) is an RFC 9457 problem.
 */

import type { IncomingMessage } from 'node:http';
import {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  fastify,
} from 'fastify';
import type * as z from 'zod';
import { describeIssue } from '../config/words.ts';
import type { Log } from '../log/log.ts';
import { admit, type Entrance } from './gate.ts';
import { type Items, ndjsonStream, Page } from './items.ts';
import { isRefusal, PROBLEM_TYPE, problemOf } from './refusal.ts';
import { requesterOf } from './requester.ts';
import { type ApiRoute, fastifyPath } from './route.ts';
import type { ApiSource } from './source.ts';

const MAX_BODY_OCTETS = 64 * 1024;
/** Names of peers are much shorter. */
const MAX_PARAMETER_CHARACTERS = 500;

export function sendProblem(reply: FastifyReply, status: number, detail: string): FastifyReply {
  return reply
    .code(status)
    .type(PROBLEM_TYPE)
    .send(jsonOctets(problemOf(status, detail)));
}

/** An app that answers the routes; nothing listens yet. */
export function createApp(
  source: ApiSource,
  routes: readonly ApiRoute[],
  log: Log,
  entranceOf: (request: IncomingMessage) => Entrance,
): FastifyInstance {
  const options: FastifyServerOptions = {
    logger: false,
    bodyLimit: MAX_BODY_OCTETS,
    exposeHeadRoutes: false,
    // Validation is zod's, and answers are as the types say: neither ajv nor fast-json-stringify is ever loaded.
    schemaController: {
      compilersFactory: { buildValidator: () => validatorOf as never, buildSerializer: () => () => JSON.stringify },
    },
    routerOptions: {
      maxParamLength: MAX_PARAMETER_CHARACTERS,
      ignoreDuplicateSlashes: true,
      ignoreTrailingSlash: true,
    },
    frameworkErrors: (error, request, reply) => {
      sendProblem(reply as FastifyReply, error.statusCode ?? 400, frameworkDetail(error, request.url));
    },
  };
  const app: FastifyInstance = fastify(options);
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) {
      const { method, url } = request;
      log.error('API_ERROR', { method, url, stack: error.stack }, `a request could not be answered: ${error.message}`);
    }
    return sendProblem(reply, status, error.message);
  });
  // JSON is all that is taken; everything else is a 415.
  app.removeContentTypeParser('text/plain');
  const paths = knownPaths(routes);
  app.setNotFoundHandler((request, reply) => refuseUnknown(paths, request, reply));
  for (const route of routes) addRoute(app, source, route, log, entranceOf);
  return app;
}

function addRoute(
  app: FastifyInstance,
  source: ApiSource,
  route: ApiRoute,
  log: Log,
  entranceOf: (request: IncomingMessage) => Entrance,
): void {
  const access = route.access === undefined ? (route.method === 'GET' ? 'read' : 'write') : route.access;
  const isStream = route.list !== undefined || route.isStream === true;
  const { params, query, body, bodyLimitOctets } = route;
  app.route({
    method: route.method,
    url: fastifyPath(route.path),
    ...(bodyLimitOctets === undefined ? {} : { bodyLimit: bodyLimitOctets }),
    exposeHeadRoute: route.method === 'GET' && route.document !== undefined,
    onRequest: (request, reply, done) => {
      const refused = admit(entranceOf(request.raw), request.raw, reply.raw, access, isStream);
      if (refused === null) return done();
      reply.headers(refused.headers);
      sendProblem(reply, refused.status, refused.detail);
    },
    schema: {
      ...(params === undefined ? {} : { params }),
      ...(query === undefined ? {} : { querystring: query }),
      ...(body === undefined ? {} : { body }),
    },
    handler: async (request, reply) => {
      const call = {
        source,
        params: request.params as Record<string, never>,
        query: request.query as Record<string, never>,
        body: (request.body ?? {}) as Record<string, never>,
      };
      if (access === 'write') {
        const { method, url } = request;
        log.info('API_ACTION', { method, url, from: requesterOf(entranceOf(request.raw), request.raw) }, route.summary);
      }
      const answer: unknown = await route.handle(call, reply, request);
      if (isRefusal(answer)) return sendProblem(reply, answer.status, answer.refused);
      if (answer instanceof Page) return sendPage(request, reply, answer);
      if (route.list !== undefined) {
        return reply.type('application/x-ndjson').send(ndjsonStream(answer as Items<unknown>));
      }
      if (route.document !== undefined) {
        return reply
          .code(route.statusOf?.(answer) ?? 200)
          .type('application/json')
          .send(jsonOctets(answer));
      }
      if (reply.sent || answer === undefined) return reply;
      return reply.type(route.type ?? 'text/plain').send(answer);
    },
  });
}

/** The page as NDJSON; the next one is named by a link (RFC 8288), and by its cursor alone. */
function sendPage(request: FastifyRequest, reply: FastifyReply, { items, next }: Page<unknown>): FastifyReply {
  if (next !== null) {
    const [path, query = ''] = request.url.split('?');
    const parameters = new URLSearchParams(query);
    parameters.set('cursor', next);
    reply.header('link', `<${path}?${parameters}>; rel="next"`).header('next-cursor', next);
  }
  const lines = items.map((item) => `${JSON.stringify(item)}\n`);
  return reply.type('application/x-ndjson').send(Buffer.from(lines.join('')));
}

/** fastify's form of a validator; what it refuses becomes a 400 that names the place and the wanted form. */
function validatorOf({ schema, httpPart }: { schema: unknown; httpPart?: string }) {
  return (data: unknown) => {
    const result = (schema as z.ZodType).safeParse(data ?? {}, { error: describeIssue });
    if (result.success) return { value: result.data };
    const part = httpPart === 'querystring' ? 'query' : (httpPart ?? 'request');
    const details = result.error.issues.map(({ path, message }) => [part, ...path].join('.').concat(`: ${message}`));
    return { error: Object.assign(new Error(details.join('; ')), { statusCode: 400 }) };
  };
}

/** Answers leave as octets, so that fastify neither looks at them nor adds a charset (RFC 8259 11: JSON has none). */
function jsonOctets(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}

function frameworkDetail(error: FastifyError, url: string | undefined): string {
  return error.code === 'FST_ERR_BAD_URL' ? `${url} is not well-formed` : error.message;
}

/** Every path as a pattern, with the methods that it knows. */
interface KnownPath {
  readonly path: string;
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

function knownPaths(routes: readonly ApiRoute[]): readonly KnownPath[] {
  const byPath = new Map<string, Set<string>>();
  for (const { path, method } of routes) byPath.set(path, (byPath.get(path) ?? new Set()).add(method));
  return [...byPath].map(([path, methods]) => ({
    path,
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}/?$`),
    methods,
  }));
}

/** No such path, or not with that method; says what there is. */
function refuseUnknown(paths: readonly KnownPath[], request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { method, url } = request;
  const [asked] = url.split('?');
  const found = paths.find(({ pattern }) => pattern.test(asked));
  if (found === undefined) return sendProblem(reply, 404, `there is no ${url}; there are ${hint(paths, asked)}`);
  // RFC 9110 15.5.6: with the methods that are possible.
  const allowed = [...found.methods].join(', ');
  reply.header('allow', allowed);
  return sendProblem(reply, 405, `${method} is not possible on ${url}, only ${allowed}`);
}

/** Paths that begin as the one that was asked for, else what GET lists at the top. */
function hint(paths: readonly KnownPath[], asked: string): string {
  const head = asked.split('/').slice(0, 3).join('/');
  const near = paths.filter(({ path }) => path.startsWith(`${head}/`));
  const shown = head.length > '/v1/'.length && near.length > 0 ? near : paths.filter(({ path }) => isTop(path));
  return shown.map(({ path, methods }) => [...methods].map((method) => `${method} ${path}`).join(', ')).join(', ');
}

function isTop(path: string): boolean {
  return path.split('/').length <= 3 && !path.includes('{');
}
