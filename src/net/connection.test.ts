import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { TtlSecurity } from '../../bgp/session-config.ts';
import { type ConnectionFailure, type ConnectionOptions, openConnection } from './connection.ts';
import { type Listener, type ListenerOptions, openListener } from './listener.ts';
import { applyTtl } from './sockopt.ts';
import { tryLoadSyscalls } from './syscalls.ts';

const HOPS_64: TtlSecurity = { kind: 'multihop', ttl: 64 };
const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

async function listen(options: Partial<ListenerOptions>): Promise<{ listener: Listener; accepted: Socket[] }> {
  const accepted: Socket[] = [];
  const listener = await openListener(
    { address: '127.0.0.1', port: 0, passwords: new Map(), ...options },
    {
      accepted: (socket) => {
        accepted.push(socket);
        socket.on('error', () => {});
        socket.on('data', (octets) => socket.write(octets));
        cleanUps.push(() => socket.destroy());
      },
      error: () => {},
    },
  );
  if (!('close' in listener)) throw new Error(listener.message);
  cleanUps.push(() => void listener.close());
  return { listener, accepted };
}

function options(peerPort: number, given: Partial<ConnectionOptions>): ConnectionOptions {
  return {
    peerAddress: '127.0.0.1',
    peerPort,
    localAddress: null,
    interfaceName: null,
    ttl: HOPS_64,
    password: null,
    timeoutMs: 5000,
    ...given,
  };
}

function connect(connection: ConnectionOptions): Promise<Socket | ConnectionFailure> {
  return new Promise((resolve) => {
    openConnection(connection, {
      connected: (socket) => {
        socket.on('error', () => {});
        cleanUps.push(() => socket.destroy());
        resolve(socket);
      },
      failed: resolve,
    });
  });
}

/** What the connection came to: `connected`, or the failure's code. */
async function outcome(connection: ConnectionOptions): Promise<string> {
  const result = await connect(connection);
  return 'code' in result ? result.code : 'connected';
}

/** Long for what must work, short for what must stay silent. */
const patience = (expected: string): number => (expected === 'ETIMEDOUT' ? 300 : 5000);

function echo(socket: Socket, text: string, withinMs = 1000): Promise<string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('no answer'), withinMs);
    socket.once('data', (octets) => {
      clearTimeout(timer);
      resolve(octets.toString());
    });
    socket.write(text);
  });
}

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

