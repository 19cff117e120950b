import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { capability as anyCapability, openMessage } from '../../test/fuzz/arbitraries.ts';
import { type Capability, decodeCapability, encodeCapability } from './capability.ts';
import { fromHex, toHex } from './octets.ts';
import { decodeOpen, encodeOpen, twoOctetAs } from './open.ts';

/** An OPEN of AS 65001, hold time 180, identifier 10.0.0.2 around these octets in place of the fixed parts given. */
function open(
  parameters: string,
  { version = '04', as = 'fde9', holdTime = '00b4', identifier = '0a000002' } = {},
): Uint8Array {
  const body = `${version}${as}${holdTime}${identifier}${parameters}`;
  const length = (19 + body.length / 2).toString(16).padStart(4, '0');
  return fromHex(`${'ff'.repeat(16)}${length}01${body}`) ?? new Uint8Array(0);
}

function outcome(octets: Uint8Array): string {
  const result = decodeOpen(octets, 0, octets.length);
  return result.ok ? 'ok' : `${result.error.code}/${result.error.subcode} ${result.error.data}`.trim();
}

describe('OPEN', () => {
  test.each([
    ['without optional parameters is right', open('00'), 'ok'],
    ['with capabilities in one parameter is right', open('0802060104' + '00010001'), 'ok'],
    ['with capabilities in two parameters is right', open('0c020601040001000102020200'), 'ok'],
    ['with an empty capabilities parameter is right', open('020200'), 'ok'],
    ['of version 3 is answered with ours', open('00', { version: '03' }), '2/1 0004'],
    ['of version 5 is answered with ours', open('00', { version: '05' }), '2/1 0004'],
    ['of AS 0 is refused (RFC 7607)', open('00', { as: '0000' }), '2/2'],
    ['of AS 0 in the four-octet capability is refused', open('0802064104' + '00000000'), '2/2'],
    ['of AS 0 with another AS in the capability is right', open('0802064104' + '00000001', { as: '0000' }), 'ok'],
    ['with hold time 0 is right', open('00', { holdTime: '0000' }), 'ok'],
    ['with hold time 1 is refused', open('00', { holdTime: '0001' }), '2/6'],
    ['with hold time 2 is refused', open('00', { holdTime: '0002' }), '2/6'],
    ['with hold time 3 is right', open('00', { holdTime: '0003' }), 'ok'],
    ['with identifier 0 is refused', open('00', { identifier: '00000000' }), '2/3'],
    ['with any other identifier is right (RFC 6286)', open('00', { identifier: 'e0000001' }), 'ok'],
    ['with optional parameter 1 (authentication) is refused', open('03010100'), '2/4'],
    ['with parameters shorter than said is malformed', open('05020200'), '2/0'],
    ['with parameters longer than said is malformed', open('0102020000'), '2/0'],
    ['with a parameter that overruns is malformed', open('0402060104'), '2/0'],
    ['with half a parameter header is malformed', open('0102'), '2/0'],
    ['with a capability that overruns is malformed', open('060204450400' + '01'), '2/0'],
    ['with half a capability header is malformed', open('03020102'), '2/0'],
    ['in extended form is right (RFC 9072)', open('ffff0009' + '02000601040001' + '0001'), 'ok'],
    ['in extended form with another length octet is right', open('01ff0009' + '020006010400010001'), 'ok'],
    ['in extended form with a wrong length is malformed', open('ffff000a' + '020006010400010001'), '2/0'],
    ['in extended form without a length is malformed', open('ffff00'), '2/0'],
    ['in extended form with a parameter that overruns is malformed', open('ffff00040200ff01'), '2/0'],
    ['in extended form with half a parameter header is malformed', open('ffff00020200'), '2/0'],
    ['in extended form with an unknown parameter is refused', open('ffff0003090000'), '2/4'],
    ['that says 255 octets and has none is malformed', open('ff'), '2/0'],
  ])('%s', (_name, octets, expected) => {
    expect(outcome(octets)).toBe(expected);
  });

  test('the AS number is that of the capability when there is one', () => {
    const octets = open('080206410400030006');
    const result = decodeOpen(octets, 0, octets.length);
    expect(result).toMatchObject({ ok: true, message: { as: 196614, myAs: 65001, bgpIdentifier: 0x0a000002 } });
  });

  test('encode and decode are inverse, in the extended form too', () => {
    fc.assert(
      fc.property(openMessage, (message) => {
        const octets = encodeOpen(message);
        expect(decodeOpen(octets, 0, octets.length)).toEqual({ ok: true, message });
      }),
    );
    const capabilities: Capability[] = Array.from({ length: 40 }, () => ({
      kind: 'unknown',
      code: 200,
      octets: 'aabbccddee',
    }));
    const long = encodeOpen({
      type: 'open',
      version: 4,
      as: 1,
      myAs: 1,
      holdTimeSeconds: 0,
      bgpIdentifier: 1,
      capabilities,
    });
    expect(toHex(long, 28, 32)).toBe('ffff011b');
    const result = decodeOpen(long, 0, long.length);
    expect(result).toMatchObject({ ok: true, message: { capabilities } });
  });

  test.each([
    [65535, 65535],
    [65536, 23456],
    [4294967295, 23456],
  ])('AS %i stands as %i in two octets', (as, expected) => expect(twoOctetAs(as)).toBe(expected));
});

