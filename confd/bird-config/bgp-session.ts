/**
 * A BGP protocol as a session and what its routes may do, with the defaults of BIRD 1.6 in Calico's fork: what Calico
 * leaves out means the same as in BIRD, not what our own default is.
 */

import type { FamilyName } from '../../bgp/family.ts';
import { type SessionConfig, sessionConfig, type TtlSecurity } from '../../bgp/session-config.ts';
import { ACCEPT_ALL, REJECT_ALL } from '../../rib/policy/policy.ts';
import { onlyFamily } from '../derive/per-family.ts';
import type { DesiredPeer } from '../desired-state.ts';
import type { Protocol } from './ast.ts';
import type { BfdProtocol } from './bfd.ts';
import { BirdConfigError } from './diagnostic.ts';
import { checkCommonOptions, Options, type Warn } from './options.ts';
import { BGP_PREFERENCE, type PolicyTranslator } from './translate-policy.ts';

const DEFAULT_PORT = 179;
const DEFAULT_MULTIHOP = 64;
/** Largest restart time that fits the capability (RFC 4724 3). */
const MAX_RESTART_TIME_SECONDS = 4095;
const MAX_PASSWORD_OCTETS = 80;

export interface BgpInputs {
  readonly family: FamilyName;
  readonly routerId: string;
  readonly policies: PolicyTranslator;
  readonly bfd: BfdProtocol;
  readonly warn: Warn;
}

interface Ends {
  readonly peerAddress: string;
  readonly peerPort: number;
  readonly peerAs: number;
  readonly localAs: number;
  readonly localAddress: string | null;
  readonly interfaceName: string | null;
}

/** BIRD's own checks, in its words; they are about the protocol as a whole, so about its closing brace. */
function endsOf(options: Options): Ends {
  const { end } = options.protocol;
  const fail = (message: string): never => {
    throw new BirdConfigError(end, message);
  };
  const local = options.value('local', 'local');
  const neighbor = options.value('neighbor', 'neighbor');
  if (local === null || local.as === 0) return fail('Local AS number must be set');
  if (neighbor === null || neighbor.address === null) return fail('Neighbor must be configured');
  if (neighbor.as === null || neighbor.as === 0) return fail('Remote AS number must be set');
  if (neighbor.port !== null && (neighbor.port < 1 || neighbor.port > 65_535)) return fail('Invalid port number');
  const interfaceName = neighbor.interfaceName ?? options.text('interface');
  const isLinkLocal = /^fe[89ab]/.test(neighbor.address);
  if (isLinkLocal && interfaceName === null) return fail('Link-local neighbor address requires specified interface');
  return {
    peerAddress: neighbor.address,
    peerPort: neighbor.port ?? DEFAULT_PORT,
    peerAs: neighbor.as,
    localAs: local.as,
    localAddress: options.text('source address') ?? local.address,
    interfaceName,
  };
}

function ttlOf(
  options: Options,
  { peerAs, localAs, peerAddress, interfaceName }: Ends,
): { readonly ttl: TtlSecurity; readonly isMultihop: boolean } {
  const { end } = options.protocol;
  const fail = (message: string): never => {
    throw new BirdConfigError(end, message);
  };
  const isDirect = options.lastOf(['multihop', 'direct']) ?? (peerAs === localAs ? 'multihop' : 'direct');
  const hops = isDirect === 'direct' ? 1 : options.number('multihop', DEFAULT_MULTIHOP);
  if (isDirect !== 'direct') {
    if (hops < 1 || hops > 255) return fail('Multihop must be in range 1-255');
    if (options.lastOf(['gateway direct', 'gateway recursive']) === 'gateway direct') {
      return fail('Multihop BGP cannot use direct gateway mode');
    }
    // An internal session is multihop unless it is said, which a link-local neighbor says.
    if (options.has('multihop') && /^fe[89ab]/.test(peerAddress)) {
      return fail('Multihop BGP cannot be used with link-local addresses');
    }
    if (options.has('multihop') && interfaceName !== null) return fail('Multihop BGP cannot be bound to interface');
  }
  const isLinkLocal = /^fe[89ab]/.test(peerAddress);
  const effective = isLinkLocal ? 1 : hops;
  const isSecure = options.bool('ttl security', false);
  return {
    ttl: isSecure ? { kind: 'gtsm', hops: effective } : { kind: 'multihop', ttl: effective },
    isMultihop: isDirect !== 'direct' && !isLinkLocal,
  };
}

