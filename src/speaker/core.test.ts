import { describe, expect, test } from 'vitest';
import { parseAddress, parsePrefix } from '../../bgp/ip.ts';
import type { NegotiatedSession } from '../../bgp/negotiated.ts';
import { PEER_STATIC } from '../../rib/peer-table.ts';
import { loadStandAlone } from '../config/load.ts';
import { SILENT_LOG } from '../log/log.ts';
import { VirtualClock } from './clock.ts';
import { SpeakerCore } from './core.ts';
import { explainAdvertised } from './explain/advertised.ts';
import { encodeLocalPath, ROUTE_BLACKHOLE, SOURCE_STATIC } from './local-paths.ts';
import type { PeerDriver } from './peer-driver.ts';

const CONFIG = `
routerId: 10.0.0.9
as: 65000
kernel: { enabled: false, resolveNextHops: always }
peers:
  - { name: one, address: 10.0.0.1, as: 65001 }
  - { name: two, address: 10.0.0.2, as: 65002 }
`;
const LOCAL = parseAddress('10.0.0.9')!;
const ROUTES = 300;

function session(peerAs: number): NegotiatedSession {
  return {
    ...{ localAs: 65000, peerAs, localBgpIdentifier: 9, peerBgpIdentifier: peerAs, isInternal: false, asn4: true },
    ...{ extendedMessage: false, maxMessageLengthOctets: 4096, families: [true, false], extendedNextHop: false },
    ...{ addPathReceive: [false, false], addPathSend: [false, false], routeRefresh: true, enhancedRouteRefresh: false },
    ...{ holdTimeSeconds: 90, keepaliveTimeSeconds: 30, sendHoldTimeSeconds: 480, role: null },
    ...{ gracefulRestart: null, longLivedGracefulRestart: null },
  };
}

/** The tables and their loop, with peers that take everything at once and routes of its own, each with a set of its own. */
class Scene {
  readonly core: SpeakerCore;
  readonly drivers: PeerDriver[];

  constructor() {
    const loaded = loadStandAlone('test.yaml', CONFIG);
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics));
    this.core = new SpeakerCore(loaded.desired, SILENT_LOG, new VirtualClock());
    this.drivers = loaded.desired.peers.map(({ session: config, policy }) => {
      const { name, localAs, peerAs } = config;
      const connection = { isBlocked: false, sendAll: () => {} };
      const driver = { name, config, session: null, ribIndex: 0, drain: 'none', connection } as unknown as PeerDriver;
      this.core.addPeer(driver, this.core.rib.addPeer({ name, localAs, peerAs, policy }));
      return driver;
    });
  }

  up(driver: PeerDriver): void {
    driver.session = session(driver.config.peerAs);
    this.core.sessionUp(driver, driver.session, LOCAL, parseAddress(driver.config.peerAddress)!, [false, false]);
  }

  down(driver: PeerDriver): void {
    driver.session = null;
    this.core.sessionDown(driver, [false, false], [false, false]);
  }

  route(n: number): { readonly at: readonly [0, number, number, number, number, number]; readonly block: Uint8Array } {
    const { a, b, c, d, length } = parsePrefix(`10.${1 + (n >> 8)}.${n & 255}.0/24`)!;
    const block = encodeLocalPath({
      ...{ source: SOURCE_STATIC, routeType: ROUTE_BLACKHOLE, metric: 0, interfaceIndex: 0, gateway: null },
      communities: [`65000:${n}`],
    });
    return { at: [0, a, b, c, d, length], block };
  }

  announce(): void {
    for (let n = 0; n < ROUTES; n++) {
      const { at, block } = this.route(n);
      this.core.rib.setLocalPath(PEER_STATIC, ...at, block);
    }
  }

  withdraw(): void {
    for (let n = 0; n < ROUTES; n++) this.core.rib.removeLocalPath(PEER_STATIC, ...this.route(n).at);
  }

  get sets(): number {
    return this.core.rib.sets.count;
  }
}

describe('attribute sets that nobody holds are freed before the loop rests', () => {
  async function advertised(): Promise<Scene> {
    const scene = new Scene();
    for (const driver of scene.drivers) scene.up(driver);
    scene.announce();
    await scene.core.idle();
    // One for each route as it is here, and one as it is told: both peers are in one group.
    expect(scene.sets).toBe(2 * ROUTES);
    expect(scene.core.groups.advertisedCount(scene.drivers[1].ribIndex, 0)).toBe(ROUTES);
    return scene;
  }

  test('routes that peers were told are withdrawn: encoding releases what was told', async () => {
    const scene = await advertised();
    // Asked for first, and nothing is sent: another turn, for whatever reason, would sweep as well.
    for (const { connection } of scene.drivers) connection!.isBlocked = true;
    const idle = scene.core.idle();
    scene.withdraw();
    await idle;
    expect(scene.sets).toBe(0);
  });

  test('all members of a group are lost: giving it up releases what was told', async () => {
    const scene = await advertised();
    const idle = scene.core.idle();
    for (const driver of scene.drivers) scene.down(driver);
    await idle;
    expect(scene.sets).toBe(ROUTES);
  });

  test('both at once, again and again', async () => {
    for (let scene = await advertised(), round = 0; round < 5; round++) {
      const idle = scene.core.idle();
      for (const driver of scene.drivers) scene.down(driver);
      scene.withdraw();
      await idle;
      expect(scene.sets).toBe(0);
      for (const driver of scene.drivers) scene.up(driver);
      scene.announce();
      await scene.core.idle();
      expect(scene.sets).toBe(2 * ROUTES);
    }
  });

  test('what an explanation has made goes with the next turn, though nothing else happens', async () => {
    const scene = await advertised();
    const [{ ribIndex }] = scene.drivers;
    const { rib } = scene.core;
    // Somebody who is told nothing is asked about: what he would be told is made for the answer alone.
    const asked = { ...scene.drivers[0], drain: 'avoid' } as PeerDriver;
    expect(ribIndex).toBe(asked.ribIndex);
    explainAdvertised(scene.core, asked, '10.1.0.0/24');
    expect(rib.sets.count).toBe(2 * ROUTES + 1);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(rib.sets.count).toBe(2 * ROUTES);
  });
});
