/**
 * CalicoNodeStatus as the API server holds it: which of them are for us, how often, and what of the specification is
 * refused. Pure. Field names and words are Calico's (projectcalico.org/v3).
 */

export const STATUS_CLASSES = ['Agent', 'BGP', 'Routes'] as const;
export type StatusClass = (typeof STATUS_CLASSES)[number];
const MAX_PERIOD_SECONDS = 86_400;

/** An object as it came, kept whole: it is written back with its status replaced. */
export type StoredObject = { readonly [field: string]: unknown };

export interface StatusRequest {
  readonly name: string;
  readonly generation: number;
  readonly classes: readonly StatusClass[];
  /** 0: once, when it is created or changed. */
  readonly updatePeriodSeconds: number;
  readonly object: StoredObject;
}

export type RequestOutcome =
  | { readonly kind: 'ours'; readonly request: StatusRequest }
  | { readonly kind: 'other' }
  | { readonly kind: 'refused'; readonly name: string; readonly reason: string };

export function asRecord(value: unknown): { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { readonly [name: string]: unknown })
    : {};
}

export function nameOf(object: unknown): string {
  const { name } = asRecord(asRecord(object).metadata);
  return typeof name === 'string' ? name : '';
}

/** Reads one object; `node`: our own name, as Calico has it. */
export function readRequest(object: unknown, node: string): RequestOutcome {
  const name = nameOf(object);
  const record = asRecord(object);
  const { node: wanted, classes, updatePeriodSeconds } = asRecord(record.spec);
  if (name === '' || wanted !== node) return { kind: 'other' };
  const refuse = (reason: string): RequestOutcome => ({ kind: 'refused', name, reason });
  if (
    typeof updatePeriodSeconds !== 'number' ||
    !Number.isInteger(updatePeriodSeconds) ||
    updatePeriodSeconds < 0 ||
    updatePeriodSeconds > MAX_PERIOD_SECONDS
  ) {
    return refuse(`spec.updatePeriodSeconds: wanted a whole number from 0 to ${MAX_PERIOD_SECONDS}`);
  }
  const list: readonly unknown[] = Array.isArray(classes) ? classes : [];
  const unknown = list.find((one) => !(STATUS_CLASSES as readonly unknown[]).includes(one));
  if (unknown !== undefined) return refuse(`spec.classes: "${String(unknown)}", wanted ${STATUS_CLASSES.join(', ')}`);
  const { generation } = asRecord(record.metadata);
  return {
    kind: 'ours',
    request: {
      name,
      generation: typeof generation === 'number' ? generation : 0,
      classes: STATUS_CLASSES.filter((one) => list.includes(one)),
      updatePeriodSeconds,
      object: record,
    },
  };
}
