/** Why a route is the best one: every candidate with its eligibility and the step of the decision that put it aside. */

import { FAMILY_NAMES } from '../../../bgp/family.ts';
import { FIRST_BGP_PEER } from '../../../rib/peer-table.ts';
import type { PolicyExplanation } from '../../../rib/policy/explain.ts';
import { INELIGIBLE_POLICY, NOT_INSTALLED_REASON_NAMES } from '../../../rib/reason.ts';
import { describePrefix, type PathView } from '../../../rib/rib-view.ts';
import { type ApiRefusal, isRefusal } from '../../api/refusal.ts';
import type { View } from '../../api/schema.ts';
import { attributesView } from '../attributes-view.ts';
import type { SpeakerCore } from '../core.ts';
import { type Subject, subjectOf } from './subject.ts';

export function explainRoute(core: SpeakerCore, asked: string): View<'RouteExplanation'> | ApiRefusal {
  const subject = subjectOf(core, asked);
  if (isRefusal(subject)) return subject;
  const { family, handle, prefix } = subject;
  const { paths, bestBecause } = describePrefix(core.rib, family, handle);
  return {
    asked,
    prefix,
    family: FAMILY_NAMES[family],
    best: paths.find(({ isBest }) => isBest)?.peer ?? null,
    bestBecause,
    candidates: paths.map((path) => candidate(core, subject, path, bestBecause)),
    kernel: kernelWords(core, subject),
  };
}

function candidate(core: SpeakerCore, subject: Subject, path: PathView, bestBecause: string | null): View<'Candidate'> {
  const { received, effective } = path;
  const used = effective ?? received;
  return {
    source: path.peer,
    pathId: path.pathId === 0 ? null : path.pathId,
    best: path.isBest,
    multipath: path.isMultipath,
    stale: path.isStale,
    longLivedStale: path.isLongLivedStale,
    eligible: path.isEligible,
    verdict: verdict(path, bestBecause),
    preference: path.preference,
    nextHop:
      used.nextHop === null
        ? null
        : { address: used.nextHop, reachable: used.nextHopResolvable, igpCost: used.igpCost },
    importPolicy: importPolicy(core, subject, path),
    received: attributesView(received.octets),
    effective: effective === null ? null : attributesView(effective.octets),
  };
}

function verdict(path: PathView, bestBecause: string | null): string {
  if (path.isBest) return `best: ${bestBecause}`;
  if (path.ineligible !== null) return `not eligible: ${path.ineligible}`;
  return path.isMultipath ? 'used beside the best (multipath)' : `lost: the best has ${path.worseBecause}`;
}

/** Null where the policy is not asked: our own routes, and what a check before it refuses. */
function importPolicy({ rib }: SpeakerCore, { family, handle }: Subject, path: PathView): PolicyExplanation | null {
  const table = rib.paths[family];
  const peer = table.rowPeer[path.row];
  const reason = table.rowReason[path.row];
  const isRefusedBefore = !path.isEligible && reason < INELIGIBLE_POLICY && !path.ineligible?.startsWith('next hop');
  if (peer < FIRST_BGP_PEER || isRefusedBefore) return null;
  const { a, b, c, d, length } = rib.prefixes[family].describe(handle);
  return rib.peers.get(peer)?.importPolicy[family].explain(a, b, c, d, length, table.rowSet[path.row]) ?? null;
}

function kernelWords(core: SpeakerCore, { family, handle }: Subject): string {
  if (core.fib.backend === 'none') return 'the kernel is not used';
  const reason = core.fibDesired.explain(family, handle);
  if (reason !== 0) return `not in the kernel: ${NOT_INSTALLED_REASON_NAMES[reason]}`;
  return core.fib.status(core.rib.prefixes[family].describe(handle)).state;
}
