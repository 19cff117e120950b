/**
 * Calico's environment variables, as its client library reads them (section 1.1 of Calico's semantics): `CALICO_X`
 * counts before `X`, also when it is set to nothing.
 */

export type Environment = { readonly [name: string]: string | undefined };

export function calicoVariable(environment: Environment, name: string): string {
  return (environment[`CALICO_${name}`] ?? environment[name] ?? '').trim();
}

const TRUE = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const FALSE = ['0', 'f', 'F', 'FALSE', 'false', 'False', ''];

/** The value of a yes-or-no variable as Go reads it; null: neither. Not set is no. */
export function calicoFlag(environment: Environment, name: string): boolean | null {
  const text = calicoVariable(environment, name);
  if (TRUE.includes(text)) return true;
  return FALSE.includes(text) ? false : null;
}
