/** A KernelListener for tests that writes down what it is told, in words. */

import { formatAddress, formatPrefix } from '../../../bgp/ip.ts';
import type { FibHop, KernelListener, KernelRoute } from '../fib.ts';

export interface RecordingListener extends KernelListener {
  /** One line per call since the last take(). */
  readonly lines: string[];
  /** Empties and returns the lines. */
  take(): string[];
}

export function recordingListener(): RecordingListener {
  const lines: string[] = [];
  return {
    lines,
    take: () => lines.splice(0),
    linkChanged: (link) =>
      void lines.push(
        `link ${link.name} ${link.up ? 'up' : 'down'}${link.running ? ' running' : ''} mtu ${link.mtuOctets}`,
      ),
    linkRemoved: (link) => void lines.push(`link ${link.name} removed`),
    addressAdded: ({ address, prefixLength }) =>
      void lines.push(`address ${formatAddress(address)}/${prefixLength} added`),
    addressRemoved: ({ address, prefixLength }) =>
      void lines.push(`address ${formatAddress(address)}/${prefixLength} removed`),
    routeLearned: (route) => void lines.push(`learned ${describeRoute(route)}`),
    routeLost: (route) => void lines.push(`lost ${formatPrefix(route.prefix)}`),
    routeFailed: ({ prefix, reason, message }) =>
      void lines.push(`failed ${formatPrefix(prefix)} ${reason} (${message})`),
    routeDisturbed: ({ prefix, kind, other }) =>
      void lines.push(`disturbed ${formatPrefix(prefix)} ${kind}${other === null ? '' : `: ${describeRoute(other)}`}`),
    troubled: (text) => void lines.push(text === null ? 'no trouble any more' : `trouble: ${text}`),
    resynced: (reason) => void lines.push(`resynced ${reason}`),
  };
}

function describeRoute(route: KernelRoute): string {
  // Sorted: the kernel's order of IPv6 hops depends on how the route grew.
  const hops = route.hops
    .map((hop) => ` ${describeHop(hop)}`)
    .sort()
    .join('');
  return `${formatPrefix(route.prefix)} ${route.type}${hops} proto ${route.protocol} metric ${route.metric}`;
}

function describeHop(hop: FibHop): string {
  return hop.gateway === null ? `if ${hop.interfaceIndex}` : `via ${formatAddress(hop.gateway)}`;
}
