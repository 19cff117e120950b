/** Words, statements and mistakes of BIRD's language. */

import { describe, expect, test } from 'vitest';
import type { Expression } from './ast.ts';
import { MAX_INCLUDE_DEPTH, MAX_NESTING } from './limits.ts';
import { parseBirdConfig } from './parse.ts';
import { printExpression } from './print.ts';
import { memorySources, mistakeIn, parseText } from './test-support.ts';

/** The condition of a filter, parsed. */
function conditionOf(text: string, before = ''): Expression {
  const config = parseText(`${before}\nfilter f { if ${text} then accept; reject; }`);
  const [command] = config.filters.get('f')?.body ?? [];
  if (command?.kind !== 'if') throw new Error('no condition');
  return command.condition;
}

/** An expression with all its brackets. */
function bracketed(expression: Expression): string {
  if (expression.kind === 'not') return `(!${bracketed(expression.operand)})`;
  if (expression.kind !== 'binary') return printExpression(expression);
  return `(${bracketed(expression.left)} ${expression.operator} ${bracketed(expression.right)})`;
}

describe('precedence', () => {
  test.each([
    ['&& and || are of one level, to the left', 'true || true && false', '((true || true) && false)'],
    ['the other way round', 'false && true || true', '((false && true) || true)'],
    ['comparisons are stronger', 'net.len = 8 && preference < 5', '((net.len = 8) && (preference < 5))'],
    ['arithmetic is stronger still', 'preference + 1 < 2 * 3', '((preference + 1) < (2 * 3))'],
    ['from left to right', 'preference - 1 - 2 = 3', '(((preference - 1) - 2) = 3)'],
    ['! belongs to what follows it', '!defined(bgp_med) && !true', '((!defined(bgp_med)) && (!true))'],
    ['brackets decide', 'true || (true && false)', '(true || (true && false))'],
  ])('%s', (_case, text, expected) => {
    expect(bracketed(conditionOf(text))).toBe(expected);
  });
});

describe('expressions', () => {
  test.each([
    ['a pair', '(65000, 100) ~ bgp_community'],
    ['a large community', '(65000, 1, 2) ~ bgp_large_community'],
    ['an extended community', '(rt, 65000, 2) ~ bgp_ext_community'],
    ['a mask', 'bgp_path ~ [= 65000 * ? =]'],
    ['an empty mask', 'bgp_path ~ [= =]'],
    ['prefixes with lengths', 'net ~ [10.0.0.0/8{16,24}, 10.1.0.0/16]'],
    ['numbers and ranges', 'bgp_med ~ [1, 5..9]'],
    ['tuples with ranges', 'bgp_community ~ [(65000, 1..9), (65001, *)]'],
    ['a negated match', 'net !~ 10.0.0.0/8'],
    ['a text', 'ifname ~ "cali*"'],
    ['an enum', 'source = RTS_BGP'],
  ])('%s is printed as it was', (_case, text) => {
    expect(printExpression(conditionOf(text))).toBe(text);
  });

  test.each([
    ['P+ and P-', 'net ~ [ 10.0.0.0/8+, 10.1.0.0/16- ]', 'net ~ [10.0.0.0/8{8,32}, 10.1.0.0/16{0,16}]'],
    ['a hexadecimal number', 'preference = 0xff', 'preference = 255'],
    ['an address that is not canonical', 'bgp_next_hop = 10.0.00.1', 'bgp_next_hop = 10.0.0.1'],
    ['comments', 'net /* here */ ~ # and here\n 10.0.0.0/8', 'net ~ 10.0.0.0/8'],
  ])('%s', (_case, text, expected) => {
    expect(printExpression(conditionOf(text))).toBe(expected);
  });

  test('constants are written out', () => {
    const before = 'define A = 3 * (2 + 1);\ndefine NETS = [ 10.0.0.0/8+, 192.168.0.0/16 ];\ndefine C = (65000, 1);';
    expect(printExpression(conditionOf('bgp_med = A && net ~ NETS && C ~ bgp_community', before))).toBe(
      'bgp_med = 9 && net ~ [10.0.0.0/8{8,32}, 192.168.0.0/16] && (65000, 1) ~ bgp_community',
    );
    expect(printExpression(conditionOf('net ~ [ NETS, 172.16.0.0/12 ]', before))).toBe(
      'net ~ [10.0.0.0/8{8,32}, 192.168.0.0/16, 172.16.0.0/12]',
    );
  });

  test('IPv6', () => {
    const config = parseText('filter f { if net ~ [ fd00:0::/48{64,128}, ::/0 ] then accept; }', 'ipv6-unicast');
    const [command] = config.filters.get('f')?.body ?? [];
    expect(command?.kind === 'if' ? printExpression(command.condition) : '').toBe('net ~ [fd00::/48{64,128}, ::/0]');
  });
});

