import { expect, test } from 'vitest';
import { accessOf, NO_TOKENS, parseTokens } from './access.ts';
import { isLoopback, parseListen, refusedTcp, type TcpOptions, tcpOptionsOf } from './tcp-options.ts';

const WRITE = 'write-token-0123456789';
const READ = 'read-token-0123456789+/==';
const TOKENS = {
  write: parseTokens('w', `# rotated on Monday\n${WRITE}\nold-token-0123456789\n`),
  read: parseTokens('r', READ),
};

test.each([
  ['no header', undefined, 'none'],
  ['the token that acts', `Bearer ${WRITE}`, 'write'],
  ['a second one of the file', 'bearer old-token-0123456789', 'write'],
  ['the token that reads', `Bearer ${READ}`, 'read'],
  ['another one', 'Bearer write-token-0123456780', null],
  ['a part of one', 'Bearer write-token', null],
  ['nothing', 'Bearer ', null],
  ['the comment', 'Bearer #', null],
  ['another scheme', `Basic ${WRITE}`, null],
])('%s', (_, header, access) => expect(accessOf(header, TOKENS, 'none')).toBe(access));

test('without tokens, what the place allows, and no token is right', () => {
  expect(accessOf(undefined, NO_TOKENS, 'read')).toBe('read');
  expect(accessOf(`Bearer ${WRITE}`, NO_TOKENS, 'read')).toBeNull();
});

test.each([
  ['an empty file', '\n', 'there is no token in it'],
  ['a comment only', '# nothing\n', 'there is no token in it'],
  ['a short token', 'abc', 'fewer than 16 characters'],
  ['a token with blanks', 'this is not a token at all', 'other characters'],
])('%s is refused', (_, text, why) =>
  expect(() => parseTokens('/etc/token', text)).toThrow(new RegExp(`/etc/token: .*${why}`)),
);

test.each([
  ['127.0.0.1:8179', { address: '127.0.0.1', port: 8179 }],
  ['[::1]:0', { address: '::1', port: 0 }],
  ['0.0.0.0:1', { address: '0.0.0.0', port: 1 }],
  ['::1:80', null],
  ['127.0.0.1', null],
  ['127.0.0.1:65536', null],
  ['1.2.3:80', null],
  ['localhost:80', null],
])('listen %s', (text, place) => expect(parseListen(text)).toEqual(place));

test.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
])('%s is loopback: %s', (address, is) => expect(isLoopback(address)).toBe(is));

const at = (address: string, more: Partial<TcpOptions> = {}): TcpOptions => ({
  ...{ address, port: 1, tls: null, tokenFile: null, readTokenFile: null, page: false },
  ...more,
});
test.each([
  ['loopback', at('127.0.0.1'), null],
  ['all addresses', at('0.0.0.0'), /the API on 0.0.0.0 needs a token/],
  ['all addresses with TLS', at('::', { tls: { certificate: 'c', key: 'k' } }), /needs a token/],
  ['all addresses with a token', at('::', { tokenFile: 't' }), null],
  ['all addresses with a token that reads', at('::', { readTokenFile: 't' }), null],
])('without token on %s', (_, options, refused) => {
  if (refused === null) expect(refusedTcp(options)).toBeNull();
  else expect(refusedTcp(options)).toMatch(refused);
});

test.each([
  ['nothing', {}, null],
  ['an address', { LISTEN: '[::1]:80' }, at('::1', { port: 80 })],
  [
    'everything',
    { LISTEN: '1.2.3.4:1', TLS_CERTIFICATE: 'c', TLS_KEY: 'k', TOKEN_FILE: 'w', READ_TOKEN_FILE: 'r' },
    at('1.2.3.4', { tls: { certificate: 'c', key: 'k' }, tokenFile: 'w', readTokenFile: 'r' }),
  ],
  ['nonsense', { LISTEN: 'here' }, expect.stringContaining('PEREGRINE_API_LISTEN=here: wanted ADDRESS:PORT')],
  ['half of TLS', { LISTEN: '1.2.3.4:1', TLS_KEY: 'k' }, expect.stringContaining('belong together')],
])('environment with %s', (_, variables, options) => {
  const env = Object.fromEntries(Object.entries(variables).map(([name, value]) => [`PEREGRINE_API_${name}`, value]));
  expect(tcpOptionsOf(env)).toEqual(options);
});
