/**
 * The listening side of a control socket: accepts clients, cuts their input into lines, and writes answers in slices with
 * back-pressure. A client that does not read is waited for without memory and cut after a while; one that sends an
 * endless line is cut at once. Socket file: mode 0660, a stale one is replaced, removed at a clean end.
 */

import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { clearSocketPath } from '../api/socket-file.ts';
import type { ClientState, CommandContext } from './commands.ts';
import { execute } from './commands.ts';
import type { EchoListener } from './echo-log.ts';
import { type Answer, line, only, ReplyFramer } from './framing.ts';
import { CommandError } from './tokens.ts';

/** As BIRD's line buffer. */
const MAX_COMMAND_OCTETS = 1024;
/** Commands of one client that wait for the one before; more input stays in the socket. */
const MAX_PENDING_OCTETS = 16 * 1024;
export const MAX_CLIENTS = 256;
const BACKLOG = 256;
/** A slice of an answer; the speaker's own work comes between two. */
const SLICE_MS = 3;
/** A slice of an answer that has had nothing to say for PATIENCE_MS: readers wait two seconds for a line at most. */
const LONG_SLICE_MS = 12;
const PATIENCE_MS = 300;
/** Text that is handed to the socket at a time. */
const WRITE_CHARACTERS = 16 * 1024;
/** What bird_exporter reads at a time. */
const EXPORTER_READ_CHARACTERS = 4096;
const FINAL_DELAY_MS = 5;
/** A client that takes nothing of its answer for this long is cut. */
const STALLED_MS = 60_000;
/** Octets that may wait for a client that listens to `echo`; beyond it lines are lost. */
const ECHO_BACKLOG_OCTETS = 64 * 1024;

export interface BirdSocketOptions {
  readonly path: string;
  readonly context: CommandContext;
  /** For tests; the time after which a client that does not read is cut. */
  readonly stalledMs?: number;
  readonly maxClients?: number;
}

export class BirdSocket {
  readonly #options: BirdSocketOptions;
  readonly #clients = new Set<Client>();
  #server: Server | null = null;

