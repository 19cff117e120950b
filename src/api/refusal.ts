/** Refusals of the API as values, and as problems (RFC 9457). */

import type { ProblemView } from './schema.ts';

/** A request that cannot be answered as it is, and why, in a sentence for people. */
export interface ApiRefusal {
  readonly refused: string;
  readonly status: 400 | 403 | 404 | 409 | 503;
}

export function isRefusal(value: unknown): value is ApiRefusal {
  return typeof value === 'object' && value !== null && 'refused' in value;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request timeout',
  409: 'Conflict',
  413: 'Content too large',
  414: 'URI too long',
  415: 'Unsupported media type',
  431: 'Request header fields too large',
  500: 'Internal error',
  503: 'Service unavailable',
};

export const PROBLEM_TYPE = 'application/problem+json';

export function titleOf(status: number): string {
  return TITLES[status] ?? 'Error';
}

export function problemOf(status: number, detail: string): ProblemView {
  return { type: 'about:blank', title: titleOf(status), status, detail };
}
