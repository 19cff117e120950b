/** Search for routes: Loc-RIB, or what one peer sent, had accepted, or was told. In pages, as the API gives them. */

import { ApiProblem, type AttributesView, follow, getList, type RouteView, type View } from './api.ts';
import { choice, field, h, note, replace } from './dom.ts';
import { count, formatPlace, type Place, plural } from './format.ts';
import { peerNames } from './peer-names.ts';
import { type Row, rowsOf } from './route-rows.ts';
import type { ViewContext } from './view.ts';
import { type Column, VirtualTable } from './virtual-table.ts';

const TABLES = [
  ['', 'Loc-RIB: all paths'],
  ['received', 'Received from a peer, before policy'],
  ['accepted', 'Accepted from a peer, after policy'],
  ['advertised', 'Advertised to a peer'],
] as const;
const MATCHES = [
  ['', 'itself, or what routes an address'],
  ['exact', 'exactly this prefix'],
  ['longest', 'longest match'],
  ['shorter', 'all that cover it'],
  ['longer', 'all inside it'],
] as const;
const FAMILIES = [
  ['', 'both'],
  ['ipv4-unicast', 'IPv4'],
  ['ipv6-unicast', 'IPv6'],
] as const;
const SIZES = ['100', '500', '2000'] as const;
const DEFAULT_SIZE = '100';
/** Routes that change all the time are shown anew as often at most. */
const REFRESH_MS = 1000;

function attributeColumn(label: string, css: string, of: (attributes: AttributesView) => string): Column<Row> {
  return { label, class: css, cell: ({ attributes }) => of(attributes) };
}

const COLUMNS: readonly Column<Row>[] = [
  {
    label: 'Prefix',
    class: 'mono name',
    cell: ({ prefix }) =>
      h('a', { href: formatPlace('explain', 'route', { prefix }), 'aria-label': `${prefix}: explain` }, prefix),
  },
  { label: 'Path', cell: ({ mark, markKind }) => (mark === '' ? '' : h('span', { class: `badge ${markKind}` }, mark)) },
  { label: 'From', class: 'name', cell: ({ source }) => source },
  attributeColumn('Next hop', 'mono', ({ nextHop }) => nextHop ?? ''),
  attributeColumn('AS path', 'mono path', ({ asPath }) => asPath),
  attributeColumn('LOCAL_PREF', 'number minor', ({ localPref }) => String(localPref ?? '')),
  attributeColumn('MED', 'number minor', ({ med }) => String(med ?? '')),
  attributeColumn('Communities', 'mono path', ({ communities, largeCommunities, extendedCommunities }) =>
    [...communities, ...largeCommunities, ...extendedCommunities].join(' '),
  ),
  { label: 'Why not best', class: 'wide', cell: ({ reason }) => reason ?? '' },
];

export function showRoutes(root: HTMLElement, place: Place, { store, go }: ViewContext): () => void {
  const { query } = place;
  const of = (name: string): string => query.get(name) ?? '';
  const input = (name: string, props: object = {}) =>
    h('input', { type: 'text', value: of(name), autocomplete: 'off', spellcheck: 'false', ...props });
  const table = choice(TABLES, of('table'));
  const prefix = input('prefix', { placeholder: '192.0.2.0/24 or 192.0.2.7' });
  const match = choice(MATCHES, of('match'));
  const peer = input('peer', { list: 'route-peers' });
  const family = choice(FAMILIES, of('family'));
  const community = input('community', { placeholder: '65000:1' });
  const as = input('as', { inputmode: 'numeric', pattern: '[0-9]*' });
  const originAs = input('originAs', { inputmode: 'numeric', pattern: '[0-9]*' });
  const limit = choice(
    SIZES.map((size) => [size, size] as const),
    of('limit') || DEFAULT_SIZE,
  );
  const form = h(
    'form',
    { class: 'filters', role: 'search' },
    field('Table', table),
    field('Prefix or address', prefix),
    field('Meant', match),
    field('Peer', peer),
    field('Family', family),
    field('Community', community),
    field('AS in the path', as),
    field('Origin AS', originAs),
    field('Prefixes a page', limit),
    peerNames(store, 'route-peers'),
    h('button', { type: 'submit' }, 'Search'),
    h('a', { class: 'button quiet', href: formatPlace('routes') }, 'Clear'),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const asked = {
      table: table.value,
      prefix: prefix.value.trim(),
      match: match.value,
      peer: peer.value.trim(),
      family: family.value,
      community: community.value.trim(),
      as: as.value.trim(),
      originAs: originAs.value.trim(),
      limit: limit.value === DEFAULT_SIZE ? '' : limit.value,
    };
    // The same question again is asked again.
    const hash = formatPlace('routes', '', asked);
    if (hash === location.hash) pages.open(0);
    else go(hash);
  });
  const area = h('div', { class: 'area' });
  replace(root, h('h1', {}, 'Routes'), form, area);
  const pages = new Pages(area, query);
  void pages.open(0);
  pages.followChanges();
  return () => pages.stop();
}

