/** `run`: the options and variables of the daemon. */

import type { TcpOptions } from '../api/tcp-options.ts';
import type { BirdwatcherSettings } from '../birdwatcher/settings.ts';
import type { LauncherHooks } from '../daemon.ts';
import type { LogLevel } from '../log/log.ts';
import type { MonitorSettings } from '../monitor/settings.ts';
import type { Values } from './command.ts';
import { API_OPTIONS } from './option-table.ts';
import { birdFiles, calicoSource } from './source-options.ts';
import { UsageError } from './usage-error.ts';

function logLevel(values: Values): LogLevel | null {
  const level = values['log-level'];
  if (level === undefined) return null;
  if (level === 'debug' || level === 'info' || level === 'warn' || level === 'error') return level;
  throw new UsageError(`--log-level ${level}: wanted debug, info, warn or error`);
}

function kernelBackend(values: Values): 'netlink' | 'none' | null {
  const { kernel } = values;
  if (kernel === undefined || kernel === 'netlink' || kernel === 'none') return kernel ?? null;
  throw new UsageError(`--kernel ${kernel}: wanted netlink or none`);
}

/** Options before variables. */
async function monitor(values: Values): Promise<MonitorSettings> {
  const { monitorSettings } = await import('../monitor/settings.ts');
  const outcome = monitorSettings(values['monitor-listen'] ?? null, process.env);
  if (!outcome.ok) throw new UsageError(outcome.reason);
  return outcome.settings;
}

async function birdwatcher(values: Values): Promise<BirdwatcherSettings | null> {
  const { birdwatcherSettings } = await import('../birdwatcher/settings.ts');
  const settings = birdwatcherSettings(values['birdwatcher-listen'] ?? null, process.env);
  if (typeof settings === 'string') throw new UsageError(settings);
  return settings;
}

async function apiPlaces(values: Values): Promise<{ socketGroup: string | null; apiTcp: TcpOptions | null }> {
  const env = { ...process.env };
  for (const name of API_OPTIONS) {
    if (values[name] !== undefined) env[`PEREGRINE_${name.replaceAll('-', '_').toUpperCase()}`] = String(values[name]);
  }
  const { refusedTcp, tcpOptionsOf } = await import('../api/tcp-options.ts');
  const apiTcp = tcpOptionsOf(env);
  if (typeof apiTcp === 'string') throw new UsageError(apiTcp);
  const refused = apiTcp === null ? null : refusedTcp(apiTcp);
  if (refused !== null) throw new UsageError(refused);
  return { socketGroup: env.PEREGRINE_SOCKET_GROUP || null, apiTcp };
}

/** By family: whether this process stands in for Calico's bird or bird6. */
function calicoFamilies(values: Values): [boolean, boolean] {
  if (values.config !== undefined) return [false, false];
  const [ipv4, ipv6] = [values['bird-config'] !== undefined, values['bird6-config'] !== undefined];
  return ipv4 || ipv6 ? [ipv4, ipv6] : [true, true];
}

export async function run(values: Values, launcher: LauncherHooks | null = null): Promise<number> {
  const { restartSettings } = await import('../restart-settings.ts');
  const restart = restartSettings(values, process.env);
  if (typeof restart === 'string') throw new UsageError(restart);
  const { birdSocketSettings } = await import('../bird-socket/settings.ts');
  const given = {
    birdSocket: values['bird-socket'] ?? null,
    bird6Socket: values['bird6-socket'] ?? null,
    dialect: values['bird-dialect'] ?? null,
    timeStyle: values['bird-timeformat'] ?? null,
  };
  const birdSockets = birdSocketSettings(given, process.env, calicoFamilies(values));
  if ('problem' in birdSockets) throw new UsageError(birdSockets.problem);
  const common = {
    restart,
    birdSockets,
    launcher,
    socketPath: values.socket ?? null,
    logLevel: logLevel(values),
    routerId: values['router-id'] ?? null,
    kernelBackend: kernelBackend(values),
    monitor: await monitor(values),
    birdwatcher: await birdwatcher(values),
    ...(await apiPlaces(values)),
  };
  const files = birdFiles(values);
  if (files !== null) {
    const { runDaemon } = await import('../daemon.ts');
    return runDaemon({ ...common, source: { kind: 'bird-config', files } });
  }
  if (values.config === undefined && values.node === undefined && values.datastore === undefined) {
    throw new UsageError('--config FILE is needed, or --bird-config FILE, or --node NAME and --datastore DATASTORE');
  }
  if (values.config !== undefined) {
    for (const name of ['node', 'datastore', 'router-id'] as const) {
      if (values[name] !== undefined) throw new UsageError(`--config and --${name} exclude each other`);
    }
    const { runDaemon } = await import('../daemon.ts');
    return runDaemon({ ...common, source: { kind: 'file', path: values.config } });
  }
  const { node, spec } = calicoSource(values);
  const { environmentLogLevel } = await import('../calico-environment.ts');
  const { runDaemon } = await import('../daemon.ts');
  const level = common.logLevel ?? environmentLogLevel(process.env);
  return runDaemon({ ...common, logLevel: level, source: { kind: 'datastore', node, spec } });
}
