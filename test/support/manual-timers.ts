/** Timers of a datastore under test. */

import type { Timers } from '../../confd/datastore/datastore.ts';

/** Time passes when the test says so. */
export class ManualTimers implements Timers {
  readonly pending: { readonly milliseconds: number; readonly callback: () => void }[] = [];

  schedule(milliseconds: number, callback: () => void): () => void {
    const entry = { milliseconds, callback };
    this.pending.push(entry);
    return () => {
      const at = this.pending.indexOf(entry);
      if (at >= 0) this.pending.splice(at, 1);
    };
  }

  /** Waits until a timer of this length runs, and lets it expire. */
  async expire(milliseconds: number): Promise<void> {
    await until(() => this.pending.some((entry) => entry.milliseconds === milliseconds));
    const at = this.pending.findIndex((entry) => entry.milliseconds === milliseconds);
    this.pending.splice(at, 1)[0].callback();
  }
}

/** Waits for what the file system or a promise brings. */
export async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (holds()) return;
    await new Promise((done) => setTimeout(done, 5));
  }
  throw new Error('waited in vain');
}
