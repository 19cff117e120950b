/**
 * The BFD worker: a thread of its own with its own heap, sockets and timers, so that neither garbage collection nor a
 * burst of routes in the main thread makes a packet late. scripts/build.mjs makes dist/bfd-worker.js of it.
 */

import { setPriority } from 'node:os';
import { type MessagePort, parentPort } from 'node:worker_threads';
import { syscalls } from '../net/syscalls.ts';
import { BfdEngine } from './engine.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { BfdSockets } from './sockets.ts';

/** Counters are told this often; their absence tells the main thread that this one hangs. */
const COUNTERS_MS = 1000;
/** For this thread alone: before every ordinary one. Its work is microseconds; the kernel leaves the others 5 % anyway. */
const SCHED_RR = 2;
const LOWEST_REAL_TIME_PRIORITY = 1;
const NICENESS = -10;
/** Peers that are asked to wait for the next life have so long to answer. */
const PATIENCE_MS = 250;
const LONGEST_SLEEP_MS = 60_000;

/** Without CAP_SYS_NICE (or RLIMIT_RTPRIO) neither is permitted: an ordinary thread does as well while there are processors. */
function hurry(): void {
  const parameters = new Uint8Array(new Int32Array([LOWEST_REAL_TIME_PRIORITY]).buffer);
  if (syscalls().setScheduler(SCHED_RR, parameters) >= 0) return;
  try {
    setPriority(0, NICENESS);
  } catch {
    // Then it is ordinary.
  }
}

function run(port: MessagePort): void {
  hurry();
  const tell = (message: FromWorker): void => port.postMessage(message);
  const random = (): number => Math.random();
  const nowMs = (): number => performance.now();
  let isWorking = false;
  /** The end has begun; infinite: it has not. */
  let endsAtMs = Number.POSITIVE_INFINITY;
  let timer: NodeJS.Timeout | null = null;

  const engine: BfdEngine = new BfdEngine(
    {
      listen: (wanted) => sockets.listen(wanted),
      drain: () => sockets.drain(),
      openTransmitter: (spec) => sockets.openTransmitter(spec),
    },
    {
      changed: (key, change, snapshot) => tell({ type: 'changed', key, change, snapshot }),
      problem: (key, problem, detail) => tell({ type: 'problem', key, problem, detail }),
    },
    { nowMs, random },
  );
  const sockets = new BfdSockets(
    random,
    (datagram, multihop) => {
      engine.receive(datagram, multihop);
      wake();
    },
    (descriptor, isOpen) => tell({ type: 'descriptor', descriptor, isOpen }),
  );

  const end = (): void => {
    sockets.listen([]);
    tell({ type: 'ended' });
    port.close();
    clearInterval(counting);
  };

  /** Works off what is due and sleeps until something is due again. */
  const work = (): void => {
    timer = null;
    isWorking = true;
    const nextMs = engine.advance();
    isWorking = false;
    const isEnding = endsAtMs !== Number.POSITIVE_INFINITY;
    if (isEnding && (engine.isUnderstood || nowMs() >= endsAtMs)) return end();
    const untilMs = Math.min(nextMs, endsAtMs);
    if (untilMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(LONGEST_SLEEP_MS, Math.max(1, Math.ceil(untilMs - nowMs())));
    timer = setTimeout(work, delayMs);
  };
  /** After anything that may be due earlier than the sleep ends: once for all packets of one turn. */
  let isWakeUpDue = false;
  const wake = (): void => {
    if (isWorking || isWakeUpDue) return;
    isWakeUpDue = true;
    setImmediate(() => {
      isWakeUpDue = false;
      if (timer !== null) clearTimeout(timer);
      work();
    });
  };

  port.on('message', (message: ToWorker) => {
    if (message.type === 'configure') {
      engine.configure(message.sessions, message.resume);
      wake();
      return;
    }
    engine.beginEnd(message.patience);
    endsAtMs = nowMs() + PATIENCE_MS;
    wake();
  });
  const counting = setInterval(() => tell({ type: 'counters', ...engine.counters() }), COUNTERS_MS);
}

if (parentPort !== null) run(parentPort);
