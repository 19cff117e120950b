/**
 * Packets between machines while something happens to the routers between them: one process of stream.mjs in each
 * namespace, 1,000 packets a second in each direction of each pair, and the account of what was lost.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { DaemonProcess } from '../support/daemon-process.ts';
import type { Laboratory, Namespace } from '../support/netns.ts';
import { waitFor } from '../support/wait-for.ts';

const STREAM = fileURLToPath(new URL(/* of the bundle, too */ './stream.mjs', import.meta.url));
const PACKETS_PER_SECOND = 1000;
const START_DEADLINE_MS = 10_000;
const PING_DEADLINE_MS = 60_000;
/** What is under way when the senders stop has arrived by then. */
const DRAIN_MS = 700;

export interface Machine {
  readonly name: string;
  readonly address: string;
  readonly namespace: Namespace;
}

export interface FlowResult {
  readonly from: string;
  readonly to: string;
  readonly sent: number;
  readonly lost: number;
  /** Longest run of packets that did not arrive, in milliseconds. */
  readonly longestGapMs: number;
}

export interface TrafficResult {
  readonly flows: readonly FlowResult[];
  readonly sent: number;
  readonly lost: number;
  readonly longestGapMs: number;
}

interface Report {
  readonly sent?: { readonly [address: string]: number };
  readonly received?: {
    readonly [address: string]: { readonly count: number; readonly last: number; readonly longestGap: number };
  };
  readonly unread?: number;
}

let streamCount = 0;

export class Traffic {
  readonly #pairs: readonly (readonly [Machine, Machine])[];
  readonly #processes = new Map<Machine, DaemonProcess>();
  readonly #unreadBefore = new Map<Machine, number>();

  private constructor(pairs: readonly (readonly [Machine, Machine])[]) {
    this.#pairs = pairs;
  }

  /** Waits until every pair reaches each other, then starts. */
  static async start(lab: Laboratory, pairs: readonly (readonly [Machine, Machine])[]): Promise<Traffic> {
    const traffic = new Traffic(pairs);
    for (const [one, other] of pairs) {
      await reaches(lab, one, other);
      await reaches(lab, other, one);
    }
    const machines = [...new Set(pairs.flat())];
    await Promise.all(machines.map((machine) => traffic.#startAt(lab, machine)));
    for (const stream of traffic.#processes.values()) stream.write('go\n');
    return traffic;
  }

  async #startAt(lab: Laboratory, machine: Machine): Promise<void> {
    const targets = this.#pairs
      .filter((pair) => pair.includes(machine))
      .map(([one, other]) => (one === machine ? other.address : one.address));
    this.#unreadBefore.set(machine, await unreadIn(lab, machine.namespace));
    const argv = [process.execPath, STREAM, String(PACKETS_PER_SECOND), ...targets];
    const stream = lab.spawn(machine.namespace, argv, { stdin: true, logName: `stream-${++streamCount}` });
    await stream.ready('the stream runs', START_DEADLINE_MS, () => (stream.log().includes('"ready"') ? true : null));
    this.#processes.set(machine, stream);
  }

  /** Ends the streams and says what came of them. */
  async stop(): Promise<TrafficResult> {
    // Receivers of one flow are senders of another: nobody ends before everybody is quiet.
    const sent = await this.#ask('quiet', ({ sent }) => sent);
    await delay(DRAIN_MS);
    const reports = await this.#ask('report', (report) => (report.received === undefined ? undefined : report));
    const flows: FlowResult[] = [];
    for (const [one, other] of this.#pairs) {
      for (const [from, to] of [
        [one, other],
        [other, one],
      ]) {
        const count = sent.get(from)?.[to.address] ?? 0;
        const { received = {} } = reports.get(to) ?? {};
        const { count: arrived = 0, last = -1, longestGap = 0 } = received[from.address] ?? {};
        // What is missing at the end is a gap, too.
        const longestGapMs = Math.max(longestGap, count - 1 - last);
        flows.push({ from: from.name, to: to.name, sent: count, lost: count - arrived, longestGapMs });
      }
    }
    const unread = [...reports].reduce((sum, [machine, report]) => {
      return sum + (report.unread ?? 0) - (this.#unreadBefore.get(machine) ?? 0);
    }, 0);
    const total = (of: (flow: FlowResult) => number): number => flows.reduce((sum, flow) => sum + of(flow), 0);
    return {
      flows,
      sent: total((flow) => flow.sent),
      // What the receiving machine had and did not read in time was not lost on the way.
      lost: total((flow) => flow.lost) - unread,
      longestGapMs: Math.max(...flows.map((flow) => flow.longestGapMs)),
    };
  }

  async #ask<T>(word: string, read: (report: Report) => T | undefined): Promise<Map<Machine, T>> {
    const answers = new Map<Machine, T>();
    for (const stream of this.#processes.values()) stream.write(`${word}\n`);
    for (const [machine, stream] of this.#processes) {
      const answer = await waitFor(`${machine.name} answers ${word}`, START_DEADLINE_MS, () => {
        for (const line of stream.log().split('\n')) {
          if (!line.startsWith('{') || !line.endsWith('}')) continue;
          const found = read(JSON.parse(line) as Report);
          if (found !== undefined) return found;
        }
        return null;
      });
      answers.set(machine, answer);
    }
    return answers;
  }
}

async function unreadIn(lab: Laboratory, namespace: Namespace): Promise<number> {
  const { stdout } = await lab.run(namespace, ['grep', '^Udp:', '/proc/net/snmp']);
  const [names, values] = stdout.split('\n').map((line) => line.split(' '));
  return Number(values[names.indexOf('RcvbufErrors')]);
}

async function reaches(lab: Laboratory, from: Machine, to: Machine): Promise<void> {
  await waitFor(`${from.name} reaches ${to.name}`, PING_DEADLINE_MS, async () => {
    const { status } = await lab.run(from.namespace, ['ping', '-n', '-c', '1', '-W', '1', to.address]);
    return status === 0 ? true : null;
  });
}
