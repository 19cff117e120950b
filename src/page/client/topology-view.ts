/** The sessions of this speaker as a picture. All of it is also in the table of peers, which the titles lead to. */

import { h, note, replace, s } from './dom.ts';
import { count, formatPlace, type Place, plural } from './format.ts';
import { isUp } from './peer-list.ts';
import {
  BOX_HEIGHT,
  BOX_WIDTH,
  layOut,
  type PlacedGroup,
  type PlacedPeer,
  SPEAKER,
  type Topology,
  WIDTH,
} from './topology-layout.ts';
import type { ViewContext } from './view.ts';

const REDRAW_MS = 500;
/** What fits into a box. */
const MAX_LABEL = 26;
/** A picture is not made higher than this part of the window just to have the speaker in its middle. */
const SPEAKER_Y_MAX = 260;

export function showTopology(root: HTMLElement, _place: Place, { store }: ViewContext): () => void {
  const area = h('div', { class: 'area' });
  const legend = h('p', { class: 'legend' }, mark('up'), ' established   ', mark('down'), ' no session');
  replace(root, h('h1', {}, 'Topology'), legend, area);
  let drawn = '';
  const draw = (): void => {
    const { status, peers } = store;
    if (status === null || !store.arePeersKnown) {
      const problem = store.peersProblem;
      replace(
        area,
        problem === null
          ? note('busy', 'Asking the daemon for its peers …')
          : note('error', `The peers cannot be shown: ${problem.message}.`),
      );
      return;
    }
    if (peers.size === 0) return replace(area, note('empty', 'No peer is configured.'));
    // Counters change all the time, the picture seldom.
    const picture = JSON.stringify(
      [...peers.values()].map(({ name, state, peerAs, type }) => [name, state, peerAs, type]),
    );
    if (picture === drawn || area.contains(document.activeElement)) return;
    drawn = picture;
    replace(area, figure(layOut(peers.values()), status.nodeName ?? status.routerId, `AS ${status.localAs}`));
  };
  draw();
  let timer: ReturnType<typeof setTimeout> | null = null;
  const unlisten = store.listen((part) => {
    if (part !== 'peers' || timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      draw();
    }, REDRAW_MS);
  });
  return () => {
    unlisten();
    if (timer !== null) clearTimeout(timer);
  };
}

function mark(kind: 'up' | 'down'): SVGElement {
  const shape =
    kind === 'up'
      ? s('circle', { cx: 6, cy: 6, r: 5, class: 'dot up' })
      : s('rect', { x: 1.5, y: 1.5, width: 9, height: 9, class: 'dot down' });
  return s('svg', { width: 12, height: 12, 'aria-hidden': 'true' }, shape);
}

function figure(topology: Topology, name: string, as: string): HTMLElement {
  const { groups, height } = topology;
  const y = Math.min(SPEAKER_Y_MAX, Math.max(10, height / 2 - SPEAKER.height / 2));
  const middle = { x: SPEAKER.x + SPEAKER.width, y: y + SPEAKER.height / 2 };
  const label = `${plural(
    groups.reduce((sum, { total }) => sum + total, 0),
    'session',
  )} of ${name} in ${plural(groups.length, 'group')}`;
  return h(
    'div',
    { class: 'picture', tabindex: 0, role: 'region', 'aria-label': 'Picture of the sessions' },
    s(
      'svg',
      { viewBox: `0 0 ${WIDTH} ${height}`, role: 'group', 'aria-label': label },
      ...groups.map((group) =>
        s('path', { d: curve(middle.x, middle.y, group.x, group.y + 24), class: `link ${groupState(group)}` }),
      ),
      s(
        'g',
        {},
        s('rect', { x: SPEAKER.x, y, width: SPEAKER.width, height: SPEAKER.height, rx: 10, class: 'speaker' }),
        s(
          'text',
          { x: SPEAKER.x + SPEAKER.width / 2, y: y + 36, class: 'speaker-name' },
          shorten(name, 24),
          s('title', {}, name),
        ),
        s('text', { x: SPEAKER.x + SPEAKER.width / 2, y: y + 60, class: 'speaker-as' }, as),
      ),
      ...groups.map(drawGroup),
    ),
  );
}

function groupState({ total, established }: PlacedGroup): string {
  return established === total ? 'up' : established === 0 ? 'down' : 'partly';
}

function curve(x1: number, y1: number, x2: number, y2: number): string {
  const half = (x1 + x2) / 2;
  return `M${x1} ${y1} C${half} ${y1} ${half} ${y2} ${x2} ${y2}`;
}

function drawGroup(group: PlacedGroup): SVGElement {
  const { title, kind, as, x, y, width, height, total, established, form, leftOut } = group;
  const more = leftOut > 0 ? `; ${count(leftOut)} of them not drawn` : '';
  const said = `${title}: ${count(established)} of ${plural(total, 'session')} established${more}`;
  const link = formatPlace('peers', '', { type: kind, text: as === null ? '' : `as${as}` });
  return s(
    'g',
    {},
    s('rect', { x, y, width, height, rx: 10, class: `group ${groupState(group)}` }),
    s('a', { href: link }, s('text', { x: x + 12, y: y + 25, class: 'group-title' }, said)),
    ...group.peers.map(form === 'boxes' ? drawBox : drawDot),
  );
}

function drawBox({ peer, x, y }: PlacedPeer): SVGElement {
  const state = isUp(peer) ? 'up' : 'down';
  const why = peer.description === '' ? peer.name : `${peer.name} (${peer.description})`;
  return s(
    'a',
    { href: formatPlace('peer', peer.name), 'aria-label': `${peer.name}, ${peer.address}, ${peer.state}` },
    s('title', {}, `${why}, ${peer.address}: ${peer.state}`),
    s('rect', { x, y, width: BOX_WIDTH, height: BOX_HEIGHT, rx: 6, class: `box ${state}` }),
    state === 'up'
      ? s('circle', { cx: x + 14, cy: y + BOX_HEIGHT / 2, r: 5, class: 'dot up' })
      : s('rect', { x: x + 9.5, y: y + BOX_HEIGHT / 2 - 4.5, width: 9, height: 9, class: 'dot down' }),
    s('text', { x: x + 27, y: y + BOX_HEIGHT / 2 + 4.5, class: 'box-name' }, shorten(peer.name, MAX_LABEL)),
  );
}

/** Hundreds of stops on the way of the Tab key would help nobody; the table has them all. */
function drawDot({ peer, x, y }: PlacedPeer): SVGElement {
  const shape = isUp(peer)
    ? s('circle', { cx: x + 6, cy: y + 6, r: 5, class: 'dot up' })
    : s('rect', { x: x + 1.5, y: y + 1.5, width: 9, height: 9, class: 'dot down' });
  return s(
    'a',
    { href: formatPlace('peer', peer.name), tabindex: -1, 'aria-label': `${peer.name}, ${peer.state}` },
    s('title', {}, `${peer.name}, ${peer.address}: ${peer.state}`),
    shape,
  );
}

function shorten(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
