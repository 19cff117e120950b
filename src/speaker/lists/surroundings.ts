/** What routes depend on: next hops and how they are reached, interfaces with their addresses, policies in force. */

import { formatAddress, formatLanes } from '../../../bgp/ip.ts';
import type { DesiredState } from '../../../confd/desired-state.ts';
import type { Policy } from '../../../rib/policy/policy.ts';
import { printPolicy } from '../../../rib/policy/print.ts';
import type { View } from '../../api/schema.ts';
import type { SpeakerCore } from '../core.ts';

const FRUITLESS = 1000;
/** Names of peers that a policy lists; the count says how many there are. */
const NAMED_USERS = 10;

export function* nextHopViews({ rib, fib }: SpeakerCore): Generator<View<'NextHop'> | undefined> {
  const { nextHops } = rib;
  for (let handle = 1; handle < nextHops.end; handle++) {
    if (nextHops.refCount[handle] === 0) {
      if (handle % FRUITLESS === 0) yield undefined;
      continue;
    }
    const isReachable = nextHops.resolvable[handle] !== 0;
    const isDirect = nextHops.directlyConnected[handle] !== 0;
    const family = nextHops.gatewayFamily[handle] === 0 ? 0 : 1;
    const { gatewayA: a, gatewayB: b, gatewayC: c, gatewayD: d } = nextHops;
    const gateway = formatLanes(family, a[handle], b[handle], c[handle], d[handle]);
    const interfaceName = fib.interfaceName(nextHops.interfaceIndex[handle]);
    yield {
      address: nextHops.format(handle),
      reachable: isReachable,
      own: nextHops.isOwnAddress[handle] !== 0,
      igpCost: nextHops.cost[handle],
      gateway: isReachable && !isDirect && fib.backend !== 'none' ? gateway : null,
      interface: interfaceName === '' ? null : interfaceName,
      attributeSets: nextHops.refCount[handle],
    };
  }
}

export function interfaceViews({ fib }: SpeakerCore): View<'Interface'>[] {
  const addresses = fib.addresses();
  return fib.links().map(({ index, name, up, running, loopback, mtuOctets }) => ({
    index,
    name,
    up,
    running,
    loopback,
    mtuOctets,
    addresses: addresses
      .filter(({ interfaceIndex }) => interfaceIndex === index)
      .map(({ address, prefixLength, peer }) => ({
        address: `${formatAddress(address)}/${prefixLength}`,
        peer: peer === null ? null : formatAddress(peer),
      })),
  }));
}

/** Each policy once for each use, however many peers share it. */
export function policyViews({ peers, kernel }: DesiredState): View<'Policy'>[] {
  const found = new Map<Policy, Map<View<'Policy'>['use'], string[]>>();
  const note = (policy: Policy, use: View<'Policy'>['use'], user: string | null): void => {
    const uses = found.get(policy) ?? new Map<View<'Policy'>['use'], string[]>();
    const users = uses.get(use) ?? [];
    if (user !== null && users.at(-1) !== user) users.push(user);
    found.set(policy, uses.set(use, users));
  };
  for (const { session, policy } of peers) {
    for (const family of session.families) {
      note(policy.importPolicy[family], 'import', session.name);
      note(policy.exportPolicy[family], 'export', session.name);
    }
  }
  for (const policy of Object.values(kernel.policy)) note(policy, 'kernel', null);
  return [...found].flatMap(([policy, uses]) =>
    [...uses].map(([use, users]) => ({
      name: policy.name,
      use,
      peers: users.length,
      peerNames: users.slice(0, NAMED_USERS),
      text: printPolicy(policy),
    })),
  );
}
