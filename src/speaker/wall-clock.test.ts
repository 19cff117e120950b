/**
 * Setting the wall clock (NTP after boot, a restored virtual machine, an operator) moves no timer: the same story is
 * played with a wall clock that runs and with one that jumps at every look, and has to go the same way, to the millisecond.
 */

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { BfdSnapshot } from '../../bgp/bfd/session.ts';
import { BFD_DEFAULTS, sessionConfig } from '../../bgp/session-config.ts';
import { keepaliveOctets, openOctets, updateOctets } from '../../test/support/raw-speaker.ts';
import { BfdService, type BfdWorkerEvents } from '../bfd/service.ts';
import { loadStandAlone } from '../config/load.ts';
import { type Log, SILENT_LOG } from '../log/log.ts';
import { JumpingClock, VirtualClock } from './clock.ts';
import type { PeerDriver, PeerHost } from './peer-driver.ts';
import { NO_MEMORY } from './restart-memory.ts';
import { Speaker } from './speaker.ts';

const STEP_MS = 1000;
const END_MS = 500_000;
/** RFC 4724: restart time 120 s, IPv4 unicast with forwarding preserved. */
const GRACEFUL_RESTART = Buffer.from([64, 6, 0, 120, 0, 1, 1, 0x80]);
const AS = 65_001;
const CONFIG = `
routerId: 10.0.0.9
as: 65000
kernel: { enabled: false, resolveNextHops: always }
peers:
  - { name: leaves, address: 10.0.0.1, as: ${AS} }
  - { name: falls-silent, address: 10.0.0.2, as: ${AS} }
  - { name: stays, address: 10.0.0.3, as: ${AS} }
  - { name: absent, address: 10.0.0.4, as: ${AS} }
`;

/** Everything that happens, with its monotonic time. */
class Story {
  readonly lines: string[] = [];
  readonly clock: VirtualClock;
  readonly log: Log;

  constructor(clock: VirtualClock) {
    this.clock = clock;
    const write = (msgid: string, fields: object, message: string): void => {
      this.tell(`${msgid} ${'peer' in fields ? fields.peer : ''}: ${message}`);
    };
    this.log = { ...SILENT_LOG, debug: write, info: write, warn: write, error: write };
  }

  tell(what: string): void {
    this.lines.push(`${this.clock.nowMs()} ${what}`);
  }
}

/** Our end of a connection; `push` is what the peer sends. */
class FakeSocket extends Duplex {
  readonly localAddress = '10.0.0.9';

  constructor(sent: (type: number) => void) {
    super({
      read: () => {},
      write: (octets: Uint8Array, _encoding, done) => {
        sent(octets[18]);
        done();
      },
    });
  }

  destroySoon(): void {
    this.destroy();
  }
}

class FakedSpeaker extends Speaker {
  readonly sockets = new Map<string, FakeSocket>();
  readonly #story: Story;
  /** Who answers. */
  readonly present = new Set(['leaves', 'falls-silent', 'stays']);

  constructor(story: Story) {
    super({ log: story.log, clock: story.clock, version: 'test', deferralSeconds: 300 });
    this.#story = story;
  }

  override dial({ name }: PeerDriver, _timeoutMs: number, handlers: Parameters<PeerHost['dial']>[2]) {
    this.#story.tell(`dials ${name}`);
    setImmediate(() => {
      if (!this.present.has(name)) return handlers.failed({ code: 'ECONNREFUSED', message: 'connection refused' });
      const socket = new FakeSocket((type) => this.#story.tell(`sends ${name} type ${type}`));
      this.sockets.set(name, socket);
      handlers.connected(socket as unknown as Socket);
      const routerId = `10.0.0.${1 + [...this.drivers.keys()].indexOf(name)}`;
      socket.push(openOctets({ as: AS, holdTimeSeconds: 90, routerId, capabilities: GRACEFUL_RESTART }));
      socket.push(keepaliveOctets());
      socket.push(updateOctets(AS, routerId, ['198.51.100.0/24']));
    });
    return { abort: () => {} };
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve));
    await this.core?.idle();
  }
}

async function sessions(clock: VirtualClock, isRestart: boolean): Promise<string[]> {
  const story = new Story(clock);
  const speaker = new FakedSpeaker(story);
  const earlier = { place: 'here', hadKernelRoutes: [false, false], bfd: {}, peers: ['leaves', 'absent'] } as const;
  speaker.useMemory({
    ...{ ...NO_MEMORY, place: 'here', earlier: isRestart ? earlier : null },
    remember: ({ peers }) => story.tell(`remembers ${peers}`),
  });
  const loaded = loadStandAlone('test.yaml', CONFIG);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics));
  expect(await speaker.start({ ...loaded.desired, listen: [] })).toBeNull();
  await speaker.settle();
  speaker.agentRoutes.originate('agent', { prefix: '203.0.113.0/24', leaseSeconds: 60 });
  speaker.drains.drainNode({ reason: 'test', closeAfterSeconds: 400, text: null });
  let before = '';
  for (let atMs = STEP_MS; atMs <= END_MS; atMs += STEP_MS) {
    clock.advance(STEP_MS);
    await speaker.settle();
    if (atMs % 30_000 === 0) {
      for (const name of ['leaves', 'stays']) {
        const socket = speaker.sockets.get(name);
        if (socket?.destroyed === false) socket.push(keepaliveOctets());
      }
    }
    if (atMs === 100_000) {
      speaker.present.clear();
      speaker.sockets.get('leaves')?.destroy();
    }
    await speaker.settle();
    // Also what people are shown must not be what decides: it is asked for all the time.
    speaker.views.status();
    const recovery = speaker.recovery();
    const now = [...speaker.drivers.values()].map((driver) => {
      const { received, stale } = speaker.core!.rib.counters(driver.ribIndex, 0);
      const view = speaker.views.peers().find(({ name }) => name === driver.name)!;
      return `${driver.name} ${view.state} ${view.stateSeconds} ${driver.holdLeftSeconds} ${received} ${stale}`;
    });
    const all = `${now.join(', ')}; recovery ${recovery?.isGoingOn}, drain ${speaker.drains.node?.stage}`;
    if (all !== before) story.tell(all);
    before = all;
  }
  await speaker.shutdown('silent');
  return story.lines;
}

