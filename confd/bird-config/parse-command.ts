/** Commands of filters and functions. */

import type { CaseArm, Command, Expression, FilterBody, SetItem, Variable } from './ast.ts';
import { BirdConfigError, type Position } from './diagnostic.ts';
import type { ExpressionParser } from './parse-expression.ts';
import type { Scope } from './scope.ts';
import type { TokenStream } from './token-stream.ts';
import { ATTRIBUTES, isEnumName, READ_ONLY, TYPES } from './vocabulary.ts';

const METHODS: readonly string[] = ['add', 'delete', 'filter', 'prepend'];

export class CommandParser {
  readonly #tokens: TokenStream;
  readonly #scope: Scope;
  readonly #expressions: ExpressionParser;

  constructor(tokens: TokenStream, scope: Scope, expressions: ExpressionParser) {
    this.#tokens = tokens;
    this.#scope = scope;
    this.#expressions = expressions;
  }

  /** A function's or filter's variables and block, with its own names. */
  body(): FilterBody {
    const variables: Variable[] = [];
    while (this.#isDeclaration()) variables.push(this.#declaration());
    const block = this.#block();
    return { variables: [...variables, ...block.variables], body: block.body };
  }

  /** `int set x` is what a type may look like. */
  typeName(): string {
    const { kind, text } = this.#tokens.token;
    if (kind !== 'word' || !TYPES.has(text)) return this.#tokens.fail(`a type: ${[...TYPES].join(', ')}`);
    this.#tokens.take();
    return this.#tokens.takeWord('set') ? `${text} set` : text;
  }

  #isDeclaration(): boolean {
    const { kind, text } = this.#tokens.token;
    return kind === 'word' && TYPES.has(text);
  }

  #declaration(): Variable {
    const type = this.typeName();
    const variable = this.#scope.declare(type, this.#tokens.name('the name of a variable'));
    if (this.#tokens.isOperator('=')) this.#tokens.fail('; (values are given by a command of their own)');
    this.#tokens.expectOperator(';');
    return variable;
  }

  #block(): { readonly variables: readonly Variable[]; readonly body: readonly Command[] } {
    return this.#tokens.nested(() => {
      this.#tokens.expectOperator('{');
      const variables: Variable[] = [];
      while (this.#isDeclaration()) variables.push(this.#declaration());
      const body: Command[] = [];
      while (!this.#tokens.isOperator('}')) {
        if (this.#tokens.takeOperator(';')) continue;
        body.push(...this.#command());
      }
      this.#tokens.take();
      return { variables, body };
    });
  }

