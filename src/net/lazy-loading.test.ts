/** In a file of its own, as native code once loaded stays in the process. */

import { expect, test } from 'vitest';
import { createFibNone } from '../kernel/fib-none.ts';
import { openConnection } from './connection.ts';
import { openListener } from './listener.ts';
import { syscallsLoaded } from './syscalls.ts';

test('a run without kernel, passwords and TTL security never loads native code', async () => {
  const fib = createFibNone();
  expect(await fib.start()).toEqual({ adopted: [0, 0], learned: 0 });
  fib.replace(0, 0x0a000000, 0, 0, 0, 8, { type: 'blackhole', metric: 0, hops: [] });
  await fib.settled();
  expect([fib.failures(), fib.links(), fib.addresses(), fib.sweepStale(0)]).toEqual([[], [], [], 0]);
  expect(fib.counters().installed).toEqual([0, 0]);
  const listener = await openListener(
    { address: '127.0.0.1', port: 0, passwords: new Map() },
    { accepted: (socket) => void socket.end('hello'), error: () => {} },
  );
  if (!('close' in listener)) throw new Error(listener.message);
  expect(listener.setPassword('127.0.0.9', null)).toBeNull();
  const greeting = await new Promise<string>((resolve, reject) => {
    openConnection(
      {
        peerAddress: '127.0.0.1',
        peerPort: listener.port,
        localAddress: '127.0.0.1',
        interfaceName: null,
        ttl: { kind: 'multihop', ttl: 64 },
        password: null,
        timeoutMs: 5000,
      },
      {
        connected: (socket) => {
          socket.on('error', reject);
          socket.on('data', (octets) => resolve(octets.toString()));
        },
        failed: ({ message }) => reject(new Error(message)),
      },
    );
  });
  await listener.close();
  expect(greeting).toBe('hello');
  expect(syscallsLoaded()).toBe(false);
  fib.close();
});
