/**
 * The commands of the control socket: reads a line and says what is answered. Keywords are whole and lower case; whatever
 * is not understood is answered with 9001, what may not be done in a restricted session with 8007.
 */

import type { Speaker } from '../speaker/speaker.ts';
import type { AnswerTurns } from './answer-turns.ts';
import { BFD_PROTOCOL, bfdLines, hasBfd } from './bfd.ts';
import type { Dialect } from './dialect.ts';
import type { EchoClass, EchoLog } from './echo-log.ts';
import { type Answer, type Line, line, lines, OK, only } from './framing.ts';
import { act, type ProtocolAction } from './protocol-actions.ts';
import { protocolDetails } from './protocol-details.ts';
import { type Protocol, protocolRow, protocolsHeading, protocolsOf } from './protocols.ts';
import { DEFAULT_UNDO_SECONDS, type Reconfiguration } from './reconfiguration.ts';
import { recoveryOf } from './recovery.ts';
import { routeList } from './route-list.ts';
import { parseRouteQuery } from './route-query.ts';
import { interfaceLines, interfaceSummaryLines, memoryLines, staticLines, statusLines, symbolLines } from './status.ts';
import { CommandError, TokenReader, tokenize } from './tokens.ts';
import { matchesPattern } from './where.ts';

/** What one client has set for itself. */
export interface ClientState {
  isRestricted: boolean;
  echo: ReadonlySet<EchoClass>;
}

export interface CommandContext {
  readonly speaker: Speaker;
  readonly dialect: Dialect;
  readonly reconfiguration: Reconfiguration;
  readonly echoLog: EchoLog;
  /** Shared by all sockets of the daemon. */
  readonly turns: AnswerTurns;
}

const CHANGING = ['configure', 'enable', 'disable', 'restart', 'reload', 'debug', 'dump', 'down'];
const DUMPS = ['resources', 'sockets', 'events', 'interfaces', 'neighbors', 'attributes', 'routes', 'protocols'];
const DEBUG_CLASSES = ['states', 'routes', 'filters', 'interfaces', 'events', 'packets'];
const ECHO_CLASSES: Readonly<Record<string, EchoClass>> = {
  debug: 'debug',
  trace: 'debug',
  info: 'info',
  remote: 'info',
  warning: 'warn',
  error: 'error',
  auth: 'error',
  fatal: 'error',
  bug: 'error',
};
/** Protocols between two turns for others. */
const PROTOCOLS_PER_TURN = 20;

/** What is answered to a line. Throws CommandError for a line that is not understood. */
export function execute(context: CommandContext, client: ClientState, text: string): Answer {
  const reader = new TokenReader(tokenize(text));
  const first = reader.next();
  if (first.kind !== 'word') throw new CommandError();
  if (client.isRestricted && CHANGING.includes(first.text)) return only(line(8007, 'Access denied'));
  switch (first.text) {
    case 'show':
      return show(context, reader);
    case 'configure':
      return configure(context, reader);
    case 'enable':
    case 'disable':
    case 'restart':
      return changeProtocols(context, reader, first.text);
    case 'reload': {
      const action = reader.accept('in') ? 'reload in' : reader.accept('out') ? 'reload out' : 'reload';
      return changeProtocols(context, reader, action);
    }
    case 'restrict':
      reader.end();
      client.isRestricted = true;
      return only(line(16, 'Access restricted'));
    case 'echo':
      return echo(client, reader);
    case 'debug':
      return debug(context, reader);
    case 'dump':
      if (reader.peek() !== null && !DUMPS.includes(reader.next().text)) throw new CommandError();
      reader.end();
      context.reconfiguration.control.dump();
      return only(OK);
    case 'down':
      reader.end();
      context.reconfiguration.control.shutdown();
      return only(line(7, 'Shutdown requested'));
    default:
      throw new CommandError();
  }
}

