/**
 * The real daemon as the node of a Calico cluster (dist/peregrine.js) that follows a directory of resources, in a
 * namespace of its own or on loopback addresses. What is written into the directory is what a cluster would say.
 */

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PeerView, StatusView } from '../../src/api/schema.ts';
import { fetchList, fetchOne } from '../../src/cli/client.ts';
import { DaemonProcess } from './daemon-process.ts';
import { type CommandOutcome, type LogLine, PEREGRINE_MAIN, peregrine } from './local-daemon.ts';
import { temporaryFolder } from './loopback.ts';
import type { Laboratory, Namespace } from './netns.ts';
import { waitUntil } from './wait-for.ts';

const START_DEADLINE_MS = 30_000;

export interface CalicoObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: object };
  readonly [field: string]: unknown;
}

/** An object of projectcalico.org/v3. */
export function calicoObject(kind: string, name: string, spec: object, labels: object = {}): CalicoObject {
  return { apiVersion: 'projectcalico.org/v3', kind, metadata: { name, labels }, spec };
}

/** A Secret where BGP passwords are looked up. */
export function secretObject(name: string, stringData: { readonly [key: string]: string }): CalicoObject {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'kube-system' }, stringData };
}

export interface CalicoDaemonOptions {
  readonly node: string;
  readonly objects: readonly CalicoObject[];
  /** Where it runs; absent: on loopback addresses, without namespace. */
  readonly place?: { readonly lab: Laboratory; readonly namespace: Namespace };
  readonly kernel?: 'netlink' | 'none';
  readonly env?: NodeJS.ProcessEnv;
}

export class CalicoDaemon {
  readonly process: DaemonProcess;
  readonly directory: string;
  readonly socketPath: string;

  private constructor(folder: string, options: CalicoDaemonOptions) {
    if (!existsSync(PEREGRINE_MAIN)) throw new Error(`${PEREGRINE_MAIN} is missing: run npm run build`);
    const { node, place, kernel = 'none' } = options;
    this.directory = join(folder, 'resources');
    this.socketPath = join(folder, 'peregrine.sock');
    mkdirSync(this.directory, { recursive: true });
    this.write('all', options.objects);
    const argv = [process.execPath, PEREGRINE_MAIN, 'run', '--node', node, '--socket', this.socketPath];
    argv.push('--datastore', `directory:${this.directory}`, '--kernel', kernel);
    const env = { ...process.env, CALICO_ENDPOINT_STATUS_PATH_PREFIX: folder, ...options.env };
    this.process =
      place === undefined
        ? new DaemonProcess(argv, { namespacePath: null, logPath: join(folder, 'log'), cwd: folder, env })
        : place.lab.spawn(place.namespace, argv, { env });
  }

  /** Starts it and waits until a first state is in force. */
  static async start(options: CalicoDaemonOptions): Promise<CalicoDaemon> {
    const { place } = options;
    const daemon = new CalicoDaemon(
      place === undefined ? temporaryFolder() : place.lab.folder(place.namespace),
      options,
    );
    await daemon.process.ready('a first state is in force', START_DEADLINE_MS, async () =>
      (await daemon.status()).appliedRevision === '' ? null : true,
    );
    return daemon;
  }

  /** Puts these objects, and no others, into one file of the directory, at once; the daemon notices by itself. */
  write(file: string, objects: readonly CalicoObject[]): void {
    const path = join(this.directory, `${file}.yaml`);
    if (objects.length === 0) return rmSync(path);
    // JSON is YAML; the file appears whole, as it would from a well-behaved writer.
    writeFileSync(`${path}.new`, objects.map((one) => JSON.stringify(one)).join('\n---\n'));
    renameSync(`${path}.new`, path);
  }

  status(): Promise<StatusView> {
    return fetchOne<StatusView>(this.socketPath, '/v1/status');
  }

  /** Waits for a status with the wanted property. */
  until(what: string, deadlineMs: number, isWanted: (status: StatusView) => boolean): Promise<StatusView> {
    return waitUntil(what, deadlineMs, () => this.status(), isWanted);
  }

  async list<T>(path: string): Promise<T[]> {
    const items: T[] = [];
    for await (const item of fetchList<T>(this.socketPath, path)) items.push(item);
    return items;
  }

  peers(): Promise<PeerView[]> {
    return this.list<PeerView>('/v1/peers');
  }

  cli(...args: readonly string[]): Promise<CommandOutcome> {
    return peregrine([...args, '--socket', this.socketPath]);
  }

  log(): readonly LogLine[] {
    const lines = this.process.log().split('\n');
    return lines.slice(0, -1).map((line) => JSON.parse(line) as LogLine);
  }

  stop(): Promise<void> {
    return this.process.stop();
  }
}
