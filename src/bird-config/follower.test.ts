/** When files are read, and what is done when they cannot be; time is the test's, files are real. */

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DesiredState } from '../../confd/desired-state.ts';
import { createLog } from '../log/log.ts';
import { VirtualClock } from '../speaker/clock.ts';
import { checkBirdConfig } from './check.ts';
import { BirdConfigFollower, type BirdConfigTarget } from './follower.ts';

const GOOD = 'router id 192.0.2.1;\ninclude "blocks.cfg";\n';

class RecordingSpeaker implements BirdConfigTarget {
  readonly calls: string[] = [];
  readonly states: DesiredState[] = [];
  status = { inSync: false, detail: '' };

  setSource(kind: string): void {
    this.calls.push(`source ${kind}`);
  }

  setSourceStatus(inSync: boolean, detail: string): void {
    this.status = { inSync, detail };
  }

  async start(desired: DesiredState): Promise<string | null> {
    this.calls.push('start');
    this.states.push(desired);
    return null;
  }

  async apply(desired: DesiredState): Promise<void> {
    this.calls.push('apply');
    this.states.push(desired);
  }
}

let folder: string;
let clock: VirtualClock;
let speaker: RecordingSpeaker;
let follower: BirdConfigFollower;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'birdconf-'));
  clock = new VirtualClock();
  speaker = new RecordingSpeaker();
  follower = new BirdConfigFollower({
    files: { ipv4: join(folder, 'bird.cfg'), ipv6: null },
    speaker,
    log: createLog('error'),
    clock,
    adjust: (desired) => desired,
    failed: (reason) => speaker.calls.push(`failed ${reason}`),
  });
});

afterEach(() => {
  follower.stop();
  rmSync(folder, { recursive: true });
});

function render(name: string, text: string): void {
  writeFileSync(join(folder, `.${name}`), text);
  renameSync(join(folder, `.${name}`), join(folder, name));
}

const blocks = (...prefixes: readonly string[]): string =>
  `protocol static { ${prefixes.map((prefix) => `route ${prefix} blackhole;`).join(' ')} }`;

/** Lets a reading that is due end: it takes turns of the event loop, no time. */
const settled = (): Promise<unknown> => follower.reload().then(() => {});

function originated(): string[] {
  return speaker.states.at(-1)?.originated.map(({ prefix }) => prefix) ?? [];
}

describe('at the start', () => {
  test('good files are put in force', async () => {
    render('blocks.cfg', blocks('10.0.0.0/26'));
    render('bird.cfg', GOOD);
    await follower.start();
    expect(speaker.calls).toEqual([`source bird-config:${join(folder, 'bird.cfg')}`, 'start']);
    expect(speaker.status).toEqual({ inSync: true, detail: '' });
    expect(originated()).toEqual(['10.0.0.0/26']);
  });

  test('missing files are waited for, and found without any event', async () => {
    await follower.start();
    expect(speaker.calls).toHaveLength(1);
    expect(speaker.status.detail).toMatch(/Unable to open .*bird.cfg: No such file or directory; nothing runs yet/);
    render('bird.cfg', GOOD);
    expect(await follower.reload()).toMatchObject({ outcome: 'missing' });
    render('blocks.cfg', blocks());
    // 2 s until it looks, 150 ms until it reads.
    clock.advance(2000);
    clock.advance(150);
    await settled();
    expect(speaker.calls[1]).toBe('start');
  });

  test('files with mistakes are waited for as well', async () => {
    render('bird.cfg', 'router id;');
    await follower.start();
    expect(speaker.status.detail).toMatch(/bird.cfg:1:10 syntax error at ;, wanted: a dotted quad; nothing runs yet/);
    render('bird.cfg', 'router id 192.0.2.1;');
    expect(await follower.reload()).toEqual({ outcome: 'applied' });
    expect(speaker.calls[1]).toBe('start');
  });
});

