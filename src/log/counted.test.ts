import { beforeEach, describe, expect, test } from 'vitest';
import { CountedLog } from './counted.ts';
import { type Log, SILENT_LOG } from './log.ts';
import { RecentLog } from './recent.ts';

let told: string[];
let later: (() => void)[];
let log: CountedLog;

beforeEach(() => {
  told = [];
  later = [];
  const note =
    (level: string): Log['warn'] =>
    (msgid, fields, message) =>
      void told.push(`${level} ${msgid} ${JSON.stringify(fields)} ${message}`);
  const inner: Log = {
    ...SILENT_LOG,
    debug: note('debug'),
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
  };
  log = new CountedLog(inner, (_, call) => void later.push(call));
});

describe('repeated lines', () => {
  test('the first is told, the others in one line at the end of the minute', () => {
    for (let n = 0; n < 5; n++) log.warn('SOCKET_OPTION', { peer: 'a', n }, 'no');
    expect(told).toEqual(['warn SOCKET_OPTION {"peer":"a","n":0} no']);
    later[0]();
    expect(told.slice(1)).toEqual(['warn SOCKET_OPTION {"peer":"a","n":4,"repeated":4} no']);
    // A new minute.
    log.warn('SOCKET_OPTION', { peer: 'a' }, 'no');
    expect(told.length).toBe(3);
    expect(later.length).toBe(2);
    later[1]();
    expect(told.length).toBe(3);
  });

  test('another subject, code or words have a line of their own', () => {
    log.warn('SOCKET_OPTION', { peer: 'a' }, 'no');
    log.warn('SOCKET_OPTION', { peer: 'b' }, 'no');
    log.warn('SOCKET_OPTION', { peer: 'a' }, 'never');
    log.error('LISTEN_FAILED', { peer: 'a' }, 'no');
    expect(told.length).toBe(4);
  });

  test('what somebody wants to hear every time is told every time', () => {
    for (let n = 0; n < 2; n++) {
      log.debug('PEER_STATE', { peer: 'a' }, 'x');
      log.info('PEER_UP', { peer: 'a' }, 'x');
      log.warn('PEER_DOWN', { peer: 'a' }, 'x');
      log.error('CONFIG_REFUSED', {}, 'x');
    }
    expect(told.length).toBe(8);
  });

  test('memory has a bound; beyond it everything is told', () => {
    for (let n = 0; n < 1500; n++) for (let m = 0; m < 2; m++) log.warn('KERNEL_DISTURBED', { prefix: `${n}` }, 'x');
    expect(told.length).toBe(1000 + 2 * 500);
  });
});

test('recent lines are kept whatever the level, up to a bound, the oldest first', () => {
  const recent = new RecentLog(SILENT_LOG, () => 7);
  for (let n = 0; n < 2500; n++) recent.debug('PEER_STATE', { n }, 'x');
  const lines = recent.lines();
  expect([lines.length, recent.forgotten]).toEqual([2000, 500]);
  expect(lines[0]).toEqual({ atWallMs: 7, level: 'debug', msgid: 'PEER_STATE', fields: { n: 500 }, message: 'x' });
  expect(lines.at(-1)?.fields).toEqual({ n: 2499 });
});
