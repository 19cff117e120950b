/**
 * The service `bird6` where `bird` does the work of both: a process of the right name that lives until it is told to
 * end, and passes SIGHUP on by asking the other daemon to read its configuration again.
 */

import { connect } from 'node:net';

/** For the daemon to answer; it reads files and then says what came of it. */
const ANSWER_MS = 30_000;

export type Say = (message: string) => void;

/** Sends `configure`; resolves to the last line of the answer, or says why there is none. */
export function askToConfigure(socketPath: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    let text = '';
    const end = (answer: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end('no answer'), ANSWER_MS);
    socket.setEncoding('latin1');
    socket.on('error', (error) => end(`bird cannot be asked: ${error.message}`));
    socket.on('close', () => end('the connection was closed'));
    socket.on('connect', () => socket.write('configure\n'));
    socket.on('data', (chunk: string) => {
      text += chunk;
      const last = text.split('\n').find((line) => /^(?!0001)\d{4} /.test(line));
      if (last !== undefined) end(last.slice(5));
    });
  });
}

/** Resolves when SIGTERM or SIGINT has come. */
export function runStub(socketPath: string, say: Say): Promise<number> {
  process.on('SIGHUP', () => {
    say('Reconfiguration requested by SIGHUP');
    // When bird is not there it will read its files when it comes.
    void askToConfigure(socketPath).then(say);
  });
  process.on('SIGUSR1', () => say(`this process only passes SIGHUP on to ${socketPath}`));
  say(`bird serves both families; SIGHUP is passed on to ${socketPath}`);
  return new Promise((resolve) => {
    const alive = setInterval(() => {}, 0x7fffffff);
    const end = (): void => {
      clearInterval(alive);
      resolve(0);
    };
    process.once('SIGTERM', end);
    process.once('SIGINT', end);
  });
}
