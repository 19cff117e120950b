/**
 * The reflector of one kind: when it lists, from where it watches, and what each kind of trouble costs (section 1.4.5 of
 * Calico's semantics). A pure state machine, `step(state, event) -> state and actions`; reflector.ts does the actions.
 *
 * The position is the resourceVersion of the last thing that was seen. A watch that breaks goes on from there; only when
 * the server no longer keeps that position is the kind listed anew. Listings ask for nothing newer than the position, so
 * that the server answers from its cache, and never for anything older, so that time does not run backwards when
 * another server answers. Everything that all nodes of a cluster would do at the same moment is spread by chance.
 */

import { type ApiFailure, classify, type FailureClass } from './api-failure.ts';

export type ReflectorHealth =
  /** Being listed, for the first time or anew. */
  | 'listing'
  /** Listed, and followed. */
  | 'synced'
  /** The server cannot be reached, or does not answer as it should. */
  | 'interrupted'
  /** The kind is not known to the server: counts as empty. */
  | 'missing'
  /** We may not read it. */
  | 'refused';

export interface ReflectorState {
  readonly activity: 'idle' | 'listing' | 'opening' | 'watching' | 'waiting';
  /** What a wait is for. */
  readonly next: 'list' | 'watch';
  /** The wait ends early when the server can be reached again. */
  readonly isForConnection: boolean;
  /** The position; empty: none yet. */
  readonly resourceVersion: string;
  /** How old a listing may be: whatever is in the cache, not older than the position, or what is stored now. */
  readonly listFrom: 'cache' | 'position' | 'store';
  /** Where the next page begins; empty: at the first. */
  readonly continueToken: string;
  readonly isPaged: boolean;
  /** In a row and of one class, for the time between attempts: a server that answers is another matter than none. */
  readonly failures: number;
  readonly failureClass: FailureClass | null;
  /** Those of them that make the position doubtful. */
  readonly failuresAtPosition: number;
  /** How often in a row the kind was not there. */
  readonly timesMissing: number;
  readonly health: ReflectorHealth;
  /** Why it is not synced; empty when it is. */
  readonly message: string;
  /** The reason is the server, or who we are to it, whatever kind is asked for. */
  readonly concernsServer: boolean;
}

export type ReflectorEvent =
  | { readonly type: 'start' }
  /** A page was read. */
  | { readonly type: 'page'; readonly resourceVersion: string; readonly continueToken: string }
  | { readonly type: 'watch-opened' }
  /** An object or a bookmark. */
  | { readonly type: 'watch-progress'; readonly resourceVersion: string }
  /** The server ended the watch, as it does after its time. */
  | { readonly type: 'watch-ended'; readonly lastedMs: number; readonly hadEvents: boolean }
  /** A list or watch failed, at once or after a while. `knowsObjects`: some of the kind were delivered. */
  | {
      readonly type: 'failed';
      readonly failure: ApiFailure;
      readonly lastedMs: number;
      readonly knowsObjects: boolean;
    }
  | { readonly type: 'timer' }
  /** A connection to the server was made. */
  | { readonly type: 'connected' }
  /** List anew, whatever is under way: the position means nothing any more. */
  | { readonly type: 'restart'; readonly from: 'cache' | 'store'; readonly message: string };

export type ReflectorAction =
  | {
      readonly type: 'list';
      /** As the query parameters of the same names; null: left out. */
      readonly resourceVersion: string | null;
      readonly resourceVersionMatch: 'NotOlderThan' | null;
      readonly continueToken: string | null;
      readonly limit: number | null;
    }
  | { readonly type: 'watch'; readonly resourceVersion: string; readonly timeoutSeconds: number }
  | { readonly type: 'cancel-request' }
  /** Replaces a wait that is under way. */
  | { readonly type: 'wait'; readonly milliseconds: number }
  /** The pages that follow are a whole listing. */
  | { readonly type: 'begin-list' }
  /** All pages were read: what was not in them is gone. */
  | { readonly type: 'complete-list' }
  /** The kind has no objects. */
  | { readonly type: 'clear' };

export interface ReflectorTuning {
  readonly pageSize: number;
  /** Re-listings that a server causes for all its clients at once are spread over this time. */
  readonly relistSpreadMs: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

export interface ReflectorStep {
  readonly state: ReflectorState;
  readonly actions: readonly ReflectorAction[];
}

export const INITIAL_REFLECTOR_STATE: ReflectorState = {
  activity: 'idle',
  next: 'list',
  isForConnection: false,
  resourceVersion: '',
  listFrom: 'cache',
  continueToken: '',
  isPaged: true,
  failures: 0,
  failureClass: null,
  failuresAtPosition: 0,
  timesMissing: 0,
  health: 'listing',
  message: 'not started',
  concernsServer: false,
};

interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
}

