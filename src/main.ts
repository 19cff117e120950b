/**
 * The command line: decides which mode runs and loads only the code of that mode. Usage errors end with status 2 and
 * say what was wanted; everything else is in cli/ and daemon.ts.
 */

import module from 'node:module';
import { parseArgs } from 'node:util';
import { DATASTORE_FORMS, type DatastoreSpec, datastoreSpecOf, parseDatastoreSpec } from '../confd/datastore/open.ts';
import { DEFAULT_CONTROL_SOCKET } from './api/schema.ts';
import type { TcpOptions } from './api/tcp-options.ts';
import type { PlanSide } from './cli/plan.ts';
import { only, UsageError } from './cli/usage-error.ts';
import type { LauncherHooks } from './daemon.ts';
import type { LogLevel } from './log/log.ts';
import type { MonitorSettings } from './monitor/settings.ts';
import { VERSION } from './version.ts';

// Compiled code is kept between starts where Node can do that (22.1 and newer).
(module as { enableCompileCache?: () => unknown }).enableCompileCache?.();

const OPTIONS = {
  config: { type: 'string' },
  'bird-config': { type: 'string' },
  'bird6-config': { type: 'string' },
  node: { type: 'string' },
  datastore: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  socket: { type: 'string' },
  json: { type: 'boolean' },
  longest: { type: 'boolean' },
  policies: { type: 'boolean' },
  family: { type: 'string' },
  'log-level': { type: 'string' },
  'router-id': { type: 'string' },
  kernel: { type: 'string' },
  'socket-group': { type: 'string' },
  'api-listen': { type: 'string' },
  'api-tls-certificate': { type: 'string' },
  'api-tls-key': { type: 'string' },
  'api-token-file': { type: 'string' },
  'api-read-token-file': { type: 'string' },
  'on-sigterm': { type: 'string' },
  'bird-socket': { type: 'string' },
  'bird6-socket': { type: 'string' },
  'bird-dialect': { type: 'string' },
  'bird-timeformat': { type: 'string' },
  'state-file': { type: 'string' },
  'monitor-listen': { type: 'string' },
  peers: { type: 'string' },
  'close-after': { type: 'string' },
  reason: { type: 'string' },
  text: { type: 'string' },
  watch: { type: 'boolean' },
  match: { type: 'string' },
  source: { type: 'string' },
  community: { type: 'string', multiple: true },
  as: { type: 'string' },
  'origin-as': { type: 'string' },
  limit: { type: 'string' },
  cursor: { type: 'string' },
  kinds: { type: 'string' },
  peer: { type: 'string' },
  initial: { type: 'boolean' },
  owner: { type: 'string' },
  lease: { type: 'string' },
  service: { type: 'boolean' },
  version: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Where the API listens; each has a variable of the same name, PEREGRINE_API_LISTEN and so on. */
const API_OPTIONS = [
  'socket-group',
  'api-listen',
  'api-tls-certificate',
  'api-tls-key',
  'api-token-file',
  'api-read-token-file',
] as const;

/** Which routes; each is a parameter of the API (docs/control-api.md). */
const FILTER_OPTIONS = ['family', 'match', 'source', 'community', 'as', 'origin-as'] as const;

/** Options that each command knows; --help and --version hold everywhere. */
const COMMAND_OPTIONS: Readonly<Record<string, readonly (keyof typeof OPTIONS)[]>> = {
  run: [
    'config',
    'bird-config',
    'bird6-config',
    'node',
    'datastore',
    'socket',
    'log-level',
    'router-id',
    'kernel',
    'on-sigterm',
    'state-file',
    'monitor-listen',
    'bird-socket',
    'bird6-socket',
    'bird-dialect',
    'bird-timeformat',
    ...API_OPTIONS,
  ],
  check: ['config', 'bird-config', 'bird6-config', 'policies', 'json'],
  derive: ['bird-config', 'bird6-config', 'node', 'datastore', 'router-id', 'policies', 'json'],
  plan: ['node', 'from', 'to', 'router-id', 'socket', 'json'],
  show: ['socket', 'json', 'watch', 'longest', ...FILTER_OPTIONS, 'limit', 'cursor'],
  explain: ['socket', 'json', 'watch'],
  events: ['socket', 'json', 'longest', ...FILTER_OPTIONS, 'kinds', 'peer', 'initial'],
  originate: ['socket', 'json', 'owner', 'lease', 'community', 'service'],
  withdraw: ['socket', 'json', 'owner'],
  peer: ['socket', 'json'],
  ready: ['socket', 'json', 'peers'],
  live: ['socket', 'json'],
  drain: ['socket', 'json', 'close-after', 'reason', 'text'],
  undrain: ['socket', 'json'],
  restart: ['socket', 'json'],
};

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    // Node's advice after the first sentence is about commands that take any word.
    throw new UsageError(error instanceof Error ? error.message.split('. ')[0] : String(error));
  }
}
type Parsed = ReturnType<typeof parse>;
type Values = Parsed['values'];

