/**
 * Is this etcd the one whose content we know, with the same history? A member that was restored from a backup answers
 * at the same address, often with the same cluster id, and its revisions count on from an earlier point: resuming a
 * watch there would miss what is different, without an error. Pure.
 *
 * Signs of another store: another cluster id; a revision or raft term that went back; and, as long as etcd still has
 * that history, that the last entry we took over is not what this store had at its revision.
 */

import type { KeyEvent, KeyValue, ResponseHeader } from './messages.ts';

/** The last entry that was taken over. */
export interface Anchor {
  readonly key: Uint8Array;
  readonly revision: number;
  /** Null: it was deleted. */
  readonly value: Uint8Array | null;
}

const RESTORED = 'it was restored from a backup';

export class StoreIdentity {
  /** Null: nothing was taken over yet. */
  anchor: Anchor | null = null;
  /** Of the listing, with the highest revision and term seen since; null: nothing was listed yet. */
  #header: ResponseHeader | null = null;

  get isKnown(): boolean {
    return this.#header !== null;
  }

  /** The store was listed; `latest` is its last written entry among those listed. */
  listed(header: ResponseHeader, latest: KeyValue | null): void {
    this.#header = header;
    this.anchor = latest && anchorOf(latest, true);
  }

  took({ type, entry }: KeyEvent): void {
    if (this.anchor !== null && entry.modRevision < this.anchor.revision) return;
    this.anchor = anchorOf(entry, type === 'put');
  }

  note(header: ResponseHeader): void {
    if (this.#header === null) return;
    const { revision, raftTerm } = this.#header;
    this.#header = {
      ...this.#header,
      revision: Math.max(revision, header.revision),
      raftTerm: Math.max(raftTerm, header.raftTerm),
    };
  }

  /**
   * How the store that answers with `now` differs from the one that was listed; null: not at all. `anchored`: what it
   * has under the anchor's key at the anchor's revision (null: nothing), when that could be asked.
   */
  changeSince(now: ResponseHeader, anchored?: KeyValue | null): string | null {
    const before = this.#header;
    if (before === null) return 'nothing was listed yet';
    if (now.clusterId !== before.clusterId) return 'another etcd cluster answers than before';
    if (now.revision < before.revision) {
      return `the store went back from revision ${before.revision} to ${now.revision}: ${RESTORED}`;
    }
    if (now.raftTerm < before.raftTerm) {
      return `the store went back from raft term ${before.raftTerm} to ${now.raftTerm}: ${RESTORED}`;
    }
    if (anchored === undefined || this.anchor === null) return null;
    const { revision } = this.anchor;
    return holds(this.anchor, anchored) ? null : `the store had something else at revision ${revision}: ${RESTORED}`;
  }
}

/** Key and value are views into a larger message, which need not be kept. */
function anchorOf({ key, value, modRevision }: KeyValue, isThere: boolean): Anchor {
  return { key: key.slice(), revision: modRevision, value: isThere ? value.slice() : null };
}

function holds(anchor: Anchor, found: KeyValue | null): boolean {
  if (anchor.value === null || found === null) return anchor.value === found;
  return found.modRevision === anchor.revision && Buffer.compare(found.value, anchor.value) === 0;
}
