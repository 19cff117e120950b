/**
 * A network namespace for tests: the test process (a vitest worker, one per test file) enters it for good, so the code
 * under test works on links and tables that nobody else has. Needs root.
 */

import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { syscalls, tryLoadSyscalls } from '../../net/syscalls.ts';

/** Why namespaces cannot be used here, or null. Under CI that is an error: tests must not vanish unseen. */
export function namespaceProblem(): string | null {
  const problem = findProblem();
  if (problem !== null && process.env.CI === 'true') throw new Error(`Namespace tests cannot run: ${problem}`);
  return problem;
}

function findProblem(): string | null {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  try {
    execFileSync('ip', ['-V'], { stdio: 'ignore' });
  } catch {
    return 'needs iproute2';
  }
  return tryLoadSyscalls();
}

export class TestNamespace {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** Makes a namespace with loopback up and puts this thread into it. */
  static enter(label: string): TestNamespace {
    const namespace = new TestNamespace(`pgk-${process.pid}-${label}`);
    execFileSync('ip', ['netns', 'add', namespace.name]);
    const descriptor = openSync(`/run/netns/${namespace.name}`, 'r');
    const result = syscalls().setns(descriptor);
    closeSync(descriptor);
    if (result < 0) {
      namespace.remove();
      throw new Error(`setns failed: errno ${-result}`);
    }
    namespace.ip('link set lo up');
    return namespace;
  }

  /** Runs `ip` in the namespace with space-separated arguments; its output. */
  ip(command: string): string {
    return execFileSync('ip', ['-n', this.name, ...command.split(' ')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Runs any command in the namespace. */
  exec(command: string): string {
    const words = ['netns', 'exec', this.name, ...command.split(' ')];
    return execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Runs many `ip` commands in one process. */
  batch(commands: readonly string[]): void {
    execFileSync('ip', ['-n', this.name, '-batch', '-'], { input: `${commands.join('\n')}\n` });
  }

  /** Two joined interfaces that are up, the first with the given addresses. */
  addInterface(name: string, addresses: readonly string[]): void {
    this.ip(`link add ${name} type veth peer name ${name}-peer`);
    this.ip(`link set ${name} up`);
    this.ip(`link set ${name}-peer up`);
    for (const address of addresses) {
      this.ip(`address add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`);
    }
  }

  /** Follows `ip monitor` until stopped. */
  async monitor(what: string): Promise<{ stop(): Promise<string[]> }> {
    const child = spawn('ip', ['-n', this.name, '-o', 'monitor', ...what.split(' ')], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    child.stdout.on('data', (octets: Buffer) => {
      output += octets.toString();
    });
    // It does not say when it listens.
    await new Promise((resolve) => setTimeout(resolve, 200));
    return {
      stop: async () => {
        await new Promise((resolve) => setTimeout(resolve, 200));
        child.kill();
        return output.split('\n').filter((line) => line !== '');
      },
    };
  }

  remove(): void {
    execFileSync('ip', ['netns', 'del', this.name]);
  }
}
