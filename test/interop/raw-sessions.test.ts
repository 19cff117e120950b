/**
 * What no daemon would do on request, from a speaker that does exactly what the test says: both dial at the same moment
 * (RFC 4271 6.8, RFC 6286), a connection breaks off inside a message, an OPEN is not acceptable (RFC 4271 6.2), the
 * caller is nobody we know.
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Laboratory } from '../support/netns.ts';
import { type Router, startRouter } from '../support/peers/index.ts';
import { peerView } from '../support/peers/peregrine.ts';
import { neighbour } from '../support/peers/router.ts';
import {
  keepaliveOctets,
  OPEN,
  openOctets,
  type RawConnection,
  RawSpeaker,
  updateOctets,
} from '../support/raw-speaker.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitFor, waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 15_000;
const OUR_AS = 65001;
const THEIR_AS = 65002;
const FAMILY = 'ipv4-unicast';
/** Cease, Connection Collision Resolution (RFC 4486). */
const COLLISION = '6/7';
const PREFIXES = ['198.51.100.0/24', '203.0.113.0/24'];

/** Peregrine and a raw speaker that it knows as its neighbour. */
interface Scene {
  readonly lab: Laboratory;
  readonly peregrine: Router;
  readonly raw: RawSpeaker;
  /** Peregrine's address, and the raw speaker's. */
  readonly us: string;
  readonly them: string;
}

async function startScene(options: {
  readonly passive: boolean;
  readonly peregrineId?: string;
  readonly as?: number;
}): Promise<Scene> {
  const lab = await Laboratory.create(['peregrine', 'raw']);
  try {
    const [us, them] = [lab.router('peregrine'), lab.router('raw')];
    const raw = await RawSpeaker.start(lab, them, them.ipv4);
    const session = neighbour({
      address: them.ipv4,
      localAddress: us.ipv4,
      as: options.as ?? THEIR_AS,
      families: [FAMILY],
      passive: options.passive,
      // A second peer's idle-hold must not be what a test waits for.
      peregrine: { idleHold: { minSeconds: 1, maxSeconds: 1 }, gracefulRestart: { mode: 'off' } },
    });
    const peregrine = await startRouter('peregrine', lab, us, {
      localAs: OUR_AS,
      routerId: options.peregrineId ?? us.ipv4,
      neighbours: [session],
      networks: [],
    });
    return { lab, peregrine, raw, us: us.ipv4, them: them.ipv4 };
  } catch (error) {
    await lab.close();
    throw error;
  }
}

function isUp(status: { readonly isEstablished: boolean }): boolean {
  return status.isEstablished;
}

describeInterop('two connections to one neighbour', [], () => {
  test.each([
    { who: 'ours is higher: the connection that we opened stays', theirId: '1.1.1.1', survivor: 'ours' },
    { who: 'theirs is higher: the connection that they opened stays', theirId: '250.1.1.1', survivor: 'theirs' },
  ] as const)('of the BGP Identifiers, $who', async ({ theirId, survivor }) => {
    const scene = await startScene({ passive: false });
    try {
      const { raw, peregrine, us, them } = scene;
      const fields = { as: THEIR_AS, holdTimeSeconds: 90, routerId: theirId };
      // Both connections stand before either side has said who it is.
      const ours = await raw.accepted(1);
      await ours.message(OPEN);
      const theirs = await raw.connect(us, them);
      await theirs.message(OPEN);
      ours.send(openOctets(fields));
      theirs.send(openOctets(fields));

      const [kept, dropped]: [RawConnection, RawConnection] = survivor === 'ours' ? [ours, theirs] : [theirs, ours];
      expect(await dropped.notification()).toBe(COLLISION);
      await dropped.closed();
      kept.send(keepaliveOctets());
      await waitUntil('established', DEADLINE_MS, () => peregrine.session(them), isUp);
      kept.send(updateOctets(THEIR_AS, them, PREFIXES));
      const isBoth = (list: readonly unknown[]): boolean => list.length === PREFIXES.length;
      await waitUntil('the routes are there', DEADLINE_MS, () => peregrine.received(them, FAMILY), isBoth);
      expect(kept.isClosed).toBe(false);
    } finally {
      await scene.lab.close();
    }
  });

  test('a second connection while the session is established is refused, the session stays', async () => {
    const scene = await startScene({ passive: true });
    try {
      const { raw, peregrine, us, them } = scene;
      const fields = { as: THEIR_AS, holdTimeSeconds: 90, routerId: '250.1.1.1' };
      const first = await raw.connect(us, them);
      await first.establish(fields);
      await waitUntil('established', DEADLINE_MS, () => peregrine.session(them), isUp);
      const second = await raw.connect(us, them);
      second.send(openOctets(fields));
      await second.closed();
      expect(first.isClosed).toBe(false);
      expect((await peregrine.session(them)).isEstablished).toBe(true);
    } finally {
      await scene.lab.close();
    }
  });
});

