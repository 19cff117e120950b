/**
 * Where everything stands in the picture of the sessions: this speaker on the left, its peers on the right in groups (one for
 * each external AS, route reflector clients, the iBGP mesh). Few peers are boxes with names, many are dots, and of very many
 * only those without a session are dots. Nothing of the document here.
 */

import type { PeerView } from './api.ts';
import { byName, isUp, kindOf, type PeerKind } from './peer-list.ts';

export const WIDTH = 1000;
export const SPEAKER = { x: 10, width: 210, height: 84 } as const;
const GROUP_X = 320;
const GROUP_WIDTH = WIDTH - GROUP_X - 10;
const PADDING = 12;
const TITLE_HEIGHT = 30;
const GAP = 16;
const BOX = { width: 210, height: 34, gap: 6 } as const;
const DOT_PITCH = 15;

/** More external ASes than this are one group. */
const MAX_AS_GROUPS = 12;
const MAX_BOXES = 30;
const MAX_DOTS = 1500;

export interface PlacedPeer {
  readonly peer: PeerView;
  readonly x: number;
  readonly y: number;
}

export interface PlacedGroup {
  readonly title: string;
  readonly kind: PeerKind;
  /** null: not of one AS. */
  readonly as: number | null;
  readonly total: number;
  readonly established: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly form: 'boxes' | 'dots';
  /** Peers with a session that are not drawn one by one. */
  readonly leftOut: number;
  readonly peers: readonly PlacedPeer[];
}

export interface Topology {
  readonly height: number;
  readonly groups: readonly PlacedGroup[];
}

interface Group {
  readonly title: string;
  readonly kind: PeerKind;
  readonly as: number | null;
  readonly peers: PeerView[];
}

export const BOX_WIDTH = BOX.width;
export const BOX_HEIGHT = BOX.height;

export function layOut(peers: Iterable<PeerView>): Topology {
  let y = 10;
  const groups: PlacedGroup[] = [];
  for (const group of groupsOf(peers)) {
    const placed = place(group, y);
    groups.push(placed);
    y += placed.height + GAP;
  }
  return { height: Math.max(y, SPEAKER.height + 20), groups };
}

function groupsOf(peers: Iterable<PeerView>): readonly Group[] {
  const external = new Map<number, PeerView[]>();
  const inside: { client: PeerView[]; ibgp: PeerView[] } = { client: [], ibgp: [] };
  for (const peer of peers) {
    const kind = kindOf(peer);
    if (kind !== 'ebgp') inside[kind].push(peer);
    else external.set(peer.peerAs, [...(external.get(peer.peerAs) ?? []), peer]);
  }
  const byAs = [...external].sort(([x], [y]) => x - y);
  const groups: Group[] =
    byAs.length <= MAX_AS_GROUPS
      ? byAs.map(([as, of]) => ({ title: `AS ${as}, external`, kind: 'ebgp', as, peers: of }))
      : [{ title: `${byAs.length} external ASes`, kind: 'ebgp', as: null, peers: byAs.flatMap(([, of]) => of) }];
  groups.push({ title: 'Route reflector clients', kind: 'client', as: null, peers: inside.client });
  groups.push({ title: 'Internal: mesh and route reflectors', kind: 'ibgp', as: null, peers: inside.ibgp });
  return groups.filter(({ peers: of }) => of.length > 0);
}

function place({ peers, ...group }: Group, top: number): PlacedGroup {
  const sorted = [...peers].sort((x, y) => byName(x.name, y.name));
  const isBoxes = sorted.length <= MAX_BOXES;
  const shown = sorted.length <= MAX_DOTS ? sorted : sorted.filter((peer) => !isUp(peer)).slice(0, MAX_DOTS);
  const pitchX = isBoxes ? BOX.width + BOX.gap : DOT_PITCH;
  const pitchY = isBoxes ? BOX.height + BOX.gap : DOT_PITCH;
  const columns = Math.floor((GROUP_WIDTH - 2 * PADDING + (isBoxes ? BOX.gap : 0)) / pitchX);
  const rows = Math.max(1, Math.ceil(shown.length / columns));
  return {
    ...group,
    total: sorted.length,
    established: sorted.filter(isUp).length,
    x: GROUP_X,
    y: top,
    width: GROUP_WIDTH,
    height: TITLE_HEIGHT + rows * pitchY + 2 * PADDING - (isBoxes ? BOX.gap : 0),
    form: isBoxes ? 'boxes' : 'dots',
    leftOut: sorted.length - shown.length,
    peers: shown.map((peer, index) => ({
      peer,
      x: GROUP_X + PADDING + (index % columns) * pitchX,
      y: top + PADDING + TITLE_HEIGHT + Math.floor(index / columns) * pitchY,
    })),
  };
}