function show({ speaker, dialect }: CommandContext, reader: TokenReader): Answer {
  const what = reader.next().text;
  switch (what) {
    case 'status':
      reader.end();
      return lines(statusLines(speaker, dialect), line(13, 'Daemon is up and running'));
    case 'protocols':
      return showProtocols(speaker, dialect, reader);
    case 'route':
      return routeList(speaker, dialect, parseRouteQuery(speaker, dialect, reader));
    case 'interfaces': {
      const isSummary = reader.accept('summary');
      reader.end();
      return lines(isSummary ? interfaceSummaryLines(speaker, dialect) : interfaceLines(speaker, dialect));
    }
    case 'memory':
      reader.end();
      return lines(memoryLines(speaker));
    case 'static': {
      const name = reader.peek() === null ? null : reader.next().text;
      reader.end();
      if (name !== null && !/^static[12]$/.test(name)) throw new CommandError(`${name} is not a static protocol`, 9002);
      return lines(staticLines(speaker, dialect));
    }
    case 'symbols': {
      const filter = reader.peek() === null ? null : reader.next().text;
      reader.end();
      return lines(symbolLines(speaker, dialect, filter));
    }
    case 'roa':
      if (dialect.name !== '1.6') throw new CommandError();
      return only(OK);
    case 'bfd':
      reader.expect('sessions');
      return bfdSessions(speaker, dialect, reader);
    default:
      throw new CommandError();
  }
}

function bfdSessions(speaker: Speaker, dialect: Dialect, reader: TokenReader): Answer {
  const name = reader.peek() === null ? BFD_PROTOCOL : reader.next().text;
  reader.end();
  if (!hasBfd(speaker, dialect)) return only(line(9001, 'There is no BFD protocol running'));
  if (name !== BFD_PROTOCOL) throw new CommandError(`${name} is not a BFD protocol`, 9002);
  return lines(bfdLines(speaker, dialect));
}

/** One name, a "pattern", `all`; null: nothing was said. */
function selection({ speaker, dialect }: CommandContext, reader: TokenReader): Protocol[] | null {
  const token = reader.peek();
  if (token === null) return null;
  reader.next();
  const all = protocolsOf(speaker, dialect);
  if (token.kind === 'word' && token.text === 'all') return all;
  if (token.kind === 'string') {
    const found = all.filter(({ name }) => matchesPattern(token.text, name));
    if (found.length === 0) throw new CommandError('No protocols match', 8003);
    return found;
  }
  if (token.kind !== 'word') throw new CommandError();
  // `Mesh*` without quotes.
  if (['*', '?'].includes(reader.peek()?.text ?? '')) throw new CommandError();
  const found = all.find(({ name }) => name === token.text);
  if (found === undefined) throw new CommandError(`${token.text} is not a protocol`, 9002);
  return [found];
}

function showProtocols(speaker: Speaker, dialect: Dialect, reader: TokenReader): Answer {
  let isVerbose = reader.accept('all');
  const context = { speaker, dialect } as CommandContext;
  const chosen = selection(context, reader) ?? protocolsOf(speaker, dialect);
  // `show protocols NAME all` is what people type.
  if (reader.accept('all')) isVerbose = true;
  reader.end();
  return protocolList(speaker, dialect, chosen, isVerbose);
}

function* protocolList(
  speaker: Speaker,
  dialect: Dialect,
  protocols: readonly Protocol[],
  isVerbose: boolean,
): Generator<Line | undefined, Line> {
  yield line(2002, protocolsHeading(dialect));
  const nowWallMs = speaker.clock.wallMs();
  const recovery = isVerbose ? recoveryOf(speaker, dialect.families) : null;
  for (const [index, protocol] of protocols.entries()) {
    if (index % PROTOCOLS_PER_TURN === PROTOCOLS_PER_TURN - 1) yield undefined;
    yield line(1002, protocolRow(dialect, protocol, nowWallMs));
    if (isVerbose) for (const text of protocolDetails(speaker, dialect, protocol, recovery)) yield line(1006, text);
  }
  return OK;
}

function changeProtocols(context: CommandContext, reader: TokenReader, action: ProtocolAction): Answer {
  const chosen = selection(context, reader);
  if (chosen === null) throw new CommandError('syntax error, unexpected end of line');
  const isMessage = reader.accept('message');
  const message = reader.acceptKind('string')?.text ?? null;
  if (isMessage && message === null) throw new CommandError();
  reader.end();
  return lines(chosen.flatMap((protocol) => act(context.speaker, protocol, action, message)));
}

