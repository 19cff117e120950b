/**
 * Calico's selector language (section 3.11 of its semantics): parser and evaluator.
 *
 * A selector chooses nodes or workloads by their labels. `&&` binds tighter than `||`, `!` applies to the primary that
 * follows. Only spaces and tabs separate; strings have no escapes. Operators are false on an absent label, except `!=`
 * and `not in`, which are true. Errors say the column (counted from 1) where the text stops making sense.
 */

export type SelectorNode =
  | { readonly op: 'all' }
  | { readonly op: 'and' | 'or'; readonly operands: readonly SelectorNode[] }
  | { readonly op: 'not'; readonly operand: SelectorNode }
  | { readonly op: 'has'; readonly label: string }
  | {
      readonly op: '==' | '!=' | 'contains' | 'starts with' | 'ends with';
      readonly label: string;
      readonly value: string;
    }
  | { readonly op: 'in' | 'not in'; readonly label: string; readonly values: readonly string[] };

/** A parsed selector: plain data, so that resources that hold one can be compared and shown. */
export interface Selector {
  readonly text: string;
  readonly root: SelectorNode;
}

export interface SelectorError {
  readonly message: string;
  /** Counted from 1. */
  readonly column: number;
}

export type SelectorResult =
  | { readonly ok: true; readonly selector: Selector }
  | { readonly ok: false; readonly error: SelectorError };

export type Labels = { readonly [label: string]: string };

/** Longest label name that the language accepts. */
const MAX_LABEL_LENGTH = 512;
/** Deeper nesting than any real selector; keeps the recursive descent from exhausting the stack. */
const MAX_DEPTH = 200;

class SyntaxFailure extends Error {
  readonly column: number;
  constructor(message: string, column: number) {
    super(message);
    this.column = column;
  }
}

