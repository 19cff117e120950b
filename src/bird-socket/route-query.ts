/** What `show route` was asked for: its options in any order, as BIRD's grammar has them. */

import type { FamilyIndex } from '../../bgp/family.ts';
import { FAMILY_ADDRESS_BITS } from '../../bgp/family.ts';
import { type Prefix, parseAddress, parsePrefix, prefixOf } from '../../bgp/ip.ts';
import type { Speaker } from '../speaker/speaker.ts';
import type { Dialect } from './dialect.ts';
import { type Protocol, protocolsOf } from './protocols.ts';
import { CommandError, type TokenReader } from './tokens.ts';
import { type Condition, parseCondition } from './where.ts';

export interface RouteQuery {
  readonly families: readonly FamilyIndex[];
  /** Which prefixes: all, exactly one, the longest that covers one, or all inside one. */
  readonly scope: { readonly kind: 'all' } | { readonly kind: 'exact' | 'for' | 'in'; readonly prefix: Prefix };
  readonly condition: Condition | null;
  readonly isVerbose: boolean;
  readonly isPrimary: boolean;
  readonly isFiltered: boolean;
  readonly exportMode: 'export' | 'preexport' | 'noexport' | null;
  /** Of `export` and its kin. */
  readonly exportTo: Protocol | null;
  readonly from: Protocol | null;
  readonly output: 'routes' | 'stats' | 'count';
}

type Draft = { -readonly [K in keyof RouteQuery]: RouteQuery[K] };

const EXPORT_MODES: Readonly<Record<string, 'export' | 'preexport' | 'noexport'>> = {
  export: 'export',
  preexport: 'preexport',
  noexport: 'noexport',
  export_table: 'export',
};

function prefixOfToken(dialect: Dialect, text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === null) throw new CommandError(`Invalid prefix ${text}`);
  if (!dialect.families.includes(prefix.family)) throw new CommandError('syntax error, address of the other family');
  return prefix;
}

/** A protocol by its full name. */
export function protocolNamed(speaker: Speaker, dialect: Dialect, reader: TokenReader): Protocol {
  const { kind, text } = reader.next();
  if (kind !== 'word' && kind !== 'string') throw new CommandError();
  const found = protocolsOf(speaker, dialect).find(({ name }) => name === text);
  if (found === undefined) throw new CommandError(`${text} is not a protocol`, 9002);
  return found;
}

function tableFamilies(dialect: Dialect, name: string): readonly FamilyIndex[] {
  if (dialect.name === '1.6' && name === 'master') return dialect.families;
  if (dialect.name === '2' && name === 'master4') return [0];
  if (dialect.name === '2' && name === 'master6') return [1];
  if (dialect.name === '2' && name === 'all') return dialect.families;
  throw new CommandError(`${name} is not a table`, 9002);
}

/** `show route` without anything behind it. */
export function everyRoute(families: readonly FamilyIndex[]): RouteQuery {
  return {
    families,
    scope: { kind: 'all' },
    condition: null,
    isVerbose: false,
    isPrimary: false,
    isFiltered: false,
    exportMode: null,
    exportTo: null,
    from: null,
    output: 'routes',
  };
}

/** Reads everything after `show route`. */
export function parseRouteQuery(speaker: Speaker, dialect: Dialect, reader: TokenReader): RouteQuery {
  const query: Draft = everyRoute(dialect.families);
  while (reader.peek() !== null) readOption(speaker, dialect, reader, query);
  const { scope } = query;
  if (scope.kind !== 'all') query.families = query.families.filter((family) => family === scope.prefix.family);
  return query;
}

function readOption(speaker: Speaker, dialect: Dialect, reader: TokenReader, query: Draft): void {
  const token = reader.next();
  const scoped = (kind: 'exact' | 'for' | 'in', text: string): void => {
    if (query.scope.kind !== 'all') throw new CommandError('Only one prefix expected');
    query.scope = { kind, prefix: prefixOfToken(dialect, text) };
  };
  if (token.kind === 'prefix') return scoped('exact', token.text);
  if (token.kind !== 'word') throw new CommandError();
  switch (token.text) {
    case 'for': {
      const target = reader.next();
      const address = target.kind === 'address' ? parseAddress(target.text) : null;
      if (address === null) return scoped('for', target.text);
      const host = prefixOf(address, FAMILY_ADDRESS_BITS[address.family]);
      if (!dialect.families.includes(host.family)) throw new CommandError('syntax error, address of the other family');
      query.scope = { kind: 'for', prefix: host };
      return;
    }
    case 'in':
      return scoped('in', reader.next().text);
    case 'table':
      query.families = tableFamilies(dialect, reader.next().text);
      return;
    case 'where':
      query.condition = parseCondition(reader);
      return;
    case 'filter': {
      const name = reader.next().text;
      throw new CommandError(`${name} is not a filter; a condition can be given with where`, 9002);
    }
    case 'all':
      query.isVerbose = true;
      return;
    case 'primary':
      query.isPrimary = true;
      return;
    case 'filtered':
      query.isFiltered = true;
      return;
    case 'protocol':
      query.from = protocolNamed(speaker, dialect, reader);
      return;
    case 'count':
      query.output = 'count';
      return;
    case 'stats':
      if (query.output !== 'count') query.output = 'stats';
      return;
    default: {
      const mode = Object.hasOwn(EXPORT_MODES, token.text) ? EXPORT_MODES[token.text] : null;
      if (mode === null) throw new CommandError();
      if (query.exportMode !== null) throw new CommandError('Protocol specified twice');
      query.exportMode = mode;
      query.exportTo = protocolNamed(speaker, dialect, reader);
    }
  }
}
