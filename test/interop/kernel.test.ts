/**
 * The kernel's routing table and ours: next hops are resolved through what other programs route there, and come and go
 * with it; other programs' routes are never touched, not even for the same prefix; what somebody takes away from us is
 * put back.
 */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { KernelRouteView } from '../../src/api/schema.ts';
import { fetchList } from '../../src/cli/client.ts';
import { type Laboratory, type Namespace, ROUTER_INTERFACE } from '../support/netns.ts';
import { type Router, startRouter } from '../support/peers/index.ts';
import { routes } from '../support/peers/peregrine.ts';
import { announcement, type ReceivedRoute } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { established, kernelRoutes, session, withLaboratory } from '../support/topology.ts';
import { waitUntil } from '../support/wait-for.ts';

const FAMILY = 'ipv4-unicast';
const OUR_AS = 65001;
const LISTENER_AS = 65021;
const DEADLINE_MS = 20_000;
const PREFIX = '10.2.0.0/24';
/** Of no connected subnet. */
const FAR_NEXT_HOP = '192.0.2.7';

interface Scene {
  readonly lab: Laboratory;
  readonly us: Namespace;
  readonly feeder: Namespace;
  readonly gobgp: Router;
  readonly bird: Router;
  readonly peregrine: Router;
}

/** GoBGP (iBGP) announces, Peregrine routes, BIRD (eBGP) listens. */
async function withScene(
  prepare: (scene: Omit<Scene, 'peregrine'>) => Promise<void>,
  body: (scene: Scene) => Promise<void>,
): Promise<void> {
  await withLaboratory(['peregrine', 'feeder', 'listener'], async (lab) => {
    const [us, feeder, listener] = ['peregrine', 'feeder', 'listener'].map((label) => lab.router(label));
    const [gobgp, bird] = await Promise.all(
      (
        [
          ['gobgp', feeder, OUR_AS],
          ['bird', listener, LISTENER_AS],
        ] as const
      ).map(([kind, place, as]) =>
        startRouter(kind, lab, place, {
          localAs: as,
          routerId: place.ipv4,
          neighbours: [session(place, us, OUR_AS, FAMILY, { passive: true })],
          networks: [],
        }),
      ),
    );
    await prepare({ lab, us, feeder, gobgp, bird });
    const peregrine = await startRouter('peregrine', lab, us, {
      localAs: OUR_AS,
      routerId: us.ipv4,
      neighbours: [session(us, feeder, OUR_AS, FAMILY), session(us, listener, LISTENER_AS, FAMILY)],
      networks: [],
      kernel: { enabled: true },
    });
    await established(peregrine, [feeder.ipv4, listener.ipv4]);
    await body({ lab, us, feeder, gobgp, bird, peregrine });
  });
}

const isEmpty = (list: readonly unknown[]): boolean => list.length === 0;

function ourRoutes({ lab, us }: Scene): Promise<readonly string[]> {
  return kernelRoutes(lab, us);
}

async function waitForKernel(scene: Scene, what: string, isWanted: (list: readonly string[]) => boolean) {
  return await waitUntil(what, DEADLINE_MS, () => ourRoutes(scene), isWanted);
}

async function waitForListener(scene: Scene, what: string, isWanted: (list: readonly ReceivedRoute[]) => boolean) {
  return await waitUntil(what, DEADLINE_MS, () => scene.bird.received(scene.us.ipv4, FAMILY), isWanted);
}