function gracefulRestartOf(options: Options, warn: Warn): SessionConfig['gracefulRestart'] {
  const written = options.number('graceful restart time', 120);
  if (written > MAX_RESTART_TIME_SECONDS) {
    warn(
      options.at('graceful restart time'),
      `${written} s does not fit the capability: ${MAX_RESTART_TIME_SECONDS} s used`,
    );
  }
  const word = options.lastOf(['graceful restart', 'graceful restart aware']);
  const isOn = word === 'graceful restart' && options.bool('graceful restart', true);
  const isOff = word === 'graceful restart' && !isOn;
  const llgrWord = options.lastOf(['long lived graceful restart', 'long lived graceful restart aware']);
  const isLongLived = llgrWord === 'long lived graceful restart' && options.bool(llgrWord, true);
  const isLlgrOff = llgrWord === 'long lived graceful restart' && !isLongLived;
  const stale = isLongLived ? options.number('long lived stale time', 3600) : 0;
  return {
    mode: isOn ? 'full' : isOff ? 'off' : 'helper',
    restartTimeSeconds: Math.min(written, MAX_RESTART_TIME_SECONDS),
    // Not RFC 8538, which BIRD 1.6 does not know.
    notification: false,
    longLivedStaleTimeSeconds: isOff || isLlgrOff ? null : stale,
  };
}

function addPathOf(options: Options): { send: boolean; receive: boolean } {
  switch (options.lastOf(['add paths', 'add paths rx', 'add paths tx'])) {
    case 'add paths': {
      const isOn = options.bool('add paths', true);
      return { send: isOn, receive: isOn };
    }
    case 'add paths rx':
      return { send: false, receive: true };
    case 'add paths tx':
      return { send: true, receive: false };
    default:
      return { send: false, receive: false };
  }
}

function checkTimers(options: Options, holdTimeSeconds: number, keepalive: number | null): void {
  if (holdTimeSeconds !== 0 && holdTimeSeconds < 3) {
    throw new BirdConfigError(options.at('hold time'), `Hold time must be greater than 2 or 0, not ${holdTimeSeconds}`);
  }
  if (keepalive !== null && holdTimeSeconds > 0 && keepalive >= holdTimeSeconds) {
    throw new BirdConfigError(
      options.at('keepalive time'),
      `keepalive time ${keepalive} must be shorter than the hold time of ${holdTimeSeconds}, or the session cannot live`,
    );
  }
}

/** What BIRD can be told and this speaker does otherwise, or not at all. */
function checkUnsupported(options: Options, isInternal: boolean, warn: Warn): void {
  checkCommonOptions(options);
  options.refuse('rs client', 'there is no route server');
  options.mustBe('capabilities', true, 'a session without capabilities cannot carry what is configured');
  options.mustBe('path metric', true, 'AS path length always counts');
  options.mustBe('med metric', false, 'MED of different neighbour ASes is not compared');
  options.mustBe('prefer older', false, 'paths are chosen by what they are, not by their age');
  options.mustBe('igp metric', true, 'the distance to the next hop always counts');
  options.mustBe('interpret communities', true, 'well-known communities are always honoured');
  options.mustBe('allow bgp_local_pref', false, 'LOCAL_PREF of external peers is ignored');
  options.mustBe('secondary', false, 'the best path is the only one');
  options.mustBe('disable after error', false, 'a session is always tried again');
  if (options.has('disable after cease') && options.bool('disable after cease', true)) {
    options.refuse('disable after cease', 'a session is always tried again, wanted: off');
  }
  if (options.number('default bgp_local_pref', 100) !== 100)
    options.refuse('default bgp_local_pref', 'it is always 100');
  if (options.number('default bgp_med', 0) !== 0) options.refuse('default bgp_med', 'it is always 0');
  if (options.has('route limit')) options.refuse('route limit', 'wanted: import limit');
  if (!isInternal && options.has('rr client')) {
    throw new BirdConfigError(options.protocol.end, 'Only internal neighbor can be RR client');
  }
  for (const [name, why] of [
    ['router id', 'one router id counts for all sessions'],
    ['startup hold time', 'the hold time counts from the start'],
    ['check link', 'an address of an interface without link is not reachable anyhow'],
    ['missing lladdr self', 'link-local next hops are sent as they are known'],
    ['missing lladdr drop', 'link-local next hops are sent as they are known'],
    ['gateway direct', 'next hops are always resolved through the table'],
    ['setkey', 'keys are always set for the session'],
    ['import keep filtered', 'received paths are always kept'],
  ] as const) {
    if (options.has(name)) warn(options.at(name), `${name} has no effect: ${why}`);
  }
}

