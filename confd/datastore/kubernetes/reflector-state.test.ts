import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ApiFailure, statusFailure, transportFailure } from './api-failure.ts';
import {
  INITIAL_REFLECTOR_STATE,
  type ReflectorAction,
  type ReflectorEvent,
  type ReflectorState,
  type ReflectorTuning,
  step,
} from './reflector-state.ts';

/** In the middle of every spread. */
const TUNING: ReflectorTuning = { pageSize: 500, relistSpreadMs: 5_000, random: () => 0.5 };

/** A reflector that is driven by hand. */
class Driver {
  state: ReflectorState = INITIAL_REFLECTOR_STATE;
  /** Actions of the last event. */
  actions: readonly ReflectorAction[] = [];

  constructor(...events: readonly ReflectorEvent[]) {
    for (const event of events) this.on(event);
  }

  on(event: ReflectorEvent): this {
    const next = step(this.state, event, TUNING);
    this.state = next.state;
    this.actions = next.actions;
    return this;
  }

  fail(failure: ApiFailure, more: { lastedMs?: number; knowsObjects?: boolean } = {}): this {
    return this.on({ type: 'failed', failure, lastedMs: 0, knowsObjects: false, ...more });
  }

  get waitMs(): number | null {
    const wait = this.actions.find((action) => action.type === 'wait');
    return wait?.type === 'wait' ? wait.milliseconds : null;
  }

  /** The actions without waits, in short. */
  get does(): string {
    return this.actions
      .map((action) => {
        if (action.type === 'watch') return `watch ${action.resourceVersion}`;
        if (action.type !== 'list') return action.type;
        const { resourceVersion, resourceVersionMatch, continueToken, limit } = action;
        return `list ${resourceVersion} ${resourceVersionMatch} ${continueToken} ${limit}`;
      })
      .join(', ');
  }
}

const START: ReflectorEvent = { type: 'start' };
const page = (resourceVersion: string, continueToken = ''): ReflectorEvent => ({
  type: 'page',
  resourceVersion,
  continueToken,
});
const OPENED: ReflectorEvent = { type: 'watch-opened' };
const TIMER: ReflectorEvent = { type: 'timer' };
const progress = (resourceVersion: string): ReflectorEvent => ({ type: 'watch-progress', resourceVersion });

const watching = (): Driver => new Driver(START, page('10'), OPENED, progress('12'));
const status = (code: number, reason = '', more: object = {}): ApiFailure =>
  statusFailure({ kind: 'Status', code, reason, message: `status ${code}`, ...more }, code);

const GONE = status(410, 'Expired');
const TOO_LARGE = status(504, 'Timeout', {
  message: 'Timeout: Too large resource version: 99, current: 5',
  details: { causes: [{ reason: 'ResourceVersionTooLarge' }], retryAfterSeconds: 1 },
});
const BROKEN = transportFailure('connection reset');

describe('listing', () => {
  test('begins in pages, from whatever the cache has, and goes on to watch where it ended', () => {
    const driver = new Driver(START);
    expect(driver.does).toBe('begin-list, list 0 NotOlderThan null 500');
    expect(driver.on(page('10', 'more')).does).toBe('list null null more 500');
    expect(driver.state.health).toBe('listing');
    expect(driver.on(page('10')).does).toBe('complete-list, watch 10');
    expect(driver.state.health).toBe('synced');
  });

  test('a page that fails is asked for again, not the whole', () => {
    const driver = new Driver(START, page('10', 'more')).fail(BROKEN);
    expect(driver.state).toMatchObject({ activity: 'waiting', health: 'interrupted' });
    expect(driver.on(TIMER).does).toBe('list null null more 500');
  });

  test('whose rest is no longer kept is read again in one piece, as it is stored', () => {
    const driver = new Driver(START, page('10', 'more')).fail(GONE).on(TIMER);
    expect(driver.does).toBe('begin-list, list null null null null');
    // And the next one in pages again.
    driver.on(page('11')).on(OPENED).on(progress('12')).fail(GONE).on(TIMER);
    expect(driver.does).toBe('begin-list, list 12 NotOlderThan null 500');
  });

  test('not older than a position that the server has never seen is read as it is stored', () => {
    const driver = watching().fail(GONE).on(TIMER).fail(TOO_LARGE);
    expect(driver.on(TIMER).does).toBe('begin-list, list null null null 500');
  });
});

