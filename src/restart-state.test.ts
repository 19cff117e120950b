import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BfdSnapshot } from '../bgp/bfd/session.ts';
import type { Log } from './log/log.ts';
import { SILENT_LOG } from './log/log.ts';
import { decodeRestartState, encodeRestartState, RestartFile } from './restart-state.ts';
import { VirtualClock } from './speaker/clock.ts';

const BFD: BfdSnapshot = {
  state: 'Up',
  diagnostic: 0,
  localDiscriminator: 7,
  remoteDiscriminator: 99,
  remoteState: 'Up',
  remoteDiagnostic: 0,
  remoteMinRxMicroseconds: 300_000,
  remoteMinTxMicroseconds: 300_000,
  remoteDetectMultiplier: 3,
  remoteDemand: false,
  remoteControlPlaneIndependent: false,
  desiredMinTxMicroseconds: 40_000_000,
  requiredMinRxMicroseconds: 300_000,
  detectMultiplier: 3,
  transmitIntervalMicroseconds: 40_000_000,
  detectionTimeMicroseconds: 900_000,
  polling: false,
};
const STATE = {
  place: 'boot netns',
  hadKernelRoutes: [true, false],
  peers: ['Mesh_10_0_0_2', 'tor'],
  bfd: { '192.0.2.1': BFD },
} as const;
const TEXT = encodeRestartState(STATE);

describe('the text', () => {
  test('is read as it was written', () => {
    expect(decodeRestartState(TEXT)).toEqual(STATE);
  });

  test.each([
    ['nothing', '', 'it is not JSON'],
    ['half of it', TEXT.slice(0, TEXT.length / 2), 'it is not JSON'],
    ['something else', '{"peers":[]}', 'it is not a restart file of Peregrine'],
    ['another version', TEXT.replace('"version":1', '"version":2'), 'it is of version 2, wanted 1'],
    ['a changed name', TEXT.replace('tor', 'top'), 'its checksum does not fit'],
    ['octets that are no text', '\u0000\ufffd', 'it is not JSON'],
  ])('%s is refused in words', (_, text, why) => {
    expect(decodeRestartState(text)).toBe(why);
  });
});

describe('the file', () => {
  let folder: string;
  let warnings: string[];
  let log: Log;
  const clock = new VirtualClock();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'peregrine-restart-'));
    warnings = [];
    log = { ...SILENT_LOG, warn: (_code, _fields, message) => void warnings.push(message) };
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const given = { hadKernelRoutes: [true, false], peers: ['tor'] } as const;

  test('is there for the next life, and names this boot and network namespace', async () => {
    const path = join(folder, 'deep', 'peregrine.restart');
    const file = new RestartFile(path, log, clock);
    expect(file.earlier).toBeNull();
    file.remember(given);
    await file.flush();
    const next = new RestartFile(path, log, clock);
    expect(next.earlier).toEqual({ ...given, place: next.place, bfd: {} });
    expect(next.place).toMatch(/^[0-9a-f-]{36} net:\[\d+\]$/);
    expect([warnings, readdirSync(join(folder, 'deep'))]).toEqual([[], ['peregrine.restart']]);
  });

  test('is written a second after a change, with what holds then, and not for no change', async () => {
    const path = join(folder, 'state');
    const file = new RestartFile(path, log, clock);
    file.remember(given);
    clock.advance(500);
    file.remember({ ...given, peers: [] });
    clock.advance(499);
    expect(readdirSync(folder)).toEqual([]);
    clock.advance(1);
    await file.flush();
    expect(readFileSync(path, 'utf8')).toContain('"peers":[]');
    writeFileSync(path, 'touched');
    file.remember({ ...given, peers: [] });
    await file.flush();
    expect(readFileSync(path, 'utf8')).toBe('touched');
  });

  test('is gone after forget', async () => {
    const file = new RestartFile(join(folder, 'state'), log, clock);
    file.remember(given);
    await file.flush();
    await file.forget();
    await file.forget();
    expect([readdirSync(folder), warnings]).toEqual([[], []]);
  });

  test.each([
    ['damaged', 'not what was written'],
    ['too large', 'x'.repeat(16 * 1024 * 1024 + 1)],
  ])('%s: reported, passed over, and written anew', async (_, content) => {
    const path = join(folder, 'state');
    writeFileSync(path, content);
    const file = new RestartFile(path, log, clock);
    expect(file.earlier).toBeNull();
    expect(warnings).toEqual([expect.stringMatching(/^the restart file is passed over: it is /)]);
    file.remember(given);
    await file.flush();
    expect(new RestartFile(path, log, clock).earlier).toMatchObject(given);
  });

  test('that is something else is neither read nor replaced', async () => {
    const path = join(folder, 'state');
    mkdirSync(path);
    for (const place of [path, '/dev/null']) {
      const file = new RestartFile(place, log, clock);
      file.remember(given);
      await file.flush();
      await file.forget();
    }
    expect(warnings).toEqual(Array(2).fill('the restart file is passed over: it is not a regular file'));
    expect([readdirSync(folder), statSync('/dev/null').isCharacterDevice()]).toEqual([['state'], true]);
  });

  test.skipIf(process.getuid?.() !== 0)('on a full disk: reported once, and written when there is room', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', folder]);
    try {
      const file = new RestartFile(join(folder, 'state'), log, clock);
      writeFileSync(join(folder, 'other'), Buffer.alloc(8192));
      for (const peers of [['a'], ['b']]) {
        file.remember({ ...given, peers });
        await file.flush();
      }
      expect(warnings).toEqual([expect.stringContaining('cannot write the restart file: ENOSPC')]);
      expect(readdirSync(folder)).toEqual(['other']);
      rmSync(join(folder, 'other'));
      file.remember(given);
      await file.flush();
      expect(new RestartFile(join(folder, 'state'), log, clock).earlier).toMatchObject(given);
    } finally {
      execFileSync('umount', [folder]);
    }
  });
});