function maxPrefixesOf(options: Options, warn: Warn): number | null {
  const name = options.lastOf(['import limit', 'receive limit']);
  if (name === null) return null;
  const value = options.value(name, 'limit');
  if (value === null || value.limit === null) return null;
  if (value.action === 'warn' || value.action === 'block') {
    options.refuse(name, `action ${value.action} does not exist here, wanted: restart or disable`);
  }
  warn(options.at(name), `${name} closes the session with Cease (RFC 4486); it is tried again after the idle time`);
  return value.limit;
}

function sessionOf(options: Options, ends: Ends, inputs: BgpInputs): SessionConfig {
  const { family, routerId, warn } = inputs;
  const { peerAddress, peerPort, peerAs, localAs, localAddress, interfaceName } = ends;
  const password = options.text('password');
  if (password !== null && (password === '' || Buffer.byteLength(password) > MAX_PASSWORD_OCTETS)) {
    throw new BirdConfigError(options.at('password'), `a password has 1 to ${MAX_PASSWORD_OCTETS} octets`);
  }
  const holdTimeSeconds = options.number('hold time', 240);
  const keepalive = options.number('keepalive time', 0) || null;
  checkTimers(options, holdTimeSeconds, keepalive);
  const { ttl, isMultihop } = ttlOf(options, ends);
  const bfd = inputs.bfd.of(options, { multihop: isMultihop, interfaceName }, warn);
  if (bfd !== null && isMultihop && localAddress === null) {
    throw new BirdConfigError(options.protocol.end, 'Multihop BGP with BFD requires specified source address');
  }
  const [minSeconds, maxSeconds] = options.numbers('error wait time') ?? [60, 300];
  return sessionConfig({
    name: options.protocol.name,
    description: options.text('description') ?? '',
    peerAddress,
    peerPort,
    localAddress,
    interfaceName,
    localAs,
    peerAs,
    bgpIdentifier: routerId,
    passive: options.bool('passive', false),
    enabled: !options.bool('disabled', false),
    families: [family],
    holdTimeSeconds,
    keepaliveTimeSeconds: keepalive,
    connectRetryTimeSeconds: options.number('connect retry time', 120),
    connectDelaySeconds: options.number('connect delay time', 5),
    idleHold: { minSeconds, maxSeconds, forgetSeconds: options.number('error forget time', 300) },
    ttl,
    password,
    fourOctetAs: options.bool('enable as4', true),
    routeRefresh: options.bool('enable route refresh', true),
    enhancedRouteRefresh: options.bool('enable route refresh', true),
    extendedMessage: options.bool('enable extended messages', false),
    extendedNextHop: false,
    addPath: onlyFamily(family, addPathOf(options), { send: false, receive: false }),
    gracefulRestart: gracefulRestartOf(options, warn),
    bfd,
  });
}

/** @throws BirdConfigError for what BIRD refuses, and for what it would do and we would not */
export function bgpPeer(protocol: Protocol, inputs: BgpInputs): DesiredPeer {
  const options = new Options(protocol);
  const ends = endsOf(options);
  const isInternal = ends.peerAs === ends.localAs;
  checkUnsupported(options, isInternal, inputs.warn);
  const { family, policies, warn } = inputs;
  const nextHop = options.lastOf(['next hop self', 'next hop keep']);
  const nextHopMode = nextHop === null ? 'auto' : nextHop === 'next hop self' ? 'self' : 'keep';
  const replacesNextHop = nextHopMode === 'self' || (nextHopMode === 'auto' && !isInternal);
  const preference = options.number('preference', BGP_PREFERENCE);
  const clusterId = options.text('rr cluster id');
  if (clusterId !== null && !options.has('rr client')) {
    warn(options.at('rr cluster id'), 'rr cluster id has no effect without rr client');
  }
  const importPlace = { use: 'import', replacesNextHop: false, clearsMed: false, preference } as const;
  const exportPlace = { use: 'export', replacesNextHop, clearsMed: !isInternal, preference: BGP_PREFERENCE } as const;
  const imports = policies.policy(options.filter('import', 'all'), importPlace, options.at('import'));
  const exports = policies.policy(options.filter('export', 'none'), exportPlace, options.at('export'));
  return {
    session: sessionOf(options, ends, inputs),
    policy: {
      importPolicy: onlyFamily(family, imports, ACCEPT_ALL),
      exportPolicy: onlyFamily(family, exports, REJECT_ALL),
      nextHopMode,
      isRouteReflectorClient: options.has('rr client'),
      clusterId,
      allowOwnAs: options.has('allow local as') ? options.number('allow local as', 1) : 0,
      maxPrefixes: maxPrefixesOf(options, warn),
      removePrivateAs: false,
      // BIRD 1.6 looks for its cluster in what clients send only.
      usesOwnCluster: !options.has('rr client'),
      tellsLinkLocal: false,
    },
  };
}
