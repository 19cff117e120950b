/**
 * The environment of calico-node as derivation needs it (section 6.3 of Calico's semantics), and variables of our
 * own for what Calico does not ask. Where the datastore is, is read in confd/datastore.
 */

import { DEFAULT_STATUS_PATH_PREFIX } from '../confd/datastore/endpoint-status.ts';
import { calicoFlag, type Environment } from '../confd/datastore/environment.ts';
import { parseDrainTriggers } from '../confd/derive/drain.ts';
import { FELIX_GENERATIONS, type FelixGenerationOption } from '../confd/derive/felix-generation.ts';
import { DEFAULT_DERIVE_OPTIONS, type DeriveOptions } from '../confd/derive/options.ts';
import type { LogLevel } from './log/log.ts';

export interface CalicoEnvironment {
  readonly options: DeriveOptions;
  /** Directory that holds `endpoint-status`. */
  readonly statusPathPrefix: string;
  /** It was said where that is, and not only assumed. */
  readonly isStatusPathGiven: boolean;
}

export type EnvironmentResult =
  | { readonly ok: true; readonly environment: CalicoEnvironment }
  | { readonly ok: false; readonly reason: string };

const GENERATIONS: readonly FelixGenerationOption[] = ['auto', ...FELIX_GENERATIONS];
const MISSING_PASSWORD: readonly DeriveOptions['missingPassword'][] = ['unauthenticated', 'withhold'];
const NEXT_HOP_OBJECTS: readonly DeriveOptions['nextHopObjects'][] = ['off', 'auto'];

function oneOf<T extends string>(words: readonly T[], value: string | undefined, fallback: T): T | null {
  return value === undefined || value === '' ? fallback : (words.find((word) => word === value) ?? null);
}

/** Reads the variables; a value that cannot be meant is refused rather than passed over. */
export function calicoEnvironment(variables: Environment): EnvironmentResult {
  const { PEREGRINE_FELIX_GENERATION, PEREGRINE_MISSING_PASSWORD, PEREGRINE_NEXT_HOP_OBJECTS } = variables;
  const { CALICO_ENDPOINT_STATUS_PATH_PREFIX } = variables;
  const felixGeneration = oneOf(GENERATIONS, PEREGRINE_FELIX_GENERATION, DEFAULT_DERIVE_OPTIONS.felixGeneration);
  if (felixGeneration === null) {
    return { ok: false, reason: `PEREGRINE_FELIX_GENERATION must be one of ${GENERATIONS.join(', ')}` };
  }
  const missingPassword = oneOf(MISSING_PASSWORD, PEREGRINE_MISSING_PASSWORD, DEFAULT_DERIVE_OPTIONS.missingPassword);
  if (missingPassword === null) {
    return { ok: false, reason: `PEREGRINE_MISSING_PASSWORD must be one of ${MISSING_PASSWORD.join(', ')}` };
  }
  const nextHopObjects = oneOf(NEXT_HOP_OBJECTS, PEREGRINE_NEXT_HOP_OBJECTS, DEFAULT_DERIVE_OPTIONS.nextHopObjects);
  if (nextHopObjects === null) {
    return { ok: false, reason: `PEREGRINE_NEXT_HOP_OBJECTS must be one of ${NEXT_HOP_OBJECTS.join(', ')}` };
  }
  const usePodCidr = calicoFlag(variables, 'USE_POD_CIDR');
  if (usePodCidr === null) return { ok: false, reason: 'USE_POD_CIDR must be true or false' };
  const drainOn = parseDrainTriggers(variables.PEREGRINE_DRAIN_ON ?? '');
  if (drainOn === null) {
    return { ok: false, reason: 'PEREGRINE_DRAIN_ON must be cordon, taint:KEY[=VALUE][:EFFECT], or several by commas' };
  }
  const options: DeriveOptions = {
    ...DEFAULT_DERIVE_OPTIONS,
    routerId: variables.CALICO_ROUTER_ID || null,
    usePodCidr,
    drainOn,
    secretNamespace: variables.NAMESPACE || DEFAULT_DERIVE_OPTIONS.secretNamespace,
    missingPassword,
    advertiseClusterIps: variables.CALICO_ADVERTISE_CLUSTER_IPS || null,
    kubernetesNodeName: variables.CALICO_K8S_NODE_REF || null,
    felixGeneration,
    nextHopObjects,
  };
  const statusPathPrefix = CALICO_ENDPOINT_STATUS_PATH_PREFIX || DEFAULT_STATUS_PATH_PREFIX;
  const isStatusPathGiven = Boolean(CALICO_ENDPOINT_STATUS_PATH_PREFIX);
  return { ok: true, environment: { options, statusPathPrefix, isStatusPathGiven } };
}

const SCREEN_SEVERITIES: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
  fatal: 'error',
};

/** BGP_LOGSEVERITYSCREEN, which goes before the resources (section 6.2); null: not set, or no name of a severity. */
export function environmentLogLevel({ BGP_LOGSEVERITYSCREEN: name = '' }: Environment): LogLevel | null {
  const key = name.toLowerCase();
  return Object.hasOwn(SCREEN_SEVERITIES, key) ? SCREEN_SEVERITIES[key] : null;
}
