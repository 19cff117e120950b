/**
 * What a process called `bird` or `bird6` is to be, by PEREGRINE_BIRD_MODE:
 * separate: each reads its own file and serves its own family and socket, as BIRD's two daemons do;
 * together: `bird` reads both files and serves both sockets, `bird6` passes SIGHUP on to it;
 * native: `bird` follows Calico's datastore instead of files (confd is not needed), `bird6` as above.
 */

import { basename, dirname, join } from 'node:path';
import type { LauncherArguments, LauncherName } from './arguments.ts';

export const BIRD_MODES = ['separate', 'together', 'native'] as const;
export type BirdMode = (typeof BIRD_MODES)[number];

export type LauncherPlan =
  /** Arguments of `peregrine run`. */
  | { readonly kind: 'run'; readonly argv: readonly string[] }
  /** Forward SIGHUP to the daemon behind this control socket. */
  | { readonly kind: 'stub'; readonly socketPath: string }
  | { readonly kind: 'refused'; readonly reason: string };

type Environment = Readonly<Record<string, string | undefined>>;

/** The path of the other family's file: bird6.cfg beside bird.cfg. */
function sibling(path: string, from: LauncherName, to: LauncherName): string {
  return join(dirname(path), basename(path).replace(from, to));
}

/** @param nodeName of this node; null: not known */
export function launcherPlan(
  name: LauncherName,
  given: LauncherArguments,
  variables: Environment,
  nodeName: () => string | null,
): LauncherPlan {
  const mode = variables.PEREGRINE_BIRD_MODE || 'separate';
  if (!BIRD_MODES.some((known) => known === mode)) {
    return { kind: 'refused', reason: `PEREGRINE_BIRD_MODE ${mode}: wanted ${BIRD_MODES.join(', ')}` };
  }
  const { configPath, socketPath } = given;
  if (mode !== 'separate' && name === 'bird6') {
    return { kind: 'stub', socketPath: sibling(socketPath, 'bird6', 'bird') };
  }
  // Under runsv SIGTERM only comes from `sv`: somebody wants the sessions closed. The end of the container never gets here.
  const onSigterm = variables.PEREGRINE_ON_SIGTERM || 'shutdown';
  const common = [
    'run',
    ...['--on-sigterm', onSigterm],
    ...['--socket', join(variables.PEREGRINE_RUN_DIRECTORY || '/run/peregrine', `${name}.sock`)],
  ];
  if (mode === 'separate') {
    const isWide = name === 'bird6';
    return {
      kind: 'run',
      argv: [
        ...common,
        ...[isWide ? '--bird6-config' : '--bird-config', configPath],
        ...['--bird-socket', isWide ? 'off' : socketPath, '--bird6-socket', isWide ? socketPath : 'off'],
      ],
    };
  }
  const sockets = ['--bird-socket', socketPath, '--bird6-socket', sibling(socketPath, 'bird', 'bird6')];
  if (mode === 'together') {
    const files = ['--bird-config', configPath, '--bird6-config', sibling(configPath, 'bird', 'bird6')];
    return { kind: 'run', argv: [...common, ...files, ...sockets] };
  }
  const node = nodeName();
  if (node === null) {
    return {
      kind: 'refused',
      reason: 'the name of this node is not known: NODENAME is not set, nor is there a nodename file',
    };
  }
  const { PEREGRINE_DATASTORE } = variables;
  const datastore = PEREGRINE_DATASTORE ? ['--datastore', PEREGRINE_DATASTORE] : [];
  return { kind: 'run', argv: [...common, '--node', node, ...datastore, ...sockets] };
}
