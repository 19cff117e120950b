/**
 * How the process ends and what it keeps for its next life, as the command line and the environment say: settings of
 * the process, not of BGP, so they are not in the configuration that is followed.
 */

export type OnSigterm = 'restart' | 'shutdown';

export interface RestartSettings {
  /** `restart`: leave without a word, peers keep our routes; `shutdown`: Cease / Administrative Shutdown. */
  readonly onSigterm: OnSigterm;
  /** Null: beside the control socket; empty: none. */
  readonly stateFile: string | null;
  /** How long the leftovers of an earlier life wait for peers at most. */
  readonly deferralSeconds: number;
}

export const RESTART_DEFAULTS: RestartSettings = { onSigterm: 'restart', stateFile: null, deferralSeconds: 240 };

const ON_SIGTERM: readonly OnSigterm[] = ['restart', 'shutdown'];
const DEFERRAL_SECONDS_MAX = 3600;

export interface RestartFlags {
  readonly 'on-sigterm'?: string;
  readonly 'state-file'?: string;
}

export interface RestartVariables {
  readonly PEREGRINE_ON_SIGTERM?: string;
  readonly PEREGRINE_STATE_FILE?: string;
  readonly PEREGRINE_RESTART_DEFERRAL_SECONDS?: string;
}

/** The settings, or in words what is wrong with them. The command line comes before the environment. */
export function restartSettings(flags: RestartFlags, variables: RestartVariables): RestartSettings | string {
  const named = (flag: keyof RestartFlags, variable: keyof RestartVariables) =>
    flags[flag] !== undefined
      ? { text: flags[flag], name: `--${flag}` }
      : { text: variables[variable] || undefined, name: variable };
  const term = named('on-sigterm', 'PEREGRINE_ON_SIGTERM');
  const onSigterm = ON_SIGTERM.find((word) => word === (term.text ?? RESTART_DEFAULTS.onSigterm));
  if (onSigterm === undefined) return `${term.name} ${term.text}: wanted ${ON_SIGTERM.join(' or ')}`;
  const file = named('state-file', 'PEREGRINE_STATE_FILE').text;
  const seconds = variables.PEREGRINE_RESTART_DEFERRAL_SECONDS || String(RESTART_DEFAULTS.deferralSeconds);
  if (!/^\d{1,4}$/.test(seconds) || Number(seconds) > DEFERRAL_SECONDS_MAX)
    return `PEREGRINE_RESTART_DEFERRAL_SECONDS ${seconds}: wanted 0 to ${DEFERRAL_SECONDS_MAX}`;
  return { onSigterm, stateFile: file === 'none' ? '' : (file ?? null), deferralSeconds: Number(seconds) };
}

/** Where the restart file is: as said, or beside the control socket; null: nowhere. */
export function stateFilePath(settings: RestartSettings, socketPath: string): string | null {
  if (settings.stateFile !== null) return settings.stateFile === '' ? null : settings.stateFile;
  return `${socketPath.replace(/\.sock$/, '')}.restart`;
}
