import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatNotificationCode } from '../iana.ts';
import { MAX_MESSAGE_OCTETS } from './framer.ts';
import {
  decodeNotification,
  encodeNotification,
  formatNotification,
  hardResetData,
  shutdownCommunicationData,
} from './notification.ts';
import { fromHex } from './octets.ts';

function notification(body: string): Uint8Array {
  const length = (19 + body.length / 2).toString(16).padStart(4, '0');
  return fromHex(`${'ff'.repeat(16)}${length}03${body}`) ?? new Uint8Array(0);
}

describe('NOTIFICATION', () => {
  test.each([
    ['with data', '0302aabb', { code: 3, subcode: 2, data: 'aabb' }],
    ['without subcode is kept with code 0, for it is never answered', '06', { code: 0, subcode: 0, data: '06' }],
    [
      'with a shutdown communication',
      '06020474657374',
      { code: 6, subcode: 2, data: '0474657374', shutdownCommunication: 'test' },
    ],
    ['of a reset with a text', '0604026f6b', { code: 6, subcode: 4, data: '026f6b', shutdownCommunication: 'ok' }],
    ['with an empty text', '060200', { code: 6, subcode: 2, data: '00', shutdownCommunication: '' }],
    ['with octets after the text', '0602016f6b', { code: 6, subcode: 2, data: '016f6b', shutdownCommunication: 'o' }],
    ['with a text that overruns', '0602ff6f', { code: 6, subcode: 2, data: 'ff6f' }],
    ['of another Cease has no text', '0606026f6b', { code: 6, subcode: 6, data: '026f6b' }],
    [
      'of a hard reset with the text inside',
      '06090602026f6b',
      { code: 6, subcode: 9, data: '0602026f6b', shutdownCommunication: 'ok' },
    ],
    ['of a hard reset around another Cease', '06090603', { code: 6, subcode: 9, data: '0603' }],
    [
      'with octets that are no UTF-8',
      '060202c328',
      { code: 6, subcode: 2, data: '02c328', shutdownCommunication: '\ufffd(' },
    ],
  ])('%s', (_name, body, expected) => {
    const octets = notification(body);
    expect(decodeNotification(octets, 0, octets.length)).toEqual({ type: 'notification', ...expected });
    expect(
      encodeNotification({ ...expected, code: octets[19], subcode: octets[20] ?? 0, data: body.slice(4) }),
    ).toEqual(body.length >= 4 ? octets : notification('0600'));
  });

  test('a text of any length survives, cut at 255 octets', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const octets = encodeNotification({ code: 6, subcode: 2, data: shutdownCommunicationData(text) });
        const { shutdownCommunication } = decodeNotification(octets, 0, octets.length);
        expect(octets.length).toBeLessThanOrEqual(19 + 2 + 256);
        expect(text.startsWith(shutdownCommunication ?? '')).toBe(true);
        if (new TextEncoder().encode(text).length <= 255) expect(shutdownCommunication ?? '').toBe(text);
      }),
    );
  });

  test('data that exceeds a message is cut', () => {
    expect(encodeNotification({ code: 3, subcode: 5, data: 'ab'.repeat(5000) }).length).toBe(MAX_MESSAGE_OCTETS);
  });

  test('a hard reset carries what it stands for', () => {
    const data = hardResetData({ code: 6, subcode: 2, data: shutdownCommunicationData('bye') });
    const octets = encodeNotification({ code: 6, subcode: 9, data });
    expect(decodeNotification(octets, 0, octets.length).shutdownCommunication).toBe('bye');
  });

  test('is printed with the names of the registry and without control characters', () => {
    const octets = notification('0602061b5b324a0a41');
    expect(formatNotification(decodeNotification(octets, 0, octets.length))).toBe(
      'Cease (6), Administrative Shutdown (2): \\u{1b}[2J\\u{a}A',
    );
    expect(formatNotificationCode(4, 0)).toBe('Hold Timer Expired (4)');
    expect(formatNotificationCode(6, 77)).toBe('Cease (6), Unknown Subcode (77)');
    expect(formatNotificationCode(99, 0)).toBe('Unknown Error (99)');
  });
});
