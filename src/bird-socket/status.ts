/** The small views: `show status`, `memory`, `symbols`, `interfaces`, `static`. */

import { hostname } from 'node:os';
import { formatAddress, formatPrefix, type IpAddress, parsePrefix } from '../../bgp/ip.ts';
import type { InterfaceAddress, KernelLink } from '../kernel/fib.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { type Dialect, fullTime } from './dialect.ts';
import { type Line, line } from './framing.ts';
import { filterName } from './protocol-details.ts';
import { protocolsOf } from './protocols.ts';
import { recoveryOf } from './recovery.ts';

export function statusLines(speaker: Speaker, dialect: Dialect): Line[] {
  const time = (wallMs: number): string => fullTime(dialect, wallMs);
  const out = [
    line(1000, `BIRD ${dialect.version}`),
    line(1011, `Router ID is ${speaker.running?.routerId ?? '0.0.0.0'}`),
    ...(dialect.name === '2' ? [line(1011, `Hostname is ${hostname()}`)] : []),
    line(1011, `Current server time is ${time(speaker.clock.wallMs())}`),
    line(1011, `Last reboot on ${time(speaker.startedWallMs)}`),
    line(1011, `Last reconfiguration on ${time(speaker.reconfiguredWallMs)}`),
  ];
  const recovery = recoveryOf(speaker, dialect.families);
  if (recovery !== null) {
    const unit = dialect.name === '2' ? 'channels' : 'protocols';
    out.push(
      line(24, 'Graceful restart recovery in progress'),
      line(24, `  Waiting for ${recovery.pendingPeers.size} ${unit} to recover`),
      line(24, `  Wait timer is ${recovery.leftSeconds}/${recovery.fullSeconds}`),
    );
  }
  return out;
}

/** BIRD's sizes: at most four digits. */
function size(octets: number): string {
  let value = octets;
  let unit = 0;
  while (value >= 10_000 && unit < 3) {
    value = Math.round(value / 1024);
    unit++;
  }
  return `${String(Math.round(value)).padStart(4)} ${' kMG'[unit]}B`;
}

export function memoryLines(speaker: Speaker): Line[] {
  const { arrayBuffers, heapUsed, rss } = process.memoryUsage();
  const attributes = speaker.core?.rib.sets.octetsUsed ?? 0;
  const row = (title: string, octets: number): Line => line(1018, `${title.padEnd(17)} ${size(octets)}`);
  return [
    line(1018, 'BIRD memory usage'),
    row('Routing tables:', Math.max(0, arrayBuffers - attributes)),
    row('Route attributes:', attributes),
    row('ROA tables:', 0),
    row('Protocols:', heapUsed),
    row('Total:', rss),
  ];
}

export const SYMBOL_CLASSES = ['table', 'filter', 'function', 'protocol', 'template', 'roa'] as const;

export function symbolLines(speaker: Speaker, dialect: Dialect, filter: string | null): Line[] {
  const policies = new Set<string>();
  for (const { policy } of speaker.running?.peers ?? []) {
    for (const one of [...Object.values(policy.importPolicy), ...Object.values(policy.exportPolicy)]) {
      const name = filterName(one);
      if (!['ACCEPT', 'REJECT', '(unnamed)'].includes(name)) policies.add(name);
    }
  }
  const tables = dialect.name === '1.6' ? ['master'] : ['master4', 'master6'];
  const symbols: [string, string, string][] = [
    ...tables.map((name): [string, string, string] => ['table', name, 'routing table']),
    ...[...policies].sort().map((name): [string, string, string] => ['filter', name, 'filter']),
    ...protocolsOf(speaker, dialect).map(({ name }): [string, string, string] => ['protocol', name, 'protocol']),
  ];
  const isClass = filter === null || (SYMBOL_CLASSES as readonly string[]).includes(filter);
  return symbols
    .filter(([kind, name]) => filter === null || (isClass ? kind === filter : name === filter))
    .map(([, name, words]) => line(1010, `${name.padEnd(8)}\t${words}`));
}

