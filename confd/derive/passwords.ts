/**
 * Passwords of sessions (section 3.10 of Calico's semantics): from a secretKeyRef to the TCP MD5 key (RFC 2385).
 *
 * A session that was meant to be protected and cannot be is never passed over in silence. A missing secret or key
 * follows the option `missingPassword`. A password that is there but cannot be a key keeps the session down: nobody
 * asked for an unprotected one.
 */

import { MAX_PASSWORD_OCTETS, type SecretKeyRef } from '../model/secret.ts';
import type { DeriveContext } from './context.ts';
import type { PeerEntry } from './peer-entry.ts';

export interface PasswordOutcome {
  readonly password: string | null;
  /** The session is to be kept down. */
  readonly isWithheld: boolean;
}

const NONE: PasswordOutcome = { password: null, isWithheld: false };
const WITHHELD: PasswordOutcome = { password: null, isWithheld: true };

function unusableReason(password: string | null): string | null {
  if (password === null) return 'is not UTF-8 text';
  if (password === '') return 'is empty';
  const octets = Buffer.byteLength(password, 'utf8');
  return octets > MAX_PASSWORD_OCTETS ? `has ${octets} octets, the kernel takes ${MAX_PASSWORD_OCTETS}` : null;
}

function find(
  context: DeriveContext,
  reference: SecretKeyRef,
): { readonly value: string | null } | { readonly missing: string } {
  const name = `${context.options.secretNamespace}/${reference.name}`;
  const secret = context.resources.secrets.get(name);
  if (secret === undefined) return { missing: `Secret ${name} is not there` };
  if (!Object.hasOwn(secret.values, reference.key)) return { missing: `Secret ${name} has no key "${reference.key}"` };
  return { value: secret.values[reference.key] };
}

/** The password of a session; anything but success is reported under the resource that asked for it. */
export function passwordOf(context: DeriveContext, entry: PeerEntry): PasswordOutcome {
  if (entry.password === null) return NONE;
  const isMesh = entry.origin === 'Mesh';
  const source = isMesh && context.configuration !== null ? context.configuration : entry.source;
  const field = isMesh ? 'spec.nodeMeshPassword' : 'spec.password';
  const who = isMesh ? 'mesh sessions' : `session with ${entry.address}`;
  const found = find(context, entry.password);
  if ('missing' in found) {
    const isWithheld = context.options.missingPassword === 'withhold';
    context.report(source, field, `${found.missing}: ${who} ${isWithheld ? 'kept down' : 'run without password'}`);
    return isWithheld ? WITHHELD : NONE;
  }
  const reason = unusableReason(found.value);
  if (reason === null) return { password: found.value, isWithheld: false };
  context.report(
    source,
    field,
    `password in Secret ${entry.password.name}, key "${entry.password.key}" ${reason}: ${who} kept down`,
  );
  return WITHHELD;
}
