/** Commands that ask a running daemon: show, explain, events, originate, withdraw, peer. What each takes, in one table. */

import { PEER_ACTIONS } from '../api/peer-actions.ts';
import { DEFAULT_CONTROL_SOCKET, type View } from '../api/schema.ts';
import { act, fetchOne } from './client.ts';
import * as explaining from './explain.ts';
import type { ShowOptions } from './show.ts';
import { only, UsageError } from './usage-error.ts';
import { watching } from './watch.ts';

/** Options as node:util parses them. */
export interface AskValues {
  readonly socket?: string | undefined;
  readonly json?: boolean | undefined;
  readonly watch?: boolean | undefined;
  readonly longest?: boolean | undefined;
  readonly initial?: boolean | undefined;
  readonly service?: boolean | undefined;
  readonly family?: string | undefined;
  readonly match?: string | undefined;
  readonly source?: string | undefined;
  readonly community?: string[] | undefined;
  readonly as?: string | undefined;
  readonly 'origin-as'?: string | undefined;
  readonly limit?: string | undefined;
  readonly cursor?: string | undefined;
  readonly kinds?: string | undefined;
  readonly peer?: string | undefined;
  readonly owner?: string | undefined;
  readonly lease?: string | undefined;
}

/** Options by the names of the API's query parameters. */
const PARAMETERS = {
  longest: 'longest',
  family: 'family',
  match: 'match',
  source: 'source',
  community: 'community',
  as: 'as',
  'origin-as': 'originAs',
  limit: 'limit',
  cursor: 'cursor',
  kinds: 'kinds',
  peer: 'peer',
  initial: 'initial',
} as const;
type Parameter = keyof typeof PARAMETERS;

const WHICH = ['longest', 'family', 'match', 'community', 'as', 'origin-as'] as const;
const PAGES = ['limit', 'cursor'] as const;
/** `show received`, `accepted` and `advertised` also take the prefix as an option of its own. */
const OF_PEER: readonly Parameter[] = [...WHICH, ...PAGES];

type Shows = typeof import('./show.ts') & typeof import('./show-more.ts');

interface ShowCommand {
  readonly usage: string;
  /** Positionals behind `show WHAT`: at least and at most. */
  readonly takes: readonly [number, number];
  readonly options: readonly Parameter[];
  run(show: Shows, options: ShowOptions, subject: string, prefix: string | null): Promise<void>;
}

const SHOW: Readonly<Record<string, ShowCommand>> = {
  status: { usage: 'show status', takes: [0, 0], options: [], run: (show, options) => show.showStatus(options) },
  peers: { usage: 'show peers', takes: [0, 0], options: [], run: (show, options) => show.showPeers(options) },
  peer: {
    usage: 'show peer PEER',
    takes: [1, 1],
    options: [],
    run: (show, options, peer) => show.showPeer(options, peer),
  },
  routes: {
    usage: 'show routes [PREFIX]',
    takes: [0, 1],
    options: [...WHICH, 'source', ...PAGES],
    run: (show, options, prefix) => show.showRoutes(options, prefix === '' ? null : prefix),
  },
  received: {
    usage: 'show received PEER [PREFIX]',
    takes: [1, 2],
    options: OF_PEER,
    run: (show, options, peer, prefix) => show.showReceived(options, peer, prefix),
  },
  accepted: {
    usage: 'show accepted PEER [PREFIX]',
    takes: [1, 2],
    options: OF_PEER,
    run: (show, options, peer, prefix) => show.showAccepted(options, peer, prefix),
  },
  advertised: {
    usage: 'show advertised PEER [PREFIX]',
    takes: [1, 2],
    options: [...OF_PEER, 'source'],
    run: (show, options, peer, prefix) => show.showAdvertised(options, peer, prefix),
  },
  kernel: { usage: 'show kernel', takes: [0, 0], options: [], run: (show, options) => show.showKernel(options) },
  'next-hops': {
    usage: 'show next-hops',
    takes: [0, 0],
    options: [],
    run: (show, options) => show.showNextHops(options),
  },
  interfaces: {
    usage: 'show interfaces',
    takes: [0, 0],
    options: [],
    run: (show, options) => show.showInterfaces(options),
  },
  policies: { usage: 'show policies', takes: [0, 0], options: [], run: (show, options) => show.showPolicies(options) },
  'update-groups': {
    usage: 'show update-groups',
    takes: [0, 0],
    options: [],
    run: (show, options) => show.showUpdateGroups(options),
  },
  originated: {
    usage: 'show originated',
    takes: [0, 0],
    options: [],
    run: (show, options) => show.showOriginated(options),
  },
  bfd: { usage: 'show bfd', takes: [0, 0], options: [], run: (show, options) => show.showBfd(options) },
};

