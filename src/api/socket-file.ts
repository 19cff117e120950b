/** The control socket as a file, before anything listens on it. Loads nothing of the API itself. */

import { lstat, mkdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';

/**
 * Makes the way free for the socket: its directory is there, and nothing in its place. What lies there is removed only
 * when it is a socket that nobody listens on (its process is dead); a path given by mistake must not cost a file.
 */
export async function clearSocketPath(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (found === null) return;
  if (!found.isSocket()) throw new Error(`${path} is there and is not a socket; it is left alone`);
  const answer = await new Promise<string>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve('connected');
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
  if (answer === 'ECONNREFUSED') await rm(path, { force: true });
  else if (answer === 'EACCES') throw new Error(`${path} belongs to another user`);
  // Whatever else the answer is (a full backlog, say), somebody holds the socket.
  else if (answer !== 'ENOENT') throw new Error(`another process answers on ${path}; is peregrine running already?`);
}

/** The number of a group that is given by name or number. */
export async function groupId(group: string): Promise<number> {
  if (/^\d+$/.test(group)) return Number(group);
  const text = await readFile('/etc/group', 'utf8');
  const found = text.split('\n').find((line) => line.startsWith(`${group}:`));
  if (found === undefined) throw new Error(`there is no group "${group}" in /etc/group`);
  return Number(found.split(':')[2]);
}