function scope({ family, a, b, c, d }: IpAddress): string {
  if (family === 0) {
    const isPrivate = a >>> 24 === 10 || a >>> 20 === 0xac1 || a >>> 16 === 0xc0a8;
    if (a >>> 24 === 127) return 'host';
    if (a >>> 16 === 0xa9fe) return 'link';
    return isPrivate ? 'site' : 'univ';
  }
  if (a === 0 && b === 0 && c === 0 && d === 1) return 'host';
  if (a >>> 22 === 0x3fa) return 'link';
  return a >>> 25 === 0x7e ? 'site' : 'univ';
}

interface Interface {
  readonly link: KernelLink;
  readonly addresses: readonly InterfaceAddress[];
}

function interfacesOf(speaker: Speaker, dialect: Dialect): Interface[] {
  const { core } = speaker;
  if (core === null) return [];
  const addresses = core.fib.addresses().filter(({ address }) => dialect.families.includes(address.family));
  return core.fib
    .links()
    .sort((x, y) => x.index - y.index)
    .map((link) => ({ link, addresses: addresses.filter(({ interfaceIndex }) => interfaceIndex === link.index) }));
}

export function interfaceLines(speaker: Speaker, dialect: Dialect): Line[] {
  return interfacesOf(speaker, dialect).flatMap(({ link, addresses }) => {
    const isPointToPoint = addresses.some(({ peer }) => peer !== null);
    const flags = [
      link.loopback ? 'MultiAccess' : isPointToPoint ? 'PtP Multicast' : 'MultiAccess Broadcast Multicast',
      link.up ? 'AdminUp' : 'AdminDown',
      link.running ? 'LinkUp' : 'LinkDown',
      ...(link.loopback ? ['Loopback', 'Ignored'] : []),
    ];
    return [
      line(1001, `${link.name} ${link.up && link.running ? 'up' : 'down'} (index=${link.index})`),
      line(1004, `\t${flags.join(' ')} MTU=${link.mtuOctets}`),
      ...addresses.map((one, index) => {
        const rank = dialect.name === '2' ? 'Preferred' : 'Primary';
        const opposite = one.peer === null ? '' : `opposite ${formatAddress(one.peer)}, `;
        const text = `${formatAddress(one.address)}/${one.prefixLength}`;
        return line(1003, `\t${text} (${index === 0 ? rank : 'Unselected'}, ${opposite}scope ${scope(one.address)})`);
      }),
    ];
  });
}

export function interfaceSummaryLines(speaker: Speaker, dialect: Dialect): Line[] {
  const isWide = dialect.name === '2';
  const text = (addresses: readonly InterfaceAddress[], family: number): string => {
    const found = addresses.find(({ address }) => address.family === family);
    return found === undefined ? '' : `${formatAddress(found.address)}/${found.prefixLength}`;
  };
  const heading = isWide ? 'Interface  State  IPv4 address       IPv6 address' : 'interface state address';
  return [
    line(2005, heading),
    ...interfacesOf(speaker, dialect).map(({ link, addresses }) => {
      const state = link.up && link.running ? 'up' : 'down';
      if (!isWide) {
        return line(1005, `${link.name.padEnd(9)} ${state.padEnd(5)} ${text(addresses, dialect.families[0])}`);
      }
      const name = link.name.padEnd(10);
      return line(1005, `${name} ${state.padEnd(6)} ${text(addresses, 0).padEnd(18)} ${text(addresses, 1)}`);
    }),
  ];
}

export function staticLines(speaker: Speaker, dialect: Dialect): Line[] {
  const separator = dialect.name === '1.6' ? ' ' : '\t';
  const out: Line[] = [];
  for (const { prefix: text, kind, gateway } of speaker.running?.originated ?? []) {
    const prefix = parsePrefix(text);
    if (prefix === null || !dialect.families.includes(prefix.family)) continue;
    const target = kind === 'blackhole' || gateway === null ? 'blackhole' : `via ${gateway}`;
    if (dialect.name === '1.6' || target === 'blackhole') {
      out.push(line(1009, `${formatPrefix(prefix)}${separator}${target}`));
    } else out.push(line(1009, formatPrefix(prefix)), line(1009, `\t${target}`));
  }
  return out;
}
