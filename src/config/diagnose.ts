/**
 * Errors in a configuration file as people want them: file, line, column, the line itself and a caret under the place,
 * what is wrong and what was wanted.
 */

import { type Document, isMap, isNode, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml';

export interface Diagnostic {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly column: number;
  /** Dotted path of the field, empty for syntax errors. */
  readonly field: string;
  readonly message: string;
}

/** A parsed YAML text that can say where each of its values stands. */
export class SourceDocument {
  readonly file: string;
  readonly text: string;
  readonly document: Document.Parsed;
  readonly #lines: LineCounter;

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    this.#lines = new LineCounter();
    this.document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: true });
  }

  /** Syntax errors of the text; empty when it is well-formed. */
  syntaxErrors(): Diagnostic[] {
    return this.document.errors.map((error) => ({
      file: this.file,
      ...this.#position(error.pos[0]),
      field: '',
      message: error.message,
    }));
  }

  /** A diagnostic at the value (or, with `atKey`, the key) that `path` leads to, or at its nearest parent. */
  at(path: readonly PropertyKey[], message: string, atKey = false): Diagnostic {
    // The only member of a list may stand there without the list.
    const isMember = typeof path.at(-1) === 'number' && this.#offset(path, false) === null;
    const field = (isMember ? path.slice(0, -1) : path).map(String).join('.');
    for (let depth = path.length; depth >= 0; depth--) {
      const offset = this.#offset(path.slice(0, depth), atKey && depth === path.length);
      if (offset !== null) return { file: this.file, ...this.#position(offset), field, message };
    }
    // An empty document has no place at all.
    return { file: this.file, line: 1, column: 1, field, message };
  }

  #offset(path: readonly PropertyKey[], wantKey: boolean): number | null {
    const keys = path.map((key) => (typeof key === 'symbol' ? String(key) : key));
    if (wantKey && keys.length > 0) {
      const parent = keys.length === 1 ? this.document.contents : this.document.getIn(keys.slice(0, -1), true);
      if (isMap(parent)) {
        const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === keys.at(-1));
        const key = pair?.key;
        if (isNode(key) && key.range) return key.range[0];
      }
    }
    const node = (keys.length === 0 ? this.document.contents : this.document.getIn(keys, true)) as Node | undefined;
    return isNode(node) && node.range ? node.range[0] : null;
  }

  #position(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }
}

/** The diagnostic as text: one line to grep for, then the source line with a caret. */
export function formatDiagnostic(diagnostic: Diagnostic, text: string): string {
  const { file, line, column, field, message } = diagnostic;
  const head = `${file}:${line}:${column} ${field === '' ? '' : `${field}: `}${message}`;
  const source = text.split('\n')[line - 1];
  if (source === undefined || source.trim() === '') return head;
  const gutter = `${line} | `;
  const shown = source.replace(/\t/g, ' ');
  return `${head}\n${gutter}${shown}\n${' '.repeat(gutter.length + Math.max(0, column - 1))}^`;
}
