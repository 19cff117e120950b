import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BFD_STATES, type BfdPacket, decodeBfdPacket, diagnosticText, encodeBfdPacket } from './packet.ts';

const PACKET: BfdPacket = {
  diagnostic: 1,
  state: 'Up',
  poll: true,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  detectMultiplier: 3,
  myDiscriminator: 0x01020304,
  yourDiscriminator: 0xfffefdfc,
  desiredMinTxMicroseconds: 300_000,
  requiredMinRxMicroseconds: 50_000,
  requiredMinEchoRxMicroseconds: 0,
};

/** RFC 5880 section 4.1, octet by octet. */
const OCTETS = '21e0031801020304fffefdfc000493e00000c35000000000';

function octetsOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function encoded(packet: BfdPacket): Uint8Array {
  const octets = new Uint8Array(24);
  encodeBfdPacket(packet, octets);
  return octets;
}

describe('BFD control packet', () => {
  test('is written as RFC 5880 section 4.1 draws it', () => {
    expect(Buffer.from(encoded(PACKET)).toString('hex')).toBe(OCTETS);
  });

  test('is read back', () => {
    expect(decodeBfdPacket(octetsOf(OCTETS), 24)).toEqual({ ok: true, packet: PACKET });
  });

  // Offsets: 0 version and diagnostic, 1 state and flags, 2 multiplier, 3 length, 4 mine, 8 yours.
  test.each<[string, number, readonly [number, number][], string]>([
    ['no octet', 0, [], 'too-short'],
    ['one octet less than the mandatory section', 23, [], 'too-short'],
    ['version 0', 24, [[0, 0x01]], 'wrong-version'],
    ['version 2', 24, [[0, 0x41]], 'wrong-version'],
    ['a length below 24', 24, [[3, 23]], 'wrong-length'],
    ['a length beyond the datagram', 24, [[3, 25]], 'wrong-length'],
    ['a multiplier of 0', 24, [[2, 0]], 'zero-multiplier'],
    ['the multipoint bit', 24, [[1, 0xe1]], 'multipoint'],
    [
      'my discriminator 0',
      24,
      [
        [4, 0],
        [5, 0],
        [6, 0],
        [7, 0],
      ],
      'zero-discriminator',
    ],
    [
      'your discriminator 0 in state Up',
      24,
      [
        [8, 0],
        [9, 0],
        [10, 0],
        [11, 0],
      ],
      'no-discriminator',
    ],
    [
      'your discriminator 0 in state Init',
      24,
      [
        [1, 0x80],
        [8, 0],
        [9, 0],
        [10, 0],
        [11, 0],
      ],
      'no-discriminator',
    ],
    ['the authentication bit', 24, [[1, 0xe4]], 'authentication'],
  ])('%s is refused', (_what, length, changes, refusal) => {
    const octets = octetsOf(OCTETS);
    for (const [at, value] of changes) octets[at] = value;
    expect(decodeBfdPacket(octets, length)).toEqual({ ok: false, refusal });
  });

  test.each(['Down', 'AdminDown'] as const)('your discriminator 0 is right in state %s', (state) => {
    expect(decodeBfdPacket(encoded({ ...PACKET, state, yourDiscriminator: 0 }), 24).ok).toBe(true);
  });

  test('what follows the stated length is not read', () => {
    const octets = new Uint8Array(60).fill(0xff);
    octets.set(octetsOf(OCTETS));
    expect(decodeBfdPacket(octets, 60)).toEqual({ ok: true, packet: PACKET });
  });

  test('every packet survives the wire', () => {
    const uint32 = fc.integer({ min: 0, max: 0xffffffff });
    const packets = fc.record<BfdPacket>({
      diagnostic: fc.integer({ min: 0, max: 31 }),
      state: fc.constantFrom(...BFD_STATES),
      poll: fc.boolean(),
      final: fc.boolean(),
      controlPlaneIndependent: fc.boolean(),
      demand: fc.boolean(),
      detectMultiplier: fc.integer({ min: 1, max: 255 }),
      myDiscriminator: fc.integer({ min: 1, max: 0xffffffff }),
      yourDiscriminator: fc.integer({ min: 1, max: 0xffffffff }),
      desiredMinTxMicroseconds: uint32,
      requiredMinRxMicroseconds: uint32,
      requiredMinEchoRxMicroseconds: uint32,
    });
    fc.assert(
      fc.property(packets, (packet) => {
        expect(decodeBfdPacket(encoded(packet), 24)).toEqual({ ok: true, packet });
      }),
    );
  });

  test('any octets at all are read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.integer({ min: 0, max: 255 }), (octets, first) => {
        if (octets.length > 0) octets[0] = first;
        const result = decodeBfdPacket(octets, octets.length);
        if (result.ok) expect(result.packet.detectMultiplier).toBeGreaterThan(0);
      }),
    );
  });

  test('a diagnostic has its name, an unknown one its number', () => {
    expect(diagnosticText(1)).toBe('Control Detection Time Expired');
    expect(diagnosticText(31)).toBe('diagnostic 31');
  });
});
