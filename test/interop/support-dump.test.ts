/**
 * A support dump of a daemon with a real kernel and a real peer, replayed without either: the same Loc-RIB comes out, with
 * routes learned from interfaces and other programs, and the same wanted kernel routes.
 */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { KernelRouteView } from '../../src/api/schema.ts';
import { peregrine as cli } from '../support/local-daemon.ts';
import { temporaryFolder } from '../support/loopback.ts';
import { withPair } from '../support/pair.ts';
import { peregrine } from '../support/peers/peregrine.ts';
import { announcement } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 30_000;
const PREFIXES = ['198.51.100.0/24', '203.0.113.0/24', '203.0.113.128/25'];

const kernelRoutes = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as KernelRouteView)
    .map(({ prefix, type, metric, hops }) => ({ prefix, type, metric, hops }));

for (const kind of ['bird', 'gobgp', 'frr'] as const) {
  describeInterop(`support dump with ${kind}`, [kind], () => {
    test('the replay has the same routes and wants the same of the kernel', async () => {
      const options = { kind, session: 'eBGP', dials: 'both', overIpv4: ['ipv4-unicast'] } as const;
      const foreignNetworks = PREFIXES.map((prefix) => announcement(prefix));
      await withPair({ ...options, foreignNetworks, kernel: { enabled: true } }, async (pair) => {
        const { context, namespace } = pair.peregrine;
        await pair.established();
        await waitUntil(
          'its routes are in the kernel',
          DEADLINE_MS,
          async () => kernelRoutes(await peregrine(context, 'show', 'kernel', '--json')),
          ({ length }) => length === PREFIXES.length,
        );
        await pair.lab.run(namespace, ['ip', 'route', 'add', 'unreachable', '192.0.2.128/25']);
        const file = join(temporaryFolder(), 'dump.gz');
        await peregrine(context, 'support-dump', '--output', file);
        const replayed = async (...words: string[]): Promise<string> => {
          const { status, stdout, stderr } = await cli(['replay', file, ...words]);
          expect([status, stderr]).toEqual([0, '']);
          return stdout;
        };
        for (const words of [
          ['show', 'routes'],
          ['show', 'next-hops'],
          ['explain', 'route', PREFIXES[0]],
        ]) {
          // A replay has no kernel that could have taken it.
          const expected = (await peregrine(context, ...words)).replace('kernel: installed', 'kernel: pending');
          expect(await replayed(...words), words.join(' ')).toBe(expected);
        }
        const wanted = kernelRoutes(await peregrine(context, 'show', 'kernel', '--json'));
        expect(kernelRoutes(await replayed('show', 'kernel', '--json'))).toEqual(wanted);
        expect(wanted[0].hops[0]).toMatchObject({ gateway: pair.foreign.namespace.ipv4 });
      });
    });
  });
}