/** An option that a command does not know would be ignored, which is never what was meant. */
function checkOptions(command: string, values: Values): void {
  const known = COMMAND_OPTIONS[command];
  if (known === undefined) return;
  const foreign = (Object.keys(values) as (keyof Values)[]).filter((name) => !known.includes(name));
  if (foreign.length > 0) throw new UsageError(`--${foreign[0]} is not an option of ${command}`);
}

function logLevel(values: Values): LogLevel | null {
  const level = values['log-level'];
  if (level === undefined) return null;
  if (level === 'debug' || level === 'info' || level === 'warn' || level === 'error') return level;
  throw new UsageError(`--log-level ${level}: wanted debug, info, warn or error`);
}

function nodeName({ node }: Values): string {
  if (node === undefined || node === '') throw new UsageError('--node NAME is needed');
  return node;
}

/** The datastore that an option names; without `--datastore`, the one that Calico's variables name. */
function datastoreOf(values: Values, option: 'datastore' | 'from' | 'to'): DatastoreSpec {
  const value = values[option];
  if (value !== undefined) {
    const spec = parseDatastoreSpec(value);
    if (spec === null) throw new UsageError(`--${option} ${value}: wanted ${DATASTORE_FORMS}`);
    return spec;
  }
  const spec = option === 'datastore' ? datastoreSpecOf(process.env) : null;
  if (typeof spec === 'string') throw new UsageError(spec);
  if (spec === null) throw new UsageError(`--${option} is needed: ${DATASTORE_FORMS}`);
  return spec;
}

/** One side of a plan: a stand-alone file or a datastore. */
function planSide(values: Values, option: 'from' | 'to'): Exclude<PlanSide, { readonly kind: 'running' }> {
  const value = values[option];
  if (value?.startsWith('file:') && value !== 'file:') return { kind: 'file', path: value.slice('file:'.length) };
  if (value === undefined || parseDatastoreSpec(value) === null) {
    const running = option === 'from' ? 'running, ' : '';
    const what = value === undefined ? `--${option} is needed:` : `--${option} ${value}: wanted`;
    throw new UsageError(`${what} ${running}file:PATH, ${DATASTORE_FORMS}`);
  }
  return { kind: 'datastore', spec: datastoreOf(values, option) };
}

async function plan(values: Values, positionals: readonly string[]): Promise<number> {
  only(positionals, 1, 'plan --node NAME --from running|DATASTORE --to DATASTORE');
  const isRunning = values.from === 'running';
  if (values.socket !== undefined && !isRunning) throw new UsageError('--socket is for plan --from running only');
  const from = isRunning
    ? ({ kind: 'running', socketPath: values.socket ?? DEFAULT_CONTROL_SOCKET } as const)
    : planSide(values, 'from');
  const to = planSide(values, 'to');
  const needsNode = !isRunning && (from.kind === 'datastore' || to.kind === 'datastore');
  const node = needsNode || values.node !== undefined ? nodeName(values) : null;
  const { planChange } = await import('./cli/plan.ts');
  return planChange({ node, from, to, routerId: values['router-id'] ?? null, json: values.json ?? false });
}

/** What `--node` and `--datastore` name. */
function calicoSource(values: Values): { node: string; spec: DatastoreSpec } {
  return { node: nodeName(values), spec: datastoreOf(values, 'datastore') };
}

/** The files of BIRD that options name; null when they name none. */
function birdFiles(values: Values): { ipv4: string | null; ipv6: string | null } | null {
  const [ipv4, ipv6] = [values['bird-config'] ?? null, values['bird6-config'] ?? null];
  if (ipv4 === null && ipv6 === null) return null;
  for (const name of ['config', 'node', 'datastore', 'router-id'] as const) {
    if (values[name] !== undefined) throw new UsageError(`--bird-config and --${name} exclude each other`);
  }
  return { ipv4, ipv6 };
}

function kernelBackend(values: Values): 'netlink' | 'none' | null {
  const { kernel } = values;
  if (kernel === undefined || kernel === 'netlink' || kernel === 'none') return kernel ?? null;
  throw new UsageError(`--kernel ${kernel}: wanted netlink or none`);
}

