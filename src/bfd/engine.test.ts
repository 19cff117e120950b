import { describe, expect, test } from 'vitest';
import { type BfdPacket, decodeBfdPacket, encodeBfdPacket } from '../../bgp/bfd/packet.ts';
import type { BfdChange } from '../../bgp/bfd/session.ts';
import type { Datagram } from './datagrams.ts';
import { BfdEngine, receivers } from './engine.ts';
import type { BfdSpec } from './messages.ts';
import { addressKey, type ReceiverSpec } from './sockets.ts';

const MS = 1000;

function spec(peerAddress: string, more: Partial<BfdSpec> = {}): BfdSpec {
  return {
    key: `${peerAddress} ${more.localAddress ?? ''} ${more.interfaceName ?? ''} ${more.multihop ?? false}`,
    peerAddress,
    localAddress: null,
    interfaceName: null,
    multihop: false,
    minimumTtl: more.multihop ? 0 : 255,
    timers: { desiredMinTxMicroseconds: 300 * MS, requiredMinRxMicroseconds: 300 * MS, detectMultiplier: 3 },
    ...more,
  };
}

/** The engine with a clock that stands still, and sockets that remember. */
class Bench {
  nowMs = 0;
  readonly sent: { readonly to: string; readonly packet: BfdPacket }[] = [];
  readonly changes: (BfdChange & { readonly key: string })[] = [];
  readonly problems: string[] = [];
  listening: readonly ReceiverSpec[] = [];
  listenProblem: string | null = null;
  sendProblem: string | null = null;
  drain: () => void = () => {};
  #random = 0;
  readonly engine = new BfdEngine(
    {
      listen: (wanted) => {
        this.listening = wanted;
        return this.listenProblem === null ? [] : [this.listenProblem];
      },
      drain: () => this.drain(),
      openTransmitter: ({ peerAddress, interfaceName }) => ({
        ok: true,
        value: {
          sourcePort: 49_152,
          interfaceIndex: interfaceName === null ? 0 : Number(interfaceName.slice(3)),
          send: (octets) => {
            if (this.sendProblem !== null) return this.sendProblem;
            const result = decodeBfdPacket(octets, octets.length);
            if (result.ok) this.sent.push({ to: peerAddress, packet: result.packet });
            return null;
          },
          close: () => {},
        },
      }),
    },
    {
      changed: (key, change) => change !== null && this.changes.push({ key, ...change }),
      problem: (key, problem, detail) => this.problems.push(`${key} ${problem}: ${detail}`),
    },
    {
      nowMs: () => this.nowMs,
      random: () => {
        this.#random = (this.#random + 0.111) % 1;
        return this.#random;
      },
    },
  );

  hear(from: string, packet: Partial<BfdPacket>, more: Partial<Datagram> = {}, multihop = false): void {
    const octets = new Uint8Array(24);
    encodeBfdPacket(
      {
        diagnostic: 0,
        state: 'Down',
        poll: false,
        final: false,
        controlPlaneIndependent: false,
        demand: false,
        detectMultiplier: 3,
        myDiscriminator: 99,
        yourDiscriminator: 0,
        desiredMinTxMicroseconds: 300 * MS,
        requiredMinRxMicroseconds: 300 * MS,
        requiredMinEchoRxMicroseconds: 0,
        ...packet,
      },
      octets,
    );
    const circumstances = { ttl: 255, interfaceIndex: 1, local: addressKey('192.0.2.9') };
    this.engine.receive({ octets, length: 24, peer: addressKey(from), ...circumstances, ...more }, multihop);
  }

  /** Our discriminator in the last packet to an address. */
  mine(to: string): number {
    return this.sent.filter((one) => one.to === to).at(-1)?.packet.myDiscriminator ?? 0;
  }

  /** Up with that peer. */
  up(from: string, more: Partial<Datagram> = {}): void {
    this.hear(from, {}, more);
    this.hear(from, { state: 'Init', yourDiscriminator: this.mine(from) }, more);
    this.hear(from, { state: 'Up', final: true, yourDiscriminator: this.mine(from) }, more);
  }

