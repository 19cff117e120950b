/** Colour for people: only on a terminal that can, and never when NO_COLOR is set (no-color.org). */

export type Colour = 'bold' | 'red' | 'green' | 'yellow';

const CODES: Readonly<Record<Colour, number>> = { bold: 1, red: 31, green: 32, yellow: 33 };

/** Whether what goes to this stream may have colours. */
export function mayColour(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
}

let isOn: boolean | null = null;

export function paint(text: string, colour: Colour | null): string {
  isOn ??= mayColour(process.stdout, process.env);
  return colour === null || text.trim() === '' || !isOn ? text : `\u001b[${CODES[colour]}m${text}\u001b[0m`;
}
