/** Commands that ask a running daemon: their options as parameters and bodies of the API. */

import { DEFAULT_CONTROL_SOCKET, type View } from '../api/schema.ts';
import { act, fetchLines, fetchOne } from './client.ts';
import type { Call, Values } from './command.ts';
import type { ShowOptions } from './show.ts';
import { UsageError } from './usage-error.ts';
import { watching } from './watch.ts';

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

type Shows = typeof import('./show.ts') & typeof import('./show-more.ts');

function socketOf({ socket }: Values): string {
  return socket ?? DEFAULT_CONTROL_SOCKET;
}

/** The query that the options say. */
function queryOf(values: Values): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of Object.keys(PARAMETERS) as Parameter[]) {
    const value = values[name];
    if (value === undefined) continue;
    const texts = Array.isArray(value) ? value : [String(value)];
    if (texts.length > 1) throw new UsageError(`--${name} is given twice`);
    query.set(PARAMETERS[name], texts[0]);
  }
  return query;
}

export async function askToShow(
  { values, args }: Call,
  run: (shows: Shows, options: ShowOptions, ...args: string[]) => Promise<void>,
): Promise<number> {
  const query = queryOf(values);
  // The API cannot tell this from a table as a whole.
  if (values.longest && args.length === 0) throw new UsageError('--longest needs a PREFIX');
  const json = values.json ?? false;
  const module = { ...(await import('./show.ts')), ...(await import('./show-more.ts')) };
  await watching(values.watch ?? false, (write) =>
    run(module, { socketPath: socketOf(values), json, query, write, policies: values.policies ?? false }, ...args),
  );
  return 0;
}

type Explain = typeof import('./explain.ts');

export async function askToExplain(
  { values, args: [first, second = ''] }: Call,
  run: (
    explaining: Explain,
    options: Parameters<Explain['explain']>[0],
    first: string,
    second: string,
  ) => Promise<void>,
): Promise<number> {
  const explaining = await import('./explain.ts');
  await watching(values.watch ?? false, (write) =>
    run(explaining, { socketPath: socketOf(values), json: values.json ?? false, write }, first, second),
  );
  return 0;
}

export async function events({ values, args }: Call): Promise<number> {
  const query = queryOf(values);
  if (args.length > 0) {
    query.set('prefix', args[0]);
    if (values.kinds === undefined) query.set('kinds', 'route');
  }
  const { followEvents } = await import('./events.ts');
  await followEvents(socketOf(values), query, values.json ?? false, (text) => void process.stdout.write(text));
  return 0;
}

function ownerOf({ owner }: Values): string {
  if (owner === undefined || owner === '') throw new UsageError('--owner NAME is needed: who asks for the prefix');
  return encodeURIComponent(owner);
}

export async function originate({ values, args }: Call): Promise<number> {
  const { lease, community, service } = values;
  if (lease !== undefined && !/^\d+$/.test(lease)) throw new UsageError(`--lease ${lease}: wanted seconds`);
  const body = {
    prefix: args[0],
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
  return 0;
}

export async function withdraw({ values, args }: Call): Promise<number> {
  const query = args.length > 0 ? `?prefix=${encodeURIComponent(args[0])}` : '';
  await act(socketOf(values), `/v1/originated/${ownerOf(values)}${query}`, values.json ?? false, 'DELETE');
  return 0;
}

export async function peerLogLevel({ values, args: [peer, level] }: Call): Promise<number> {
  const path = `/v1/peers/${encodeURIComponent(peer)}/log-level`;
  await act(socketOf(values), path, values.json ?? false, 'PUT', { level: level === 'default' ? null : level });
  return 0;
}

export async function askToAct({ values }: Call, path: string, body: object | undefined): Promise<number> {
  await act(socketOf(values), path, values.json ?? false, 'POST', body);
  return 0;
}

export function drain(call: Call): Promise<number> {
  const { 'close-after': closeAfter, reason, text } = call.values;
  if (closeAfter !== undefined && closeAfter !== 'never' && !/^\d{1,5}$/.test(closeAfter)) {
    throw new UsageError(`--close-after ${closeAfter}: wanted seconds, or never`);
  }
  return askToAct(call, '/v1/drain', {
    ...(closeAfter === undefined ? {} : { closeAfterSeconds: closeAfter === 'never' ? null : Number(closeAfter) }),
    ...(reason === undefined ? {} : { reason }),
    ...(text === undefined ? {} : { text }),
  });
}

export async function get({ values, args: [path] }: Call): Promise<number> {
  if (!path.startsWith('/')) throw new UsageError(`${path}: wanted a path such as /v1/status or /metrics`);
  for await (const line of fetchLines(socketOf(values), path)) process.stdout.write(`${line}\n`);
  return 0;
}

export async function askProbe(values: Values, what: 'ready' | 'live'): Promise<number> {
  const { probe } = await import('./probe.ts');
  return probe(socketOf(values), what, values.peers ?? null, values.json ?? false);
}