describe('capabilities', () => {
  test.each([
    ['multiprotocol', 1, '00020001', { kind: 'multiprotocol', afi: 2, safi: 1 }],
    ['route refresh', 2, '', { kind: 'route-refresh' }],
    [
      'extended next hop',
      5,
      '000100010002',
      { kind: 'extended-next-hop', families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
    ],
    ['extended message', 6, '', { kind: 'extended-message' }],
    ['role', 9, '03', { kind: 'role', role: 'customer' }],
    [
      'graceful restart with R and N',
      64,
      'c0780001018000020100',
      {
        kind: 'graceful-restart',
        restarted: true,
        notification: true,
        restartTimeSeconds: 120,
        families: [
          { afi: 1, safi: 1, forwardingPreserved: true },
          { afi: 2, safi: 1, forwardingPreserved: false },
        ],
      },
    ],
    ['four-octet AS', 65, 'fffffffe', { kind: 'four-octet-as', as: 4294967294 }],
    [
      'ADD-PATH, leaving out a tuple with send/receive 4',
      69,
      '000101030002010400020102',
      {
        kind: 'add-path',
        families: [
          { afi: 1, safi: 1, receive: true, send: true },
          { afi: 2, safi: 1, receive: false, send: true },
        ],
      },
    ],
    ['enhanced route refresh', 70, '', { kind: 'enhanced-route-refresh' }],
    [
      'long-lived graceful restart',
      71,
      '00010180010203',
      {
        kind: 'long-lived-graceful-restart',
        families: [{ afi: 1, safi: 1, forwardingPreserved: true, staleTimeSeconds: 0x010203 }],
      },
    ],
    ['FQDN', 73, '02723102613a', { kind: 'fqdn', hostName: 'r1', domainName: 'a:' }],
    ['software version', 75, '026d65', { kind: 'software-version', version: 'me' }],
    ['an unknown one', 131, '00', { kind: 'unknown', code: 131, octets: '00' }],
    ['multiprotocol of 3 octets', 1, '000200', { kind: 'unknown', code: 1, octets: '000200' }],
    ['route refresh with a value', 2, '0000', { kind: 'unknown', code: 2, octets: '0000' }],
    ['role 5', 9, '05', { kind: 'unknown', code: 9, octets: '05' }],
    ['graceful restart of 3 octets', 64, '005a00', { kind: 'unknown', code: 64, octets: '005a00' }],
    ['four-octet AS of 3 octets', 65, '000001', { kind: 'unknown', code: 65, octets: '000001' }],
    ['empty ADD-PATH', 69, '', { kind: 'unknown', code: 69, octets: '' }],
    ['long-lived graceful restart of 5 octets', 71, '0001018000', { kind: 'unknown', code: 71, octets: '0001018000' }],
    ['FQDN whose host overruns', 73, '0572', { kind: 'unknown', code: 73, octets: '0572' }],
    ['FQDN with octets left over', 73, '01720000', { kind: 'unknown', code: 73, octets: '01720000' }],
    ['empty FQDN', 73, '', { kind: 'unknown', code: 73, octets: '' }],
  ])('%s', (_name, code, text, expected) => {
    const octets = fromHex(text) ?? new Uint8Array(0);
    expect(decodeCapability(code, octets, 0, octets.length)).toEqual(expected);
  });

  test('encode and decode are inverse', () => {
    fc.assert(
      fc.property(anyCapability, (capability) => {
        const { code, value } = encodeCapability(capability);
        expect(decodeCapability(code, value, 0, value.length)).toEqual(capability);
      }),
    );
  });
});
