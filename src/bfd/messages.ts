/**
 * What the main thread and the BFD worker say to each other. Everything is plain data that survives a structured clone.
 * The main thread says which sessions there should be; the worker tells changes of state as they happen and what it has
 * counted once a second, which is also its sign of life.
 */

import type { BfdChange, BfdResume, BfdSnapshot, BfdTimers } from '../../bgp/bfd/session.ts';

/** A session to run. */
export interface BfdSpec {
  /** Unique, stable while the session is the same. */
  readonly key: string;
  readonly peerAddress: string;
  /** null: the kernel chooses, packet by packet. */
  readonly localAddress: string | null;
  readonly interfaceName: string | null;
  /** RFC 5883 (port 4784) instead of RFC 5881 (port 3784). */
  readonly multihop: boolean;
  /** Packets that arrive with less are refused; single hop: 255. */
  readonly minimumTtl: number;
  readonly timers: BfdTimers;
}

export type ToWorker =
  /** `resume`: what sessions go on from, by key. */
  | {
      readonly type: 'configure';
      readonly sessions: readonly BfdSpec[];
      readonly resume: Readonly<Record<string, BfdResume>>;
    }
  /**
   * The end. Peers of the sessions in `patience` (milliseconds by key) are asked to wait for the next life, the others are
   * told AdminDown. Answered with `ended` when that has been said and, where it has to be, understood.
   */
  | { readonly type: 'end'; readonly patience: Readonly<Record<string, number>> };

/** Columns of the counters of a session. */
export const BFD_COUNTERS = ['received', 'sent', 'refused', 'sendErrors'] as const;

export type FromWorker =
  | {
      readonly type: 'changed';
      readonly key: string;
      /** null: only values changed. */
      readonly change: BfdChange | null;
      readonly snapshot: BfdSnapshot;
    }
  /** For the log; `key` null: of no session that is known. */
  | {
      readonly type: 'problem';
      readonly key: string | null;
      readonly problem: BfdProblem;
      readonly detail: string;
    }
  /** By key, in the order of BFD_COUNTERS; `strangers`: packets refused that belong to no session. */
  | {
      readonly type: 'counters';
      readonly sessions: readonly (readonly [string, readonly number[]])[];
      readonly strangers: number;
    }
  /** A descriptor that whoever survives this thread has to close. */
  | { readonly type: 'descriptor'; readonly descriptor: number; readonly isOpen: boolean }
  | { readonly type: 'ended' };

export type BfdProblem =
  /** The port cannot be listened on; tried again. */
  | 'listen'
  /** No socket to send from, or sending fails; tried again. */
  | 'send'
  /** A packet was refused; told once a minute for each session and reason. */
  | 'refused'
  /** The session can send (or listen) again. */
  | 'recovered';
