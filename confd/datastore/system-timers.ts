/** Real timers. They do not keep the process alive: waiting for a datastore is no reason to stay. */

import type { Timers } from './datastore.ts';

export const SYSTEM_TIMERS: Timers = {
  schedule(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
