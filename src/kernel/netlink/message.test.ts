import { describe, expect, test } from 'vitest';
import { formatAddress } from '../../../bgp/ip.ts';
import { LITTLE_ENDIAN } from '../../net/socket-address.ts';
import { decodeInterfaceAddress, decodeLink } from './link.ts';
import { decodeError, NetlinkReader, NetlinkWriter } from './message.ts';

/** A reader on the first message of recorded octets. */
function readerOn(hex: string): NetlinkReader {
  const reader = new NetlinkReader();
  const octets = Buffer.from(hex, 'hex');
  reader.open(octets, octets.length);
  expect(reader.nextMessage()).toBe(true);
  return reader;
}

describe.runIf(LITTLE_ENDIAN)('octets recorded from Linux 6.18', () => {
  test.each<[string, string, number, string]>([
    [
      'refused with extended acknowledgement',
      '44000000020000034d0000002e1100009bffffff2c000000180001064d00000000000000200001004e657874686f702068617320696e76616c6964206761746577617900',
      101,
      'Nexthop has invalid gateway',
    ],
    ['refused without words', '24000000020000014e0000002e110000efffffff2c000000180001064e00000000000000', 17, ''],
    ['acknowledged', '24000000020000014e0000002e110000000000002c000000180001064e00000000000000', 0, ''],
    ['end of a dump', '1400000003000200070000002e11000000000000', 0, ''],
    ['cut off before the error number', '1000000002000001070000002e110000', 0, ''],
  ])('%s', (_, octets, errno, message) => {
    expect(decodeError(readerOn(octets))).toEqual({ errno, message });
  });

  test('a link (its first attributes)', () => {
    const octets =
      '5000000010000200070000002e1100000000040301000000490001000000000007000300' +
      '6c6f000008000d00e8030000050010000000000005001100000000000500430001000000' +
      '0800040000000100';
    expect(decodeLink(readerOn(octets))).toEqual({
      index: 1,
      name: 'lo',
      up: true,
      running: true,
      loopback: true,
      mtuOctets: 65536,
      master: 0,
      vrfTable: null,
    });
  });

  test('a bridge port is not a link of its own', () => {
    const octets = '2800000010000200070000002e110000070001000300000043100100000000000700030074300000';
    expect(decodeLink(readerOn(octets))).toBeNull();
  });

  test.each<[string, string, string]>([
    [
      'IPv4: local and address are equal',
      '4c00000014000200070000002e110000021880000300000008000100c000020108000200c00002010700030074300000080008008000000014000600ffffffffffffffffba040500ba040500',
      'if 3 192.0.2.1/24',
    ],
    [
      'IPv4 point to point',
      '4c00000014000200070000002e1100000220800003000000080001000a090002080002000a0900010700030074300000080008008000000014000600ffffffffffffffffbb040500bb040500',
      'if 3 10.9.0.1/32 peer 10.9.0.2',
    ],
    [
      'IPv6',
      '4800000014000200070000002e1100000a408200030000001400010020010db800000000000000000000000114000600ffffffffffffffffba040500ba0405000800080082000000',
      'if 3 2001:db8::1/64',
    ],
    ['another family', '1800000014000200070000002e1100000118800003000000', 'null'],
    ['no address in it', '1800000014000200070000002e1100000218800003000000', 'null'],
  ])('an address: %s', (_, octets, expected) => {
    const found = decodeInterfaceAddress(readerOn(octets));
    const peer = found?.peer == null ? '' : ` peer ${formatAddress(found.peer)}`;
    const text =
      found === null
        ? 'null'
        : `if ${found.interfaceIndex} ${formatAddress(found.address)}/${found.prefixLength}${peer}`;
    expect(text).toBe(expected);
  });
});

test('a buffer holds many messages; a cut-off one ends the walk', () => {
  const writer = new NetlinkWriter(200);
  for (let i = 0; i < 3; i++) {
    writer.beginMessage(24, 1, 100 + i);
    writer.attributeU32(15, i);
    const text = writer.beginAttribute(3);
    writer.u8(120);
    writer.endAttribute(text);
    writer.endMessage();
  }
  const reader = new NetlinkReader();
  for (const [length, expected] of [
    [writer.length, [100, 101, 102]],
    [writer.length - 1, [100, 101]],
    [0, []],
  ] as const) {
    const sequences = [];
    reader.open(writer.octets, length);
    while (reader.nextMessage()) sequences.push(reader.sequence);
    expect(sequences).toEqual(expected);
  }
});
