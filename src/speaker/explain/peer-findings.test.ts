/** Every hint is a row: what is known on this side, and what is said first. */

import { describe, expect, test } from 'vitest';
import { downReason } from '../../../bgp/fsm/reason.ts';
import type { NegotiatedSession } from '../../../bgp/negotiated.ts';
import { type SessionConfig, sessionConfig } from '../../../bgp/session-config.ts';
import { type PeerCircumstances, peerFindings } from './peer-findings.ts';
import { parseNetstat, TcpDropCounters } from './tcp-counters.ts';

const CONFIG = sessionConfig({
  name: 'tor',
  peerAddress: '192.0.2.1',
  localAs: 65000,
  peerAs: 65001,
  bgpIdentifier: '10.0.0.1',
});
const QUIET: PeerCircumstances = {
  config: CONFIG,
  state: 'Active',
  isDisabled: false,
  isDrained: false,
  isHeldByBfd: false,
  session: null,
  lastError: null,
  lastDialFailure: null,
  pauseSeconds: null,
  listenFailures: [],
  drops: null,
  hasLocalAddress: null,
  route: null,
  hasInterface: null,
  strangers: [],
  families: {},
  endOfRib: [false, false],
  isBlocked: false,
};
const NO_DROPS = { overSeconds: 60, md5Missing: 0, md5Unexpected: 0, md5Wrong: 0, ttlTooLow: 0 };
const withConfig = (more: Partial<SessionConfig>): Partial<PeerCircumstances> => ({ config: { ...CONFIG, ...more } });
const dial = (code: string): Partial<PeerCircumstances> => ({ lastDialFailure: { code, message: 'Cannot connect' } });
const ended = (...args: Parameters<typeof downReason>): Partial<PeerCircumstances> => ({
  lastError: { atWallMs: 0, reason: downReason(...args) },
});
const sent = (code: number, subcode: number) => ended('notification-sent', 'text', { code, subcode });
const received = (code: number, subcode: number) => ended('notification-received', 'text', { code, subcode });

describe('down', () => {
  test.each<[string, Partial<PeerCircumstances>, RegExp]>([
    ['by hand', { isDisabled: true }, /disabled by hand.*peregrine peer tor enable/],
    ['drained', { isDrained: true }, /it is drained.*peregrine peer tor undrain/],
    ['strict BFD', { isHeldByBfd: true }, /waits for BFD.*show bfd/],
    ['by configuration', withConfig({ enabled: false }), /disabled by the configuration/],
    ['port closed', dial('ECONNREFUSED'), /port closed: nothing listens on 192.0.2.1 port 179/],
    ['no answer', dial('ETIMEDOUT'), /packet filter.*password or TTL/],
    ['no route says the kernel', dial('ENETUNREACH'), /no route to 192.0.2.1/],
    ['host away', dial('EHOSTUNREACH'), /is the host up/],
    [
      'own address missing says the dial',
      { ...withConfig({ localAddress: '192.0.2.9' }), ...dial('EADDRNOTAVAIL') },
      /our address 192.0.2.9 is not on this machine/,
    ],
    [
      'own address missing says the kernel',
      { ...withConfig({ localAddress: '192.0.2.9' }), hasLocalAddress: false },
      /our address 192.0.2.9 is not on this machine/,
    ],
    ['no route', { route: 'none' }, /there is no route to 192.0.2.1/],
    [
      'interface missing',
      { ...withConfig({ interfaceName: 'eth9' }), hasInterface: false },
      /the interface eth9 is not there/,
    ],
    ['we expect another AS', sent(2, 2), /we ended it.*we expect the peer in AS 65001/],
    ['the peer expects another AS', received(2, 2), /the peer ended it.*expects another AS from us than 65000/],
    ['same identifier', sent(2, 3), /same BGP Identifier/],
    ['hold time', received(2, 6), /hold time/],
    ['capability', received(2, 7), /families of both/],
    ['role', received(2, 11), /roles do not fit/],
    ['too many prefixes', sent(6, 1), /maxPrefixes/],
    ['shut down there', received(6, 2), /shut the session down on the peer/],
    ['removed there', received(6, 3), /removed us from its configuration/],
    ['refused there', received(6, 5), /does not know our address/],
    ['BFD there', received(6, 10), /BFD/],
    [
      'BFD here',
      ended('administrative', 'text', { cause: 'bfd-down' }),
      /BFD says that the path to the peer is broken/,
    ],
    ['hold timer here', ended('hold-timer-expired', 'text', { code: 4, subcode: 0 }), /nothing came from the peer/],
    ['hold timer there', received(4, 0), /heard nothing from us/],
    ['closed without a word', ended('connection-lost', 'the peer closed the connection'), /may not know our address/],
    [
      'passive, nobody came',
      withConfig({ passive: true }),
      /we do not dial \(passive\), and 192.0.2.1 has not dialled us/,
    ],
    ['no OPEN', { state: 'OpenSent' }, /has sent no OPEN/],
    ['pause', { state: 'Idle', pauseSeconds: 4.2 }, /pauses after the error for another 5 s/],
    [
      'no listener and passive',
      { ...withConfig({ passive: true }), listenFailures: ['Cannot listen on 0.0.0.0 port 179'] },
      /error.*we cannot be dialled: Cannot listen/,
    ],
    [
      'strangers',
      { strangers: [{ address: '192.0.2.7', count: 3 }] },
      /somebody who is no peer: 192.0.2.7 \(3 times\).*other source address|another source address/,
    ],
    [
      'another password',
      { ...withConfig({ password: 'x' }), drops: { ...NO_DROPS, md5Wrong: 2 } },
      /2 segments signed with another password in the last 60 s.*passwords of the two sides differ/,
    ],
    [
      'no password there',
      { ...withConfig({ password: 'x' }), drops: { ...NO_DROPS, md5Missing: 1 } },
      /one segment without a signature.*the peer has no password for us/,
    ],
    ['no password here', { drops: { ...NO_DROPS, md5Unexpected: 1 } }, /we have none for it/],
    [
      'TTL',
      { ...withConfig({ ttl: { kind: 'gtsm', hops: 1 } }), drops: { ...NO_DROPS, ttlTooLow: 1 } },
      /TTL below 255.*does not send with TTL 255/,
    ],
  ])('%s', (_, more, wanted) => {
    const [first] = peerFindings({ ...QUIET, ...more });
    expect(`${first?.severity} ${first?.what} | ${first?.hint}`).toMatch(wanted);
  });

  test('drops come before the dial that timed out because of them', () => {
    const config = { ...CONFIG, password: 'x' };
    const found = peerFindings({ ...QUIET, config, ...dial('ETIMEDOUT'), drops: { ...NO_DROPS, md5Wrong: 1 } });
    expect(found.map(({ what }) => /another password|Cannot connect/.exec(what)?.[0])).toEqual([
      'another password',
      'Cannot connect',
    ]);
  });

  test.each<[string, Partial<PeerCircumstances>]>([
    ['wrong signatures without a password of ours', { drops: { ...NO_DROPS, md5Wrong: 5, md5Missing: 5 } }],
    ['unexpected ones with a password', { ...withConfig({ password: 'x' }), drops: { ...NO_DROPS, md5Unexpected: 5 } }],
    ['low TTLs without GTSM', { drops: { ...NO_DROPS, ttlTooLow: 5 } }],
    ['nothing', {}],
  ])('nothing is made up of %s', (_, more) => expect(peerFindings({ ...QUIET, ...more })).toEqual([]));
});

