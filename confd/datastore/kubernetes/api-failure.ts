/**
 * What the API server, or the way to it, said instead of an answer, and what kind of trouble that is. Pure.
 *
 * The server explains itself with an object of kind Status: as the body of a refused request, or as the object of an
 * ERROR event inside a watch that had begun well. Proxies in front of it send anything.
 */

/** Why a request came to nothing. */
export interface ApiFailure {
  /** HTTP status, or the code of an ERROR event; 0: there was no answer. */
  readonly status: number;
  /** Machine-readable reason such as `Expired`; empty: none. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
  /** How long the server asks to be left alone. */
  readonly retryAfterSeconds: number | null;
}

export type FailureClass =
  /** The server cannot be reached, or the connection broke. */
  | 'transport'
  /** The position is no longer kept, or was never: list anew. */
  | 'expired'
  /** The position is from the future: the server lags behind, or its store was restored from a backup. */
  | 'future'
  /** There is no such kind (yet). */
  | 'missing'
  /** Who we are, or may do, does not suffice. */
  | 'refused'
  /** Alive, but not now. */
  | 'busy'
  | 'error';

const TOO_LARGE = 'ResourceVersionTooLarge';

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

/** Seconds of a Retry-After header; dates, which the API server never sends, count as none. */
export function parseRetryAfter(value: unknown): number | null {
  const seconds = typeof value === 'number' ? value : typeof value === 'string' && value !== '' ? Number(value) : NaN;
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}

/** Trouble on the way: no answer, or one that broke off. */
export function transportFailure(message: string): ApiFailure {
  return { status: 0, reason: '', message, retryAfterSeconds: null };
}

/** From a Status object, or whatever stands in its place; `httpStatus` counts when it says no code. */
export function statusFailure(status: unknown, httpStatus: number, retryAfter: unknown = null): ApiFailure {
  const code = property(status, 'code');
  const reason = property(status, 'reason');
  const message = property(status, 'message');
  const details = property(status, 'details');
  const causes = property(details, 'causes');
  const isTooLarge = Array.isArray(causes) && causes.some((cause) => property(cause, 'reason') === TOO_LARGE);
  return {
    status: typeof code === 'number' ? code : httpStatus,
    reason: isTooLarge ? TOO_LARGE : typeof reason === 'string' ? reason : '',
    message: typeof message === 'string' && message !== '' ? message : `HTTP status ${httpStatus}`,
    retryAfterSeconds: parseRetryAfter(retryAfter) ?? parseRetryAfter(property(details, 'retryAfterSeconds')),
  };
}

export function classify(failure: ApiFailure): FailureClass {
  const { status, reason, message } = failure;
  if (status === 0) return 'transport';
  // Older servers give no cause.
  if (reason === TOO_LARGE || /too large resource version/i.test(message)) return 'future';
  if (status === 410 || reason === 'Expired' || reason === 'Gone') return 'expired';
  if (status === 404) return 'missing';
  if (status === 401 || status === 403) return 'refused';
  return status === 429 || status === 503 ? 'busy' : 'error';
}
