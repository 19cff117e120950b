/** The lines of `show protocols all` below a protocol's row: code 1006, one inventory of lines for each dialect. */

import { FAMILY_NAMES, type FamilyIndex } from '../../bgp/family.ts';
import { formatAddress, formatIpv4 } from '../../bgp/ip.ts';
import type { NegotiatedSession } from '../../bgp/negotiated.ts';
import { PREFERENCE_BGP, PREFERENCE_DIRECT, PREFERENCE_KERNEL, PREFERENCE_STATIC } from '../../rib/paths.ts';
import { type Policy, REJECT_ALL } from '../../rib/policy/policy.ts';
import { INELIGIBLE_POLICY } from '../../rib/reason.ts';
import type { PeerDriver } from '../speaker/peer-driver.ts';
import type { Speaker } from '../speaker/speaker.ts';
import { capabilitiesOf, capabilityBlock, capabilityWords } from './capabilities.ts';
import type { Dialect } from './dialect.ts';
import { errorText } from './error-text.ts';
import { type BgpProtocol, bgpStateWord, isRunning, type LocalProtocol, type Protocol } from './protocols.ts';
import type { Recovery } from './recovery.ts';
import { UNREACHABLE_REASONS } from './route-row.ts';

const LOCAL_PREFERENCE = {
  Static: PREFERENCE_STATIC,
  Kernel: PREFERENCE_KERNEL,
  Device: PREFERENCE_DIRECT,
  Direct: PREFERENCE_DIRECT,
  BFD: 0,
} as const;

/** A name that BIRD could have: everything else is `(unnamed)` there. */
const SYMBOL = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

export function filterName(policy: Policy): string {
  if (policy.statements.length === 0) return policy.otherwise === 'accept' ? 'ACCEPT' : 'REJECT';
  return SYMBOL.test(policy.name) ? policy.name : '(unnamed)';
}

interface Statistics {
  readonly imported: number;
  readonly filtered: number;
  readonly exported: number;
  readonly preferred: number;
  readonly importUpdates: readonly (number | null)[];
  readonly importWithdraws: readonly (number | null)[];
  readonly exportUpdates: readonly (number | null)[];
  readonly exportWithdraws: readonly (number | null)[];
}

function bgpStatistics(speaker: Speaker, driver: PeerDriver, family: FamilyIndex): Statistics {
  const counters = speaker.core?.rib.counters(driver.ribIndex, family);
  const exported = speaker.core?.groups.advertisedCount(driver.ribIndex, family) ?? 0;
  if (counters === undefined) return { ...EMPTY, exported };
  const { announced, withdrawn, received, eligible, best, byReason } = counters;
  const filtered = byReason[INELIGIBLE_POLICY];
  // Paths without a way to their next hop are in BIRD's table too, as unreachable.
  const imported = eligible + UNREACHABLE_REASONS.reduce((sum, reason) => sum + byReason[reason], 0);
  const rejected = received - imported - filtered;
  return {
    imported,
    filtered,
    exported,
    preferred: best,
    importUpdates: [announced, rejected, filtered, 0, Math.max(0, announced - rejected - filtered)],
    importWithdraws: [withdrawn, 0, null, 0, withdrawn],
    exportUpdates: [null, null, null, null, exported],
    exportWithdraws: NOT_COUNTED,
  };
}

const EMPTY: Statistics = {
  imported: 0,
  filtered: 0,
  exported: 0,
  preferred: 0,
  importUpdates: [0, 0, 0, 0, 0],
  importWithdraws: [0, 0, null, 0, 0],
  exportUpdates: [0, 0, 0, null, 0],
  exportWithdraws: [0, null, null, null, 0],
};
/** What nobody counts is shown as BIRD shows what cannot happen, never as a zero. */
const NOT_COUNTED = [null, null, null, null, null] as const;

function localStatistics(speaker: Speaker, protocol: LocalProtocol, family: FamilyIndex): Statistics {
  const { core } = speaker;
  if (core === null || protocol.source === 0) return EMPTY;
  const { eligible, best, announced, withdrawn } = core.rib.counters(protocol.source, family);
  const isKernel = protocol.kind === 'Kernel';
  const exported = isKernel ? core.fibDesired.counts[family] : 0;
  return {
    ...EMPTY,
    imported: eligible,
    exported,
    preferred: best,
    importUpdates: [announced, 0, 0, 0, announced],
    importWithdraws: [withdrawn, 0, null, 0, withdrawn],
    exportUpdates: [null, null, null, null, exported],
  };
}

