/** Protocols and templates: `protocol TYPE [NAME] [from TEMPLATE] { option; ... }`. */

import type { BfdTimers, FilterUse, Option, OptionValue, Protocol, ProtocolType, StaticTarget } from './ast.ts';
import { BirdConfigError, type Position } from './diagnostic.ts';
import { OPTIONS, type ValueForm } from './option-table.ts';
import type { CommandParser } from './parse-command.ts';
import type { ExpressionParser } from './parse-expression.ts';
import type { Scope } from './scope.ts';
import { describeToken, type TokenStream } from './token-stream.ts';
import { FALSE_WORDS, TRUE_WORDS } from './vocabulary.ts';

const TYPES: readonly string[] = ['kernel', 'device', 'direct', 'static', 'bgp', 'bfd'];
const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  ['pipe', 'there is one routing table for each family'],
  ['ospf', 'only BGP is spoken'],
  ['rip', 'only BGP is spoken'],
  ['radv', 'only BGP is spoken'],
  ['babel', 'only BGP is spoken'],
]);
const LIMIT_ACTIONS: readonly string[] = ['warn', 'block', 'restart', 'disable'];

export class ProtocolParser {
  readonly #tokens: TokenStream;
  readonly #scope: Scope;
  readonly #expressions: ExpressionParser;
  readonly #commands: CommandParser;

  constructor(tokens: TokenStream, scope: Scope, expressions: ExpressionParser, commands: CommandParser) {
    this.#tokens = tokens;
    this.#scope = scope;
    this.#expressions = expressions;
    this.#commands = commands;
  }

  /** Behind `protocol` or `template`. */
  protocol(isTemplate: boolean, at: Position): Protocol {
    const type = this.#type();
    let name: string | null = null;
    if (!this.#tokens.isWord('from') && !this.#tokens.isOperator('{')) {
      name = this.#scope.newName(this.#tokens.name('a name, from or {'));
    }
    if (isTemplate && name === null) this.#tokens.fail('the name of the template');
    const inherited = this.#tokens.takeWord('from') ? this.#template(type) : [];
    name ??= this.#generatedName(type);
    this.#tokens.expectOperator('{');
    const own: Option[] = [];
    while (!this.#tokens.isOperator('}')) {
      if (!this.#tokens.takeOperator(';')) own.push(...this.#option(type));
    }
    const end = this.#tokens.take().at;
    return { type, name, options: inherited.length === 0 ? own : [...inherited, ...own], at, end };
  }

  #type(): ProtocolType {
    const { text, kind, at } = this.#tokens.token;
    const why = UNSUPPORTED.get(text);
    if (why !== undefined) throw new BirdConfigError(at, `protocol ${text} is not supported: ${why}`);
    if (kind !== 'word' || !TYPES.includes(text)) this.#tokens.fail(`a type of protocol: ${TYPES.join(', ')}`);
    this.#tokens.take();
    return text as ProtocolType;
  }

