/**
 * Commands that people type in birdc, with their codes, against a speaker with one session: transcripts with times masked,
 * and what enable, disable, restart, reload, configure and undo really do.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LOOPBACK_PORT, loopbackAddress } from '../support/loopback.ts';
import { waitUntil } from '../support/wait-for.ts';
import { BirdSpeaker } from './bird-speaker.ts';
import { BirdClient } from './client.ts';

const OWN = loopbackAddress(21);
const PEER = loopbackAddress(22);
const AS = 64512;

const config = (more: object = {}) => ({
  routerId: '10.0.0.1',
  as: AS,
  peers: [
    { name: 'Mesh_2', address: PEER, port: LOOPBACK_PORT, localAddress: OWN, as: AS, description: 'a mesh peer' },
  ],
  originate: [{ prefix: '192.168.2.0/26' }, { prefix: '10.96.0.0/16', communities: ['64512:1'] }],
  ...more,
});

let bird: BirdSpeaker;
let other: BirdSpeaker;
let asked: string[];

beforeEach(async () => {
  asked = [];
  const note = (what: string) => (): void => void asked.push(what);
  other = await BirdSpeaker.start(PEER, {
    routerId: '10.0.0.2',
    as: AS,
    peers: [{ name: 'Mesh_1', address: OWN, port: LOOPBACK_PORT, localAddress: PEER, as: AS, passive: true }],
    originate: [{ prefix: '192.168.3.0/26', communities: ['65000:100', '65000:1:2'] }, { prefix: '10.96.0.0/16' }],
  });
  bird = await BirdSpeaker.start(OWN, config(), { control: { shutdown: note('shutdown'), dump: note('dump') } });
  await established();
});

afterEach(async () => {
  await Promise.all([bird.stop(), other.stop()]);
});

function established(): Promise<unknown> {
  return waitUntil(
    'the session and its routes',
    20_000,
    () => bird.ask('show route count'),
    (lines) => lines[0] === '0014 4 of 4 routes for 3 networks',
  );
}

/** Times, timers and addresses of this test process masked. */
function mask(lines: readonly string[]): string {
  return lines
    .join('\n')
    .replace(/\d\d:\d\d:\d\d/g, 'HH:MM:SS')
    .replace(/\d{4}-\d\d-\d\d/g, 'YYYY-MM-DD')
    .replace(/timer:(\s+)\d+\//g, 'timer:$1N/')
    .replaceAll(OWN, 'OWN')
    .replaceAll(PEER, 'PEER');
}

describe('transcripts', () => {
  test('show status', async () => {
    expect(mask(await bird.ask('show status'))).toBe(`1000-BIRD v0.3.3+birdv1.6.8
1011-Router ID is 10.0.0.1
 Current server time is YYYY-MM-DD HH:MM:SS
 Last reboot on YYYY-MM-DD HH:MM:SS
 Last reconfiguration on YYYY-MM-DD HH:MM:SS
0013 Daemon is up and running`);
  });

  test('show protocols', async () => {
    expect(mask(await bird.ask('show protocols'))).toBe(`2002-name     proto    table    state  since       info
1002-static1  Static   master   up     HH:MM:SS    
 kernel1  Kernel   master   up     HH:MM:SS    
 device1  Device   master   up     HH:MM:SS    
 direct1  Direct   master   up     HH:MM:SS    
 Mesh_2   BGP      master   up     HH:MM:SS    Established   
0000 `);
  });

  test('show protocols all NAME', async () => {
    expect(
      mask(await bird.ask('show protocols all Mesh_2')),
    ).toBe(`2002-name     proto    table    state  since       info
1002-Mesh_2   BGP      master   up     HH:MM:SS    Established   
1006-  Description:    a mesh peer
   Preference:     100
   Input filter:   ACCEPT
   Output filter:  ACCEPT
   Routes:         2 imported, 2 exported, 1 preferred
   Route change stats:     received   rejected   filtered    ignored   accepted
     Import updates:              2          0          0          0          2
     Import withdraws:            0          0        ---          0          0
     Export updates:            ---        ---        ---        ---          2
     Export withdraws:          ---        ---        ---        ---        ---
   BGP state:          Established
     Neighbor address: PEER
     Neighbor AS:      64512
     Neighbor ID:      10.0.0.2
     Neighbor caps:    refresh enhanced-refresh restart-aware AS4
     Session:          internal multihop AS4 ext-messages
     Source address:   OWN
     Hold timer:       N/90
     Keepalive timer:  N/30
 
0000 `);
  });

  test('show protocols all kernel1 and a protocol that is down', async () => {
    await bird.ask('disable Mesh_2');
    expect(
      mask(await bird.ask('show protocols all "*2"')),
    ).toBe(`2002-name     proto    table    state  since       info
1002-Mesh_2   BGP      master   down   HH:MM:SS    
1006-  Description:    a mesh peer
   Preference:     100
   Input filter:   ACCEPT
   Output filter:  ACCEPT
   BGP state:          Down
     Neighbor address: PEER
     Neighbor AS:      64512
 
0000 `);
    const kernel = await bird.ask('show protocols all kernel1');
    expect(kernel.slice(2, 5)).toEqual([
      '1006-  Preference:     10',
      '   Input filter:   ACCEPT',
      '   Output filter:  REJECT',
    ]);
  });

  test('show route, and everything about one', async () => {
    expect(mask(await bird.ask('show route'))).toBe(`1007-10.96.0.0/16       blackhole [static1 HH:MM:SS] * (200)
                    via PEER on --- [Mesh_2 HH:MM:SS] (100/0) [i]
 192.168.2.0/26     blackhole [static1 HH:MM:SS] * (200)
 192.168.3.0/26     via PEER on --- [Mesh_2 HH:MM:SS] * (100/0) [i]
0000 `);
    expect(
      mask(await bird.ask('show route for 192.168.3.7 all')),
    ).toBe(`1007-192.168.3.0/26     via PEER on --- [Mesh_2 HH:MM:SS] * (100/0) [i]
1008-	Type: BGP unicast univ
1012-	BGP.origin: IGP
 	BGP.as_path: 
 	BGP.next_hop: PEER
 	BGP.local_pref: 100
 	BGP.community: (65000,100)
 	BGP.large_community: (65000, 1, 2)
0000 `);
  });
});

const MESH_ROW = '192.168.3.0/26     via PEER on --- [Mesh_2 HH:MM:SS] * (100/0) [i]';
const SECOND_ROW = '10.96.0.0/16       via PEER on --- [Mesh_2 HH:MM:SS] (100/0) [i]';
const OWN_ROWS = [
  '10.96.0.0/16       blackhole [static1 HH:MM:SS] * (200)',
  '192.168.2.0/26     blackhole [static1 HH:MM:SS] * (200)',
];

test.each([
  ['show route protocol Mesh_2', [SECOND_ROW, MESH_ROW]],
  ['show route primary', [...OWN_ROWS, MESH_ROW]],
  ['show route export Mesh_2', OWN_ROWS],
  ['show route preexport Mesh_2', OWN_ROWS],
  ['show route noexport Mesh_2', []],
  ['show route in 192.168.0.0/16', [OWN_ROWS[1], MESH_ROW]],
  ['show route where proto = "Mesh_2" && net ~ [192.168.0.0/16+]', [MESH_ROW]],
  ['show route table master where source = RTS_STATIC', OWN_ROWS],
  ['show route where (65000,100) ~ bgp_community', [MESH_ROW]],
  ['show route filtered', []],
  ['show route export kernel1', []],
])('%s', async (command, rows) => {
  const lines = mask(await bird.ask(command)).split('\n');
  expect(lines.pop()).toBe('0000 ');
  expect(lines.map((line, index) => line.slice(index === 0 ? 5 : 1))).toEqual(rows);
});

test.each([
  ['show route count', '0014 4 of 4 routes for 3 networks'],
  ['show route count protocol Mesh_2', '0014 2 of 4 routes for 3 networks'],
  ['show route primary count', '0014 3 of 4 routes for 3 networks'],
  ['show route 1.2.3.0/24', '8001 Network not in table'],
  ['show route for 1.2.3.4', '8001 Network not in table'],
  ['show route protocol nobody', '9002 nobody is not a protocol'],
  ['show route table t', '9002 t is not a table'],
  ['show route filter f', '9002 f is not a filter; a condition can be given with where'],
  ['show route where net.len', '8008 boolean expression expected'],
  ['show route fd00::/8', '9001 syntax error, address of the other family'],
  ['show protocols nobody', '9002 nobody is not a protocol'],
  ['show protocols "zz*"', '8003 No protocols match'],
  ['show protocols Mesh*', '9001 syntax error'],
  ['SHOW STATUS', '9001 syntax error'],
  ['sh status', '9001 syntax error'],
  ['', '9001 syntax error, unexpected end of line'],
  ['# only a comment', '9001 syntax error, unexpected end of line'],
  ['show status; show status', '9001 syntax error'],
  ['show roa', '0000 '],
  ['show bfd sessions', '9001 There is no BFD protocol running'],
  ['show interfaces', '0000 '],
  ['configure undo', '0021-Undo requested|0019 Nothing to do'],
  ['configure confirm', '0019 Nothing to do'],
  ['configure check', '0002-Reading configuration from /etc/test.yaml|0020 Configuration OK'],
  ['configure "/other"', '8002 /other: only /etc/test.yaml can be read, start the daemon with another file'],
  ['enable Mesh_2', '0010-Mesh_2: already enabled|0000 '],
  ['disable static1', '8007-static1: cannot be disabled here, only by configuration|0000 '],
  ['reload kernel1', '0015-kernel1: reloading|0000 '],
  ['reload in Mesh_2', '0015-Mesh_2: reloading|0000 '],
  ['reload out Mesh_2', '0015-Mesh_2: reloading|0000 '],
  ['reload "Mesh*"', '0015-Mesh_2: reloading|0000 '],
  ['restrict', '0016 Access restricted'],
  ['echo off', '0000 '],
  ['debug Mesh_2 { states, routes }', '0000 '],
  ['debug all off', '0000 '],
  ['debug Mesh_2 nonsense', '9001 syntax error'],
])('%s', async (command, answer) => {
  expect((await bird.ask(command)).join('|')).toBe(answer);
});

test('show symbols, memory and static', async () => {
  expect(await bird.ask('show symbols table')).toEqual(['1010-master  \trouting table', '0000 ']);
  expect(await bird.ask('show symbols Mesh_2')).toEqual(['1010-Mesh_2  \tprotocol', '0000 ']);
  expect(await bird.ask('show static')).toEqual(['1009-10.96.0.0/16 blackhole', ' 192.168.2.0/26 blackhole', '0000 ']);
  for (const line of (await bird.ask('show memory')).slice(1, -1))
    expect(line).toMatch(/^ [A-Z].{16} [ \d]{4} [ kMG]B$/);
});

test('disable tells the peer why, enable brings the session back', async () => {
  expect(await bird.ask('disable Mesh_2 message "rolling maintenance"')).toEqual(['0009-Mesh_2: disabled', '0000 ']);
  expect(await bird.ask('disable Mesh_2')).toEqual(['0008-Mesh_2: already disabled', '0000 ']);
  const theirs = await waitUntil(
    'the other side knows',
    10_000,
    () => other.ask('show protocols all Mesh_1'),
    (lines) => lines.some((line) => line.includes('Received:')),
  );
  expect(theirs[1]).toContain('Received: Administrative shutdown');
  expect(theirs).toContain('1006-  Message:        rolling maintenance');
  expect(await bird.ask('enable Mesh_2')).toEqual(['0011-Mesh_2: enabled', '0000 ']);
  await established();
  expect(await other.ask('show protocols all Mesh_1')).toContain('1006-  Message:        rolling maintenance');
});

test('restart ends the session and it comes again', async () => {
  expect(await bird.ask('restart all')).toContain('0012-Mesh_2: restarted');
  await waitUntil(
    'a second session',
    20_000,
    async () => bird.speaker.drivers.get('Mesh_2')?.state.establishedCount,
    (count) => count === 2,
  );
});

test('configure, undo, and undo after a time unless confirmed', async () => {
  const routes = async (): Promise<number> => (await bird.ask('show static')).length - 1;
  const reconfiguredAt = async (): Promise<string> => (await bird.ask('show status'))[4];
  const first = await reconfiguredAt();
  await new Promise((resolve) => setTimeout(resolve, 1100));
  bird.next.push(config({ originate: [{ prefix: '10.1.0.0/16' }] }));
  expect(await bird.ask('configure')).toEqual(['0002-Reading configuration from /etc/test.yaml', '0003 Reconfigured']);
  expect(await routes()).toBe(1);
  expect(await reconfiguredAt()).not.toBe(first);
  expect(await bird.ask('configure undo')).toEqual(['0021-Undo requested', '0003 Reconfigured']);
  expect(await routes()).toBe(2);
  // The time is that of the configuration in force.
  expect(await reconfiguredAt()).toBe(first);
  expect(await bird.ask('configure undo')).toEqual(['0021-Undo requested', '0019 Nothing to do']);

  bird.next.push(config({ originate: [] }));
  expect(await bird.ask('configure soft timeout 600')).toEqual([
    '0002-Reading configuration from /etc/test.yaml',
    '0022-Undo scheduled in 600 s',
    '0003 Reconfigured',
  ]);
  expect(await bird.ask('configure confirm')).toEqual(['0018 Reconfiguration confirmed']);
  expect(await routes()).toBe(0);
  bird.next.push(config());
  await bird.ask('configure timeout 1');
  expect(await routes()).toBe(2);
  await waitUntil('nobody confirmed', 10_000, routes, (count) => count === 0);
});

test('configure with a mistake names the place and changes nothing', async () => {
  bird.next.push({ ...config(), as: 'x' });
  const answer = await bird.ask('configure');
  expect(answer[0]).toBe('0002-Reading configuration from /etc/test.yaml');
  expect(answer.at(-1)).toMatch(/^8002 test\.yaml:\d+:\d+ /);
  expect((await bird.ask('show static')).length).toBe(3);
});

test('down and dump reach the daemon; a restricted session may do neither', async () => {
  const client = await BirdClient.connect(bird.paths[0]);
  expect(await client.ask('dump routes')).toEqual(['0000 ']);
  expect(await client.ask('restrict')).toEqual(['0016 Access restricted']);
  for (const command of ['down', 'dump', 'configure', 'disable all', 'restart all', 'reload all', 'debug all all']) {
    expect(await client.ask(command)).toEqual(['8007 Access denied']);
  }
  expect((await client.ask('show status')).at(-1)).toBe('0013 Daemon is up and running');
  client.close();
  expect(asked).toEqual(['dump']);
  expect(await bird.ask('down')).toEqual(['0007 Shutdown requested']);
  expect(asked).toEqual(['dump', 'shutdown']);
});

test('echo shows the log to the session that asked for it, and to no other', async () => {
  const [listener, quiet] = [await BirdClient.connect(bird.paths[0]), await BirdClient.connect(bird.paths[0])];
  await quiet.ask('show status');
  expect(await listener.ask('echo { warning, error }')).toEqual(['0000 ']);
  bird.log.info('DUMP', {}, 'not of that class');
  bird.log.warn('DUMP', { peer: 'Mesh_2' }, 'something\nhappened');
  expect(await listener.line()).toBe('+Mesh_2: something happened');
  await listener.ask('echo off');
  bird.log.warn('DUMP', {}, 'nobody hears this');
  expect((await quiet.ask('show status'))[0]).toBe('1000-BIRD v0.3.3+birdv1.6.8');
  expect((await listener.ask('show status'))[0]).toBe('1000-BIRD v0.3.3+birdv1.6.8');
  listener.close();
  quiet.close();
});