/** When a line with these words came first. */
function whenFirst(lines: readonly string[], words: string): number {
  return Number.parseInt(lines.find((line) => line.includes(words)) ?? '', 10);
}

const SNAPSHOT = { state: 'Up', diagnostic: 0, localDiscriminator: 7, remoteDiscriminator: 9 } as BfdSnapshot;

/** A worker that says something every second for a minute, hangs, is replaced, and its session goes down. */
function bfd(clock: VirtualClock): string[] {
  const story = new Story(clock);
  let worker: BfdWorkerEvents | null = null;
  const service = new BfdService({
    log: story.log,
    clock,
    startWorker: (events) => {
      story.tell('worker starts');
      worker = events;
      return { post: ({ type }) => story.tell(`worker is told: ${type}`), terminate: () => story.tell('terminated') };
    },
    earlier: () => ({}),
    remember: (snapshots) => story.tell(`remembers ${Object.keys(snapshots)}`),
    changed: (peer, { to }, { sinceMs }) => story.tell(`${peer} is ${to} since ${sinceMs}`),
  });
  const base = { name: 'one', localAs: 65_000, peerAs: AS, bgpIdentifier: '10.0.0.9', peerAddress: '10.0.0.1' };
  service.apply([sessionConfig({ ...base, bfd: BFD_DEFAULTS })]);
  const key = service.states()[0].spec.key;
  const say = (from: 'Init' | 'Up', to: 'Up' | 'Down'): void => {
    const change = { from, to, cause: to === 'Up' ? 'handshake' : 'detection-time-expired' } as const;
    worker?.message({ type: 'changed', key, change, snapshot: { ...SNAPSHOT, state: to } });
  };
  say('Init', 'Up');
  for (let atMs = STEP_MS; atMs <= 180_000; atMs += STEP_MS) {
    clock.advance(STEP_MS);
    if (atMs <= 60_000 || atMs > 100_000) worker!.message({ type: 'counters', sessions: [], strangers: 0 });
    if (atMs === 150_000) say('Up', 'Down');
  }
  return story.lines;
}

describe('a wall clock that jumps changes nothing', () => {
  test.each<[string, boolean, number]>([
    ['after a first start', false, Number.NaN],
    ['after a restart', true, 300_000],
  ])(
    'for sessions, retained routes, End-of-RIB, recovery, leases and drains %s',
    async (_what, isRestart, recovery) => {
      const lines = await sessions(new VirtualClock(), isRestart);
      // The story has what it should have.
      expect({
        lease: whenFirst(lines, 'its lease has ended'),
        silence: whenFirst(lines, 'falls-silent: Hold Timer Expired'),
        retained: whenFirst(lines, 'STALE_REMOVED leaves'),
        recovery: whenFirst(lines, 'RECOVERY_OVER'),
        drain: whenFirst(lines, 'the drain has come to: closed'),
      }).toEqual({ lease: 60_000, silence: 90_000, retained: 220_000, recovery, drain: 400_000 });
      for (const phase of JumpingClock.PHASES)
        expect(await sessions(new JumpingClock(phase), isRestart)).toEqual(lines);
    },
  );

  test('for the BFD thread and its sessions', () => {
    const lines = bfd(new VirtualClock());
    expect(lines.filter((line) => line.includes('worker starts')).length).toBeGreaterThan(1);
    expect(whenFirst(lines, 'one is Down')).toBe(150_000);
    for (const phase of JumpingClock.PHASES) expect(bfd(new JumpingClock(phase))).toEqual(lines);
  });

  test('but what people are shown of ends to come, which moves along', () => {
    const clock = new (class extends VirtualClock {
      setMs = 0;

      override wallMs(): number {
        return this.nowMs() + this.setMs;
      }
    })();
    const speaker = new Speaker({ log: SILENT_LOG, clock, version: 'test' });
    speaker.agentRoutes.originate('agent', { prefix: '203.0.113.0/24', leaseSeconds: 60 });
    speaker.drains.drainNode({ reason: 'test', closeAfterSeconds: 60, text: null });
    const shown = () => [...speaker.agentRoutes.views()].map((view) => Date.parse(view.expiresAt ?? ''));
    expect([...shown(), speaker.drains.node?.closesAtMs]).toEqual([60_000, 60_000]);
    clock.advance(10_000);
    clock.setMs = 3_600_000;
    expect([...shown(), speaker.drains.node?.closesAtMs]).toEqual([3_660_000, 3_660_000]);
    speaker.drains.close();
  });
});