/** Options before variables. */
async function monitor(values: Values): Promise<MonitorSettings> {
  const { monitorSettings } = await import('./monitor/settings.ts');
  const outcome = monitorSettings(values['monitor-listen'] ?? null, process.env);
  if (!outcome.ok) throw new UsageError(outcome.reason);
  return outcome.settings;
}

async function apiPlaces(values: Values): Promise<{ socketGroup: string | null; apiTcp: TcpOptions | null }> {
  const env = { ...process.env };
  for (const name of API_OPTIONS) {
    if (values[name] !== undefined) env[`PEREGRINE_${name.replaceAll('-', '_').toUpperCase()}`] = values[name];
  }
  const { refusedTcp, tcpOptionsOf } = await import('./api/tcp-options.ts');
  const apiTcp = tcpOptionsOf(env);
  if (typeof apiTcp === 'string') throw new UsageError(apiTcp);
  const refused = apiTcp === null ? null : refusedTcp(apiTcp);
  if (refused !== null) throw new UsageError(refused);
  return { socketGroup: env.PEREGRINE_SOCKET_GROUP || null, apiTcp };
}

/** By family: whether this process stands in for Calico's bird or bird6. */
function calicoFamilies(values: Values): [boolean, boolean] {
  if (values.config !== undefined) return [false, false];
  const [ipv4, ipv6] = [values['bird-config'] !== undefined, values['bird6-config'] !== undefined];
  return ipv4 || ipv6 ? [ipv4, ipv6] : [true, true];
}

async function run(
  values: Values,
  positionals: readonly string[],
  launcher: LauncherHooks | null = null,
): Promise<number> {
  only(positionals, 1, 'run --config FILE, run --bird-config FILE, or run --node NAME --datastore DATASTORE');
  const { restartSettings } = await import('./restart-settings.ts');
  const restart = restartSettings(values, process.env);
  if (typeof restart === 'string') throw new UsageError(restart);
  const { birdSocketSettings } = await import('./bird-socket/settings.ts');
  const given = {
    birdSocket: values['bird-socket'] ?? null,
    bird6Socket: values['bird6-socket'] ?? null,
    dialect: values['bird-dialect'] ?? null,
    timeStyle: values['bird-timeformat'] ?? null,
  };
  const birdSockets = birdSocketSettings(given, process.env, calicoFamilies(values));
  if ('problem' in birdSockets) throw new UsageError(birdSockets.problem);
  const common = {
    restart,
    birdSockets,
    launcher,
    socketPath: values.socket ?? null,
    logLevel: logLevel(values),
    routerId: values['router-id'] ?? null,
    kernelBackend: kernelBackend(values),
    monitor: await monitor(values),
    ...(await apiPlaces(values)),
  };
  const files = birdFiles(values);
  if (files !== null) {
    const { runDaemon } = await import('./daemon.ts');
    return runDaemon({ ...common, source: { kind: 'bird-config', files } });
  }
  if (values.config === undefined && values.node === undefined && values.datastore === undefined) {
    throw new UsageError('--config FILE is needed, or --bird-config FILE, or --node NAME and --datastore DATASTORE');
  }
  if (values.config !== undefined) {
    for (const name of ['node', 'datastore', 'router-id'] as const) {
      if (values[name] !== undefined) throw new UsageError(`--config and --${name} exclude each other`);
    }
    const { runDaemon } = await import('./daemon.ts');
    return runDaemon({ ...common, source: { kind: 'file', path: values.config } });
  }
  const { node, spec } = calicoSource(values);
  const { environmentLogLevel } = await import('./calico-environment.ts');
  const { runDaemon } = await import('./daemon.ts');
  const level = common.logLevel ?? environmentLogLevel(process.env);
  return runDaemon({ ...common, logLevel: level, source: { kind: 'datastore', node, spec } });
}

function drainBody(values: Values): object {
  const { 'close-after': closeAfter, reason, text } = values;
  if (closeAfter !== undefined && closeAfter !== 'never' && !/^\d{1,5}$/.test(closeAfter)) {
    throw new UsageError(`--close-after ${closeAfter}: wanted seconds, or never`);
  }
  return {
    ...(closeAfter === undefined ? {} : { closeAfterSeconds: closeAfter === 'never' ? null : Number(closeAfter) }),
    ...(reason === undefined ? {} : { reason }),
    ...(text === undefined ? {} : { text }),
  };
}

