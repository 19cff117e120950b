/** Connects one reader of events to the speaker: the kinds it wants, the peer and the routes that its filter means. */

import type { EventStream } from '../../api/event-stream.ts';
import { type ApiRefusal, isRefusal } from '../../api/refusal.ts';
import type { EventRequest } from '../../api/source.ts';
import { ListFilter } from '../lists/filter.ts';
import type { Speaker } from '../speaker.ts';
import type { SpeakerEvent } from './hub.ts';
import { revisionEvent } from './revision.ts';
import { RouteWatch } from './route-watch.ts';

/** Null: it is connected. `sourceOf`: the peer (or local source) of that name. */
export function connectEvents(
  speaker: Speaker,
  request: EventRequest,
  sourceOf: (name: string) => number | null,
  stream: EventStream,
): ApiRefusal | null {
  const { core } = speaker;
  const { kinds, peer, initial } = request;
  if (peer !== undefined && !speaker.drivers.has(peer)) return { refused: `there is no peer "${peer}"`, status: 404 };
  const now = (): string => new Date(speaker.clock.wallMs()).toISOString();
  const tell = ({ kind, data }: SpeakerEvent): void => {
    if (!kinds.includes(kind) || (kind === 'peer' && peer !== undefined && data.peer !== peer)) return;
    stream.add(kind, { at: now(), ...data });
  };
  let watch: RouteWatch | null = null;
  if (kinds.includes('route')) {
    if (core === null) return { refused: 'no configuration is in force yet', status: 409 };
    const filter = ListFilter.read(core.rib, request, sourceOf);
    if (isRefusal(filter)) return filter;
    const originOf = (prefix: string): string | null => speaker.agentRoutes.originOf(prefix);
    watch = new RouteWatch(core.rib, filter, originOf, () => stream.sourceChanged());
  }
  if (initial) {
    tell(revisionEvent(speaker));
    for (const { name, fsmState } of speaker.drivers.values()) {
      tell({ kind: 'peer', data: { peer: name, from: null, to: fsmState, reason: null } });
    }
    watch?.tellAll();
  }
  const unsubscribe = speaker.events.subscribe(tell);
  stream.follow({
    pull: () => {
      const data = watch === null ? null : watch.take();
      return data === null || data === undefined ? data : { kind: 'route', data };
    },
    close: () => {
      unsubscribe();
      watch?.close();
    },
  });
  return null;
}
