/**
 * The control sockets of the running daemon, bird.ctl and bird6.ctl. They open when a first configuration is in force, as
 * BIRD's do: readiness counts "no peers" as ready.
 */

import type { FamilyIndex } from '../../bgp/family.ts';
import type { Log } from '../log/log.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { AnswerTurns } from './answer-turns.ts';
import { dialectOf } from './dialect.ts';
import type { EchoLog } from './echo-log.ts';
import { type DaemonControl, Reconfiguration } from './reconfiguration.ts';
import { BirdSocket } from './server.ts';
import type { BirdSocketSettings } from './settings.ts';

export class BirdSockets {
  readonly #speaker: Speaker;
  readonly #log: Log;
  readonly #settings: BirdSocketSettings;
  readonly #reconfiguration: Reconfiguration;
  readonly #echoLog: EchoLog;
  readonly #turns = new AnswerTurns();
  #open: BirdSocket[] = [];
  #isClosed = false;

  constructor(speaker: Speaker, log: EchoLog, settings: BirdSocketSettings, control: DaemonControl) {
    this.#speaker = speaker;
    this.#log = log;
    this.#echoLog = log;
    this.#settings = settings;
    this.#reconfiguration = new Reconfiguration(speaker, control);
  }

  /** Waits for the first configuration, then opens. A socket that cannot be opened is reported; BGP goes on. */
  async open(): Promise<void> {
    await this.#speaker.started;
    const { paths, dialect, timeStyle } = this.#settings;
    for (const [index, path] of paths.entries()) {
      if (path === null || this.#isClosed) continue;
      const socket = new BirdSocket({
        path,
        context: {
          speaker: this.#speaker,
          dialect: dialectOf(dialect, index as FamilyIndex, timeStyle),
          reconfiguration: this.#reconfiguration,
          echoLog: this.#echoLog,
          turns: this.#turns,
        },
      });
      try {
        await socket.open();
        this.#open.push(socket);
        this.#log.info('BIRD_SOCKET', { path, dialect }, 'BIRD control socket is open');
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.#log.error('BIRD_SOCKET', { path }, `cannot open the BIRD control socket: ${message}`);
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#reconfiguration.close();
    await Promise.all(this.#open.map((socket) => socket.close()));
    this.#open = [];
  }
}
