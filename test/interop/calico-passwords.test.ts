/**
 * The password of a BGPPeer is in a Secret, which comes, changes and goes while the daemon runs (section 3.10): the
 * session follows it, against a BIRD that insists on its own, and whatever is not protected as it was meant to be is said.
 */

import { expect, test } from 'vitest';
import { CalicoDaemon, type CalicoObject, calicoObject, secretObject } from '../support/calico-daemon.ts';
import { type Router, startRouter } from '../support/peers/index.ts';
import { describeInterop } from '../support/requirements.ts';
import { sessions, tcpCounters, withLaboratory } from '../support/topology.ts';
import { staysTrue, waitUntil } from '../support/wait-for.ts';

const OUR_AS = 64_512;
const THEIR_AS = 65_001;
const DEADLINE_MS = 60_000;
const TEST_TIMEOUT_MS = 180_000;
/** Longer than BIRD's pause between attempts, which is a second or two. */
const NEVER_MS = 3_000;
const [FIRST, SECOND] = ['ein-erstes-Kennwort', 'ein "zweites" Kennwort'];

interface Scene {
  readonly daemon: CalicoDaemon;
  readonly bird: Router;
  readonly secret: (values: { readonly [key: string]: string } | null) => void;
  /** Name of the session. */
  readonly name: string;
  readonly address: string;
  /** Segments that either kernel has refused for their key so far. */
  readonly refusals: () => Promise<number>;
}

async function withScene(env: NodeJS.ProcessEnv, body: (scene: Scene) => Promise<void>): Promise<void> {
  await withLaboratory(['peregrine', 'bird'], async (lab) => {
    const [us, them] = [lab.router('peregrine'), lab.router('bird')];
    const bird = await startRouter('bird', lab, them, {
      localAs: THEIR_AS,
      routerId: them.ipv4,
      neighbours: sessions(them, us, OUR_AS, { password: FIRST, multihopTtl: 2 }).slice(0, 1),
      networks: [],
    });
    const objects: CalicoObject[] = [
      calicoObject('Node', 'n1', { bgp: { ipv4Address: `${us.ipv4}/24` } }),
      calicoObject('BGPPeer', 'tor', {
        peerIP: them.ipv4,
        asNumber: THEIR_AS,
        password: { secretKeyRef: { name: 'bgp', key: 'tor' } },
      }),
    ];
    const daemon = await CalicoDaemon.start({ node: 'n1', objects, place: { lab, namespace: us }, env });
    await body({
      daemon,
      bird,
      secret: (values) => daemon.write('secret', values === null ? [] : [secretObject('bgp', values)]),
      name: `Global_${them.ipv4.replaceAll('.', '_')}`,
      address: us.ipv4,
      refusals: async () => {
        const both = await Promise.all([us, them].map((place) => tcpCounters(lab, place)));
        const names = ['TCPMD5NotFound', 'TCPMD5Unexpected', 'TCPMD5Failure'];
        return both.reduce((sum, one) => sum + names.reduce((n, name) => n + (one.get(name) ?? 0), 0), 0);
      },
    });
    for (const password of [FIRST, SECOND]) expect(daemon.process.log()).not.toContain(password);
  });
}

const isUp = async ({ daemon, name }: Scene): Promise<boolean> =>
  (await daemon.peers()).some((peer) => peer.name === name && peer.state === 'Established');
const comesUp = (scene: Scene, what: string): Promise<boolean> =>
  waitUntil(
    what,
    DEADLINE_MS,
    () => isUp(scene),
    (up) => up,
  );
const goesDown = (scene: Scene, what: string): Promise<boolean> =>
  waitUntil(
    what,
    DEADLINE_MS,
    () => isUp(scene),
    (up) => !up,
  );
/** The kernels refuse the other side's segments from now on, and there is no session. */
async function isRefused(scene: Scene, what: string): Promise<void> {
  const before = await scene.refusals();
  await waitUntil(what, DEADLINE_MS, scene.refusals, (now) => now > before);
  expect(await isUp(scene), what).toBe(false);
}
/** The one condition there is, about the password. */
const complaint = async (scene: Scene, words: string): Promise<void> => {
  const { conditions } = await scene.daemon.until(`the status says "${words}"`, DEADLINE_MS, (status) =>
    status.conditions.some(({ message }) => message.includes(words)),
  );
  expect(conditions).toMatchObject([{ resource: 'BGPPeer/tor', field: 'spec.password', severity: 'error' }]);
};
const noComplaint = (scene: Scene): Promise<unknown> =>
  scene.daemon.until('nothing is refused', DEADLINE_MS, ({ conditions }) => conditions.length === 0);

describeInterop('the password of a BGPPeer, from a Secret, against BIRD', ['bird'], () => {
  test(
    'comes, changes and goes, and the session follows',
    () =>
      withScene({}, async (scene) => {
        const { secret, bird, address, daemon, name } = scene;
        await complaint(scene, 'Secret kube-system/bgp is not there');
        await isRefused(scene, 'BIRD takes no session without password');

        secret({ tor: FIRST });
        await comesUp(scene, 'the Secret is there: the session comes up');
        await noComplaint(scene);

        // Another key of the Secret is nobody's business.
        const { appliedRevision } = await daemon.status();
        secret({ tor: FIRST, other: 'x' });
        await daemon.until(
          'the other key is applied',
          DEADLINE_MS,
          (status) => status.appliedRevision !== appliedRevision,
        );
        expect((await daemon.peers()).find((peer) => peer.name === name)).toMatchObject({ sessionsEstablished: 1 });

        secret({ tor: SECOND });
        await goesDown(scene, 'a password that only we have: the session ends');
        await isRefused(scene, 'a password that only we have');
        const [neighbour] = bird.context.config.neighbours;
        // One without a quote: BIRD's configuration cannot say such a text.
        await bird.reconfigure({ neighbours: [{ ...neighbour, password: 'drittes' }] });
        secret({ tor: 'drittes' });
        await comesUp(scene, 'both have the new one: the session comes up');
        expect(await bird.session(address)).toMatchObject({ isEstablished: true });

        secret({ other: 'x' });
        await goesDown(scene, 'the key is gone: the session ends');
        await complaint(scene, 'has no key "tor": session with');
        secret(null);
        await complaint(scene, 'Secret kube-system/bgp is not there');
        // As Calico does, and says: without password. A BIRD that wants none gets its session.
        await bird.reconfigure({ neighbours: [{ ...neighbour, password: null }] });
        await comesUp(scene, 'nobody wants a password: the session comes up');
        expect((await daemon.cli('show', 'status')).stdout).toMatch(
          /BGPPeer\/tor spec\.password: .*run without password/,
        );
      }),
    TEST_TIMEOUT_MS,
  );

  test(
    'withheld when asked: no session without it, whatever the peer wants',
    () =>
      withScene({ PEREGRINE_MISSING_PASSWORD: 'withhold' }, async (scene) => {
        const { secret, bird } = scene;
        const [neighbour] = bird.context.config.neighbours;
        await bird.reconfigure({ neighbours: [{ ...neighbour, password: null }] });
        await complaint(scene, 'kept down');
        await staysTrue('there is no session without password', NEVER_MS, async () => !(await isUp(scene)));
        await bird.reconfigure({ neighbours: [{ ...neighbour, password: FIRST }] });
        secret({ tor: FIRST });
        await comesUp(scene, 'the Secret is there: the session comes up');
        secret({ tor: '' });
        await goesDown(scene, 'an empty password is none that anybody asked for');
        await complaint(scene, 'is empty');
      }),
    TEST_TIMEOUT_MS,
  );
});