function socketOf({ socket }: AskValues): string {
  return socket ?? DEFAULT_CONTROL_SOCKET;
}

/** The query that the options say; one that the command does not know would be ignored, so it is refused. */
function queryOf(values: AskValues, known: readonly Parameter[], command: string): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of Object.keys(PARAMETERS) as Parameter[]) {
    const value = values[name];
    if (value === undefined) continue;
    if (!known.includes(name)) throw new UsageError(`--${name} is not an option of ${command}`);
    const texts = Array.isArray(value) ? value : [String(value)];
    if (texts.length > 1) throw new UsageError(`--${name} is given twice`);
    query.set(PARAMETERS[name], texts[0]);
  }
  return query;
}

const list = (words: readonly string[]): string => `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;

async function show(values: AskValues, positionals: readonly string[]): Promise<void> {
  const [, what, subject = '', prefix = null] = positionals;
  const command = Object.hasOwn(SHOW, what ?? '') ? SHOW[what] : undefined;
  if (command === undefined) {
    throw new UsageError(
      `wanted: peregrine show ${list(Object.keys(SHOW))}${what === undefined ? '' : `, not ${what}`}`,
    );
  }
  const [least, most] = command.takes;
  const given = positionals.length - 2;
  if (given < least || given > most) throw new UsageError(`wanted: peregrine ${command.usage}`);
  const query = queryOf(values, command.options, `show ${what}`);
  if (what === 'routes' && subject === '' && values.longest) throw new UsageError('--longest needs a PREFIX');
  const module = { ...(await import('./show.ts')), ...(await import('./show-more.ts')) };
  await watching(values.watch ?? false, (write) =>
    command.run(module, { socketPath: socketOf(values), json: values.json ?? false, query, write }, subject, prefix),
  );
}

const EXPLAIN: Readonly<Record<string, { readonly usage: string; readonly takes: number }>> = {
  route: { usage: 'explain route PREFIX', takes: 1 },
  advertised: { usage: 'explain advertised PREFIX PEER', takes: 2 },
  kernel: { usage: 'explain kernel PREFIX', takes: 1 },
  peer: { usage: 'explain peer PEER', takes: 1 },
};

async function explain(values: AskValues, positionals: readonly string[]): Promise<void> {
  const [, what = '', subject = '', peer = ''] = positionals;
  if (!Object.hasOwn(EXPLAIN, what)) {
    const instead = what === '' ? '' : `, not ${what}`;
    throw new UsageError(`wanted: peregrine explain ${list(Object.keys(EXPLAIN))}${instead}`);
  }
  only(positionals, EXPLAIN[what].takes + 2, EXPLAIN[what].usage);
  const prefix = `prefix=${encodeURIComponent(subject)}`;
  await watching(values.watch ?? false, (write) => {
    const options = { socketPath: socketOf(values), json: values.json ?? false, write };
    if (what === 'route') {
      return explaining.explain(options, `/v1/explain/route?${prefix}`, explaining.formatRouteExplanation);
    }
    if (what === 'advertised') {
      const path = `/v1/explain/advertised/${encodeURIComponent(peer)}?${prefix}`;
      return explaining.explain(options, path, explaining.formatAdvertisedExplanation);
    }
    if (what === 'kernel') {
      return explaining.explain(options, `/v1/explain/kernel?${prefix}`, explaining.formatKernelExplanation);
    }
    const path = `/v1/explain/peer/${encodeURIComponent(subject)}`;
    return explaining.explain(options, path, explaining.formatPeerExplanation);
  });
}

async function events(values: AskValues, positionals: readonly string[]): Promise<void> {
  if (positionals.length > 2) only(positionals, 2, 'events [PREFIX]');
  const query = queryOf(values, [...WHICH, 'source', 'kinds', 'peer', 'initial'], 'events');
  if (positionals.length === 2) {
    query.set('prefix', positionals[1]);
    if (values.kinds === undefined) query.set('kinds', 'route');
  }
  const { followEvents } = await import('./events.ts');
  await followEvents(socketOf(values), query, values.json ?? false, (text) => void process.stdout.write(text));
}

function ownerOf({ owner }: AskValues): string {
  if (owner === undefined || owner === '') throw new UsageError('--owner NAME is needed: who asks for the prefix');
  return encodeURIComponent(owner);
}

async function originate(values: AskValues, positionals: readonly string[]): Promise<void> {
  only(positionals, 2, 'originate PREFIX --owner NAME');
  const { lease, community, service } = values;
  if (lease !== undefined && !/^\d+$/.test(lease)) throw new UsageError(`--lease ${lease}: wanted seconds`);
  const body = {
    prefix: positionals[1],
    ...(community === undefined ? {} : { communities: community }),
    ...(lease === undefined ? {} : { leaseSeconds: Number(lease) }),
    ...(service === undefined ? {} : { service }),
  };
  const path = `/v1/originated/${ownerOf(values)}`;
  const view = await fetchOne<View<'Originated'>>(socketOf(values), path, 'PUT', body);
  const until = view.expiresAt === null ? 'until it is withdrawn' : `until ${view.expiresAt}, unless it is renewed`;
  const text = view.inForce
    ? `${view.prefix} is originated for ${view.owner} ${until}`
    : `${view.prefix} waits: the configuration originates it`;
  process.stdout.write(values.json ? `${JSON.stringify(view)}\n` : `${text}\n`);
}

async function withdraw(values: AskValues, positionals: readonly string[]): Promise<void> {
  if (positionals.length > 2) only(positionals, 2, 'withdraw [PREFIX] --owner NAME');
  const query = positionals.length === 2 ? `?prefix=${encodeURIComponent(positionals[1])}` : '';
  await act(socketOf(values), `/v1/originated/${ownerOf(values)}${query}`, values.json ?? false, 'DELETE');
}

async function peer(values: AskValues, positionals: readonly string[]): Promise<void> {
  const actions = [...Object.keys(PEER_ACTIONS), 'log-level LEVEL'];
  const [, name = '', action = '', level = ''] = positionals;
  const path = `/v1/peers/${encodeURIComponent(name)}/${encodeURIComponent(action)}`;
  if (action === 'log-level') {
    only(positionals, 4, 'peer PEER log-level debug|info|warn|error|default');
    return act(socketOf(values), path, values.json ?? false, 'PUT', { level: level === 'default' ? null : level });
  }
  only(positionals, 3, `peer PEER ${actions.join('|')}`);
  if (!Object.hasOwn(PEER_ACTIONS, action)) {
    throw Object.assign(new Error(`no action "${action}"; wanted ${list(actions)}`), { status: 400 });
  }
  return act(socketOf(values), path, values.json ?? false);
}

const COMMANDS = { show, explain, events, originate, withdraw, peer };
export type AskCommand = keyof typeof COMMANDS;

export async function ask(command: AskCommand, values: AskValues, positionals: readonly string[]): Promise<number> {
  await COMMANDS[command](values, positionals);
  return 0;
}
