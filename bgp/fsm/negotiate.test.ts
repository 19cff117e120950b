import { describe, expect, test } from 'vitest';
import type { NegotiatedSession } from '../negotiated.ts';
import type { SessionConfig } from '../session-config.ts';
import type { Capability } from '../wire/capability.ts';
import type { OpenMessage } from '../wire/message-types.ts';
import { buildOpen } from './local-open.ts';
import { type Negotiation, negotiate } from './negotiate.ts';
import { NO_RESTART } from './state.ts';
import { LOCAL_IDENTIFIER, testConfig } from './test-support.ts';

const CIRCUMSTANCES = { localRestart: NO_RESTART, hasBeenEstablished: false, omitCapabilities: false };

const IPV4: Capability = { kind: 'multiprotocol', afi: 1, safi: 1 };
const IPV6: Capability = { kind: 'multiprotocol', afi: 2, safi: 1 };

function open(capabilities: readonly Capability[], given: Partial<OpenMessage> = {}): OpenMessage {
  return {
    type: 'open',
    version: 4,
    as: 64512,
    myAs: 64512,
    holdTimeSeconds: 90,
    bgpIdentifier: 0x0a000002,
    capabilities,
    ...given,
  };
}

function attempt(given: Partial<SessionConfig>, peer: OpenMessage): Negotiation {
  const config = testConfig(given);
  return negotiate(config, buildOpen(config, CIRCUMSTANCES), peer);
}

function agree(given: Partial<SessionConfig>, peer: OpenMessage): NegotiatedSession {
  const result = attempt(given, peer);
  if (!result.ok) throw new Error(result.error.reason);
  return result.session;
}

const BOTH = { families: ['ipv4-unicast', 'ipv6-unicast'] } as const;
const EXTERNAL = { peerAs: 65000 } as const;
const external = (capabilities: readonly Capability[]) => open(capabilities, { as: 65000, myAs: 65000 });
const role = (value: 'provider' | 'customer' | 'peer' | 'rs-server' | 'rs-client'): Capability => ({
  kind: 'role',
  role: value,
});

describe('an OPEN is refused', () => {
  test.each([
    ['version', {}, open([IPV4], { version: 3 }), 1, '0004'],
    ['another AS', {}, open([IPV4], { as: 64513 }), 2, ''],
    ['AS 0 (RFC 7607)', { peerAs: 0 }, open([IPV4], { as: 0 }), 2, ''],
    [
      'AS_TRANS is not the AS of a peer without four-octet AS',
      { peerAs: 4200000000 },
      open([IPV4], { as: 23456 }),
      2,
      '',
    ],
    ['identifier 0 (RFC 6286)', {}, open([IPV4], { bgpIdentifier: 0 }), 3, ''],
    ['our own identifier inside the AS', {}, open([IPV4], { bgpIdentifier: LOCAL_IDENTIFIER }), 3, ''],
    ['hold time 1', {}, open([IPV4], { holdTimeSeconds: 1 }), 6, ''],
    ['hold time 2', {}, open([IPV4], { holdTimeSeconds: 2 }), 6, ''],
    ['no family in common', {}, open([IPV6]), 7, '010400010001'],
    [
      'no family in common, two wanted',
      BOTH,
      open([{ kind: 'multiprotocol', afi: 1, safi: 128 }]),
      7,
      '010400010001010400020001',
    ],
    ['plain BGP-4, but we want IPv6', { families: ['ipv6-unicast'] as const }, open([]), 7, '010400020001'],
    ['two roles', EXTERNAL, external([IPV4, role('peer'), role('customer')]), 11, ''],
    ['two roles, none wanted', { ...EXTERNAL, role: null }, external([IPV4, role('peer'), role('customer')]), 11, ''],
    [
      'a role that does not fit',
      { ...EXTERNAL, role: { local: 'provider', strict: false } as const },
      external([IPV4, role('peer')]),
      11,
      '',
    ],
    [
      'a role that does not exist',
      { ...EXTERNAL, role: { local: 'peer', strict: false } as const },
      external([IPV4, { kind: 'unknown', code: 9, octets: '07' }]),
      11,
      '',
    ],
    ['no role, strict', { ...EXTERNAL, role: { local: 'peer', strict: true } as const }, external([IPV4]), 11, ''],
  ])('%s', (_, given, peer, subcode, data) => {
    const result = attempt(given, peer);
    expect(result).toMatchObject({ ok: false, error: { code: 2, subcode, data } });
    expect(result.ok || result.error.reason).not.toBe('');
  });
});

