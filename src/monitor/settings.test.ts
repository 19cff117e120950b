import { describe, expect, test } from 'vitest';
import { DEFAULT_MONITOR, monitorSettings, parseListenPoint } from './settings.ts';

test.each([
  ['9179', { address: '::', port: 9179 }],
  ['127.0.0.1:9179', { address: '127.0.0.1', port: 9179 }],
  ['[::1]:9179', { address: '::1', port: 9179 }],
  ['0', null],
  ['65536', null],
  ['localhost:9179', null],
  ['::1:9179', null],
  ['300.0.0.1:9179', null],
  ['[127.0.0.1]:9179', null],
  ['9179x', null],
  ['', null],
])('listen on %j', (text, wanted) => {
  expect(parseListenPoint(text)).toEqual(wanted);
});

describe('settings', () => {
  test('nothing listens unless it is asked for', () => {
    expect(monitorSettings(null, {})).toEqual({ ok: true, settings: DEFAULT_MONITOR });
    expect(DEFAULT_MONITOR.listen).toBeNull();
  });

  test('the command line counts before the environment', () => {
    const outcome = monitorSettings('1', { PEREGRINE_MONITOR_LISTEN: '2', PEREGRINE_METRICS_BIRD_EXPORTER: 'true' });
    expect(outcome).toMatchObject({ ok: true, settings: { listen: { port: 1 }, birdExporter: true } });
  });

  test.each([
    ['--monitor-listen', 'x', {}],
    ['PEREGRINE_MONITOR_LISTEN', null, { PEREGRINE_MONITOR_LISTEN: 'x' }],
    ['PEREGRINE_METRICS_PEERS', null, { PEREGRINE_METRICS_PEERS: 'some' }],
    ['PEREGRINE_METRICS_BIRD_EXPORTER', null, { PEREGRINE_METRICS_BIRD_EXPORTER: 'yes' }],
    ['PEREGRINE_READY_PEERS', null, { PEREGRINE_READY_PEERS: 'most' }],
  ])('%s is refused by name, with what is wanted', (name, option, environment) => {
    const outcome = monitorSettings(option, environment);
    expect(outcome).toMatchObject({ ok: false, reason: expect.stringContaining(name) });
    expect(outcome).toMatchObject({ reason: expect.stringContaining('wanted') });
  });
});
