/**
 * Graceful restart as helper (RFC 4724 4.2): the foreign daemon is killed and started again. Its routes stay in the
 * table and in the kernel meanwhile; what it does not announce again goes at its End-of-RIB; when it does not come back
 * in time, all of them go.
 *
 * OpenBGPD is not among them: it never claims to have preserved its forwarding state.
 */

import { expect, test } from 'vitest';
import { type Pair, withPair } from '../support/pair.ts';
import { routes } from '../support/peers/peregrine.ts';
import { announcement } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitUntil } from '../support/wait-for.ts';

const KINDS = ['bird', 'gobgp', 'frr', 'exabgp'] as const;
const FAMILY = 'ipv4-unicast';
const KEPT = '10.2.0.0/24';
const DROPPED = '10.2.1.0/24';
const DEADLINE_MS = 45_000;

for (const kind of KINDS) {
  describeInterop(`graceful restart of ${kind}`, [kind], () => {
    const base = {
      kind,
      session: 'eBGP',
      dials: 'peregrine',
      overIpv4: [FAMILY],
      foreignNetworks: [announcement(KEPT), announcement(DROPPED)],
      kernel: { enabled: true },
    } as const;

    test('its routes stay while it is away, and what it no longer announces goes afterwards', async () => {
      await withPair({ ...base, both: { gracefulRestartSeconds: 60 } }, async (pair) => {
        await establishWithRoutes(pair);
        await pair.foreign.daemon.kill();
        await pair.down(DEADLINE_MS);
        expect(await stalePrefixes(pair)).toEqual([KEPT, DROPPED]);
        expect(await kernelPrefixes(pair)).toEqual([KEPT, DROPPED]);

        pair.foreign.forget(DROPPED);
        await pair.foreign.restart();
        await pair.established();
        await pair.heard(pair.peregrine, FAMILY, 'the kept route only', (list) => list.length === 1, DEADLINE_MS);
        expect(await stalePrefixes(pair)).toEqual([]);
        await waitUntil('the kernel has only the kept route', DEADLINE_MS, () => kernelPrefixes(pair), isKeptOnly);
      });
    });

    test('its routes go when it has not come back after its restart time', async () => {
      await withPair({ ...base, both: { gracefulRestartSeconds: 4 } }, async (pair) => {
        await establishWithRoutes(pair);
        await pair.foreign.daemon.kill();
        await pair.down(DEADLINE_MS);
        expect(await stalePrefixes(pair)).toEqual([KEPT, DROPPED]);
        await pair.heard(pair.peregrine, FAMILY, 'nothing', (list) => list.length === 0, DEADLINE_MS);
        await waitUntil(
          'the kernel has none',
          DEADLINE_MS,
          () => kernelPrefixes(pair),
          (list) => list.length === 0,
        );
      });
    });
  });
}

function isKeptOnly(prefixes: readonly string[]): boolean {
  return prefixes.length === 1 && prefixes[0] === KEPT;
}

/** RFC 4724 2: the helper may keep routes only of a session whose End-of-RIB it could see, so wait for the routes. */
async function establishWithRoutes(pair: Pair): Promise<void> {
  await pair.established();
  await pair.heard(pair.peregrine, FAMILY, 'both routes', (list) => list.length === 2);
  const isBoth = (prefixes: readonly string[]): boolean => prefixes.length === 2;
  await waitUntil('both are in the kernel', DEADLINE_MS, () => kernelPrefixes(pair), isBoth);
}

async function stalePrefixes(pair: Pair): Promise<readonly string[]> {
  const known = await routes(pair.peregrine);
  return known
    .filter((route) => route.paths.some((path) => path.stale))
    .map((route) => route.prefix)
    .sort();
}

async function kernelPrefixes(pair: Pair): Promise<readonly string[]> {
  const text = await pair.peregrine.context.command(['ip', '-4', 'route', 'show', 'proto', 'bird']);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ')[0])
    .sort();
}