describe('watching', () => {
  test('goes on behind the last thing it saw when the server ends it', () => {
    const driver = watching().on({ type: 'watch-ended', lastedMs: 400_000, hadEvents: false });
    expect(driver.actions).toEqual([{ type: 'watch', resourceVersion: '12', timeoutSeconds: 450 }]);
    expect(driver.state.health).toBe('synced');
  });

  test('that ends at once has failed', () => {
    const driver = watching().on({ type: 'watch-ended', lastedMs: 10, hadEvents: false });
    expect(driver.state).toMatchObject({ activity: 'waiting', next: 'watch', health: 'interrupted' });
  });

  test('goes on behind the last thing it saw when the connection breaks', () => {
    const driver = watching().fail(BROKEN);
    expect(driver.state).toMatchObject({ health: 'interrupted', message: 'connection reset' });
    expect(driver.on(TIMER).does).toBe('watch 12');
    expect(driver.on(OPENED).state).toMatchObject({ health: 'synced', message: '' });
  });

  test('from a position that is gone lists anew, not older than that, some time within the spread', () => {
    const driver = watching().fail(GONE);
    expect(driver.waitMs).toBe(2_500);
    expect(driver.state.health).toBe('listing');
    expect(driver.on(TIMER).does).toBe('begin-list, list 12 NotOlderThan null 500');
    expect(driver.on(page('20')).does).toBe('complete-list, watch 20');
  });

  test('whose position is forgotten again and again is listed less and less often', () => {
    const driver = watching();
    const waits: (number | null)[] = [];
    for (let i = 0; i < 8; i++) {
      waits.push(driver.fail(GONE).waitMs);
      driver.on(TIMER).on(page('20')).on(OPENED);
    }
    expect(waits).toEqual([2_500, 2_500, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
  });

  test('an empty resourceVersion does not lose the position', () => {
    expect(watching().on(progress('')).state.resourceVersion).toBe('12');
  });

  test.each([
    ['five errors', 500],
    ['five refusals of the request', 400],
  ])('%s at one position make it doubtful: it is listed', (_name, code) => {
    const driver = watching();
    for (let i = 0; i < 4; i++) expect(driver.fail(status(code)).on(TIMER).does).toBe('watch 12');
    expect(driver.fail(status(code)).on(TIMER).does).toBe('begin-list, list 12 NotOlderThan null 500');
  });

  test('a server that is away or busy, however long, does not make a position doubtful', () => {
    const driver = watching();
    for (let i = 0; i < 20; i++) driver.fail(i % 2 === 0 ? BROKEN : status(503)).on(TIMER);
    expect(driver.does).toBe('watch 12');
  });
});

describe('the time between attempts', () => {
  const waits = (failure: ApiFailure, count: number, prepare: () => Driver = watching): (number | null)[] => {
    const driver = prepare();
    return Array.from({ length: count }, () => {
      const { waitMs } = driver.fail(failure);
      driver.on(TIMER);
      return waitMs;
    });
  };

  test.each<[string, ApiFailure, readonly number[]]>([
    ['no connection', BROKEN, [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]],
    ['an error', status(500), [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]],
    ['a busy server', status(503), [800, 1_600, 3_200]],
    ['one that asks for a day', status(503, '', { details: { retryAfterSeconds: 86_400 } }), [375_000, 375_000]],
    ['an error that asks for time', status(500, '', { details: { retryAfterSeconds: 8 } }), [10_000, 10_000]],
    ['a server that asks for time', status(429, '', { details: { retryAfterSeconds: 7 } }), [8_750, 8_750, 8_750]],
    ['a refusal', status(403), [5_000, 10_000, 20_000, 40_000, 60_000]],
  ])('%s', (_name, failure, expected) => {
    expect(waits(failure, expected.length)).toEqual(expected);
  });

  test('begins anew when the server answers after it was away', () => {
    const driver = watching();
    for (let i = 0; i < 8; i++) driver.fail(BROKEN).on(TIMER);
    expect(driver.fail(status(503)).waitMs).toBe(800);
  });

  test('begins anew after a watch that lasted', () => {
    const driver = watching();
    for (let i = 0; i < 8; i++) driver.fail(BROKEN).on(TIMER);
    expect(driver.on(OPENED).fail(BROKEN, { lastedMs: 60_000 }).waitMs).toBe(200);
  });

  test('a connection that others made ends the wait for one', () => {
    const driver = watching().fail(BROKEN).on({ type: 'connected' });
    expect(driver.waitMs).toBe(100);
    expect(driver.on({ type: 'connected' }).actions).toEqual([]);
    expect(driver.on(TIMER).does).toBe('watch 12');
    expect(watching().fail(status(503)).on({ type: 'connected' }).actions).toEqual([]);
  });
});

describe('a kind that is not there', () => {
  const MISSING = status(404, 'NotFound');

  test('counts as empty, and is looked for less and less often', () => {
    const driver = new Driver(START);
    const waits: (number | null)[] = [];
    for (let i = 0; i < 7; i++) {
      waits.push(driver.fail(MISSING).waitMs);
      expect(driver.does).toBe('clear, wait');
      expect(driver.state.health).toBe('missing');
      expect(driver.on(TIMER).does).toBe('begin-list, list 0 NotOlderThan null 500');
    }
    expect(waits).toEqual([5_000, 10_000, 20_000, 40_000, 80_000, 120_000, 120_000]);
    expect(driver.on(page('30')).state.health).toBe('synced');
  });

  test('although it had objects is believed the third time', () => {
    const driver = watching().on({ type: 'watch-ended', lastedMs: 5_000, hadEvents: true });
    expect(driver.fail(MISSING, { knowsObjects: true }).state).toMatchObject({ next: 'list', health: 'interrupted' });
    for (let i = 0; i < 2; i++) {
      driver.on(TIMER).fail(MISSING, { knowsObjects: true });
      expect(driver.does).toBe('wait');
      expect(driver.state.health).toBe('interrupted');
    }
    driver.on(TIMER).fail(MISSING, { knowsObjects: true });
    expect(driver.does).toBe('clear, wait');
  });
});

test('a kind that may not be read says so, and what it says', () => {
  const driver = new Driver(START).fail(status(403, 'Forbidden', { message: 'nodes is forbidden: User "x"' }));
  expect(driver.state).toMatchObject({ health: 'refused', message: 'nodes is forbidden: User "x"' });
});

describe('a restart', () => {
  const RESTART: ReflectorEvent = { type: 'restart', from: 'store', message: 'back in time' };

  test.each<[string, Driver, string]>([
    ['of a watch', watching(), 'cancel-request, begin-list, list null null null 500'],
    [
      'in the middle of a list',
      new Driver(START, page('1', 'x')),
      'cancel-request, begin-list, list null null null 500',
    ],
    ['of one that waits', watching().fail(BROKEN), 'begin-list, list null null null 500'],
  ])('%s lists what is stored, and takes its number although it is lower', (_name, driver, does) => {
    expect(driver.on(RESTART).does).toBe(does);
    expect(driver.state).toMatchObject({ health: 'listing', message: 'back in time' });
    expect(driver.on(page('3')).does).toBe('complete-list, watch 3');
  });
});

test('whatever happens, exactly one thing is under way, and the position only moves by what was seen', () => {
  const failure = fc.constantFrom(BROKEN, GONE, TOO_LARGE, status(404), status(403), status(429), status(500));
  const event: fc.Arbitrary<ReflectorEvent> = fc.oneof(
    fc.record({
      type: fc.constant('page' as const),
      resourceVersion: fc.constant('p'),
      continueToken: fc.constantFrom('', 'c'),
    }),
    fc.constant(OPENED),
    fc.constantFrom(progress('w'), progress('')),
    fc.record({
      type: fc.constant('watch-ended' as const),
      lastedMs: fc.constantFrom(1, 5_000),
      hadEvents: fc.boolean(),
    }),
    fc.record({
      type: fc.constant('failed' as const),
      failure,
      lastedMs: fc.constantFrom(1, 5_000),
      knowsObjects: fc.boolean(),
    }),
    fc.constant(TIMER),
    fc.constant<ReflectorEvent>({ type: 'connected' }),
    fc.constant<ReflectorEvent>({ type: 'restart', from: 'store', message: 'x' }),
  );
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 40 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (events, chance) => {
        let state = INITIAL_REFLECTOR_STATE;
        let underWay: 'nothing' | 'list' | 'watch' | 'wait' = 'nothing';
        let isListComplete = false;
        for (const one of [START, ...events]) {
          // What only happens to something that is under way.
          if (one.type === 'timer') {
            if (underWay !== 'wait') continue;
            underWay = 'nothing';
          } else if (one.type === 'page') {
            if (underWay !== 'list') continue;
            underWay = 'nothing';
          } else if (one.type === 'failed' || one.type === 'watch-ended') {
            if (underWay !== 'watch' && !(one.type === 'failed' && underWay === 'list')) continue;
            underWay = 'nothing';
          } else if ((one.type === 'watch-opened' || one.type === 'watch-progress') && underWay !== 'watch') continue;
          const before = state;
          const next = step(state, one, { ...TUNING, random: () => chance });
          state = next.state;
          for (const action of next.actions) {
            if (action.type === 'cancel-request') {
              expect(['list', 'watch']).toContain(underWay);
              underWay = 'nothing';
            } else if (action.type === 'begin-list') {
              if (underWay === 'wait') underWay = 'nothing';
              isListComplete = false;
            } else if (action.type === 'complete-list' || action.type === 'clear') isListComplete = true;
            else if (action.type === 'wait') {
              expect(action.milliseconds).toBeGreaterThanOrEqual(0);
              expect(['nothing', 'wait']).toContain(underWay);
              underWay = 'wait';
            } else {
              expect(underWay).toBe('nothing');
              underWay = action.type;
              // A watch only behind a complete listing.
              if (action.type === 'watch') expect(isListComplete && action.resourceVersion !== '').toBe(true);
            }
          }
          expect(underWay).not.toBe('nothing');
          if (before.resourceVersion !== state.resourceVersion) expect(['page', 'watch-progress']).toContain(one.type);
          expect(state.message === '').toBe(state.health === 'synced');
        }
      },
    ),
    { numRuns: 1_000 },
  );
});
