/**
 * Which control sockets there are and where: decided by options, else by environment, else by whether this is a
 * calico-node: then both are in /var/run/calico, in the dialect that Calico's readers know.
 */

import { existsSync } from 'node:fs';
import { DIALECT_NAMES, type DialectName, type TimeStyle } from './dialect.ts';

export const CALICO_RUN_DIRECTORY = '/var/run/calico';
const FILE_NAMES = ['bird.ctl', 'bird6.ctl'] as const;

export interface BirdSocketSettings {
  /** By family index; null: no such socket. */
  readonly paths: readonly [string | null, string | null];
  readonly dialect: DialectName;
  readonly timeStyle: TimeStyle;
}

/** What the command line says; null: nothing. */
export interface BirdSocketArguments {
  readonly birdSocket: string | null;
  readonly bird6Socket: string | null;
  readonly dialect: string | null;
  readonly timeStyle: string | null;
}

export const NO_BIRD_ARGUMENTS: BirdSocketArguments = {
  birdSocket: null,
  bird6Socket: null,
  dialect: null,
  timeStyle: null,
};

type Environment = Readonly<Record<string, string | undefined>>;

/** `off` and the empty text are no path. @param isCalico by family index: this process stands in for Calico's daemon of it */
export function birdSocketSettings(
  given: BirdSocketArguments,
  variables: Environment,
  isCalico: readonly [boolean, boolean],
  exists: (path: string) => boolean = existsSync,
): BirdSocketSettings | { readonly problem: string } {
  const dialect = given.dialect ?? (variables.PEREGRINE_BIRD_DIALECT || '1.6');
  const timeStyle = given.timeStyle ?? (variables.PEREGRINE_BIRD_TIMEFORMAT || 'short');
  const known = DIALECT_NAMES.find((name) => name === dialect);
  if (known === undefined) return { problem: `BIRD dialect "${dialect}": wanted ${DIALECT_NAMES.join(' or ')}` };
  if (timeStyle !== 'short' && timeStyle !== 'long') {
    return { problem: `BIRD time format "${timeStyle}": wanted short or long` };
  }
  const path = (family: 0 | 1, argument: string | null, variable: string | undefined): string | null => {
    const said = argument ?? (variable || null);
    const isDefaultOn = said === null && isCalico[family] && exists(CALICO_RUN_DIRECTORY);
    if (said === null) return isDefaultOn ? `${CALICO_RUN_DIRECTORY}/${FILE_NAMES[family]}` : null;
    return said === 'off' || said === '' ? null : said;
  };
  return {
    paths: [
      path(0, given.birdSocket, variables.PEREGRINE_BIRD_SOCKET),
      path(1, given.bird6Socket, variables.PEREGRINE_BIRD6_SOCKET),
    ],
    dialect: known,
    timeStyle,
  };
}
