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
      log.debug('PEER_STATE', { peer }, 'debug');
      log.warn('PEER_DOWN', { peer }, 'warn');
      log.error('PEER_REFUSED', { peer }, 'error');
    }
    log.setPeerLevel('loud', null);
    log.debug('PEER_IGNORED', { peer: 'loud' }, 'debug');
  } finally {
    write.mockRestore();
  }
  const said = lines.map((line) => /(PEER_\w+) .*peer=(\w+)/.exec(line)?.slice(1).join(' '));
  expect(said).toEqual([
    'PEER_STATE loud',
    'PEER_DOWN loud',
    'PEER_REFUSED loud',
    'PEER_REFUSED quiet',
    'PEER_DOWN other',
    'PEER_REFUSED other',
  ]);
});
