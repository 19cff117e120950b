/**
 * The last BGP messages that came from peers, as octets, for support dumps: off unless asked for
 * (PEREGRINE_RECORD_MESSAGES, in MiB), because every message is copied. Off, it costs one look at a field a message.
 */

import { MESSAGE_NAMES, messageType } from './message-names.ts';

/** The least and the most that may be asked for. */
export const RECORD_MIB = { least: 1, most: 1024 } as const;
/** Of a message beside its octets: time, name, object. */
const OVERHEAD_OCTETS = 128;

export interface RecordedMessage {
  readonly atWallMs: number;
  readonly peer: string;
  readonly octets: Uint8Array;
}

export interface RecordedMessageView {
  readonly at: string;
  readonly peer: string;
  readonly type: string;
  /** The whole message with its header, in hexadecimal. */
  readonly octets: string;
}

export class MessageRecorder {
  readonly #maxOctets: number;
  readonly #wallMs: () => number;
  #messages: RecordedMessage[] = [];
  /** Messages before this one are forgotten. */
  #first = 0;
  #octets = 0;

  constructor(maxOctets: number, wallMs: () => number) {
    this.#maxOctets = maxOctets;
    this.#wallMs = wallMs;
  }

  /** [start, end) is copied. */
  record(peer: string, octets: Uint8Array, start: number, end: number): void {
    this.#messages.push({ atWallMs: this.#wallMs(), peer, octets: octets.slice(start, end) });
    this.#octets += end - start + OVERHEAD_OCTETS;
    while (this.#octets > this.#maxOctets && this.#first < this.#messages.length) {
      this.#octets -= this.#messages[this.#first].octets.length + OVERHEAD_OCTETS;
      this.#first++;
    }
    if (this.#first > 1024 && this.#first * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
  }

  /** The oldest first. */
  *views(): Generator<RecordedMessageView> {
    for (const { atWallMs, peer, octets } of this.#messages.slice(this.#first)) {
      const type = MESSAGE_NAMES[messageType(octets)] ?? `type ${messageType(octets)}`;
      yield { at: new Date(atWallMs).toISOString(), peer, type, octets: Buffer.from(octets).toString('hex') };
    }
  }
}

/** What the variable says; a text: what is wrong with it. */
export function recorderOf(text: string | undefined, wallMs: () => number): MessageRecorder | null | string {
  if (text === undefined || text === '' || text === 'off') return null;
  const mebibytes = Number(text);
  if (Number.isInteger(mebibytes) && mebibytes >= RECORD_MIB.least && mebibytes <= RECORD_MIB.most) {
    return new MessageRecorder(mebibytes * 1024 * 1024, wallMs);
  }
  return `PEREGRINE_RECORD_MESSAGES=${text}: wanted off, or 1 to 1024 (MiB)`;
}
