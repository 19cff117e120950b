/** The client's end of a control socket: sends a command, hands out the lines of its reply, in the client's form. */

import { connect, type Socket } from 'node:net';

const ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  ECONNREFUSED: 'Connection refused',
  EACCES: 'Permission denied',
  EAGAIN: 'Resource temporarily unavailable',
  ENOTSOCK: 'Socket operation on non-socket',
};

/** A line as people see it: without code, or with `isVerbose` as it came, continuations aligned; null: not shown. */
export function displayed(line: string, isVerbose: boolean): string | null {
  if (line.startsWith('+')) return `>>> ${line.slice(1)}`;
  if (line.startsWith(' ')) return `${isVerbose ? '     ' : ''}${line.slice(1)}`;
  if (!/^\d{4}[ -]/.test(line)) return `??? <${line}>`;
  if (line.startsWith('0000')) return null;
  return isVerbose ? line : line.slice(5);
}

export class BirdConnection {
  readonly #socket: Socket;
  readonly #show: (line: string) => Promise<void> | void;
  #input = '';
  #replied: (() => void) | null = null;
  /** The connection has ended. */
  readonly closed: Promise<void>;
  isClosed = false;
  #showing: Promise<void> = Promise.resolve();

  private constructor(socket: Socket, show: (line: string) => Promise<void> | void) {
    this.#socket = socket;
    this.#show = show;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#received(text));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.isClosed = true;
        this.#replied?.();
        resolve();
      });
    });
  }

  /** Rejects with the message that people know. The greeting is the reply to nothing. */
  static open(path: string, show: (line: string) => Promise<void> | void): Promise<BirdConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once('error', (error: NodeJS.ErrnoException) => {
        const why = ERRORS[error.code ?? ''] ?? error.message;
        reject(new Error(`Unable to connect to server control socket (${path}): ${why}`));
      });
      socket.once('connect', () => {
        const connection = new BirdConnection(socket, show);
        connection.#reply().then(() => resolve(connection));
      });
    });
  }

  /** Resolves when the whole reply has been shown. */
  async ask(command: string): Promise<void> {
    const replied = this.#reply();
    this.#socket.write(`${command}\n`);
    await replied;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #reply(): Promise<void> {
    if (!this.isClosed) {
      await new Promise<void>((resolve) => {
        this.#replied = resolve;
      });
    }
    await this.#showing;
  }

  #received(text: string): void {
    this.#input += text;
    const lines = this.#input.split('\n');
    this.#input = lines.pop() ?? '';
    let isEnd = false;
    for (const line of lines) {
      if (/^\d{4} /.test(line)) isEnd = true;
    }
    // A slow terminal slows the daemon down, not our memory.
    this.#socket.pause();
    this.#showing = this.#showing.then(async () => {
      for (const line of lines) await this.#show(line);
      this.#socket.resume();
      if (isEnd) this.#replied?.();
    });
  }
}
