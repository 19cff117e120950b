/**
 * Every command: what parsing, `--help`, `help COMMAND`, completion and docs/commands.md are made of. A new command is an
 * entry here (and its options in option-table.ts); its code is loaded when it runs.
 */

import { PEER_ACTIONS } from '../api/peer-actions.ts';
import type { Call, Command, Values } from './command.ts';
import { API_OPTIONS, LOG_LEVELS, type OptionName } from './option-table.ts';
import type { ShowOptions } from './show.ts';

const WHICH = ['longest', 'family', 'match', 'community', 'as', 'origin-as'] as const satisfies readonly OptionName[];
const PAGES = ['limit', 'cursor'] as const satisfies readonly OptionName[];
const ASKING = ['socket', 'json'] as const satisfies readonly OptionName[];
const WATCHING = [...ASKING, 'watch'] as const satisfies readonly OptionName[];
const BIRD_FILES = ['bird-config', 'bird6-config'] as const satisfies readonly OptionName[];

const RUN = 'Run';
const BIRD = 'In the place of BIRD';
const ASK = 'Ask a running daemon';
const ACT = 'Have a running daemon act';
const TOOLS = 'Tools';
/** The order in which help shows them. */
export const GROUPS: readonly string[] = [RUN, BIRD, ASK, ACT, TOOLS];

type Shows = typeof import('./show.ts') & typeof import('./show-more.ts');

function show(
  usage: string,
  options: readonly OptionName[],
  summary: string,
  run: (shows: Shows, options: ShowOptions, ...args: string[]) => Promise<void>,
): Command {
  const ask = async (call: Call): Promise<number> => {
    const { askToShow } = await import('./ask.ts');
    return askToShow(call, run);
  };
  return { group: ASK, usage: `show ${usage}`, options: [...WATCHING, ...options], summary, run: ask };
}

type Explain = typeof import('./explain.ts');

function explain(
  usage: string,
  summary: string,
  run: (
    explaining: Explain,
    options: Parameters<Explain['explain']>[0],
    first: string,
    second: string,
  ) => Promise<void>,
): Command {
  const ask = async (call: Call): Promise<number> => {
    const { askToExplain } = await import('./ask.ts');
    return askToExplain(call, run);
  };
  return { group: ASK, usage: `explain ${usage}`, options: WATCHING, summary, run: ask };
}

const acts = (path: (args: readonly string[]) => string, body?: (values: Values) => object) => async (call: Call) => {
  const { askToAct } = await import('./ask.ts');
  return askToAct(call, path(call.args), body?.(call.values));
};

const prefixQuery = (prefix: string): string => `prefix=${encodeURIComponent(prefix)}`;

