/** The sockets against the real kernel, on loopback: TTL, addresses and interfaces as RFC 5881 section 5 needs them. */

import { afterEach, describe, expect, test } from 'vitest';
import { parseAddress } from '../../bgp/ip.ts';
import { loopbackAddress } from '../../test/support/loopback.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { socketAddress } from '../net/socket-address.ts';
import { setInteger } from '../net/sockopt.ts';
import { syscalls } from '../net/syscalls.ts';
import type { Datagram } from './datagrams.ts';
import type { BfdSpec } from './messages.ts';
import { addressOfKey, BfdSockets, FIRST_SOURCE_PORT, MULTIHOP_PORT, SINGLE_HOP_PORT } from './sockets.ts';

const [HERE, THERE] = [210, 211].map(loopbackAddress);
const DEADLINE_MS = 10_000;

interface Seen extends Datagram {
  readonly multihop: boolean;
}

const open: BfdSockets[] = [];
afterEach(() => {
  for (const sockets of open.splice(0)) sockets.listen([]);
});

function start(): { sockets: BfdSockets; seen: Seen[] } {
  const seen: Seen[] = [];
  const sockets = new BfdSockets(
    () => 0.5,
    (datagram, multihop) =>
      void seen.push({ ...datagram, octets: datagram.octets.slice(0, datagram.length), multihop }),
  );
  open.push(sockets);
  return { sockets, seen };
}

function spec(more: Partial<BfdSpec> = {}): BfdSpec {
  const timers = { desiredMinTxMicroseconds: 1, requiredMinRxMicroseconds: 1, detectMultiplier: 1 };
  const ends = { peerAddress: HERE, localAddress: THERE, interfaceName: null };
  return { key: '', ...ends, multihop: false, minimumTtl: 255, timers, ...more };
}

async function arrived(seen: readonly Seen[], count = 1): Promise<void> {
  await waitFor(`${count} datagrams`, DEADLINE_MS, async () => (seen.length >= count ? true : null));
}

describe('BFD sockets', () => {
  test('what is sent arrives with TTL 255, its addresses, interface and a source port of its own', async () => {
    const { sockets, seen } = start();
    expect(sockets.listen([{ family: 0, multihop: false, address: HERE }])).toEqual([]);
    const one = sockets.openTransmitter(spec());
    const two = sockets.openTransmitter(spec());
    if (!one.ok || !two.ok) throw new Error('not opened');
    expect(one.value.sourcePort).toBeGreaterThanOrEqual(FIRST_SOURCE_PORT);
    expect(two.value.sourcePort).not.toBe(one.value.sourcePort);
    expect(one.value.send(Uint8Array.of(1, 2, 3), 3)).toBe(null);
    await arrived(seen);
    expect(seen[0]).toMatchObject({
      length: 3,
      ttl: 255,
      multihop: false,
      interfaceIndex: syscalls().interfaceIndex('lo'),
    });
    expect([...seen[0].octets]).toEqual([1, 2, 3]);
    expect([addressOfKey(seen[0].peer), addressOfKey(seen[0].local)]).toEqual([THERE, HERE]);
    one.value.close();
    two.value.close();
  });

  test('a lower TTL is told, also when many datagrams wait', async () => {
    const { sockets, seen } = start();
    sockets.listen([{ family: 0, multihop: false, address: HERE }]);
    const descriptor = syscalls().socket(2, 2, 0);
    setInteger(descriptor, 0, 2, 254, 'IP_TTL');
    const to = socketAddress(parseAddress(HERE) ?? fail(), SINGLE_HOP_PORT, 0);
    for (let i = 0; i < 100; i++) syscalls().sendto(descriptor, Uint8Array.of(i), 1, 0, to);
    syscalls().close(descriptor);
    await arrived(seen, 100);
    expect(seen.map(({ octets }) => octets[0])).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(new Set(seen.map(({ ttl }) => ttl))).toEqual(new Set([254]));
  });

  test('IPv6, and several hops at the other port', async () => {
    const { sockets, seen } = start();
    const problems = sockets.listen([{ family: 1, multihop: true, address: '::1' }]);
    expect(problems).toEqual([]);
    const sender = sockets.openTransmitter(spec({ peerAddress: '::1', localAddress: '::1', multihop: true }));
    if (!sender.ok) throw new Error(sender.problem);
    expect(sender.value.send(Uint8Array.of(9), 1)).toBe(null);
    await arrived(seen);
    expect(seen[0]).toMatchObject({ ttl: 255, multihop: true });
    expect(addressOfKey(seen[0].peer)).toBe('::1');
    sender.value.close();
  });

  test('a port that is taken is said, with the errno', () => {
    const { sockets } = start();
    const { sockets: others } = start();
    const where = [{ family: 0, multihop: true, address: HERE }] as const;
    expect(sockets.listen(where)).toEqual([]);
    expect(others.listen(where)).toEqual([
      expect.stringMatching(new RegExp(`${HERE} port ${MULTIHOP_PORT}.*EADDRINUSE`)),
    ]);
    sockets.listen([]);
    expect(others.listen(where)).toEqual([]);
  });

  test.each<[string, Partial<BfdSpec>, string]>([
    ['an interface that is not there', { interfaceName: 'nothere0' }, 'no interface nothere0'],
    ['an address that is not ours', { localAddress: '203.0.113.77' }, 'EADDRNOTAVAIL'],
  ])('%s is said', (_what, more, words) => {
    const opened = start().sockets.openTransmitter(spec(more));
    expect(opened.ok ? '' : opened.problem).toContain(words);
  });

  test('an unreachable peer is said', () => {
    const opened = start().sockets.openTransmitter(spec({ peerAddress: '255.255.255.255', localAddress: null }));
    if (!opened.ok) throw new Error(opened.problem);
    expect(opened.value.send(Uint8Array.of(1), 1)).toContain('cannot send');
    opened.value.close();
  });
});

function fail(): never {
  throw new Error('not an address');
}