describe('statements', () => {
  test('what trips parsers', () => {
    const config = parseText(`
      function nothing () { }
      function 'bgp_my.filter-1_importFilterV4'(bool is_same_as) { if (!is_same_as) then accept; else reject; }
      template bgp t { local as 1; local as 2; error wait time 5,30; import all; }
      protocol kernel from_me { }
      protocol kernel { learn; } protocol kernel { };
      protocol bgp p from t {
        neighbor 10.0.0.1 port 1790 as 5; # the peer
        import filter { if defined(ifname) && (ifname ~ "x") then reject; 'bgp_my.filter-1_importFilterV4'(true); };
        export filter { accept; }
        ttl security 2;
      }
    `);
    expect(config.protocols.map(({ type, name }) => [type, name])).toEqual([
      ['kernel', 'from_me'],
      ['kernel', 'kernel1'],
      ['kernel', 'kernel2'],
      ['bgp', 'p'],
    ]);
    const options = config.protocols.at(-1)?.options ?? [];
    expect(options.map(({ name }) => name)).toEqual([
      ...['local', 'local', 'error wait time', 'import'],
      ...['neighbor', 'import', 'export', 'ttl security'],
    ]);
    expect(options.at(-1)?.value).toEqual({ kind: 'bool', value: true });
  });

  test('then and else without braces', () => {
    const config = parseText('filter f { if true then krt_tunnel=""; else krt_tunnel="tunl0"; accept; }');
    expect(config.filters.get('f')?.body.map(({ kind }) => kind)).toEqual(['if', 'accept']);
  });

  test('case with labels and else', () => {
    const config = parseText(
      'filter f { case bgp_med { 1, 2..3: accept; 4: bgp_med = 5; accept; else: reject; } reject; }',
    );
    const [command] = config.filters.get('f')?.body ?? [];
    expect(command).toMatchObject({ kind: 'case', arms: [{ items: [{ low: 1 }, { low: 2, high: 3 }] }, {}] });
  });

  test('a call in an arm is no label', () => {
    const config = parseText(`define NET_A = 10.0.0.0/8; function MY_CALL() { }
      filter f { case source { RTS_BGP: MY_CALL(); RTS_STATIC: reject; } accept; }`);
    const [command] = config.filters.get('f')?.body ?? [];
    expect(command).toMatchObject({
      kind: 'case',
      arms: [{ body: [{ kind: 'call' }] }, { body: [{ kind: 'reject' }] }],
    });
  });

  test('what is about logs only', () => {
    const config = parseText('log "/var/log/bird" all; timeformat protocol iso long; debug protocols { states };');
    expect(config.ignored.map(({ name }) => name)).toEqual(['log', 'timeformat', 'debug']);
  });
});