/** Attempts to connect cost the server next to nothing, and everything waits for them. */
const CONNECT_BACKOFF: Backoff = { baseMs: 200, capMs: 10_000 };
const ERROR_BACKOFF: Backoff = { baseMs: 800, capMs: 30_000 };
/** Calico asks every 5 s for ever; a kind that an old installation lacks need not be asked for so often. */
const MISSING_BACKOFF: Backoff = { baseMs: 5_000, capMs: 120_000 };
const REFUSED_BACKOFF: Backoff = { baseMs: 5_000, capMs: 60_000 };

/** A proxy may ask for hours; nobody would know by then why nothing happens. */
const MAX_RETRY_AFTER_MS = 300_000;

/** Calico: a full listing after five failures at the same position. */
const MAX_FAILURES_AT_POSITION = 5;
/** A kind that had objects is believed to be gone when it is so often in a row. */
const TIMES_MISSING_TO_BELIEVE = 3;
/** A watch that ends sooner without having said anything has failed. */
const MIN_WATCH_MS = 1_000;
/** When the server is back, all kinds go on within this time. */
const RECONNECT_SPREAD_MS = 200;

/** Half to one and a half of a time that doubles with each failure. */
function backoffMs({ baseMs, capMs }: Backoff, failures: number, random: () => number): number {
  const middle = Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 16));
  return Math.round(middle * (0.5 + random()));
}

/** As long as the server asks for and up to half as much again, so that not all come back together. */
function askedMs({ retryAfterSeconds }: ApiFailure, random: () => number): number {
  return Math.round(Math.min((retryAfterSeconds ?? 0) * 1_000, MAX_RETRY_AFTER_MS) * (1 + random() / 2));
}

export function step(state: ReflectorState, event: ReflectorEvent, tuning: ReflectorTuning): ReflectorStep {
  switch (event.type) {
    case 'start':
      return beginList({ ...state, message: 'listing' }, tuning, []);
    case 'page':
      return state.activity === 'listing' ? onPage(state, event, tuning) : { state, actions: [] };
    case 'watch-opened':
      if (state.activity !== 'opening') return { state, actions: [] };
      return { state: { ...state, activity: 'watching', health: 'synced', message: '' }, actions: [] };
    case 'watch-progress':
      if (state.activity !== 'watching') return { state, actions: [] };
      return {
        state: {
          ...state,
          resourceVersion: event.resourceVersion === '' ? state.resourceVersion : event.resourceVersion,
          failures: 0,
          failuresAtPosition: 0,
        },
        actions: [],
      };
    case 'watch-ended':
      if (state.activity !== 'opening' && state.activity !== 'watching') return { state, actions: [] };
      if (event.lastedMs >= MIN_WATCH_MS || event.hadEvents) return watch(settled(state), tuning);
      return onFailure(
        state,
        { status: 500, reason: '', message: 'the server ended the watch at once', retryAfterSeconds: null },
        false,
        tuning,
      );
    case 'failed':
      if (state.activity === 'idle' || state.activity === 'waiting') return { state, actions: [] };
      return onFailure(
        event.lastedMs >= MIN_WATCH_MS && state.activity === 'watching' ? settled(state) : state,
        event.failure,
        event.knowsObjects,
        tuning,
      );
    case 'timer':
      if (state.activity !== 'waiting') return { state, actions: [] };
      return state.next === 'watch' ? watch(state, tuning) : resumeList(state, tuning);
    case 'connected':
      if (state.activity !== 'waiting' || !state.isForConnection) return { state, actions: [] };
      return {
        state: { ...state, isForConnection: false },
        actions: [{ type: 'wait', milliseconds: Math.round(tuning.random() * RECONNECT_SPREAD_MS) }],
      };
    case 'restart':
      return beginList(
        { ...state, listFrom: event.from, timesMissing: 0, health: 'listing', message: event.message },
        tuning,
        state.activity === 'idle' || state.activity === 'waiting' ? [] : [{ type: 'cancel-request' }],
      );
  }
}

/** What came before went well. */
function settled(state: ReflectorState): ReflectorState {
  return { ...state, failures: 0, failuresAtPosition: 0 };
}

function watch(state: ReflectorState, tuning: ReflectorTuning): ReflectorStep {
  return {
    state: { ...state, activity: 'opening', isForConnection: false },
    actions: [
      {
        type: 'watch',
        resourceVersion: state.resourceVersion,
        timeoutSeconds: 300 + Math.floor(tuning.random() * 300),
      },
    ],
  };
}

/** From the first page. */
function beginList(state: ReflectorState, tuning: ReflectorTuning, before: readonly ReflectorAction[]): ReflectorStep {
  const list = resumeList({ ...state, continueToken: '' }, tuning);
  return { state: list.state, actions: [...before, ...list.actions] };
}

