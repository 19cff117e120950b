/** The back end when netlink itself fails: memory, permissions, sockets, dumps that are overtaken. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Faults } from './testing/faulty-socket.ts';
import { FibScene, V4, V6 } from './testing/fib-scene.ts';
import { namespaceProblem } from './testing/namespace.ts';

const problem = namespaceProblem();
if (problem !== null) console.warn(`Skipped: netlink tests in a namespace: ${problem}`);

const [EPERM, EBADF, ENOMEM, ENOBUFS] = [1, 9, 12, 105];

describe.skipIf(problem !== null)('netlink that fails', () => {
  let scene: FibScene;
  let faults: Faults;
  let until: FibScene['until'];
  let kernel: FibScene['kernel'];
  let want: FibScene['want'];
  let unwant: FibScene['unwant'];
  let unicast: FibScene['unicast'];

  beforeAll(() => {
    scene = new FibScene('faults');
    ({ until, kernel, want, unwant, unicast } = scene);
  });
  afterAll(() => scene.remove());
  beforeEach(async () => {
    faults = new Faults();
    await scene.restart({ openSocket: faults.openSocket });
  });
  afterEach(() => scene.clean());

  test.each([
    ['ENOMEM', ENOMEM, 'out-of-memory'],
    ['ENOBUFS', ENOBUFS, 'out-of-memory'],
    ['EPERM', EPERM, 'not-permitted'],
  ])('the kernel answers %s: a failure with its reason, and tried again by itself', async (name, errno, reason) => {
    faults.refuse = errno;
    want(V4, unicast(5, '192.0.2.9'));
    want(V6, unicast(5, '2001:db8::9'));
    await scene.fib.settled();
    expect(scene.fib.failures()).toMatchObject([
      { reason, errno },
      { reason, errno },
    ]);
    expect(scene.listener.lines.filter((line) => line.startsWith(`failed ${V4} ${reason} (${name}`))).toHaveLength(1);
    faults.refuse = 0;
    await until('both are there', () => kernel(V4).length === 1 && kernel(V6).length === 1);
    await scene.fib.settled();
    expect(scene.fib.failures()).toEqual([]);
  });

  test.each([
    ['ENOMEM', ENOMEM],
    ['ENOBUFS', ENOBUFS],
  ])(
    'sending fails with %s: nothing is taken for written; additions, changes and deletions follow',
    async (_, errno) => {
      want(V4, unicast(5, '192.0.2.9'));
      want('10.2.0.0/16', unicast(5, '192.0.2.9'));
      scene.fib.sweepStale(0);
      await scene.fib.settled();
      faults.send = errno;
      want(V4, unicast(5, '198.51.100.9'));
      unwant('10.2.0.0/16');
      want('10.3.0.0/16', unicast(5, '192.0.2.9'));
      await until('the failures are known', () => scene.fib.failures().length > 0);
      // What was there still is: a change that fails is no loss.
      expect(kernel(V4)).toEqual([`${V4} via 192.0.2.9 dev t0 proto bird metric 5`]);
      faults.send = 0;
      await until(
        'all is as wanted',
        () => kernel(V4)[0]?.includes('198.51.100.9') === true && kernel('10.3.0.0/16').length === 1,
      );
      await until('the deletion is made up for', () => kernel('10.2.0.0/16').length === 0);
      await scene.fib.settled();
      expect(kernel(V4)).toHaveLength(1);
      expect(scene.fib.counters().installed).toEqual([2, 0]);
      expect(scene.fib.failures()).toEqual([]);
    },
  );

  test('10,000 routes that are all refused are 10,000 failures, and none of them is lost', async () => {
    faults.refuse = ENOMEM;
    const entry = unicast(5, '192.0.2.9');
    for (let i = 0; i < 10_000; i++) scene.fib.replace(0, 0x0b000000 + i * 256, 0, 0, 0, 24, entry);
    await scene.fib.settled();
    expect(scene.fib.failures()).toHaveLength(10_000);
    expect(scene.fib.counters().installed).toEqual([0, 0]);
    faults.refuse = 0;
    await until('all are there', () => scene.fib.counters().installed[0] === 10_000);
    await scene.fib.settled();
    expect(scene.fib.failures()).toEqual([]);
  });

  test('tables that cannot be read: told once, nothing written meanwhile, new sockets, then all is made up for', async () => {
    want(V4, unicast(5, '192.0.2.9'));
    await scene.fib.settled();
    faults.dump = ENOMEM;
    await scene.fib.resync();
    expect(scene.fib.problem()).toMatch(/^Cannot read the kernel's tables: not enough memory/);
    want('10.2.0.0/16', unicast(5, '192.0.2.9'));
    scene.ns.ip(`route del ${V4} proto bird`);
    await until('new sockets', () => faults.opened > 2);
    expect(kernel('10.2.0.0/16')).toEqual([]);
    expect(scene.listener.take()).toEqual(["trouble: Cannot read the kernel's tables: not enough memory"]);
    faults.dump = 0;
    await until('both are there', () => kernel(V4).length === 1 && kernel('10.2.0.0/16').length === 1);
    await scene.fib.settled();
    expect(scene.fib.problem()).toBeNull();
    expect(scene.listener.lines.filter((line) => !line.startsWith('disturbed'))).toEqual([
      'resynced notifications-lost',
      'no trouble any more',
    ]);
  });

  test('sockets cannot be opened again: told, and tried again', async () => {
    faults.breakSockets(EBADF);
    faults.open = 'no more descriptors';
    scene.ns.ip('route add blackhole 10.9.0.0/16 proto static');
    await until('it is told', () => scene.listener.lines.includes('trouble: no more descriptors'));
    expect(scene.fib.problem()).toBe('no more descriptors');
    faults.open = null;
    await until('it works again', () => scene.listener.lines.includes('no trouble any more'));
    expect(scene.listener.lines.some((line) => line.startsWith('learned 10.9.0.0/16'))).toBe(true);
    // The new ones hear what happens.
    scene.ns.ip('route del blackhole 10.9.0.0/16 proto static');
    await until('it is heard', () => scene.listener.lines.includes('lost 10.9.0.0/16'));
  });

  test('at the start: the reason, and nothing left open', async () => {
    faults.dump = EPERM;
    await expect(scene.restart({ openSocket: faults.openSocket })).rejects.toThrow(
      /Cannot read the kernel's tables: operation not permitted/,
    );
    faults.open = 'no more descriptors';
    await expect(scene.restart({ openSocket: faults.openSocket })).rejects.toThrow('no more descriptors');
  });

  test.each([
    ['now and then', 2, 1],
    ['whenever it is read', 7, 2],
  ])('dumps that are overtaken by changes (NLM_F_DUMP_INTR) %s: read again', async (_, interruptions, resyncs) => {
    want(V4, unicast(5, '192.0.2.9'));
    await scene.fib.settled();
    const before = scene.fib.counters().resyncs;
    faults.interruptions = interruptions;
    await scene.fib.resync();
    await until('all attempts are over', () => scene.fib.counters().resyncs - before === resyncs);
    expect(faults.interruptions).toBe(0);
    await scene.fib.settled();
    expect(kernel(V4)).toHaveLength(1);
    expect(scene.fib.counters()).toMatchObject({ restored: 0, failed: 0 });
  });
});
