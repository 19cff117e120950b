/** One peer: its session, both OPENs, and what is wrong with it. */

import { ApiProblem, getDocument, type View } from './api.ts';
import { type Child, facts, h, note, replace } from './dom.ts';
import { explanationOfPeer } from './explanations.ts';
import { count, dottedQuad, duration, formatPlace, octets, type Place } from './format.ts';
import { KIND_NAMES, kindOf } from './peer-list.ts';
import { stateBadge } from './peers-view.ts';
import type { ViewContext } from './view.ts';

type Detail = View<'PeerDetail'>;

const REFRESH_MS = 5000;

export function showPeer(root: HTMLElement, { name }: Place, { store }: ViewContext): () => void {
  const stop = new AbortController();
  const body = h('div', {}, note('busy', 'Asking the daemon …'));
  replace(
    root,
    h('p', { class: 'back' }, h('a', { href: formatPlace('peers') }, '← All peers')),
    h('h1', {}, `Peer ${name}`),
    body,
  );
  let isAsking = false;
  const draw = async (): Promise<void> => {
    if (isAsking || document.visibilityState === 'hidden') return;
    isAsking = true;
    try {
      const path = encodeURIComponent(name);
      const [detail, why] = await Promise.all([
        getDocument<Detail>(`v1/peers/${path}`, stop.signal),
        getDocument<View<'PeerExplanation'>>(`v1/explain/peer/${path}`, stop.signal),
      ]);
      // Somebody who reads or selects something is not disturbed.
      if (body.contains(document.activeElement) || hasSelection(body)) return;
      replace(body, peerBody(detail, why));
    } catch (error) {
      if (stop.signal.aborted) return;
      const text = error instanceof ApiProblem ? error.message : String(error);
      replace(body, note('error', `This peer cannot be shown: ${text}.`));
    } finally {
      isAsking = false;
    }
  };
  void draw();
  const timer = setInterval(() => void draw(), REFRESH_MS);
  const unlisten = store.listen((part) => {
    if (part === 'changes' && store.changes[0]?.about === name) void draw();
  });
  return () => {
    stop.abort();
    clearInterval(timer);
    unlisten();
  };
}

function hasSelection(element: HTMLElement): boolean {
  const selection = document.getSelection();
  return selection !== null && !selection.isCollapsed && element.contains(selection.anchorNode);
}

function peerBody(peer: Detail, why: View<'PeerExplanation'>): Child {
  const { name, description, negotiated } = peer;
  return [
    description !== '' && h('p', { class: 'aside' }, description),
    h(
      'section',
      { class: 'card' },
      h('h2', {}, 'Session'),
      h('p', {}, stateBadge(peer.state), ` for ${duration(peer.stateSeconds)}`),
      facts([
        ['Address', h('code', {}, `${peer.address} port ${peer.port}`)],
        ['Local address', peer.localAddress],
        ['Interface', peer.interface],
        ['AS', `${peer.peerAs} (ours ${peer.localAs})`],
        ['Type', KIND_NAMES[kindOf(peer)]],
        ['Passive', peer.passive ? 'yes: waits to be dialled' : null],
        ['Disabled', peer.disabledByHand ? 'by hand' : peer.enabled ? null : 'by the configuration'],
        ['Drained', peer.drain === null ? null : `${peer.drain.stage}: ${peer.drain.reason}`],
        ['BGP identifier', negotiated === null ? null : dottedQuad(negotiated.peerBgpIdentifier)],
        ['Hold time', negotiated === null ? null : `${negotiated.holdTimeSeconds} s`],
        ['Sessions so far', count(peer.sessionsEstablished)],
        ['Messages', `${count(peer.messages.received)} in, ${count(peer.messages.sent)} out`],
        ['UPDATEs received', count(peer.messages.updatesReceived)],
        ['Octets', `${octets(peer.messages.octetsReceived)} in, ${octets(peer.messages.octetsSent)} out`],
        ['BFD', peer.bfd === null ? null : peer.bfd.state],
        ['Last error', peer.lastError === null ? null : `${peer.lastError.text} (${peer.lastError.at})`],
      ]),
    ),
    h('section', { class: 'card' }, h('h2', {}, 'Diagnosis'), explanationOfPeer(why)),
    h(
      'section',
      { class: 'card' },
      h('h2', {}, 'Routes'),
      familyTable(peer),
      h(
        'ul',
        { class: 'links' },
        ...(['received', 'accepted', 'advertised'] as const).map((table) =>
          h('li', {}, h('a', { href: formatPlace('routes', '', { table, peer: name }) }, `Routes ${table}`)),
        ),
      ),
    ),
    h('section', { class: 'card' }, h('h2', {}, 'Timers'), timers(peer)),
    h('section', { class: 'card' }, h('h2', {}, 'Capabilities'), capabilities(peer)),
  ];
}

function familyTable({ families, endOfRibReceived }: Detail): Child {
  const rows = Object.entries(families);
  if (rows.length === 0) return h('p', {}, 'No address family.');
  const heads = ['Family', 'Received', 'Accepted', 'Best', 'Advertised', 'End-of-RIB'];
  return h(
    'div',
    { class: 'scroll-x' },
    h(
      'table',
      { class: 'plain' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ...heads.map((head, index) => h('th', { scope: 'col', class: index > 0 && index < 5 ? 'number' : '' }, head)),
        ),
      ),
      h(
        'tbody',
        {},
        ...rows.map(([family, counters]) =>
          h(
            'tr',
            {},
            h('th', { scope: 'row' }, family),
            ...[counters!.received, counters!.accepted, counters!.best, counters!.advertised].map((value) =>
              h('td', { class: 'number' }, count(value)),
            ),
            h('td', {}, endOfRibReceived[family as keyof typeof endOfRibReceived] ? 'received' : 'not yet'),
          ),
        ),
      ),
    ),
  );
}

function timers({ timers }: Detail): Child {
  if (timers.length === 0) return h('p', {}, 'No timer runs.');
  return facts(timers.map(({ timer, remainingSeconds }) => [timer, `${remainingSeconds.toFixed(1)} s left`]));
}

/** A capability of an OPEN in words: its kind, and its fields. */
export function capabilityText({
  kind,
  ...fields
}: {
  readonly kind: string;
  readonly [field: string]: unknown;
}): string {
  const said = Object.entries(fields).map(
    ([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
  );
  return said.length === 0 ? kind : `${kind} (${said.join(', ')})`;
}

function capabilities({ openSent, openReceived }: Detail): Child {
  const ours = new Set(openSent?.capabilities.map(capabilityText));
  const theirs = new Set(openReceived?.capabilities.map(capabilityText));
  if (ours.size + theirs.size === 0) return h('p', {}, 'No OPEN was sent or received.');
  const mark = (isThere: boolean): Child => h('td', {}, isThere ? '✓ yes' : '– no');
  return h(
    'div',
    { class: 'scroll-x' },
    h(
      'table',
      { class: 'plain' },
      h(
        'thead',
        {},
        h('tr', {}, ...['Capability', 'We sent', 'Peer sent'].map((head) => h('th', { scope: 'col' }, head))),
      ),
      h(
        'tbody',
        {},
        ...[...new Set([...ours, ...theirs])].map((text) =>
          h('tr', {}, h('th', { scope: 'row' }, text), mark(ours.has(text)), mark(theirs.has(text))),
        ),
      ),
    ),
  );
}
