import { describe, expect, test } from 'vitest';
import { type Event, timerExpired, timerOf } from './event.ts';
import { testConfig } from './test-support.ts';
import { sessionTimes, type Timer, timerKey } from './timers.ts';

describe('sessionTimes', () => {
  test.each([
    ['KEEPALIVE every third of the hold time', {}, 90, 30, 480, 0],
    ['no hold time: no KEEPALIVEs, the send hold time stays', {}, 0, 0, 480, 0],
    ['no hold time: no KEEPALIVEs though a time is configured', { keepaliveTimeSeconds: 10 }, 0, 0, 480, 0],
    ['the smallest hold time', {}, 3, 1, 480, 0],
    ['rounds down', {}, 5, 1, 480, 0],
    ['twice a long hold time is the send hold time', {}, 1000, 333, 2000, 0],
    ['a configured keepalive time is used as it is', { keepaliveTimeSeconds: 50 }, 90, 50, 480, 0],
    ['one that is not below the hold time is not', { keepaliveTimeSeconds: 90 }, 90, 30, 480, 1],
    ['nor one above', { keepaliveTimeSeconds: 200 }, 90, 30, 480, 1],
    ['keepalive time 0 means a third', { keepaliveTimeSeconds: 0 }, 90, 30, 480, 0],
    ['a configured send hold time', { sendHoldTimeSeconds: 100 }, 90, 30, 100, 0],
    ['send hold off', { sendHoldTimeSeconds: 0 }, 90, 30, 0, 0],
    ['a send hold time must be above the hold time (RFC 9687)', { sendHoldTimeSeconds: 90 }, 90, 30, 180, 1],
  ])('%s', (_, given, holdTimeSeconds, keepaliveTimeSeconds, sendHoldTimeSeconds, adjustments) => {
    const times = sessionTimes(testConfig(given), holdTimeSeconds);
    expect(times).toMatchObject({ holdTimeSeconds, keepaliveTimeSeconds, sendHoldTimeSeconds });
    expect(times.adjustments).toHaveLength(adjustments);
  });
});

const TIMERS: readonly Timer[] = [
  { name: 'connectRetry' },
  { name: 'idleHold' },
  { name: 'errorForget' },
  { name: 'restart' },
  { name: 'stale' },
  { name: 'longLivedStale', family: 'ipv4-unicast' },
  { name: 'longLivedStale', family: 'ipv6-unicast' },
  { name: 'hold', connectionId: 'in-1' },
  { name: 'hold', connectionId: 'out-1' },
  { name: 'keepalive', connectionId: 'in-1' },
  { name: 'sendHold', connectionId: 'in-1' },
  { name: 'delayOpen', connectionId: 'in-1' },
];

describe('timers and their events', () => {
  test('every timer has its own key', () => {
    expect(new Set(TIMERS.map(timerKey)).size).toBe(TIMERS.length);
  });

  test.each(TIMERS.map((timer) => [timerKey(timer), timer] as const))('%s: its event leads back to it', (_, timer) => {
    expect(timerOf(timerExpired(timer))).toEqual(timer);
  });

  test('other events are of no timer', () => {
    const event: Event = { type: 'start' };
    expect(timerOf(event)).toBeNull();
  });
});
