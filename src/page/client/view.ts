/** What a view is given. */

import type { Store } from './store.ts';

export interface ViewContext {
  readonly store: Store;
  /** Changes the address; `quietly`: the view stays as it is. */
  go(hash: string, how?: 'quietly'): void;
}
