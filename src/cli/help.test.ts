import { describe, expect, test } from 'vitest';
import { ROUTES } from '../api/routes/index.ts';
import { findCommand, noCommand, partsOf } from './command.ts';
import { COMMANDS, GROUPS } from './command-table.ts';
import { candidates, type Known } from './complete.ts';
import { distance } from './did-you-mean.ts';
import { formsOf, helpOn, reference } from './help.ts';
import { OPTIONS, type OptionName } from './option-table.ts';

test('docs/commands.md is what the tables say', async () => {
  await expect(reference()).toMatchFileSnapshot('../../docs/commands.md');
});

describe('the table', () => {
  test('every usage is there once, in a group that help shows, and finds its command', () => {
    for (const command of COMMANDS) {
      expect(GROUPS).toContain(command.group);
      expect(findCommand(COMMANDS, command.usage.replaceAll(/[[\]]/g, '').split(' '))).toBe(command);
    }
    expect(new Set(COMMANDS.map(({ usage }) => usage)).size).toBe(COMMANDS.length);
  });

  test('every option is known to some command, but those that hold everywhere', () => {
    const used = new Set<OptionName>(COMMANDS.flatMap(({ options }) => options));
    expect((Object.keys(OPTIONS) as OptionName[]).filter((name) => !used.has(name))).toEqual(['version', 'help']);
  });

  /** By request of the API: the command that makes it. */
  const REACHED: Readonly<Record<string, string>> = {
    'GET /v1/status': 'show status',
    'GET /openapi.json': 'get PATH',
    'GET /metrics': 'get PATH',
    'GET /live': 'live',
    'GET /ready': 'ready',
    'GET /v1/peers': 'show peers',
    'GET /v1/peers/{peer}': 'show peer PEER',
    'GET /v1/peers/{peer}/received': 'show received PEER [PREFIX]',
    'GET /v1/peers/{peer}/accepted': 'show accepted PEER [PREFIX]',
    'GET /v1/peers/{peer}/advertised': 'show advertised PEER [PREFIX]',
    'PUT /v1/peers/{peer}/log-level': 'peer PEER log-level LEVEL',
    'GET /v1/routes': 'show routes [PREFIX]',
    'GET /v1/support-dump': 'support-dump',
    'GET /v1/running': 'show running',
    'POST /v1/running/passwords': 'plan',
    'GET /v1/originated': 'show originated',
    'PUT /v1/originated/{owner}': 'originate PREFIX',
    'DELETE /v1/originated/{owner}': 'withdraw [PREFIX]',
    'GET /v1/events': 'events [PREFIX]',
    'GET /v1/explain/route': 'explain route PREFIX',
    'GET /v1/explain/advertised/{peer}': 'explain advertised PREFIX PEER',
    'GET /v1/explain/kernel': 'explain kernel PREFIX',
    'GET /v1/explain/peer/{peer}': 'explain peer PEER',
  };

  test.each(ROUTES.map(({ method, path }) => [method, path]))(
    '%s %s can be had from the command line',
    (method, path) => {
      const words = path.split('/').filter((word) => word !== 'v1' && word !== '');
      const same = method === 'GET' ? `show ${words[0]}` : words.join(' ').replace(/^peers \{peer\}/, 'peer PEER');
      const usage = REACHED[`${method} ${path}`] ?? same;
      expect(COMMANDS.map((command) => command.usage)).toContain(usage);
    },
  );
});

describe('help', () => {
  test('the page has every command, in lines that fit', () => {
    const page = helpOn([]);
    for (const command of COMMANDS) for (const form of formsOf(command)) expect(page).toContain(`  ${form}`);
    expect(page.split('\n').filter((line) => line.length > 120)).toEqual([]);
  });

  test('one command with its options and no other', () => {
    const text = helpOn(['show', 'routes']);
    expect(text).toMatch(/^Usage: peregrine show routes \[PREFIX\] \[OPTION\]\.\.\.\n/);
    expect(text).toMatch(/^ {2}--origin-as NUMBER {2,}paths that come from that AS$/m);
    expect(text).not.toContain('--owner');
  });

  test('a word that several begin with names them', () => {
    expect(helpOn(['explain']).match(/^ {2}explain /gm)?.length).toBe(4);
  });

  test('what there is not is refused as it would be without help', () => {
    expect(() => helpOn(['shwo'])).toThrow('unknown command "shwo"; did you mean show?');
  });
});

