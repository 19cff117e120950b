import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtobufReader, ProtobufWriter } from './protobuf.ts';

function octets(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex');
}

describe('writing', () => {
  test.each<[sentence: string, write: (writer: ProtobufWriter) => unknown, wanted: string]>([
    // The examples of the encoding chapter of the Protocol Buffers documentation.
    ['the integer 150', (writer) => writer.integer(1, 150), '08 9601'],
    ['a text', (writer) => writer.text(2, 'testing'), '12 07 74657374696e67'],
    ['a message in a message', (writer) => writer.message(3, octets('089601')), '1a 03 089601'],
    ['a field number above 15', (writer) => writer.integer(16, 1), '8001 01'],
    ['a true flag', (writer) => writer.flag(3, true), '18 01'],
    ['the largest exact number', (writer) => writer.integer(1, Number.MAX_SAFE_INTEGER), '08 ffffffffffffff0f'],
    ['defaults are left out', (writer) => writer.integer(1, 0).flag(2, false).text(3, ''), ''],
    ['an empty message is not', (writer) => writer.message(3, octets('')), '1a 00'],
  ])('%s', (_sentence, write, wanted) => {
    const writer = new ProtobufWriter();
    write(writer);
    expect(hex(writer.finish())).toBe(hex(octets(wanted)));
  });
});

describe('reading', () => {
  test('the largest and the negative', () => {
    const reader = new ProtobufReader(octets('08 ffffffffffffffffff01 10 ffffffffffffffffff01 18 ffffffffffffff0f'));
    expect([reader.next(), reader.integer()]).toEqual([true, -1]);
    expect([reader.next(), reader.id()]).toEqual([true, '18446744073709551615']);
    expect([reader.next(), reader.integer()]).toEqual([true, Number.MAX_SAFE_INTEGER]);
    expect([reader.next(), reader.isMalformed]).toEqual([false, false]);
  });

  test('fields that nobody asks for are skipped, whatever their form', () => {
    const reader = new ProtobufReader(octets('08 9601 11 0102030405060708 1a 02 ffff 25 01020304 28 07'));
    const fields: number[] = [];
    let last = 0;
    while (reader.next()) {
      fields.push(reader.field);
      if (reader.field === 5) last = reader.integer();
    }
    expect(fields).toEqual([1, 2, 3, 4, 5]);
    expect(last).toBe(7);
    expect(reader.isMalformed).toBe(false);
  });

  test.each([
    ['a varint without end', '08 ffff'],
    ['a varint of eleven octets', '08 ffffffffffffffffffff01'],
    ['a length beyond the end', '12 05 6161'],
    ['a fixed field beyond the end', '11 0102'],
    ['a tag without value', '08'],
    ['field number 0', '00 01'],
    ['a group', '0b 0c'],
  ])('%s is malformed, skipped or read', (_sentence, malformed) => {
    const skipped = new ProtobufReader(octets(malformed));
    while (skipped.next());
    expect(skipped.isMalformed).toBe(true);
    const read = new ProtobufReader(octets(malformed));
    while (read.next()) read.octets();
    expect(read.isMalformed).toBe(true);
  });

  test('a field of another form than expected is malformed', () => {
    const reader = new ProtobufReader(octets('08 01 10 02'));
    expect(reader.next()).toBe(true);
    expect(reader.text()).toBe('');
    expect(reader.isMalformed).toBe(true);
    expect(reader.next()).toBe(false);
  });
});

test('what is written is what is read', () => {
  const field = fc.record({
    number: fc.integer({ min: 1, max: 5000 }),
    value: fc.oneof(fc.maxSafeNat(), fc.string({ unit: 'binary' })),
  });
  fc.assert(
    fc.property(fc.array(field), (fields) => {
      const writer = new ProtobufWriter();
      for (const { number, value } of fields) {
        if (typeof value === 'number') writer.integer(number, value);
        else writer.text(number, value);
      }
      const written = fields.filter(({ value }) => value !== 0 && value !== '');
      const reader = new ProtobufReader(writer.finish());
      for (const { number, value } of written) {
        expect(reader.next()).toBe(true);
        expect(reader.field).toBe(number);
        expect(typeof value === 'number' ? reader.integer() : reader.text()).toEqual(value);
      }
      expect([reader.next(), reader.isMalformed]).toEqual([false, false]);
    }),
  );
});

test('no octets make it throw or run for ever', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (garbage) => {
      const reader = new ProtobufReader(garbage);
      for (let count = 0; reader.next(); count++) {
        if (count % 3 === 0) reader.octets();
        else if (count % 3 === 1) reader.integer();
        expect(count).toBeLessThan(50);
      }
    }),
  );
});
