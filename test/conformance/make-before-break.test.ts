/**
 * Whatever a change of resources does, routes that are to be advertised before and after it are not withdrawn in between,
 * nor told again: seen by a peer of the real daemon, which keeps one session through all of it.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CalicoDaemon, type CalicoObject, calicoObject } from '../support/calico-daemon.ts';
import { LOOPBACK_PORT, loopbackAddress } from '../support/loopback.ts';
import { readUpdate, UPDATE } from '../support/raw-speaker.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 30_000;
const [OWN, OTHER, TOR] = [1, 2, 200].map(loopbackAddress);
const TOR_AS = 65_001;

const node = (name: string, address: string, labels: object = {}): CalicoObject =>
  calicoObject('Node', name, { bgp: { ipv4Address: `${address}/24` } }, labels);
const configuration = (more: object = {}): CalicoObject =>
  calicoObject('BGPConfiguration', 'default', {
    bindMode: 'NodeIP',
    listenPort: LOOPBACK_PORT,
    serviceClusterIPs: [{ cidr: '10.96.0.0/16' }],
    serviceExternalIPs: [{ cidr: '203.0.113.7/32' }],
    ...more,
  });
const tor = (more: object = {}): CalicoObject =>
  calicoObject('BGPPeer', 'tor', { peerIP: TOR, asNumber: TOR_AS, ...more });
const pool = (name: string, more: object = {}): CalicoObject =>
  calicoObject('IPPool', name, { cidr: '10.244.0.0/16', ...more });
const block = (name: string, cidr: string, state = 'confirmed'): CalicoObject =>
  calicoObject('BlockAffinity', name, { node: 'n1', cidr, state });
const service = (name: string): CalicoObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: {
    type: 'LoadBalancer',
    clusterIP: '10.96.0.7',
    externalIPs: ['203.0.113.7'],
    externalTrafficPolicy: 'Cluster',
  },
});
const acceptAll = calicoObject('BGPFilter', 'all', { exportV4: [{ action: 'Accept' }] });

const WORLD = {
  own: node('n1', OWN),
  other: node('n2', OTHER),
  configuration: configuration(),
  tor: tor(),
  pool: pool('pods'),
  block: block('b1', '10.244.1.0/26'),
  service: service('web'),
};
type World = { readonly [part: string]: CalicoObject | undefined };

/** Advertised in every world below. The Service has an address of its own and one that its range covers. */
const STABLE = ['10.244.1.0/26', '10.96.0.0/16', '203.0.113.7/32'];

describe('what stays', () => {
  let daemon: CalicoDaemon;
  let speaker: SocketSpeaker;
  let world: World = WORLD;
  let sentinels = 0;

  /** Prefixes announced (`+`) and withdrawn (`-`) since that UPDATE. */
  const told = (from: number): string[] =>
    speaker
      .of(UPDATE)
      .slice(from)
      .map(({ body }) => readUpdate(body))
      .flatMap(({ announced, withdrawn }) => [
        ...withdrawn.map((one) => `-${one}`),
        ...announced.map((one) => `+${one}`),
      ]);

  const objectsOf = (parts: World): CalicoObject[] => Object.values(parts).filter((one) => one !== undefined);

  /** A block more, and the peer has heard of it: what was to be said before has been said. */
  async function hearSentinel(): Promise<void> {
    const cidr = `10.244.${100 + sentinels++}.0/26`;
    const from = speaker.of(UPDATE).length;
    daemon.write('all', [...objectsOf(world), block('sentinel', cidr)]);
    await waitUntil(
      `${cidr} is told`,
      DEADLINE_MS,
      () => told(from),
      (prefixes) => prefixes.includes(`+${cidr}`),
    );
  }

  beforeAll(async () => {
    daemon = await CalicoDaemon.start({ node: 'n1', objects: objectsOf(WORLD) });
    speaker = await SocketSpeaker.establish({ localAddress: TOR, address: OWN, as: TOR_AS });
    await waitUntil(
      'the routes are told',
      DEADLINE_MS,
      () => told(0),
      (prefixes) => STABLE.every((one) => prefixes.includes(`+${one}`)),
    );
  });
  afterAll(async () => {
    speaker?.close();
    await daemon?.stop();
  });

  test.each<[sentence: string, change: World]>([
    ['another block comes', { block2: block('b2', '10.244.2.0/26') }],
    ['and goes', { block2: undefined }],
    ['the block is said under another name', { block: block('b9', '10.244.1.0/26') }],
    [
      'it is about to be deleted: the pool has it advertised',
      { block: block('b9', '10.244.1.0/26', 'pendingDeletion') },
    ],
    ['it is confirmed again, and its pool is called otherwise', { block: WORLD.block, pool: pool('workloads') }],
    ['the pool gets IPIP', { pool: pool('workloads', { ipipMode: 'Always' }) }],
    [
      'and no export: its own block is not hidden by another pool',
      { hidden: calicoObject('IPPool', 'h', { cidr: '10.9.0.0/16', disableBGPExport: true }) },
    ],
    ['a second Service asks for the same addresses', { service2: service('shop') }],
    ['the first one goes', { service: undefined }],
    ['another range', { configuration: configuration({ serviceLoadBalancerIPs: [{ cidr: '198.51.100.0/24' }] }) }],
    [
      'the ranges change places',
      { configuration: configuration({ serviceClusterIPs: [{ cidr: '10.97.0.0/16' }, { cidr: '10.96.0.0/16' }] }) },
    ],
    ['a filter that accepts everything', { filter: acceptAll, tor: tor({ filters: ['all'] }) }],
    ['the filter is gone, the peer still names it', { filter: undefined }],
    ['a next-hop mode that says what eBGP does anyway', { tor: tor({ nextHopMode: 'Self' }) }],
    ['another keepalive time and allowance', { tor: tor({ keepaliveTime: '20s', numAllowedLocalASNumbers: 2 }) }],
    ["the peering is this node's alone: another name", { tor: tor({ node: 'n1' }) }],
    ["and everybody's again", { tor: tor() }],
    ['the other node leaves', { other: undefined }],
    ['and comes back as a reflector', { other: node('n2', OTHER, { reflector: 'true' }) }],
    ['normal priority', { configuration: configuration({ ipv4NormalRoutePriority: 2000 }) }],
    ['everything at once, back to the beginning', { ...WORLD, service2: undefined, hidden: undefined }],
  ])('%s', async (_sentence, change) => {
    await hearSentinel();
    const from = speaker.of(UPDATE).length;
    world = { ...world, ...change };
    await hearSentinel();
    // Once more: what the same pass of the encoder had to say has been heard as well then.
    await hearSentinel();
    expect(told(from).filter((one) => STABLE.includes(one.slice(1)))).toEqual([]);
    expect(speaker.isClosed).toBe(false);
  });

  test('and one session for all of that', async () => {
    const [peer] = (await daemon.peers()).filter(({ address }) => address === TOR);
    expect(peer).toMatchObject({ state: 'Established', sessionsEstablished: 1 });
  });
});
