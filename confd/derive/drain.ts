/**
 * Whether the own node says that it is to be drained: by the annotation `peregrine.io/drain`, which is there for nothing
 * else, or by what the deployment has chosen to take for it (PEREGRINE_DRAIN_ON): that it is cordoned, or a taint.
 */

import type { NodeResource, NodeTaint } from '../model/node.ts';

export type DrainTrigger =
  | { readonly kind: 'cordon' }
  /** Null: any. */
  | { readonly kind: 'taint'; readonly key: string; readonly value: string | null; readonly effect: string | null };

/** `cordon`, `taint:KEY`, `taint:KEY=VALUE`, `taint:KEY:EFFECT` or `taint:KEY=VALUE:EFFECT`, by commas; null: not so. */
export function parseDrainTriggers(text: string): readonly DrainTrigger[] | null {
  const triggers: DrainTrigger[] = [];
  for (const word of text.split(',').map((one) => one.trim())) {
    if (word === '') continue;
    if (word === 'cordon') {
      triggers.push({ kind: 'cordon' });
      continue;
    }
    const [, key, value, effect] =
      /^taint:([^=:,]+)(?:=([^:,]*))?(?::(NoSchedule|PreferNoSchedule|NoExecute))?$/.exec(word) ?? [];
    if (key === undefined) return null;
    triggers.push({ kind: 'taint', key, value: value ?? null, effect: effect ?? null });
  }
  return triggers;
}

/** Why the node is to be drained, in words; null: it is not. */
export function drainReason({ upkeep }: NodeResource, triggers: readonly DrainTrigger[]): string | null {
  if (upkeep === undefined) return null;
  if (upkeep.annotation !== null) return upkeep.annotation;
  for (const trigger of triggers) {
    if (trigger.kind === 'cordon') {
      if (upkeep.isUnschedulable) return 'the node is cordoned';
      continue;
    }
    const found = upkeep.taints.find((taint) => isTaint(taint, trigger));
    if (found !== undefined) return `the node has the taint ${found.key}`;
  }
  return null;
}

function isTaint(taint: NodeTaint, { key, value, effect }: Extract<DrainTrigger, { kind: 'taint' }>): boolean {
  return taint.key === key && (value ?? taint.value) === taint.value && (effect ?? taint.effect) === taint.effect;
}
