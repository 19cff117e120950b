/** Why a peer is told a route, or not: every rule of export that ran, and its verdict. */

import { FAMILY_NAMES, type FamilyIndex } from '../../../bgp/family.ts';
import { explainExport } from '../../../rib/export-explain.ts';
import type { PathRow } from '../../../rib/paths.ts';
import { type ApiRefusal, isRefusal } from '../../api/refusal.ts';
import type { View } from '../../api/schema.ts';
import { attributesView } from '../attributes-view.ts';
import type { SpeakerCore } from '../core.ts';
import type { PeerDriver } from '../peer-driver.ts';
import { type Subject, subjectOf } from './subject.ts';

type Explanation = View<'AdvertisedExplanation'>;

export function explainAdvertised(core: SpeakerCore, driver: PeerDriver, asked: string): Explanation | ApiRefusal {
  const subject = subjectOf(core, asked);
  if (isRefusal(subject)) return subject.status === 400 ? subject : nothing(driver, asked, subject.refused);
  const { family, handle, prefix } = subject;
  const context = core.exportContext(driver, family);
  if (context === null) return { ...nothing(driver, asked, whyNoSession(driver, family)), prefix };
  const { prefixes, paths } = core.rib;
  const addPath = driver.session?.addPathSend[family] === true;
  const rows: PathRow[] = [];
  for (let row = prefixes[family].head[handle]; row !== 0; row = addPath ? paths[family].rowNext[row] : 0)
    rows.push(row);
  const told = core.groups.advertised(driver.ribIndex, family, handle);
  const shown = rows.map((row): Explanation['paths'][number] => {
    const reason = core.groups.explain(driver.ribIndex, family, row);
    const { isTold, ...explained } = explainExport(core.rib, context, row, reason);
    const found = told.find(({ pathId, from }) => (addPath ? pathId === row + 1 : from === paths[family].rowPeer[row]));
    return {
      source: core.rib.peers.nameOf(paths[family].rowPeer[row]),
      pathId: addPath ? row + 1 : null,
      told: found !== undefined,
      reason: isTold && found === undefined ? 'will be advertised: it waits to be encoded' : explained.reason,
      rules: explained.rules,
      exportPolicy: explained.policy,
      attributes: found === undefined ? null : attributesView(core.rib.sets.octetsOf(found.set)),
    };
  });
  return { asked, peer: driver.name, prefix, verdict: verdict(driver, subject, shown), paths: shown };
}

function nothing(driver: PeerDriver, asked: string, verdict: string): Explanation {
  return { asked, peer: driver.name, prefix: null, verdict, paths: [] };
}

function whyNoSession(driver: PeerDriver, family: FamilyIndex): string {
  if (driver.session === null) return `${driver.name} has no session (${driver.fsmState}): explain peer says why`;
  return `${FAMILY_NAMES[family]} was not negotiated with ${driver.name}`;
}

function verdict({ name }: PeerDriver, { prefix }: Subject, paths: Explanation['paths']): string {
  const told = paths.filter((path) => path.told).length;
  if (told > 0) return `${name} is told ${prefix}${paths.length > 1 ? `, ${told} of ${paths.length} paths` : ''}`;
  const [first] = paths;
  const why = first === undefined ? 'there is no path' : first.reason;
  const by =
    first?.exportPolicy?.verdict === 'reject'
      ? `, by statement ${first.exportPolicy.decidedBy} of policy ${first.exportPolicy.policy}`
      : '';
  return `${name} is not told ${prefix}: ${why}${by}`;
}
