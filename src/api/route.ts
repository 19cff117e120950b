/**
 * What one route of the API is: a value, made by documentRoute(), listRoute() or rawRoute() in a file of routes/. app.ts makes fastify routes of
 * them, openapi.ts the document; neither knows any route by name.
 */

import type { FastifyReply, FastifyRequest } from 'fastify';
import type * as z from 'zod';
import type { Items, Page } from './items.ts';
import type { ApiRefusal } from './refusal.ts';
import type { View, ViewName } from './schema.ts';
import type { ApiSource } from './source.ts';

type Shape = z.ZodType<object>;
type Parsed<S> = S extends z.ZodType ? z.infer<S> : Record<string, never>;

/** What a handler is given: checked and typed. */
export interface Call<P, Q, B> {
  readonly source: ApiSource;
  readonly params: Parsed<P>;
  readonly query: Parsed<Q>;
  readonly body: Parsed<B>;
}

interface Common<P, Q, B> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** As OpenAPI writes it: `/v1/peers/{peer}`. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  /** Without it `read` for GET, else `write`; null: everybody who can connect. */
  readonly access?: 'read' | 'write' | null;
  /** Refusals that are possible beside 400 (not well-formed), 404 of the path and 500. */
  readonly refusals?: readonly ApiRefusal['status'][];
  /** z.strictObject: what is not named is refused. */
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Without it MAX_BODY_OCTETS (app.ts). */
  readonly bodyLimitOctets?: number;
}

/** A list as a stream, or a page of it. */
export type Listed<T> = Items<T> | Promise<Page<T>> | ApiRefusal;

/** One JSON document, of the view with that name. */
interface DocumentRoute<P, Q, B, N extends ViewName> extends Common<P, Q, B> {
  readonly document: N;
  /** Answers may have these statuses beside 200, as `statusOf` says. */
  readonly otherStatuses?: readonly number[];
  statusOf?(view: View<N>): number;
  handle(call: Call<P, Q, B>): View<N> | ApiRefusal | Promise<View<N> | ApiRefusal>;
}

/** NDJSON, a view a line. */
interface ListRoute<P, Q, B, N extends ViewName> extends Common<P, Q, B> {
  readonly list: N;
  handle(call: Call<P, Q, B>): Listed<View<N>>;
}

/** Anything else: the handler answers by itself; `type` is the media type of the answer. */
interface RawRoute<P, Q, B> extends Common<P, Q, B> {
  readonly type: string;
  /** Its answer goes on for as long as somebody reads it. */
  readonly isStream?: boolean;
  handle(call: Call<P, Q, B>, reply: FastifyReply, request: FastifyRequest): unknown;
}

/** A route that answers with one document. */
export function documentRoute<N extends ViewName, P extends Shape, Q extends Shape, B extends Shape>(
  route: DocumentRoute<P, Q, B, N>,
): ApiRoute {
  return route as unknown as ApiRoute;
}

/** A route that answers with a list. */
export function listRoute<N extends ViewName, P extends Shape, Q extends Shape, B extends Shape>(
  route: ListRoute<P, Q, B, N>,
): ApiRoute {
  return route as unknown as ApiRoute;
}

/** A route that answers with something else. */
export function rawRoute<P extends Shape, Q extends Shape, B extends Shape>(route: RawRoute<P, Q, B>): ApiRoute {
  return route as unknown as ApiRoute;
}

/** A route as app.ts and openapi.ts see it. */
export interface ApiRoute extends Common<Shape, Shape, Shape> {
  readonly document?: ViewName;
  readonly otherStatuses?: readonly number[];
  statusOf?(view: unknown): number;
  readonly list?: ViewName;
  readonly type?: string;
  readonly isStream?: boolean;
  handle(call: Call<unknown, unknown, unknown>, reply: FastifyReply, request: FastifyRequest): unknown;
}

/** `/v1/peers/{peer}` as fastify writes it: `/v1/peers/:peer`. */
export function fastifyPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}