describe('a session is made', () => {
  test.each([
    ['IPv4', {}, open([IPV4]), { families: [true, false], isInternal: true }],
    ['without capabilities: IPv4', BOTH, open([]), { families: [true, false], asn4: false, routeRefresh: false }],
    [
      'with IPv6 only, offered by a peer with both',
      { families: ['ipv6-unicast'] as const },
      open([IPV4, IPV6]),
      { families: [false, true] },
    ],
    ['with both', BOTH, open([IPV6, IPV4]), { families: [true, true] }],
    [
      'the same identifier in another AS (RFC 6286)',
      EXTERNAL,
      open([IPV4], { as: 65000, bgpIdentifier: LOCAL_IDENTIFIER }),
      { isInternal: false, peerBgpIdentifier: LOCAL_IDENTIFIER },
    ],
    [
      'four-octet AS',
      { peerAs: 4200000000 },
      open([IPV4, { kind: 'four-octet-as', as: 4200000000 }], { as: 4200000000, myAs: 23456 }),
      { asn4: true, peerAs: 4200000000 },
    ],
    [
      'four-octet AS not offered by us',
      { fourOctetAs: false },
      open([IPV4, { kind: 'four-octet-as', as: 64512 }]),
      { asn4: false },
    ],
    [
      'hold time of the peer, shorter',
      { holdTimeSeconds: 240 },
      open([IPV4]),
      { holdTimeSeconds: 90, keepaliveTimeSeconds: 30 },
    ],
    [
      'hold time of ours, shorter',
      { holdTimeSeconds: 9 },
      open([IPV4]),
      { holdTimeSeconds: 9, keepaliveTimeSeconds: 3 },
    ],
    [
      'hold time 0 of the peer',
      {},
      open([IPV4], { holdTimeSeconds: 0 }),
      { holdTimeSeconds: 0, keepaliveTimeSeconds: 0 },
    ],
    ['hold time 0 of ours', { holdTimeSeconds: 0 }, open([IPV4]), { holdTimeSeconds: 0, keepaliveTimeSeconds: 0 }],
    ['hold time 3', { holdTimeSeconds: 3 }, open([IPV4]), { holdTimeSeconds: 3, keepaliveTimeSeconds: 1 }],
    [
      'extended messages',
      {},
      open([IPV4, { kind: 'extended-message' }]),
      { extendedMessage: true, maxMessageLengthOctets: 65535 },
    ],
    ['no extended messages', {}, open([IPV4]), { extendedMessage: false, maxMessageLengthOctets: 4096 }],
    ['route refresh', {}, open([IPV4, { kind: 'route-refresh' }]), { routeRefresh: true, enhancedRouteRefresh: false }],
    [
      'enhanced route refresh',
      {},
      open([IPV4, { kind: 'route-refresh' }, { kind: 'enhanced-route-refresh' }]),
      { routeRefresh: true, enhancedRouteRefresh: true },
    ],
    [
      'enhanced route refresh needs the plain one',
      {},
      open([IPV4, { kind: 'enhanced-route-refresh' }]),
      { routeRefresh: false, enhancedRouteRefresh: false },
    ],
    [
      'extended next hop',
      { extendedNextHop: true },
      open([IPV4, { kind: 'extended-next-hop', families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] }]),
      { extendedNextHop: true },
    ],
    [
      'extended next hop of another family',
      { extendedNextHop: true },
      open([IPV4, { kind: 'extended-next-hop', families: [{ afi: 1, safi: 128, nextHopAfi: 2 }] }]),
      { extendedNextHop: false },
    ],
    [
      'extended next hop that we do not want',
      {},
      open([IPV4, { kind: 'extended-next-hop', families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] }]),
      { extendedNextHop: false },
    ],
    [
      'a role that fits',
      { ...EXTERNAL, role: { local: 'rs-server', strict: true } as const },
      external([IPV4, role('rs-client')]),
      { role: { local: 'rs-server', peer: 'rs-client' } },
    ],
    [
      'the same role twice',
      { ...EXTERNAL, role: { local: 'peer', strict: true } as const },
      external([IPV4, role('peer'), role('peer')]),
      { role: { local: 'peer', peer: 'peer' } },
    ],
    [
      'no role of the peer, not strict',
      { ...EXTERNAL, role: { local: 'customer', strict: false } as const },
      external([IPV4]),
      { role: { local: 'customer', peer: null } },
    ],
    [
      'roles mean nothing inside an AS',
      { role: { local: 'customer', strict: true } as const },
      open([IPV4, role('peer')]),
      { role: null },
    ],
  ])('%s', (_, given, peer, expected) => {
    expect(agree(given, peer)).toMatchObject(expected);
  });

  test('and what it lacks is reported', () => {
    const result = attempt({ ...BOTH, keepaliveTimeSeconds: 100 }, open([IPV4]));
    expect(result.ok && result.adjustments).toEqual([
      'keepalive time 100 s is not below the negotiated hold time 90 s: using 30 s',
      'ipv6-unicast is configured but the peer does not offer it',
    ]);
  });
});