describe('outgoing connections', () => {
  test.each<[string, string, Partial<ConnectionOptions>]>([
    ['plain IPv4', '127.0.0.1', {}],
    ['plain IPv6', '::1', {}],
    ['IPv4 with a source address', '127.0.0.1', { localAddress: '127.0.0.7' }],
    ['IPv4 with a TTL', '127.0.0.1', { ttl: { kind: 'multihop', ttl: 1 } }],
    ['IPv6 with a TTL', '::1', { ttl: { kind: 'multihop', ttl: 1 } }],
    ['IPv4 with source and TTL', '127.0.0.1', { localAddress: '127.0.0.7', ttl: { kind: 'multihop', ttl: 2 } }],
    ['IPv4 bound to an interface', '127.0.0.1', { interfaceName: 'lo' }],
    ['IPv6 bound to an interface', '::1', { interfaceName: 'lo', localAddress: '::1' }],
  ])('%s: connects, carries data and closes', async (_, address, given) => {
    const { listener, accepted } = await listen({ address });
    const socket = await connect(options(listener.port, { peerAddress: address, ...given }));
    if ('code' in socket) throw new Error(socket.message);
    expect(socket.remoteAddress).toBe(address);
    expect(socket.localAddress).toBe(given.localAddress ?? address);
    expect(await echo(socket, 'hello')).toBe('hello');
    const ended = new Promise((resolve) => accepted[0].once('end', resolve));
    socket.end();
    await ended;
  });

  test.each<[string, string, Partial<ConnectionOptions>]>([
    ['nobody listens (net.connect)', 'ECONNREFUSED', {}],
    ['nobody listens (own socket)', 'ECONNREFUSED', { ttl: { kind: 'multihop', ttl: 3 } }],
    ['nobody listens (own IPv6 socket)', 'ECONNREFUSED', { peerAddress: '::1', ttl: { kind: 'multihop', ttl: 3 } }],
    ['nobody listens and the RST is not signed', 'ETIMEDOUT', { password: 'k', timeoutMs: 300 }],
    ['source address of somebody else (net.connect)', 'EADDRNOTAVAIL', { localAddress: '198.51.100.9' }],
    ['source address of somebody else (own socket)', 'EADDRNOTAVAIL', { localAddress: '198.51.100.9', password: 'k' }],
    ['an interface that is not there', 'ENODEV', { interfaceName: 'no-such-if' }],
    ['link-local without interface', 'ENODEV', { peerAddress: 'fe80::1', password: 'k' }],
    ['source of the other family', 'EINVAL', { localAddress: '::1', password: 'k' }],
    ['key longer than the kernel takes', 'EINVAL', { password: 'x'.repeat(81) }],
  ])('%s: fails with %s', async (_, code, given) => {
    const before = openDescriptors();
    expect(await outcome(options(1, given))).toBe(code);
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });

  test('a failure found at once is still told later, and not after abort', async () => {
    const calls: string[] = [];
    const handlers = { connected: () => calls.push('connected'), failed: () => calls.push('failed') };
    const pending = openConnection(options(1, { interfaceName: 'no-such-if' }), handlers);
    expect(calls).toEqual([]);
    pending.abort();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(calls).toEqual([]);
  });

  test.each<[string, Partial<ConnectionOptions>]>([
    ['net.connect', {}],
    ['own socket', { ttl: { kind: 'multihop', ttl: 3 } }],
  ])('%s: aborting attempts leaks no descriptor and calls nobody', async (_, given) => {
    const { listener } = await listen({});
    await outcome(options(listener.port, given));
    const before = openDescriptors();
    let calls = 0;
    const count = (): void => void calls++;
    for (let i = 0; i < 50; i++) {
      openConnection(options(1, given), { connected: count, failed: count }).abort();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(calls).toBe(0);
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });
});

describe.skipIf(tryLoadSyscalls() !== null)('TCP MD5 (RFC 2385)', () => {
  const passwords = (peer: string, key: string): ReadonlyMap<string, string> => new Map([[peer, key]]);

  test.each<[string, string, ReadonlyMap<string, string>, string | null, string]>([
    ['equal keys', '127.0.0.1', passwords('127.0.0.1', 'secret'), 'secret', 'connected'],
    ['equal keys, IPv6', '::1', passwords('::1', 'secret'), 'secret', 'connected'],
    ['key of 80 octets', '127.0.0.1', passwords('127.0.0.1', 'k'.repeat(80)), 'k'.repeat(80), 'connected'],
    ['wrong key', '127.0.0.1', passwords('127.0.0.1', 'secret'), 'Secret', 'ETIMEDOUT'],
    ['wrong key, IPv6', '::1', passwords('::1', 'secret'), 'Secret', 'ETIMEDOUT'],
    ['no key where one is wanted', '127.0.0.1', passwords('127.0.0.1', 'secret'), null, 'ETIMEDOUT'],
    ['key where none is wanted', '127.0.0.1', new Map(), 'secret', 'ETIMEDOUT'],
    ['key meant for another peer', '127.0.0.1', passwords('127.0.0.2', 'secret'), 'secret', 'ETIMEDOUT'],
    ['no key, another peer has one', '127.0.0.1', passwords('127.0.0.2', 'secret'), null, 'connected'],
  ])('%s', async (_, address, keys, password, expected) => {
    const { listener, accepted } = await listen({ address, passwords: keys });
    expect(
      await outcome(options(listener.port, { peerAddress: address, password, timeoutMs: patience(expected) })),
    ).toBe(expected);
    if (expected !== 'connected') expect(accepted).toEqual([]);
  });

  test('keys are added, replaced and removed while listening; accepted connections keep theirs', async () => {
    const { listener } = await listen({});
    const dial = (password: string | null): Promise<string> =>
      outcome(options(listener.port, { password, timeoutMs: 500 }));
    expect(listener.setPassword('127.0.0.1', 'one')).toBeNull();
    const first = await connect(options(listener.port, { password: 'one' }));
    if ('code' in first) throw new Error(first.message);
    expect(listener.setPassword('127.0.0.1', 'two')).toBeNull();
    expect(await dial('one')).toBe('ETIMEDOUT');
    expect(await dial('two')).toBe('connected');
    expect(await echo(first, 'still here')).toBe('still here');
    expect(listener.setPassword('127.0.0.1', null)).toBeNull();
    expect(listener.setPassword('127.0.0.1', null)).toBeNull();
    expect(await dial(null)).toBe('connected');
    expect(await dial('two')).toBe('ETIMEDOUT');
  });

  test('keys of the other family are no business of a listener', async () => {
    const { listener } = await listen({ passwords: passwords('::1', 'secret') });
    expect(listener.setPassword('2001:db8::1', 'x')).toBeNull();
    expect(await outcome(options(listener.port, {}))).toBe('connected');
  });

  test('a port in use and a foreign address are values, with and without keys', async () => {
    const { listener } = await listen({});
    const none = { accepted: () => {}, error: () => {} };
    for (const keys of [new Map<string, string>(), passwords('127.0.0.1', 'k')]) {
      const taken = await openListener({ address: '127.0.0.1', port: listener.port, passwords: keys }, none);
      expect(taken).toMatchObject({ code: 'EADDRINUSE' });
      const foreign = await openListener({ address: '198.51.100.9', port: 0, passwords: keys }, none);
      expect(foreign).toMatchObject({ code: 'EADDRNOTAVAIL' });
    }
  });
});

describe.skipIf(tryLoadSyscalls() !== null)('GTSM (RFC 5082)', () => {
  const gtsm = (hops: number): TtlSecurity => ({ kind: 'gtsm', hops });

  test.each<[string, string, number, number, TtlSecurity, string]>([
    ['both ends', '127.0.0.1', 255, 255, gtsm(1), 'connected'],
    ['both ends, IPv6', '::1', 255, 255, gtsm(1), 'connected'],
    ['SYN with 64 where 255 is the least', '127.0.0.1', 255, 255, { kind: 'multihop', ttl: 64 }, 'ETIMEDOUT'],
    ['SYN with 64 where 255 is the least, IPv6', '::1', 255, 255, { kind: 'multihop', ttl: 64 }, 'ETIMEDOUT'],
    ['SYN-ACK with 64 where 255 is the least', '127.0.0.1', 64, 0, gtsm(1), 'ETIMEDOUT'],
    ['SYN-ACK with 254 from two hops away', '127.0.0.1', 254, 0, gtsm(2), 'connected'],
    ['SYN-ACK with 253 from two hops away', '127.0.0.1', 253, 0, gtsm(2), 'ETIMEDOUT'],
  ])('%s', async (_, address, outgoing, minimum, ttl, expected) => {
    const { listener } = await listen({ address });
    expect(listener.setTtl(outgoing, minimum)).toBeNull();
    expect(await outcome(options(listener.port, { peerAddress: address, ttl, timeoutMs: patience(expected) }))).toBe(
      expected,
    );
  });

  test.each([
    ['IPv4', '127.0.0.1'],
    ['IPv6', '::1'],
  ])('%s: an accepted connection stops hearing packets with a lower TTL', async (_, address) => {
    const { listener, accepted } = await listen({ address });
    const socket = await connect(options(listener.port, { peerAddress: address }));
    if ('code' in socket) throw new Error(socket.message);
    expect(await echo(socket, 'before')).toBe('before');
    expect(applyTtl(accepted[0], gtsm(1))).toBeNull();
    expect(await echo(socket, 'after', 400)).toBe('no answer');
  });

  test('a closed socket is an error value', async () => {
    const { listener, accepted } = await listen({});
    const socket = await connect(options(listener.port, {}));
    if ('code' in socket) throw new Error(socket.message);
    await echo(socket, 'x');
    accepted[0].destroy();
    expect(applyTtl(accepted[0], gtsm(1))).toMatchObject({ code: 'EBADF' });
  });
});
