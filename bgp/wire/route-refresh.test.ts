import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from './octets.ts';
import { decodeRouteRefresh, encodeRouteRefresh } from './route-refresh.ts';

function routeRefresh(body: string): Uint8Array {
  const length = (19 + body.length / 2).toString(16).padStart(4, '0');
  return fromHex(`${'ff'.repeat(16)}${length}05${body}`) ?? new Uint8Array(0);
}

describe('ROUTE-REFRESH', () => {
  test.each([
    [
      'a request',
      '00010001',
      { afi: 1, safi: 1, family: 'ipv4-unicast', subtype: 'request', subtypeCode: 0, rest: '' },
    ],
    [
      'begin of IPv6',
      '00020101',
      { afi: 2, safi: 1, family: 'ipv6-unicast', subtype: 'begin', subtypeCode: 1, rest: '' },
    ],
    ['end of IPv4', '00010201', { afi: 1, safi: 1, family: 'ipv4-unicast', subtype: 'end', subtypeCode: 2, rest: '' }],
    [
      'an unknown subtype',
      '00010301',
      { afi: 1, safi: 1, family: 'ipv4-unicast', subtype: 'unknown', subtypeCode: 3, rest: '' },
    ],
    ['another family', '00010080', { afi: 1, safi: 128, family: null, subtype: 'request', subtypeCode: 0, rest: '' }],
    [
      'a request with a filter',
      '0001000101400000',
      { afi: 1, safi: 1, family: 'ipv4-unicast', subtype: 'request', subtypeCode: 0, rest: '01400000' },
    ],
  ])('%s is read', (_name, body, expected) => {
    const octets = routeRefresh(body);
    expect(decodeRouteRefresh(octets, 0, octets.length)).toEqual({
      ok: true,
      message: { type: 'route-refresh', ...expected },
    });
  });

  test.each([
    ['an empty body', ''],
    ['three octets', '000100'],
    ['begin with more than four octets', '0001010100'],
    ['end with more than four octets', '0001020100'],
  ])('%s is an error that quotes the message (RFC 7313)', (_name, body) => {
    const octets = routeRefresh(body);
    expect(decodeRouteRefresh(octets, 0, octets.length)).toMatchObject({
      ok: false,
      error: { code: 7, subcode: 1, data: toHex(octets) },
    });
  });

  test.each([
    ['request', 0, '00010001'],
    ['begin', 1, '00020101'],
    ['end', 0, '00010201'],
  ] as const)('%s is written', (subtype, family, body) => {
    expect(encodeRouteRefresh(family, subtype)).toEqual(routeRefresh(body));
  });
});
