import { expect, test } from 'vitest';
import { RESTART_DEFAULTS, restartSettings, stateFilePath } from './restart-settings.ts';

test.each([
  ['nothing said', {}, {}, RESTART_DEFAULTS],
  ['empty variables', {}, { PEREGRINE_ON_SIGTERM: '', PEREGRINE_STATE_FILE: '' }, RESTART_DEFAULTS],
  [
    'the environment',
    {},
    { PEREGRINE_ON_SIGTERM: 'shutdown', PEREGRINE_STATE_FILE: '/a', PEREGRINE_RESTART_DEFERRAL_SECONDS: '0' },
    { onSigterm: 'shutdown', stateFile: '/a', deferralSeconds: 0, drainSeconds: 30 },
  ],
  [
    'the command line first',
    { 'on-sigterm': 'restart', 'state-file': 'none' },
    { PEREGRINE_ON_SIGTERM: 'shutdown', PEREGRINE_STATE_FILE: '/a' },
    { ...RESTART_DEFAULTS, stateFile: '' },
  ],
  ['a wrong word', { 'on-sigterm': 'die' }, {}, '--on-sigterm die: wanted restart, shutdown or drain'],
  ['a wrong variable', {}, { PEREGRINE_ON_SIGTERM: 'x' }, 'PEREGRINE_ON_SIGTERM x: wanted restart, shutdown or drain'],
  [
    'a wrong time',
    {},
    { PEREGRINE_RESTART_DEFERRAL_SECONDS: '1h' },
    'PEREGRINE_RESTART_DEFERRAL_SECONDS 1h: wanted 0 to 3600',
  ],
])('%s', (_, flags, variables, settings) => {
  expect(restartSettings(flags, variables)).toEqual(settings);
});

test.each([
  [null, '/run/peregrine/peregrine.sock', '/run/peregrine/peregrine.restart'],
  [null, '/tmp/x', '/tmp/x.restart'],
  ['/var/lib/p', '/tmp/x', '/var/lib/p'],
  ['', '/tmp/x', null],
])('the file is beside the control socket unless said: %s, %s', (stateFile, socket, path) => {
  expect(stateFilePath({ ...RESTART_DEFAULTS, stateFile }, socket)).toBe(path);
});