  run(toMs: number): void {
    for (;;) {
      const nextMs = this.engine.advance();
      if (nextMs > toMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
    }
    this.nowMs = toMs;
  }
}

describe('which packet belongs to which session', () => {
  const PEER = '192.0.2.1';

  function bench(...specs: BfdSpec[]): Bench {
    const one = new Bench();
    one.engine.configure(specs, {});
    one.run(0);
    return one;
  }

  test('without a discriminator by address, with one by it', () => {
    const one = bench(spec(PEER), spec('192.0.2.2'));
    one.up('192.0.2.2');
    expect(one.changes.map(({ key, to }) => `${key.split(' ')[0]} ${to}`)).toEqual(['192.0.2.2 Init', '192.0.2.2 Up']);
  });

  test.each<[string, Partial<BfdPacket>, Partial<Datagram>, string]>([
    ['TTL 254 on one hop', {}, { ttl: 254 }, 'TTL is too low'],
    ['a TTL that the kernel did not tell', {}, { ttl: -1 }, 'TTL is too low'],
    ['a discriminator that nobody has', { yourDiscriminator: 12 }, {}, 'of no session here'],
    ['authentication', {}, {}, 'authenticated'],
  ])('%s is refused, counted and told once a minute', (what, packet, more, words) => {
    const one = bench(spec(PEER));
    const hear = (): void => {
      if (what !== 'authentication') return one.hear(PEER, packet, more);
      const octets = new Uint8Array([0x20, 0x44, 3, 24, 0, 0, 0, 1, ...new Array(16).fill(0)]);
      const from = { peer: addressKey(PEER), local: '', ttl: 255, interfaceIndex: 1 };
      one.engine.receive({ octets, length: 24, ...from }, false);
    };
    for (let i = 0; i < 5; i++) hear();
    expect(one.changes).toEqual([]);
    expect(one.problems).toEqual([expect.stringContaining(words)]);
    expect(one.engine.counters().sessions[0][1][2]).toBe(5);
    one.nowMs = 60_000;
    hear();
    expect(one.problems).toHaveLength(2);
  });

  test("another session's discriminator from another address is refused", () => {
    const one = bench(spec(PEER), spec('192.0.2.2'));
    one.hear(PEER, { state: 'Init', yourDiscriminator: one.mine('192.0.2.2') });
    expect(one.changes).toEqual([]);
    expect(one.problems[0]).toContain('with another address');
  });

  test('an address that nobody has a session with is counted apart', () => {
    const one = bench(spec(PEER));
    for (let i = 0; i < 3; i++) one.hear('203.0.113.1', {});
    expect(one.engine.counters().strangers).toBe(3);
    expect(one.problems).toEqual([expect.stringContaining('203.0.113.1')]);
  });

  test('the two kinds of hops are different sessions; several hops take any TTL', () => {
    const one = bench(spec(PEER), spec(PEER, { multihop: true }));
    one.hear(PEER, {}, { ttl: 60 }, true);
    expect(one.changes.map(({ key }) => key.endsWith('true'))).toEqual([true]);
  });

  test('several hops with a least TTL', () => {
    const one = bench(spec(PEER, { multihop: true, minimumTtl: 250 }));
    one.hear(PEER, {}, { ttl: 249 }, true);
    expect(one.changes).toEqual([]);
    one.hear(PEER, {}, { ttl: 250 }, true);
    expect(one.changes).toHaveLength(1);
  });

  test('link-local peers are told apart by interface, sessions with local addresses by those', () => {
    const one = bench(
      spec('fe80::1', { interfaceName: 'eth3' }),
      spec('fe80::1', { interfaceName: 'eth4' }),
      spec(PEER, { localAddress: '192.0.2.9' }),
    );
    one.hear('fe80::1', {}, { interfaceIndex: 4 });
    expect(one.changes.map(({ key }) => key)).toEqual([expect.stringContaining('eth4')]);
    one.hear('fe80::1', {}, { interfaceIndex: 5 });
    one.hear(PEER, {}, { local: addressKey('192.0.2.8') });
    expect(one.changes).toHaveLength(1);
    one.hear(PEER, {}, { local: addressKey('192.0.2.9') });
    expect(one.changes).toHaveLength(2);
  });
});

describe('time', () => {
  test('what waits in the sockets counts before a session is called down', () => {
    const one = new Bench();
    one.engine.configure([spec('192.0.2.1')], {});
    one.run(0);
    one.up('192.0.2.1');
    // The thread had no processor for two seconds; the peer's packets are there.
    one.nowMs = 2000;
    one.drain = () => one.hear('192.0.2.1', { state: 'Up', yourDiscriminator: one.mine('192.0.2.1') });
    one.engine.advance();
    expect(one.changes.at(-1)).toMatchObject({ to: 'Up' });
    one.drain = () => {};
    one.run(2900);
    expect(one.changes.at(-1)).toMatchObject({ to: 'Down', cause: 'detection-time-expired' });
  });

  test('a removed session says AdminDown for its Detection Time and is forgotten', () => {
    const one = new Bench();
    one.engine.configure([spec('192.0.2.1')], {});
    one.run(0);
    one.up('192.0.2.1');
    one.sent.length = 0;
    one.engine.configure([], {});
    expect(one.listening).toHaveLength(1);
    one.run(899);
    expect(one.sent.map(({ packet }) => packet.state)).toContain('AdminDown');
    expect(new Set(one.sent.map(({ packet }) => packet.state))).toEqual(new Set(['AdminDown']));
    one.run(2000);
    expect(one.engine.counters().sessions).toEqual([]);
  });

  test('and one that comes back meanwhile goes on', () => {
    const one = new Bench();
    one.engine.configure([spec('192.0.2.1')], {});
    one.run(0);
    one.up('192.0.2.1');
    one.engine.configure([], {});
    one.engine.configure([spec('192.0.2.1')], {});
    one.run(2000);
    expect(one.sent.at(-1)?.packet.state).toBe('Down');
    expect(one.engine.counters().sessions).toHaveLength(1);
  });
});

describe('trouble with sockets', () => {
  test('is told once, tried again, and told when it is over', () => {
    const one = new Bench();
    one.listenProblem = 'cannot listen on any address port 3784';
    one.sendProblem = 'cannot send: network is unreachable';
    one.engine.configure([spec('192.0.2.1')], {});
    one.run(5000);
    expect(one.problems).toEqual([
      'null listen: cannot listen on any address port 3784',
      expect.stringContaining('send: cannot send'),
    ]);
    one.listenProblem = null;
    one.sendProblem = null;
    one.run(8000);
    expect(one.problems.slice(2).sort()).toEqual([
      expect.stringContaining('192.0.2.1'),
      'null recovered: BFD packets are received again',
    ]);
    expect(one.sent.length).toBeGreaterThan(0);
  });
});

describe('where it listens', () => {
  test.each<[string, BfdSpec[], ReceiverSpec[]]>([
    ['nowhere without sessions', [], []],
    [
      "at the sessions' own addresses",
      [spec('192.0.2.1', { localAddress: '192.0.2.9' }), spec('192.0.2.2', { localAddress: '192.0.2.9' })],
      [{ family: 0, multihop: false, address: '192.0.2.9' }],
    ],
    [
      'at all addresses of the family when one has none',
      [spec('192.0.2.1', { localAddress: '192.0.2.9' }), spec('192.0.2.2')],
      [{ family: 0, multihop: false, address: null }],
    ],
    [
      'at all addresses for link-local ones',
      [spec('fe80::1', { localAddress: 'fe80::2', interfaceName: 'eth0' })],
      [{ family: 1, multihop: false, address: null }],
    ],
    [
      'at both ports',
      [spec('192.0.2.1'), spec('192.0.2.1', { multihop: true })],
      [
        { family: 0, multihop: false, address: null },
        { family: 0, multihop: true, address: null },
      ],
    ],
  ])('%s', (_what, specs, expected) => {
    expect(receivers(specs)).toEqual(expected);
  });
});
