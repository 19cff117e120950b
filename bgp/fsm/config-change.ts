/**
 * What a new configuration does to a session that runs under the old one. The OPEN and the transport connection cannot
 * be changed under a session, so whatever shows in them resets it; the rest takes effect in place or the next time it
 * is needed.
 */

import type { SessionConfig } from '../session-config.ts';

export type ConfigEffect = 'none' | 'hitless' | 'reset';

const FIELD_EFFECT: { readonly [K in keyof SessionConfig]: 'hitless' | 'reset' } = {
  // Ours alone: the peer never sees it.
  name: 'hitless',
  description: 'hitless',
  peerAddress: 'reset',
  // Only the next dial uses it.
  peerPort: 'hitless',
  localAddress: 'reset',
  interfaceName: 'reset',
  localAs: 'reset',
  peerAs: 'reset',
  bgpIdentifier: 'reset',
  passive: 'hitless',
  enabled: 'reset',
  families: 'reset',
  holdTimeSeconds: 'reset',
  keepaliveTimeSeconds: 'hitless',
  sendHoldTimeSeconds: 'hitless',
  connectRetryTimeSeconds: 'hitless',
  connectDelaySeconds: 'hitless',
  delayOpenTimeSeconds: 'hitless',
  idleHold: 'hitless',
  ttl: 'reset',
  password: 'reset',
  fourOctetAs: 'reset',
  routeRefresh: 'reset',
  enhancedRouteRefresh: 'reset',
  extendedMessage: 'reset',
  extendedNextHop: 'reset',
  addPath: 'reset',
  // But for its times: see resetsGracefulRestart.
  gracefulRestart: 'reset',
  role: 'reset',
  // A session of its own beside the BGP session.
  bfd: 'hitless',
};

export interface ConfigChange {
  readonly effect: ConfigEffect;
  /** Names of the fields that differ. */
  readonly fields: readonly (keyof SessionConfig)[];
  /** Those of them that reset the session; the reason to tell. */
  readonly resetFields: readonly (keyof SessionConfig)[];
}

/** Compares two configurations of the same peer. */
export function compareConfigs(before: SessionConfig, after: SessionConfig): ConfigChange {
  const names = Object.keys(FIELD_EFFECT) as (keyof SessionConfig)[];
  const fields = names.filter((name) => !isEqual(before[name], after[name]));
  const resetFields = fields.filter((name) =>
    name === 'gracefulRestart' ? resetsGracefulRestart(before, after) : FIELD_EFFECT[name] === 'reset',
  );
  return { effect: resetFields.length > 0 ? 'reset' : fields.length > 0 ? 'hitless' : 'none', fields, resetFields };
}

/**
 * Times that we announce for our own restart may wait for the next OPEN; what the two sides have agreed on may not.
 * Whether we keep a peer's routes for longer (a stale time of 0 or not) is our own affair, too.
 */
function resetsGracefulRestart(before: SessionConfig, after: SessionConfig): boolean {
  const agreed = ({ gracefulRestart: { mode, notification, longLivedStaleTimeSeconds } }: SessionConfig) =>
    `${mode} ${notification} ${longLivedStaleTimeSeconds !== null}`;
  return agreed(before) !== agreed(after);
}

/** Equality of plain values: key order does not matter, order in lists does. */
function isEqual(x: unknown, y: unknown): boolean {
  if (x === y) return true;
  if (typeof x !== 'object' || typeof y !== 'object' || x === null || y === null) return false;
  const xs = Object.entries(x);
  const ys = new Map<string, unknown>(Object.entries(y));
  return xs.length === ys.size && xs.every(([key, value]) => ys.has(key) && isEqual(value, ys.get(key)));
}
