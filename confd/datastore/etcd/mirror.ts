/**
 * What was delivered of etcd's content, as much of it as it takes to say what is new: per key the revision it was
 * written at and a digest of what was made of it. Turns listings and watch events into resource events. Pure.
 *
 * A listing is compared with all that is known when it is complete, and not before: only then is a key that it lacks
 * known to be gone.
 */

import { createHash } from 'node:crypto';
import type { ResourceEvent } from '../../resource-store.ts';
import { readEntry, resourceKeyOf } from './keys.ts';
import type { KeyEvent, KeyValue } from './messages.ts';

interface KnownEntry {
  readonly modRevision: number;
  readonly digest: string;
}

/** Keys are octets; as Latin-1 text they can be looked up without loss. */
function idOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}

function digestOf(event: ResourceEvent): string {
  return createHash('sha1').update(JSON.stringify(event)).digest('base64');
}

export class Mirror {
  readonly #node: string;
  #known = new Map<string, KnownEntry>();

  constructor(node: string) {
    this.#node = node;
  }

  /** The event to deliver; null when nothing that matters has changed. */
  apply({ type, entry }: KeyEvent): ResourceEvent | null {
    const id = idOf(entry.key);
    if (type === 'put') return this.#put(id, entry, this.#known);
    if (!this.#known.delete(id)) return null;
    const key = resourceKeyOf(entry.key, this.#node);
    return key === null ? null : { type: 'deleted', key };
  }

  /**
   * Begins to compare with a listing. `trustsRevisions`: an entry of the same revision is the same entry, which is not
   * so in a store that was restored from a backup.
   */
  relist(trustsRevisions: boolean): Relisting {
    const listed = new Map<string, KnownEntry>();
    const events: ResourceEvent[] = [];
    return {
      add: (entries) => {
        for (const entry of entries) {
          const id = idOf(entry.key);
          const known = this.#known.get(id);
          if (known !== undefined && trustsRevisions && known.modRevision === entry.modRevision) {
            listed.set(id, known);
            continue;
          }
          const event = this.#put(id, entry, listed);
          if (event !== null) events.push(event);
        }
      },
      finish: () => {
        const gone = [...this.#known.keys()].filter((id) => !listed.has(id));
        this.#known = listed;
        const deletions = gone.flatMap((id): ResourceEvent[] => {
          const key = resourceKeyOf(Buffer.from(id, 'latin1'), this.#node);
          return key === null ? [] : [{ type: 'deleted', key }];
        });
        return [...deletions, ...events];
      },
    };
  }

  /** Notes an entry in `into`, and compares it with what was delivered. */
  #put(id: string, entry: KeyValue, into: Map<string, KnownEntry>): ResourceEvent | null {
    const event = readEntry(entry.key, entry.value, this.#node);
    if (event === null) return null;
    const digest = digestOf(event);
    const isNew = this.#known.get(id)?.digest !== digest;
    into.set(id, { modRevision: entry.modRevision, digest });
    return isNew ? event : null;
  }
}

/** A listing in the course of being read. */
export interface Relisting {
  /** One page of it. */
  add(entries: readonly KeyValue[]): void;
  /** It is complete: deletions first, then what is new. What is known is now the listing. */
  finish(): ResourceEvent[];
}