function statisticsLines(statistics: Statistics, indent: string): string[] {
  const { imported, filtered, exported, preferred } = statistics;
  const row = (title: string, cells: readonly (number | null)[]): string =>
    `${indent}  ${title.padEnd(20)}${cells.map((cell) => (cell === null ? '---' : String(cell)).padStart(10)).join(' ')}`;
  const kept = filtered > 0 ? `${filtered} filtered, ` : '';
  return [
    `${indent}Routes:         ${imported} imported, ${kept}${exported} exported, ${preferred} preferred`,
    `${indent}Route change stats:     received   rejected   filtered    ignored   accepted`,
    row('Import updates:', statistics.importUpdates),
    row('Import withdraws:', statistics.importWithdraws),
    row('Export updates:', statistics.exportUpdates),
    row('Export withdraws:', statistics.exportWithdraws),
  ];
}

function timer(left: number | null, full: number): string {
  return `${left ?? 0}/${full}`;
}

function neighborAddress({ config }: PeerDriver): string {
  const isLinkLocal = /^fe[89ab]/.test(config.peerAddress);
  return isLinkLocal && config.interfaceName !== null
    ? `${config.peerAddress}%${config.interfaceName}`
    : config.peerAddress;
}

function sessionWords(speaker: Speaker, driver: PeerDriver, session: NegotiatedSession, family: FamilyIndex): string {
  const isReflector = speaker.core?.rib.peers.isClient[driver.ribIndex] === 1;
  return [
    session.isInternal ? 'internal' : 'external',
    driver.config.ttl.kind === 'multihop' && driver.config.ttl.ttl > 1 ? ' multihop' : '',
    isReflector ? ' route-reflector' : '',
    session.role?.local === 'rs-server' ? ' route-server' : '',
    session.asn4 ? ' AS4' : '',
    session.addPathReceive[family] ? ' add-path-rx' : '',
    session.addPathSend[family] ? ' add-path-tx' : '',
    session.extendedMessage ? ' ext-messages' : '',
  ].join('');
}

/** Lines about the session. @param lead blanks before `BGP state` */
function bgpLines(speaker: Speaker, protocol: BgpProtocol, dialect: Dialect): string[] {
  const { driver } = protocol;
  const { config, session, state } = driver;
  const out = [
    `  BGP state:          ${bgpStateWord(driver)}`,
    `    Neighbor address: ${neighborAddress(driver)}`,
    `    Neighbor AS:      ${config.peerAs}`,
  ];
  if (dialect.name === '2') out.push(`    Local AS:         ${config.localAs}`);
  if (!isRunning(driver)) return out;
  if (state.retained.some((family) => family !== null)) {
    out.push('    Neighbor graceful restart active');
    const restart = driver.timerLeftSeconds({ name: 'restart' });
    if (restart !== null) out.push(`    Restart timer:    ${restart}/-`);
    for (const family of protocol.families) {
      const left = driver.timerLeftSeconds({ name: 'longLivedStale', family: FAMILY_NAMES[family] });
      if (left !== null) out.push(`    LL stale timer:   ${left}/-`);
    }
  }
  const wait = driver.timerLeftSeconds({ name: 'idleHold' });
  if (wait !== null) out.push(`    Error wait:       ${timer(wait, state.lastIdleHoldSeconds)}`);
  const connect = driver.timerLeftSeconds({ name: 'connectRetry' });
  if (session === null && driver.fsmState === 'Active' && !config.passive && connect !== null) {
    out.push(`    Connect delay:    ${timer(connect, config.connectRetryTimeSeconds)}`);
  }
  if (session !== null) out.push(...sessionLines(speaker, protocol, session, dialect));
  const error = errorText(state.lastDownReason);
  if (error !== '') out.push(`    Last error:       ${error}`);
  return out;
}

function sessionLines(
  speaker: Speaker,
  { driver, families }: BgpProtocol,
  session: NegotiatedSession,
  dialect: Dialect,
): string[] {
  const [family] = families;
  const ends = speaker.core?.rib.peers.get(driver.ribIndex)?.ends ?? null;
  const out = [`    Neighbor ID:      ${formatIpv4(session.peerBgpIdentifier)}`];
  if (dialect.name === '1.6') {
    out.push(`    Neighbor caps:   ${capabilityWords(capabilitiesOf(driver.openReceived), family)}`);
  } else {
    out.push(...capabilityBlock('Local capabilities', capabilitiesOf(driver.openSent)));
    out.push(...capabilityBlock('Neighbor capabilities', capabilitiesOf(driver.openReceived)));
  }
  out.push(
    `    Session:          ${sessionWords(speaker, driver, session, family)}`,
    `    Source address:   ${ends === null ? (driver.config.localAddress ?? '') : formatAddress(ends.localAddress)}`,
  );
  const limit = speaker.core?.rib.peers.get(driver.ribIndex)?.policy.maxPrefixes ?? null;
  if (limit !== null && dialect.name === '1.6') {
    const { received } = speaker.core?.rib.counters(driver.ribIndex, family) ?? { received: 0 };
    out.push(`    Route limit:      ${received}/${limit}`);
  }
  const keepalive = driver.connection === null ? null : driver.keepaliveLeftSeconds;
  out.push(
    `    Hold timer:       ${timer(driver.holdLeftSeconds, session.holdTimeSeconds)}`,
    `    Keepalive timer:  ${timer(keepalive, session.keepaliveTimeSeconds)}`,
  );
  return out;
}