describeInterop('a peer that breaks off', [], () => {
  test.each([
    { how: 'FIN in the middle of an UPDATE', cut: (octets: Buffer) => octets.subarray(0, 30), end: 'end' },
    { how: 'RST in the middle of an UPDATE', cut: (octets: Buffer) => octets.subarray(0, 30), end: 'reset' },
    { how: 'FIN in the middle of a header', cut: (octets: Buffer) => octets.subarray(0, 7), end: 'end' },
  ] as const)('$how: its routes go, the half message changes nothing, the session comes back', async ({ cut, end }) => {
    const scene = await startScene({ passive: true });
    try {
      const { raw, peregrine, us, them } = scene;
      const fields = { as: THEIR_AS, holdTimeSeconds: 90, routerId: '9.9.9.9' };
      const first = await raw.connect(us, them);
      await first.establish(fields);
      first.send(updateOctets(THEIR_AS, them, [PREFIXES[0]]));
      const read = () => peregrine.received(them, FAMILY);
      await waitUntil('the first route is there', DEADLINE_MS, read, (list) => list.length === 1);

      first.send(cut(updateOctets(THEIR_AS, them, [PREFIXES[1]])));
      if (end === 'end') first.end();
      else first.reset();
      await waitUntil('no route is left', DEADLINE_MS, read, (list) => list.length === 0);
      expect((await peregrine.session(them)).isEstablished).toBe(false);

      // Connections during the idle-hold time are refused, so try until one is taken.
      await waitFor('a session again', DEADLINE_MS, async () => {
        const again = await raw.connect(us, them);
        if (again.isClosed) return null;
        await again.establish(fields).catch(() => null);
        if (again.isClosed) return null;
        again.send(updateOctets(THEIR_AS, them, [PREFIXES[1]]));
        return true;
      });
      const routes = await waitUntil('the second route is there', DEADLINE_MS, read, (list) => list.length === 1);
      expect(routes).toMatchObject([{ prefix: PREFIXES[1] }]);
    } finally {
      await scene.lab.close();
    }
  });
});

describeInterop('an OPEN that is not acceptable', [], () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await startScene({ passive: true });
  });
  afterAll(() => scene?.lab.close());

  const good = { as: THEIR_AS, holdTimeSeconds: 90, routerId: '9.9.9.9' };
  test.each([
    { what: 'another AS than configured', fields: { ...good, as: 65099 }, notification: '2/2' },
    { what: 'AS 0 (RFC 7607)', fields: { ...good, as: 0 }, notification: '2/2' },
    { what: 'hold time 1', fields: { ...good, holdTimeSeconds: 1 }, notification: '2/6' },
    { what: 'hold time 2', fields: { ...good, holdTimeSeconds: 2 }, notification: '2/6' },
    { what: 'BGP Identifier 0.0.0.0', fields: { ...good, routerId: '0.0.0.0' }, notification: '2/3' },
  ])('$what: NOTIFICATION $notification', async ({ fields, notification }) => {
    const connection = await openWhenIdleHoldIsOver(scene, fields);
    expect(await connection.notification()).toBe(notification);
    await connection.closed();
    expect((await scene.peregrine.session(scene.them)).isEstablished).toBe(false);
  });

  // Code 239 is for experiments (RFC 8810).
  const unknown = Buffer.from([239, 3, 1, 2, 3]);
  test.each([
    { what: 'unknown capabilities', fields: { ...good, capabilities: unknown } },
    { what: 'the extended format of RFC 9072', fields: { ...good, isExtended: true } },
  ])('$what: accepted all the same', async ({ fields }) => {
    const connection = await openWhenIdleHoldIsOver(scene, fields);
    connection.send(keepaliveOctets());
    await waitUntil('established', DEADLINE_MS, () => scene.peregrine.session(scene.them), isUp);
    const peer = await peerView(scene.peregrine.context, scene.them);
    expect(peer.negotiated).not.toBeNull();
    connection.end();
    await waitUntil(
      'down again',
      DEADLINE_MS,
      () => scene.peregrine.session(scene.them),
      (status) => !isUp(status),
    );
  });

  /** After each error Peregrine refuses the peer for a moment; a connection counts when OPEN has come on it. */
  async function openWhenIdleHoldIsOver(from: Scene, fields: Parameters<typeof openOctets>[0]): Promise<RawConnection> {
    return await waitFor('a connection that is taken', DEADLINE_MS, async () => {
      const connection = await from.raw.connect(from.us, from.them);
      const hasOpen = await connection.message(OPEN).then(
        () => true,
        () => false,
      );
      if (!hasOpen || connection.isClosed) return null;
      connection.send(openOctets(fields));
      return connection;
    });
  }
});

describeInterop('a caller that is not configured', [], () => {
  test('is refused, and the log names its address', async () => {
    const scene = await startScene({ passive: true });
    try {
      const stranger = '198.18.0.77';
      await scene.lab.ip(scene.lab.router('raw'), 'addr', 'add', `${stranger}/24`, 'dev', 'eth0');
      const connection = await scene.raw.connect(scene.us, stranger);
      await connection.closed();
      expect(connection.messages().filter((message) => message.type === OPEN)).toEqual([]);
      await waitFor('a log line with the address', DEADLINE_MS, () =>
        scene.peregrine.daemon.log().includes(stranger) ? true : null,
      );
    } finally {
      await scene.lab.close();
    }
  });
});

describeInterop('iBGP with our own BGP Identifier', [], () => {
  test('is refused with 2/3 (RFC 6286)', async () => {
    const scene = await startScene({ passive: true, as: OUR_AS, peregrineId: '7.7.7.7' });
    try {
      const connection = await scene.raw.connect(scene.us, scene.them);
      await connection.message(OPEN);
      connection.send(openOctets({ as: OUR_AS, holdTimeSeconds: 90, routerId: '7.7.7.7' }));
      expect(await connection.notification()).toBe('2/3');
    } finally {
      await scene.lab.close();
    }
  });
});
