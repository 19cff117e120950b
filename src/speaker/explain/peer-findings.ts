/**
 * What keeps a session down, or is odd about one that is up, from everything that can be known on this side: the state
 * and the last errors, the kernel's counters of dropped segments, our addresses and routes, who else has dialled us.
 * Pure, so that every hint is a row of a table in the tests; the likeliest cause comes first.
 */

import { FAMILY_NAMES, type FamilyName } from '../../../bgp/family.ts';
import type { FsmState } from '../../../bgp/fsm/state.ts';
import type { NegotiatedSession } from '../../../bgp/negotiated.ts';
import type { SessionConfig } from '../../../bgp/session-config.ts';
import type { FamilyCounters, View } from '../../api/schema.ts';
import type { PeerError } from '../peer-driver.ts';
import { hintOfDial, hintOfError } from './error-hints.ts';
import type { TcpDrops } from './tcp-counters.ts';

export type Finding = View<'Finding'>;

export interface PeerCircumstances {
  readonly config: SessionConfig;
  readonly state: FsmState;
  readonly isDisabled: boolean;
  readonly isDrained: boolean;
  /** Strict BFD: the session waits until BFD is up. */
  readonly isHeldByBfd: boolean;
  readonly session: NegotiatedSession | null;
  readonly lastError: PeerError | null;
  readonly lastDialFailure: { readonly code: string; readonly message: string } | null;
  /** Seconds until the machine tries again after an error; null: it is not pausing. */
  readonly pauseSeconds: number | null;
  /** What could not be listened on. */
  readonly listenFailures: readonly string[];
  readonly drops: TcpDrops | null;
  /** Null: the kernel is not looked at. */
  readonly hasLocalAddress: boolean | null;
  readonly route: 'none' | 'connected' | 'gateway' | null;
  readonly hasInterface: boolean | null;
  /** Addresses that dialled us lately and are no peer's. */
  readonly strangers: readonly { readonly address: string; readonly count: number }[];
  readonly families: { readonly [F in FamilyName]?: FamilyCounters };
  readonly endOfRib: readonly [boolean, boolean];
  /** Its socket takes no more at the moment. */
  readonly isBlocked: boolean;
}

const error = (what: string, hint: string): Finding => ({ severity: 'error', what, hint });
const warning = (what: string, hint: string): Finding => ({ severity: 'warning', what, hint });
const info = (what: string, hint: string): Finding => ({ severity: 'info', what, hint });

export function peerFindings(peer: PeerCircumstances): Finding[] {
  if (peer.session !== null) return [...established(peer, peer.session)];
  const { config, isDisabled, isDrained, isHeldByBfd } = peer;
  if (isDisabled) return [error('it was disabled by hand', `peregrine peer ${config.name} enable`)];
  if (!config.enabled) return [error('it is disabled by the configuration', 'enabled: true')];
  if (isDrained) return [error('it is drained', `peregrine undrain, or peregrine peer ${config.name} undrain`)];
  if (isHeldByBfd)
    return [error('it waits for BFD to come up (strict)', 'peregrine show bfd; is BFD running on the peer?')];
  return [...ownPlace(peer), ...drops(peer), ...errors(peer), ...waiting(peer), ...strangers(peer)];
}

/** What is missing on this machine. */
function* ownPlace({
  config,
  hasLocalAddress,
  hasInterface,
  route,
  listenFailures,
}: PeerCircumstances): Generator<Finding> {
  const { localAddress, interfaceName, peerAddress, passive } = config;
  if (hasInterface === false) yield error(`the interface ${interfaceName} is not there`, 'ip link');
  if (hasLocalAddress === false && localAddress !== null) {
    yield error(`our address ${localAddress} is not on this machine`, 'ip address, or another localAddress');
  }
  if (route === 'none') {
    yield error(`there is no route to ${peerAddress}`, `ip route get ${peerAddress}; BGP routes do not count for this`);
  }
  for (const message of listenFailures) {
    yield (passive ? error : warning)(
      `we cannot be dialled: ${message}`,
      'another BGP daemon on this machine? ss -ltnp',
    );
  }
}

