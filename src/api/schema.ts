/**
 * What the daemon tells about itself: the types of its API, shared by the server and its clients (the CLI first). The
 * shapes themselves are the zod schemas in schemas/, which this file names but does not load. Durations are whole
 * seconds, times are ISO 8601 UTC text, AS numbers and metrics unsigned 32-bit numbers.
 */

import type * as z from 'zod';
import type { VIEWS } from './schemas/index.ts';

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

export type ViewName = keyof typeof VIEWS;
/** The value that a view of that name is. */
export type View<N extends ViewName> = DeepReadonly<z.infer<(typeof VIEWS)[N]>>;

export type FamilyCounters = View<'FamilyCounters'>;
export type StatusView = View<'Status'>;
export type PeerErrorView = View<'PeerError'>;
export type PeerView = View<'Peer'>;
export type AttributesView = View<'Attributes'>;
export type PathView = View<'Path'>;
export type RouteView = View<'Route'>;
export type AcceptedView = View<'Accepted'>;
export type AdvertisedView = View<'Advertised'>;
export type ReceivedView = View<'Received'>;
export type KernelRouteView = View<'KernelRoute'>;
export type BfdSessionView = View<'BfdSession'>;
export type DoneView = View<'Done'>;
/** RFC 9457. */
export type ProblemView = View<'Problem'>;

export const DEFAULT_CONTROL_SOCKET = '/run/peregrine/peregrine.sock';
