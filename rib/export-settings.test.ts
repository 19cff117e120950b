import { describe, expect, test } from 'vitest';
import type { NegotiatedSession } from '../bgp/negotiated.ts';
import type { ExportSettings } from './export-rules.ts';
import { exportKey, exportSettingsOf } from './export-settings.ts';
import { address, ExportBench, LOCAL_AS } from './export-test-support.ts';
import { ACCEPT_ALL, REJECT_ALL } from './policy/policy.ts';
import { compiled } from './policy/test-support.ts';

const EXTERNAL: ExportSettings = new ExportBench().group().settings;
const INTERNAL: ExportSettings = { ...EXTERNAL, isInternal: true, peerAs: LOCAL_AS };

describe('peers of one group', () => {
  test.each<[string, ExportSettings, Partial<ExportSettings>]>([
    ['external peers of different AS', EXTERNAL, { peerAs: 65001 }],
    ['external peers with different cluster ids', EXTERNAL, { clusterId: 1 }],
    ['internal peers with roles', INTERNAL, { role: 'peer' }],
    ['policies of equal content', EXTERNAL, { policy: compiled({ ...ACCEPT_ALL }, 'export') }],
    ['internal peers, one without private AS', { ...INTERNAL, removePrivateAs: true }, { peerAs: 65001 }],
  ])('%s', (_case, base, change) => {
    expect(exportKey({ ...base, ...change })).toBe(exportKey(base));
  });
});

describe('peers of different groups', () => {
  test.each<[string, ExportSettings, Partial<ExportSettings>]>([
    ['family', EXTERNAL, { family: 1 }],
    ['internal and external', EXTERNAL, { isInternal: true }],
    ['local AS', EXTERNAL, { localAs: 1 }],
    ['client and non-client', INTERNAL, { isRouteReflectorClient: true }],
    ['cluster', INTERNAL, { clusterId: 1 }],
    ['next hop mode', EXTERNAL, { nextHopMode: 'keep' }],
    ['our address', EXTERNAL, { localAddress: address('10.0.0.2') }],
    ['another address of ours', EXTERNAL, { otherAddresses: [address('10.0.0.2')] }],
    ['our link-local address', EXTERNAL, { localLinkLocal: address('fe80::2') }],
    ['RFC 8950', EXTERNAL, { extendedNextHop: true }],
    ['LLGR', EXTERNAL, { isLlgrAware: false }],
    ['role', EXTERNAL, { role: 'provider' }],
    ['private AS', EXTERNAL, { removePrivateAs: true }],
    ['policy', EXTERNAL, { policy: compiled({ ...REJECT_ALL, name: ACCEPT_ALL.name }, 'export') }],
  ])('%s', (_case, base, change) => {
    expect(exportKey({ ...base, ...change })).not.toBe(exportKey(base));
  });

  test('without private AS, the AS of an external peer counts: it is kept', () => {
    const one = { ...EXTERNAL, removePrivateAs: true };
    expect(exportKey({ ...one, peerAs: 65001 })).not.toBe(exportKey(one));
  });
});

describe('settings of a peer', () => {
  const session = {
    localAs: LOCAL_AS,
    peerAs: LOCAL_AS,
    peerBgpIdentifier: 7,
    isInternal: true,
    extendedNextHop: true,
    longLivedGracefulRestart: { families: [] },
    role: null,
  } as unknown as NegotiatedSession;
  const ends = { localAddress: address('10.0.0.1'), peerAddress: address('10.0.0.2'), interfaceIndex: 0 };
  const policy = compiled(ACCEPT_ALL, 'export');
  const own = { otherAddresses: [address('2001:db8::1')], localLinkLocal: null };

  test('come from its session and its policy', () => {
    const { peers } = new ExportBench();
    const bench = new ExportBench();
    const index = bench.addPeer('client', LOCAL_AS, { client: true });
    bench.peers.sessionUp(index, session, ends);
    expect(exportSettingsOf(bench.peers.get(index)!, 1, policy, own, 'none')).toEqual({
      family: 1,
      isInternal: true,
      localAs: LOCAL_AS,
      peerAs: LOCAL_AS,
      isRouteReflectorClient: true,
      clusterId: 0x0a000064,
      nextHopMode: 'auto',
      localAddress: ends.localAddress,
      otherAddresses: own.otherAddresses,
      localLinkLocal: null,
      extendedNextHop: true,
      isLlgrAware: true,
      role: null,
      removePrivateAs: false,
      drain: 'none',
      policy,
    });
    expect(peers.get(index)).toBeNull();
  });

  test.each([true, false])('our link-local address is among them when the policy tells it: %s', (tellsLinkLocal) => {
    const bench = new ExportBench();
    const index = bench.addPeer('p', LOCAL_AS, { tellsLinkLocal });
    bench.peers.sessionUp(index, session, ends);
    const onLink = { ...own, localLinkLocal: address('fe80::1') };
    const settings = exportSettingsOf(bench.peers.get(index)!, 1, policy, onLink, 'none');
    expect(settings?.localLinkLocal).toEqual(tellsLinkLocal ? address('fe80::1') : null);
  });

  test('there are none without a session', () => {
    const bench = new ExportBench();
    expect(exportSettingsOf(bench.peers.get(bench.addPeer('p', 1))!, 0, policy, own, 'none')).toBeNull();
  });

  test('an external peer is never a client', () => {
    const bench = new ExportBench();
    const index = bench.addPeer('p', 1, { client: true });
    bench.peers.sessionUp(index, { ...session, isInternal: false }, ends);
    expect(exportSettingsOf(bench.peers.get(index)!, 0, policy, own, 'none')?.isRouteReflectorClient).toBe(false);
  });
});
