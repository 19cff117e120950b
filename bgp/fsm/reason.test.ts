import { describe, expect, test } from 'vitest';
import { type AdministrativeCause, administrativeReason, ceaseFor, receivedReason } from './reason.ts';

describe('ceaseFor', () => {
  test.each([
    ['too many prefixes', 'max-prefixes', null, false, 1, ''],
    ['shutdown', 'shutdown', null, false, 2, ''],
    ['shutdown with a text (RFC 9003)', 'shutdown', 'bye', false, 2, '03627965'],
    ['an empty text is none', 'shutdown', '', false, 2, ''],
    ['de-configured takes no text', 'deconfigured', 'bye', false, 3, ''],
    ['reset with a text', 'reset', 'bye', false, 4, '03627965'],
    ['another configuration', 'configuration-change', null, false, 6, ''],
    ['out of resources', 'out-of-resources', null, false, 8, ''],
    ['BFD down (RFC 9384)', 'bfd-down', null, false, 10, ''],
    ['a hard reset is a reset where the peer keeps nothing anyway', 'hard-reset', null, false, 4, ''],
    ['shutdown where the peer would keep our routes (RFC 8538)', 'shutdown', 'bye', true, 9, '060203627965'],
    ['de-configured likewise', 'deconfigured', null, true, 9, '0603'],
    ['too many prefixes likewise', 'max-prefixes', null, true, 9, '0601'],
    ['BFD down likewise', 'bfd-down', null, true, 9, '060a'],
    ['a hard reset', 'hard-reset', null, true, 9, '0604'],
    ['a reset lets the peer keep our routes', 'reset', null, true, 4, ''],
    ['so does a new configuration', 'configuration-change', null, true, 6, ''],
  ] as const)('%s', (_, cause, text, peerKeepsRoutes, subcode, data) => {
    expect(ceaseFor(cause, text, peerKeepsRoutes)).toEqual({ type: 'notification', code: 6, subcode, data });
  });

  test('a text is cut to 255 octets, between characters', () => {
    const { data } = ceaseFor('shutdown', '\u00e9'.repeat(200), false);
    expect(data.slice(0, 2)).toBe('fe');
    expect(data.length).toBe(2 * 255);
  });
});

describe('reasons', () => {
  test('an administrative reason has the codes as sent and the cause', () => {
    const sent = ceaseFor('shutdown', 'bye', true);
    expect(administrativeReason('shutdown', 'bye', sent)).toMatchObject({
      kind: 'administrative',
      code: 6,
      subcode: 9,
      text: 'Cease (6), Administrative Shutdown (2): bye',
      communication: 'bye',
      cause: 'shutdown',
      hardReset: true,
      silent: false,
      encapsulated: { code: 6, subcode: 2 },
    });
  });

  test('a silent end has no codes', () => {
    const reason = administrativeReason('shutdown', null, null, true);
    expect(reason).toMatchObject({ code: null, subcode: null, silent: true, hardReset: false });
  });

  test('a received shutdown shows its text without control characters', () => {
    const reason = receivedReason({
      type: 'notification',
      code: 6,
      subcode: 2,
      data: '036f1b6b',
      shutdownCommunication: 'o\u001bk',
    });
    expect(reason.kind).toBe('notification-received');
    expect(reason.text).toContain('Administrative Shutdown');
    expect(reason.text).not.toContain('\u001b');
    expect(reason.communication).toBe('o\u001bk');
  });

  test('a received Hard Reset shows what it carries', () => {
    const reason = receivedReason({ type: 'notification', code: 6, subcode: 9, data: '0604' });
    expect(reason).toMatchObject({ code: 6, subcode: 9, hardReset: true, encapsulated: { code: 6, subcode: 4 } });
    expect(reason.text).toContain('Administrative Reset');
  });

  test('a Hard Reset without content carries nothing', () => {
    const reason = receivedReason({ type: 'notification', code: 6, subcode: 9, data: '06' });
    expect(reason).toMatchObject({ hardReset: true, encapsulated: null });
  });

  test('every cause has a Cease of its own or is a kind of reset', () => {
    const causes: AdministrativeCause[] = ['max-prefixes', 'shutdown', 'deconfigured', 'reset', 'configuration-change'];
    expect(new Set(causes.map((cause) => ceaseFor(cause, null, false).subcode)).size).toBe(causes.length);
  });
});
