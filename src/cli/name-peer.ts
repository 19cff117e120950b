/** `; did you mean tor-a?`: after a refusal, when an argument that names a peer is near the name of one. */

import { DEFAULT_CONTROL_SOCKET } from '../api/schema.ts';
import { fetchList } from './client.ts';
import { type Command, partsOf } from './command.ts';
import { nearest } from './did-you-mean.ts';

export async function namePeer(
  command: Command,
  words: readonly string[],
  socketPath: string = DEFAULT_CONTROL_SOCKET,
): Promise<string> {
  const at = partsOf(command).findIndex(({ text }) => text === 'PEER');
  const word = at < 0 ? undefined : words[at];
  if (word === undefined) return '';
  try {
    const names: string[] = [];
    for await (const { name } of fetchList<{ readonly name: string }>(socketPath, '/v1/peers')) names.push(name);
    return names.includes(word) ? '' : nearest(word, names);
  } catch {
    // The refusal itself is what counts.
    return '';
  }
}
