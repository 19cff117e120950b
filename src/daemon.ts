/**
 * The daemon: puts configuration source, speaker and control API together, follows the source, and ends on signals.
 * Nothing of BGP or Calico is decided here.
 */

import { readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BirdFiles } from '../confd/bird-config/load.ts';
import type { DatastoreSpec } from '../confd/datastore/open.ts';
import type { ApiRoute } from './api/route.ts';
import { DEFAULT_CONTROL_SOCKET } from './api/schema.ts';
import type { ApiServer } from './api/server.ts';
import { clearSocketPath } from './api/socket-file.ts';
import type { ApiSource } from './api/source.ts';
import { refusedTcp, type TcpOptions } from './api/tcp-options.ts';
import { EchoLog } from './bird-socket/echo-log.ts';
import type { BirdSocketSettings } from './bird-socket/settings.ts';
import type { BirdSockets } from './bird-socket/sockets.ts';
import type { BirdwatcherSettings } from './birdwatcher/settings.ts';
import { type Diagnostic, formatDiagnostic } from './config/diagnose.ts';
import { type ApiPlaces, loadStandAlone } from './config/load.ts';
import { DescriptorWatch } from './descriptors.ts';
import { CountedLog } from './log/counted.ts';
import { createLog, type Log, type LogLevel } from './log/log.ts';
import { RecentLog } from './log/recent.ts';
import type { MonitorSettings } from './monitor/settings.ts';
import type { NodeStatusWriter } from './node-status/node-status.ts';
import { type NodeStatusSettings, nodeStatusSettings } from './node-status/settings.ts';
import { type RestartSettings, stateFilePath } from './restart-settings.ts';
import { systemClock } from './speaker/clock.ts';
import { Speaker } from './speaker/speaker.ts';
import { recorderOf } from './support/recorder.ts';
import { VERSION } from './version.ts';

export interface DaemonOptions {
  readonly source:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'bird-config'; readonly files: BirdFiles }
    | { readonly kind: 'datastore'; readonly node: string; readonly spec: DatastoreSpec };
  /** null: what the configuration says, else the default. */
  readonly socketPath: string | null;
  readonly socketGroup: string | null;
  readonly apiTcp: TcpOptions | null;
  readonly logLevel: LogLevel | null;
  readonly routerId: string | null;
  readonly kernelBackend: 'netlink' | 'none' | null;
  readonly restart: RestartSettings;
  readonly monitor: MonitorSettings;
  /** null: not asked for. */
  readonly birdwatcher: BirdwatcherSettings | null;
  readonly birdSockets: BirdSocketSettings;
  /** Of a process that stands in for another program; null: the ordinary ones. */
  readonly launcher: LauncherHooks | null;
}

export interface LauncherHooks {
  createLog(level: LogLevel): Log;
  /** Signals are handled from now on. */
  signalsReady(): void;
}

/** With a datastore: how long the API waits for the first configuration. */
const API_AFTER_MS = 500;
/** Loading the API's code holds up the loop for about as long as bringing up a session takes; peers that wait come first. */
const SESSIONS_FIRST_MS = 40;

const EXIT_FAILED = 1;
const EXIT_CONFIGURATION = 2;
const REHEARSAL_DELAY_MS = 300;

/** Runs until a signal ends it; resolves to the exit status. */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  const level = options.logLevel ?? 'info';
  const inner = options.launcher?.createLog(level) ?? createLog(level);
  const counted = new CountedLog(inner, (milliseconds, call) => void setTimeout(call, milliseconds).unref());
  const recent = new RecentLog(counted, () => systemClock.wallMs());
  const log = new EchoLog(recent, level, options.logLevel !== null);
  const recorder = recorderOf(process.env.PEREGRINE_RECORD_MESSAGES, () => systemClock.wallMs());
  if (typeof recorder === 'string') {
    process.stderr.write(`peregrine: ${recorder}\n`);
    return EXIT_CONFIGURATION;
  }
  const speaker = new Speaker({
    recorder,
    log,
    clock: systemClock,
    version: VERSION,
    deferralSeconds: options.restart.deferralSeconds,
    drainSeconds: options.restart.drainSeconds,
  });
  const daemon = new Daemon(options, log, speaker, recent);
  process.on('uncaughtException', (error, origin) => {
    // Something was tried that nobody waits for. Ending would cost every session, and a new process has as few.
    const { code } = error as NodeJS.ErrnoException;
    if (origin === 'unhandledRejection' && (code === 'EMFILE' || code === 'ENFILE')) {
      log.error('DESCRIPTORS', { code }, `given up for lack of file descriptors: ${error.message}`);
      return;
    }
    log.error('INTERNAL_ERROR', { stack: error.stack }, `unexpected error: ${error.message}`);
    process.exitCode = EXIT_FAILED;
    counted.flush();
    // Peers keep our routes for their restart time; a supervisor starts us again.
    void speaker.shutdown('silent').finally(() => process.exit(EXIT_FAILED));
  });
  const status = await daemon.run();
  // While there is still time to write it.
  counted.flush();
  return status;
}

