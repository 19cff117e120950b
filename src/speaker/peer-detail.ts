/** What one peer shows beyond what the list of all peers has: timers, both OPENs as they went over the wire. */

import { FAMILY_NAMES, type FamilyName } from '../../bgp/family.ts';
import { formatIpv4 } from '../../bgp/ip.ts';
import { decodeOpen } from '../../bgp/wire/open.ts';
import type { View } from '../api/schema.ts';
import type { PeerDriver } from './peer-driver.ts';

type Detail = Omit<View<'PeerDetail'>, keyof View<'Peer'>>;

/** The machine's names, as the RFCs write them. */
const TIMER_NAMES: Readonly<Record<string, string>> = {
  connectRetry: 'ConnectRetryTimer',
  idleHold: 'IdleHoldTimer',
  errorForget: 'back-off forgotten',
  restart: 'Restart Time',
  stale: 'stale routes removed',
  hold: 'HoldTimer',
  keepalive: 'KeepaliveTimer',
  sendHold: 'SendHoldTimer',
  delayOpen: 'DelayOpenTimer',
  longLivedStale: 'Long-lived Stale Time',
};

export function peerDetail(driver: PeerDriver): Detail {
  const { config, lastDialFailure, endOfRibReceived, session } = driver;
  const endOfRib: { [F in FamilyName]?: boolean } = {};
  for (const [index, isNegotiated] of (session?.families ?? []).entries()) {
    if (isNegotiated) endOfRib[FAMILY_NAMES[index]] = endOfRibReceived[index];
  }
  return {
    enabled: config.enabled,
    disabledByHand: driver.isDisabled,
    interface: config.interfaceName,
    logLevel: driver.logLevel,
    timers: driver.timers().map(({ timer, milliseconds }) => {
      const [name, of] = timer.split(' ');
      return {
        timer: `${TIMER_NAMES[name] ?? name}${name === 'longLivedStale' ? ` of ${of}` : ''}`,
        remainingSeconds: Math.round(milliseconds / 100) / 10,
      };
    }),
    openSent: openView(driver.openSent),
    openReceived: openView(driver.openReceived),
    endOfRibReceived: endOfRib,
    lastDialFailure:
      lastDialFailure === null
        ? null
        : {
            at: new Date(lastDialFailure.atWallMs).toISOString(),
            code: lastDialFailure.code,
            text: lastDialFailure.message,
          },
  };
}

/** Null: none was sent or received, or it could not be read (the last error says why). */
function openView(octets: Uint8Array | null): Detail['openSent'] {
  if (octets === null) return null;
  const decoded = decodeOpen(octets, 0, octets.length);
  if (!decoded.ok) return null;
  const { version, as, holdTimeSeconds, bgpIdentifier, capabilities } = decoded.message;
  return {
    version,
    as,
    holdTimeSeconds,
    bgpIdentifier: formatIpv4(bgpIdentifier),
    capabilities: capabilities.map((one) => ({ ...one })),
  };
}
