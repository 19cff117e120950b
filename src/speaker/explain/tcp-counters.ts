/**
 * The kernel's counters of TCP segments that it dropped before anybody saw them: wrong or missing MD5 signatures
 * (RFC 2385) and TTLs below what GTSM allows (RFC 5082). They are those of the whole network namespace, so what they
 * have grown by lately is what is told.
 */

import { readFile } from 'node:fs/promises';

export interface TcpDrops {
  readonly overSeconds: number;
  readonly md5Missing: number;
  readonly md5Unexpected: number;
  readonly md5Wrong: number;
  readonly ttlTooLow: number;
}

type Counts = Omit<TcpDrops, 'overSeconds'>;

const NAMES: { readonly [K in keyof Counts]: string } = {
  md5Missing: 'TCPMD5NotFound',
  md5Unexpected: 'TCPMD5Unexpected',
  md5Wrong: 'TCPMD5Failure',
  ttlTooLow: 'TCPMinTTLDrop',
};
const SAMPLE_INTERVAL_MS = 20_000;
/** Samples kept: what is told reaches back two minutes. */
const MAX_SAMPLES = 6;

/** The TcpExt lines of /proc/net/netstat: one of names, then one of values. Null: they are not there. */
export function parseNetstat(text: string): Counts | null {
  const [names, values] = text.split('\n').filter((line) => line.startsWith('TcpExt:'));
  if (values === undefined) return null;
  const numbers = values.split(' ');
  const at = new Map(names.split(' ').map((name, index) => [name, Number(numbers[index])]));
  const of = (field: keyof Counts): number => at.get(NAMES[field]) ?? 0;
  return {
    md5Missing: of('md5Missing'),
    md5Unexpected: of('md5Unexpected'),
    md5Wrong: of('md5Wrong'),
    ttlTooLow: of('ttlTooLow'),
  };
}

export class TcpDropCounters {
  readonly #read: () => Promise<string>;
  readonly #nowMs: () => number;
  readonly #samples: { readonly atMs: number; readonly counts: Counts }[] = [];

  constructor(nowMs: () => number, read: () => Promise<string> = () => readFile('/proc/self/net/netstat', 'utf8')) {
    this.#nowMs = nowMs;
    this.#read = read;
  }

  /** Samples from now on; does not keep the process alive. */
  start(): void {
    void this.sample();
    setInterval(() => void this.sample(), SAMPLE_INTERVAL_MS).unref();
  }

  async sample(): Promise<Counts | null> {
    const counts = await this.#read().then(parseNetstat, () => null);
    if (counts === null) return null;
    this.#samples.push({ atMs: this.#nowMs(), counts });
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
    return counts;
  }

  /** What was dropped since the oldest sample; null: the kernel does not say. */
  async lately(): Promise<TcpDrops | null> {
    const counts = await this.#read().then(parseNetstat, () => null);
    if (counts === null) return null;
    const [{ atMs, counts: before } = { atMs: this.#nowMs(), counts }] = this.#samples;
    return {
      overSeconds: Math.round((this.#nowMs() - atMs) / 1000),
      md5Missing: counts.md5Missing - before.md5Missing,
      md5Unexpected: counts.md5Unexpected - before.md5Unexpected,
      md5Wrong: counts.md5Wrong - before.md5Wrong,
      ttlTooLow: counts.ttlTooLow - before.ttlTooLow,
    };
  }
}