class Daemon {
  readonly #options: DaemonOptions;
  readonly #log: EchoLog;
  readonly #speaker: Speaker;
  #server: ApiServer | null = null;
  #birdSockets: BirdSockets | null = null;
  #end: (mode: 'silent' | 'administrative') => void = () => {};
  /** Reads the configuration again; what is wrong with it, in lines for people. */
  #reload: (() => Promise<readonly string[]>) | null = null;
  /** What a signal does instead of `#reload`. */
  #hangup: (() => void) | null = null;
  /** As `#reload`, but nothing changes. */
  #check: () => Promise<readonly string[]> = () => Promise.resolve([]);
  /** Drained by SIGTERM, and about to end. */
  #isLeaving = false;
  #stopSource: (() => Promise<void>) | null = null;
  #nodeStatus: NodeStatusWriter | null = null;
  /** Beside the API: figures and probes, birdwatcher's JSON. */
  readonly #lookers: Server[] = [];

  readonly #recent: RecentLog;

  constructor(options: DaemonOptions, log: EchoLog, speaker: Speaker, recent: RecentLog) {
    this.#recent = recent;
    this.#options = options;
    this.#log = log;
    this.#speaker = speaker;
  }

  async run(): Promise<number> {
    const ended = new Promise<'silent' | 'administrative'>((resolve) => {
      this.#end = resolve;
      this.#speaker.onRestartRequest = () => resolve('silent');
      process.on('SIGTERM', () => this.#onSigterm(resolve));
      process.on('SIGINT', () => resolve('administrative'));
    });
    process.on('SIGUSR1', () => this.#dump());
    process.on('SIGUSR2', () => {
      if (this.#speaker.drains.node === null) this.#drain('SIGUSR2');
      else this.#speaker.drains.undrainNode();
    });
    process.on('SIGHUP', () => {
      this.#log.info('RELOAD', {}, 'SIGHUP: reading the configuration again');
      void this.#server?.reload();
      if (this.#hangup === null) void this.#reload?.();
      else this.#hangup();
    });
    this.#options.launcher?.signalsReady();
    const status = await this.#start();
    if (status !== 0) return status;
    const descriptors = new DescriptorWatch(this.#log, systemClock, (problem) => {
      this.#speaker.processProblem = problem;
    });
    descriptors.start();
    this.#rehearseSoon();
    const mode = await ended;
    this.#log.info('STOPPING', { mode }, mode === 'silent' ? 'ending, peers keep our routes' : 'closing all sessions');
    descriptors.stop();
    await this.#nodeStatus?.stop(mode === 'administrative');
    await this.#stopSource?.();
    await this.#speaker.shutdown(mode);
    await Promise.all([this.#server?.close(), this.#birdSockets?.close()]);
    for (const server of this.#lookers) {
      server.close();
      server.closeAllConnections();
    }
    return 0;
  }

  /** Sessions first; then there is as a rule a while to wait for the routes. Tests start hundreds of daemons: without. */
  #rehearseSoon(): void {
    const wanted = process.env.PEREGRINE_REHEARSAL;
    if (wanted === 'off') return;
    const begin = async (): Promise<void> => {
      const { core } = this.#speaker;
      // Without kernel routes it costs more than it gives. `always`: scripts/keep-code.mjs keeps what is compiled for it.
      if (core === null || !(core.programsRoutes || wanted === 'always')) return;
      const { rehearseWhileIdle } = await import('./speaker/rehearsal.ts');
      await rehearseWhileIdle(core, systemClock);
    };
    // It only warms up: what keeps it from that keeps nobody from anything.
    setTimeout(() => void begin().catch(() => {}), REHEARSAL_DELAY_MS).unref();
  }

  #start(): Promise<number> {
    switch (this.#options.source.kind) {
      case 'file':
        return this.#startFile();
      case 'bird-config':
        return this.#startBirdConfig(this.#options.source.files);
      case 'datastore':
        return this.#startDatastore();
    }
  }

  /** They open when a first configuration is in force, which may be long after the start. */
  async #openBirdSockets(configurationName: string, isFollowed: boolean): Promise<void> {
    const settings = this.#options.birdSockets;
    if (settings.paths.every((path) => path === null)) return;
    const { BirdSockets } = await import('./bird-socket/sockets.ts');
    this.#birdSockets = new BirdSockets(this.#speaker, this.#log, settings, {
      configurationName,
      isFollowed,
      reload: () => this.#reload?.() ?? Promise.resolve([]),
      check: () => this.#check(),
      shutdown: () => this.#end('administrative'),
      dump: () => this.#dump(),
    });
    await this.#birdSockets.open();
  }

