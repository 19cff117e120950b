import { describe, expect, test } from 'vitest';
import type { SessionConfig } from '../session-config.ts';
import { decodeOpen, encodeOpen } from '../wire/open.ts';
import { buildOpen, type OpenCircumstances } from './local-open.ts';
import { NO_RESTART } from './state.ts';
import { testConfig } from './test-support.ts';

const FRESH: OpenCircumstances = { localRestart: NO_RESTART, hasBeenEstablished: false, omitCapabilities: false };

function capabilityKinds(given: Partial<SessionConfig>, circumstances = FRESH): string[] {
  return buildOpen(testConfig(given), circumstances).capabilities.map(({ kind }) => kind);
}

describe('our OPEN', () => {
  test('has what the configuration says', () => {
    const open = buildOpen(testConfig({ localAs: 4200000000, holdTimeSeconds: 30 }), FRESH);
    expect(open).toMatchObject({
      version: 4,
      as: 4200000000,
      myAs: 23456,
      holdTimeSeconds: 30,
      bgpIdentifier: 0x0a000001,
    });
  });

  test.each([
    [
      'by default',
      {},
      [
        'multiprotocol',
        'route-refresh',
        'extended-message',
        'graceful-restart',
        'four-octet-as',
        'enhanced-route-refresh',
      ],
    ],
    [
      'IPv6 alone, all off',
      {
        families: ['ipv6-unicast'] as const,
        routeRefresh: false,
        extendedMessage: false,
        fourOctetAs: false,
        gracefulRestart: {
          mode: 'off',
          restartTimeSeconds: 0,
          notification: false,
          longLivedStaleTimeSeconds: 5,
        } as const,
      },
      ['multiprotocol'],
    ],
    [
      'a role, but only to another AS',
      { role: { local: 'peer', strict: false } as const, fourOctetAs: false },
      ['multiprotocol', 'route-refresh', 'extended-message', 'graceful-restart', 'enhanced-route-refresh'],
    ],
    [
      'a role to another AS',
      { peerAs: 1, role: { local: 'peer', strict: false } as const },
      [
        'multiprotocol',
        'route-refresh',
        'extended-message',
        'role',
        'graceful-restart',
        'four-octet-as',
        'enhanced-route-refresh',
      ],
    ],
    [
      'extended next hop is about IPv4',
      { families: ['ipv6-unicast'] as const, extendedNextHop: true },
      [
        'multiprotocol',
        'route-refresh',
        'extended-message',
        'graceful-restart',
        'four-octet-as',
        'enhanced-route-refresh',
      ],
    ],
  ])('offers %s', (_, given, kinds) => {
    expect(capabilityKinds(given)).toEqual(kinds);
  });

  test('offers nothing to a peer that refused capabilities, and then its AS number has two octets', () => {
    const open = buildOpen(testConfig({ localAs: 4200000000 }), { ...FRESH, omitCapabilities: true });
    expect(open).toMatchObject({ capabilities: [], as: 23456, myAs: 23456 });
  });

  test('survives the wire', () => {
    const config = testConfig({
      families: ['ipv4-unicast', 'ipv6-unicast'],
      extendedNextHop: true,
      peerAs: 65000,
      role: { local: 'provider', strict: true },
      addPath: { 'ipv4-unicast': { send: true, receive: false }, 'ipv6-unicast': { send: true, receive: true } },
      gracefulRestart: { mode: 'full', restartTimeSeconds: 5000, notification: true, longLivedStaleTimeSeconds: 86400 },
    });
    const open = buildOpen(config, {
      ...FRESH,
      localRestart: { isRestarting: true, forwardingPreserved: [true, false] },
    });
    const octets = encodeOpen(open);
    expect(decodeOpen(octets, 0, octets.length)).toEqual({ ok: true, message: open });
  });
});

describe('graceful restart in our OPEN', () => {
  const restartOf = (
    given: Partial<SessionConfig['gracefulRestart']>,
    circumstances: Partial<OpenCircumstances> = {},
  ) => {
    const gracefulRestart = {
      mode: 'full',
      restartTimeSeconds: 120,
      notification: true,
      longLivedStaleTimeSeconds: 600,
      ...given,
    } as const;
    const open = buildOpen(testConfig({ gracefulRestart }), { ...FRESH, ...circumstances });
    return open.capabilities.filter(({ kind }) => kind.includes('graceful'));
  };

  test.each([
    ['fresh: no bits', {}, false, false],
    [
      'restarting with routes in the kernel: R and F',
      { localRestart: { isRestarting: true, forwardingPreserved: [true, true] as const } },
      true,
      true,
    ],
    [
      'restarting without: R alone',
      { localRestart: { isRestarting: true, forwardingPreserved: [false, false] as const } },
      true,
      false,
    ],
    ['a session lost in this life: F alone', { hasBeenEstablished: true }, false, true],
  ])('%s', (_, circumstances, restarted, forwardingPreserved) => {
    expect(restartOf({}, circumstances)).toEqual([
      {
        kind: 'graceful-restart',
        restarted,
        notification: true,
        restartTimeSeconds: 120,
        families: [{ afi: 1, safi: 1, forwardingPreserved }],
      },
      {
        kind: 'long-lived-graceful-restart',
        families: [{ afi: 1, safi: 1, forwardingPreserved, staleTimeSeconds: 600 }],
      },
    ]);
  });

  test.each([
    ['a helper asks nobody to keep its routes', { mode: 'helper' as const }, [0, 0]],
    ['stale time 0: aware only', { longLivedStaleTimeSeconds: 0 }, [1, 0]],
    ['not offered', { longLivedStaleTimeSeconds: null }, [1]],
    ['off', { mode: 'off' as const }, []],
  ])('%s', (_, given, familyCounts) => {
    expect(restartOf(given).map((capability) => ('families' in capability ? capability.families.length : -1))).toEqual(
      familyCounts,
    );
  });

  test('no N bit, and a restart time that fits twelve bits', () => {
    expect(restartOf({ notification: false, restartTimeSeconds: 9999 })[0]).toMatchObject({
      notification: false,
      restartTimeSeconds: 4095,
    });
  });
});
