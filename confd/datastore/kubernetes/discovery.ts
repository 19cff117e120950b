/**
 * Which API group has Calico's own kinds (section 1.4.1 of Calico's semantics). Pure but for `discoverGroup`.
 *
 * When both groups are there, projectcalico.org/v3 is Calico's API server in front of the v1 CRDs, and these are what is
 * to be read.
 */

import type { ApiClient } from './api-client.ts';
import { type ApiFailure, classify } from './api-failure.ts';
import type { CalicoGroup } from './target.ts';

/** CALICO_API_GROUP; null: not set, to be discovered. */
export function groupOfSetting(setting: string): CalicoGroup | null {
  if (setting === '') return null;
  return setting.toLowerCase() === 'projectcalico.org/v3' ? 'projectcalico.org/v3' : 'crd.projectcalico.org/v1';
}

/** From the server's list of groups (kind APIGroupList). Without either group: the v1 CRDs, which may still come. */
export function chooseGroup(groupList: unknown): CalicoGroup {
  const groups: unknown = typeof groupList === 'object' && groupList !== null ? Reflect.get(groupList, 'groups') : [];
  const names = new Set(
    (Array.isArray(groups) ? groups : []).map((group: unknown) =>
      typeof group === 'object' && group !== null ? Reflect.get(group, 'name') : null,
    ),
  );
  return names.has('projectcalico.org') && !names.has('crd.projectcalico.org')
    ? 'projectcalico.org/v3'
    : 'crd.projectcalico.org/v1';
}

export type GroupOutcome =
  | { readonly ok: true; readonly group: CalicoGroup }
  /** Cannot be told now. */
  | { readonly ok: false; readonly failure: ApiFailure };

/** Asks the server. One that does not tell (no rights, no such path) gets the group that always was. */
export async function discoverGroup(client: ApiClient): Promise<GroupOutcome> {
  const read = await client.read('/apis');
  if (read.ok) return { ok: true, group: chooseGroup(read.value) };
  const cause = classify(read.failure);
  return cause === 'transport' || cause === 'busy' || cause === 'error'
    ? { ok: false, failure: read.failure }
    : { ok: true, group: 'crd.projectcalico.org/v1' };
}
