/** The whole configuration: global statements in order, everything defined before it is used. */

import type { FamilyName } from '../../bgp/family.ts';
import type { BirdConfig, GlobalOption, Protocol, Variable } from './ast.ts';
import { BirdConfigError, type Position } from './diagnostic.ts';
import { type BirdSources, Lexer } from './lexer.ts';
import { CommandParser } from './parse-command.ts';
import { ExpressionParser, numberOf } from './parse-expression.ts';
import { ProtocolParser } from './parse-protocol.ts';
import { Scope } from './scope.ts';
import { TokenStream } from './token-stream.ts';

export interface ParsedConfig {
  readonly config: BirdConfig;
  /** All files that were read, by path. */
  readonly texts: ReadonlyMap<string, string>;
}

class ConfigParser {
  readonly #tokens: TokenStream;
  readonly #scope: Scope;
  readonly #expressions: ExpressionParser;
  readonly #commands: CommandParser;
  readonly #protocols: ProtocolParser;
  #routerId: BirdConfig['routerId'] = null;
  #listen: BirdConfig['listen'] = null;
  readonly #ignored: GlobalOption[] = [];

  constructor(tokens: TokenStream, family: FamilyName) {
    this.#tokens = tokens;
    this.#scope = new Scope(family);
    this.#expressions = new ExpressionParser(tokens, this.#scope);
    this.#commands = new CommandParser(tokens, this.#scope, this.#expressions);
    this.#protocols = new ProtocolParser(tokens, this.#scope, this.#expressions, this.#commands);
  }

  config(): BirdConfig {
    while (this.#tokens.token.kind !== 'end') {
      if (!this.#tokens.takeOperator(';')) this.#statement();
    }
    const { functions, filters, templates, protocols, doubts } = this.#scope;
    return {
      routerId: this.#routerId,
      listen: this.#listen,
      functions,
      filters,
      templates,
      protocols: [...protocols.values()],
      ignored: this.#ignored,
      doubts,
    };
  }

  #statement(): void {
    const { text, kind, at } = this.#tokens.token;
    if (kind !== 'word') this.#tokens.fail('a statement');
    switch (text) {
      case 'router':
        return this.#routerIdStatement(at);
      case 'listen':
        return this.#listenStatement();
      case 'define':
        return this.#define();
      case 'function':
        return this.#function(at);
      case 'filter':
        return this.#filter(at);
      case 'template':
      case 'protocol':
        return this.#protocol(text === 'template', at);
      case 'table':
        this.#tokens.take();
        this.#scope.tables.add(this.#scope.newName(this.#tokens.name('the name of a table')));
        return this.#end(text);
      case 'log':
      case 'debug':
      case 'mrtdump':
      case 'watchdog':
      case 'timeformat':
        return this.#ignore(text, at);
      case 'graceful':
        this.#tokens.take();
        this.#tokens.expectWord('restart');
        this.#tokens.expectWord('wait');
        this.#expressions.constantNumber('a number of seconds');
        this.#ignored.push({ name: 'graceful restart wait', at });
        return this.#end('graceful restart wait');
      case 'include':
        return this.#tokens.fail('include at the beginning of a line');
      case 'roa':
        throw new BirdConfigError(at, 'roa tables are not supported');
      case 'ipv4':
      case 'ipv6':
        throw new BirdConfigError(at, `"${text}" is the language of BIRD 2, wanted is that of 1.6`);
      default:
        this.#tokens.fail(
          'include, router id, listen bgp, define, function, filter, template, protocol, table, log or debug',
        );
    }
  }

  #end(what: string): void {
    if (!this.#tokens.takeOperator(';')) this.#tokens.fail(`; after ${what}`);
  }

  #routerIdStatement(at: Position): void {
    this.#tokens.take();
    this.#tokens.expectWord('id');
    if (this.#tokens.isWord('from')) {
      throw new BirdConfigError(at, 'router id from INTERFACES is not supported, wanted: a dotted quad');
    }
    this.#routerId = { value: this.#protocols.quad(), at };
    this.#end('router id');
  }

  #listenStatement(): void {
    this.#tokens.take();
    this.#tokens.expectWord('bgp');
    let address: string | null = null;
    let port: number | null = null;
    while (!this.#tokens.isOperator(';')) {
      const { at } = this.#tokens;
      if (this.#tokens.takeWord('address')) address = this.#expressions.address();
      else if (this.#tokens.takeWord('port')) {
        port = this.#expressions.constantNumber('a port');
        if (port < 1 || port > 65_535) throw new BirdConfigError(at, `Invalid port number: ${port}`);
      } else if (!this.#tokens.takeWord('v6only') && !this.#tokens.takeWord('dual')) {
        this.#tokens.fail('address, port, v6only, dual or ;');
      }
    }
    this.#tokens.take();
    this.#listen = { address, port };
  }

  #define(): void {
    this.#tokens.take();
    const name = this.#scope.newName(this.#tokens.name('the name of a constant'));
    this.#tokens.expectOperator('=');
    const { at } = this.#tokens;
    const value = this.#expressions.expression();
    const number = numberOf(value);
    if (number === null && !['bool', 'string', 'ip', 'prefix', 'enum', 'tuple', 'set', 'mask'].includes(value.kind)) {
      throw new BirdConfigError(at, `the value of ${name} depends on a route, wanted: a constant`);
    }
    this.#scope.constants.set(name, number === null ? value : { kind: 'number', value: number, at });
    this.#end(`define ${name}`);
  }

  #function(at: Position): void {
    this.#tokens.take();
    const name = this.#scope.newName(this.#tokens.name('the name of a function'));
    this.#scope.variables = new Map();
    const parameters: Variable[] = [];
    this.#tokens.expectOperator('(');
    while (!this.#tokens.isOperator(')')) {
      const type = this.#commands.typeName();
      parameters.push(this.#scope.declare(type, this.#tokens.name('the name of a parameter')));
      if (!this.#tokens.takeOperator(';') && !this.#tokens.takeOperator(',')) break;
    }
    this.#tokens.expectOperator(')');
    const { variables, body } = this.#commands.body();
    // Only now: a function cannot call itself.
    this.#scope.functions.set(name, { name, parameters, variables, body, at });
  }

  #filter(at: Position): void {
    this.#tokens.take();
    const name = this.#scope.newName(this.#tokens.name('the name of a filter'));
    this.#scope.variables = new Map();
    this.#scope.filters.set(name, { name, ...this.#commands.body(), at });
  }

  #protocol(isTemplate: boolean, at: Position): void {
    this.#tokens.take();
    const protocol: Protocol = this.#protocols.protocol(isTemplate, at);
    const { templates, protocols } = this.#scope;
    (isTemplate ? templates : protocols).set(protocol.name, protocol);
  }

  /** Statements about BIRD's own logging: read up to their end. */
  #ignore(name: string, at: Position): void {
    while (!this.#tokens.isOperator(';')) {
      if (this.#tokens.token.kind === 'end') this.#tokens.fail(`; after ${name}`);
      this.#tokens.take();
    }
    this.#tokens.take();
    this.#ignored.push({ name, at });
  }
}

/**
 * Reads a configuration and everything that it includes.
 * @throws BirdConfigError at the first mistake
 */
export function parseBirdConfig(sources: BirdSources, path: string, family: FamilyName): ParsedConfig {
  const lexer = new Lexer(sources, path);
  const config = new ConfigParser(new TokenStream(lexer), family).config();
  return { config, texts: lexer.texts };
}
