/** A speaker with both BIRD control sockets inside the test's own process: stand-alone configuration, no kernel. */

import { join } from 'node:path';
import { stringify } from 'yaml';
import { AnswerTurns } from '../../src/bird-socket/answer-turns.ts';
import { type DialectName, dialectOf, type TimeStyle } from '../../src/bird-socket/dialect.ts';
import { EchoLog } from '../../src/bird-socket/echo-log.ts';
import { type DaemonControl, Reconfiguration } from '../../src/bird-socket/reconfiguration.ts';
import { BirdSocket, type BirdSocketOptions } from '../../src/bird-socket/server.ts';
import { formatDiagnostic } from '../../src/config/diagnose.ts';
import { loadStandAlone } from '../../src/config/load.ts';
import { SILENT_LOG } from '../../src/log/log.ts';
import { systemClock } from '../../src/speaker/clock.ts';
import { Speaker } from '../../src/speaker/speaker.ts';
import { LOOPBACK_PORT, temporaryFolder } from '../support/loopback.ts';
import { askBird } from './client.ts';

export interface BirdSpeakerOptions {
  readonly dialect?: DialectName;
  readonly timeStyle?: TimeStyle;
  readonly control?: Partial<DaemonControl>;
  readonly socket?: Partial<BirdSocketOptions>;
}

export class BirdSpeaker {
  readonly speaker: Speaker;
  /** bird.ctl and bird6.ctl. */
  readonly paths: readonly [string, string];
  readonly sockets: readonly BirdSocket[];
  /** For more sockets of the same speaker. */
  readonly contextOf: (family: 0 | 1) => BirdSocketOptions['context'];
  readonly log: EchoLog;
  /** Configurations that `configure` will read, one after the other. */
  readonly next: object[] = [];

  private constructor(speaker: Speaker, log: EchoLog, address: string, options: BirdSpeakerOptions) {
    this.speaker = speaker;
    this.log = log;
    const folder = temporaryFolder();
    this.paths = [join(folder, 'bird.ctl'), join(folder, 'bird6.ctl')];
    const control: DaemonControl = {
      configurationName: '/etc/test.yaml',
      isFollowed: false,
      reload: async () => {
        const loaded = load(address, this.next.shift() ?? {});
        if (!loaded.ok) return loaded.diagnostics.map((one) => `${one.file}:${one.line}:${one.column} ${one.message}`);
        await speaker.apply(loaded.desired);
        return [];
      },
      check: () => Promise.resolve([]),
      shutdown: () => {},
      dump: () => {},
      ...options.control,
    };
    const reconfiguration = new Reconfiguration(speaker, control);
    const turns = new AnswerTurns();
    this.contextOf = (family) => ({
      speaker,
      dialect: dialectOf(options.dialect ?? '1.6', family, options.timeStyle ?? 'short'),
      reconfiguration,
      echoLog: log,
      turns,
    });
    this.sockets = ([0, 1] as const).map(
      (family) => new BirdSocket({ path: this.paths[family], context: this.contextOf(family), ...options.socket }),
    );
  }

  static async start(address: string, config: object, options: BirdSpeakerOptions = {}): Promise<BirdSpeaker> {
    const log = new EchoLog(SILENT_LOG);
    const speaker = new Speaker({ log, clock: systemClock, version: 'test' });
    speaker.setSource('file:test.yaml');
    const loaded = load(address, config);
    if (!loaded.ok) throw new Error(loaded.diagnostics.map((one) => formatDiagnostic(one, '')).join('\n'));
    const failure = await speaker.start(loaded.desired);
    if (failure !== null) throw new Error(failure);
    const bird = new BirdSpeaker(speaker, log, address, options);
    await Promise.all(bird.sockets.map((socket) => socket.open()));
    return bird;
  }

  /** One request to bird.ctl. */
  ask(command: string): Promise<string[]> {
    return askBird(this.paths[0], command);
  }

  async stop(): Promise<void> {
    await Promise.all(this.sockets.map((socket) => socket.close()));
    await this.speaker.shutdown('silent');
  }
}

function load(address: string, config: object) {
  return loadStandAlone(
    'test.yaml',
    stringify({
      listen: [{ address, port: LOOPBACK_PORT }],
      kernel: { enabled: false, resolveNextHops: 'always' },
      ...config,
    }),
  );
}
