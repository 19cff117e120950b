import { expect, test } from 'vitest';
import { VirtualClock } from './clock.ts';
import { type InputHolder, InputTurns } from './input-turns.ts';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Has `left` milliseconds of work, a millisecond at a time; notes when it worked. */
class Worker implements InputHolder {
  readonly #turns: InputTurns;
  readonly #clock: VirtualClock;
  readonly #name: string;
  readonly #seen: string[];
  left: number;

  constructor(turns: InputTurns, clock: VirtualClock, name: string, seen: string[], left: number) {
    this.#turns = turns;
    this.#clock = clock;
    this.#name = name;
    this.#seen = seen;
    this.left = left;
  }

  continueInput(): boolean {
    while (this.left > 0) {
      if (this.#turns.isOver()) return true;
      this.left--;
      this.#clock.advance(1);
      this.#seen.push(this.#name);
    }
    return false;
  }
}

function setup() {
  const clock = new VirtualClock();
  const turns = new InputTurns(clock);
  const seen: string[] = [];
  const worker = (name: string, left: number): Worker => new Worker(turns, clock, name, seen, left);
  const begin = (one: Worker): void => {
    if (one.continueInput()) turns.wait(one);
  };
  return { clock, turns, seen, worker, begin };
}

test('all that comes in one turn of the event loop shares one budget', () => {
  const { seen, worker, begin } = setup();
  for (const name of ['a', 'b', 'c']) begin(worker(name, 1000));
  // a uses it up; b and c only queue.
  expect(new Set(seen)).toEqual(new Set(['a']));
  expect(seen.length).toBeLessThan(50);
});

test('who waits gets later turns, one after the other, until nothing is left', async () => {
  const { seen, worker, begin } = setup();
  const workers = ['a', 'b', 'c'].map((name) => worker(name, 100));
  for (const one of workers) begin(one);
  const perTurn = seen.length;
  for (let turn = 1; workers.some(({ left }) => left > 0); turn++) {
    expect(turn).toBeLessThan(30);
    const before = seen.length;
    await nextTurn();
    expect(seen.length - before).toBeLessThanOrEqual(perTurn);
  }
  expect(seen).toHaveLength(300);
  // In the order of their turn: b and c have begun before a goes on.
  expect(seen.indexOf('c')).toBeLessThan(seen.lastIndexOf('a'));
});

test('who has left is not asked again', async () => {
  const { turns, seen, worker, begin } = setup();
  const gone = worker('gone', 1000);
  begin(gone);
  const before = seen.length;
  turns.leave(gone);
  await nextTurn();
  await nextTurn();
  expect(seen).toHaveLength(before);
});