  /** What is known, in the log. */
  #dump(): void {
    this.#log.info('DUMP', { ...this.#speaker.status() }, 'status');
    for (const peer of this.#speaker.peers()) this.#log.info('DUMP', { ...peer, peer: peer.name }, 'peer');
  }

  #onSigterm(end: (mode: 'silent' | 'administrative') => void): void {
    const { onSigterm, drainSeconds } = this.#options.restart;
    if (onSigterm === 'restart') return end('silent');
    // A second one does not wait for the drain.
    if (onSigterm === 'shutdown' || this.#isLeaving) return end('administrative');
    this.#isLeaving = true;
    this.#drain('SIGTERM');
    // Sessions keep the process running until then, and nothing is to keep it running after a second signal.
    setTimeout(() => end('administrative'), drainSeconds * 1000).unref();
  }

  #drain(reason: string): void {
    const closeAfterSeconds = this.#options.restart.drainSeconds;
    this.#speaker.drains.drainNode({ reason, closeAfterSeconds, text: null });
  }

  async #openApi(path: string, fromFile: ApiPlaces | null = null): Promise<boolean> {
    const socketGroup = this.#options.socketGroup ?? fromFile?.socketGroup ?? null;
    const tcp = this.#options.apiTcp ?? fromFile?.tcp ?? null;
    return this.#withSocket(path, async () => {
      const [{ ApiServer }, { SpeakerApi }] = await Promise.all([
        import('./api/server.ts'),
        import('./speaker/speaker-api.ts'),
      ]);
      const routes = tcp?.page ? await this.#pageRoutes() : [];
      const options = { socketPath: path, socketGroup, tcp, moreRoutes: routes };
      const source = new SpeakerApi(this.#speaker, this.#options.monitor, this.#recent);
      this.#server = await ApiServer.start(options, source, this.#log);
      this.#log.info('API_SOCKET', { path }, 'control socket is open');
      await this.#openMonitor(source);
      await this.#openBirdwatcher(source);
    });
  }

  /** A page that is not there is no reason not to route. */
  async #pageRoutes(): Promise<readonly ApiRoute[]> {
    try {
      const { pageRoutes } = await import('./page/routes.ts');
      return pageRoutes();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#log.error('API_PAGE', {}, `the page cannot be served: ${message}`);
      return [];
    }
  }

  /** Somebody who cannot look is no reason not to route. */
  async #openMonitor(source: ApiSource): Promise<void> {
    const { listen } = this.#options.monitor;
    if (listen === null) return;
    try {
      const { startMonitorServer } = await import('./monitor/server.ts');
      this.#lookers.push(await startMonitorServer(listen, source, this.#log));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#log.error('MONITOR', { ...listen }, `cannot serve figures and probes: ${message}`);
    }
  }

  async #openBirdwatcher(source: ApiSource): Promise<void> {
    const settings = this.#options.birdwatcher;
    if (settings === null) return;
    try {
      const { startBirdwatcher } = await import('./birdwatcher/server.ts');
      this.#lookers.push(await startBirdwatcher(settings, source, this.#log));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#log.error('BIRDWATCHER', { ...settings.listen }, `cannot serve birdwatcher's JSON: ${message}`);
    }
  }

  async #withSocket(path: string, use: () => Promise<void>): Promise<boolean> {
    try {
      await use();
      return true;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#log.error('API_SOCKET', { path }, `cannot open the control API: ${message}`);
      return false;
    }
  }

  async #startFile(): Promise<number> {
    if (this.#options.source.kind !== 'file') return EXIT_FAILED;
    const { path } = this.#options.source;
    this.#speaker.setSource(`file:${path}`);
    const read = async () => {
      const text = await readFile(path, 'utf8');
      return { text, result: loadStandAlone(path, text) };
    };
    let first: Awaited<ReturnType<typeof read>>;
    try {
      first = await read();
    } catch (error) {
      process.stderr.write(`peregrine: ${error instanceof Error ? error.message : error}\n`);
      return EXIT_CONFIGURATION;
    }
    if (!first.result.ok) {
      for (const diagnostic of first.result.diagnostics) {
        process.stderr.write(`${formatDiagnostic(diagnostic, first.text)}\n`);
      }
      return EXIT_CONFIGURATION;
    }
    const socket = this.#options.socketPath ?? first.result.controlSocket ?? DEFAULT_CONTROL_SOCKET;
    if (!(await this.#withSocket(socket, () => clearSocketPath(socket)))) return EXIT_FAILED;
    // Before anything is started: this mistake is one of the configuration.
    const tcp = this.#options.apiTcp ?? first.result.api.tcp;
    const refused = tcp === null ? null : refusedTcp(tcp);
    if (refused !== null) {
      process.stderr.write(`peregrine: ${refused}\n`);
      return EXIT_CONFIGURATION;
    }
    await this.#rememberBeside(socket);
    // Sessions before the API: they do not need it, and its code takes a while to load.
    const failure = await this.#speaker.start(this.#adjusted(first.result.desired));
    if (failure !== null) return this.#startFailed(failure);
    if (first.result.desired.peers.length > 0) await sleep(SESSIONS_FIRST_MS);
    if (!(await this.#openApi(socket, first.result.api))) {
      await this.#speaker.shutdown('silent');
      return EXIT_FAILED;
    }
    const problemsOf = (diagnostics: readonly Diagnostic[]): readonly string[] =>
      diagnostics.map(({ file, line, column, message }) => `${file}:${line}:${column} ${message}`);
    this.#check = async () => {
      try {
        const { result } = await read();
        return result.ok ? [] : problemsOf(result.diagnostics);
      } catch (error) {
        return [error instanceof Error ? error.message : String(error)];
      }
    };
    this.#reload = async () => {
      try {
        const { text, result } = await read();
        if (result.ok) {
          await this.#speaker.apply(this.#adjusted(result.desired));
          return [];
        }
        for (const diagnostic of result.diagnostics) {
          const { file, line, column, field } = diagnostic;
          this.#log.error('CONFIG_REFUSED', { file, line, column, field }, formatDiagnostic(diagnostic, text));
        }
        this.#speaker.setSourceStatus(false, `${result.diagnostics.length} mistakes in ${path}, nothing was changed`);
        return problemsOf(result.diagnostics);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.#log.error('CONFIG_REFUSED', { file: path }, message);
        return [message];
      }
    };
    await this.#openBirdSockets(path, false);
    return 0;
  }

  /** Only when the control socket is ours: then the earlier life has ended, and what it left is whole. */
  async #rememberBeside(socket: string): Promise<void> {
    const path = stateFilePath(this.#options.restart, socket);
    if (path === null) return;
    const { RestartFile } = await import('./restart-state.ts');
    this.#speaker.useMemory(new RestartFile(path, this.#log, systemClock));
  }

  /** Files that are missing or wrong are waited for: confd writes them one by one, and may have to correct them. */
  async #startBirdConfig(files: BirdFiles): Promise<number> {
    const socket = this.#options.socketPath ?? DEFAULT_CONTROL_SOCKET;
    if (!(await this.#withSocket(socket, () => clearSocketPath(socket)))) return EXIT_FAILED;
    await this.#rememberBeside(socket);
    const { BirdConfigFollower } = await import('./bird-config/follower.ts');
    const ended = { failure: '' };
    const follower = new BirdConfigFollower({
      files,
      speaker: this.#speaker,
      log: this.#log,
      clock: systemClock,
      adjust: (desired) => this.#adjusted(desired),
      failed: (reason) => {
        ended.failure = reason;
        // After the start nobody waits for the status any more: a supervisor starts the process again.
        if (this.#server !== null) process.exit(this.#startFailed(reason));
      },
    });
    this.#hangup = () => follower.reloadSoon();
    this.#reload = async () => {
      const result = await follower.reload();
      return 'errors' in result ? result.errors.map((error) => error.split('\n', 1)[0]) : [];
    };
    this.#check = async () => {
      const { formatBirdErrors, readBirdConfig } = await import('./bird-config/check.ts');
      const result = readBirdConfig(follower.files);
      return result.ok ? [] : formatBirdErrors(result).map((error) => error.split('\n', 1)[0]);
    };
    const names = [files.ipv4, files.ipv6].filter((path) => path !== null);
    void this.#openBirdSockets(names.join(', '), false);
    this.#stopSource = async () => follower.stop();
    await follower.start();
    if (ended.failure !== '') {
      follower.stop();
      return this.#startFailed(ended.failure);
    }
    if (!(await this.#openApi(socket))) {
      follower.stop();
      await this.#speaker.shutdown('silent');
      return EXIT_FAILED;
    }
    return 0;
  }

  #adjusted<T extends { readonly kernel: { readonly backend: 'netlink' | 'none' } }>(desired: T): T {
    const { kernelBackend } = this.#options;
    if (kernelBackend === null) return desired;
    return { ...desired, kernel: { ...desired.kernel, backend: kernelBackend } };
  }

  #startFailed(failure: string): number {
    this.#log.error('START_FAILED', {}, failure);
    void this.#server?.close();
    return EXIT_FAILED;
  }

  /** Who cannot be told is no reason not to route. */
  async #writeNodeStatus(node: string, settings: NodeStatusSettings): Promise<void> {
    if (!settings.reportsNodeStatus && !settings.managesNetworkUnavailable) return;
    const [{ NodeStatusWriter }, { SpeakerApi }] = await Promise.all([
      import('./node-status/node-status.ts'),
      import('./speaker/speaker-api.ts'),
    ]);
    const api = new SpeakerApi(this.#speaker, this.#options.monitor);
    const isReady = (): boolean => api.readiness().ready;
    const writer = NodeStatusWriter.start({ node, settings, speaker: this.#speaker, isReady, log: this.#log });
    if (typeof writer === 'string')
      this.#log.error('NODE_STATUS', {}, `there is no way to the Kubernetes API: ${writer}`);
    else this.#nodeStatus = writer;
  }

  async #startDatastore(): Promise<number> {
    if (this.#options.source.kind !== 'datastore') return EXIT_FAILED;
    const { node, spec } = this.#options.source;
    const written = nodeStatusSettings(process.env);
    if (typeof written === 'string') {
      process.stderr.write(`peregrine: ${written}\n`);
      return EXIT_CONFIGURATION;
    }
    const { DatastoreFollower } = await import('./datastore-follower.ts');
    const socket = this.#options.socketPath ?? DEFAULT_CONTROL_SOCKET;
    if (!(await this.#withSocket(socket, () => clearSocketPath(socket)))) return EXIT_FAILED;
    await this.#rememberBeside(socket);
    const follower = new DatastoreFollower({
      node,
      spec,
      routerId: this.#options.routerId ?? process.env.CALICO_ROUTER_ID ?? null,
      kernelBackend: this.#options.kernelBackend ?? 'netlink',
      log: this.#log,
      speaker: this.#speaker,
    });
    this.#reload = async () => {
      await follower.rescan();
      return [];
    };
    void this.#openBirdSockets(`datastore of ${node}`, true);
    this.#stopSource = () => follower.stop();
    const started = follower.start();
    // Sessions before the API, whose code takes a while to load; but a datastore that is away must not hide the reason.
    await Promise.race([this.#speaker.started, started, sleep(API_AFTER_MS, undefined, { ref: false })]);
    await sleep(SESSIONS_FIRST_MS);
    if (!(await this.#openApi(socket))) {
      await follower.stop();
      await this.#speaker.shutdown('silent');
      return EXIT_FAILED;
    }
    const failure = await started;
    if (failure !== null) return this.#startFailed(failure);
    await this.#writeNodeStatus(node, written);
    return 0;
  }
}