describe('mistakes', () => {
  test.each<[string, string, string]>([
    ['an unknown statement', 'router id 1.2.3.4;\nspeak bgp;', '2:1 syntax error at speak, wanted: include, router id'],
    ['no semicolon', 'router id 1.2.3.4\nlisten bgp;', '2:1 syntax error at listen, wanted: ; after router id'],
    ['the end of the file', 'protocol bgp x {', '1:17 syntax error at the end of the file'],
    ['an empty router id', 'router id ;', '1:11 syntax error at ;, wanted: a dotted quad'],
    ['a text without end', 'log "x;\n', '1:5 this quote has no end on its line'],
    ['a comment without end', '\n/* x', '2:1 this comment has no end, wanted: */'],
    ['a character of no meaning', 'define a = @;', '1:12 syntax error: "@" means nothing here'],
    ['a number that is too great', 'define a = 4294967296;', '1:12 4294967296 is more than 4294967295'],
    ['an octet that is too great', 'router id 1.2.3.256;', '1:11 1.2.3.256 is no IPv4 address'],
    ['host bits', 'filter f { if net = 10.0.0.1/8 then accept; }', '1:21 Invalid prefix: 10.0.0.1/8 has host bits'],
    ['a length beyond the family', 'filter f { if net = 10.0.0.0/33 then accept; }', '1:21 Invalid prefix'],
    ['the other family', 'filter f { if net = ::/0 then accept; }', '1:21 :: is an IPv6 address'],
    ['a keyword as a name', 'function accept() { }', '1:10 accept is a word of the language'],
    ['a name twice', 'function f() { }\nfilter f { }', '2:8 Symbol already defined: f'],
    ['a name that is too long', `define ${'x'.repeat(65)} = 1;`, '1:8 Symbol too long'],
    ['a quoted name of blanks', "function 'a b'() { }", "1:10 'a b' is no name"],
    ['an unknown function', 'filter f { g(); }', "1:12 You can't call something which is not a function: g"],
    ['a function that calls itself', 'function f() { f(); }', "1:16 You can't call something which is not a function"],
    [
      'arguments',
      'function f(int a) { }\nfilter g { f(); }',
      '2:12 Wrong number of arguments for function f: 0, wanted 1',
    ],
    ['an unknown filter', 'protocol kernel { export filter x; }', '1:33 No such filter: x'],
    ['an unknown template', 'protocol bgp from x { }', '1:19 x is no template or protocol defined before'],
    ['a template of another type', 'template static t { }\nprotocol bgp from t { }', '2:19 t is of type static'],
    ['an unknown option', 'protocol bgp x { hold tight 5; }', '1:18 "hold tight" is no option of a bgp protocol'],
    ['an option of another type', 'protocol bgp x { learn; }', '1:18 "learn" is no option of a bgp protocol'],
    [
      'the language of BIRD 2',
      'protocol bgp x { ipv4 { import all; }; }',
      '1:18 "ipv4" is no option of a bgp protocol',
    ],
    ['another protocol', 'protocol ospf { }', '1:10 protocol ospf is not supported: only BGP is spoken'],
    ['a pipe', 'protocol pipe { }', '1:10 protocol pipe is not supported: there is one routing table'],
    ['an unknown variable', 'filter f { if x = 1 then accept; }', '1:15 x is neither an attribute nor a variable'],
    ['a misspelt value', 'filter f { if source = RTS_BPG then accept; }', '1:24 RTS_BPG is neither an attribute'],
    ['an attribute that is read only', 'filter f { net = 10.0.0.0/8; }', '1:12 net cannot be changed by a filter'],
    ['comparisons in a chain', 'filter f { if 1 < 2 < 3 then accept; }', '1:21 syntax error at <, wanted: brackets'],
    ['an upside-down range', 'filter f { if bgp_med ~ [ 5..1 ] then accept; }', '1:27 the range 5..1 holds nothing'],
    ['lengths upside down', 'filter f { if net ~ [ 10.0.0.0/8{9,8} ] then accept; }', '1:33 {9,8} are no lengths'],
    ['a loop', 'filter f { for int i in x do accept; }', '1:12 for loops are not supported'],
    ['a port', 'listen bgp port 70000;', '1:12 Invalid port number: 70000'],
    ['a constant of a route', 'define a = bgp_med;', '1:12 the value of a depends on a route'],
    ['include in the middle of a line', 'router id 1.2.3.4; include "x";', '1:20 include is known at the beginning'],
    ['an include without a file', 'include x;', '1:1 wanted: include "FILE";'],
    [
      'too many brackets',
      `filter f { if ${'('.repeat(200)}`,
      `brackets and blocks are nested too deeply: ${MAX_NESTING}`,
    ],
    ['too many blocks', `filter f ${'{'.repeat(200)}`, `brackets and blocks are nested too deeply: ${MAX_NESTING}`],
  ])('%s', (_case, text, expected) => {
    expect(mistakeIn(text)).toContain(expected);
  });
});

describe('include', () => {
  const parse = (files: Record<string, string>) =>
    parseBirdConfig(memorySources(files), '/etc/bird.cfg', 'ipv4-unicast');

  test('relative to the file, anywhere where a line begins', () => {
    const { config, texts } = parse({
      '/etc/bird.cfg': 'router id 1.2.3.4;\n  include "sub/a.cfg";\nfilter f {\n include "sub/b.cfg";\n}',
      '/etc/sub/a.cfg': 'include "c.cfg";\n',
      '/etc/sub/b.cfg': 'accept;',
      '/etc/sub/c.cfg': 'define a = 1;',
    });
    expect(config.filters.get('f')?.body.map(({ kind }) => kind)).toEqual(['accept']);
    expect([...texts.keys()]).toHaveLength(4);
  });

  test('patterns, in order', () => {
    const { config } = parse({
      '/etc/bird.cfg': 'include "d/*.cfg";\n',
      '/etc/d/2.cfg': 'protocol static b { }',
      '/etc/d/1.cfg': 'protocol static a { }',
    });
    expect(config.protocols.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test('a file that is not there is named with the place that asks for it', () => {
    expect(() => parse({ '/etc/bird.cfg': '\ninclude "x.cfg";' })).toThrow(
      'Unable to open included file /etc/x.cfg: No such file or directory',
    );
  });

  test('files inside each other have a bound', () => {
    expect(() => parse({ '/etc/bird.cfg': 'include "bird.cfg";' })).toThrow(
      `Max include depth reached: ${MAX_INCLUDE_DEPTH}`,
    );
  });
});