test.each([
  ['', '', 0],
  ['peers', 'peers', 0],
  ['peesr', 'peers', 1],
  ['per', 'peers', 2],
  ['abc', '', 3],
])('%j and %j are %d apart', (from, to, far) => expect(distance(from, to)).toBe(far));

test.each([
  [['shw'], 'unknown command "shw"; did you mean show?'],
  [['bogus'], 'unknown command "bogus"'],
  [['show', 'rotues'], /, not rotues; did you mean routes\?$/],
  [
    ['peer', 'x'],
    'wanted: peregrine peer PEER refresh-in, refresh-out, reset, disable, enable, drain, undrain or log-level',
  ],
  [['peer', 'x', 'rest'], /, not rest; did you mean reset\?$/],
  [['show', 'peer', 'a', 'b'], 'wanted: peregrine show peer PEER'],
])('%j means nothing: %s', (words, expected) => {
  expect(findCommand(COMMANDS, words)).toBeNull();
  expect(noCommand(COMMANDS, words).message).toEqual(
    typeof expected === 'string' ? expected : expect.stringMatching(expected),
  );
});

describe('completion', () => {
  const asked: string[] = [];
  const known = (socketPath: string): Known => ({
    peers: async () => {
      asked.push(socketPath);
      return [
        { word: 'tor-a', text: '192.0.2.1, Established' },
        { word: 'tor-b', text: '192.0.2.2, Idle' },
        { word: 'Mesh_10_0_0_1', text: '10.0.0.1, Established' },
      ];
    },
  });
  const words = async (...line: string[]) => {
    const found = await candidates(line, known);
    return found === 'files' ? found : found.map(({ word }) => word);
  };

  test.each<[string, string[], string[] | 'files']>([
    ['a command', ['sh'], ['show']],
    ['a word of a command', ['show', 'ne'], ['next-hops']],
    ['peers of the daemon', ['show', 'peer', 'tor'], ['tor-a', 'tor-b']],
    ['peers in the second place', ['explain', 'advertised', '10.0.0.0/8', 'M'], ['Mesh_10_0_0_1']],
    ['actions of a peer', ['peer', 'tor-a', 'dis'], ['disable']],
    ['values of an argument', ['peer', 'tor-a', 'log-level', 'd'], ['debug', 'default']],
    [
      'options of the command only',
      ['drain', '--'],
      ['--socket', '--json', '--close-after', '--reason', '--text', '--help'],
    ],
    ['an option that is there already', ['drain', '--json', '--j'], []],
    ['values of an option', ['show', 'routes', '--family', 'ipv6'], ['ipv6-unicast']],
    ['a peer as a value', ['show', 'routes', '--source', 't'], ['tor-a', 'tor-b']],
    ['files', ['check', '--config', ''], 'files'],
    ['options before the command', ['--socket', '/tmp/x', 'show', 'peer', 'tor-a'], ['tor-a']],
    ['commands behind help', ['help', 'expl'], ['explain']],
    ['words behind help', ['help', 'show', 'pe'], ['peers', 'peer']],
    ['nothing behind what is whole', ['show', 'status', ''], []],
    ['nothing behind what does not exist', ['bogus', ''], []],
  ])('%s', async (_, line, expected) => expect(await words(...line)).toEqual(expected));

  test('the daemon that is asked is that of --socket', async () => {
    asked.length = 0;
    await words('--socket', '/tmp/other.sock', 'show', 'peer', '');
    await words('--socket=/tmp/third.sock', 'show', 'peer', '');
    expect(asked).toEqual(['/tmp/other.sock', '/tmp/third.sock']);
  });

  test('every word of every command is offered', async () => {
    for (const command of COMMANDS) {
      const parts = partsOf(command);
      for (const [index, { kind, text }] of parts.entries()) {
        if (kind !== 'word') continue;
        const before = parts.slice(0, index).map((part) => part.text);
        // help completes the commands that it is about.
        if (before[0] !== 'help') expect(await words(...before, text)).toContain(text);
      }
    }
  });
});
