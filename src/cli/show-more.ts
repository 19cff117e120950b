/** `peregrine show ...` beyond peers and routes: one peer in full, and what routes depend on. */

import { type RunningPart, stateOfParts } from '../api/running.ts';
import type { View } from '../api/schema.ts';
import { fetchList, fetchOne } from './client.ts';
import { printList, type ShowOptions } from './show.ts';
import { type Column, formatCount, formatDuration, formatOctets } from './table.ts';

type Capability = NonNullable<View<'PeerDetail'>['openSent']>['capabilities'][number];

/** Fields of a capability, or of a family in it: flags by their name when they are set, values behind it. */
function formatFields(fields: { readonly [name: string]: unknown }): string {
  const { afi, safi, families, ...rest } = fields;
  const parts = Object.entries(rest).map(([name, value]) =>
    typeof value === 'boolean' ? (value ? name : '') : `${name} ${value}`,
  );
  const list = Array.isArray(families) ? families.map((one) => formatFields(one)).join(', ') : '';
  return [afi === undefined ? '' : `${afi}/${safi}`, ...parts, list].filter((one) => one !== '').join(' ');
}

/** `add-path 1/1 receive`: what a capability says in one line. */
function formatCapability({ kind, ...fields }: Capability): string {
  return `${kind} ${formatFields(fields)}`.trim();
}

