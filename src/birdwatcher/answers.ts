/**
 * birdwatcher's envelope: every document says which version of it speaks and how old the answer is; ours is never from a
 * cache. Lists are one document too, written as they are read, so that a million routes do not lie in memory.
 */

import type { Readable } from 'node:stream';
import { type Items, jsonArraysStream } from '../api/items.ts';

/** The version of birdwatcher whose answers these are. */
const BIRDWATCHER_VERSION = '1.11.0';

/** `2026-11-29 18:44:00`, UTC: as birdwatcher takes it from BIRD, and as Alice-LG wants it (server_time_short). */
export function shortTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

/** What every answer begins with. Alice-LG wants `ttl` and `date` in RFC 3339. */
export function envelope(nowMs: number): object {
  const now = new Date(nowMs).toISOString();
  return {
    api: {
      Version: BIRDWATCHER_VERSION,
      result_from_cache: false,
      cache_status: { cached_at: { date: now, timezone_type: 'UTC', timezone: 'UTC' } },
    },
    ttl: now,
    cached_at: now,
  };
}

/** Octets, because a text of JSON would get a charset. */
export function document(nowMs: number, content: object): Buffer {
  return Buffer.from(`${JSON.stringify({ ...envelope(nowMs), ...content })}\n`);
}

/** The envelope and lists by name. */
export function lists(nowMs: number, content: readonly (readonly [name: string, items: Items<object>])[]): Readable {
  const head = JSON.stringify(envelope(nowMs)).slice(0, -1);
  return jsonArraysStream(head, content);
}