describe('later', () => {
  beforeEach(async () => {
    render('blocks.cfg', blocks('10.0.0.0/26'));
    render('bird.cfg', GOOD);
    await follower.start();
    speaker.calls.length = 0;
  });

  test('what is refused changes nothing, and says where', async () => {
    render('blocks.cfg', 'protocol static { route 10.0.0.0/26 nowhere; }');
    const result = await follower.reload();
    expect(result).toMatchObject({
      outcome: 'refused',
      errors: [expect.stringContaining('blocks.cfg:1:37 syntax error')],
    });
    expect(follower.check()).toHaveLength(1);
    expect(speaker.calls).toEqual([]);
    expect(speaker.status).toMatchObject({ inSync: false, detail: expect.stringContaining('what ran before goes on') });
  });

  test('many signals are one reading, when it has been quiet for a moment', async () => {
    render('blocks.cfg', blocks('10.0.0.0/26', '10.0.1.0/26'));
    follower.reloadSoon();
    clock.advance(100);
    follower.reloadSoon();
    clock.advance(149);
    expect(speaker.calls).toEqual([]);
    clock.advance(1);
    await Promise.resolve();
    await new Promise(setImmediate);
    expect(speaker.calls).toEqual(['apply']);
    expect(originated()).toEqual(['10.0.0.0/26', '10.0.1.0/26']);
  });

  test('signals without end do not put it off for ever', async () => {
    for (let i = 0; i < 12; i++) {
      follower.reloadSoon();
      clock.advance(100);
    }
    await new Promise(setImmediate);
    expect(speaker.calls.length).toBeGreaterThan(0);
  });

  test('who asks gets what the files say, even when they have not changed', async () => {
    // The control socket can have gone a step back meanwhile.
    expect(await follower.reload()).toEqual({ outcome: 'unchanged' });
    expect(speaker.calls).toEqual(['apply']);
  });

  test('a file that was only touched is no change', async () => {
    render('blocks.cfg', blocks('10.0.0.0/26'));
    clock.advance(2000);
    clock.advance(150);
    await new Promise(setImmediate);
    expect(speaker.calls).toEqual([]);
    expect(speaker.status.inSync).toBe(true);
  });

  test('what has no effect is told once', async () => {
    const warned: string[] = [];
    const log = createLog('error');
    const recording = new BirdConfigFollower({
      files: { ipv4: join(folder, 'bird.cfg'), ipv6: null },
      speaker,
      log: Object.assign(Object.create(log) as typeof log, {
        warn: (_code: string, _fields: object, message: string) => warned.push(message),
      }),
      clock,
      adjust: (desired) => desired,
      failed: () => {},
    });
    render('bird.cfg', `${GOOD}protocol kernel { }\n`);
    await recording.reload();
    render('bird.cfg', `\n\n${GOOD}protocol kernel { }\n`);
    await recording.reload();
    recording.stop();
    expect(warned).toEqual([expect.stringMatching(/bird.cfg:3:19 persist is not written/)]);
  });

  test('nothing is read after the end', async () => {
    follower.stop();
    follower.reloadSoon();
    clock.advance(5000);
    expect(await follower.reload()).toEqual({ outcome: 'unchanged' });
    expect(speaker.calls).toEqual([]);
  });
});

describe('check', () => {
  test.each<[string, string | null, RegExp]>([
    ['a file that is not there', null, /bird.cfg:1:1 Unable to open .*bird.cfg: No such file or directory$/],
    [
      'a mistake, with its line',
      'router id 1.2.3.4;\n\tspeak;',
      /bird.cfg:2:2 syntax error at speak.*\n2 \| {2}speak;\n {5}\^$/,
    ],
  ])('%s', (_case, text, expected) => {
    if (text !== null) render('bird.cfg', text);
    const result = checkBirdConfig({ ipv4: join(folder, 'bird.cfg'), ipv6: null });
    expect(result.ok ? [] : result.errors).toEqual([expect.stringMatching(expected)]);
  });

  test('a folder is no file', () => {
    const result = checkBirdConfig({ ipv4: folder, ipv6: null });
    expect(result.ok ? [] : result.errors).toEqual([expect.stringContaining('not a file')]);
  });
});
