import { expect, test } from 'vitest';
import { SILENT_LOG } from '../log/log.ts';
import { EchoLog } from './echo-log.ts';

test.each([
  ['a level that somebody chose for the process stays', true, 'warn'],
  ['any other is what the configuration says', false, 'info'],
])('%s', (_sentence, isPinned, level) => {
  const set: string[] = [];
  const log = new EchoLog({ ...SILENT_LOG, setLevel: (next) => void set.push(next) }, 'warn', isPinned);
  log.setLevel('info');
  expect(set).toEqual([level]);
});

test('debugging a protocol changes what is logged of it, and nothing else', () => {
  const set: string[] = [];
  const heard: string[] = [];
  const inner = {
    ...SILENT_LOG,
    setPeerLevel: (peer: string, level: string | null) => void set.push(`${peer} ${level}`),
  };
  const log = new EchoLog(inner);
  log.listen((level, message) => heard.push(`${level} ${message}`));
  log.setDebugged(['Mesh_1'], true);
  log.debug('DUMP', { peer: 'Mesh_1' }, 'heard');
  log.debug('DUMP', { peer: 'Mesh_2' }, 'not heard');
  log.debug('DUMP', {}, 'not heard either');
  log.setDebugged(['Mesh_1'], false);
  log.debug('DUMP', { peer: 'Mesh_1' }, 'not heard any more');
  log.warn('DUMP', {}, 'always heard');
  expect(set).toEqual(['Mesh_1 debug', 'Mesh_1 null']);
  expect(heard).toEqual(['debug Mesh_1: heard', 'warn always heard']);
});