describe('ADD-PATH', () => {
  const offer = (send: boolean, receive: boolean): Capability => ({
    kind: 'add-path',
    families: [{ afi: 1, safi: 1, send, receive }],
  });
  const ours = (send: boolean, receive: boolean) => ({
    addPath: { 'ipv4-unicast': { send, receive }, 'ipv6-unicast': { send: false, receive: false } },
  });

  test.each([
    ['both ways', ours(true, true), offer(true, true), true, true],
    ['the peer only sends', ours(true, true), offer(true, false), true, false],
    ['the peer only receives', ours(true, true), offer(false, true), false, true],
    ['we only send', ours(true, false), offer(true, true), false, true],
    ['we only receive', ours(false, true), offer(true, true), true, false],
    ['both only send', ours(true, false), offer(true, false), false, false],
    ['not offered by us', ours(false, false), offer(true, true), false, false],
  ])('%s', (_, given, capability, receives, sends) => {
    const session = agree(given, open([IPV4, capability]));
    expect(session.addPathReceive).toEqual([receives, false]);
    expect(session.addPathSend).toEqual([sends, false]);
  });

  test('not for a family that the session does not carry', () => {
    const both = { send: true, receive: true };
    const session = agree(
      { ...BOTH, addPath: { 'ipv4-unicast': both, 'ipv6-unicast': both } },
      open([IPV4, { kind: 'add-path', families: [{ afi: 2, safi: 1, ...both }] }]),
    );
    expect(session.addPathReceive).toEqual([false, false]);
    expect(session.addPathSend).toEqual([false, false]);
  });
});

describe('graceful restart', () => {
  const restart = (given: Partial<Extract<Capability, { kind: 'graceful-restart' }>> = {}): Capability => ({
    kind: 'graceful-restart',
    restarted: false,
    notification: false,
    restartTimeSeconds: 120,
    families: [{ afi: 1, safi: 1, forwardingPreserved: true }],
    ...given,
  });
  const longLived: Capability = {
    kind: 'long-lived-graceful-restart',
    families: [{ afi: 1, safi: 1, forwardingPreserved: true, staleTimeSeconds: 3600 }],
  };
  const KEEPING = {
    gracefulRestart: { mode: 'helper', restartTimeSeconds: 120, notification: true, longLivedStaleTimeSeconds: 600 },
  } as const;

  test.each([
    ['not offered by the peer', {}, [], null],
    [
      'offered',
      {},
      [restart()],
      {
        notification: false,
        restartTimeSeconds: 120,
        restarted: false,
        families: [{ family: 0, forwardingPreserved: true }],
      },
    ],
    ['R bit', {}, [restart({ restarted: true })], { restarted: true }],
    ['N bit of both', {}, [restart({ notification: true })], { notification: true }],
    [
      'N bit of the peer only',
      { gracefulRestart: { ...KEEPING.gracefulRestart, notification: false } },
      [restart({ notification: true })],
      { notification: false },
    ],
    ['off here', { gracefulRestart: { ...KEEPING.gracefulRestart, mode: 'off' as const } }, [restart()], null],
    [
      'the last of several counts',
      {},
      [restart({ restartTimeSeconds: 1 }), restart({ restartTimeSeconds: 2 })],
      { restartTimeSeconds: 2 },
    ],
    [
      'families that are not in the session do not count',
      {},
      [restart({ families: [{ afi: 2, safi: 1, forwardingPreserved: true }] })],
      { families: [] },
    ],
  ])('%s', (_, given, capabilities, expected) => {
    const session = agree(given, open([IPV4, ...capabilities]));
    if (expected === null) expect(session.gracefulRestart).toBeNull();
    else expect(session.gracefulRestart).toMatchObject(expected);
  });

  test.each([
    ['long-lived, both', KEEPING, [restart(), longLived], 3600],
    ['long-lived needs the plain one', KEEPING, [longLived], null],
    ['long-lived, not offered here', {}, [restart(), longLived], null],
    ['long-lived, not offered by the peer', KEEPING, [restart()], null],
  ])('%s', (_, given, capabilities, staleTimeSeconds) => {
    const session = agree(given, open([IPV4, ...capabilities]));
    expect(session.longLivedGracefulRestart?.families[0]?.staleTimeSeconds ?? null).toBe(staleTimeSeconds);
  });
});