describeInterop('next hops that the kernel leads to', ['gobgp', 'bird'], () => {
  test('unresolvable, resolvable through a static route, moved, gone, back again', async () => {
    await withScene(
      async () => {},
      async (scene) => {
        const { lab, us, feeder, gobgp, peregrine } = scene;
        await gobgp.announce(announcement(PREFIX, { nextHop: FAR_NEXT_HOP }));
        const [unresolved] = await waitUntil(
          'the route is there',
          DEADLINE_MS,
          () => routes(peregrine, PREFIX),
          (list) => list.length > 0,
        );
        expect(unresolved.paths).toMatchObject([{ eligible: false, best: false }]);
        expect(unresolved.paths[0].reason).toMatch(/next hop/i);
        expect(await ourRoutes(scene)).toEqual([]);

        const change = (...words: readonly string[]): Promise<string> =>
          lab.ip(us, 'route', ...words, `${FAR_NEXT_HOP}/32`, 'proto', 'static');
        await lab.ip(us, 'route', 'add', '192.0.2.0/24', 'via', feeder.ipv4, 'proto', 'static');
        await waitForKernel(scene, 'it goes through the feeder', ([line]) =>
          (line ?? '').startsWith(`${PREFIX} via ${feeder.ipv4} dev ${ROUTER_INTERFACE}`),
        );
        await waitForListener(scene, 'the listener hears it', ([route]) => route?.prefix === PREFIX);

        // A more specific route to the next hop moves it, its end moves it back.
        await lab.ip(us, 'route', 'add', `${FAR_NEXT_HOP}/32`, 'via', '198.18.0.9', 'proto', 'static');
        await waitForKernel(scene, 'it moves', ([line]) => (line ?? '').includes('via 198.18.0.9 '));
        await change('del');
        await waitForKernel(scene, 'it moves back', ([line]) => (line ?? '').includes(`via ${feeder.ipv4} `));

        await lab.ip(us, 'route', 'del', '192.0.2.0/24');
        await waitForKernel(scene, 'it is gone', isEmpty);
        await waitForListener(scene, 'it is withdrawn', isEmpty);

        await lab.ip(us, 'route', 'add', 'default', 'via', feeder.ipv4, 'proto', 'static');
        await waitForKernel(scene, 'it is back, by the default route', ([line]) =>
          (line ?? '').includes(`via ${feeder.ipv4} `),
        );
        await waitForListener(scene, 'it is announced again', ([route]) => route?.prefix === PREFIX);
      },
    );
  });

  test('a next hop behind a route of BGP itself is not resolvable (no recursion over recursion)', async () => {
    await withScene(
      async () => {},
      async (scene) => {
        const { gobgp, peregrine } = scene;
        await gobgp.announce(announcement('192.0.2.0/24'));
        await waitForKernel(scene, 'the covering route', (list) => list.length === 1);
        await gobgp.announce(announcement(PREFIX, { nextHop: FAR_NEXT_HOP }));
        const [known] = await waitUntil(
          'the route is there',
          DEADLINE_MS,
          () => routes(peregrine, PREFIX),
          (list) => list.length > 0,
        );
        expect(known.paths).toMatchObject([{ eligible: false }]);
      },
    );
  });

  test('the link goes down and comes up: the routes over it go and come', async () => {
    await withScene(
      async ({ lab, us }) => {
        // A second link, which no session uses.
        await lab.ip(us, 'link', 'add', 'side0', 'type', 'veth', 'peer', 'name', 'side1');
        await lab.ip(us, 'addr', 'add', '192.0.2.1/24', 'dev', 'side0');
        await lab.ip(us, 'link', 'set', 'side0', 'up');
        await lab.ip(us, 'link', 'set', 'side1', 'up');
      },
      async (scene) => {
        const { lab, us, gobgp } = scene;
        await gobgp.announce(announcement(PREFIX, { nextHop: FAR_NEXT_HOP }));
        const isThere = ([line]: readonly string[]): boolean =>
          (line ?? '').startsWith(`${PREFIX} via ${FAR_NEXT_HOP} dev side0`);
        await waitForKernel(scene, 'the route is there', isThere);
        await lab.ip(us, 'link', 'set', 'side0', 'down');
        await waitForKernel(scene, 'it is gone', isEmpty);
        await waitForListener(scene, 'it is withdrawn', isEmpty);
        await lab.ip(us, 'link', 'set', 'side0', 'up');
        await waitForKernel(scene, 'it is back', isThere);
      },
    );
  });
});

