/** `peregrine top`: the screen of top-screen.ts on a terminal, once a second; keys sort, scroll, pause and quit. */

import { emitKeypressEvents } from 'node:readline';
import { DEFAULT_CONTROL_SOCKET, type PeerView, type StatusView } from '../api/schema.ts';
import { fetchList, fetchOne } from './client.ts';
import type { Values } from './command.ts';
import { type Look, type ScreenState, SORTS, type SortKey, screen } from './top-screen.ts';
import { UsageError } from './usage-error.ts';

const INTERVAL_MS = 1000;
/** The other screen, without cursor; and back. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const REST_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';
const REVERSE = '\u001b[7m';
const PLAIN = '\u001b[0m';

interface Key {
  readonly name?: string;
  readonly sequence?: string;
  readonly ctrl?: boolean;
}

async function look(socketPath: string): Promise<Look> {
  const status = await fetchOne<StatusView>(socketPath, '/v1/status');
  const peers: PeerView[] = [];
  for await (const peer of fetchList<PeerView>(socketPath, '/v1/peers')) peers.push(peer);
  return { atMs: performance.now(), status, peers };
}

export async function top(values: Values): Promise<number> {
  const { stdin, stdout } = process;
  if (!stdout.isTTY || !stdin.isTTY) throw new UsageError('top needs a terminal; for programs: show peers --json');
  const socketPath = values.socket ?? DEFAULT_CONTROL_SOCKET;
  // What is wrong from the start is said as always.
  let now = await look(socketPath);
  let before: Look | null = null;
  let state: ScreenState = { sort: 's', isReversed: false, from: 0, isPaused: false, trouble: null };
  let page = 1;
  const draw = (): void => {
    const size = { columns: stdout.columns || 80, rows: stdout.rows || 24 };
    const { lines, header, shown } = screen(now, before, size, state);
    page = Math.max(1, shown);
    const text = lines.map((line, index) =>
      index === header ? `${REVERSE}${line.padEnd(size.columns)}${PLAIN}` : `${line}${REST_OF_LINE}`,
    );
    stdout.write(`${HOME}${text.join('\r\n')}${REST_OF_SCREEN}`);
  };
  let isOver = false;
  let quit: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    quit = () => {
      isOver = true;
      resolve();
    };
  });
  const pressed = (_text: string | undefined, { name = '', sequence = '', ctrl = false }: Key): void => {
    if (sequence === 'q' || name === 'escape' || (ctrl && (name === 'c' || name === 'd'))) return quit();
    const scroll = { down: 1, up: -1, pagedown: page, pageup: -page, home: -now.peers.length, end: now.peers.length }[
      name
    ];
    if (scroll !== undefined) {
      const from = Math.max(0, Math.min(state.from + scroll, now.peers.length - page));
      state = { ...state, from: Math.max(0, from) };
    } else if (sequence === 'p') state = { ...state, isPaused: !state.isPaused };
    else if (sequence === 'R') state = { ...state, isReversed: !state.isReversed };
    else if (Object.hasOwn(SORTS, sequence)) state = { ...state, sort: sequence as SortKey, from: 0 };
    else return;
    draw();
  };
  const refresh = async (): Promise<void> => {
    if (state.isPaused) return;
    try {
      const next = await look(socketPath);
      before = now;
      now = next;
      state = { ...state, trouble: null };
    } catch (error) {
      state = { ...state, trouble: error instanceof Error ? error.message : String(error) };
    }
    if (!isOver) draw();
  };
  // The terminal must be as it was, however this ends.
  const restore = (): void => {
    stdin.setRawMode(false);
    stdout.write(LEAVE);
  };
  process.once('exit', restore);
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) process.once(signal, quit);
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  stdin.on('keypress', pressed);
  stdin.resume();
  stdout.on('resize', draw);
  stdout.write(ENTER);
  draw();
  let timer: NodeJS.Timeout;
  const again = (): void => {
    timer = setTimeout(() => void refresh().finally(() => !isOver && again()), INTERVAL_MS);
  };
  again();
  await ended;
  clearTimeout(timer!);
  stdin.off('keypress', pressed);
  stdout.off('resize', draw);
  stdin.pause();
  process.off('exit', restore);
  restore();
  return 0;
}
