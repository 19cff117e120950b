import { expect, test } from 'vitest';
import { restartBits } from './restart-memory.ts';

const HERE = 'boot netns';
const earlier = (hadKernelRoutes: readonly [boolean, boolean], place = HERE) => ({
  place,
  hadKernelRoutes,
  peers: [],
  bfd: {},
});

test.each([
  ['a first start', [0, 0], true, null, false, [false, false]],
  ['routes adopted, of BIRD or of a life that is not remembered', [5, 0], true, null, true, [true, true]],
  ['remembered, routes are there', [5, 3], true, earlier([true, true]), true, [true, true]],
  ['remembered, IPv6 routes were lost', [5, 0], true, earlier([true, true]), true, [true, false]],
  ['remembered, there were none to lose', [0, 0], true, earlier([false, false]), true, [true, true]],
  ['remembered, all were lost', [0, 0], true, earlier([true, true]), true, [false, false]],
  ['remembered, but the machine has booted', [0, 0], true, earlier([false, false], 'other'), true, [false, false]],
  [
    'a route reflector that does not forward, remembered',
    [0, 0],
    false,
    earlier([false, false], 'other'),
    true,
    [true, true],
  ],
  ['a route reflector that does not forward, first start', [0, 0], false, null, false, [true, true]],
] as const)('%s', (_, adopted, programsRoutes, remembered, isRestarting, forwardingPreserved) => {
  const bits = restartBits({ adopted, programsRoutes, earlier: remembered, place: HERE });
  expect(bits).toEqual({ isRestarting, forwardingPreserved });
});
