/**
 * Every option of the command line: how node:util parses it, what its value is called, what help says. Which command
 * knows which is in command-table.ts.
 */

export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in help; `FILE` is completed with files, `PEER` with the daemon's peers. */
  readonly value?: string;
  /** Values that completion offers. */
  readonly choices?: readonly string[];
  readonly text: string;
}

export const FAMILIES = ['ipv4-unicast', 'ipv6-unicast'] as const;
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export const OPTIONS = {
  config: { type: 'string', value: 'FILE', text: 'stand-alone YAML file (docs/stand-alone.md)' },
  'bird-config': { type: 'string', value: 'FILE', text: "bird.cfg as Calico's confd renders it (docs/bird-config.md)" },
  'bird6-config': { type: 'string', value: 'FILE', text: 'bird6.cfg, the same for IPv6' },
  node: { type: 'string', value: 'NAME', text: 'name of this Calico node' },
  datastore: {
    type: 'string',
    value: 'DATASTORE',
    choices: ['directory:', 'kubernetes', 'etcd'],
    text: 'directory:PATH, kubernetes, etcd or etcd:URL,...; without it as DATASTORE_TYPE and ETCD_ENDPOINTS say (docs/datastore-etcd.md, docs/datastore-kubernetes.md)',
  },
  from: {
    type: 'string',
    value: 'STATE',
    choices: ['running', 'file:', 'directory:', 'kubernetes', 'etcd'],
    text: 'what is in force: running, a DATASTORE, or file:PATH',
  },
  to: {
    type: 'string',
    value: 'STATE',
    choices: ['file:', 'directory:', 'kubernetes', 'etcd'],
    text: 'what is wanted: a DATASTORE, or file:PATH',
  },
  socket: { type: 'string', value: 'PATH', text: 'control socket (default /run/peregrine/peregrine.sock)' },
  json: { type: 'boolean', text: 'for programs: one JSON document, or one JSON value a line for lists' },
  watch: { type: 'boolean', text: 'again every two seconds, until Ctrl-C' },
  policies: { type: 'boolean', text: 'also every policy in words' },
  'log-level': { type: 'string', value: 'LEVEL', choices: LOG_LEVELS, text: 'debug, info, warn or error' },
  'router-id': { type: 'string', value: 'ID', text: 'dotted quad, or "hash" (as CALICO_ROUTER_ID); with --node' },
  kernel: {
    type: 'string',
    value: 'BACKEND',
    choices: ['netlink', 'none'],
    text: "netlink or none: neither read nor write the kernel's routes (every next hop counts as reachable)",
  },
  'socket-group': { type: 'string', value: 'GROUP', text: 'group that may use the control socket' },
  'api-listen': { type: 'string', value: 'ADDRESS:PORT', text: 'the API on TCP too (docs/control-api.md)' },
  'api-tls-certificate': { type: 'string', value: 'FILE', text: 'certificate of the API on TCP, PEM' },
  'api-tls-key': { type: 'string', value: 'FILE', text: 'its key, PEM' },
  'api-token-file': { type: 'string', value: 'FILE', text: 'tokens that may read and act, one a line' },
  'api-read-token-file': { type: 'string', value: 'FILE', text: 'tokens that may only read, one a line' },
  'api-page': { type: 'boolean', text: 'also a page for browsers there (docs/looking-glass.md)' },
  'on-sigterm': {
    type: 'string',
    value: 'WORD',
    choices: ['restart', 'shutdown', 'drain'],
    text: 'what SIGTERM does: restart (the default), shutdown or drain (PEREGRINE_ON_SIGTERM)',
  },
  'bird-socket': { type: 'string', value: 'PATH', text: "BIRD's control socket (docs/bird-socket.md), or none" },
  'bird6-socket': { type: 'string', value: 'PATH', text: 'the same for IPv6, or none' },
  'bird-dialect': { type: 'string', value: 'VERSION', choices: ['1.6', '2'], text: 'which BIRD these sound like' },
  'bird-timeformat': { type: 'string', value: 'WORD', choices: ['short', 'long'], text: 'how they tell the time' },
  'state-file': {
    type: 'string',
    value: 'PATH',
    text: 'restart file (default: beside the control socket; PEREGRINE_STATE_FILE), or none',
  },
  'monitor-listen': {
    type: 'string',
    value: '[ADDRESS:]PORT',
    text: 'also serve /metrics, /live and /ready there (docs/monitoring.md)',
  },
  'birdwatcher-listen': {
    type: 'string',
    value: '[ADDRESS:]PORT',
    text: "also serve birdwatcher's JSON for Alice-LG there (docs/alice-lg.md)",
  },
  peers: {
    type: 'string',
    value: 'POLICY',
    choices: ['any', 'external', 'all', 'none'],
    text: 'which sessions must be up: any, external, all or none',
  },
  'close-after': { type: 'string', value: 'SECONDS', text: 'when the sessions end, or never' },
  reason: { type: 'string', value: 'TEXT', text: 'why, for the log and show status' },
  text: { type: 'string', value: 'TEXT', text: 'what peers are told when the session ends (RFC 9003)' },
  family: { type: 'string', value: 'FAMILY', choices: FAMILIES, text: 'ipv4-unicast or ipv6-unicast' },
  match: {
    type: 'string',
    value: 'HOW',
    choices: ['exact', 'longest', 'shorter', 'longer'],
    text: 'how PREFIX is meant: itself, the longest that covers it, all that cover it, all inside it',
  },
  longest: { type: 'boolean', text: 'the same as --match longest' },
  source: { type: 'string', value: 'PEER', text: 'paths of that peer, or of static, kernel, direct' },
  community: {
    type: 'string',
    value: 'COMMUNITY',
    multiple: true,
    text: 'A:B, A:B:C, rt:A:B or a name as no-export; of originate one or more',
  },
  as: { type: 'string', value: 'NUMBER', text: 'paths with that AS anywhere in AS_PATH' },
  'origin-as': { type: 'string', value: 'NUMBER', text: 'paths that come from that AS' },
  limit: { type: 'string', value: 'N', text: 'a page of 1 to 10000; where it ended is named on stderr' },
  cursor: { type: 'string', value: 'C', text: 'where the page before ended' },
  kinds: {
    type: 'string',
    value: 'KIND,...',
    choices: ['peer', 'revision', 'kernel', 'route'],
    text: 'which events: peer, revision, kernel, route (without it all but route)',
  },
  peer: { type: 'string', value: 'PEER', text: 'peer events of this one only' },
  initial: { type: 'boolean', text: 'begin with the state as it is' },
  owner: { type: 'string', value: 'NAME', text: 'who asks for the prefix' },
  lease: { type: 'string', value: 'SECONDS', text: 'withdraw it when it is not asked for again in time' },
  service: { type: 'boolean', text: 'withdraw it while the speaker is drained' },
  output: {
    type: 'string',
    value: 'FILE',
    text: 'file to write (default: peregrine-NODE-TIME.dump.gz here); - for stdout',
  },
  version: { type: 'boolean', text: 'print the version' },
  help: { type: 'boolean', short: 'h', text: 'help on a command' },
} as const satisfies Readonly<Record<string, OptionSpec>>;

export type OptionName = keyof typeof OPTIONS;

/** Where the API listens; each has a variable of the same name, PEREGRINE_API_LISTEN and so on. */
export const API_OPTIONS = [
  'socket-group',
  'api-listen',
  'api-tls-certificate',
  'api-tls-key',
  'api-token-file',
  'api-read-token-file',
  'api-page',
] as const satisfies readonly OptionName[];

export const optionSpec = (name: OptionName): OptionSpec => OPTIONS[name];