/** Has the daemon do something and prints what it says of it. */
async function act(values: Values, path: string, body?: object): Promise<number> {
  const { fetchOne } = await import('./cli/client.ts');
  const answer = await fetchOne<{ done: string }>(values.socket ?? DEFAULT_CONTROL_SOCKET, path, 'POST', body);
  process.stdout.write(values.json ? `${JSON.stringify(answer)}\n` : `${answer.done}\n`);
  return 0;
}

/** `bird` and `bird6`: the command line of BIRD's daemon. */
async function bird(name: 'bird' | 'bird6', argv: readonly string[]): Promise<number> {
  const { runLauncher } = await import('./bird-launcher/main.ts');
  return runLauncher(name, argv, async (words) => {
    const [{ createBirdLog }, { followSupervisor }] = await Promise.all([
      import('./bird-launcher/bird-log.ts'),
      import('./bird-launcher/supervisor.ts'),
    ]);
    const { values, positionals } = parse(words);
    const hooks = { createLog: createBirdLog, signalsReady: () => followSupervisor(process.env) };
    return run(values, positionals, hooks);
  });
}

async function main(argv: readonly string[]): Promise<number> {
  const [program, ...rest] = argv;
  if (program === 'bird' || program === 'bird6') return bird(program, rest);
  if (program === 'birdcl' || program === 'birdcl6') {
    const { birdcl } = await import('./birdcl/main.ts');
    return birdcl(program, rest);
  }
  const { values, positionals } = parse(argv);
  if (values.version) {
    process.stdout.write(`peregrine ${VERSION} (Node.js ${process.version})\n`);
    return 0;
  }
  const [command] = positionals;
  if (values.help || command === 'help') {
    const { USAGE } = await import('./cli/usage.ts');
    process.stdout.write(USAGE);
    return 0;
  }
  if (command !== undefined) checkOptions(command, values);
  switch (command) {
    case 'run':
      return run(values, positionals);
    case 'check': {
      only(positionals, 1, 'check --config FILE, or check --bird-config FILE');
      const files = birdFiles(values);
      const options = { json: values.json ?? false, policies: values.policies ?? false };
      if (files !== null) {
        const { checkBirdFiles } = await import('./cli/bird-config.ts');
        return checkBirdFiles(files, options);
      }
      if (values.config === undefined) throw new UsageError('--config FILE is needed, or --bird-config FILE');
      const { checkFile } = await import('./cli/offline.ts');
      return checkFile(values.config, options);
    }
    case 'derive': {
      only(positionals, 1, 'derive --node NAME --datastore DATASTORE, or derive --bird-config FILE');
      const files = birdFiles(values);
      if (files !== null) {
        const { deriveBirdFiles } = await import('./cli/bird-config.ts');
        return deriveBirdFiles(files, { json: values.json ?? false, policies: values.policies ?? false });
      }
      const { node, spec } = calicoSource(values);
      const { deriveOffline } = await import('./cli/offline.ts');
      return deriveOffline(node, spec, values['router-id'] ?? null, {
        json: values.json ?? false,
        policies: values.policies ?? false,
      });
    }
    case 'plan':
      return plan(values, positionals);
    case 'show':
    case 'explain':
    case 'events':
    case 'originate':
    case 'withdraw':
    case 'peer': {
      const { ask } = await import('./cli/ask.ts');
      return ask(command, values, positionals);
    }
    case 'ready':
    case 'live': {
      only(positionals, 1, command);
      const { probe } = await import('./cli/probe.ts');
      return probe(values.socket ?? DEFAULT_CONTROL_SOCKET, command, values.peers ?? null, values.json ?? false);
    }
    case 'drain':
    case 'undrain':
    case 'restart': {
      only(positionals, 1, command);
      const body = command === 'drain' ? drainBody(values) : {};
      return act(values, `/v1/${command}`, body);
    }
    default:
      throw new UsageError(command === undefined ? 'no command given' : `unknown command "${command}"`);
  }
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has gone away (`| head`) is not an error.
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`peregrine: cannot write the output: ${error.message}\n`);
  process.exit(1);
});

/** The command line or what it names is wrong, not the daemon: what a daemon refuses as a bad request counts too. */
function isUsageError(error: Error): boolean {
  return error instanceof UsageError || Reflect.get(error, 'status') === 400;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Error)) throw error;
  const hint = error instanceof UsageError ? 'Try: peregrine --help\n' : '';
  process.stderr.write(`peregrine: ${error.message}\n${hint}`);
  process.exitCode = isUsageError(error) ? 2 : 1;
}
