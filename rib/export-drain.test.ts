import { describe, expect, test } from 'vitest';
import type { PathAttributes } from '../bgp/wire/path-attributes.ts';
import type { ExportSettings } from './export-rules.ts';
import { ExportBench, LOCAL_AS, type Told } from './export-test-support.ts';
import type { TestRoute } from './policy/test-support.ts';

const seq = (...asns: number[]) => [{ type: 'sequence' as const, asns }];
const PREFIX = '198.51.100.0/24';
const INTERNAL: Partial<ExportSettings> = { isInternal: true, peerAs: LOCAL_AS };
const EXTERNAL: Partial<ExportSettings> = {};
const FROM_EXTERNAL: PathAttributes = {
  origin: 'egp',
  asPath: seq(65010, 65011),
  nextHop: '192.0.2.1',
  med: 30,
  communities: ['65010:1'],
};

function told(settings: Partial<ExportSettings>): Told {
  const bench = new ExportBench();
  const peer = bench.addPeer('source', 65010);
  return bench.tell(bench.group(settings), bench.addPath({ prefix: PREFIX, attributes: FROM_EXTERNAL }, peer));
}

function toldLocal(route: Partial<TestRoute>, settings: Partial<ExportSettings>): Told {
  const bench = new ExportBench();
  return bench.tell(bench.group(settings), bench.addPath({ prefix: PREFIX, source: 'static', ...route }));
}

describe('a node that is drained (RFC 8326)', () => {
  const GSHUT = '65535:0';
  const LOCAL: PathAttributes = { origin: 'igp', asPath: [], nextHop: '10.0.0.1', localPref: 0, communities: [GSHUT] };

  test('tells external peers: the community, the highest MED, our AS three more times', () => {
    const expected = {
      ...FROM_EXTERNAL,
      asPath: seq(LOCAL_AS, LOCAL_AS, LOCAL_AS, LOCAL_AS, 65010, 65011),
      nextHop: '10.0.0.1',
      med: 0xffffffff,
      communities: [GSHUT, '65010:1'],
    };
    const sent = told({ ...EXTERNAL, drain: 'avoid' }) as PathAttributes;
    expect({ ...sent, communities: [...(sent.communities ?? [])].sort((x, y) => (x < y ? 1 : -1)) }).toEqual({
      ...expected,
      communities: ['65535:0', '65010:1'],
    });
  });

  test.each<[string, Partial<TestRoute>, Partial<ExportSettings>, PathAttributes | string]>([
    ['tells internal peers: LOCAL_PREF 0', {}, { ...INTERNAL, drain: 'avoid' }, LOCAL],
    [
      'also what had a LOCAL_PREF, with its own communities',
      { attributes: { localPref: 300, communities: [GSHUT] } },
      { ...INTERNAL, drain: 'avoid' },
      LOCAL,
    ],
    ['service addresses too, at first', { isService: true }, { ...INTERNAL, drain: 'avoid' }, LOCAL],
    [
      'then withdraws service addresses',
      { isService: true },
      { ...INTERNAL, drain: 'withdraw-services' },
      'this node is drained, and others have the address too',
    ],
    ['and keeps blocks', {}, { ...INTERNAL, drain: 'withdraw-services' }, LOCAL],
    [
      'a service address of a node that is not drained is like any other',
      { isService: true },
      INTERNAL,
      { origin: 'igp', asPath: [], nextHop: '10.0.0.1', localPref: 100 },
    ],
  ])('%s', (_case, route, settings, expected) => {
    expect(toldLocal(route, settings)).toEqual(expected);
  });

  test('a path of a peer is never a service', () => {
    expect(told({ ...INTERNAL, drain: 'withdraw-services' })).toMatchObject({
      localPref: 0,
    });
  });
});
