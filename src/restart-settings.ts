/**
 * How the process ends and what it keeps for its next life, as the command line and the environment say: settings of
 * the process, not of BGP, so they are not in the configuration that is followed.
 */

export type OnSigterm = 'restart' | 'shutdown' | 'drain';

export interface RestartSettings {
  /**
   * `restart`: leave without a word, peers keep our routes; `shutdown`: Cease / Administrative Shutdown; `drain`: first
   * have everybody go other ways (RFC 8326), then Cease.
   */
  readonly onSigterm: OnSigterm;
  /** Null: beside the control socket; empty: none. */
  readonly stateFile: string | null;
  /** How long the leftovers of an earlier life wait for peers at most. */
  readonly deferralSeconds: number;
  /** From the beginning of a drain to the end of the sessions, unless said with the order. */
  readonly drainSeconds: number;
}

export const RESTART_DEFAULTS: RestartSettings = {
  onSigterm: 'restart',
  stateFile: null,
  deferralSeconds: 240,
  drainSeconds: 30,
};

const ON_SIGTERM: readonly OnSigterm[] = ['restart', 'shutdown', 'drain'];
const SECONDS_MAX = 3600;

export interface RestartFlags {
  readonly 'on-sigterm'?: string;
  readonly 'state-file'?: string;
}

export interface RestartVariables {
  readonly PEREGRINE_ON_SIGTERM?: string;
  readonly PEREGRINE_STATE_FILE?: string;
  readonly PEREGRINE_RESTART_DEFERRAL_SECONDS?: string;
  readonly PEREGRINE_DRAIN_SECONDS?: string;
}

/** The settings, or in words what is wrong with them. The command line comes before the environment. */
export function restartSettings(flags: RestartFlags, variables: RestartVariables): RestartSettings | string {
  const named = (flag: keyof RestartFlags, variable: keyof RestartVariables) =>
    flags[flag] !== undefined
      ? { text: flags[flag], name: `--${flag}` }
      : { text: variables[variable] || undefined, name: variable };
  const term = named('on-sigterm', 'PEREGRINE_ON_SIGTERM');
  const onSigterm = ON_SIGTERM.find((word) => word === (term.text ?? RESTART_DEFAULTS.onSigterm));
  if (onSigterm === undefined) return `${term.name} ${term.text}: wanted restart, shutdown or drain`;
  const file = named('state-file', 'PEREGRINE_STATE_FILE').text;
  const deferralSeconds = secondsOf('PEREGRINE_RESTART_DEFERRAL_SECONDS', variables, RESTART_DEFAULTS.deferralSeconds);
  if (typeof deferralSeconds === 'string') return deferralSeconds;
  const drainSeconds = secondsOf('PEREGRINE_DRAIN_SECONDS', variables, RESTART_DEFAULTS.drainSeconds);
  if (typeof drainSeconds === 'string') return drainSeconds;
  return { onSigterm, stateFile: file === 'none' ? '' : (file ?? null), deferralSeconds, drainSeconds };
}

function secondsOf(name: keyof RestartVariables, variables: RestartVariables, fallback: number): number | string {
  const text = variables[name] || String(fallback);
  const isSeconds = /^\d{1,4}$/.test(text) && Number(text) <= SECONDS_MAX;
  return isSeconds ? Number(text) : `${name} ${text}: wanted 0 to ${SECONDS_MAX}`;
}

/** Where the restart file is: as said, or beside the control socket; null: nowhere. */
export function stateFilePath(settings: RestartSettings, socketPath: string): string | null {
  if (settings.stateFile !== null) return settings.stateFile === '' ? null : settings.stateFile;
  return `${socketPath.replace(/\.sock$/, '')}.restart`;
}
