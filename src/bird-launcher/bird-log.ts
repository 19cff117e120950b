/**
 * Log lines as BIRD writes them with `-d`: `bird: ` (for bird6 too) and a line of text. What operators and their tools
 * look for keeps BIRD's words; everything else is said in ours.
 */

import type { DownKind } from '../../bgp/fsm/reason.ts';
import { notificationText } from '../bird-socket/error-text.ts';
import { boundedStderr } from '../log/bounded-output.ts';
import type { Log, LogLevel } from '../log/log.ts';

const RANKS: { readonly [L in LogLevel]: number } = { debug: 0, info: 1, warn: 2, error: 3 };

type Fields = Readonly<Record<string, unknown>>;

/** Why a session ended, in BIRD's words. */
function downText(fields: Fields, message: string): string {
  const { kind, code, subcode } = fields as { kind?: DownKind; code?: number | null; subcode?: number | null };
  const text = notificationText(code ?? 0, subcode ?? 0);
  if (kind === 'notification-received') return `Received: ${text}`;
  if (kind === 'notification-sent' || kind === 'hold-timer-expired') return `Error: ${text}`;
  if (kind === 'connection-lost') return `Connection closed`;
  return message;
}

/** The lines that a log entry becomes, without prefix. */
export function birdLines(msgid: string, fields: Fields, message: string): string[] {
  const peer = typeof fields.peer === 'string' ? fields.peer : null;
  switch (msgid) {
    case 'PEER_UP':
      return [`${peer}: BGP session established`, `${peer}: State changed to up`];
    case 'PEER_DOWN':
      return [`${peer}: ${downText(fields, message)}`, `${peer}: BGP session closed`, `${peer}: State changed to stop`];
    case 'RELOAD':
      if (!message.startsWith('SIGHUP')) return [message];
      return ['Reconfiguration requested by SIGHUP', 'Reconfiguring'];
    case 'BIRD_CONFIG':
      return 'revision' in fields ? [message, 'Reconfigured'] : [message];
    case 'RECOVERY':
      return ['Graceful restart started'];
    case 'RECOVERY_OVER':
      return ['Graceful restart done'];
    case 'CONFIG_REFUSED':
      return message.split('\n');
    case 'DUMP':
      return [`${peer ?? 'status'}: ${JSON.stringify(fields)}`];
    default:
      return message
        .split('\n')
        .map((line, index) => `${peer === null ? '' : `${peer}: `}${line}${index === 0 ? details(fields) : ''}`);
  }
}

/** What a line says besides its message, as ` (address=10.0.0.1 port=179)`. */
function details(fields: Fields): string {
  const words = Object.entries(fields)
    .filter(([key]) => key !== 'peer')
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return words.length === 0 ? '' : ` (${words.join(' ')})`;
}

/** A log that writes to stderr as `bird -d` does. */
export function createBirdLog(level: LogLevel, write: ((text: string) => void) | null = null): Log {
  const output =
    write === null
      ? boundedStderr((count) => log(RANKS.warn, 'LOG_DROPPED', { lines: count }, 'log lines were dropped'))
      : null;
  let lowest = RANKS[level];
  const peers = new Map<string, number>();
  const log = (rank: number, msgid: string, fields: object, message: string): void => {
    const peer = peers.size === 0 ? undefined : peers.get(String(Reflect.get(fields, 'peer')));
    if (rank < (peer ?? lowest)) return;
    const lines = birdLines(msgid, fields as Fields, message);
    const text = lines.map((line) => `bird: ${line}\n`).join('');
    if (write !== null) write(text);
    else output?.write(text);
  };
  return {
    debug: (msgid, fields, message) => log(RANKS.debug, msgid, fields, message),
    info: (msgid, fields, message) => log(RANKS.info, msgid, fields, message),
    warn: (msgid, fields, message) => log(RANKS.warn, msgid, fields, message),
    error: (msgid, fields, message) => log(RANKS.error, msgid, fields, message),
    setLevel: (next) => {
      lowest = RANKS[next];
    },
    setPeerLevel: (peer, next) => {
      if (next === null) peers.delete(peer);
      else peers.set(peer, RANKS[next]);
    },
    get droppedLines() {
      return output?.dropped ?? 0;
    },
  };
}
