/** Why a session is down, or what is odd about it: gathers the circumstances, and says them in words. */

import { FAMILY_NAMES, type FamilyIndex, type FamilyName } from '../../../bgp/family.ts';
import { parseAddress, sameAddress } from '../../../bgp/ip.ts';
import type { FamilyCounters, View } from '../../api/schema.ts';
import type { SpeakerCore } from '../core.ts';
import type { PeerDriver } from '../peer-driver.ts';
import type { Speaker } from '../speaker.ts';
import { waitingFor } from '../views.ts';
import { type PeerCircumstances, peerFindings } from './peer-findings.ts';
import type { TcpDrops } from './tcp-counters.ts';

/** How far back a stranger's connection is worth a word. */
const STRANGERS_MS = 300_000;

export function explainPeer(speaker: Speaker, driver: PeerDriver, drops: TcpDrops | null): View<'PeerExplanation'> {
  const circumstances = circumstancesOf(speaker, driver, drops);
  const findings = peerFindings(circumstances);
  const { lastError } = driver;
  return {
    peer: driver.name,
    state: driver.fsmState,
    verdict: verdict(driver, findings[0]?.what ?? null),
    waitingFor: waitingFor(driver),
    lastError:
      lastError === null ? null : { at: new Date(lastError.atWallMs).toISOString(), text: lastError.reason.text },
    findings,
    kernelCounters: drops,
  };
}

function verdict({ name, session, fsmState }: PeerDriver, first: string | null): string {
  if (session !== null) return first === null ? `${name} is established` : `${name} is established; ${first}`;
  return `${name} is down (${fsmState}): ${first ?? 'nothing is known to be wrong; it waits'}`;
}

function circumstancesOf(speaker: Speaker, driver: PeerDriver, drops: TcpDrops | null): PeerCircumstances {
  const { core } = speaker;
  const { config } = driver;
  const pause = driver.timers().find(({ timer }) => timer.startsWith('idleHold'));
  const families: { [F in FamilyName]?: FamilyCounters } = {};
  for (const family of [0, 1] as FamilyIndex[]) {
    if (core === null || !config.families.includes(FAMILY_NAMES[family])) continue;
    const { received, eligible, best } = core.rib.counters(driver.ribIndex, family);
    const advertised = core.groups.advertisedCount(driver.ribIndex, family);
    families[FAMILY_NAMES[family]] = { received, accepted: eligible, best, advertised };
  }
  return {
    config,
    state: driver.fsmState,
    isDisabled: driver.isDisabled,
    isDrained: driver.isDrained,
    isHeldByBfd: driver.state.isHeldByBfd,
    session: driver.session,
    lastError: driver.lastError,
    lastDialFailure: driver.lastDialFailure,
    pauseSeconds: pause === undefined ? null : pause.milliseconds / 1000,
    listenFailures: speaker.listenFailures,
    drops,
    ...place(core, driver),
    strangers: speaker.listeners.strangersSince(speaker.clock.nowMs() - STRANGERS_MS),
    families,
    endOfRib: driver.endOfRibReceived,
    isBlocked: driver.connection?.isBlocked ?? false,
  };
}

/** What the kernel says about our end and the way to the peer. */
function place(
  core: SpeakerCore | null,
  { config }: PeerDriver,
): Pick<PeerCircumstances, 'hasLocalAddress' | 'hasInterface' | 'route'> {
  if (core === null || core.fib.backend === 'none') return { hasLocalAddress: null, hasInterface: null, route: null };
  const { view } = core.sync;
  const local = config.localAddress === null ? null : parseAddress(config.localAddress);
  const peer = parseAddress(config.peerAddress);
  const hasInterface = config.interfaceName === null ? null : core.fib.interfaceIndex(config.interfaceName) !== 0;
  const isOwn = local === null ? null : [...view.addresses()].some(({ address }) => sameAddress(address, local));
  const isLinkLocal = peer !== null && peer.family === 1 && peer.a >>> 22 === 0x3fa;
  const isSelf = peer !== null && [...view.addresses()].some(({ address }) => sameAddress(address, peer));
  if (peer === null || isLinkLocal || isSelf) return { hasLocalAddress: isOwn, hasInterface, route: null };
  const way = view.resolve(peer.family, peer.a, peer.b, peer.c, peer.d);
  const route = way === null ? 'none' : way.gateway === null ? 'connected' : 'gateway';
  return { hasLocalAddress: isOwn, hasInterface, route };
}