  constructor(options: BirdSocketOptions) {
    this.#options = options;
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  /** Throws, saying why, when the path cannot be used. */
  async open(): Promise<void> {
    const { path } = this.#options;
    await clearSocketPath(path);
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      // The file is made inside listen(); no other user may connect even for a moment.
      const before = process.umask(0o117);
      server.listen({ path, backlog: BACKLOG }, () => {
        server.off('error', reject);
        resolve();
      });
      process.umask(before);
    });
    // Accepting can fail later (out of descriptors): the client sees it, the speaker goes on.
    server.on('error', () => {});
    this.#server = server;
  }

  /** Closes all sessions; Node removes the file. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const client of this.#clients) client.cut();
    if (server !== null) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    const { context, stalledMs = STALLED_MS, maxClients = MAX_CLIENTS } = this.#options;
    if (this.#clients.size >= maxClients) {
      // Whoever is there already is served; the new one sees why it is not.
      socket.on('error', () => {});
      socket.end('9000 Too many clients\n');
      return;
    }
    const client = new Client(socket, context, stalledMs, () => this.#clients.delete(client));
    this.#clients.add(client);
    client.greet();
  }
}

class Client {
  readonly #socket: Socket;
  readonly #context: CommandContext;
  readonly #stalledMs: number;
  readonly #state: ClientState = { isRestricted: false, echo: new Set() };
  readonly #listener: EchoListener = (level, message) => this.#echo(level, message);
  #input = '';
  #isBusy = false;
  #isClosed = false;
  #isEnding = false;

  constructor(socket: Socket, context: CommandContext, stalledMs: number, closed: () => void) {
    this.#socket = socket;
    this.#context = context;
    this.#stalledMs = stalledMs;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#received(text));
    socket.on('end', () => {
      this.#isEnding = true;
      if (!this.#isBusy) socket.end();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isClosed = true;
      context.echoLog.unlisten(this.#listener);
      closed();
    });
  }

  greet(): void {
    this.#socket.write(`0001 BIRD ${this.#context.dialect.version} ready.\n`);
  }

  cut(): void {
    this.#socket.destroy();
  }

  #received(text: string): void {
    this.#input += text;
    if (this.#input.length > MAX_PENDING_OCTETS) this.#socket.pause();
    if (!this.#isBusy) void this.#work();
  }

  /** Commands one after the other, in the order they came. */
  async #work(): Promise<void> {
    this.#isBusy = true;
    try {
      for (let end = this.#input.indexOf('\n'); end >= 0 && !this.#isClosed; end = this.#input.indexOf('\n')) {
        if (end > MAX_COMMAND_OCTETS) break;
        const command = this.#input.slice(0, end);
        this.#input = this.#input.slice(end + 1);
        await this.#answer(command);
        if (this.#socket.isPaused() && this.#input.length <= MAX_PENDING_OCTETS) this.#socket.resume();
      }
    } catch (error) {
      // A bug in a view must not end the daemon, nor leave the client waiting for the last line.
      const message = error instanceof Error ? error.message : String(error);
      this.#context.speaker.log.error('BIRD_SOCKET', { error: message }, `a command failed: ${message}`);
      this.#socket.end(`8008 Internal error: ${message.replace(/\n/g, ' ')}\n`);
    }
    this.#isBusy = false;
    const firstEnd = this.#input.indexOf('\n');
    if (this.#input.length > MAX_COMMAND_OCTETS && (firstEnd < 0 || firstEnd > MAX_COMMAND_OCTETS)) {
      this.#input = '';
      this.#socket.end('9000 Command too long\n', () => this.cut());
      return;
    }
    if (this.#isEnding) this.#socket.end();
  }

  async #answer(command: string): Promise<void> {
    let answer: Answer;
    try {
      answer = execute(this.#context, this.#state, command);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      answer = only(line(error.code, error.message));
    }
    await this.#stream(answer);
    if (this.#state.echo.size > 0) this.#context.echoLog.listen(this.#listener);
    else this.#context.echoLog.unlisten(this.#listener);
  }

  async #stream(answer: Answer): Promise<void> {
    const framer = new ReplyFramer();
    let text = '';
    let length = 0;
    let saidAtMs = performance.now();
    let sliceEndMs = saidAtMs + SLICE_MS;
    for (;;) {
      let step: IteratorResult<{ code: number; text: string } | undefined, { code: number; text: string }>;
      try {
        const next = answer.next();
        step = next instanceof Promise ? await next : next;
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        step = { done: true, value: line(error.code, error.message) };
      }
      if (step.done) {
        // The last line goes in a write of its own, after the rest has been taken: readers that wait for a chunk with
        // the final code in it (bird_exporter) would hang on a code cut in two. That the kernel has it does not mean
        // that it was read; a moment later it was.
        if (text !== '') await this.#write(text, true);
        if (length > EXPORTER_READ_CHARACTERS) await delay(FINAL_DELAY_MS);
        if (!this.#isClosed) await this.#write(framer.last(step.value), false);
        return;
      }
      if (step.value !== undefined) {
        const added = framer.line(step.value);
        text += added;
        length += added.length;
      }
      const isOver = performance.now() >= sliceEndMs;
      if (text.length < WRITE_CHARACTERS && !isOver) continue;
      // Whatever a slice found is sent at its end: readers wait two seconds for a line at most.
      if (text !== '') {
        await this.#write(text, false);
        saidAtMs = performance.now();
      }
      text = '';
      if (this.#isClosed) return;
      if (isOver) {
        await this.#context.turns.next();
        const now = performance.now();
        sliceEndMs = now + (now - saidAtMs > PATIENCE_MS ? LONG_SLICE_MS : SLICE_MS);
      }
    }
  }

  /** Resolves when the socket takes more. @param isDrained wait until the kernel has all of it */
  #write(text: string, isDrained: boolean): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve) => {
      if (this.#isClosed) return resolve();
      let timer: NodeJS.Timeout | null = null;
      const done = (): void => {
        if (timer !== null) clearTimeout(timer);
        socket.off('close', done);
        socket.off('drain', done);
        resolve();
      };
      const isTaken = socket.write(text, isDrained ? done : undefined);
      if (isTaken && !isDrained) return resolve();
      if (!isDrained) socket.on('drain', done);
      socket.on('close', done);
      timer = setTimeout(() => this.cut(), this.#stalledMs);
    });
  }

  #echo(level: 'debug' | 'info' | 'warn' | 'error', message: string): void {
    if (!this.#state.echo.has(level) || this.#isClosed) return;
    if (this.#socket.writableLength > ECHO_BACKLOG_OCTETS) return;
    this.#socket.write(`+${message.replace(/[\r\n]+/g, ' ')}\n`);
  }
}
