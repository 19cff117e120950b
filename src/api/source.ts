/** What the API shows and does; src/speaker/speaker-api.ts implements it. Iterators are pulled for 3 ms at a time. */

import type { Readiness, ReadyPolicy } from '../health/readiness.ts';
import type { Items } from './items.ts';
import type { PeerAction } from './peer-actions.ts';
import type { ApiRefusal } from './refusal.ts';
import type { PasswordsAnswer, PasswordsQuestion, RunningPart } from './running.ts';
import type {
  AdvertisedView,
  BfdSessionView,
  DoneView,
  KernelRouteView,
  PeerView,
  ReceivedView,
  RouteView,
  StatusView,
  View,
} from './schema.ts';

export interface RouteFilter {
  readonly family?: string | undefined;
  readonly prefix?: string | undefined;
  readonly longest?: boolean | undefined;
}

/** What is not said is as the daemon was started. */
export interface DrainRequest {
  readonly reason?: string | undefined;
  readonly closeAfterSeconds?: number | null | undefined;
  readonly text?: string | undefined;
}

export interface ApiSource {
  status(): StatusView;
  peers(): readonly PeerView[];
  peer(name: string): PeerView | ApiRefusal;
  /** `prefix` restricts to that prefix, or with `longest` to the most specific one that covers it. */
  routes(filter: RouteFilter): Items<RouteView> | ApiRefusal;
  received(peer: string): Items<ReceivedView> | ApiRefusal;
  advertised(peer: string): Items<AdvertisedView> | ApiRefusal;
  kernel(): Items<KernelRouteView>;
  bfd(): Items<BfdSessionView>;
  explainRoute(prefix: string): View<'RouteExplanation'> | ApiRefusal;
  explainAdvertised(peer: string, prefix: string): View<'AdvertisedExplanation'> | ApiRefusal;
  explainKernel(prefix: string): View<'KernelExplanation'> | ApiRefusal;
  explainPeer(peer: string): Promise<View<'PeerExplanation'> | ApiRefusal>;
  /** The state that is in force, without passwords. */
  runningState(): Items<RunningPart> | ApiRefusal;
  differentPasswords(question: PasswordsQuestion): PasswordsAnswer | ApiRefusal;
  drain(order: DrainRequest): DoneView | ApiRefusal;
  undrain(): DoneView | ApiRefusal;
  /** Ends the process a moment after the answer. */
  restart(): DoneView | ApiRefusal;
  /** The answer says what was done. */
  act(peer: string, action: PeerAction): DoneView | ApiRefusal;
  /** In the text format of Prometheus. */
  metrics(): Promise<string>;
  /** Without a policy, by the configured one. */
  readiness(policy?: ReadyPolicy): Readiness;
}
