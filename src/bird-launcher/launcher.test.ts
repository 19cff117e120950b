import { expect, test } from 'vitest';
import { LauncherUsageError, parseLauncherArguments } from './arguments.ts';
import { birdLines, createBirdLog } from './bird-log.ts';
import { launcherPlan } from './plan.ts';

const CALICO = ['-R', '-s', '/var/run/calico/bird.ctl', '-d', '-c', '/etc/calico/confd/config/bird.cfg'];

test.each([
  ['calico-node', CALICO, { socketPath: '/var/run/calico/bird.ctl', isRestart: true, isCheck: false }],
  ["confd's check", ['-p', '-c', '/x/.bird.cfg123'], { configPath: '/x/.bird.cfg123', isCheck: true }],
  ['values joined to their letters', ['-c/x', '-dRs/y'], { configPath: '/x', socketPath: '/y', isRestart: true }],
  ['what means nothing here', ['-D', '/x', '-u', 'a', '-g', 'b', '-l', '-f', '-v', '-P', '/p'], { pidFile: '/p' }],
  ['nothing', [], { configPath: '/etc/calico/confd/config/bird.cfg', socketPath: '/var/run/calico/bird.ctl' }],
  ['--version', ['--version'], { isVersion: true }],
  ['--help', ['--help'], { isHelp: true }],
])('the command line of %s', (_, argv, wanted) => {
  expect(parseLauncherArguments('bird', argv)).toMatchObject(wanted);
});

test.each([
  [['-x'], "invalid option -- 'x'"],
  [['-c'], "option requires an argument -- 'c'"],
  [['file'], "unexpected argument 'file'"],
  [['--config'], "unexpected argument '--config'"],
])('%j is refused', (argv, message) => {
  expect(() => parseLauncherArguments('bird6', argv)).toThrow(new LauncherUsageError(message));
});

const at = (name: 'bird' | 'bird6') =>
  parseLauncherArguments(name, ['-s', `/run/${name}.ctl`, '-c', `/etc/${name}.cfg`]);
const COMMON = (name: string, end = 'shutdown') => `run --on-sigterm ${end} --socket /run/peregrine/${name}.sock`;

test.each([
  ['bird', {}, `${COMMON('bird')} --bird-config /etc/bird.cfg --bird-socket /run/bird.ctl --bird6-socket off`],
  ['bird6', {}, `${COMMON('bird6')} --bird6-config /etc/bird6.cfg --bird-socket off --bird6-socket /run/bird6.ctl`],
  [
    'bird',
    { PEREGRINE_BIRD_MODE: 'together', PEREGRINE_ON_SIGTERM: 'restart' },
    `${COMMON('bird', 'restart')} --bird-config /etc/bird.cfg --bird6-config /etc/bird6.cfg --bird-socket /run/bird.ctl --bird6-socket /run/bird6.ctl`,
  ],
  ['bird6', { PEREGRINE_BIRD_MODE: 'together' }, 'stub /run/bird.ctl'],
  [
    'bird',
    { PEREGRINE_BIRD_MODE: 'native' },
    `${COMMON('bird')} --node node-1 --bird-socket /run/bird.ctl --bird6-socket /run/bird6.ctl`,
  ],
  [
    'bird',
    { PEREGRINE_BIRD_MODE: 'native', PEREGRINE_DATASTORE: 'directory:/x' },
    `${COMMON('bird')} --node node-1 --datastore directory:/x --bird-socket /run/bird.ctl --bird6-socket /run/bird6.ctl`,
  ],
  ['bird6', { PEREGRINE_BIRD_MODE: 'native' }, 'stub /run/bird.ctl'],
  ['bird', { PEREGRINE_BIRD_MODE: 'x' }, 'PEREGRINE_BIRD_MODE x: wanted separate, together, native'],
] as const)('%s with %j', (name, variables, wanted) => {
  const plan = launcherPlan(name, at(name), variables, () => 'node-1');
  const text =
    plan.kind === 'run' ? plan.argv.join(' ') : plan.kind === 'stub' ? `stub ${plan.socketPath}` : plan.reason;
  expect(text).toBe(wanted);
});

test('native without a node name is refused', () => {
  const plan = launcherPlan('bird', at('bird'), { PEREGRINE_BIRD_MODE: 'native' }, () => null);
  expect(plan).toMatchObject({ kind: 'refused', reason: expect.stringContaining('NODENAME') });
});

test.each([
  ['PEER_UP', { peer: 'Mesh_1' }, 'x', ['Mesh_1: BGP session established', 'Mesh_1: State changed to up']],
  [
    'PEER_DOWN',
    { peer: 'M', kind: 'notification-received', code: 6, subcode: 2 },
    'x',
    ['M: Received: Administrative shutdown', 'M: BGP session closed', 'M: State changed to stop'],
  ],
  [
    'PEER_DOWN',
    { peer: 'M', kind: 'hold-timer-expired', code: 4, subcode: 0 },
    'x',
    ['M: Error: Hold timer expired', 'M: BGP session closed', 'M: State changed to stop'],
  ],
  ['RELOAD', {}, 'SIGHUP: reading', ['Reconfiguration requested by SIGHUP', 'Reconfiguring']],
  ['RELOAD', {}, 'nobody confirmed', ['nobody confirmed']],
  ['CONFIG_REFUSED', {}, '/etc/bird.cfg:12:3 wrong\n12 | x', ['/etc/bird.cfg:12:3 wrong', '12 | x']],
  ['RECOVERY_OVER', { absent: [] }, 'x', ['Graceful restart done']],
  ['LISTENING', { address: '0.0.0.0', port: 179 }, 'listening', ['listening (address=0.0.0.0 port=179)']],
])('%s %j in the log', (msgid, fields, message, lines) => {
  expect(birdLines(msgid, fields, message)).toEqual(lines);
});

test('every line has the prefix, and the level holds', () => {
  let text = '';
  const log = createBirdLog('info', (written) => {
    text += written;
  });
  log.debug('RELOAD', {}, 'not said');
  log.error('CONFIG_REFUSED', {}, 'a\nb');
  log.setLevel('error');
  log.info('RELOAD', {}, 'not said either');
  log.setPeerLevel('Mesh_1', 'debug');
  log.debug('PEER_IGNORED', { peer: 'Mesh_1' }, 'said');
  expect(text).toBe('bird: a\nbird: b\nbird: Mesh_1: said\n');
});
