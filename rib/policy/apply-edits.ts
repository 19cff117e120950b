/**
 * Writes what a policy has decided about attributes into a block under edit: the part that import and export share.
 * LOCAL_PREF, MED and AS_PATH have only a final value, which the context holds; communities depend on the order of
 * their actions, which the program has kept.
 */

import type { AttributeEditor } from '../attribute-edit.ts';
import {
  ACTION_ADD_COMMUNITY,
  ACTION_REMOVE_ALL_COMMUNITIES,
  ACTION_REMOVE_COMMUNITIES_IN,
  ACTION_REMOVE_COMMUNITY,
  type CompiledPolicy,
} from './compiled.ts';

/** Replays the community actions of a program in order. */
export function applyCommunityEdits(policy: CompiledPolicy, program: number, editor: AttributeEditor): void {
  if (program === 0) return;
  const edits = policy.programs.sequence(program);
  for (let i = 0; i < edits.length; i++) {
    const edit = edits[i];
    if (edit.kind === ACTION_ADD_COMMUNITY) editor.addCommunity(edit.community);
    else if (edit.kind === ACTION_REMOVE_COMMUNITY) editor.removeCommunity(edit.community);
    else if (edit.kind === ACTION_REMOVE_COMMUNITIES_IN) editor.removeCommunitiesIn(edit.community, edit.upTo);
    else if (edit.kind === ACTION_REMOVE_ALL_COMMUNITIES) editor.removeAllCommunities();
  }
}
