/**
 * `configure` and its kin: what the daemon offers to the control socket, and the one step back that BIRD has. The step
 * back is the desired state that was in force before; a followed datastore would undo it at once, so it has none.
 */

import type { DesiredState } from '../../confd/desired-state.ts';
import type { TimerHandle } from '../speaker/clock.ts';
import type { Speaker } from '../speaker/speaker.ts';

/** What the control socket may ask of the daemon around the speaker. */
export interface DaemonControl {
  /** What is read: a file, or the description of a datastore. */
  readonly configurationName: string;
  /** The source would bring back what `undo` takes away. */
  readonly isFollowed: boolean;
  /** Reads the configuration and puts it in force; the reasons when it is refused (nothing changes then). */
  reload(): Promise<readonly string[]>;
  /** As `reload`, but nothing changes either way. */
  check(): Promise<readonly string[]>;
  /** Ends the daemon with Cease / Administrative Shutdown to all peers. */
  shutdown(): void;
  /** Writes what is known to the log. */
  dump(): void;
}

/** BIRD's default of `configure timeout`. */
export const DEFAULT_UNDO_SECONDS = 300;

export class Reconfiguration {
  readonly #speaker: Speaker;
  readonly #control: DaemonControl;
  #previous: DesiredState | null = null;
  #undo: TimerHandle | null = null;
  #isBusy = false;

  constructor(speaker: Speaker, control: DaemonControl) {
    this.#speaker = speaker;
    this.#control = control;
  }

  get control(): DaemonControl {
    return this.#control;
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** The reasons why nothing was changed; empty: the new configuration is in force. */
  async configure(undoAfterSeconds: number | null): Promise<readonly string[]> {
    const before = this.#speaker.running;
    this.#isBusy = true;
    try {
      const problems = await this.#control.reload();
      if (problems.length > 0) return problems;
    } finally {
      this.#isBusy = false;
    }
    this.#cancelUndo();
    this.#previous = this.#control.isFollowed || before === this.#speaker.running ? null : before;
    if (undoAfterSeconds !== null) {
      this.#undo = this.#speaker.clock.setTimer(undoAfterSeconds * 1000, () => {
        this.#undo = null;
        this.#speaker.log.warn('RELOAD', {}, 'nobody confirmed the new configuration: going back to the one before');
        void this.undo();
      });
    }
    return [];
  }

  /** False: there is nothing to go back to. */
  async undo(): Promise<boolean> {
    this.#cancelUndo();
    const previous = this.#previous;
    if (previous === null) return false;
    this.#previous = null;
    await this.#speaker.apply(previous);
    return true;
  }

  /** False: no undo was scheduled. */
  confirm(): boolean {
    const wasScheduled = this.#undo !== null;
    this.#cancelUndo();
    return wasScheduled;
  }

  close(): void {
    this.#cancelUndo();
  }

  #cancelUndo(): void {
    this.#undo?.cancel();
    this.#undo = null;
  }
}
