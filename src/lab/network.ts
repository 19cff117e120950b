/**
 * The lab's network: a namespace for each node, its workload, the ToR and the switch between them, all of our own
 * making and all removed at the end. The process id in the names keeps two labs apart.
 */

import { spawnSync } from 'node:child_process';
import type { LabPlan } from './resources.ts';

export class LabError extends Error {}

function ip(...args: string[]): string {
  const result = spawnSync('ip', args, { encoding: 'utf8' });
  if (result.error) throw new LabError(`ip: ${result.error.message}`);
  if (result.status !== 0) throw new LabError(`ip ${args.join(' ')}: ${result.stderr.trim()}`);
  return result.stdout;
}

export class LabNetwork {
  readonly #plan: LabPlan;
  readonly #tag: string;
  readonly #made: string[] = [];

  constructor(plan: LabPlan, tag: string) {
    this.#plan = plan;
    this.#tag = tag;
  }

  namespace(name: string): string {
    return `${this.#tag}-${name}`;
  }

  /** The words before a command that runs it inside a namespace. */
  inside(name: string): readonly string[] {
    return ['ip', 'netns', 'exec', this.namespace(name)];
  }

  run(name: string, ...command: string[]): { readonly ok: boolean; readonly output: string } {
    const [program, ...args] = [...this.inside(name), ...command];
    const result = spawnSync(program, args, { encoding: 'utf8' });
    return { ok: result.status === 0, output: `${result.stdout}${result.stderr}`.trim() };
  }

  build(): void {
    const { nodes, tor4, tor6, prefixLength4, externalAddress4 } = this.#plan;
    this.#add('switch');
    this.#ip('switch', 'link', 'add', 'br0', 'type', 'bridge');
    this.#ip('switch', 'link', 'set', 'br0', 'up');
    const members = [
      ...nodes.map(({ name, ipv4, ipv6 }) => ({ name, ipv4, ipv6 })),
      { name: 'tor', ipv4: tor4, ipv6: tor6 },
    ];
    for (const { name, ipv4, ipv6 } of members) {
      this.#add(name);
      this.#set(name, 'net/ipv4/ip_forward', '1');
      this.#set(name, 'net/ipv6/conf/all/forwarding', '1');
      this.#link(name, 'eth0', 'switch', name);
      this.#ip('switch', 'link', 'set', name, 'master', 'br0');
      this.#ip(name, 'address', 'add', `${ipv4}/${prefixLength4}`, 'dev', 'eth0');
      if (ipv6 !== null) this.#ip(name, 'address', 'add', `${ipv6}/64`, 'dev', 'eth0', 'nodad');
    }
    this.#ip('tor', 'address', 'add', `${externalAddress4}/32`, 'dev', 'lo');
    for (const { name, workload4, workload6 } of nodes) this.#workload(name, workload4, workload6);
  }

  /** A pod as Calico and Felix make it: default route to 169.254.1.1, which the host side answers for, /32 host route. */
  #workload(node: string, ipv4: string, ipv6: string | null): void {
    const pod = `${node}-pod`;
    this.#add(pod);
    this.#link(pod, 'eth0', node, 'cali1');
    // Calico relies on proxy ARP, which answers only where the host has a default route; a lab node has none.
    this.#ip(node, 'address', 'add', '169.254.1.1/32', 'dev', 'cali1', 'scope', 'link');
    this.#ip(node, 'route', 'add', `${ipv4}/32`, 'dev', 'cali1', 'scope', 'link', 'proto', 'boot', 'metric', '1024');
    this.#ip(pod, 'address', 'add', `${ipv4}/32`, 'dev', 'eth0');
    this.#ip(pod, 'route', 'add', '169.254.1.1', 'dev', 'eth0', 'scope', 'link');
    this.#ip(pod, 'route', 'add', 'default', 'via', '169.254.1.1', 'dev', 'eth0');
    if (ipv6 === null) return;
    this.#ip(node, 'address', 'add', 'fe80::1/64', 'dev', 'cali1', 'nodad');
    this.#ip(node, '-6', 'route', 'add', `${ipv6}/128`, 'dev', 'cali1', 'proto', 'boot', 'metric', '1024');
    this.#ip(pod, 'address', 'add', `${ipv6}/128`, 'dev', 'eth0', 'nodad');
    this.#ip(pod, '-6', 'route', 'add', 'default', 'via', 'fe80::1', 'dev', 'eth0');
  }

  remove(): void {
    for (const name of this.#made.reverse()) spawnSync('ip', ['netns', 'delete', name]);
    this.#made.length = 0;
  }

  #add(name: string): void {
    ip('netns', 'add', this.namespace(name));
    this.#made.push(this.namespace(name));
    this.#ip(name, 'link', 'set', 'lo', 'up');
  }

  #ip(name: string, ...args: string[]): void {
    ip('-netns', this.namespace(name), ...args);
  }

  #link(name: string, device: string, other: string, otherDevice: string): void {
    const peer = ['peer', 'name', otherDevice, 'netns', this.namespace(other)];
    this.#ip(name, 'link', 'add', device, 'type', 'veth', ...peer);
    this.#ip(name, 'link', 'set', device, 'up');
    this.#ip(other, 'link', 'set', otherDevice, 'up');
  }

  #set(name: string, key: string, value: string): void {
    const result = this.run(name, 'sh', '-c', `echo ${value} > /proc/sys/${key}`);
    if (!result.ok) throw new LabError(`${key} in ${this.namespace(name)}: ${result.output}`);
  }
}