export const COMMANDS: readonly Command[] = [
  {
    group: RUN,
    usage: 'run',
    forms: [
      'run --config FILE',
      'run --node NAME --datastore DATASTORE',
      'run --bird-config FILE [--bird6-config FILE]',
    ],
    options: [
      'config',
      ...BIRD_FILES,
      'node',
      'datastore',
      'socket',
      'log-level',
      'router-id',
      'kernel',
      'on-sigterm',
      'state-file',
      'monitor-listen',
      'birdwatcher-listen',
      'bird-socket',
      'bird6-socket',
      'bird-dialect',
      'bird-timeformat',
      ...API_OPTIONS,
    ],
    summary: 'run the daemon: stand-alone, as a Calico node, or with the files of bird and bird6',
    details: `Environment with --node, as calico-node has it: CALICO_ROUTER_ID, NAMESPACE, USE_POD_CIDR, CALICO_K8S_NODE_REF,
CALICO_ADVERTISE_CLUSTER_IPS, CALICO_ENDPOINT_STATUS_PATH_PREFIX, BGP_LOGSEVERITYSCREEN. Our own:
PEREGRINE_FELIX_GENERATION (auto, 3.28 to 3.33: docs/felix-generation.md), PEREGRINE_MISSING_PASSWORD
(unauthenticated, withhold: docs/differences.md), PEREGRINE_NEXT_HOP_OBJECTS (off, auto:
docs/adr/0009-next-hop-objects.md), PEREGRINE_DRAIN_ON (cordon, taint:KEY: docs/maintenance.md).
PEREGRINE_RECORD_MESSAGES (off, or MiB: docs/support.md).
PEREGRINE_REHEARSAL=off keeps a daemon that writes kernel routes from warming up its code (0.3 s of processor time).

Signals of a running daemon: SIGHUP reads the configuration again, SIGUSR1 writes what is known to the log, SIGUSR2
drains, and the next one undrains. SIGTERM ends the process without telling the peers, so that graceful restart keeps
the routes (but see --on-sigterm). SIGINT (Ctrl-C) closes all sessions with Cease / Administrative Shutdown and ends it.
Kernel routes always stay.`,
    run: async ({ values }) => (await import('./run-command.ts')).run(values),
  },
  {
    group: RUN,
    usage: 'check',
    forms: ['check --config FILE', 'check --bird-config FILE [--bird6-config FILE]'],
    options: ['config', ...BIRD_FILES, 'policies', 'json'],
    summary: 'check a configuration, start nothing',
    run: async ({ values }) => (await import('./offline-commands.ts')).check(values),
  },
  {
    group: RUN,
    usage: 'derive',
    forms: ['derive --node NAME --datastore DATASTORE', 'derive --bird-config FILE [--bird6-config FILE]'],
    options: [...BIRD_FILES, 'node', 'datastore', 'router-id', 'policies', 'json'],
    summary: 'what this node would do, offline',
    run: async ({ values }) => (await import('./offline-commands.ts')).deriveState(values),
  },
  {
    group: RUN,
    usage: 'plan',
    forms: [
      'plan --from running --to DATASTORE',
      'plan --node NAME --from DATASTORE --to DATASTORE',
      'plan --from running --to file:PATH',
    ],
    options: ['node', 'from', 'to', 'router-id', 'socket', 'json'],
    summary:
      'what a change of configuration would do, step by step: hitless, soft (routes are evaluated anew) or reset, and why',
    run: async ({ values }) => (await import('./offline-commands.ts')).plan(values),
  },
  {
    group: RUN,
    usage: 'policy test FILE',
    forms: ['policy test FILE', 'policy test FILE --config FILE', 'policy test FILE --node NAME --datastore DATASTORE'],
    options: ['config', 'node', 'datastore', 'router-id', 'json'],
    summary: 'do policies do with these routes what is wanted (docs/policy-test.md)',
    run: async ({ values, args }) => (await import('./offline-commands.ts')).policyTest(values, args[0]),
  },
  {
    group: BIRD,
    usage: 'bird',
    forms: ['bird [-c FILE] [-s SOCKET] [-p]', 'bird6 [-c FILE] [-s SOCKET] [-p]'],
    options: [],
    summary: "BIRD's daemon by its command line (docs/bird-launcher.md)",
    // These come first and have command lines of their own: src/main.ts.
    run: () => Promise.resolve(0),
  },
  {
    group: BIRD,
    usage: 'birdcl',
    forms: ['birdcl [-s SOCKET] [-v] [-r] [COMMAND]'],
    options: [],
    summary: "BIRD's client (docs/bird-socket.md)",
    run: () => Promise.resolve(0),
  },
  show('status', [], 'one page: revision, peers, tables, kernel, memory, what was refused', (shows, options) =>
    shows.showStatus(options),
  ),
  show('peers', [], 'every session with its state and counters', (shows, options) => shows.showPeers(options)),
  show('peer PEER', [], 'one of them: timers, what both OPENs said', (shows, options, peer) =>
    shows.showPeer(options, peer),
  ),
  show(
    'routes [PREFIX]',
    [...WHICH, 'source', ...PAGES],
    'all paths: ">" best, "=" used beside it, "x" not eligible, and why; of one PREFIX or an address, every attribute',
    (shows, options, prefix) => shows.showRoutes(options, prefix ?? null),
  ),
  show(
    'received PEER [PREFIX]',
    [...WHICH, ...PAGES],
    'what a peer sent, before policy',
    (shows, options, peer, prefix) => shows.showReceived(options, peer, prefix ?? null),
  ),
  show(
    'accepted PEER [PREFIX]',
    [...WHICH, ...PAGES],
    'what is left of it after import policy',
    (shows, options, peer, prefix) => shows.showAccepted(options, peer, prefix ?? null),
  ),
  show(
    'advertised PEER [PREFIX]',
    [...WHICH, 'source', ...PAGES],
    'what a peer was told',
    (shows, options, peer, prefix) => shows.showAdvertised(options, peer, prefix ?? null),
  ),
  show('kernel', [], 'routes that were given to the kernel', (shows, options) => shows.showKernel(options)),
  show('next-hops', [], 'every next hop that some route names, and how it is reached', (shows, options) =>
    shows.showNextHops(options),
  ),
  show('interfaces', [], 'interfaces with their addresses', (shows, options) => shows.showInterfaces(options)),
  show('policies', [], 'every policy in words, and who has it', (shows, options) => shows.showPolicies(options)),
  show('update-groups', [], 'peers that are told the same', (shows, options) => shows.showUpdateGroups(options)),
  show('originated', [], 'what this speaker originates, and who asked for it', (shows, options) =>
    shows.showOriginated(options),
  ),
  show('bfd', [], 'BFD sessions: state, timers, last diagnostic', (shows, options) => shows.showBfd(options)),
  show('recent', [], 'the last lines of the log, also those that its level keeps out of it', (shows, options) =>
    shows.showRecent(options),
  ),
  show('messages', [], 'the last messages of peers, if PEREGRINE_RECORD_MESSAGES has them recorded', (shows, options) =>
    shows.showMessages(options),
  ),
  show('running', ['policies'], 'the configuration in force, as derive shows one', (shows, options) =>
    shows.showRunning(options),
  ),
  explain('route PREFIX', 'every candidate, and the step of the decision that decided', (explaining, options, prefix) =>
    explaining.explain(options, `/v1/explain/route?${prefixQuery(prefix)}`, explaining.formatRouteExplanation),
  ),
  explain(
    'advertised PREFIX PEER',
    'each rule of export that ran, and its verdict',
    (explaining, options, prefix, peer) => {
      const path = `/v1/explain/advertised/${encodeURIComponent(peer)}?${prefixQuery(prefix)}`;
      return explaining.explain(options, path, explaining.formatAdvertisedExplanation);
    },
  ),
  explain('kernel PREFIX', 'why it is in the kernel, or not', (explaining, options, prefix) =>
    explaining.explain(options, `/v1/explain/kernel?${prefixQuery(prefix)}`, explaining.formatKernelExplanation),
  ),
  explain(
    'peer PEER',
    'what a session waits for, what is likely to be wrong, what to do',
    (explaining, options, peer) =>
      explaining.explain(options, `/v1/explain/peer/${encodeURIComponent(peer)}`, explaining.formatPeerExplanation),
  ),
  {
    group: ASK,
    usage: 'events [PREFIX]',
    options: [...ASKING, ...WHICH, 'source', 'kinds', 'peer', 'initial'],
    summary: 'what changes, as it changes; with PREFIX its routes',
    run: async (call) => (await import('./ask.ts')).events(call),
  },
  {
    group: ASK,
    usage: 'top',
    options: ['socket'],
    summary: 'sessions, rates, event loop delay and memory on one screen, once a second',
    details: `Keys: q quits, p pauses, R reverses the order; sorted by n name, s state (what is down first), r received, a advertised,
i messages in, o messages out, t time in this state; arrows, Page Up and Page Down, Home and End scroll.`,
    run: async ({ values }) => (await import('./top.ts')).top(values),
  },
  {
    group: ASK,
    usage: 'get PATH',
    options: ['socket'],
    summary: 'what the API answers to GET PATH, as it is: /metrics, /openapi.json, /v1/... (docs/control-api.md)',
    choices: { PATH: ['/metrics', '/openapi.json', '/v1/'] },
    run: async (call) => (await import('./ask.ts')).get(call),
  },
  {
    group: ASK,
    usage: 'ready',
    options: [...ASKING, 'peers'],
    summary: 'exit status 0 when this node may be given traffic',
    run: async ({ values }) => (await import('./ask.ts')).askProbe(values, 'ready'),
  },
  {
    group: ASK,
    usage: 'live',
    options: ASKING,
    summary: 'exit status 0 when the daemon answers',
    run: async ({ values }) => (await import('./ask.ts')).askProbe(values, 'live'),
  },
  {
    group: ACT,
    usage: 'originate PREFIX',
    forms: ['originate PREFIX --owner NAME [--lease SECONDS] [--community C]... [--service]'],
    options: [...ASKING, 'owner', 'lease', 'community', 'service'],
    summary: 'originate a prefix until it is withdrawn, or not asked for again',
    run: async (call) => (await import('./ask.ts')).originate(call),
  },
  {
    group: ACT,
    usage: 'withdraw [PREFIX]',
    forms: ['withdraw [PREFIX] --owner NAME'],
    options: [...ASKING, 'owner'],
    summary: 'withdraw it, or all of that owner',
    run: async (call) => (await import('./ask.ts')).withdraw(call),
  },
  ...Object.entries(PEER_ACTIONS).map(
    ([action, summary]): Command => ({
      group: ACT,
      usage: `peer PEER ${action}`,
      options: ASKING,
      summary: `${summary[0].toLowerCase()}${summary.slice(1)}`,
      run: acts(([peer]) => `/v1/peers/${encodeURIComponent(peer)}/${action}`),
    }),
  ),
  {
    group: ACT,
    usage: 'peer PEER log-level LEVEL',
    options: ASKING,
    summary: 'how much is logged about a peer: debug, info, warn, error, or default',
    choices: { LEVEL: [...LOG_LEVELS, 'default'] },
    run: async (call) => (await import('./ask.ts')).peerLogLevel(call),
  },
  {
    group: ACT,
    usage: 'drain',
    options: [...ASKING, 'close-after', 'reason', 'text'],
    summary: 'have all peers prefer others, withdraw service addresses, then end the sessions (docs/maintenance.md)',
    run: async (call) => (await import('./ask.ts')).drain(call),
  },
  {
    group: ACT,
    usage: 'undrain',
    options: ASKING,
    summary: 'end the drain; sessions that it ended begin again',
    run: acts(
      () => '/v1/undrain',
      () => ({}),
    ),
  },
  {
    group: ACT,
    usage: 'restart',
    options: ASKING,
    summary: 'end the process without a word: peers keep our routes',
    run: acts(
      () => '/v1/restart',
      () => ({}),
    ),
  },
  {
    group: TOOLS,
    usage: 'support-dump',
    options: ['socket', 'output', 'json'],
    summary: 'configuration, state, routes and recent log lines of a running daemon in one file, secrets removed',
    details: 'The file is gzip of JSON lines: look at it with zless. docs/support.md says what is in it.',
    run: async (call) => (await import('./support.ts')).supportDump(call),
  },
  {
    group: TOOLS,
    usage: 'replay FILE',
    forms: ['replay FILE', 'replay FILE COMMAND', 'replay FILE --socket PATH'],
    options: ['socket', 'json'],
    summary: 'run a support dump again, here, without sessions and kernel: show, explain and get work on it',
    details: `peregrine replay dump.gz                          what it shows, in short
peregrine replay dump.gz show routes 10.0.0.0/8   any show, explain or get, with its options
peregrine replay dump.gz --socket /tmp/replay     stays there until Ctrl-C, for other commands with that --socket`,
    run: async (call) => (await import('./support.ts')).replay(call, null),
  },
  {
    group: TOOLS,
    usage: 'completion SHELL',
    options: [],
    summary: 'completion for bash, zsh or fish, on stdout',
    choices: { SHELL: ['bash', 'zsh', 'fish'] },
    details: `bash:  peregrine completion bash > /etc/bash_completion.d/peregrine
zsh:   peregrine completion zsh > "\${fpath[1]}/_peregrine"
fish:  peregrine completion fish > ~/.config/fish/completions/peregrine.fish

The scripts ask peregrine what may come next: commands and options are those of the version that is installed, names of
peers those of the running daemon.`,
    run: async ({ args: [shell] }) => (await import('./completion.ts')).writeCompletion(shell),
  },
  {
    group: TOOLS,
    usage: 'help [COMMAND]',
    options: [],
    summary: 'this page, or all about one command',
    // Takes any words: src/main.ts.
    run: () => Promise.resolve(0),
  },
];