/** What the API is asked; a text: what is missing. */
export function routeQuestion(query: URLSearchParams): { path: string } | string {
  const table = query.get('table') ?? '';
  const peer = query.get('peer') ?? '';
  const parameters = new URLSearchParams();
  for (const name of ['prefix', 'match', 'family', 'community', 'as', 'originAs']) {
    const value = query.get(name) ?? '';
    // How a prefix is meant says nothing without one.
    if (value !== '' && !(name === 'match' && !query.get('prefix'))) parameters.set(name, value);
  }
  parameters.set('limit', query.get('limit') || DEFAULT_SIZE);
  if (table !== '' && peer === '') return 'Enter the name of the peer whose routes are meant.';
  if (table !== '') return { path: `v1/peers/${encodeURIComponent(peer)}/${table}?${parameters}` };
  if (peer !== '') parameters.set('source', peer);
  return { path: `v1/routes?${parameters}` };
}

/** One page at a time; cursors of those before it are kept, so that one can go back. */
class Pages {
  readonly #area: HTMLElement;
  readonly #query: URLSearchParams;
  readonly #table = new VirtualTable<Row>('Routes', COLUMNS, ({ key }) => key);
  readonly #summary = h('p', { class: 'summary', role: 'status' });
  readonly #pager = h('div', { class: 'pager' });
  readonly #cursors: (string | null)[] = [null];
  readonly #stopFollowing = new AbortController();
  #page = 0;
  #refresh: ReturnType<typeof setTimeout> | null = null;
  #asking = new AbortController();

  constructor(area: HTMLElement, query: URLSearchParams) {
    this.#area = area;
    this.#query = query;
  }

  stop(): void {
    this.#asking.abort();
    this.#stopFollowing.abort();
    if (this.#refresh !== null) clearTimeout(this.#refresh);
  }

  /** What was found by prefix in the Loc-RIB is shown anew when one of its best paths changes. */
  followChanges(): void {
    if (this.#query.get('table') || !this.#query.get('prefix')) return;
    const question = routeQuestion(this.#query);
    if (typeof question === 'string') return;
    const parameters = new URLSearchParams(question.path.split('?')[1]);
    parameters.delete('limit');
    parameters.set('kinds', 'route');
    void follow(`v1/events?${parameters}`, this.#stopFollowing.signal, {
      event: () => this.#openSoon(),
      // What changed before somebody listened.
      state: (problem) => {
        if (problem === null) this.#openSoon();
      },
    });
  }

  #openSoon(): void {
    this.#refresh ??= setTimeout(() => {
      this.#refresh = null;
      void this.open(this.#page);
    }, REFRESH_MS);
  }

  async open(page: number): Promise<void> {
    this.#asking.abort();
    this.#asking = new AbortController();
    if (page !== this.#page) this.#table.scrollToTop();
    this.#page = page;
    const { signal } = this.#asking;
    const question = routeQuestion(this.#query);
    if (typeof question === 'string') return replace(this.#area, note('empty', question));
    const cancel = h('button', { type: 'button' }, 'Cancel');
    cancel.addEventListener('click', () => {
      this.#asking.abort();
      replace(this.#area, note('empty', 'Cancelled.'));
    });
    // Quick answers, which most are, do not flicker.
    this.#area.setAttribute('aria-busy', 'true');
    const busy = setTimeout(() => replace(this.#area, note('busy', 'Searching …', cancel)), 250);
    try {
      const cursor = this.#cursors[page] ?? null;
      const path = cursor === null ? question.path : `${question.path}&cursor=${encodeURIComponent(cursor)}`;
      const { items, next } = await getList<RouteView | View<'Advertised'>>(path, signal);
      this.#cursors[page + 1] = next;
      this.#show(page, items, next !== null);
    } catch (error) {
      if (signal.aborted) return;
      const text = error instanceof ApiProblem ? error.message : String(error);
      replace(this.#area, note('error', `${text}`));
    } finally {
      clearTimeout(busy);
      if (this.#asking.signal === signal) this.#area.removeAttribute('aria-busy');
    }
  }

  #show(page: number, items: readonly (RouteView | View<'Advertised'>)[], hasMore: boolean): void {
    if (items.length === 0 && page === 0) {
      const isAll = [...this.#query.values()].every((value) => value === '');
      replace(this.#area, note('empty', isAll ? 'There is no route.' : 'No route is like that.'));
      return;
    }
    const rows = rowsOf(items, this.#query.get('table') ?? '', this.#query.get('peer') ?? '');
    const paths = rows.length === items.length ? '' : `, ${plural(rows.length, 'path')}`;
    const what = this.#query.get('table') ? 'path' : 'prefix';
    const number =
      page === 0 && !hasMore ? '' : ` on page ${count(page + 1)}${hasMore ? ', more follow' : ', the last one'}`;
    replace(
      this.#summary,
      `${plural(items.length, what, `${what}${what === 'prefix' ? 'es' : 's'}`)}${paths}${number}`,
    );
    const to = (label: string, wanted: number, isPossible: boolean): HTMLElement => {
      const button = h('button', { type: 'button', disabled: !isPossible }, label);
      button.addEventListener('click', () => void this.open(wanted));
      return button;
    };
    replace(this.#pager, to('First', 0, page > 0), to('Previous', page - 1, page > 0), to('Next', page + 1, hasMore));
    replace(this.#area, this.#summary, this.#table.element, page > 0 || hasMore ? this.#pager : null);
    this.#table.setRows(rows);
  }
}
