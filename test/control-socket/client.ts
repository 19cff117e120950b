/** A client of the control socket as the readers write theirs: plain lines, one request and one reply at a time. */

import { connect, type Socket } from 'node:net';

/** What the readers allow between two lines. */
const LINE_DEADLINE_MS = 2000;
/** The last line of a reply; 0001 is the greeting. */
const LAST_LINE = /^(?!0001)\d{4} /;

export interface Timing {
  /** From the request to the end of the reply. */
  totalMs: number;
  /** The longest wait for a line. */
  longestGapMs: number;
}

export class BirdClient {
  readonly timing: Timing = { totalMs: 0, longestGapMs: 0 };
  readonly #socket: Socket;
  #input = '';
  #isClosed = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.#input += text;
      this.#wake();
    });
    socket.on('close', () => {
      this.#isClosed = true;
      this.#wake();
    });
    socket.on('error', () => {});
  }

  static connect(path: string): Promise<BirdClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new BirdClient(socket));
      });
    });
  }

  /** The next line; throws when it does not come within the readers' deadline. */
  async line(deadlineMs = LINE_DEADLINE_MS): Promise<string> {
    const begin = performance.now();
    for (;;) {
      const end = this.#input.indexOf('\n');
      if (end >= 0) {
        const text = this.#input.slice(0, end);
        this.#input = this.#input.slice(end + 1);
        this.timing.longestGapMs = Math.max(this.timing.longestGapMs, performance.now() - begin);
        return text;
      }
      if (this.#isClosed) throw new Error('the daemon closed the connection');
      const leftMs = begin + deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(`no line within ${deadlineMs} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  send(command: string): void {
    this.#socket.write(`${command}\n`);
  }

  /** Lines of the reply, the last one included; the greeting is passed over. */
  async ask(command: string, deadlineMs?: number): Promise<string[]> {
    const begin = performance.now();
    this.send(command);
    const lines: string[] = [];
    for (;;) {
      const text = await this.line(deadlineMs);
      if (text.startsWith('0001 ')) continue;
      lines.push(text);
      if (LAST_LINE.test(text)) break;
    }
    this.timing.totalMs = performance.now() - begin;
    return lines;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Stops reading: the kernel's buffers fill up. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** One request on a connection of its own. */
export async function askBird(path: string, command: string, deadlineMs?: number): Promise<string[]> {
  const client = await BirdClient.connect(path);
  try {
    return await client.ask(command, deadlineMs);
  } finally {
    client.close();
  }
}
