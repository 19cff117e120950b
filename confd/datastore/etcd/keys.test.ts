import { describe, expect, test } from 'vitest';
import { readEntry, resourceKeyOf, watchedRanges } from './keys.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const RESOURCES = '/calico/resources/v3/projectcalico.org/';
const BLOCKS = '/calico/ipam/v2/host/n1/';

describe('what is watched', () => {
  const includes = (key: string, usePodCidr = false): boolean =>
    watchedRanges('n1', usePodCidr).some(
      ({ start, end }) => Buffer.compare(start, utf8(key)) <= 0 && Buffer.compare(utf8(key), end) < 0,
    );

  test.each([
    ['a node', `${RESOURCES}nodes/n2`, true],
    ['the configuration', `${RESOURCES}bgpconfigurations/default`, true],
    ['a peer', `${RESOURCES}bgppeers/tor`, true],
    ['a filter', `${RESOURCES}bgpfilters/f`, true],
    ['a pool', `${RESOURCES}ippools/p`, true],
    ["Calico's version", `${RESOURCES}clusterinformations/default`, true],
    ['our own block', `${BLOCKS}ipv4/block/10.0.0.0-26`, true],
    ['the block of a node whose name begins like ours', '/calico/ipam/v2/host/n10/ipv4/block/10.0.0.0-26', false],
    ['a block of load balancers', '/calico/ipam/v2/virtual/n1/ipv4/block/10.0.0.0-26', false],
    ['a workload', `${RESOURCES}workloadendpoints/x`, false],
    ['what the old model had', '/calico/bgp/v1/host/n1/ip_addr_v4', false],
  ])('%s', (_sentence, key, wanted) => {
    expect(includes(key)).toBe(wanted);
  });

  test('with USE_POD_CIDR nobody reads blocks', () => {
    expect(includes(`${BLOCKS}ipv4/block/10.0.0.0-26`, true)).toBe(false);
    expect(includes(`${RESOURCES}nodes/n1`, true)).toBe(true);
  });
});

describe('what is behind a key', () => {
  const read = (key: string, value: string) => readEntry(utf8(key), utf8(value), 'n1');
  const PEER = `${RESOURCES}bgppeers/tor`;

  test('kind and name are those of the key, whatever the value says', () => {
    const value = { kind: 'IPPool', apiVersion: 'v9', metadata: { name: 'other' }, spec: { peerIP: '192.0.2.1' } };
    expect(read(PEER, JSON.stringify(value))).toMatchObject({
      type: 'set',
      resource: { kind: 'BGPPeer', name: 'tor' },
      conditions: [],
    });
  });

  test('a value without metadata will do', () => {
    expect(read(PEER, '{"spec":{"peerIP":"192.0.2.1"}}')).toMatchObject({ type: 'set' });
  });

  test.each([
    ['no JSON', '{"spec":{"password":"geheim"'],
    ['a list', '["geheim"]'],
    ['nothing', ''],
    ['null', 'null'],
  ])('%s is refused without being repeated', (_sentence, value) => {
    const event = read(PEER, value);
    expect(event).toMatchObject({ type: 'refused', key: { kind: 'BGPPeer', name: 'tor' } });
    expect(JSON.stringify(event)).not.toContain('geheim');
  });

  test('a bad field is reported with its place', () => {
    expect(read(`${RESOURCES}ippools/p`, '{"spec":{"cidr":"10.0.0.0/99"}}')).toMatchObject({
      type: 'refused',
      conditions: [{ resource: 'IPPool/p', field: 'spec.cidr' }],
    });
  });

  test.each<[sentence: string, key: string, value: string, wanted: object]>([
    [
      'a confirmed block',
      `${BLOCKS}ipv4/block/10.1.0.0-26`,
      '{"state":"confirmed","deleted":false}',
      { name: 'n1-10-1-0-0-26', node: 'n1', cidr: '10.1.0.0/26', state: 'confirmed' },
    ],
    [
      'a block in IPv6',
      `${BLOCKS}ipv6/block/fd00:1::-122`,
      '{"state":"pending"}',
      { name: 'n1-fd00-1---122', cidr: 'fd00:1::/122', state: 'pending' },
    ],
    ['an old block, without a value', `${BLOCKS}ipv4/block/10.1.0.0-26`, '', { cidr: '10.1.0.0/26', state: '' }],
    ['an old block, with an empty object', `${BLOCKS}ipv4/block/10.1.0.0-26`, '{}', { state: '', type: 'host' }],
  ])('%s', (_sentence, key, value, wanted) => {
    expect(read(key, value)).toMatchObject({ type: 'set', resource: { kind: 'BlockAffinity', ...wanted } });
  });

  test.each([
    ['deeper than a resource', `${RESOURCES}nodes/a/b`],
    ['without a name', `${RESOURCES}nodes/`],
    ['another plural', `${RESOURCES}toString/x`],
    ['not a block', `${BLOCKS}ipv4/other/x`],
    ['a block without length', `${BLOCKS}ipv4/block/10.1.0.0`],
  ])('%s is none of ours', (_sentence, key) => {
    expect(read(key, '{}')).toBeNull();
    expect(resourceKeyOf(utf8(key), 'n1')).toBeNull();
  });
});
