/**
 * The part of a calico-node container that its bird services see: runit with the run scripts of calico-node
 * (../shared/calico-integration.md 1.4) around Peregrine's launchers, in a network namespace; and the probes of 1.12.
 */

import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DaemonProcess } from '../support/daemon-process.ts';
import type { CommandResult, Laboratory, Namespace } from '../support/netns.ts';
import { waitFor } from '../support/wait-for.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface CalicoNodeOptions {
  readonly env?: Readonly<Record<string, string>>;
}

export class CalicoNode {
  readonly lab: Laboratory;
  readonly namespace: Namespace;
  /** Everything that is in the root of the container. */
  readonly root: string;
  readonly #runsvdir: DaemonProcess;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(lab: Laboratory, namespace: Namespace, options: CalicoNodeOptions) {
    this.lab = lab;
    this.namespace = namespace;
    this.root = lab.folder(namespace);
    for (const folder of ['bin', 'config', 'run', 'log', 'service']) mkdirSync(join(this.root, folder));
    for (const name of ['bird', 'birdcl']) {
      cpSync(join(ROOT, 'deploy/calico-node/bin', name), join(this.root, 'bin', name));
      symlinkSync(name, join(this.root, 'bin', `${name}6`));
    }
    for (const name of ['bird', 'bird6']) this.#writeService(name, this.#birdScript(name));
    this.#writeService('confd', readFileSync(join(ROOT, 'deploy/calico-node/service/confd/run'), 'utf8'));
    this.#env = {
      ...process.env,
      PATH: `${join(this.root, 'bin')}:${process.env.PATH}`,
      PEREGRINE_HOME: ROOT,
      PEREGRINE_NODE: process.execPath,
      PEREGRINE_RUN_DIRECTORY: join(this.root, 'run'),
      SVDIR: join(this.root, 'service'),
      ...options.env,
    };
    // Process 1 of a PID namespace, as in a container: what it started ends with it.
    const init = ['unshare', '--pid', '--fork', '--kill-child=KILL', 'runsvdir', '-P', join(this.root, 'service')];
    this.#runsvdir = lab.spawn(namespace, init, {
      env: this.#env,
      logName: 'container-log',
    });
  }

  static start(lab: Laboratory, namespace: Namespace, options: CalicoNodeOptions = {}): CalicoNode {
    return new CalicoNode(lab, namespace, options);
  }

  /** As in calico-node, with this container's paths. */
  #birdScript(name: string): string {
    const config = join(this.root, 'config', `${name}.cfg`);
    return `#!/bin/sh\nexec 2>&1\nexec ${name} -R -s ${this.socket(name)} -d -c ${config}\n`;
  }

  #writeService(name: string, script: string): void {
    const folder = join(this.root, 'service', name);
    mkdirSync(join(folder, 'log'), { recursive: true });
    const log = join(this.root, 'log', name);
    const files = {
      run: script,
      'log/run': `#!/bin/sh\nmkdir -p ${log}\nprintf 's10000000\\nn5\\n' > ${log}/config\nexec svlogd -ttt ${log}\n`,
    };
    for (const [file, text] of Object.entries(files)) {
      writeFileSync(join(folder, file), text);
      chmodSync(join(folder, file), 0o755);
    }
  }

  socket(name: string): string {
    return join(this.root, 'run', `${name}.ctl`);
  }

  /** What confd does: writes a file beside it, and renames. */
  writeConfig(name: string, text: string): void {
    const path = join(this.root, 'config', name);
    writeFileSync(`${path}.new`, text);
    cpSync(`${path}.new`, path);
  }

  run(argv: readonly string[]): Promise<CommandResult> {
    const env = Object.entries({ PATH: this.#env.PATH, ...this.#own() }).map(([key, value]) => `${key}=${value}`);
    return this.lab.run(this.namespace, ['env', ...env, ...argv]);
  }

  #own(): Record<string, string> {
    const names = ['PEREGRINE_HOME', 'PEREGRINE_NODE', 'SVDIR'] as const;
    return Object.fromEntries(names.map((name) => [name, this.#env[name] ?? '']));
  }

  sv(...words: readonly string[]): Promise<CommandResult> {
    return this.run(['sv', '-w', '20', ...words]);
  }

  /** The process that runsv knows, by its id outside of the container. */
  pid(name: string): number {
    const inside = readFileSync(join(this.root, 'service', name, 'supervise/pid'), 'utf8').trim();
    const found = this.#all().find((pid) => {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return /^NSpid:.*\s(\d+)$/m.exec(status)?.[1] === inside;
    });
    return found ?? 0;
  }

  /** Everything that runs in the container. */
  #all(): number[] {
    const ours = `SVDIR=${this.#env.SVDIR}`;
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .filter((pid) => readOrNothing(`/proc/${pid}/environ`).split('\0').includes(ours))
      .map(Number);
  }

  /** The liveness probe; null: live, else its message. */
  async liveness(name: 'bird' | 'bird6'): Promise<string | null> {
    for (const service of ['confd', name]) {
      const { stdout } = await this.sv('status', join(this.root, 'service', service));
      if (!stdout.startsWith('run')) return `bird/confd is not live: ${stdout}`;
    }
    const { status, stdout } = await this.run(['birdcl', '-s', this.socket(name), 'show', 'status']);
    if (status !== 0) return `${name} is not live: status ${status}`;
    return stdout.startsWith('BIRD') ? null : `bad response from bird: ${stdout}`;
  }

  /** Processes of this container whose argv[0] is exactly that, as calicoctl looks for them. */
  processes(name: string): number[] {
    return this.#all().filter((pid) => readOrNothing(`/proc/${pid}/cmdline`).split('\0')[0].trim() === name);
  }

  log(name: string): string {
    const path = join(this.root, 'log', name, 'current');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** What kubelet's end of a container comes to: process 1 goes, and the kernel kills the rest. */
  async stop(): Promise<void> {
    await this.#runsvdir.kill();
    await waitFor('all processes are gone', 20_000, () => (this.#all().length === 0 ? true : null));
  }
}

/** Empty when the process is gone by now. */
function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
