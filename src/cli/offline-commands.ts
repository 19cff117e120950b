/** check, derive, plan and policy test: their options, and which code does it. */

import { DATASTORE_FORMS, parseDatastoreSpec } from '../../confd/datastore/open.ts';
import { DEFAULT_CONTROL_SOCKET } from '../api/schema.ts';
import type { Values } from './command.ts';
import type { PlanSide } from './plan.ts';
import { birdFiles, calicoSource, datastoreOf, nodeName } from './source-options.ts';
import { UsageError } from './usage-error.ts';

export async function check(values: Values): Promise<number> {
  const files = birdFiles(values);
  const options = { json: values.json ?? false, policies: values.policies ?? false };
  if (files !== null) {
    const { checkBirdFiles } = await import('./bird-config.ts');
    return checkBirdFiles(files, options);
  }
  if (values.config === undefined) throw new UsageError('--config FILE is needed, or --bird-config FILE');
  const { checkFile } = await import('./offline.ts');
  return checkFile(values.config, options);
}

export async function deriveState(values: Values): Promise<number> {
  const files = birdFiles(values);
  const options = { json: values.json ?? false, policies: values.policies ?? false };
  if (files !== null) {
    const { deriveBirdFiles } = await import('./bird-config.ts');
    return deriveBirdFiles(files, options);
  }
  const { node, spec } = calicoSource(values);
  const { deriveOffline } = await import('./offline.ts');
  return deriveOffline(node, spec, values['router-id'] ?? null, options);
}

/** One side of a plan: a stand-alone file or a datastore. */
function planSide(values: Values, option: 'from' | 'to'): Exclude<PlanSide, { readonly kind: 'running' }> {
  const value = values[option];
  if (value?.startsWith('file:') && value !== 'file:') return { kind: 'file', path: value.slice('file:'.length) };
  if (value === undefined || parseDatastoreSpec(value) === null) {
    const running = option === 'from' ? 'running, ' : '';
    const what = value === undefined ? `--${option} is needed:` : `--${option} ${value}: wanted`;
    throw new UsageError(`${what} ${running}file:PATH, ${DATASTORE_FORMS}`);
  }
  return { kind: 'datastore', spec: datastoreOf(values, option) };
}

export async function plan(values: Values): Promise<number> {
  const isRunning = values.from === 'running';
  if (values.socket !== undefined && !isRunning) throw new UsageError('--socket is for plan --from running only');
  const from = isRunning
    ? ({ kind: 'running', socketPath: values.socket ?? DEFAULT_CONTROL_SOCKET } as const)
    : planSide(values, 'from');
  const to = planSide(values, 'to');
  const needsNode = !isRunning && (from.kind === 'datastore' || to.kind === 'datastore');
  const node = needsNode || values.node !== undefined ? nodeName(values) : null;
  const { planChange } = await import('./plan.ts');
  return planChange({ node, from, to, routerId: values['router-id'] ?? null, json: values.json ?? false });
}

export async function policyTest(values: Values, path: string): Promise<number> {
  const { config, node, datastore } = values;
  if (config !== undefined && (node !== undefined || datastore !== undefined)) {
    throw new UsageError('--config and --node exclude each other');
  }
  const isDerived = node !== undefined || datastore !== undefined;
  const routerId = values['router-id'] ?? null;
  const derived = isDerived ? ({ kind: 'node', ...calicoSource(values), routerId } as const) : null;
  const file = config === undefined ? null : ({ kind: 'file', path: config } as const);
  const { testPolicies } = await import('../policy-test/command.ts');
  return testPolicies({ path, policies: derived ?? file, json: values.json ?? false });
}
