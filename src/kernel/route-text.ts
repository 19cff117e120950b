/** Kernel routes in words, as `ip route` spells them: for log lines and the API. */

import { formatAddress } from '../../bgp/ip.ts';
import type { FibHop, KernelRoute } from './fib.ts';

/** Names of /etc/iproute2/rt_protos; the file itself need not be there in a container. 80 is what Felix uses. */
const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [1, 'redirect'],
  [2, 'kernel'],
  [3, 'boot'],
  [4, 'static'],
  [9, 'ra'],
  [11, 'zebra'],
  [12, 'bird'],
  [16, 'dhcp'],
  [80, '80 (Felix)'],
  [186, 'bgp'],
  [187, 'isis'],
  [188, 'ospf'],
  [189, 'rip'],
  [192, 'eigrp'],
]);

export function protocolName(protocol: number): string {
  return PROTOCOLS.get(protocol) ?? String(protocol);
}

/** `via 192.0.2.7 dev eth0 proto static metric 50`, without the prefix. */
export function describeKernelRoute(route: KernelRoute, interfaceName: (index: number) => string): string {
  const way =
    route.type === 'unicast' ? route.hops.map((hop) => describeHop(hop, interfaceName)).join(', ') : route.type;
  return `${way} proto ${protocolName(route.protocol)} metric ${route.metric}`;
}

function describeHop({ gateway, interfaceIndex, onlink }: FibHop, interfaceName: (index: number) => string): string {
  const words = gateway === null ? [] : [`via ${formatAddress(gateway)}`];
  if (interfaceIndex !== 0) words.push(`dev ${interfaceName(interfaceIndex) || `index ${interfaceIndex}`}`);
  if (onlink) words.push('onlink');
  return words.join(' ');
}
