/** Names of peers to choose from while typing. */

import { h } from './dom.ts';
import type { Store } from './store.ts';

/** Browsers become slow with longer lists; any name can be typed. */
const MAX_NAMES = 1000;

export function peerNames(store: Store, id: string): HTMLElement {
  const names = [...store.peers.keys()].slice(0, MAX_NAMES);
  return h('datalist', { id }, ...names.map((name) => h('option', { value: name })));
}