function limitLines(limit: number | null, indent: string): string[] {
  return limit === null ? [] : [`${indent}Receive limit:  ${limit}`, `${indent}  Action:       restart`];
}

interface Channel {
  readonly family: FamilyIndex;
  readonly preference: number;
  readonly input: string;
  readonly output: string;
  readonly limit: number | null;
  readonly statistics: Statistics;
}

function channelOf(speaker: Speaker, protocol: Protocol, family: FamilyIndex): Channel {
  const name = FAMILY_NAMES[family];
  if (protocol.kind !== 'BGP') {
    const isKernel = protocol.kind === 'Kernel';
    const kernel = speaker.running?.kernel;
    const isWriting = kernel?.backend === 'netlink' && kernel.programRoutes;
    const policy = (isWriting ? kernel.policy[name] : undefined) ?? REJECT_ALL;
    return {
      family,
      preference: LOCAL_PREFERENCE[protocol.kind],
      input: 'ACCEPT',
      output: isKernel ? filterName(policy) : 'REJECT',
      limit: null,
      statistics: localStatistics(speaker, protocol, family),
    };
  }
  const policy = speaker.core?.rib.peers.get(protocol.driver.ribIndex)?.policy ?? null;
  return {
    family,
    preference: PREFERENCE_BGP,
    input: policy === null ? 'REJECT' : filterName(policy.importPolicy[name]),
    output: policy === null ? 'REJECT' : filterName(policy.exportPolicy[name]),
    limit: policy?.maxPrefixes ?? null,
    statistics: bgpStatistics(speaker, protocol.driver, family),
  };
}

/** All lines below the row, the blank one at the end included. */
export function protocolDetails(
  speaker: Speaker,
  dialect: Dialect,
  protocol: Protocol,
  ongoing: Recovery | null,
): string[] {
  const out: string[] = [];
  const isBgp = protocol.kind === 'BGP';
  const { description } = isBgp ? protocol.driver.config : { description: '' };
  // On one line and without the words that CalicoNodeStatus looks for in every line of the block.
  const calm = description.replace(/(BGP state|Neighbor address):/g, '$1');
  if (calm !== '') out.push(`  Description:    ${calm}`);
  const communication = isBgp ? protocol.driver.lastCommunication : null;
  if (communication !== null) {
    out.push(`  Message:        ${communication.replace(/(BGP state|Neighbor address):/g, '$1')}`);
  }
  const recovery = recoveryWord(ongoing, protocol);
  if (protocol.kind === 'BFD') return [...out, ''];
  const channels = protocol.families.map((family) => channelOf(speaker, protocol, family));
  if (dialect.name === '1.6') {
    const [channel] = channels;
    out.push(
      `  Preference:     ${channel.preference}`,
      `  Input filter:   ${channel.input}`,
      `  Output filter:  ${channel.output}`,
    );
    if (recovery !== null) out.push(`  GR recovery:   ${recovery}`);
    out.push(...limitLines(channel.limit, '  '));
    if (protocol.state !== 'down') out.push(...statisticsLines(channel.statistics, '  '));
    if (protocol.kind === 'BGP') out.push(...bgpLines(speaker, protocol, dialect));
    return [...out, ''];
  }
  if (protocol.kind === 'BGP') out.push(...bgpLines(speaker, protocol, dialect));
  for (const channel of channels) out.push(...channelBlock(protocol, channel, recovery));
  return [...out, ''];
}

function channelBlock(protocol: Protocol, channel: Channel, recovery: string | null): string[] {
  const number = channel.family === 0 ? 4 : 6;
  if (protocol.kind === 'Device') return [];
  const isUp = protocol.state === 'up';
  return [
    `  Channel ipv${number}`,
    `    State:          ${isUp ? 'UP' : 'DOWN'}`,
    `    Table:          master${number}`,
    `    Preference:     ${channel.preference}`,
    `    Input filter:   ${channel.input}`,
    `    Output filter:  ${channel.output}`,
    ...(recovery === null ? [] : [`    GR recovery:   ${recovery}`]),
    ...limitLines(channel.limit, '    '),
    ...(isUp ? statisticsLines(channel.statistics, '    ') : []),
  ];
}

/** ` pending`, or nothing for those that are not waited for; null: no recovery goes on. */
function recoveryWord(recovery: Recovery | null, protocol: Protocol): string | null {
  if (recovery === null) return null;
  return recovery.pendingPeers.has(protocol.name) ? ' pending' : '';
}
