import { describe, expect, test } from 'vitest';
import type { Event } from '../../bgp/fsm/event.ts';
import { SILENT_LOG } from '../log/log.ts';
import { VirtualClock } from './clock.ts';
import { type DrainOrder, Drains } from './drain.ts';
import type { PeerDriver } from './peer-driver.ts';

const ORDER: DrainOrder = { reason: 'maintenance', closeAfterSeconds: 30, text: null };
const STAY: DrainOrder = { ...ORDER, closeAfterSeconds: null };

class FakeDriver {
  readonly config = { enabled: true };
  readonly state = { isStarted: true };
  drain: PeerDriver['drain'] = 'none';
  isDrained = false;
  isDisabled = false;
  readonly name: string;
  readonly #done: string[];

  constructor(name: string, done: string[]) {
    this.name = name;
    this.#done = done;
  }

  get isKeptDown(): boolean {
    return this.isDisabled || this.isDrained;
  }

  dispatch(event: Event): void {
    this.state.isStarted = event.type === 'start';
    this.#done.push(
      event.type === 'stop' ? `stop ${this.name}: ${event.cause}, ${event.text}` : `${event.type} ${this.name}`,
    );
  }
}

/** A speaker with two peers; what the drains have it do is in `done`. */
class Scene {
  readonly clock = new VirtualClock();
  readonly done: string[] = [];
  readonly drivers = new Map(['east', 'west'].map((name) => [name, new FakeDriver(name, this.done)]));
  readonly drains = new Drains({
    log: SILENT_LOG,
    clock: this.clock,
    drivers: this.drivers as unknown as ReadonlyMap<string, PeerDriver>,
    regroup: (drivers) => this.done.push(...drivers.map(({ name, drain }) => `${name} ${drain}`)),
  });

  after(ms: number): string[] {
    this.clock.advance(ms);
    return this.done.splice(0);
  }
}

describe('a node', () => {
  test('is avoided, loses its service addresses, and only then its sessions', () => {
    const scene = new Scene();
    scene.drains.drainNode(ORDER);
    expect(scene.after(4999)).toEqual(['east avoid', 'west avoid']);
    expect(scene.after(1)).toEqual(['east withdraw-services', 'west withdraw-services']);
    expect(scene.drains.node).toEqual({
      stage: 'services-withdrawn',
      reason: 'maintenance',
      sinceMs: 0,
      closesAtMs: 30_000,
    });
    expect(scene.after(24_999)).toEqual([]);
    expect(scene.after(1)).toEqual(['stop east: shutdown, maintenance', 'stop west: shutdown, maintenance']);
    expect([...scene.drivers.values()].map(({ isKeptDown }) => isKeptDown)).toEqual([true, true]);
    expect(scene.drains.undrainNode()).toBe(true);
    expect(scene.after(0)).toEqual(['east none', 'west none', 'start east', 'start west']);
    expect([scene.drains.node, scene.drains.undrainNode()]).toEqual([null, false]);
  });

  test('with little time: half of it goes before the service addresses', () => {
    const scene = new Scene();
    scene.drains.drainNode({ ...ORDER, closeAfterSeconds: 4 });
    scene.after(0);
    expect(scene.after(2000)).toEqual(['east withdraw-services', 'west withdraw-services']);
  });

  test('may keep its sessions', () => {
    const scene = new Scene();
    scene.drains.drainNode(STAY);
    scene.after(5000);
    expect(scene.after(1e9)).toEqual([]);
  });

  test('a second order with another time begins where the first one was', () => {
    const scene = new Scene();
    scene.drains.drainNode(STAY);
    scene.after(5000);
    scene.drains.drainNode({ ...ORDER, closeAfterSeconds: 1, text: 'bye' });
    expect(scene.after(0)).toEqual([]);
    expect(scene.after(1000)).toEqual(['stop east: shutdown, bye', 'stop west: shutdown, bye']);
    scene.drains.drainNode(STAY);
    expect(scene.after(10_000)).toEqual([]);
    expect(scene.drains.node?.stage).toBe('closed');
  });

  test('undrained in the middle: nothing of it happens later', () => {
    const scene = new Scene();
    scene.drains.drainNode(ORDER);
    scene.after(0);
    scene.drains.undrainNode();
    expect(scene.after(60_000)).toEqual(['east none', 'west none']);
  });

  test('by hand and by configuration: each is ended where it began', () => {
    const scene = new Scene();
    scene.drains.configure('the node is cordoned');
    scene.drains.drainNode({ ...ORDER, closeAfterSeconds: 6 });
    expect(scene.after(6000)).toEqual([
      'east avoid',
      'west avoid',
      'east withdraw-services',
      'west withdraw-services',
      'stop east: shutdown, maintenance',
      'stop west: shutdown, maintenance',
    ]);
    scene.drains.undrainNode();
    expect(scene.after(0)).toEqual(['start east', 'start west']);
    expect(scene.drains.node?.reason).toBe('the node is cordoned');
    scene.drains.configure(null);
    expect(scene.after(0)).toEqual(['east none', 'west none']);
  });

  test('a peer that is new is told what the others are', () => {
    const scene = new Scene();
    scene.drains.drainNode(STAY);
    scene.after(5000);
    const north = new FakeDriver('north', scene.done);
    scene.drains.peerAdded(north as unknown as PeerDriver);
    expect([north.drain, north.isDrained]).toEqual(['withdraw-services', false]);
  });
});

describe('one peer', () => {
  test('is asked to prefer others, and its session ends; services stay announced', () => {
    const scene = new Scene();
    scene.drains.drainPeer('east', ORDER);
    expect(scene.after(29_999)).toEqual(['east avoid']);
    expect(scene.after(1)).toEqual(['stop east: shutdown, maintenance']);
    expect(scene.drains.peer('east')?.stage).toBe('closed');
    expect(scene.drains.undrainPeer('east')).toBe(true);
    expect(scene.after(0)).toEqual(['east none', 'start east']);
  });

  test('that is disabled stays down, and one that is removed is forgotten', () => {
    const scene = new Scene();
    scene.drains.drainPeer('east', { ...ORDER, closeAfterSeconds: 0 });
    scene.after(0);
    scene.drivers.get('east')!.isDisabled = true;
    scene.drains.undrainPeer('east');
    expect(scene.after(0)).toEqual(['east none']);
    scene.drains.drainPeer('west', ORDER);
    scene.drains.peerRemoved('west');
    expect(scene.after(60_000)).toEqual(['west avoid']);
    expect(scene.drains.peer('west')).toBeNull();
  });
});
