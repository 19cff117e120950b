/**
 * core/v1 Secret: where TCP MD5 passwords live (section 3.10 of Calico's semantics), and the references to it.
 *
 * What matters: `data` (base64) and `stringData` of the secrets that a password refers to. A password is the raw
 * octets of one key; a trailing newline is part of it. Values never appear in conditions or logs.
 */

import * as z from 'zod';
import { field, requiredText, type Shape, section, text } from './schema.ts';

/** `secretKeyRef` of a password. Empty parts refer to nothing, which is reported when the session is made. */
export interface SecretKeyRef {
  readonly name: string;
  readonly key: string;
}

export interface SecretResource {
  readonly kind: 'Secret';
  /** `namespace/name`. */
  readonly name: string;
  /** Key to value; null where the value is not UTF-8 and thus cannot be a password. */
  readonly values: { readonly [key: string]: string | null };
}

/** Linux: TCP_MD5SIG_MAXKEYLEN. */
export const MAX_PASSWORD_OCTETS = 80;
export const DEFAULT_SECRET_NAMESPACE = 'kube-system';

/** The schema of a `password` field: absent or without reference means no password was asked for. */
export const passwordReference = section({
  secretKeyRef: z
    .preprocess((value) => value ?? null, z.object({ name: text(''), key: text('') }).nullable())
    .transform((reference): SecretKeyRef | null => reference),
}).transform((password): SecretKeyRef | null => password.secretKeyRef);

function decodeBase64(value: string): string | null {
  const octets = Buffer.from(value, 'base64');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return null;
  }
}

const textMap = field(
  (value): { readonly [key: string]: string } | null =>
    typeof value === 'object' && value !== null && Object.values(value).every((one) => typeof one === 'string')
      ? (value as { readonly [key: string]: string })
      : null,
  'a map of texts',
  {},
);

export const secretShape: Shape<SecretResource> = {
  schema: z
    .object({
      metadata: z.object({ name: requiredText, namespace: text(DEFAULT_SECRET_NAMESPACE) }),
      data: textMap,
      stringData: textMap,
    })
    .transform((secret): SecretResource => {
      const values: { [key: string]: string | null } = {};
      for (const [key, value] of Object.entries(secret.data)) values[key] = decodeBase64(value);
      for (const [key, value] of Object.entries(secret.stringData)) values[key] = value;
      return { kind: 'Secret', name: `${secret.metadata.namespace}/${secret.metadata.name}`, values };
    }),
  dispensable: [],
};
