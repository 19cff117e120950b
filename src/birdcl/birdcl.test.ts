import { expect, test } from 'vitest';
import { displayed } from './connection.ts';
import { candidates, expand, helpLines } from './grammar.ts';
import { parseArguments } from './main.ts';

test.each([
  ['show protocols all', 'show protocols all'],
  ['sh pro', 'show protocols'],
  ['sh pro al Mesh_1', 'show protocols all Mesh_1'],
  ['sh ro prot Mesh_1 al', 'show route protocol Mesh_1 all'],
  ['show route where proto = "a  b"', 'show route where proto = "a  b"'],
  ['sh ro prot st count', 'show route protocol st count'],
  ['sh ro wh net.len = 24 && pro', 'show route where net.len = 24 && pro'],
  ['conf ch', 'configure check'],
  ['conf', 'configure'],
  ['dis "Mesh_*"', 'disable "Mesh_*"'],
  ['reload i Mesh_1', 'reload in Mesh_1'],
  ['q', 'quit'],
])('%s is expanded to %s', (text, wanted) => {
  expect(expand(text)).toEqual({ kind: 'command', text: wanted });
});

test.each([
  ['frobnicate', { kind: 'unknown' }],
  ['show', { kind: 'unknown' }],
  ['show nothing', { kind: 'unknown' }],
  ['show st', { kind: 'ambiguous', candidates: ['show static', 'show status'] }],
  ['e', { kind: 'ambiguous', candidates: ['echo', 'enable', 'exit'] }],
])('%s is not a command', (text, wanted) => {
  expect(expand(text)).toEqual(wanted);
});

test.each([
  ['', ['configure', 'debug', 'disable']],
  ['show s', ['static', 'status', 'symbols']],
  ['configure ', ['check', 'confirm', 'soft']],
  ['show route pr', ['preexport', 'primary', 'protocol']],
  ['show bfd ', ['sessions']],
  ['nonsense ', []],
])('after %j may come', (text, words) => {
  expect(
    candidates(text)
      .map(({ word }) => word)
      .slice(0, 3),
  ).toEqual(words);
});

test('help of a command begins with the command itself', () => {
  expect(helpLines('show memory')[0]).toBe('show memory');
  expect(helpLines('re').map((line) => line.split(' ')[0])).toEqual(['reload', 'restart', 'restrict'].sort());
});

test.each([
  ['2002-name', false, 'name'],
  ['2002-name', true, '2002-name'],
  [' x', false, 'x'],
  [' x', true, '     x'],
  ['0000 ', true, null],
  ['0013 Daemon is up and running', false, 'Daemon is up and running'],
  ['+log', false, '>>> log'],
  ['garbage', false, '??? <garbage>'],
])('%j is shown, verbose %s', (line, isVerbose, wanted) => {
  expect(displayed(line, isVerbose)).toBe(wanted);
});

test.each([
  ['birdcl', [], () => true, { socketPath: '/var/run/calico/bird.ctl', command: '' }],
  ['birdcl6', ['show', 'status'], () => false, { socketPath: '/var/run/calico/bird6.ctl', command: 'show status' }],
  ['birdcl', [], (path: string) => path === '/var/run/bird/bird.ctl', { socketPath: '/var/run/bird/bird.ctl' }],
  ['birdcl', ['-vrs', '/x', 'show', 'route'], () => true, { socketPath: '/x', isVerbose: true, isRestricted: true }],
  ['birdcl', ['-l'], () => true, { socketPath: 'bird.ctl' }],
] as const)('%s %j', (name, argv, exists, wanted) => {
  expect(parseArguments(name, argv, exists)).toMatchObject({ kind: 'settings', settings: wanted });
});

test.each([
  [['-x'], "birdcl: invalid option -- 'x'"],
  [['-s'], "birdcl: option requires an argument -- 's'"],
])('%j is refused', (argv, text) => {
  const parsed = parseArguments('birdcl', argv);
  expect(parsed).toMatchObject({ kind: 'wrong', text: expect.stringContaining(text) });
});
