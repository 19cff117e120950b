/**
 * BFD of a BGPPeer, for which Calico has no field: annotations of ours on the object (docs/bfd.md). A bad value costs that
 * annotation alone, so that its default counts; one that is bad in `peregrine.io/bfd` itself leaves BFD off.
 */

import type * as z from 'zod';
import { BFD_DEFAULTS, BFD_MAX_INTERVAL_MS, BFD_MIN_INTERVAL_MS, type BfdConfig } from '../../bgp/session-config.ts';
import { asObject } from './metadata.ts';
import { type FieldIssue, field, parseText, section } from './schema.ts';

const PREFIX = 'peregrine.io/bfd';

/** Annotations are text; in a file of a directory an unquoted `true` or `50` is the same. */
const flag = field(
  (value): boolean | null => {
    const text = parseText(value);
    return text === 'true' ? true : text === 'false' ? false : null;
  },
  '"true" or "false"',
  null,
);

function wholeNumber(min: number, max: number, what: string) {
  return field(
    (value): number | null => {
      const text = parseText(value) ?? '';
      const number = /^\d{1,9}$/.test(text) ? Number(text) : -1;
      return number >= min && number <= max ? number : null;
    },
    `${what} from ${min} to ${max}`,
    null,
  );
}

const interval = wholeNumber(BFD_MIN_INTERVAL_MS, BFD_MAX_INTERVAL_MS, 'milliseconds');

const SHAPE = {
  'peregrine.io/bfd': flag,
  'peregrine.io/bfd-min-tx-ms': interval,
  'peregrine.io/bfd-min-rx-ms': interval,
  'peregrine.io/bfd-multiplier': wholeNumber(1, 255, 'a whole number'),
  'peregrine.io/bfd-multihop': flag,
  'peregrine.io/bfd-strict': flag,
} as const;

export const bfdAnnotations = section(SHAPE);

/** What the annotations ask for; null: no BFD. */
export function bfdOf(annotations: z.output<typeof bfdAnnotations>): BfdConfig | null {
  if (annotations['peregrine.io/bfd'] !== true) return null;
  return {
    minTxMs: annotations['peregrine.io/bfd-min-tx-ms'] ?? BFD_DEFAULTS.minTxMs,
    minRxMs: annotations['peregrine.io/bfd-min-rx-ms'] ?? BFD_DEFAULTS.minRxMs,
    multiplier: annotations['peregrine.io/bfd-multiplier'] ?? BFD_DEFAULTS.multiplier,
    multihop: annotations['peregrine.io/bfd-multihop'] ?? BFD_DEFAULTS.multihop,
    strict: annotations['peregrine.io/bfd-strict'] ?? BFD_DEFAULTS.strict,
  };
}

/** Annotations of ours that do nothing: misspelt ones, and details without BFD. */
export function checkBfdAnnotations(object: unknown): FieldIssue[] {
  const annotations = asObject(asObject(asObject(object).metadata).annotations);
  const ours = Object.keys(annotations).filter((name) => name.startsWith(PREFIX));
  const issues: FieldIssue[] = [];
  const warn = (name: string, message: string): void => {
    issues.push({ path: ['metadata', 'annotations', name], message, severity: 'warning' });
  };
  for (const name of ours) {
    if (!Object.hasOwn(SHAPE, name))
      warn(name, `is no annotation of ours; there are: ${Object.keys(SHAPE).join(', ')}`);
    else if (annotations[PREFIX] === undefined) warn(name, `has no effect without ${PREFIX}: "true"`);
  }
  return issues;
}