  /** One command, or those of a block. */
  #command(): readonly Command[] {
    const { kind, text, at } = this.#tokens.token;
    if (this.#tokens.isOperator('{')) {
      const { variables, body } = this.#block();
      if (variables.length === 0) return body;
      throw new BirdConfigError(at, 'variables are declared at the beginning of a function or filter');
    }
    if (kind === 'quoted-name') return [this.#named(at)];
    if (kind !== 'word') return this.#tokens.fail('a command');
    switch (text) {
      case 'if':
        return [this.#if(at)];
      case 'case':
        return [this.#case(at)];
      case 'accept':
        return [this.#simple({ kind: 'accept', at })];
      case 'reject':
      case 'error':
        return [this.#simple({ kind: 'reject', at })];
      case 'return':
        return [this.#return(at)];
      case 'print':
      case 'printn':
        return [this.#print(at)];
      case 'unset':
        return [this.#unset(at)];
      case 'for':
      case 'while':
        throw new BirdConfigError(at, `${text} loops are not supported, wanted: if, case, a call or an assignment`);
      case 'quitbird':
      case 'eval':
        throw new BirdConfigError(at, `${text} is not supported in filters`);
      default:
        return [this.#named(at)];
    }
  }

  #simple(command: Command): Command {
    this.#tokens.take();
    this.#tokens.expectOperator(';');
    return command;
  }

  #if(at: Position): Command {
    return this.#tokens.nested(() => {
      this.#tokens.take();
      const condition = this.#expressions.expression();
      this.#tokens.expectWord('then');
      const consequence = this.#command();
      const otherwise = this.#tokens.takeWord('else') ? this.#command() : [];
      return { kind: 'if', condition, consequence, otherwise, at };
    });
  }

  #case(at: Position): Command {
    return this.#tokens.nested(() => {
      this.#tokens.take();
      const subject = this.#expressions.expression();
      this.#tokens.expectOperator('{');
      const arms: CaseArm[] = [];
      let otherwise: readonly Command[] = [];
      while (!this.#tokens.takeOperator('}')) {
        if (this.#tokens.takeWord('else')) {
          this.#tokens.expectOperator(':');
          otherwise = this.#armBody();
          continue;
        }
        const items: SetItem[] = [];
        do items.push(...this.#expressions.setItem());
        while (this.#tokens.takeOperator(','));
        this.#tokens.expectOperator(':');
        arms.push({ items, body: this.#armBody() });
      }
      return { kind: 'case', subject, arms, otherwise, at };
    });
  }

  /** Commands up to the next label, of which no command has the form. */
  #armBody(): readonly Command[] {
    const body: Command[] = [];
    for (;;) {
      if (this.#tokens.takeOperator(';')) continue;
      const { kind, text } = this.#tokens.token;
      const isLabel = kind === 'word' && (text === 'else' || this.#scope.constants.has(text) || isEnumName(text));
      if (isLabel || (kind !== 'word' && kind !== 'quoted-name' && !this.#tokens.isOperator('{'))) return body;
      body.push(...this.#command());
    }
  }

  #return(at: Position): Command {
    this.#tokens.take();
    const value = this.#tokens.isOperator(';') ? null : this.#expressions.expression();
    this.#tokens.expectOperator(';');
    return { kind: 'return', value, at };
  }

  /** What is printed goes nowhere here, but has to be well-formed. */
  #print(at: Position): Command {
    this.#tokens.take();
    do this.#expressions.expression();
    while (this.#tokens.takeOperator(','));
    this.#tokens.expectOperator(';');
    return { kind: 'print', at };
  }

  #unset(at: Position): Command {
    this.#tokens.take();
    this.#tokens.expectOperator('(');
    const attribute = this.#writable();
    this.#tokens.expectOperator(')');
    this.#tokens.expectOperator(';');
    return { kind: 'unset', attribute, at };
  }

  #writable(): string {
    const { text, at } = this.#tokens.name('the name of an attribute');
    if (!ATTRIBUTES.has(text)) throw new BirdConfigError(at, `${text} is no attribute of a route`);
    if (READ_ONLY.has(text)) throw new BirdConfigError(at, `${text} cannot be changed by a filter`);
    return text;
  }

  /** `f(...);`, `variable = value;`, `attribute = value;` or `attribute.method(value);`. */
  #named(at: Position): Command {
    const { text, kind } = this.#tokens.token;
    const ahead = this.#tokens.ahead.text;
    if (ahead === '(') {
      const call = this.#expressions.call();
      this.#tokens.expectOperator(';');
      return { kind: 'call', call, at };
    }
    if (kind === 'word' && ATTRIBUTES.has(text)) {
      const attribute = this.#writable();
      if (this.#tokens.takeOperator('.')) return this.#edit(attribute, at);
      this.#tokens.expectOperator('=');
      const { token, ahead: bracket } = this.#tokens;
      if (METHODS.includes(token.text) && bracket.text === '(') return this.#functionalEdit(attribute, at);
      return { kind: 'set', attribute, value: this.#value(), at };
    }
    if (this.#scope.variables.has(text)) {
      this.#tokens.take();
      this.#tokens.expectOperator('=');
      return { kind: 'assign', name: text, value: this.#value(), at };
    }
    if (ahead === '=') throw new BirdConfigError(at, `${text} is neither an attribute nor a variable declared before`);
    return this.#tokens.fail('a command, or the name of a function, variable or attribute');
  }

  #value(): Expression {
    const value = this.#expressions.expression();
    this.#tokens.expectOperator(';');
    return value;
  }

  /** The older form of `attribute.add(value)`: `attribute = add(attribute, value)`. */
  #functionalEdit(attribute: string, at: Position): Command {
    const method = this.#tokens.take().text;
    this.#tokens.expectOperator('(');
    if (!this.#tokens.isWord(attribute)) this.#tokens.fail(`${attribute}, as on the left side`);
    this.#tokens.take();
    this.#tokens.expectOperator(',');
    const value = this.#expressions.expression();
    this.#tokens.expectOperator(')');
    this.#tokens.expectOperator(';');
    return { kind: 'edit', attribute, method, value, at };
  }

  #edit(attribute: string, at: Position): Command {
    const method = this.#tokens.name('a method').text;
    if (!METHODS.includes(method)) {
      throw new BirdConfigError(at, `${attribute}.${method} does nothing, wanted: ${METHODS.join(', ')}`);
    }
    this.#tokens.expectOperator('(');
    const value = this.#expressions.expression();
    this.#tokens.expectOperator(')');
    this.#tokens.expectOperator(';');
    return { kind: 'edit', attribute, method, value, at };
  }
}
