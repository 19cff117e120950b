/**
 * A laboratory of network namespaces for one test: routers joined by one Ethernet segment, nothing connected to the
 * machine's own network. Every laboratory uses the same addresses, since namespaces do not see each other; only the
 * namespaces' names must differ, and carry the pid of the test process.
 *
 * All of it goes again: on close(), on the exit of the test process, and, should that be killed, at the start of the
 * next laboratory (namespaces and folders of our prefix whose process is dead). Foreign ones are never touched.
 */

import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DaemonOptions, DaemonProcess, insideNamespace } from './daemon-process.ts';

const NAME_PREFIX = 'peregrine-test-';
/** Pid of the test process, number of its laboratory, label of the router or random letters of the folder. */
const OWNED_NAME = new RegExp(`^${NAME_PREFIX}(\\d+)-\\d+-`);
const NAMESPACE_FOLDER = '/run/netns';
/** The one interface of a router, inside its namespace. */
export const ROUTER_INTERFACE = 'eth0';

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Namespace {
  readonly label: string;
  readonly name: string;
  readonly path: string;
  /** Position on the segment, from 1. */
  readonly index: number;
  /** 198.18.0.INDEX/24 (RFC 2544 benchmarking range). */
  readonly ipv4: string;
  /** 2001:db8:18::INDEX/64. */
  readonly ipv6: string;
  /** fe80::INDEX/64, instead of one made from the hardware address. */
  readonly linkLocal: string;
}

let laboratoryCount = 0;
const openLaboratories = new Set<Laboratory>();

export class Laboratory {
  /** For configuration, sockets and logs; removed on close. */
  readonly directory: string;
  readonly #id: string;
  readonly #namespaces: Namespace[] = [];
  readonly #processes: DaemonProcess[] = [];
  #isClosed = false;

  private constructor() {
    this.#id = `${NAME_PREFIX}${process.pid}-${++laboratoryCount}`;
    this.directory = mkdtempSync(join(tmpdir(), `${this.#id}-`));
  }

  /** Routers by label, on one segment in this order. Root only. */
  static async create(labels: readonly string[]): Promise<Laboratory> {
    removeAbandoned();
    const laboratory = new Laboratory();
    if (laboratoryCount === 1) process.once('exit', closeAllNow);
    openLaboratories.add(laboratory);
    try {
      await laboratory.#build(labels);
    } catch (error) {
      await laboratory.close();
      throw error;
    }
    return laboratory;
  }

