import { expect, test } from 'vitest';
import { downReason } from '../../bgp/fsm/reason.ts';
import { dialectOf, fullTime, sinceTime } from './dialect.ts';
import { errorText } from './error-text.ts';
import { line, ReplyFramer } from './framing.ts';
import { birdSocketSettings, NO_BIRD_ARGUMENTS } from './settings.ts';
import { CommandError, tokenize } from './tokens.ts';

test('a line with the code of the one before begins with a blank, another code is written', () => {
  const framer = new ReplyFramer();
  const out = [line(2002, 'name'), line(1002, 'a'), line(1002, 'b'), line(1006, '  x'), line(1002, 'c')];
  expect(out.map((one) => framer.line(one)).join('') + framer.last(line(0, ''))).toBe(
    '2002-name\n1002-a\n b\n1006-  x\n1002-c\n0000 \n',
  );
});

test('control characters of a text cannot end a line', () => {
  expect(new ReplyFramer().line(line(1006, '\ta\nb\r\u001b'))).toBe('1006-\ta?b??\n');
});

const NOW = new Date(2026, 10, 21, 20, 30, 5, 7).getTime();
const HOUR = 3_600_000;

test.each([
  ['1.6', 'short', 0, '20:30:05'],
  ['1.6', 'short', 19.9 * HOUR, '00:36:05'],
  ['1.6', 'short', 21 * HOUR, '2026-11-20'],
  ['1.6', 'long', 0, '2026-11-21 20:30:05'],
  ['2', 'short', 0, '20:30:05.007'],
  ['2', 'short', 30 * HOUR, '2026-11-20'],
] as const)('since in dialect %s, %s, %d ms ago', (name, style, ago, text) => {
  expect(sinceTime(dialectOf(name, 0, style), NOW - ago, NOW)).toBe(text);
});

test.each([
  ['1.6', 'short', '2026-11-21 20:30:05'],
  ['1.6', 'long', '2026-11-21 20:30:05.007'],
  ['2', 'short', '2026-11-21 20:30:05.007'],
] as const)('times of show status in dialect %s, %s', (name, style, text) => {
  expect(fullTime(dialectOf(name, 0, style), NOW)).toBe(text);
});

test.each([
  ['show route 10.0.0.0/8 all', 'word:show word:route prefix:10.0.0.0/8 word:all'],
  ['show route for fd00:10::3', 'word:show word:route word:for address:fd00:10::3'],
  ['show protocols "Mesh_*" # all', 'word:show word:protocols string:Mesh_*'],
  [
    'show route where net ~ [::/0+]\r',
    'word:show word:route word:where word:net operator:~ operator:[ prefix:::/0 operator:+ operator:]',
  ],
  ["disable 'a b'", 'word:disable word:a b'],
  ['a!=1||b>=0x10', 'word:a operator:!= number:1 operator:|| word:b operator:>= number:0x10'],
])('words of %j', (text, tokens) => {
  expect(
    tokenize(text)
      .map(({ kind, text: word }) => `${kind}:${word}`)
      .join(' '),
  ).toBe(tokens);
});

test.each([
  ['show "x', 'Unterminated string'],
  ['show \u00e4', 'syntax error'],
  ['show route $', 'syntax error'],
  ['x'.repeat(65), 'Symbol too long'],
])('%j is refused', (text, message) => {
  expect(() => tokenize(text)).toThrow(new CommandError(message));
});

test.each([
  [downReason('notification-sent', '', { code: 2, subcode: 2 }), 'BGP Error: Bad peer AS'],
  [downReason('hold-timer-expired', ''), 'BGP Error: Hold timer expired'],
  [downReason('notification-received', '', { code: 6, subcode: 2 }), 'Received: Administrative shutdown'],
  [
    downReason('notification-received', '', { code: 6, subcode: 9, encapsulated: { code: 6, subcode: 4 } }),
    'Received: Administrative reset',
  ],
  [downReason('notification-received', '', { code: 9, subcode: 9 }), 'Received: Unknown error 9.9'],
  [downReason('connection-failed', 'Cannot connect: refused (ECONNREFUSED)'), 'Socket: Connection refused'],
  [downReason('connection-failed', 'no connection within 5 s'), 'Socket: Connection timed out'],
  [downReason('connection-lost', 'the peer closed the connection'), 'Socket: Connection closed'],
  [downReason('connection-lost', 'read ECONNRESET'), 'Socket: Connection reset by peer'],
  [downReason('peer-restarted', ''), 'Error: Graceful restart'],
  [downReason('administrative', '', { cause: 'max-prefixes' }), 'Automatic shutdown: Route limit exceeded'],
  [downReason('administrative', '', { cause: 'shutdown' }), ''],
  [null, ''],
])('%j in words', (reason, text) => {
  expect(errorText(reason)).toBe(text);
});

test.each([
  [
    'a Calico node with the directory',
    {},
    {},
    [true, true],
    true,
    ['/var/run/calico/bird.ctl', '/var/run/calico/bird6.ctl'],
  ],
  ['a Calico node without it', {}, {}, [true, true], false, [null, null]],
  ['stand-alone', {}, {}, [false, false], true, [null, null]],
  ['switched off', {}, { PEREGRINE_BIRD_SOCKET: 'off' }, [true, true], true, [null, '/var/run/calico/bird6.ctl']],
  [
    'an option before its variable',
    { birdSocket: '/a' },
    { PEREGRINE_BIRD_SOCKET: '/b' },
    [false, false],
    true,
    ['/a', null],
  ],
] as const)('sockets of %s', (_, given, variables, isCalico, exists, paths) => {
  const settings = birdSocketSettings({ ...NO_BIRD_ARGUMENTS, ...given }, variables, isCalico, () => exists);
  expect(settings).toEqual({ paths, dialect: '1.6', timeStyle: 'short' });
});

test.each([
  [{ dialect: '3' }, 'BIRD dialect "3": wanted 1.6 or 2'],
  [{ timeStyle: 'iso' }, 'BIRD time format "iso": wanted short or long'],
])('%j is refused', (given, problem) => {
  expect(birdSocketSettings({ ...NO_BIRD_ARGUMENTS, ...given }, {}, [true, true], () => true)).toEqual({ problem });
});
