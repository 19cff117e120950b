/** The table of all peers. */

import type { PeerView } from './api.ts';
import { choice, field, h, note, replace } from './dom.ts';
import { count, duration, formatPlace, type Place, plural } from './format.ts';
import { byName, isUp, KIND_NAMES, kindOf, peerMatches, SHORT_KIND_NAMES, totals, whyDown } from './peer-list.ts';
import type { Store } from './store.ts';
import type { ViewContext } from './view.ts';
import { type Column, VirtualTable } from './virtual-table.ts';

export function stateBadge(state: string): HTMLElement {
  const kind = state === 'Established' ? 'up' : state === 'Idle' ? 'idle' : 'trying';
  return h('span', { class: `badge ${kind}` }, state);
}

const byNumber = (of: (peer: PeerView) => number) => (x: PeerView, y: PeerView) => of(x) - of(y);

function countColumn(label: string, of: (peer: PeerView) => number, minor = ''): Column<PeerView> {
  return { label, class: `number ${minor}`, cell: (peer) => count(of(peer)), order: byNumber(of) };
}

const COLUMNS: readonly Column<PeerView>[] = [
  {
    label: 'Peer',
    class: 'name',
    cell: ({ name, description }) => [
      h('a', { href: formatPlace('peer', name) }, name),
      description !== '' && h('span', { class: 'aside' }, ` ${description}`),
    ],
    order: (x, y) => byName(x.name, y.name),
  },
  { label: 'Address', class: 'mono', cell: ({ address }) => address, order: (x, y) => byName(x.address, y.address) },
  { label: 'AS', class: 'number', cell: ({ peerAs }) => String(peerAs), order: byNumber(({ peerAs }) => peerAs) },
  {
    label: 'Type',
    class: 'minor',
    cell: (peer) => SHORT_KIND_NAMES[kindOf(peer)],
    order: (x, y) => byName(kindOf(x), kindOf(y)),
  },
  { label: 'State', cell: ({ state }) => stateBadge(state), order: (x, y) => byName(x.state, y.state) },
  {
    label: 'For',
    class: 'number',
    cell: ({ stateSeconds }) => duration(stateSeconds),
    order: byNumber(({ stateSeconds }) => stateSeconds),
  },
  countColumn('Received', (peer) => totals(peer).received),
  countColumn('Accepted', (peer) => totals(peer).accepted, 'minor'),
  countColumn('Best', (peer) => totals(peer).best, 'minor'),
  countColumn('Advertised', (peer) => totals(peer).advertised),
  { label: 'Why it is down', class: 'wide', cell: whyDown, order: (x, y) => byName(whyDown(x), whyDown(y)) },
];

const STATES = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'];

export function showPeers(root: HTMLElement, place: Place, { store, go }: ViewContext): () => void {
  const table = new VirtualTable<PeerView>('Peers', COLUMNS, ({ name }) => name);
  const text = h('input', {
    type: 'search',
    value: place.query.get('text') ?? '',
    placeholder: 'name, address, AS …',
    autocomplete: 'off',
  });
  const stateOptions = [
    ['', 'all'],
    ['up', 'established'],
    ['down', 'not established'],
    ...STATES.map((one) => [one, one] as const),
  ] as const;
  const state = choice(stateOptions, place.query.get('state') ?? '');
  const type = choice([['', 'all'], ...Object.entries(KIND_NAMES)], place.query.get('type') ?? '');
  const summary = h('p', { class: 'summary', role: 'status' });
  const area = h('div', { class: 'area' });
  const form = h(
    'form',
    { class: 'filters', role: 'search' },
    field('Find', text),
    field('State', state),
    field('Type', type),
  );
  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('input', () => {
    // The address says what is shown, without a step in the history for each letter.
    go(formatPlace('peers', '', { text: text.value, state: state.value, type: type.value }), 'quietly');
    draw(true);
  });
  replace(root, h('h1', {}, 'Peers'), form, summary, area);

  const draw = (isNew: boolean): void => {
    const all = [...store.peers.values()].sort((x, y) => byName(x.name, y.name));
    const filter = { text: text.value, state: state.value, type: type.value };
    const meant = all.filter((peer) => peerMatches(peer, filter));
    replace(summary, summaryOf(all, meant.length, store));
    if (isNew) table.scrollToTop();
    const instead = whatInstead(store, all.length, meant.length);
    if (instead !== null) replace(area, instead);
    else if (table.element.parentElement !== area) replace(area, table.element);
    table.setRows(meant);
  };
  draw(false);
  return store.listen((part) => {
    if (part === 'peers') draw(false);
  });
}

function whatInstead(store: Store, all: number, meant: number): HTMLElement | null {
  if (!store.arePeersKnown) {
    if (store.peersProblem === null) return note('busy', 'Asking the daemon for its peers …');
    return note('error', `The peers cannot be shown: ${store.peersProblem.message}.`);
  }
  if (all === 0) return note('empty', 'No peer is configured.');
  return meant === 0 ? note('empty', 'No peer is like that. Remove a filter to see more.') : null;
}

function summaryOf(all: readonly PeerView[], meant: number, store: Store): string {
  if (all.length === 0) return '';
  const up = all.filter(isUp).length;
  const shown = meant === all.length ? '' : `, ${count(meant)} shown`;
  const old = store.peersProblem === null ? '' : '; these figures are old, the daemon does not answer';
  return `${plural(all.length, 'peer')}, ${count(up)} established, ${count(all.length - up)} not${shown}${old}`;
}
