/** Why a route is in the kernel's table or not: the kernel policy, the resolution of its next hop, what the kernel said. */

import { formatAddress } from '../../../bgp/ip.ts';
import type { FibEntry } from '../../../rib/fib.ts';
import { INSTALLED, NOT_INSTALLED_REASON_NAMES } from '../../../rib/reason.ts';
import { type ApiRefusal, isRefusal } from '../../api/refusal.ts';
import type { View } from '../../api/schema.ts';
import type { SpeakerCore } from '../core.ts';
import { kernelReason } from '../views.ts';
import { subjectOf } from './subject.ts';

type Explanation = View<'KernelExplanation'>;

export function explainKernel(core: SpeakerCore, programRoutes: boolean, asked: string): Explanation | ApiRefusal {
  const subject = subjectOf(core, asked);
  if (isRefusal(subject)) return subject;
  const { family, handle, prefix } = subject;
  const { fib, fibDesired, rib } = core;
  const head = rib.prefixes[family].head[handle];
  const source = head === 0 ? null : rib.peers.nameOf(rib.paths[family].rowPeer[head]);
  const refused = (reason: string): Explanation => ({
    ...{ asked, prefix, source, wanted: false, reason, route: null, state: 'not-wanted', failure: null },
    verdict: `${prefix} is not wanted in the kernel: ${reason}`,
    policy: null,
  });
  if (fib.backend === 'none') return refused('the daemon does not use the kernel');
  if (!programRoutes) return refused('the daemon does not write routes (kernel.programRoutes)');
  const reason = fibDesired.explain(family, handle);
  const policy = fibDesired.explainPolicy(family, handle);
  if (reason !== INSTALLED) {
    const by = policy?.verdict === 'reject' ? `, by statement ${policy.decidedBy} of policy ${policy.policy}` : '';
    return { ...refused(`${NOT_INSTALLED_REASON_NAMES[reason]}${by}`), policy };
  }
  const entry = fibDesired.entryOf(family, handle);
  const status = fib.status(rib.prefixes[family].describe(handle));
  const state = entry === null ? 'pending' : status.state;
  const why = kernelReason(status, (index) => fib.interfaceName(index));
  const words = {
    installed: 'is in the kernel',
    pending: 'is about to be written',
    failed: 'was refused by the kernel',
  };
  return {
    asked,
    prefix,
    verdict: `${prefix} ${words[state]}${why === null ? '' : `: ${why}`}`,
    wanted: true,
    reason: why ?? state,
    source,
    policy,
    route: entry === null ? null : routeText(prefix, entry, (index) => fib.interfaceName(index)),
    state,
    failure: status.failure === null ? null : `${status.failure.reason}: ${status.failure.message}`,
  };
}

/** As `ip route` writes it. */
function routeText(prefix: string, { type, hops, metric }: FibEntry, interfaceName: (index: number) => string): string {
  if (type === 'blackhole') return `blackhole ${prefix}${metric === 0 ? '' : ` metric ${metric}`}`;
  const hop = ({ gateway, interfaceIndex, onlink }: FibEntry['hops'][number]): string =>
    `${gateway === null ? '' : `via ${formatAddress(gateway)} `}dev ${interfaceName(interfaceIndex)}${onlink ? ' onlink' : ''}`;
  const metricText = metric === 0 ? '' : ` metric ${metric}`;
  if (hops.length === 1) return `${prefix} ${hop(hops[0])}${metricText}`;
  return `${prefix}${metricText}${hops.map((one) => ` nexthop ${hop(one)}`).join('')}`;
}
