/**
 * What a change makes of a state: the model of what the speaker does with it. `plan` shows it, the tests of diff rest
 * on it: applying the changes of diff(running, desired) one by one to `running` gives `desired`.
 */

import type { DesiredPeer, DesiredState, ListenAddress, OriginatedRoute } from './desired-state.ts';
import type { Change } from './diff.ts';

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function withPeer(peers: readonly DesiredPeer[], leaving: string, peer: DesiredPeer | null): DesiredPeer[] {
  const others = peers.filter((one) => one.session.name !== leaving);
  return (peer === null ? others : [...others, peer]).sort((a, b) => compare(a.session.name, b.session.name));
}

function withRoute(
  routes: readonly OriginatedRoute[],
  prefix: string,
  route: OriginatedRoute | null,
): OriginatedRoute[] {
  const others = routes.filter((one) => one.prefix !== prefix);
  return (route === null ? others : [...others, route]).sort((a, b) => compare(a.prefix, b.prefix));
}

function withoutListen(listens: readonly ListenAddress[], gone: ListenAddress): ListenAddress[] {
  return listens.filter((one) => one.address !== gone.address || one.port !== gone.port);
}

/** Listening addresses in the order that derive gives them: IPv4 first. */
function sortListens(listens: readonly ListenAddress[]): ListenAddress[] {
  const key = (one: ListenAddress): string => `${one.address.includes(':') ? 1 : 0} ${one.address} ${one.port}`;
  return [...listens].sort((a, b) => compare(key(a), key(b)));
}

export function applyChange(state: DesiredState, change: Change): DesiredState {
  switch (change.kind) {
    case 'listen-add':
      return { ...state, listen: sortListens([...state.listen, change.listen]) };
    case 'listen-remove':
      return { ...state, listen: withoutListen(state.listen, change.listen) };
    case 'originate-add':
    case 'originate-replace':
      return { ...state, originated: withRoute(state.originated, change.route.prefix, change.route) };
    case 'originate-remove':
      return { ...state, originated: withRoute(state.originated, change.prefix, null) };
    case 'peer-add':
    case 'peer-restart':
    case 'peer-adjust':
    case 'peer-policy':
      return { ...state, peers: withPeer(state.peers, change.peer.session.name, change.peer) };
    case 'peer-replace':
    case 'peer-rename':
      return { ...state, peers: withPeer(state.peers, change.replaced, change.peer) };
    case 'peer-remove':
      return { ...state, peers: withPeer(state.peers, change.name, null) };
    case 'kernel':
      return { ...state, kernel: change.kernel };
    case 'decision':
      return { ...state, decision: change.decision };
    case 'drain': {
      const { drain: _before, ...rest } = state;
      return change.drain === null ? rest : { ...rest, drain: change.drain };
    }
    case 'log-level':
      return { ...state, logLevel: change.logLevel };
    case 'identity':
      return { ...state, ...change.identity };
    case 'metadata': {
      const { incomplete: _replaced, ...rest } = state;
      return { ...rest, ...change.metadata };
    }
  }
}
