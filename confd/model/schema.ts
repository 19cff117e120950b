/**
 * How a resource is read: a zod schema that yields our form of it, and the list of places where a bad value costs only
 * that place. A bad value anywhere else costs the whole resource, because leaving it out would change what the rest
 * means: a BGPPeer without its broken nodeSelector would become a peer of every node.
 *
 * Absent, null and empty text are the same thing in Kubernetes and Calico objects, and mean the default.
 */

import * as z from 'zod';

/** Something wrong at one place of one resource. */
export interface FieldIssue {
  /** Steps from the root of the object, list positions as numbers. */
  readonly path: readonly (string | number)[];
  /** The wanted form, and what was done instead. */
  readonly message: string;
  readonly severity: 'error' | 'warning';
}

export interface Shape<T> {
  readonly schema: z.ZodType<T>;
  /** Paths like `spec.communities.*` whose value may be left out alone; `*` is any list position or key. */
  readonly dispensable: readonly string[];
}

export interface LenientResult<T> {
  /** Null: refused as a whole. */
  readonly value: T | null;
  readonly issues: readonly FieldIssue[];
}

/** A field that `parse` understands, `fallback` when absent; `wanted` completes "must be ...". */
export function field<T, D>(parse: (value: unknown) => T | null, wanted: string, fallback: D) {
  return z
    .unknown()
    .optional()
    .transform((value, context): T | D => {
      if (value === undefined || value === null || value === '') return fallback;
      const parsed = parse(value);
      if (parsed === null) {
        context.addIssue({ code: 'custom', message: `must be ${wanted}` });
        return z.NEVER;
      }
      return parsed;
    });
}

/** A field that has to be there. */
export function requiredField<T>(parse: (value: unknown) => T | null, wanted: string) {
  return z
    .unknown()
    .optional()
    .transform((value, context): T => {
      const parsed = value === undefined || value === null ? null : parse(value);
      if (parsed === null) {
        context.addIssue({ code: 'custom', message: `must be ${wanted}` });
        return z.NEVER;
      }
      return parsed;
    });
}

/** An unquoted scalar where text belongs is its text, as in Calico's loader: a node may be called 17. */
export function parseText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}

/** Text, `fallback` when absent. */
export function text<D>(fallback: D) {
  return field(parseText, 'text', fallback);
}

/** Text that has to be there. */
export const requiredText = requiredField((value) => parseText(value) || null, 'text that is not empty');

export function flag<D>(fallback: D) {
  return field((value): boolean | null => (typeof value === 'boolean' ? value : null), 'true or false', fallback);
}

/** One of a few words, written exactly so. */
export function oneOf<const W extends string, const D extends string | null>(words: readonly W[], fallback: D) {
  return field(
    (value): W | null => words.find((word) => word === value) ?? null,
    `one of ${words.join(', ')}`,
    fallback,
  );
}

/** A list; elements that were cut out, and empty ones, are skipped. Absent means empty. */
export function list<T>(element: z.ZodType<T>) {
  return z
    .array(element.optional())
    .nullish()
    .transform((elements): T[] => (elements ?? []).filter((one): one is NonNullable<typeof one> => one !== undefined));
}

/** A nested object that may be absent: its fields then take their defaults. */
export function section<S extends z.ZodRawShape>(shape: S) {
  return z.preprocess((value) => value ?? {}, z.object(shape));
}

function matchesPattern(pattern: readonly string[], path: readonly PropertyKey[]): boolean {
  return pattern.length <= path.length && pattern.every((step, i) => step === '*' || step === String(path[i]));
}

/** Removes what is at `path` (list positions stay, as undefined). False when there is nothing to remove. */
function cut(root: unknown, path: readonly PropertyKey[]): boolean {
  let holder = root;
  for (const step of path.slice(0, -1)) {
    if (typeof holder !== 'object' || holder === null) return false;
    holder = Reflect.get(holder, step);
  }
  const last = path.at(-1);
  if (typeof holder !== 'object' || holder === null || last === undefined) return false;
  if (Reflect.get(holder, last) === undefined) return false;
  return Array.isArray(holder) ? Reflect.set(holder, last, undefined) : Reflect.deleteProperty(holder, last);
}

const printablePath = (path: readonly PropertyKey[]): (string | number)[] =>
  path.map((step) => (typeof step === 'number' ? step : String(step)));

/** Reads `input`, leaving out the smallest units that are bad. Never changes `input`. */
export function parseLeniently<T>(shape: Shape<T>, input: unknown): LenientResult<T> {
  const patterns = shape.dispensable.map((pattern) => pattern.split('.'));
  const issues: FieldIssue[] = [];
  let candidate = input;
  for (;;) {
    const parsed = shape.schema.safeParse(candidate);
    if (parsed.success) return { value: parsed.data, issues };
    if (candidate === input) candidate = structuredClone(input);
    let isRefused = false;
    const units = new Map<string, readonly PropertyKey[]>();
    for (const issue of parsed.error.issues) {
      const pattern = patterns
        .filter((one) => matchesPattern(one, issue.path))
        .reduce<readonly string[]>((longest, one) => (one.length > longest.length ? one : longest), []);
      const unit = issue.path.slice(0, pattern.length);
      if (unit.length === 0) isRefused = true;
      else units.set(unit.join('.'), unit);
      issues.push({
        path: printablePath(issue.path),
        message: `${issue.message}; ${unit.length === 0 ? 'resource not used' : `${formatPath(unit)} left out`}`,
        severity: 'error',
      });
    }
    for (const unit of units.values()) if (!cut(candidate, unit)) isRefused = true;
    if (isRefused) return { value: null, issues };
  }
}

/** `spec.importV4[2].cidr` */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (written, step) =>
      typeof step === 'number' ? `${written}[${step}]` : written === '' ? String(step) : `${written}.${String(step)}`,
    '',
  );
}