describe('established', () => {
  const session = { families: [true, false], gracefulRestart: null } as unknown as NegotiatedSession;
  const counters = { received: 0, accepted: 0, best: 0, advertised: 1 };
  test.each<[string, Partial<PeerCircumstances>, RegExp | null]>([
    ['all is well', { families: { 'ipv4-unicast': counters } }, null],
    [
      'a family that is not offered',
      withConfig({ families: ['ipv4-unicast', 'ipv6-unicast'] }),
      /ipv6-unicast is configured here/,
    ],
    [
      'everything refused',
      { families: { 'ipv4-unicast': { ...counters, received: 7 } } },
      /none of the 7 ipv4-unicast paths/,
    ],
    ['told nothing', { families: { 'ipv4-unicast': { ...counters, advertised: 0 } } }, /is told no ipv4-unicast route/],
    ['does not read', { isBlocked: true }, /does not read what we send/],
  ])('%s', (_, more, wanted) => {
    const [first] = peerFindings({ ...QUIET, state: 'Established', session, ...more });
    if (wanted === null) expect(first).toBeUndefined();
    else expect(first?.what).toMatch(wanted);
  });
});

describe('counters of the kernel', () => {
  const text = (md5: number, ttl: number): string =>
    `TcpExt: SyncookiesSent TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPMinTTLDrop\nTcpExt: 9 1 2 ${md5} ${ttl}\nIpExt: A\nIpExt: 1\n`;

  test('are read by name', () => {
    expect(parseNetstat(text(3, 4))).toEqual({ md5Missing: 1, md5Unexpected: 2, md5Wrong: 3, ttlTooLow: 4 });
    expect(parseNetstat('IpExt: A\nIpExt: 1\n')).toBeNull();
    expect(parseNetstat('TcpExt: A\nTcpExt: 1\n')).toEqual({
      md5Missing: 0,
      md5Unexpected: 0,
      md5Wrong: 0,
      ttlTooLow: 0,
    });
  });

  test('are told as what they have grown by since the oldest sample', async () => {
    let [now, md5] = [0, 5];
    const drops = new TcpDropCounters(
      () => now,
      async () => text(md5, 0),
    );
    await drops.sample();
    [now, md5] = [30_000, 8];
    expect(await drops.lately()).toEqual({
      overSeconds: 30,
      md5Missing: 0,
      md5Unexpected: 0,
      md5Wrong: 3,
      ttlTooLow: 0,
    });
    for (let n = 0; n < 10; n++) await drops.sample();
    expect(await drops.lately()).toMatchObject({ md5Wrong: 0 });
  });

  test('that are not there are not made up', async () => {
    const drops = new TcpDropCounters(
      () => 0,
      () => Promise.reject(new Error('ENOENT')),
    );
    expect(await drops.lately()).toBeNull();
  });
});
