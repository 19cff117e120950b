/**
 * `npm start`: a small Calico-like cluster on this machine. As root: network namespaces, kernel routes, a foreign ToR
 * and pings between workloads. Without root: the same sessions on loopback addresses, no kernel routes.
 * `--once` ends after the proof, with status 0 only if everything converged.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PeerView, RouteView } from '../api/schema.ts';
import { fetchList } from '../cli/client.ts';
import { PEER_COLUMNS } from '../cli/show.ts';
import { formatTable } from '../cli/table.ts';
import { LabError, LabNetwork } from './network.ts';
import { LabProcess } from './processes.ts';
import { birdTor, clusterResources, type LabPlan, LOOPBACK_PLAN, PRIVILEGED_PLAN, peregrineTor } from './resources.ts';

const CONVERGENCE_DEADLINE_MS = 60_000;
const PEREGRINE = fileURLToPath(new URL('./peregrine.js', import.meta.url));

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const step = (text: string): void => say(`--> ${text}`);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const result: T[] = [];
  for await (const item of items) result.push(item);
  return result;
}

function hasProgram(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

/** Namespaces can be made: root with CAP_SYS_ADMIN and iproute2. */
function missingPrivilege(): string | null {
  if (process.getuid?.() !== 0) return 'not root';
  if (!hasProgram('ip')) return 'the ip command (Debian package iproute2) is missing';
  const name = `peregrine-probe-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.status !== 0) return `no network namespaces here: ${made.stderr.trim()}`;
  spawnSync('ip', ['netns', 'delete', name]);
  return null;
}

class Lab {
  readonly #plan: LabPlan;
  readonly #network: LabNetwork | null;
  readonly #directory: string;
  readonly #processes: LabProcess[] = [];

  constructor(privileged: boolean) {
    this.#plan = privileged ? PRIVILEGED_PLAN : LOOPBACK_PLAN;
    this.#directory = mkdtempSync(join(tmpdir(), 'peregrine-lab-'));
    this.#network = privileged ? new LabNetwork(this.#plan, `pglab${process.pid}`) : null;
  }

  start(): void {
    const datastore = join(this.#directory, 'datastore');
    if (this.#network !== null) {
      step('network: 3 nodes with a workload each, 1 ToR, 1 switch, in namespaces');
      this.#network.build();
    }
    step(`datastore: Calico resources in ${datastore}`);
    for (const [file, text] of Object.entries(clusterResources(this.#plan))) {
      mkdirSync(dirname(join(datastore, file)), { recursive: true });
      writeFileSync(join(datastore, file), text);
    }
    for (const { name } of this.#plan.nodes) {
      step(`${name}: peregrine run --node ${name} --datastore directory:${datastore}`);
      const kernel = this.#network === null ? ['--kernel', 'none'] : [];
      this.#spawn(name, [
        ...[process.execPath, PEREGRINE, 'run', '--node', name, '--datastore', `directory:${datastore}`],
        ...['--socket', this.#socket(name), ...kernel],
      ]);
    }
    this.#startTor();
  }

  #startTor(): void {
    const config = join(this.#directory, 'tor.conf');
    if (this.#network !== null && hasProgram('bird')) {
      step('tor: BIRD 2 (a foreign speaker)');
      writeFileSync(config, birdTor(this.#plan));
      this.#spawn('tor', ['bird', '-f', '-c', config, '-s', this.#socket('bird')]);
      return;
    }
    step(
      `tor: Peregrine stand-alone${this.#network === null ? '' : ' (BIRD 2 is not installed: Debian package bird2)'}`,
    );
    writeFileSync(config, peregrineTor(this.#plan, this.#network !== null, this.#socket('tor')));
    this.#spawn('tor', [process.execPath, PEREGRINE, 'run', '--config', config]);
  }

  #socket(name: string): string {
    return join(this.#directory, `${name}.sock`);
  }

  #spawn(name: string, command: readonly string[]): void {
    const inside = this.#network === null ? [] : this.#network.inside(name);
    this.#processes.push(new LabProcess(name, [...inside, ...command], join(this.#directory, `${name}.log`)));
  }

  #families(): number {
    return this.#plan.tor6 === null ? 1 : 2;
  }

  /** What is still missing for convergence, in words; empty when all is there. */
  async #missing(): Promise<string[]> {
    const missing: string[] = [];
    const others = this.#plan.nodes.length - 1;
    for (const node of this.#plan.nodes) {
      let peers: PeerView[];
      let routes: RouteView[];
      try {
        peers = await collect(fetchList<PeerView>(this.#socket(node.name), '/v1/peers'));
        routes = await collect(fetchList<RouteView>(this.#socket(node.name), '/v1/routes'));
      } catch {
        missing.push(`${node.name} does not answer yet`);
        continue;
      }
      const established = peers.filter((peer) => peer.state === 'Established').length;
      const wanted = (others + 1) * this.#families();
      if (established < wanted) missing.push(`${node.name}: ${established} of ${wanted} sessions`);
      const known = new Set(
        routes.filter((route) => route.paths.some((path) => path.best)).map((route) => route.prefix),
      );
      for (const other of this.#plan.nodes) {
        for (const block of [other.block4, other.block6]) {
          if (block !== null && !known.has(block)) missing.push(`${node.name}: no route to ${block}`);
        }
      }
      for (const external of [this.#plan.external4, this.#plan.external6]) {
        if (external !== null && !known.has(external)) missing.push(`${node.name}: no route to ${external}`);
      }
    }
    return missing;
  }

  #checkAlive(): void {
    for (const child of this.#processes) {
      if (child.ended === null) continue;
      throw new LabError(`${child.name} ended (${child.ended}); its last lines:\n${child.lastOutput.join('\n')}`);
    }
  }

  async converge(stopped: () => boolean): Promise<boolean> {
    const started = Date.now();
    let missing: string[] = [];
    let shown = -1;
    while (Date.now() - started < CONVERGENCE_DEADLINE_MS && !stopped()) {
      this.#checkAlive();
      missing = await this.#missing();
      if (missing.length === 0) {
        step(`converged after ${((Date.now() - started) / 1000).toFixed(1)} s`);
        return true;
      }
      const second = Math.floor((Date.now() - started) / 2000);
      if (second !== shown)
        step(`waiting: ${missing[0]}${missing.length > 1 ? ` (and ${missing.length - 1} more)` : ''}`);
      shown = second;
      await sleep(200);
    }
    if (stopped()) return false;
    say(
      `\nNot converged within ${CONVERGENCE_DEADLINE_MS / 1000} s:\n${missing.map((line) => `  ${line}`).join('\n')}`,
    );
    return false;
  }

  async report(): Promise<void> {
    for (const { name } of this.#plan.nodes) {
      const peers = await collect(fetchList<PeerView>(this.#socket(name), '/v1/peers'));
      const routes = await collect(fetchList<RouteView>(this.#socket(name), '/v1/routes'));
      say(`\n=== ${name}: peers`);
      say(formatTable(PEER_COLUMNS, peers));
      say(`\n=== ${name}: routes learned`);
      const learned = routes.flatMap((route) =>
        route.paths
          .filter((path) => path.best && !['static', 'direct', 'kernel'].includes(path.source))
          .map((path) => ({ prefix: route.prefix, path })),
      );
      say(
        formatTable(
          [
            { title: 'PREFIX', value: (row: (typeof learned)[number]) => row.prefix },
            { title: 'FROM', value: (row) => row.path.source },
            { title: 'NEXT HOP', value: (row) => row.path.attributes.nextHop ?? '-' },
            { title: 'AS PATH', value: (row) => row.path.attributes.asPath || '-' },
          ],
          learned,
        ),
      );
    }
    if (this.#network === null) return;
    for (const name of [...this.#plan.nodes.map((node) => node.name), 'tor']) {
      say(`\n=== ${name}: ip route show proto bird (namespace ${this.#network.namespace(name)})`);
      say(this.#network.run(name, 'ip', 'route', 'show', 'proto', 'bird').output || '(none)');
      say(this.#network.run(name, 'ip', '-6', 'route', 'show', 'proto', 'bird').output || '(none)');
    }
  }

  /** Pings from the first node's workload to another's, over both families, and to the ToR's external address. */
  prove(): boolean {
    if (this.#network === null) return true;
    const [first, second] = this.#plan.nodes;
    const targets = [second.workload4, second.workload6, this.#plan.externalAddress4].filter(
      (target) => target !== null,
    );
    let all = true;
    say('');
    for (const target of targets) {
      const { ok, output } = this.#network.run(`${first.name}-pod`, 'ping', '-c', '3', '-i', '0.2', '-W', '2', target);
      const summary = output.split('\n').find((line) => line.includes('packets transmitted')) ?? output;
      say(
        `${ok ? 'ok    ' : 'FAILED'} ping from the workload on ${first.name} (${first.workload4}) to ${target}: ${summary}`,
      );
      all &&= ok;
    }
    return all;
  }

  hint(): void {
    const [first] = this.#plan.nodes;
    const command = `npx peregrine show peers --socket ${this.#socket(first.name)}`;
    say(`\nThe lab stays up; its files and logs are in ${this.#directory}. Try, in another terminal:\n  ${command}`);
    say('Ctrl-C ends it and removes everything.');
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((child) => child.end()));
    this.#network?.remove();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== '--once');
  if (unknown !== undefined) {
    process.stderr.write(`lab: unknown option ${unknown}; wanted --once or nothing\n`);
    return 2;
  }
  const missing = missingPrivilege();
  if (missing !== null) {
    say(`Running without kernel routes, namespaces and pings (${missing}): sessions on 127.77.0.0/24 only.`);
  }
  const lab = new Lab(missing === null);
  let stopped = false;
  let wake = (): void => {};
  const interrupt = (): void => {
    stopped = true;
    wake();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    lab.start();
    const converged = await lab.converge(() => stopped);
    if (stopped) return 130;
    await lab.report();
    const forwarding = lab.prove();
    const good = converged && forwarding;
    say(good ? '\nThe lab works.' : '\nThe lab does NOT work as it should.');
    if (!args.includes('--once')) {
      lab.hint();
      await new Promise<void>((resolve) => {
        wake = resolve;
        // Keeps the process alive: a pending promise alone does not.
        setInterval(() => {}, 1 << 30);
      });
    }
    return good ? 0 : 1;
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    process.stderr.write(`lab: ${error.message}\n`);
    return 1;
  } finally {
    say('Removing the lab ...');
    await lab.stop();
  }
}

process.exit(await main(process.argv.slice(2)));
