import { describe, expect, test } from 'vitest';
import type { Fib } from '../kernel/fib.ts';
import { createFibNetlink } from '../kernel/fib-netlink.ts';
import { openSilentSocket } from '../kernel/silent-socket.ts';
import { rehearse } from './rehearsal.ts';

describe('rehearsal', () => {
  test('goes through the whole way, down to requests for the kernel, and leaves nothing', async () => {
    let fib: Fib | null = null;
    let pauses = 0;
    await rehearse(
      async () => {
        pauses++;
        await fib?.settled();
        return true;
      },
      (listener) => {
        fib = createFibNetlink({ listener, openSocket: openSilentSocket });
        return Promise.resolve(fib);
      },
    );
    expect(pauses).toBe(5 * 4 * 3);
    const counters = fib!.counters();
    // Every prefix is added and deleted in each of five rounds, at least.
    expect(counters.added).toBeGreaterThanOrEqual(5 * 1200);
    expect(counters.failed).toBe(0);
  });

  test('ends at the first pause that says so', async () => {
    let pauses = 0;
    await rehearse(async () => ++pauses < 5, null);
    expect(pauses).toBe(5);
  });
});
