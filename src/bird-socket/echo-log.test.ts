import { expect, test } from 'vitest';
import { SILENT_LOG } from '../log/log.ts';
import { EchoLog } from './echo-log.ts';

function levels(isPinned: boolean): { log: EchoLog; set: string[] } {
  const set: string[] = [];
  return { log: new EchoLog({ ...SILENT_LOG, setLevel: (level) => void set.push(level) }, 'warn', isPinned), set };
}

test.each([
  ['a level that somebody chose for the process stays', true, 'warn'],
  ['any other is what the configuration says', false, 'info'],
])('%s', (_sentence, isPinned, level) => {
  const { log, set } = levels(isPinned);
  log.setLevel('info');
  log.setDebugged(['bgp1'], true);
  log.setDebugged(['bgp1'], false);
  expect(set).toEqual([level, 'debug', level]);
});
