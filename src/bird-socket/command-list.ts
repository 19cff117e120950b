/**
 * The commands of the control socket as data: what birdcl completes, expands and explains. Words of the path are
 * keywords; options may follow in any order.
 */

export interface CommandEntry {
  /** Keywords, blanks between. */
  readonly path: string;
  /** What comes after, for help. */
  readonly args: string;
  readonly help: string;
  /** Keywords among the arguments, with what they mean. */
  readonly options?: Readonly<Record<string, string>>;
}

const PROTOCOLS = '<protocol> | "<pattern>" | all';

export const COMMANDS: readonly CommandEntry[] = [
  { path: 'show status', args: '', help: 'Show router status' },
  { path: 'show memory', args: '', help: 'Show memory usage' },
  {
    path: 'show protocols',
    args: '[<protocol> | "<pattern>"]',
    help: 'Show routing protocols',
    options: { all: 'Show protocol details' },
  },
  { path: 'show interfaces', args: '', help: 'Show network interfaces', options: { summary: 'Show only a summary' } },
  {
    path: 'show route',
    args: '[<prefix>|for <prefix>|for <ip>|in <prefix>] [table <t>] [where <cond>] [all] [primary] [filtered] [(export|preexport|noexport) <p>] [protocol <p>] [stats|count]',
    help: 'Show routing table',
    options: {
      for: 'Show the route that an address or prefix takes',
      in: 'Show routes inside a prefix',
      table: 'Show routes of a table',
      where: 'Show routes for which a condition holds',
      all: 'Show attributes of routes',
      primary: 'Show only the best routes',
      filtered: 'Show routes that the import filter refused',
      export: 'Show routes that are told to a protocol',
      preexport: 'Show routes before the export filter of a protocol',
      noexport: 'Show routes that the export filter of a protocol refuses',
      protocol: 'Show routes of a protocol',
      stats: 'Show routes and their number',
      count: 'Show the number of routes',
    },
  },
  { path: 'show static', args: '', help: 'Show static routes' },
  {
    path: 'show symbols',
    args: '[table|filter|protocol|<symbol>]',
    help: 'Show all known symbolic names',
    options: { table: 'Show tables', filter: 'Show filters', protocol: 'Show protocols' },
  },
  { path: 'show bfd sessions', args: '[<protocol>]', help: 'Show BFD sessions' },
  {
    path: 'configure',
    args: '[soft] ["<file>"] [timeout [<sec>]]',
    help: 'Reload configuration',
    options: { timeout: 'Undo after a time unless confirmed' },
  },
  { path: 'configure soft', args: '[timeout [<sec>]]', help: 'Reload configuration, filters without restarts' },
  { path: 'configure check', args: '', help: 'Read the configuration and look for mistakes' },
  { path: 'configure undo', args: '', help: 'Go back to the configuration before' },
  { path: 'configure confirm', args: '', help: 'Keep the configuration that a timeout would undo' },
  { path: 'configure timeout', args: '[<sec>]', help: 'Reload configuration, undo after a time unless confirmed' },
  { path: 'enable', args: PROTOCOLS, help: 'Enable protocol' },
  { path: 'disable', args: `(${PROTOCOLS}) [message "text"]`, help: 'Disable protocol' },
  { path: 'restart', args: `(${PROTOCOLS}) [message "text"]`, help: 'Restart protocol' },
  { path: 'reload', args: PROTOCOLS, help: 'Ask for routes again and send them again' },
  { path: 'reload in', args: PROTOCOLS, help: 'Ask the peer to send its routes again' },
  { path: 'reload out', args: PROTOCOLS, help: 'Send all routes again' },
  {
    path: 'debug',
    args: `(${PROTOCOLS}) (all | off | { states | routes | filters | events | packets })`,
    help: 'Control debug messages',
  },
  { path: 'echo', args: '(all | off | { debug | info | warning | error })', help: 'Control echoing of log messages' },
  {
    path: 'dump',
    args: '[resources | sockets | interfaces | neighbors | attributes | routes | protocols]',
    help: 'Write what is known to the log',
  },
  { path: 'restrict', args: '', help: 'Restrict this session to commands that change nothing' },
  { path: 'down', args: '', help: 'Shut the daemon down' },
];

/** Words that only the client knows. */
export const CLIENT_COMMANDS: readonly CommandEntry[] = [
  { path: 'help', args: '', help: 'Show this help' },
  { path: 'quit', args: '', help: 'Leave' },
  { path: 'exit', args: '', help: 'Leave' },
];
