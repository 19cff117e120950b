import { describe, expect, test } from 'vitest';
import { survivingDirection } from './collision.ts';
import { HIGH_IDENTIFIER, LOW_IDENTIFIER, peerIn, peerOpen } from './test-support.ts';

describe('survivingDirection', () => {
  test.each([
    ['our identifier is higher: ours stays', 2, 1, 64512, 64512, 'outgoing'],
    ['the peer has the higher identifier: its connection stays', 1, 2, 64512, 64512, 'incoming'],
    ['identifiers are unsigned', 0xc0000201, 0x0a000001, 64512, 64512, 'outgoing'],
    ['the AS number does not matter when identifiers differ', 2, 1, 64512, 4200000000, 'outgoing'],
    ['equal identifiers, we have the higher AS number (RFC 6286)', 1, 1, 64513, 64512, 'outgoing'],
    ['equal identifiers, the peer has the higher AS number', 1, 1, 64512, 4200000000, 'incoming'],
  ] as const)('%s', (_, localBgpIdentifier, peerBgpIdentifier, localAs, peerAs, expected) => {
    expect(survivingDirection({ localBgpIdentifier, peerBgpIdentifier, localAs, peerAs })).toBe(expected);
    // The peer, looking from the other side, keeps the same connection.
    const seenByPeer = survivingDirection({
      localBgpIdentifier: peerBgpIdentifier,
      peerBgpIdentifier: localBgpIdentifier,
      localAs: peerAs,
      peerAs: localAs,
    });
    expect(seenByPeer).not.toBe(expected);
  });
});

/** Both connections in OpenSent; then OPENs arrive on them in either order. */
describe('two connections to one peer', () => {
  test.each([
    ['OPEN on the dialled one, which wins', ['out-1'], LOW_IDENTIFIER, 'in-1'],
    ['OPEN on the dialled one, which would lose: both go on', ['out-1'], HIGH_IDENTIFIER, ''],
    ['then OPEN on the other, which wins', ['out-1', 'in-1'], HIGH_IDENTIFIER, 'out-1'],
    ['OPEN on the incoming one, which wins', ['in-1'], HIGH_IDENTIFIER, 'out-1'],
    ['OPEN on the incoming one, which would lose: both go on', ['in-1'], LOW_IDENTIFIER, ''],
    ['then OPEN on the dialled one, which wins', ['in-1', 'out-1'], LOW_IDENTIFIER, 'in-1'],
  ] as const)('%s', (_, order, bgpIdentifier, loser) => {
    const driver = peerIn('OpenSent, both');
    for (const connectionId of order) {
      expect(driver.closed.size).toBe(0);
      driver.apply({ type: 'openReceived', connectionId, open: peerOpen({ bgpIdentifier }) });
    }
    expect(driver.closedNow).toBe(loser);
    expect(driver.sent).toBe(loser === '' ? 'keepalive' : 'notification 6/7 keepalive');
    expect(driver.of('attemptFailed').map(({ reason }) => reason.kind)).toEqual(loser === '' ? [] : ['collision']);
    expect(driver.peerState).toBe('OpenConfirm');
    // A collision is nobody's fault.
    expect(driver.timers.has('idleHold')).toBe(false);
    expect(driver.violations).toEqual([]);
  });

  test('the newer OPEN loses against a connection in OpenConfirm', () => {
    // The incoming one comes first and wins; the OPEN of the loser was under way already.
    const driver = peerIn('OpenSent, both');
    driver.apply({ type: 'openReceived', connectionId: 'out-1', open: peerOpen({ bgpIdentifier: HIGH_IDENTIFIER }) });
    driver.apply({ type: 'openReceived', connectionId: 'in-1', open: peerOpen({ bgpIdentifier: HIGH_IDENTIFIER }) });
    expect(driver.closed).toEqual(new Set(['out-1']));
    driver.apply({ type: 'keepaliveReceived', connectionId: 'in-1' });
    expect(driver.peerState).toBe('Established');
  });

  test('a dial under way is given up when the incoming connection wins', () => {
    const driver = peerIn('OpenSent, incoming, dialling');
    driver.apply({ type: 'openReceived', connectionId: 'in-1', open: peerOpen({ bgpIdentifier: HIGH_IDENTIFIER }) });
    expect(driver.closedNow).toBe('out-1');
    expect(driver.sent).toBe('keepalive');
    // Should the winner fail, we dial again.
    expect(driver.timers.has('connectRetry')).toBe(true);
  });

  test('the first to be Established wins whatever the identifiers', () => {
    const driver = peerIn('OpenConfirm, outgoing, incoming in OpenSent');
    driver.apply({ type: 'keepaliveReceived', connectionId: 'out-1' });
    expect(driver.peerState).toBe('Established');
    expect(driver.closedNow).toBe('in-1');
    expect(driver.sent).toBe('notification 6/7');
  });

  test('no dial is begun while the connection of the peer is in OpenConfirm', () => {
    const driver = peerIn('OpenConfirm, incoming, waiting to dial');
    driver.expire('connectRetry');
    expect(driver.of('connect')).toEqual([]);
    expect(driver.timers.has('connectRetry')).toBe(true);
  });

  test('losing the loser to a bare close does not slow the peer down', () => {
    const driver = peerIn('OpenSent, both');
    driver.apply(
      { type: 'openReceived', connectionId: 'out-1', open: peerOpen({ bgpIdentifier: HIGH_IDENTIFIER }) },
      { type: 'connectionFailed', connectionId: 'out-1', error: null },
    );
    expect(driver.timers.has('idleHold')).toBe(false);
    expect(driver.peerState).toBe('OpenSent');
  });
});