describeInterop("other programs' routes", ['gobgp', 'bird'], () => {
  const ALIEN = [`${PREFIX} via 198.18.0.50`, '10.3.0.0/24 via 198.18.0.51', '10.4.0.0/24 dev lo'] as const;

  /** Everything in the main table that is not ours. */
  async function alienRoutes({ lab, us }: Pick<Scene, 'lab' | 'us'>): Promise<readonly string[]> {
    return (await kernelRoutes(lab, us, FAMILY, 'static')).map((line) => line.replace(/ metric.*/, ''));
  }

  test('stay through announcements, withdrawals, restart and exit, even for the same prefix', async () => {
    const before: string[] = [];
    await withScene(
      async ({ lab, us }) => {
        for (const [index, route] of ALIEN.entries()) {
          await lab.ip(us, 'route', 'add', ...route.split(' '), 'proto', 'static', 'metric', `${50 + index}`);
        }
        // Our protocol number, but another table.
        await lab.ip(us, 'route', 'add', PREFIX, 'via', '198.18.0.52', 'proto', 'bird', 'table', '77');
        before.push(...(await alienRoutes({ lab, us })));
      },
      async (scene) => {
        const { lab, us, gobgp, peregrine } = scene;
        expect(before).toHaveLength(ALIEN.length);
        await gobgp.announce(announcement(PREFIX));
        await gobgp.announce(announcement('10.4.0.0/24'));
        await waitForKernel(scene, 'ours are beside them', (list) => list.length === 2);
        expect(await alienRoutes(scene)).toEqual(before);
        await gobgp.withdraw(PREFIX);
        await waitForKernel(scene, 'ours is gone', (list) => list.length === 1);
        expect(await alienRoutes(scene)).toEqual(before);
        await peregrine.daemon.kill();
        expect(await ourRoutes(scene)).toHaveLength(1);
        await peregrine.restart();
        await established(peregrine, [scene.feeder.ipv4]);
        await peregrine.stop();
        expect(await ourRoutes(scene)).toHaveLength(1);
        expect(await alienRoutes(scene)).toEqual(before);
        const other = await lab.ip(us, 'route', 'show', 'table', '77');
        expect(other).toContain('via 198.18.0.52');
      },
    );
  });

  test('one with the same prefix and metric is in the way: it stays, ours comes when it goes', async () => {
    await withScene(
      async ({ lab, us }) => {
        await lab.ip(us, 'route', 'add', PREFIX, 'via', '198.18.0.50', 'proto', 'static');
      },
      async (scene) => {
        const { lab, us, gobgp, feeder, peregrine } = scene;
        await gobgp.announce(announcement('10.5.0.0/24'));
        await gobgp.announce(announcement(PREFIX));
        await waitForKernel(scene, 'another route is there', (list) => list.length === 1);
        await waitForListener(scene, 'both are announced', (list) => list.length === 2);
        expect(await alienRoutes(scene)).toEqual([`${PREFIX} via 198.18.0.50 dev ${ROUTER_INTERFACE}`]);
        const views: KernelRouteView[] = [];
        const socketPath = join(peregrine.context.folder, 'peregrine.sock');
        for await (const view of fetchList<KernelRouteView>(socketPath, '/v1/kernel')) views.push(view);
        views.sort((x, y) => (x.prefix < y.prefix ? -1 : 1));
        expect(views).toMatchObject([
          {
            prefix: PREFIX,
            state: 'failed',
            reason: `foreign-route-exists: via 198.18.0.50 dev ${ROUTER_INTERFACE} proto static metric 0 is there`,
          },
          { prefix: '10.5.0.0/24', state: 'installed', reason: null },
        ]);
        await lab.ip(us, 'route', 'del', PREFIX, 'proto', 'static');
        await waitForKernel(scene, 'ours takes the place', (list) =>
          list.some((line) => line.startsWith(`${PREFIX} via ${feeder.ipv4} `)),
        );
      },
    );
  });

  test('ours, when somebody deletes or replaces it, is put back', async () => {
    await withScene(
      async () => {},
      async (scene) => {
        const { lab, us, gobgp, feeder, peregrine } = scene;
        await gobgp.announce(announcement(PREFIX));
        const isOurs = ([line]: readonly string[]): boolean => (line ?? '').startsWith(`${PREFIX} via ${feeder.ipv4} `);
        await waitForKernel(scene, 'the route is there', isOurs);
        await lab.ip(us, 'route', 'del', PREFIX, 'proto', 'bird');
        await waitForKernel(scene, 'it is put back after a deletion', isOurs);
        await lab.ip(us, 'route', 'change', PREFIX, 'via', '198.18.0.60', 'proto', 'bird');
        await waitForKernel(scene, 'it is put right after a change', isOurs);
        // One line for the prefix; the second time is counted.
        const lines = peregrine.daemon
          .log()
          .split('\n')
          .filter((line) => line.includes('KERNEL_DISTURBED'));
        expect(lines.map((line) => JSON.parse(line))).toMatchObject([
          { prefix: PREFIX, what: 'deleted', was: `via ${feeder.ipv4} dev ${ROUTER_INTERFACE} proto bird metric 0` },
        ]);
      },
    );
  });
});
