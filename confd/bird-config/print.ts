/**
 * Configurations as text: what is parsed again to the same tree. Names of policy statements are made of it, and it
 * tells equal filters by, so it leaves out places and blanks and keeps the order.
 */

import type {
  BirdConfig,
  CaseArm,
  Command,
  Expression,
  FilterUse,
  Option,
  Protocol,
  SetItem,
  StaticTarget,
  Variable,
} from './ast.ts';
import { isReserved } from './vocabulary.ts';

const HEAD_LIMIT = 100;
const ANY_WORD = 0xffffffff;

/** A name as it has to be written: in quotes when it would be read as something else. */
export function printName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !isReserved(name) ? name : `'${name}'`;
}

function printPart({ low, high }: { low: number; high: number }): string {
  if (low === 0 && high === ANY_WORD) return '*';
  return low === high ? String(low) : `${low}..${high}`;
}

export function printSetItem(item: SetItem): string {
  switch (item.kind) {
    case 'numbers':
      return item.low === item.high ? String(item.low) : `${item.low}..${item.high}`;
    case 'enum':
      return item.name;
    case 'prefix': {
      const length = Number(item.prefix.slice(item.prefix.indexOf('/') + 1));
      return item.low === length && item.high === length ? item.prefix : `${item.prefix}{${item.low},${item.high}}`;
    }
    case 'addresses':
      return item.low === item.high ? item.low : `${item.low}..${item.high}`;
    case 'tuple':
      return `(${[...(item.ec === null ? [] : [item.ec]), ...item.parts.map(printPart)].join(', ')})`;
  }
}

/** How strongly an expression holds together: the levels of parse-expression.ts. */
function strength(expression: Expression): number {
  if (expression.kind === 'not') return 5;
  if (expression.kind !== 'binary') return 6;
  const { operator } = expression;
  if (operator === '&&' || operator === '||') return 1;
  if (operator === '+' || operator === '-') return 3;
  return operator === '*' || operator === '/' ? 4 : 2;
}

/** An operand, in brackets when it holds together less strongly than what is around it wants. */
function operand(expression: Expression, wanted: number): string {
  const text = printExpression(expression);
  return strength(expression) < wanted ? `(${text})` : text;
}

export function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'number':
    case 'bool':
      return String(expression.value);
    case 'string':
      return `"${expression.value}"`;
    case 'ip':
      return expression.address;
    case 'prefix':
      return expression.prefix;
    case 'enum':
      return expression.name;
    case 'attribute':
      return expression.name;
    case 'variable':
      return printName(expression.name);
    case 'tuple':
      return `(${[...(expression.ec === null ? [] : [expression.ec]), ...expression.elements.map(printExpression)].join(', ')})`;
    case 'set':
      return `[${expression.items.map(printSetItem).join(', ')}]`;
    case 'mask':
      return `[= ${[...expression.items, '=]'].join(' ')}`;
    case 'empty':
      return '-empty-';
    case 'call':
      return `${printName(expression.name)}(${expression.arguments.map(printExpression).join(', ')})`;
    case 'not':
      return `!${operand(expression.operand, 5)}`;
    case 'binary':
      return printBinary(expression);
    case 'method': {
      const { object, name, argument } = expression;
      return `${operand(object, 6)}.${name}${argument === null ? '' : `(${printExpression(argument)})`}`;
    }
    case 'defined':
      return `defined(${expression.name})`;
  }
}

/** Operators of one level go from left to right; comparisons do not chain at all. */
function printBinary(expression: Extract<Expression, { kind: 'binary' }>): string {
  const own = strength(expression);
  const { left, operator, right } = expression;
  return `${operand(left, own === 2 ? 3 : own)} ${operator} ${operand(right, own + 1)}`;
}

function printBlock(commands: readonly Command[]): string {
  return `{ ${commands.map((command) => `${printCommand(command)} `).join('')}}`;
}

function printArm({ items, body }: CaseArm): string {
  return `${items.map(printSetItem).join(', ')}: ${body.map(printCommand).join(' ')}`;
}

export function printCommand(command: Command): string {
  switch (command.kind) {
    case 'if': {
      const otherwise = command.otherwise.length === 0 ? '' : ` else ${printBlock(command.otherwise)}`;
      return `if ${printExpression(command.condition)} then ${printBlock(command.consequence)}${otherwise}`;
    }
    case 'assign':
      return `${printName(command.name)} = ${printExpression(command.value)};`;
    case 'set':
      return `${command.attribute} = ${printExpression(command.value)};`;
    case 'edit':
      return `${command.attribute}.${command.method}(${printExpression(command.value)});`;
    case 'unset':
      return `unset(${command.attribute});`;
    case 'accept':
    case 'reject':
      return `${command.kind};`;
    case 'return':
      return command.value === null ? 'return;' : `return ${printExpression(command.value)};`;
    case 'print':
      return 'print "";';
    case 'call':
      return `${printExpression(command.call)};`;
    case 'case': {
      const arms = command.arms.map((arm) => `${printArm(arm)} `).join('');
      const otherwise = command.otherwise.length === 0 ? '' : `else: ${command.otherwise.map(printCommand).join(' ')} `;
      return `case ${printExpression(command.subject)} { ${arms}${otherwise}}`;
    }
  }
}

