/** What the API shows and does; src/speaker/speaker-api.ts implements it. Iterators are pulled for 3 ms at a time. */

import type { Readiness, ReadyPolicy } from '../health/readiness.ts';
import type { LogLevel } from '../log/log.ts';
import type { AgentRequest } from '../speaker/agent-routes.ts';
import type { EventStream } from './event-stream.ts';
import type { Items } from './items.ts';
import type { PeerAction } from './peer-actions.ts';
import type { ApiRefusal } from './refusal.ts';
import type { Listed } from './route.ts';
import type { PasswordsAnswer, PasswordsQuestion, RunningPart } from './running.ts';
import type {
  AcceptedView,
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

export interface Paging {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export interface RouteFilter extends Paging {
  readonly family?: string | undefined;
  readonly prefix?: string | undefined;
  /** How the prefix is meant; an address means the longest match unless it is said otherwise. */
  readonly match?: 'exact' | 'longest' | 'shorter' | 'longer' | undefined;
  readonly longest?: boolean | undefined;
  readonly source?: string | undefined;
  readonly community?: string | undefined;
  readonly as?: number | undefined;
  readonly originAs?: number | undefined;
}

/** What is not said is as the daemon was started. */
export interface DrainRequest {
  readonly reason?: string | undefined;
  readonly closeAfterSeconds?: number | null | undefined;
  readonly text?: string | undefined;
}

/** What a reader of events wants to hear. */
export interface EventRequest extends RouteFilter {
  readonly kinds: readonly string[];
  readonly peer?: string | undefined;
  /** The present state comes first. */
  readonly initial: boolean;
}

export interface ApiSource {
  status(): StatusView;
  peers(): Items<PeerView>;
  peer(name: string): View<'PeerDetail'> | ApiRefusal;
  routes(filter: RouteFilter): Listed<RouteView>;
  /** Adj-RIB-In before policy, after it, and Adj-RIB-Out. */
  received(peer: string, filter: RouteFilter): Listed<ReceivedView>;
  accepted(peer: string, filter: RouteFilter): Listed<AcceptedView>;
  advertised(peer: string, filter: RouteFilter): Listed<AdvertisedView>;
  kernel(): Items<KernelRouteView>;
  nextHops(): Items<View<'NextHop'>>;
  interfaces(): Items<View<'Interface'>>;
  policies(): Items<View<'Policy'>>;
  updateGroups(): Items<View<'UpdateGroup'>>;
  bfd(): Items<BfdSessionView>;
  explainRoute(prefix: string): View<'RouteExplanation'> | ApiRefusal;
  explainAdvertised(peer: string, prefix: string): View<'AdvertisedExplanation'> | ApiRefusal;
  explainKernel(prefix: string): View<'KernelExplanation'> | ApiRefusal;
  explainPeer(peer: string): Promise<View<'PeerExplanation'> | ApiRefusal>;
  /** Tells the stream what changes, until it is destroyed; null: it does. */
  follow(request: EventRequest, stream: EventStream): ApiRefusal | null;
  originated(): Items<View<'Originated'>>;
  originate(owner: string, request: AgentRequest): View<'Originated'> | ApiRefusal;
  withdraw(owner: string, prefix: string | undefined): DoneView | ApiRefusal;
  /** null: as of everything. */
  setPeerLogLevel(peer: string, level: LogLevel | null): DoneView | ApiRefusal;
  /** The state that is in force, without passwords. */
  runningState(): Items<RunningPart> | ApiRefusal;
  differentPasswords(question: PasswordsQuestion): PasswordsAnswer | ApiRefusal;
  /** The last lines of the log, whatever its level, the oldest first. */
  recent(): Items<View<'RecentLine'>>;
  /** The last messages of peers, if they are recorded, the oldest first. */
  messages(): Items<View<'RecordedMessage'>>;
  /** Everything that a replay needs (src/support/dump.ts), without secrets. */
  supportDump(): Items<View<'DumpPart'>>;
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