  #template(type: ProtocolType): readonly Option[] {
    const { text, at } = this.#tokens.name('the name of a template');
    const template = this.#scope.templates.get(text) ?? this.#scope.protocols.get(text);
    if (template === undefined) throw new BirdConfigError(at, `${text} is no template or protocol defined before`);
    if (template.type !== type) {
      throw new BirdConfigError(at, `${text} is of type ${template.type}, wanted: one of type ${type}`);
    }
    return template.options;
  }

  /** As BIRD numbers them: kernel1, static2. */
  #generatedName(type: ProtocolType): string {
    for (let number = 1; ; number++) {
      const name = `${type}${number}`;
      if (!this.#scope.isDefined(name)) return name;
    }
  }

  #option(type: ProtocolType): readonly Option[] {
    const { at } = this.#tokens;
    const { name, form } = this.#optionName(type);
    const values = this.#value(form);
    // `};` behind an inline filter and `}` alone both occur.
    const isBlock = values.some(
      (value) => value.kind === 'bfd' || (value.kind === 'filter' && value.filter.kind === 'inline'),
    );
    if (!this.#tokens.takeOperator(';') && !isBlock) this.#tokens.fail(`; after ${name}`);
    return values.map((value) => ({ name, value, at }));
  }

  #optionName(type: ProtocolType): { name: string; form: ValueForm } {
    const options = OPTIONS[type];
    const { at, token } = this.#tokens;
    let name = '';
    while (this.#tokens.token.kind === 'word') {
      const longer = name === '' ? this.#tokens.token.text : `${name} ${this.#tokens.token.text}`;
      if (!isBeginning(options, longer)) break;
      name = longer;
      this.#tokens.take();
    }
    if (name === '' && token.kind !== 'word') this.#tokens.fail('an option, or }');
    const form = options.get(name);
    if (form !== undefined) return { name, form };
    const words = name === '' ? describeToken(token) : `${name} ${describeToken(this.#tokens.token)}`;
    const isNewer = token.text === 'ipv4' || token.text === 'ipv6';
    const hint = isNewer ? ' (channels are the language of BIRD 2, wanted is that of 1.6)' : '';
    throw new BirdConfigError(at, `"${words}" is no option of a ${type} protocol that we know${hint}`);
  }

  #value(form: ValueForm): readonly OptionValue[] {
    switch (form) {
      case 'none':
        return [{ kind: 'none' }];
      case 'bool':
        return [{ kind: 'bool', value: this.#tokens.bool() }];
      case 'bool-or-word':
        return [this.#boolOrWord()];
      case 'number':
        return [{ kind: 'numbers', values: [this.#expressions.constantNumber('the value')] }];
      case 'optional-number':
        if (this.#tokens.isOperator(';')) return [{ kind: 'numbers', values: [] }];
        return [{ kind: 'numbers', values: [this.#expressions.constantNumber('the value')] }];
      case 'two-numbers': {
        const first = this.#expressions.constantNumber('the first value');
        this.#tokens.expectOperator(',');
        return [{ kind: 'numbers', values: [first, this.#expressions.constantNumber('the second value')] }];
      }
      case 'string':
        return [{ kind: 'text', type: 'string', value: this.#tokens.string('a text') }];
      case 'name':
        return [{ kind: 'text', type: 'name', value: this.#tokens.name('a name').text }];
      case 'address':
        return [{ kind: 'text', type: 'ip', value: this.#expressions.address() }];
      case 'quad':
        return [{ kind: 'text', type: 'ip', value: this.quad() }];
      case 'words':
        return [{ kind: 'words', words: this.words() }];
      case 'filter':
        return [{ kind: 'filter', filter: this.#filter() }];
      case 'limit':
        return [this.#limit()];
      case 'merge':
        return [this.#merge()];
      case 'local':
        return [this.#local()];
      case 'neighbor':
        return [this.#neighbor()];
      case 'route':
        return this.#route();
      case 'interfaces':
        return [{ kind: 'interfaces', patterns: this.#interfaces() }];
      case 'bfd-interface':
        return [{ kind: 'bfd', patterns: this.#interfaces(), timers: this.#bfdTimers() }];
      case 'bfd-multihop':
        return [{ kind: 'bfd', patterns: null, timers: this.#bfdTimers() }];
    }
  }

  #boolOrWord(): OptionValue {
    const { kind, text } = this.#tokens.token;
    if (kind === 'word' && !TRUE_WORDS.has(text) && !FALSE_WORDS.has(text)) {
      return { kind: 'words', words: [this.#tokens.take().text] };
    }
    if (this.#tokens.isOperator('{')) return { kind: 'words', words: this.words() };
    return { kind: 'bool', value: this.#tokens.bool() };
  }

  /** A router id: a dotted quad, or the number that it is. */
  quad(): string {
    const { kind, text, value } = this.#tokens.token;
    if (kind !== 'ip4' && kind !== 'number') this.#tokens.fail('a dotted quad');
    this.#tokens.take();
    if (kind === 'ip4') return text;
    return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');
  }

  /** `all`, `off`, or `{ states, routes }`. */
  words(): readonly string[] {
    if (!this.#tokens.takeOperator('{')) return [this.#tokens.name('all, off or { ... }').text];
    const words: string[] = [];
    while (!this.#tokens.isOperator('}')) {
      words.push(this.#tokens.name('a word').text);
      if (!this.#tokens.takeOperator(',')) break;
    }
    this.#tokens.expectOperator('}');
    return words;
  }

  #filter(): FilterUse {
    if (this.#tokens.takeWord('all')) return { kind: 'all' };
    if (this.#tokens.takeWord('none')) return { kind: 'none' };
    this.#scope.variables = new Map();
    if (this.#tokens.takeWord('where')) return { kind: 'where', condition: this.#expressions.expression() };
    if (!this.#tokens.takeWord('filter'))
      this.#tokens.fail('all, none, where CONDITION, filter NAME or filter { ... }');
    if (!this.#tokens.isName || this.#isTypeAhead()) return { kind: 'inline', ...this.#commands.body() };
    const { text, at } = this.#tokens.take();
    if (!this.#scope.filters.has(text)) throw new BirdConfigError(at, `No such filter: ${text} is not defined before`);
    return { kind: 'named', name: text };
  }

  #isTypeAhead(): boolean {
    return this.#tokens.ahead.kind !== 'operator';
  }

  #limit(): OptionValue {
    if (this.#tokens.takeWord('off')) return { kind: 'limit', limit: null, action: null };
    const limit = this.#expressions.constantNumber('a number of routes');
    if (!this.#tokens.takeWord('action')) return { kind: 'limit', limit, action: null };
    const { text } = this.#tokens.token;
    if (!LIMIT_ACTIONS.includes(text)) this.#tokens.fail(LIMIT_ACTIONS.join(', '));
    return { kind: 'limit', limit, action: this.#tokens.take().text };
  }

  #merge(): OptionValue {
    const value = this.#tokens.isWord('limit') ? true : this.#tokens.bool();
    const limit = this.#tokens.takeWord('limit') ? this.#expressions.constantNumber('a number of paths') : null;
    return { kind: 'merge', value, limit };
  }

  #local(): OptionValue {
    const { kind } = this.#tokens.token;
    const address = kind === 'ip4' || kind === 'ip6' ? this.#expressions.address() : null;
    this.#tokens.expectWord('as');
    return { kind: 'local', address, as: this.#expressions.constantNumber('an AS number') };
  }

  #interfaceName(): string {
    const { kind } = this.#tokens.token;
    if (kind === 'string' || this.#tokens.isName) return this.#tokens.take().text;
    return this.#tokens.fail('the name of an interface');
  }

  #neighbor(): OptionValue {
    const { kind } = this.#tokens.token;
    const address = kind === 'ip4' || kind === 'ip6' ? this.#expressions.address() : null;
    const interfaceName = this.#tokens.takeOperator('%') ? this.#interfaceName() : null;
    const port = this.#tokens.takeWord('port') ? this.#expressions.constantNumber('a port') : null;
    const as = this.#tokens.takeWord('as') ? this.#expressions.constantNumber('an AS number') : null;
    return { kind: 'neighbor', address, interfaceName, port, as };
  }

  #route(): readonly OptionValue[] {
    const prefix = this.#expressions.prefix();
    const target = this.#target();
    if (this.#tokens.isOperator('{')) {
      throw new BirdConfigError(this.#tokens.at, 'attributes of static routes are not supported, wanted: ;');
    }
    return [{ kind: 'route', prefix, target }];
  }

  #target(): StaticTarget {
    const { text } = this.#tokens.token;
    switch (text) {
      case 'blackhole':
      case 'drop':
        this.#tokens.take();
        return { kind: 'blackhole' };
      case 'unreachable':
      case 'reject':
        this.#tokens.take();
        return { kind: 'unreachable' };
      case 'prohibit':
        this.#tokens.take();
        return { kind: 'prohibit' };
      case 'via':
        this.#tokens.take();
        return this.#via();
      case 'recursive':
        this.#tokens.take();
        return { kind: 'recursive', address: this.#expressions.address() };
      case 'multipath':
        this.#tokens.take();
        while (this.#tokens.takeWord('via')) {
          this.#via();
          if (this.#tokens.takeWord('weight')) this.#expressions.constantNumber('a weight');
        }
        return { kind: 'multipath' };
      default:
        return this.#tokens.fail('blackhole, unreachable, prohibit, via, multipath or recursive');
    }
  }

  #via(): StaticTarget {
    if (this.#tokens.token.kind === 'string') return { kind: 'device', interfaceName: this.#tokens.take().text };
    const address = this.#expressions.address();
    return { kind: 'via', address, interfaceName: this.#tokens.takeOperator('%') ? this.#interfaceName() : null };
  }

  /** `-"cali*", "*"`, as globs with a leading `-`; prefixes as they are. */
  #interfaces(): readonly string[] {
    const patterns: string[] = [];
    do {
      const sign = this.#tokens.takeOperator('-') ? '-' : '';
      const { kind } = this.#tokens.token;
      if (kind === 'ip4' || kind === 'ip6') patterns.push(`${sign}${this.#expressions.prefix()}`);
      else patterns.push(`${sign}${this.#tokens.string('a pattern for names of interfaces')}`);
      if (this.#tokens.token.kind === 'ip4' || this.#tokens.token.kind === 'ip6') {
        this.#tokens.fail('patterns of names only (prefixes are not supported)');
      }
    } while (this.#tokens.takeOperator(','));
    return patterns;
  }

  /** `{ min rx interval 50 ms; min tx interval 50 ms; multiplier 3; }` */
  #bfdTimers(): BfdTimers {
    let timers: BfdTimers = { minRxMs: null, minTxMs: null, multiplier: null };
    if (!this.#tokens.takeOperator('{')) return timers;
    while (!this.#tokens.takeOperator('}')) {
      if (this.#tokens.takeOperator(';')) continue;
      const { at } = this.#tokens;
      if (this.#tokens.takeWord('interval')) {
        const interval = this.#milliseconds();
        timers = { ...timers, minRxMs: interval, minTxMs: interval };
      } else if (this.#tokens.takeWord('multiplier')) {
        timers = { ...timers, multiplier: this.#expressions.constantNumber('a number of packets') };
      } else if (this.#tokens.takeWord('min')) {
        const field = this.#tokens.takeWord('rx') ? 'minRxMs' : 'minTxMs';
        if (field === 'minTxMs') this.#tokens.expectWord('tx');
        this.#tokens.expectWord('interval');
        timers = { ...timers, [field]: this.#milliseconds() };
      } else if (this.#tokens.takeWord('idle')) {
        this.#tokens.expectWord('tx');
        this.#tokens.expectWord('interval');
        this.#milliseconds();
      } else if (this.#tokens.takeWord('passive')) {
        if (this.#tokens.bool()) throw new BirdConfigError(at, 'passive BFD is not supported, wanted: passive off');
      } else if (this.#tokens.takeWord('authentication')) {
        if (!this.#tokens.takeWord('none')) throw new BirdConfigError(at, 'BFD authentication is not supported');
      } else {
        this.#tokens.fail('interval, min rx interval, min tx interval, idle tx interval, multiplier, passive or }');
      }
      this.#tokens.expectOperator(';');
    }
    return timers;
  }

  /** A number with `s`, `ms` or `us`; seconds without. */
  #milliseconds(): number {
    const value = this.#expressions.constantNumber('a time');
    if (this.#tokens.takeWord('ms')) return value;
    if (this.#tokens.takeWord('us')) return Math.ceil(value / 1000);
    this.#tokens.takeWord('s');
    return value * 1000;
  }
}

function isBeginning(options: ReadonlyMap<string, ValueForm>, words: string): boolean {
  if (options.has(words)) return true;
  const longer = `${words} `;
  for (const name of options.keys()) if (name.startsWith(longer)) return true;
  return false;
}