  async #build(labels: readonly string[]): Promise<void> {
    const routers = labels.map((label, position) => this.#declare(label, position + 1));
    // Two routers share a cable, more of them a bridge in a namespace of its own.
    const hub = routers.length > 2 ? this.#declare('hub', 0) : null;
    const all = hub === null ? routers : [...routers, hub];
    const wiring = all.map((namespace) => `netns add ${namespace.name}`);
    await this.#batch(null, wiring);
    // Addresses must be usable at once, without a second of duplicate address detection.
    const sysctl = 'for k in all default; do echo 0 > /proc/sys/net/ipv6/conf/$k/accept_dad; done';
    await Promise.all(all.map((namespace) => this.run(namespace, ['sh', '-c', sysctl])));
    const cables: string[] = [];
    if (hub === null) {
      const [left, right] = routers;
      const far = right === undefined ? `${ROUTER_INTERFACE}p` : `${ROUTER_INTERFACE} netns ${right.name}`;
      cables.push(`link add ${ROUTER_INTERFACE} netns ${left.name} type veth peer name ${far}`);
    } else {
      for (const router of routers) {
        cables.push(
          `link add ${ROUTER_INTERFACE} netns ${router.name} type veth peer name port${router.index} netns ${hub.name}`,
        );
      }
    }
    // A lone router has the far end beside it, to be up.
    if (routers.length === 1) await this.#batch(routers[0], [`link add ${ROUTER_INTERFACE} type veth peer name far0`]);
    else await this.#batch(null, cables);
    if (hub !== null) {
      await this.#batch(hub, [
        'link add hub0 type bridge',
        'link set hub0 up',
        ...routers.map((router) => `link set port${router.index} master hub0 up`),
      ]);
    }
    await Promise.all(
      routers.map((router) =>
        this.#batch(router, [
          'link set lo up',
          `addr add ${router.ipv4}/24 dev ${ROUTER_INTERFACE}`,
          `addr add ${router.ipv6}/64 dev ${ROUTER_INTERFACE} nodad`,
          `link set ${ROUTER_INTERFACE} addrgenmode none up`,
          `addr add ${router.linkLocal}/64 dev ${ROUTER_INTERFACE} nodad`,
          ...(routers.length === 1 ? ['link set far0 up'] : []),
        ]),
      ),
    );
  }

  /**
   * A machine of its own behind a router, which forwards for it: the machine has `prefix`.2 of a /30, the router .1.
   * `prefix`: three numbers of an IPv4 address, for example 10.1.0.
   */
  async attachHost(label: string, router: Namespace, prefix: string): Promise<Namespace> {
    const host = this.#declare(label, 0);
    await this.#batch(null, [
      `netns add ${host.name}`,
      `link add ${label} netns ${router.name} type veth peer name ${ROUTER_INTERFACE} netns ${host.name}`,
    ]);
    await this.#batch(router, [`addr add ${prefix}.1/30 dev ${label}`, `link set ${label} up`]);
    await this.#batch(host, [
      'link set lo up',
      `addr add ${prefix}.2/30 dev ${ROUTER_INTERFACE}`,
      `link set ${ROUTER_INTERFACE} up`,
      `route add default via ${prefix}.1`,
    ]);
    await this.run(router, ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
    return host;
  }

  #declare(label: string, index: number): Namespace {
    const name = `${this.#id}-${label}`;
    const path = join(NAMESPACE_FOLDER, name);
    const [ipv4, ipv6, linkLocal] = [`198.18.0.${index}`, `2001:db8:18::${index}`, `fe80::${index}`];
    const namespace = { label, name, path, index, ipv4, ipv6, linkLocal };
    this.#namespaces.push(namespace);
    mkdirSync(join(this.directory, label), { recursive: true });
    return namespace;
  }

  router(label: string): Namespace {
    const found = this.#namespaces.find((namespace) => namespace.label === label);
    if (found === undefined) throw new Error(`No router '${label}' in this laboratory`);
    return found;
  }

  /** A router's own folder. */
  folder(namespace: Namespace): string {
    return join(this.directory, namespace.label);
  }

  /** Starts a process that lives until it is stopped or the laboratory closes. */
  spawn(
    namespace: Namespace,
    argv: readonly string[],
    options: Omit<DaemonOptions, 'namespacePath' | 'logPath'> & { readonly logName?: string } = {},
  ): DaemonProcess {
    const { logName = 'log', ...rest } = options;
    const logPath = join(this.folder(namespace), logName);
    const daemon = new DaemonProcess(argv, {
      cwd: this.folder(namespace),
      ...rest,
      namespacePath: namespace.path,
      logPath,
    });
    this.#processes.push(daemon);
    return daemon;
  }

  /** Runs a command to its end inside the namespace; its status is the caller's to judge. */
  run(namespace: Namespace | null, argv: readonly string[], input = ''): Promise<CommandResult> {
    const command = [...insideNamespace(namespace?.path ?? null), ...argv];
    return new Promise((resolve, reject) => {
      const options = { maxBuffer: 64 * 1024 * 1024, timeout: 20_000 };
      const child = execFile(command[0], command.slice(1), options, (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number') reject(error);
        else resolve({ status: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      });
      child.stdin?.on('error', () => {});
      child.stdin?.end(input);
    });
  }

  async #batch(namespace: Namespace | null, lines: readonly string[]): Promise<void> {
    const target = namespace === null ? [] : ['-n', namespace.name];
    const result = await this.run(null, ['ip', ...target, '-batch', '-'], `${lines.join('\n')}\n`);
    if (result.status !== 0) throw new Error(`ip: ${result.stderr}\nin\n${lines.join('\n')}`);
  }

  /** Changes the segment: `ip` arguments inside a router, for example ['link', 'set', 'eth0', 'down']. */
  async ip(namespace: Namespace, ...args: readonly string[]): Promise<string> {
    const result = await this.run(null, ['ip', '-n', namespace.name, ...args]);
    if (result.status !== 0) throw new Error(`ip ${args.join(' ')}: ${result.stderr}`);
    return result.stdout;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    await Promise.all(this.#processes.map((daemon) => daemon.stop()));
    this.closeNow();
  }

  /** Without waiting for anything: also for an 'exit' handler, where only synchronous work is done. */
  closeNow(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    openLaboratories.delete(this);
    for (const daemon of this.#processes) daemon.signal('SIGKILL');
    deleteNamespaces(this.#namespaces.map((namespace) => namespace.name));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function closeAllNow(): void {
  for (const laboratory of openLaboratories) laboratory.closeNow();
}

function namespaceNames(): readonly string[] {
  try {
    return readdirSync(NAMESPACE_FOLDER);
  } catch {
    return [];
  }
}

function deleteNamespaces(names: readonly string[]): void {
  const existing = new Set(namespaceNames());
  const lines = names.filter((name) => existing.has(name)).map((name) => `netns del ${name}\n`);
  if (lines.length === 0) return;
  execFileSync('ip', ['-force', '-batch', '-'], { input: lines.join(''), stdio: ['pipe', 'ignore', 'ignore'] });
}

let hasRemovedAbandoned = false;

/** What a killed test run of ours left behind. Its processes are dead already (see daemon-process.ts). */
function removeAbandoned(): void {
  if (hasRemovedAbandoned) return;
  hasRemovedAbandoned = true;
  const isAbandoned = (name: string): boolean => {
    const owner = OWNED_NAME.exec(name);
    return owner !== null && !isAlive(Number(owner[1]));
  };
  try {
    deleteNamespaces(namespaceNames().filter(isAbandoned));
  } catch {
    // Another test process is at it, too.
  }
  for (const name of readdirSync(tmpdir()).filter(isAbandoned)) {
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
