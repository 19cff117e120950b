/** The page: head, views by the address, the token, and whether it is live. Loaded once; the rest is asked of the API. */

import { type ApiProblem, onUnauthorised, setToken, token } from './api.ts';
import { showChanges } from './changes-view.ts';
import { field, h, note, replace } from './dom.ts';
import { showExplain } from './explain-view.ts';
import { duration, formatPlace, type Place, parsePlace } from './format.ts';
import { showPeer } from './peer-view.ts';
import { showPeers } from './peers-view.ts';
import { showRoutes } from './routes-view.ts';
import { Store } from './store.ts';
import { showTopology } from './topology-view.ts';
import type { ViewContext } from './view.ts';

type Show = (root: HTMLElement, place: Place, context: ViewContext) => () => void;

const VIEWS: Readonly<Record<string, { readonly title: string; readonly inMenu: boolean; readonly show: Show }>> = {
  peers: { title: 'Peers', inMenu: true, show: showPeers },
  peer: { title: 'Peer', inMenu: false, show: showPeer },
  routes: { title: 'Routes', inMenu: true, show: showRoutes },
  explain: { title: 'Explain', inMenu: true, show: showExplain },
  topology: { title: 'Topology', inMenu: true, show: showTopology },
  changes: { title: 'Changes', inMenu: true, show: showChanges },
};

const THEME_KEY = 'peregrine-theme';
const THEMES = ['auto', 'light', 'dark'] as const;

const element = (id: string): HTMLElement => document.getElementById(id)!;
const [header, nav, notices, main] = ['header', 'nav', 'notices', 'main'].map(element);
const store = new Store();
let leave = (): void => {};

function go(hash: string, how?: 'quietly'): void {
  if (how === 'quietly') history.replaceState(null, '', hash);
  else location.hash = hash;
}

function open(isFirst: boolean): void {
  const place = parsePlace(location.hash);
  const view = Object.hasOwn(VIEWS, place.view) ? VIEWS[place.view] : null;
  leave();
  leave = () => {};
  document.title = `${view?.title ?? 'Not found'}${place.name === '' ? '' : ` ${place.name}`} · Peregrine`;
  drawMenu(place.view === 'peer' ? 'peers' : place.view);
  if (view === null)
    replace(main, h('h1', {}, 'Not found'), note('error', `There is no view "${place.view}" on this page.`));
  else leave = view.show(main, place, { store, go });
  // Who reads with the ears is told that the page is another one.
  if (!isFirst) main.querySelector('h1')?.setAttribute('tabindex', '-1');
  if (!isFirst && !main.contains(document.activeElement)) main.querySelector('h1')?.focus();
}

function drawMenu(current: string): void {
  const links = Object.entries(VIEWS)
    .filter(([, { inMenu }]) => inMenu)
    .map(([name, { title }]) =>
      h('a', { href: formatPlace(name), 'aria-current': name === current ? 'page' : undefined }, title),
    );
  replace(nav, ...links);
}

const live = h('span', { class: 'live', role: 'status' });
const about = h('div', { class: 'about' });
const theme = h('button', { type: 'button', class: 'quiet' });

function drawHead(): void {
  const { status } = store;
  const said =
    status === null
      ? []
      : [
          status.nodeName,
          `AS ${status.localAs}`,
          `router ID ${status.routerId}`,
          `version ${status.version}`,
          `up ${duration(status.uptimeSeconds)}`,
        ].filter((text) => text !== null);
  replace(about, said.join(' · '));
  const drained = status?.drain ?? null;
  const refused = status?.conditions.length ?? 0;
  replace(
    notices,
    drained !== null &&
      h('p', { class: 'notice' }, `This speaker is being drained (${drained.stage}): ${drained.reason}`),
    refused > 0 &&
      h(
        'details',
        { class: 'notice' },
        h('summary', {}, `${refused} of the configuration refused or doubtful`),
        h(
          'ul',
          {},
          ...status!.conditions
            .slice(0, 50)
            .map(({ resource, field: where, message }) => h('li', {}, `${resource} ${where}: ${message}`)),
        ),
      ),
  );
}

function drawLive(): void {
  const problem = store.streamProblem;
  live.className = `live ${problem === null ? 'on' : 'off'}`;
  replace(live, problem === null ? 'Live' : `Not live: ${problem}`);
}

function setTheme(name: string): void {
  const wanted = THEMES.find((one) => one === name) ?? 'auto';
  if (wanted === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = wanted;
  localStorage.setItem(THEME_KEY, wanted);
  replace(theme, `Theme: ${wanted}`);
}

/** Asks for a token, in the place of the view. */
function askForToken(problem: ApiProblem): void {
  if (document.getElementById('token') !== null) return;
  leave();
  leave = () => {};
  const wasWrong = token() !== null;
  const input = h('input', { type: 'password', id: 'token', autocomplete: 'off', required: true });
  const form = h(
    'form',
    { class: 'card token' },
    h('h1', {}, 'A token is needed'),
    note(
      wasWrong ? 'error' : 'empty',
      wasWrong
        ? `This token is not taken: ${problem.message}.`
        : 'This daemon shows itself to those who have a token. One that may only read is enough.',
    ),
    field('Token', input, 'It is kept in this tab only, until it is closed.'),
    h('button', { type: 'submit' }, 'Continue'),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    setToken(input.value.trim());
    replace(main);
    store.start();
    open(false);
  });
  replace(main, form);
  input.focus();
}

function begin(): void {
  onUnauthorised.call = askForToken;
  const brand = h('a', { class: 'brand', href: formatPlace('peers') }, 'Peregrine');
  replace(header, brand, about, h('div', { class: 'tools' }, live, theme));
  setTheme(localStorage.getItem(THEME_KEY) ?? 'auto');
  theme.addEventListener('click', () => {
    const index = THEMES.findIndex((one) => one === (document.documentElement.dataset.theme ?? 'auto'));
    setTheme(THEMES[(index + 1) % THEMES.length]);
  });
  element('skip').addEventListener('click', (event) => {
    event.preventDefault();
    main.focus();
  });
  store.listen((part) => {
    if (part === 'status') drawHead();
    if (part === 'live') drawLive();
  });
  drawLive();
  window.addEventListener('hashchange', () => open(false));
  store.start();
  open(true);
}

begin();
