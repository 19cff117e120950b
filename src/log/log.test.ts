import { expect, test, vi } from 'vitest';
import { createLog } from './log.ts';

test('a peer with a level of its own is logged from there on, everything else as before', () => {
  const lines: string[] = [];
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
  try {
    const log = createLog('warn', true);
    log.setPeerLevel('loud', 'debug');
    log.setPeerLevel('quiet', 'error');
    for (const peer of ['loud', 'quiet', 'other']) {
      log.debug('A', { peer }, 'debug');
      log.warn('B', { peer }, 'warn');
      log.error('C', { peer }, 'error');
    }
    log.setPeerLevel('loud', null);
    log.debug('D', { peer: 'loud' }, 'debug');
  } finally {
    write.mockRestore();
  }
  const said = lines.map((line) => /([A-D]) .*peer=(\w+)/.exec(line)?.slice(1).join(' '));
  expect(said).toEqual(['A loud', 'B loud', 'C loud', 'C quiet', 'B other', 'C other']);
});