function seconds(reader: TokenReader): number {
  const token = reader.acceptKind('number');
  return token === null ? DEFAULT_UNDO_SECONDS : Number(token.text);
}

function configure({ reconfiguration }: CommandContext, reader: TokenReader): Answer {
  const { control } = reconfiguration;
  const reading = line(2, `Reading configuration from ${control.configurationName}`);
  if (reader.accept('check')) {
    otherFile(reader, control.configurationName);
    reader.end();
    return check(reconfiguration, reading);
  }
  if (reader.accept('undo')) {
    reader.end();
    return undo(reconfiguration);
  }
  if (reader.accept('confirm')) {
    reader.end();
    return only(reconfiguration.confirm() ? line(18, 'Reconfiguration confirmed') : line(19, 'Nothing to do'));
  }
  // Reconfiguration is always soft: what can be changed without a reset is.
  reader.accept('soft');
  otherFile(reader, control.configurationName);
  const timeoutSeconds = reader.accept('timeout') ? seconds(reader) : null;
  reader.end();
  return reconfigure(reconfiguration, reading, timeoutSeconds);
}

/** `configure "FILE"` would read another file from then on; only the one that the daemon was started with is known. */
function otherFile(reader: TokenReader, known: string): void {
  const file = reader.acceptKind('string');
  if (file !== null && file.text !== known) {
    throw new CommandError(`${file.text}: only ${known} can be read, start the daemon with another file`, 8002);
  }
}

async function* check(reconfiguration: Reconfiguration, reading: Line): Answer {
  yield reading;
  const problems = await reconfiguration.control.check();
  return problems.length === 0 ? line(20, 'Configuration OK') : yield* refused(problems);
}

function* refused(problems: readonly string[]): Generator<Line, Line> {
  for (const problem of problems.slice(0, -1)) yield line(8002, problem);
  return line(8002, problems.at(-1) ?? '');
}

async function* reconfigure(reconfiguration: Reconfiguration, reading: Line, timeoutSeconds: number | null): Answer {
  yield reading;
  if (reconfiguration.isBusy) return line(5, 'Reconfiguration already in progress, queueing new config');
  const problems = await reconfiguration.configure(timeoutSeconds);
  if (problems.length > 0) return yield* refused(problems);
  if (timeoutSeconds !== null) yield line(22, `Undo scheduled in ${timeoutSeconds} s`);
  return line(3, 'Reconfigured');
}

async function* undo(reconfiguration: Reconfiguration): Answer {
  yield line(21, 'Undo requested');
  return (await reconfiguration.undo()) ? line(3, 'Reconfigured') : line(19, 'Nothing to do');
}

/** Words in braces or a single one, of those that are known. */
function classes(reader: TokenReader, known: readonly string[]): string[] {
  const found: string[] = [];
  const take = (): void => {
    const { text } = reader.next();
    if (!known.includes(text)) throw new CommandError();
    found.push(text);
  };
  if (reader.accept('{')) {
    while (!reader.accept('}')) {
      take();
      reader.accept(',');
      reader.accept('|');
    }
  } else take();
  return found;
}

function echo(client: ClientState, reader: TokenReader): Answer {
  const chosen = classes(reader, ['all', 'off', ...Object.keys(ECHO_CLASSES)]);
  // A size of the buffer may follow; ours is bounded once for all.
  reader.acceptKind('number');
  reader.end();
  const isAll = chosen.includes('all');
  client.echo = new Set(
    isAll
      ? ['debug', 'info', 'warn', 'error']
      : chosen.filter((name) => name !== 'off').map((name) => ECHO_CLASSES[name]),
  );
  return only(OK);
}

/** What is logged of the protocols' peers; the classes make no difference. */
function debug(context: CommandContext, reader: TokenReader): Answer {
  const chosen = selection(context, reader);
  if (chosen === null) throw new CommandError('syntax error, unexpected end of line');
  const wanted = classes(reader, ['all', 'off', ...DEBUG_CLASSES]);
  reader.end();
  const names = chosen.map(({ name }) => name);
  context.echoLog.setDebugged(names, !wanted.includes('off'));
  return only(OK);
}