/** One session: who, how it stands, its timers, and what the two OPENs said. */
export function formatPeerDetail(peer: View<'PeerDetail'>): string {
  const { openSent, openReceived, timers, messages, lastError, lastDialFailure } = peer;
  const capabilities = (open: View<'PeerDetail'>['openSent']): Set<string> =>
    new Set((open?.capabilities ?? []).map(formatCapability));
  const [ours, theirs] = [capabilities(openSent), capabilities(openReceived)];
  const lines: [string, string][] = [
    ['peer', `${peer.name}${peer.description === '' ? '' : ` (${peer.description})`}`],
    ['address', `${peer.address} port ${peer.port}${peer.interface === null ? '' : ` on ${peer.interface}`}`],
    [
      'AS',
      `${peer.peerAs}, ours ${peer.localAs} (${peer.routeReflectorClient ? 'route reflector client' : peer.type})`,
    ],
    [
      'state',
      `${peer.state} for ${formatDuration(peer.stateSeconds)}, ${formatCount(peer.sessionsEstablished, 'session')} so far`,
    ],
    ...(peer.waitingFor === null ? [] : [['waits for', peer.waitingFor] as [string, string]]),
    ...(lastError === null ? [] : [['last error', `${lastError.at} ${lastError.text}`] as [string, string]]),
    ...(lastDialFailure === null
      ? []
      : [['last dial', `${lastDialFailure.at} ${lastDialFailure.text} (${lastDialFailure.code})`] as [string, string]]),
    ...Object.entries(peer.families).map(([family, counters]): [string, string] => [
      family,
      `${counters.received} received, ${counters.accepted} accepted, ${counters.best} best, ${counters.advertised} advertised`,
    ]),
    [
      'messages',
      `${messages.received} received (${messages.updatesReceived} UPDATEs, ${formatOctets(messages.octetsReceived)}), ${messages.sent} sent besides UPDATEs (${formatOctets(messages.octetsSent)} in all)`,
    ],
    ['timers', timers.map(({ timer, remainingSeconds }) => `${timer} ${remainingSeconds} s`).join(', ') || 'none runs'],
    ...(peer.logLevel === null ? [] : [['log level', peer.logLevel] as [string, string]]),
    ...[...ours, ...[...theirs].filter((one) => !ours.has(one))].map((one, index): [string, string] => [
      index === 0 ? 'capabilities' : '',
      `${ours.has(one) ? (theirs.has(one) ? 'both  ' : 'ours  ') : 'theirs'} ${one}`,
    ]),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n');
}

export async function showPeer(options: ShowOptions, name: string): Promise<void> {
  const peer = await fetchOne<View<'PeerDetail'>>(options.socketPath, `/v1/peers/${encodeURIComponent(name)}`);
  options.write(`${options.json ? JSON.stringify(peer, null, 2) : formatPeerDetail(peer)}\n`);
}

const NEXT_HOP_COLUMNS: readonly Column<View<'NextHop'>>[] = [
  { title: 'NEXT HOP', value: (row) => row.address },
  { title: 'REACHED', value: (row) => (row.own ? 'our own address' : row.reachable ? 'yes' : 'no') },
  { title: 'VIA', value: (row) => row.gateway ?? '' },
  { title: 'INTERFACE', value: (row) => row.interface ?? '' },
  { title: 'COST', align: 'right', value: (row) => (row.reachable ? String(row.igpCost) : '') },
  { title: 'ATTRIBUTE SETS', align: 'right', value: (row) => String(row.attributeSets) },
];

const INTERFACE_COLUMNS: readonly Column<View<'Interface'>>[] = [
  { title: 'INTERFACE', value: (row) => row.name },
  { title: 'INDEX', align: 'right', value: (row) => String(row.index) },
  { title: 'STATE', value: (row) => (row.up ? (row.running ? 'up' : 'up, no carrier') : 'down') },
  { title: 'MTU', align: 'right', value: (row) => String(row.mtuOctets) },
  {
    title: 'ADDRESSES',
    value: (row) =>
      row.addresses.map(({ address, peer }) => (peer === null ? address : `${address} peer ${peer}`)).join(' '),
  },
];

const UPDATE_GROUP_COLUMNS: readonly Column<View<'UpdateGroup'>>[] = [
  { title: 'FAMILY', value: (row) => row.family },
  { title: 'ADVERTISED', align: 'right', value: (row) => String(row.advertised) },
  { title: 'WAITING', align: 'right', value: (row) => String(row.waiting) },
  { title: 'CATCHING UP', align: 'right', value: (row) => String(row.catchingUp) },
  { title: 'RETAINED', align: 'right', value: (row) => formatOctets(row.retainedOctets) },
  { title: 'PEERS', align: 'right', value: (row) => String(row.members.length) },
  { title: 'NAMES', value: ({ members }) => `${members.slice(0, 5).join(' ')}${members.length > 5 ? ' ...' : ''}` },
];

const ORIGINATED_COLUMNS: readonly Column<View<'Originated'>>[] = [
  { title: 'PREFIX', value: (row) => row.prefix },
  { title: 'ORIGIN', value: (row) => row.origin },
  { title: 'LEASE UNTIL', value: (row) => row.expiresAt ?? '' },
  { title: 'COMMUNITIES', value: (row) => row.communities.join(' ') },
  { title: 'NOTE', value: (row) => (row.inForce ? (row.service ? 'service' : '') : 'waits: the configuration has it') },
];

export async function showNextHops(options: ShowOptions): Promise<void> {
  await printList(
    fetchList<View<'NextHop'>>(options.socketPath, '/v1/next-hops'),
    NEXT_HOP_COLUMNS,
    options,
    'no next hops',
  );
}

export async function showInterfaces(options: ShowOptions): Promise<void> {
  const list = fetchList<View<'Interface'>>(options.socketPath, '/v1/interfaces');
  await printList(list, INTERFACE_COLUMNS, options, 'the kernel is not used');
}

export async function showUpdateGroups(options: ShowOptions): Promise<void> {
  const list = fetchList<View<'UpdateGroup'>>(options.socketPath, '/v1/update-groups');
  await printList(list, UPDATE_GROUP_COLUMNS, options, 'no peer is told anything');
}

export async function showOriginated(options: ShowOptions): Promise<void> {
  const list = fetchList<View<'Originated'>>(options.socketPath, '/v1/originated');
  await printList(list, ORIGINATED_COLUMNS, options, 'nothing is originated');
}

export async function showPolicies(options: ShowOptions): Promise<void> {
  const list = fetchList<View<'Policy'>>(options.socketPath, '/v1/policies');
  if (options.json) return printList(list, [], options, '');
  let isFirst = true;
  for await (const { use, peers, peerNames, text } of list) {
    const names = `${peerNames.join(', ')}${peers > peerNames.length ? `, and ${peers - peerNames.length} more` : ''}`;
    options.write(`${isFirst ? '' : '\n'}${use}${names === '' ? '' : ` of ${names}`}\n${text.trimEnd()}\n`);
    isFirst = false;
  }
  if (isFirst) options.write('no policies are in force\n');
}

/** What is in force, as `derive` shows it; passwords do not leave the daemon. */
export async function showRunning(options: ShowOptions): Promise<void> {
  const parts = fetchList<RunningPart>(options.socketPath, '/v1/running');
  if (options.json) {
    for await (const part of parts) options.write(`${JSON.stringify(part)}\n`);
    return;
  }
  const { formatDesired } = await import('./derive-report.ts');
  options.write(`${formatDesired(await stateOfParts(parts), { policies: options.policies })}\n`);
}

const RECENT_COLUMNS: readonly Column<View<'RecentLine'>>[] = [
  { title: 'TIME', value: ({ at }) => at.slice(0, 23).replace('T', ' ') },
  { title: 'LEVEL', value: ({ level }) => level },
  { title: 'CODE', value: ({ msgid }) => msgid },
  { title: 'PEER', value: ({ fields }) => (typeof fields.peer === 'string' ? fields.peer : '') },
  {
    title: 'MESSAGE',
    value: ({ message, fields: { peer: _named, ...rest } }) => {
      const text = Object.keys(rest).length === 0 ? '' : ` ${JSON.stringify(rest)}`;
      return `${message}${text.slice(0, 400)}`;
    },
  },
];

export async function showRecent(options: ShowOptions): Promise<void> {
  const list = fetchList<View<'RecentLine'>>(options.socketPath, '/v1/recent');
  await printList(list, RECENT_COLUMNS, options, 'nothing was logged');
}

/** Octets of a message that a line shows. */
const SHOWN_OCTETS = 48;

const MESSAGE_COLUMNS: readonly Column<View<'RecordedMessage'>>[] = [
  { title: 'TIME', value: ({ at }) => at.slice(0, 23).replace('T', ' ') },
  { title: 'PEER', value: ({ peer }) => peer },
  { title: 'TYPE', value: ({ type }) => type },
  { title: 'OCTETS', align: 'right', value: ({ octets }) => String(octets.length / 2) },
  {
    title: 'BEHIND THE HEADER',
    value: ({ octets }) => {
      const body = octets.slice(38);
      return body.length > SHOWN_OCTETS * 2 ? `${body.slice(0, SHOWN_OCTETS * 2)}...` : body;
    },
  },
];

export async function showMessages(options: ShowOptions): Promise<void> {
  const list = fetchList<View<'RecordedMessage'>>(options.socketPath, '/v1/messages');
  await printList(list, MESSAGE_COLUMNS, options, 'no messages are recorded (docs/support.md)');
}
