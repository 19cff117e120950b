import { describe, expect, test } from 'vitest';
import { birdwatcherSettings, isAllowed } from './settings.ts';

const ALLOW = 'PEREGRINE_BIRDWATCHER_ALLOW';

test.each([
  ['nothing is asked for', null, {}, null],
  ['loopback needs no list', '127.0.0.1:29184', {}, { address: '127.0.0.1', port: 29184 }],
  ['the variable', null, { PEREGRINE_BIRDWATCHER_LISTEN: '[::1]:1' }, { address: '::1', port: 1 }],
  ['the option counts first', '[::1]:2', { PEREGRINE_BIRDWATCHER_LISTEN: '[::1]:1' }, { address: '::1', port: 2 }],
  ['off loopback with a list', '29184', { [ALLOW]: '192.0.2.1' }, { address: '::', port: 29184 }],
])('%s', (_what, option, environment, listen) => {
  const settings = birdwatcherSettings(option, environment);
  if (listen === null) expect(settings).toBeNull();
  else expect(settings).toMatchObject({ listen });
});

test.each([
  ['off loopback without a list', '29184', {}, 'must say who is answered'],
  ['no place', 'x', {}, '--birdwatcher-listen "x": wanted'],
  ['no place in the variable', null, { PEREGRINE_BIRDWATCHER_LISTEN: 'x' }, 'PEREGRINE_BIRDWATCHER_LISTEN "x": wanted'],
  ['no address', '1', { [ALLOW]: '192.0.2.1,alice' }, `${ALLOW} "alice"`],
  ['too long', '1', { [ALLOW]: '192.0.2.1/33' }, `${ALLOW} "192.0.2.1/33"`],
  ['an empty length', '1', { [ALLOW]: '192.0.2.1/' }, `${ALLOW} "192.0.2.1/"`],
])('%s is refused', (_what, option, environment, reason) => {
  expect(birdwatcherSettings(option, environment)).toContain(reason);
});

describe('who is answered', () => {
  const settings = birdwatcherSettings('29184', { [ALLOW]: '192.0.2.0/24, 2001:db8::/32,198.51.100.7' });
  if (settings === null || typeof settings === 'string') throw new Error('these settings are good');
  test.each([
    ['192.0.2.77', true],
    ['::ffff:192.0.2.77', true],
    ['198.51.100.7', true],
    ['198.51.100.8', false],
    ['2001:db8::1', true],
    ['2001:db9::1', false],
    ['::1', false],
    [undefined, false],
  ])('%s: %s', (address, wanted) => {
    expect(isAllowed(settings.allowed, address)).toBe(wanted);
  });
});
