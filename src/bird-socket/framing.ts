/**
 * Lines of BIRD's control protocol. A reply is a list of (code, text); on the wire a line is `CCCC-text`, the last one
 * of a reply `CCCC text`, and a line with the code of the one before it only ` text`. docs/bird-socket.md has the codes.
 */

export interface Line {
  readonly code: number;
  readonly text: string;
}

/**
 * What a command answers: lines as they are found, the last one as the return value. `undefined` among them is no line:
 * the command has worked for a while without finding one and lets others have their turn.
 */
export type Answer = Generator<Line | undefined, Line, void> | AsyncGenerator<Line | undefined, Line, void>;

export const OK: Line = { code: 0, text: '' };

export function line(code: number, text: string): Line {
  return { code, text };
}

/** A reply of one line. */
// biome-ignore lint/correctness/useYield: an answer of which only the last line is there.
export function* only(last: Line): Generator<Line | undefined, Line, void> {
  return last;
}

/** A reply whose lines are all at hand. */
export function* lines(all: readonly Line[], last: Line = OK): Generator<Line | undefined, Line, void> {
  yield* all;
  return last;
}

/** Control characters would end a line early or hide what follows; the peer's texts come through here. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for; TAB belongs to the format.
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f]/g, '?');
}

const code4 = (code: number): string => String(code).padStart(4, '0');

/** Writes the lines of one reply. */
export class ReplyFramer {
  #code = -1;

  line({ code, text }: Line): string {
    const isSame = code === this.#code;
    this.#code = code;
    return isSame ? ` ${printable(text)}\n` : `${code4(code)}-${printable(text)}\n`;
  }

  last({ code, text }: Line): string {
    return `${code4(code)} ${printable(text)}\n`;
  }
}
