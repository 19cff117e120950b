/**
 * The state that is in force, over the control socket, for `peregrine plan --from running`: a list of parts, because
 * with thousands of sessions it is large, in which each policy is said once however many sessions share it.
 *
 * A password never leaves the daemon. Whoever plans a change has the new passwords at hand, and asks which sessions
 * have another one.
 */

import type { DesiredPeer, DesiredState, OriginatedRoute } from '../../confd/desired-state.ts';

export type RunningPart =
  /** Everything that is no list; comes first. */
  | { readonly part: 'state'; readonly state: Omit<DesiredState, 'peers' | 'originated'> }
  /** Comes before the peers that refer to it; numbered from 0. */
  | { readonly part: 'policy'; readonly policy: DesiredPeer['policy'] }
  | { readonly part: 'peer'; readonly session: DesiredPeer['session']; readonly policy: number }
  | { readonly part: 'originated'; readonly route: OriginatedRoute };

/** What a password is shown as. */
export const HIDDEN_PASSWORD = '(hidden)';

/** Passwords by session name. */
export interface PasswordsQuestion {
  readonly passwords: { readonly [session: string]: string };
}

export interface PasswordsAnswer {
  /** Of the sessions that were asked about, those that run with another password, with none, or not at all. */
  readonly different: readonly string[];
}

/** Octets of a question; more than 65,000 sessions with long passwords. */
export const MAX_QUESTION_OCTETS = 16 * 1024 * 1024;

/** A state as parts. */
export function* runningParts(state: DesiredState): Generator<RunningPart> {
  const { peers, originated, ...rest } = state;
  yield { part: 'state', state: rest };
  const numbers = new Map<DesiredPeer['policy'], number>();
  for (const { session, policy } of peers) {
    let number = numbers.get(policy);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(policy, number);
      yield { part: 'policy', policy };
    }
    const shown = session.password === null ? session : { ...session, password: HIDDEN_PASSWORD };
    yield { part: 'peer', session: shown, policy: number };
  }
  for (const route of originated) yield { part: 'originated', route };
}

/** The state that the parts say; throws when the first of them is not the state itself. */
export async function stateOfParts(parts: AsyncIterable<RunningPart>): Promise<DesiredState> {
  let state: Omit<DesiredState, 'peers' | 'originated'> | null = null;
  const policies: DesiredPeer['policy'][] = [];
  const peers: DesiredPeer[] = [];
  const originated: OriginatedRoute[] = [];
  for await (const one of parts) {
    if (one.part === 'state') state = one.state;
    else if (one.part === 'policy') policies.push(one.policy);
    else if (one.part === 'peer') peers.push({ session: one.session, policy: policies[one.policy] });
    else originated.push(one.route);
  }
  if (state === null) throw new Error('the daemon said nothing about its state');
  return { ...state, peers, originated };
}

/** Which of the sessions do not run with the password that the question has for them. */
export function differentPasswords(state: DesiredState, { passwords }: PasswordsQuestion): PasswordsAnswer {
  const running = new Map(state.peers.map(({ session }) => [session.name, session.password]));
  return { different: Object.keys(passwords).filter((name) => running.get(name) !== passwords[name]) };
}
