/**
 * Expressions of BIRD 1.6's filters. Precedence from weak to strong: `&&` and `||` on one level, to the left (so
 * `true || true && false` is false); comparisons, which do not chain; `+ -`; `* /`; `!`; methods.
 */

import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '../../bgp/ip.ts';
import type { BinaryOperator, Expression, MaskItem, SetItem, TuplePart } from './ast.ts';
import { BirdConfigError, type Position } from './diagnostic.ts';
import type { Scope } from './scope.ts';
import { describeToken, type TokenStream } from './token-stream.ts';
import { ATTRIBUTES, EC_TYPES, FALSE_WORDS, isEnumName, TRUE_WORDS } from './vocabulary.ts';

const COMPARISONS: readonly string[] = ['=', '!=', '<', '<=', '>', '>=', '~', '!~'];
const MAX_TUPLE_WORD = 0xffffffff;

export class ExpressionParser {
  readonly #tokens: TokenStream;
  readonly #scope: Scope;

  constructor(tokens: TokenStream, scope: Scope) {
    this.#tokens = tokens;
    this.#scope = scope;
  }

  expression(): Expression {
    return this.#tokens.nested(() => {
      let left = this.#comparison();
      let before = '';
      while (this.#tokens.isOperator('&&') || this.#tokens.isOperator('||')) {
        const { text, at } = this.#tokens.take();
        // Elsewhere && is stronger.
        if (text === '&&' && before === '||') this.#doubt(at);
        before = text;
        left = { kind: 'binary', operator: text as BinaryOperator, left, right: this.#comparison(), at };
      }
      return left;
    });
  }

  #doubt({ file, line, column }: Position): void {
    const message = '|| and && are of one precedence: what is left of this && is one condition; brackets make it plain';
    this.#scope.doubts.push({ file, line, column, message });
  }

  /** A number that is known when the file is read. */
  constantNumber(what: string): number {
    const { at } = this.#tokens;
    const value = numberOf(this.#sum());
    if (value === null) throw new BirdConfigError(at, `wanted: ${what} as a number`);
    return value;
  }

  #comparison(): Expression {
    const left = this.#sum();
    const { kind, text, at } = this.#tokens.token;
    if (kind !== 'operator' || !COMPARISONS.includes(text)) return left;
    this.#tokens.take();
    const right = this.#sum();
    if (this.#tokens.token.kind === 'operator' && COMPARISONS.includes(this.#tokens.token.text)) {
      this.#tokens.fail('brackets, comparisons do not chain');
    }
    return { kind: 'binary', operator: text as BinaryOperator, left, right, at };
  }

  #sum(): Expression {
    let left = this.#product();
    while (this.#tokens.isOperator('+') || this.#tokens.isOperator('-')) {
      const { text, at } = this.#tokens.take();
      left = { kind: 'binary', operator: text as BinaryOperator, left, right: this.#product(), at };
    }
    return left;
  }

  #product(): Expression {
    let left = this.#unary();
    while (this.#tokens.isOperator('*') || this.#tokens.isOperator('/')) {
      const { text, at } = this.#tokens.take();
      left = { kind: 'binary', operator: text as BinaryOperator, left, right: this.#unary(), at };
    }
    return left;
  }

  #unary(): Expression {
    const { at } = this.#tokens;
    if (!this.#tokens.takeOperator('!')) return this.#methods();
    return this.#tokens.nested(() => ({ kind: 'not', operand: this.#unary(), at }));
  }

  #methods(): Expression {
    let object = this.#primary();
    while (this.#tokens.isOperator('.')) {
      const { at } = this.#tokens.take();
      const name = this.#tokens.name('the name of a method').text;
      let argument: Expression | null = null;
      if (this.#tokens.takeOperator('(')) {
        argument = this.expression();
        this.#tokens.expectOperator(')');
      }
      object = { kind: 'method', object, name, argument, at };
    }
    return object;
  }

  #primary(): Expression {
    const { kind, text, value, at } = this.#tokens.token;
    switch (kind) {
      case 'number':
        this.#tokens.take();
        return { kind: 'number', value, at };
      case 'string':
        this.#tokens.take();
        return { kind: 'string', value: text, at };
      case 'ip4':
      case 'ip6':
        return this.#addressOrPrefix();
      case 'quoted-name':
        return this.#named();
      case 'word':
        return this.#word();
      case 'operator':
        return this.#bracket();
      case 'end':
        return this.#tokens.fail('an expression');
    }
  }

  #word(): Expression {
    const { text, at } = this.#tokens.token;
    if (TRUE_WORDS.has(text) || FALSE_WORDS.has(text)) {
      this.#tokens.take();
      return { kind: 'bool', value: TRUE_WORDS.has(text), at };
    }
    if (text === 'defined') {
      this.#tokens.take();
      this.#tokens.expectOperator('(');
      const name = this.#tokens.name('the name of an attribute');
      if (!ATTRIBUTES.has(name.text)) throw new BirdConfigError(name.at, `${name.text} is no attribute of a route`);
      this.#tokens.expectOperator(')');
      return { kind: 'defined', name: name.text, at };
    }
    if (ATTRIBUTES.has(text)) {
      this.#tokens.take();
      return { kind: 'attribute', name: text, at };
    }
    if (isEnumName(text)) {
      this.#tokens.take();
      return { kind: 'enum', name: text, at };
    }
    return this.#named();
  }

  /** A variable, a constant or a call. */
  #named(): Expression {
    const { at } = this.#tokens;
    if (this.#tokens.ahead.kind === 'operator' && this.#tokens.ahead.text === '(') return { ...this.call(), at };
    const name = this.#tokens.take().text;
    if (this.#scope.variables.has(name)) return { kind: 'variable', name, at };
    const constant = this.#scope.constants.get(name);
    if (constant !== undefined) return { ...constant, at };
    throw new BirdConfigError(at, `${name} is neither an attribute nor a variable or constant that was defined before`);
  }

  /** A function with its arguments, which must have been defined before. */
  call(): Extract<Expression, { kind: 'call' }> {
    const { text: name, at } = this.#tokens.take();
    const definition = this.#scope.functions.get(name);
    if (definition === undefined) {
      throw new BirdConfigError(at, `You can't call something which is not a function: ${name} is not defined before`);
    }
    this.#tokens.expectOperator('(');
    const given: Expression[] = [];
    while (!this.#tokens.isOperator(')')) {
      given.push(this.expression());
      if (!this.#tokens.takeOperator(',')) break;
    }
    this.#tokens.expectOperator(')');
    const wanted = definition.parameters.length;
    if (given.length !== wanted) {
      throw new BirdConfigError(
        at,
        `Wrong number of arguments for function ${name}: ${given.length}, wanted ${wanted}`,
      );
    }
    return { kind: 'call', name, arguments: given, at };
  }

  #bracket(): Expression {
    const { at, token } = this.#tokens;
    switch (token.text) {
      case '(':
        return this.#parentheses();
      case '[':
        return this.#tokens.nested(() => this.#set());
      case '[=':
        return this.#mask();
      case '-':
      case '+': {
        this.#tokens.take();
        this.#tokens.expectWord('empty');
        this.#tokens.expectOperator(token.text);
        return { kind: 'empty', at };
      }
      default:
        return this.#tokens.fail('an expression');
    }
  }

  /** `(a, b)` is a pair, `(a, b, c)` a large community, `(rt, a, b)` an extended one, `(a)` only brackets. */
  #parentheses(): Expression {
    const { at } = this.#tokens.expectOperator('(');
    const ec = this.#extendedType();
    const elements: Expression[] = [this.expression()];
    while (this.#tokens.takeOperator(',')) elements.push(this.expression());
    this.#tokens.expectOperator(')');
    if (ec === null && elements.length === 1) return elements[0];
    if (elements.length > 3 || (ec !== null && elements.length !== 2)) {
      throw new BirdConfigError(at, 'wanted: (a, b), (a, b, c) or (rt, a, b)');
    }
    return { kind: 'tuple', ec, elements, at };
  }

  #extendedType(): string | null {
    const { kind, text } = this.#tokens.token;
    if (kind !== 'word' || !EC_TYPES.has(text) || this.#tokens.ahead.text !== ',') return null;
    this.#tokens.take();
    this.#tokens.take();
    return text;
  }

  #addressOrPrefix(): Expression {
    const { at } = this.#tokens;
    const address = this.address();
    if (!this.#tokens.isOperator('/') || this.#tokens.ahead.kind !== 'number') return { kind: 'ip', address, at };
    return { kind: 'prefix', prefix: this.#prefixOf(address, at), at };
  }

  /** An address of the family of the file, canonical. */
  address(): string {
    const { kind, text, at } = this.#tokens.token;
    if (kind !== 'ip4' && kind !== 'ip6') return this.#tokens.fail('an address');
    this.#scope.checkFamily(kind, text, at);
    const parsed = parseAddress(text);
    if (parsed === null) throw new BirdConfigError(at, `${text} is no address`);
    this.#tokens.take();
    return formatAddress(parsed);
  }

  /** A prefix of the family of the file, canonical. */
  prefix(): string {
    const { at } = this.#tokens;
    return this.#prefixOf(this.address(), at);
  }

  #prefixOf(address: string, at: Position): string {
    this.#tokens.expectOperator('/');
    if (this.#tokens.token.kind !== 'number') this.#tokens.fail('the length of a prefix');
    const text = `${address}/${this.#tokens.take().value}`;
    const parsed = parsePrefix(text);
    if (parsed === null) throw new BirdConfigError(at, `Invalid prefix: ${text}`);
    const canonical = formatPrefix(parsed);
    if (canonical !== text) {
      throw new BirdConfigError(at, `Invalid prefix: ${text} has host bits, wanted: ${canonical}`);
    }
    return canonical;
  }

  #mask(): Expression {
    const { at } = this.#tokens.expectOperator('[=');
    const items: MaskItem[] = [];
    while (!this.#tokens.isOperator('=]')) {
      if (this.#tokens.isOperator('*') || this.#tokens.isOperator('?'))
        items.push(this.#tokens.take().text as '*' | '?');
      else items.push(numberOf(this.#primary()) ?? this.#tokens.fail('AS numbers, * and ?, then =]'));
      if (this.#tokens.isOperator('..')) this.#tokens.fail('single AS numbers (ranges in masks are not supported)');
    }
    this.#tokens.take();
    return { kind: 'mask', items, at };
  }

  #set(): Expression {
    const { at } = this.#tokens.expectOperator('[');
    const items: SetItem[] = [];
    while (!this.#tokens.isOperator(']')) {
      items.push(...this.setItem());
      if (!this.#tokens.takeOperator(',')) break;
    }
    this.#tokens.expectOperator(']');
    return { kind: 'set', items, at };
  }

  /** One member of a set; a constant that is a set gives all of its own. */
  setItem(): readonly SetItem[] {
    const { kind, text, at } = this.#tokens.token;
    if (kind === 'ip4' || kind === 'ip6') return [this.#addressItem()];
    if (this.#tokens.isOperator('(')) return [this.#tupleItem()];
    if (kind === 'word' && isEnumName(text)) {
      this.#tokens.take();
      return [{ kind: 'enum', name: text }];
    }
    const constant = this.#scope.constants.get(text);
    if (this.#tokens.isName && constant !== undefined && constant.kind !== 'number') {
      this.#tokens.take();
      if (constant.kind === 'set') return constant.items;
      if (constant.kind === 'prefix') return [this.#prefixItem(constant.prefix)];
      if (constant.kind === 'ip') return [{ kind: 'addresses', low: constant.address, high: constant.address }];
      if (constant.kind === 'tuple') {
        const parts = constant.elements.map((element) => this.#exactly(element));
        return [{ kind: 'tuple', ec: constant.ec, parts }];
      }
      throw new BirdConfigError(at, `${text} cannot be a member of a set`);
    }
    const { low, high } = this.#range();
    return [{ kind: 'numbers', low, high }];
  }

  #exactly(element: Expression): TuplePart {
    const value = numberOf(element);
    if (value === null) throw new BirdConfigError(element.at, 'wanted: a number');
    return { low: value, high: value };
  }

  #range(): TuplePart {
    const { at, token } = this.#tokens;
    const low = numberOf(this.#sum());
    if (low === null) throw new BirdConfigError(at, `wanted: a member of a set, not ${describeToken(token)}`);
    if (!this.#tokens.takeOperator('..')) return { low, high: low };
    const high = this.constantNumber('the end of a range');
    if (high < low) throw new BirdConfigError(at, `the range ${low}..${high} holds nothing`);
    return { low, high };
  }

  #tupleItem(): SetItem {
    const { at } = this.#tokens.expectOperator('(');
    const ec = this.#extendedType();
    const parts: TuplePart[] = [];
    do {
      parts.push(this.#tokens.takeOperator('*') ? { low: 0, high: MAX_TUPLE_WORD } : this.#range());
    } while (this.#tokens.takeOperator(','));
    this.#tokens.expectOperator(')');
    if (ec === null ? parts.length < 2 || parts.length > 3 : parts.length !== 2) {
      throw new BirdConfigError(at, 'wanted: (a, b), (a, b, c) or (rt, a, b)');
    }
    return { kind: 'tuple', ec, parts };
  }

  #addressItem(): SetItem {
    const { at } = this.#tokens;
    const low = this.address();
    if (this.#tokens.isOperator('/')) return this.#prefixItem(this.#prefixOf(low, at));
    const high = this.#tokens.takeOperator('..') ? this.address() : low;
    return { kind: 'addresses', low, high };
  }

  /** `P`, `P+` (and inside), `P-` (and around), `P{a,b}`. */
  #prefixItem(prefix: string): SetItem {
    const length = Number(prefix.slice(prefix.indexOf('/') + 1));
    const bits = this.#scope.family === 'ipv4-unicast' ? 32 : 128;
    if (this.#tokens.takeOperator('+')) return { kind: 'prefix', prefix, low: length, high: bits };
    if (this.#tokens.takeOperator('-')) return { kind: 'prefix', prefix, low: 0, high: length };
    if (!this.#tokens.isOperator('{')) return { kind: 'prefix', prefix, low: length, high: length };
    const { at } = this.#tokens.take();
    const low = this.constantNumber('the least length');
    this.#tokens.expectOperator(',');
    const high = this.constantNumber('the greatest length');
    this.#tokens.expectOperator('}');
    if (low > high || high > bits) {
      throw new BirdConfigError(at, `{${low},${high}} are no lengths, wanted: {a,b} with 0 <= a <= b <= ${bits}`);
    }
    return { kind: 'prefix', prefix, low, high };
  }
}

/** The number that an expression is without any route; null when it is none. */
export function numberOf(expression: Expression): number | null {
  if (expression.kind === 'number') return expression.value;
  if (expression.kind !== 'binary') return null;
  const [left, right] = [numberOf(expression.left), numberOf(expression.right)];
  if (left === null || right === null) return null;
  return arithmetic(expression.operator, left, right);
}

/** Unsigned 32-bit arithmetic; null for what is no arithmetic, and for a division by 0. */
export function arithmetic(operator: BinaryOperator, left: number, right: number): number | null {
  switch (operator) {
    case '+':
      return (left + right) >>> 0;
    case '-':
      return (left - right) >>> 0;
    case '*':
      return Math.imul(left, right) >>> 0;
    case '/':
      return right === 0 ? null : Math.floor(left / right);
    default:
      return null;
  }
}