function isLabelCharacter(code: number): boolean {
  return (
    (code >= 97 && code <= 122) || // a-z
    (code >= 65 && code <= 90) || // A-Z
    (code >= 45 && code <= 57) || // - . / 0-9
    code === 95 // _
  );
}

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): SelectorNode {
    this.#skipSpace();
    if (this.#at === this.#text.length) return { op: 'all' };
    const node = this.#or();
    if (this.#at < this.#text.length) this.#fail(`expected "&&", "||" or the end, found ${this.#found()}`);
    return node;
  }

  #or(): SelectorNode {
    return this.#chain('||', 'or', () => this.#chain('&&', 'and', () => this.#operation()));
  }

  #chain(token: string, op: 'and' | 'or', next: () => SelectorNode): SelectorNode {
    const operands = [next()];
    this.#skipSpace();
    while (this.#take(token)) {
      operands.push(next());
      this.#skipSpace();
    }
    return operands.length === 1 ? operands[0] : { op, operands };
  }

  #operation(): SelectorNode {
    this.#skipSpace();
    let negated = false;
    while (this.#take('!')) {
      negated = !negated;
      this.#skipSpace();
    }
    const node = this.#primary();
    return negated ? { op: 'not', operand: node } : node;
  }

  #primary(): SelectorNode {
    const start = this.#at;
    if (this.#take('(')) {
      if (++this.#depth > MAX_DEPTH) this.#fail(`more than ${MAX_DEPTH} nested parentheses`, start);
      const node = this.#or();
      this.#expect(')');
      this.#depth--;
      return node;
    }
    const label = this.#label('a label, "has(", "all()", "global()", "!" or "("');
    // The three function names are ordinary labels unless the parenthesis follows directly.
    if (this.#text[this.#at] === '(') {
      if (label === 'all' || label === 'global') {
        this.#at++;
        this.#skipSpace();
        this.#expect(')');
        return { op: 'all' };
      }
      if (label === 'has') {
        this.#at++;
        this.#skipSpace();
        const name = this.#label('a label');
        this.#skipSpace();
        this.#expect(')');
        return { op: 'has', label: name };
      }
      this.#fail(`unknown function "${label}", expected has, all or global`, start);
    }
    return this.#comparison(label);
  }

  #comparison(label: string): SelectorNode {
    this.#skipSpace();
    const start = this.#at;
    if (this.#take('==')) return { op: '==', label, value: this.#string() };
    if (this.#take('!=')) return { op: '!=', label, value: this.#string() };
    const word = this.#word();
    switch (word) {
      case 'in':
        return { op: 'in', label, values: this.#set() };
      case 'notin':
        return { op: 'not in', label, values: this.#set() };
      case 'not':
        this.#second('in', 'not');
        return { op: 'not in', label, values: this.#set() };
      case 'contains':
        return { op: 'contains', label, value: this.#string() };
      case 'startswith':
        return { op: 'starts with', label, value: this.#string() };
      case 'starts':
        this.#second('with', 'starts');
        return { op: 'starts with', label, value: this.#string() };
      case 'endswith':
        return { op: 'ends with', label, value: this.#string() };
      case 'ends':
        this.#second('with', 'ends');
        return { op: 'ends with', label, value: this.#string() };
      default:
        this.#at = start;
        return this.#fail(
          `expected an operator (==, !=, in, not in, contains, starts with, ends with) after label "${label}", found ${this.#found()}`,
        );
    }
  }

  /** The second word of `not in`, `starts with` and `ends with`. */
  #second(wanted: string, after: string): void {
    this.#skipSpace();
    const start = this.#at;
    if (this.#word() !== wanted) {
      this.#at = start;
      this.#fail(`expected "${wanted}" after "${after}", found ${this.#found()}`);
    }
  }

  #set(): string[] {
    this.#skipSpace();
    this.#expect('{');
    const values: string[] = [];
    this.#skipSpace();
    while (!this.#take('}')) {
      values.push(this.#string());
      this.#skipSpace();
      if (this.#take(',')) this.#skipSpace();
      else if (this.#text[this.#at] !== '}') this.#fail(`expected "," or "}", found ${this.#found()}`);
    }
    return values;
  }

  #string(): string {
    this.#skipSpace();
    const quote = this.#text[this.#at];
    if (quote !== "'" && quote !== '"') this.#fail(`expected a quoted string, found ${this.#found()}`);
    const end = this.#text.indexOf(quote, this.#at + 1);
    if (end < 0) this.#fail('string has no closing quote');
    const value = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return value;
  }

  #label(wanted: string): string {
    const start = this.#at;
    const label = this.#word();
    if (label === '') this.#fail(`expected ${wanted}, found ${this.#found()}`);
    if (label.length > MAX_LABEL_LENGTH) this.#fail(`label is longer than ${MAX_LABEL_LENGTH} characters`, start);
    return label;
  }

  #word(): string {
    const start = this.#at;
    while (this.#at < this.#text.length && isLabelCharacter(this.#text.charCodeAt(this.#at))) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  #skipSpace(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++;
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #expect(token: string): void {
    if (!this.#take(token)) this.#fail(`expected "${token}", found ${this.#found()}`);
  }

  #found(): string {
    if (this.#at >= this.#text.length) return 'the end';
    const character = this.#text[this.#at];
    return character === '\n' || character === '\r' ? 'a line break' : `"${character}"`;
  }

  #fail(message: string, at = this.#at): never {
    throw new SyntaxFailure(message, at + 1);
  }
}

/** Parses a selector. The empty one matches everything. */
export function parseSelector(text: string): SelectorResult {
  try {
    return { ok: true, selector: { text, root: new Parser(text).parse() } };
  } catch (failure) {
    if (!(failure instanceof SyntaxFailure)) throw failure;
    return { ok: false, error: { message: failure.message, column: failure.column } };
  }
}

function evaluate(node: SelectorNode, labels: Labels): boolean {
  switch (node.op) {
    case 'all':
      return true;
    case 'and':
      return node.operands.every((operand) => evaluate(operand, labels));
    case 'or':
      return node.operands.some((operand) => evaluate(operand, labels));
    case 'not':
      return !evaluate(node.operand, labels);
  }
  const actual = Object.hasOwn(labels, node.label) ? labels[node.label] : undefined;
  switch (node.op) {
    case 'has':
      return actual !== undefined;
    case '==':
      return actual === node.value;
    case '!=':
      return actual !== node.value;
    case 'in':
      return actual !== undefined && node.values.includes(actual);
    case 'not in':
      return actual === undefined || !node.values.includes(actual);
    case 'contains':
      return actual?.includes(node.value) ?? false;
    case 'starts with':
      return actual?.startsWith(node.value) ?? false;
    case 'ends with':
      return actual?.endsWith(node.value) ?? false;
  }
}

/** Whether something with these labels is selected. */
export function selects(selector: Selector, labels: Labels): boolean {
  return evaluate(selector.root, labels);
}