/** The beginning of a command, for names. */
export function printCommandHead(command: Command): string {
  const text =
    command.kind === 'if' ? `if ${printExpression(command.condition)}` : printCommand(command).replace(/;$/, '');
  return text.length <= HEAD_LIMIT ? text : `${text.slice(0, HEAD_LIMIT - 3)}...`;
}

function printVariables(variables: readonly Variable[]): string {
  return variables.map(({ type, name }) => `${type} ${printName(name)}; `).join('');
}

export function printFilterUse(use: FilterUse): string {
  switch (use.kind) {
    case 'all':
    case 'none':
      return use.kind;
    case 'named':
      return `filter ${printName(use.name)}`;
    case 'inline':
      return `filter ${printVariables(use.variables)}${printBlock(use.body)}`;
    case 'where':
      return `where ${printExpression(use.condition)}`;
  }
}

function printTarget(target: StaticTarget): string {
  switch (target.kind) {
    case 'via':
      return `via ${target.address}${target.interfaceName === null ? '' : ` % "${target.interfaceName}"`}`;
    case 'recursive':
      return `recursive ${target.address}`;
    case 'device':
      return `via "${target.interfaceName}"`;
    default:
      return target.kind;
  }
}

function printPatterns(patterns: readonly string[]): string {
  return patterns.map((one) => (one.startsWith('-') ? `-"${one.slice(1)}"` : `"${one}"`)).join(', ');
}

function printOption({ name, value }: Option): string {
  switch (value.kind) {
    case 'none':
      return `${name};`;
    case 'bool':
      return `${name} ${value.value ? 'on' : 'off'};`;
    case 'numbers':
      return `${[name, value.values.join(', ')].join(' ').trim()};`;
    case 'text':
      return `${name} ${value.type === 'string' ? `"${value.value}"` : value.type === 'name' ? printName(value.value) : value.value};`;
    case 'words':
      return `${name} { ${value.words.join(', ')} };`;
    case 'filter':
      return `${name} ${printFilterUse(value.filter)};`;
    case 'limit':
      if (value.limit === null) return `${name} off;`;
      return `${name} ${value.limit}${value.action === null ? '' : ` action ${value.action}`};`;
    case 'merge':
      return `${name} ${value.value ? 'on' : 'off'}${value.limit === null ? '' : ` limit ${value.limit}`};`;
    case 'local':
      return `${name}${value.address === null ? '' : ` ${value.address}`} as ${value.as};`;
    case 'neighbor': {
      const { address, interfaceName, port, as } = value;
      const parts = [
        name,
        address ?? '',
        interfaceName === null ? '' : `% "${interfaceName}"`,
        port === null ? '' : `port ${port}`,
        as === null ? '' : `as ${as}`,
      ];
      return `${parts.filter((part) => part !== '').join(' ')};`;
    }
    case 'route':
      return `${name} ${value.prefix} ${printTarget(value.target)};`;
    case 'interfaces':
      return `${name} ${printPatterns(value.patterns)};`;
    case 'bfd': {
      const { patterns, timers } = value;
      const { minRxMs, minTxMs, multiplier } = timers;
      const lines = [
        minRxMs === null ? '' : `min rx interval ${minRxMs} ms; `,
        minTxMs === null ? '' : `min tx interval ${minTxMs} ms; `,
        multiplier === null ? '' : `multiplier ${multiplier}; `,
      ];
      return `${name} ${patterns === null ? '' : `${printPatterns(patterns)} `}{ ${lines.join('')}};`;
    }
  }
}

function printProtocol(word: string, { type, name, options }: Protocol): string {
  return `${word} ${type} ${printName(name)} {\n${options.map((option) => `  ${printOption(option)}\n`).join('')}}\n`;
}

/** The whole configuration; options of templates are written out in the protocols that use them. */
export function printConfig(config: BirdConfig): string {
  const { routerId, listen, functions, filters, templates, protocols } = config;
  const parts: string[] = [];
  if (routerId !== null) parts.push(`router id ${routerId.value};\n`);
  if (listen !== null) {
    const address = listen.address === null ? '' : ` address ${listen.address}`;
    parts.push(`listen bgp${address}${listen.port === null ? '' : ` port ${listen.port}`};\n`);
  }
  for (const { name, parameters, variables, body } of functions.values()) {
    const list = parameters.map((one) => `${one.type} ${printName(one.name)}`).join('; ');
    parts.push(`function ${printName(name)}(${list}) ${printVariables(variables)}${printBlock(body)}\n`);
  }
  for (const { name, variables, body } of filters.values()) {
    parts.push(`filter ${printName(name)} ${printVariables(variables)}${printBlock(body)}\n`);
  }
  for (const template of templates.values()) parts.push(printProtocol('template', template));
  for (const protocol of protocols) parts.push(printProtocol('protocol', protocol));
  return parts.join('');
}
