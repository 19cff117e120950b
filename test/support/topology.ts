/** Words that tests with more than two routers share: who has a session with whom, and what is in a kernel. */

import { Laboratory, type Namespace } from './netns.ts';
import type { Router } from './peers/index.ts';
import { FAMILIES, type Family, type Neighbour, neighbour, type RouterContext } from './peers/router.ts';
import { waitUntil } from './wait-for.ts';

/** OpenBGPD tries again after half a minute when its first connection was too early. */
const SESSION_DEADLINE_MS = 60_000;

export function addressOf(namespace: Namespace, family: Family): string {
  return family === 'ipv4-unicast' ? namespace.ipv4 : namespace.ipv6;
}

/** One session a family between two routers, seen from `local`. */
export function sessions(
  local: Namespace,
  remote: Namespace,
  as: number,
  given: Partial<Neighbour> = {},
): readonly Neighbour[] {
  return FAMILIES.map((family) => session(local, remote, as, family, given));
}

/** The session of one family alone. */
export function session(
  local: Namespace,
  remote: Namespace,
  as: number,
  family: Family,
  given: Partial<Neighbour> = {},
): Neighbour {
  return neighbour({
    address: addressOf(remote, family),
    localAddress: addressOf(local, family),
    as,
    families: [family],
    ...given,
  });
}

/** Waits until the router calls its sessions with all these addresses established. */
export async function established(
  router: Router,
  addresses: readonly string[],
  deadlineMs: number = SESSION_DEADLINE_MS,
): Promise<void> {
  for (const address of addresses) {
    const what = `${router.kind}'s session with ${address} is established`;
    await waitUntil(
      what,
      deadlineMs,
      () => router.session(address),
      (status) => status.isEstablished,
    );
  }
}

/** Runs a test's body in a laboratory that goes away afterwards. */
export async function withLaboratory(
  labels: readonly string[],
  body: (lab: Laboratory) => Promise<void>,
): Promise<void> {
  const lab = await Laboratory.create(labels);
  try {
    await body(lab);
  } finally {
    await lab.close();
  }
}

/** The routes of the daemon's protocol number (`bird`, which FRR and the others do not use), one line each. */
export async function kernelRoutes(
  lab: Laboratory,
  namespace: Namespace,
  family: Family = 'ipv4-unicast',
  protocol = 'bird',
): Promise<readonly string[]> {
  const version = family === 'ipv4-unicast' ? '-4' : '-6';
  const text = await lab.ip(namespace, '-o', version, 'route', 'show', 'proto', protocol);
  return text
    .split('\n')
    .map((line) => line.replaceAll('\\', ' ').replaceAll(/\s+/g, ' ').trim())
    .filter((line) => line !== '')
    .sort();
}

/** Where a daemon can be run that no driver configures (see peers/bird.ts). */
export function placeOf(
  lab: Laboratory,
  namespace: Namespace,
): Pick<RouterContext, 'lab' | 'namespace' | 'folder' | 'command'> {
  return {
    lab,
    namespace,
    folder: lab.folder(namespace),
    command: async (argv, input) => {
      const result = await lab.run(namespace, argv, input);
      if (result.status === 0) return result.stdout;
      throw new Error(`${argv.join(' ')} ended with status ${result.status}: ${result.stdout}${result.stderr}`);
    },
  };
}

/** What the kernel has counted in a namespace: the TcpExt lines of /proc/net/netstat, one of names, then one of values. */
export async function tcpCounters(lab: Laboratory, namespace: Namespace): Promise<ReadonlyMap<string, number>> {
  const { stdout } = await lab.run(namespace, ['cat', '/proc/net/netstat']);
  const [names, values] = stdout.split('\n').filter((line) => line.startsWith('TcpExt:'));
  const numbers = values.split(' ');
  return new Map(names.split(' ').map((name, index) => [name, Number(numbers[index])]));
}
