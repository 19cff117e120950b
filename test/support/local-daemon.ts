/**
 * The real daemon as users run it (dist/peregrine.js), stand-alone, on loopback addresses and without the kernel: no
 * privileges, no namespaces. Its command line is run the same way, as processes of their own.
 */

import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { PeerView, StatusView } from '../../src/api/schema.ts';
import { fetchList, fetchOne } from '../../src/cli/client.ts';
import { DaemonProcess } from './daemon-process.ts';
import { LOOPBACK_PORT, temporaryFolder } from './loopback.ts';
import { waitUntil } from './wait-for.ts';

export const PEREGRINE_MAIN = fileURLToPath(new URL('../../dist/peregrine.js', import.meta.url));
const START_DEADLINE_MS = 15_000;
const COMMAND_DEADLINE_MS = 30_000;
const RELOAD_DEADLINE_MS = 10_000;

export interface CommandOutcome {
  /** Null: ended by a signal. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `peregrine ARGS` to its end. */
export function peregrine(args: readonly string[], options: { cwd?: string } = {}): Promise<CommandOutcome> {
  return runToEnd([process.execPath, PEREGRINE_MAIN, ...args], options);
}

/** Runs a line of shell; `$PEREGRINE` is the command. */
export function shell(line: string, env: NodeJS.ProcessEnv = {}): Promise<CommandOutcome> {
  const PEREGRINE = `${process.execPath} ${PEREGRINE_MAIN}`;
  return runToEnd(['bash', '-o', 'pipefail', '-c', line], { env: { ...process.env, PEREGRINE, ...env } });
}

function runToEnd(
  argv: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv },
): Promise<CommandOutcome> {
  return new Promise((resolve, reject) => {
    // What should end by itself and does not must outlive neither the test nor its process.
    const command = ['setpriv', '--pdeathsig', 'KILL', '--', ...argv];
    const child = spawn(command[0], command.slice(1), {
      ...options,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: COMMAND_DEADLINE_MS,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.once('error', reject);
    child.once('close', (status) =>
      resolve({ status, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
  });
}

/** One line of the daemon's log. */
export interface LogLine {
  readonly level: string;
  readonly msgid: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Fields of the stand-alone file (docs/stand-alone.md) that a test wants. */
export interface LocalConfig {
  readonly routerId: string;
  readonly as: number;
  readonly [field: string]: unknown;
}

export class LocalDaemon {
  readonly process: DaemonProcess;
  readonly folder: string;
  readonly configPath: string;
  readonly socketPath: string;
  readonly address: string;
  readonly port = LOOPBACK_PORT;
  readonly #logPath: string;

  private constructor(
    folder: string,
    address: string,
    socketPath: string,
    text: string,
    more: readonly string[],
    env: NodeJS.ProcessEnv,
  ) {
    if (!existsSync(PEREGRINE_MAIN)) throw new Error(`${PEREGRINE_MAIN} is missing: run npm run build`);
    this.folder = folder;
    this.address = address;
    this.configPath = join(folder, 'peregrine.yaml');
    this.socketPath = socketPath;
    this.#logPath = join(folder, 'log');
    writeFileSync(this.configPath, text);
    const argv = [process.execPath, PEREGRINE_MAIN, 'run', '--config', this.configPath, '--socket', this.socketPath];
    argv.push(...more);
    this.process = new DaemonProcess(argv, { namespacePath: null, logPath: this.#logPath, cwd: folder, env });
  }

  /** Starts it at that loopback address and waits until its configuration is in force: it listens then. */
  static async start(
    address: string,
    config: LocalConfig,
    options: {
      readonly socketPath?: string;
      readonly arguments?: readonly string[];
      readonly env?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<LocalDaemon> {
    const folder = temporaryFolder();
    const socket = options.socketPath ?? join(folder, 'peregrine.sock');
    const more = options.arguments ?? [];
    const env = { ...process.env, ...options.env };
    const daemon = new LocalDaemon(folder, address, socket, configText(address, config), more, env);
    await daemon.process.ready('the configuration is in force', START_DEADLINE_MS, async () =>
      (await daemon.status()).datastore.inSync ? true : null,
    );
    return daemon;
  }

  log(): readonly LogLine[] {
    const lines = this.process.log().split('\n');
    // What follows the last line end is not whole yet.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as LogLine);
  }

  /** `peregrine ARGS --socket (this daemon's)`. */
  cli(...args: readonly string[]): Promise<CommandOutcome> {
    return peregrine([...args, '--socket', this.socketPath]);
  }

  status(): Promise<StatusView> {
    return fetchOne<StatusView>(this.socketPath, '/v1/status');
  }

  /** The items of a list of the control API. */
  async list<T>(path: string): Promise<T[]> {
    const items: T[] = [];
    for await (const item of fetchList<T>(this.socketPath, path)) items.push(item);
    return items;
  }

  async peer(name: string): Promise<PeerView> {
    const peers = await this.list<PeerView>('/v1/peers');
    const found = peers.find((peer) => peer.name === name);
    if (found === undefined) throw new Error(`there is no peer ${name}`);
    return found;
  }

  /** Writes the file anew and sends SIGHUP; resolves when the daemon says that it has read it. */
  async reload(config: LocalConfig): Promise<StatusView> {
    const before = (await this.status()).appliedRevision;
    this.writeConfig(configText(this.address, config));
    this.process.signal('SIGHUP');
    return waitUntil(
      'the new configuration is in force',
      RELOAD_DEADLINE_MS,
      () => this.status(),
      (status) => status.appliedRevision !== before,
    );
  }

  writeConfig(text: string): void {
    writeFileSync(this.configPath, text);
  }

  stop(): Promise<void> {
    return this.process.stop();
  }
}

function configText(address: string, config: LocalConfig): string {
  return stringify({
    logLevel: 'debug',
    listen: [{ address, port: LOOPBACK_PORT }],
    kernel: { enabled: false, resolveNextHops: 'always' },
    ...config,
  });
}
