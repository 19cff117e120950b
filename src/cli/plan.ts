/**
 * `peregrine plan`: what a change would do to a daemon before it is made. Either side is a datastore or a stand-alone
 * file; the side that runs can also be a daemon that is asked over its control socket.
 */

import { readFile } from 'node:fs/promises';
import type { DatastoreSpec } from '../../confd/datastore/open.ts';
import type { DesiredState } from '../../confd/desired-state.ts';
import { plan } from '../../confd/plan.ts';
import { type PasswordsAnswer, type PasswordsQuestion, type RunningPart, stateOfParts } from '../api/running.ts';
import { formatDiagnostic } from '../config/diagnose.ts';
import { loadStandAlone } from '../config/load.ts';
import { fetchList, fetchOne } from './client.ts';
import { anywhere, type DerivePlace, deriveDatastore } from './offline.ts';
import { formatPlan } from './plan-report.ts';

/** Where a state comes from. */
export type PlanSide =
  | { readonly kind: 'running'; readonly socketPath: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'datastore'; readonly spec: DatastoreSpec };

export interface PlanOptions {
  /** Null: that of the running daemon. */
  readonly node: string | null;
  readonly from: PlanSide;
  readonly to: Exclude<PlanSide, { readonly kind: 'running' }>;
  readonly routerId: string | null;
  readonly json: boolean;
}

async function stateOfFile(path: string): Promise<DesiredState> {
  const text = await readFile(path, 'utf8');
  const result = loadStandAlone(path, text);
  if (result.ok) return result.desired;
  throw new Error(result.diagnostics.map((one) => formatDiagnostic(one, text)).join('\n'));
}

async function stateOf(side: PlanOptions['to'], node: string | null, place: DerivePlace): Promise<DesiredState> {
  if (side.kind === 'file') return stateOfFile(side.path);
  if (node === null) throw new Error('--node NAME is needed: the running daemon is no Calico node');
  return deriveDatastore(node, side.spec, place);
}

/**
 * The running state with the passwords of the new one where they are the same. The daemon is asked which differ; those
 * stay hidden, which is another password than any.
 */
async function withKnownPasswords(
  running: DesiredState,
  desired: DesiredState,
  socketPath: string,
): Promise<DesiredState> {
  const isProtected = new Set(running.peers.filter((one) => one.session.password !== null).map((p) => p.session.name));
  const passwords: { [session: string]: string } = {};
  for (const { session } of desired.peers) {
    if (session.password !== null && isProtected.has(session.name)) passwords[session.name] = session.password;
  }
  if (Object.keys(passwords).length === 0) return running;
  const question: PasswordsQuestion = { passwords };
  const answer = await fetchOne<PasswordsAnswer>(socketPath, '/v1/running/passwords', 'POST', question);
  const different = new Set(answer.different);
  const peers = running.peers.map((peer) => {
    const { name } = peer.session;
    if (different.has(name) || !Object.hasOwn(passwords, name)) return peer;
    return { ...peer, session: { ...peer.session, password: passwords[name] } };
  });
  return { ...running, peers };
}

async function planStates(options: PlanOptions): Promise<readonly [running: DesiredState, desired: DesiredState]> {
  const { from, to, node, routerId } = options;
  if (from.kind !== 'running') {
    return [await stateOf(from, node, anywhere(routerId)), await stateOf(to, node, anywhere(routerId))];
  }
  const running = await stateOfParts(fetchList<RunningPart>(from.socketPath, '/v1/running'));
  // As the daemon itself would derive it: on this host, with or without the kernel as it was told to.
  const place = { routerId, isOwnHost: true, kernelBackend: running.kernel.backend };
  const desired = await stateOf(to, node ?? running.nodeName, place);
  return [await withKnownPasswords(running, desired, from.socketPath), desired];
}

export async function planChange(options: PlanOptions): Promise<number> {
  const planned = plan(...(await planStates(options)));
  process.stdout.write(options.json ? `${JSON.stringify(planned, null, 2)}\n` : `${formatPlan(planned)}\n`);
  return planned.withheld === null ? 0 : 1;
}