/** The page that is due. */
function resumeList(state: ReflectorState, { pageSize }: ReflectorTuning): ReflectorStep {
  const next: ReflectorState = { ...state, activity: 'listing', isForConnection: false };
  const limit = state.isPaged ? pageSize : null;
  if (state.continueToken !== '') {
    const { continueToken } = state;
    return {
      state: next,
      actions: [{ type: 'list', resourceVersion: null, resourceVersionMatch: null, continueToken, limit }],
    };
  }
  const from = state.listFrom === 'position' && state.resourceVersion === '' ? 'cache' : state.listFrom;
  const resourceVersion = from === 'store' ? null : from === 'cache' ? '0' : state.resourceVersion;
  const resourceVersionMatch = from === 'store' ? null : 'NotOlderThan';
  return {
    state: next,
    actions: [
      { type: 'begin-list' },
      { type: 'list', resourceVersion, resourceVersionMatch, continueToken: null, limit },
    ],
  };
}

function onPage(
  state: ReflectorState,
  page: { readonly resourceVersion: string; readonly continueToken: string },
  tuning: ReflectorTuning,
): ReflectorStep {
  if (page.continueToken !== '') return resumeList({ ...state, continueToken: page.continueToken }, tuning);
  const listed: ReflectorState = {
    ...state,
    failuresAtPosition: 0,
    resourceVersion: page.resourceVersion,
    listFrom: 'position',
    continueToken: '',
    isPaged: true,
    timesMissing: 0,
    health: 'synced',
    message: '',
  };
  const next = watch(listed, tuning);
  return { state: next.state, actions: [{ type: 'complete-list' }, ...next.actions] };
}

function wait(state: ReflectorState, milliseconds: number): ReflectorStep {
  return { state: { ...state, activity: 'waiting' }, actions: [{ type: 'wait', milliseconds }] };
}

function onFailure(
  state: ReflectorState,
  failure: ApiFailure,
  knowsObjects: boolean,
  tuning: ReflectorTuning,
): ReflectorStep {
  const { random, relistSpreadMs } = tuning;
  const isListing = state.activity === 'listing';
  const failureClass = classify(failure);
  const failures = failureClass === state.failureClass ? state.failures + 1 : 1;
  const failed: ReflectorState = {
    ...state,
    next: isListing ? 'list' : 'watch',
    isForConnection: false,
    failures,
    failureClass,
    health: 'interrupted',
    message: failure.message,
    concernsServer: failureClass === 'transport' || failure.status === 401,
  };
  switch (failureClass) {
    case 'transport':
      return wait({ ...failed, isForConnection: true }, backoffMs(CONNECT_BACKOFF, failures, random));
    case 'busy':
      return wait(failed, Math.max(askedMs(failure, random), backoffMs(ERROR_BACKOFF, failures, random)));
    case 'refused':
      return wait({ ...failed, health: 'refused' }, backoffMs(REFUSED_BACKOFF, failures, random));
    case 'missing': {
      if (!isListing)
        return wait({ ...failed, next: 'list', continueToken: '' }, Math.round(random() * relistSpreadMs));
      const timesMissing = state.timesMissing + 1;
      const pauseMs = backoffMs(MISSING_BACKOFF, timesMissing, random);
      if (knowsObjects && timesMissing < TIMES_MISSING_TO_BELIEVE) return wait({ ...failed, timesMissing }, pauseMs);
      const gone: ReflectorState = { ...failed, failures: 0, timesMissing, listFrom: 'cache', health: 'missing' };
      const pause = wait(gone, pauseMs);
      return { state: pause.state, actions: [{ type: 'clear' }, ...pause.actions] };
    }
    case 'expired':
      if (!isListing) {
        const relist: ReflectorState = {
          ...failed,
          next: 'list',
          listFrom: 'position',
          continueToken: '',
          health: 'listing',
        };
        // A server that forgets at once what it has just listed is not to be listed all the time.
        const pauseMs = failures > 1 ? backoffMs(ERROR_BACKOFF, failures, random) : 0;
        return wait(relist, Math.max(pauseMs, Math.round(random() * relistSpreadMs)));
      }
      // The rest of a listing is no longer kept: read it in one piece, which cannot happen to it again.
      return wait(
        {
          ...failed,
          listFrom: 'store',
          continueToken: '',
          isPaged: state.continueToken === '',
          health: 'listing',
        },
        backoffMs(ERROR_BACKOFF, failures, random),
      );
    case 'future':
      return wait(
        { ...failed, next: 'list', listFrom: 'store', continueToken: '', health: 'listing' },
        backoffMs(ERROR_BACKOFF, failures, random),
      );
    case 'error': {
      const failuresAtPosition = state.failuresAtPosition + 1;
      const isDoubtful = !isListing && failuresAtPosition >= MAX_FAILURES_AT_POSITION;
      return wait(
        { ...failed, failuresAtPosition, ...(isDoubtful ? { next: 'list', continueToken: '' } : {}) },
        Math.max(askedMs(failure, random), backoffMs(ERROR_BACKOFF, failures, random)),
      );
    }
  }
}