/** What the kernel dropped before anybody saw it. */
function* drops({ config, drops: counted }: PeerCircumstances): Generator<Finding> {
  if (counted === null) return;
  const within = `in the last ${counted.overSeconds} s`;
  const times = (n: number): string => (n === 1 ? 'one segment' : `${n} segments`);
  if (config.password !== null && counted.md5Wrong > 0) {
    yield error(
      `the kernel dropped ${times(counted.md5Wrong)} signed with another password ${within} (TCPMD5Failure)`,
      'the passwords of the two sides differ',
    );
  }
  if (config.password !== null && counted.md5Missing > 0) {
    yield error(
      `the kernel dropped ${times(counted.md5Missing)} without a signature ${within} (TCPMD5NotFound)`,
      'the peer has no password for us, we have one for it',
    );
  }
  if (config.password === null && counted.md5Unexpected > 0) {
    yield error(
      `the kernel dropped ${times(counted.md5Unexpected)} with a signature that was not asked for ${within} (TCPMD5Unexpected)`,
      'the peer has a password for us, we have none for it',
    );
  }
  if (config.ttl.kind === 'gtsm' && counted.ttlTooLow > 0) {
    yield error(
      `the kernel dropped ${times(counted.ttlTooLow)} with a TTL below ${256 - config.ttl.hops} ${within} (TCPMinTTLDrop)`,
      'the peer does not send with TTL 255 (ttl-security, GTSM), or is more hops away than configured',
    );
  }
}

/** What ended it, or keeps it from coming up. */
function* errors({ config, lastError, lastDialFailure }: PeerCircumstances): Generator<Finding> {
  if (lastDialFailure !== null) {
    yield error(`${lastDialFailure.message} (${lastDialFailure.code})`, hintOfDial(lastDialFailure.code, config));
  }
  if (lastError === null || lastError.reason.kind === 'connection-failed') return;
  const { reason } = lastError;
  if (reason.kind === 'administrative' && reason.cause === 'bfd-down') {
    yield error('BFD says that the path to the peer is broken', 'look at the link and at the peer: peregrine show bfd');
    return;
  }
  const who =
    reason.kind === 'notification-received' ? 'the peer ended it: ' : reason.code === null ? '' : 'we ended it: ';
  const hint = hintOfError(reason, config);
  const lost =
    'the peer closed it without saying why: it may not know our address, or was restarted; its log says more';
  yield error(`${who}${reason.text}`, hint === '' && reason.kind === 'connection-lost' ? lost : hint);
}

/** What it waits for, when nothing else is wrong. */
function* waiting({ config, state, pauseSeconds, lastError, lastDialFailure }: PeerCircumstances): Generator<Finding> {
  if (pauseSeconds !== null && state === 'Idle') {
    yield info(
      `it pauses after the error for another ${Math.ceil(pauseSeconds)} s`,
      'the pause doubles with every error',
    );
  }
  if (config.passive && state === 'Active' && lastError === null) {
    yield warning(
      `we do not dial (passive), and ${config.peerAddress} has not dialled us`,
      'is the peer up, does it have our address, and is it not passive too?',
    );
  }
  if (state === 'Connect' && lastDialFailure === null && lastError === null) {
    yield info(`${config.peerAddress} has not answered yet`, '');
  }
  if (state === 'OpenSent') {
    yield warning(
      'the connection is up, but the peer has sent no OPEN',
      'is it BGP that listens there? Is it blocked, or does it wait (DelayOpen)?',
    );
  }
}

function* strangers({ config, strangers: refused }: PeerCircumstances): Generator<Finding> {
  if (refused.length === 0) return;
  const list = refused
    .slice(0, 3)
    .map(({ address, count }) => `${address} (${count === 1 ? 'once' : `${count} times`})`)
    .join(', ');
  yield warning(
    `dialled by somebody who is no peer: ${list}`,
    `if one of them is ${config.name}: it uses another source address than ${config.peerAddress}`,
  );
}

/** A session that is up and still not as somebody wanted it. */
function* established(peer: PeerCircumstances, session: NegotiatedSession): Generator<Finding> {
  const { config, families, endOfRib, isBlocked } = peer;
  for (const [index, negotiated] of session.families.entries()) {
    const name = FAMILY_NAMES[index];
    if (!config.families.includes(name)) continue;
    if (!negotiated) {
      yield warning(`${name} is configured here, but the peer did not offer it`, 'compare the families of both sides');
      continue;
    }
    const counters = families[name];
    if (counters === undefined) continue;
    const { received, accepted, advertised } = counters;
    if (received > 0 && accepted === 0) {
      yield warning(
        `none of the ${received} ${name} paths of the peer may be used`,
        `peregrine show received ${config.name} says why`,
      );
    }
    if (advertised === 0) {
      yield info(`the peer is told no ${name} route`, `peregrine explain advertised PREFIX ${config.name}`);
    }
    if (!endOfRib[index] && session.gracefulRestart !== null) {
      yield info(`End-of-RIB of ${name} has not come yet`, 'the peer still sends its table');
    }
  }
  if (isBlocked)
    yield warning('the peer does not read what we send', 'it is slow or hangs; the send hold timer ends that');
}
