import { expect, test } from 'vitest';
import { readRow } from './route-row.ts';

const addresses: { readonly [name: string]: string } = {
  Mesh_10_192_0_3: '10.192.0.3',
  Global_10_192_0_41: '10.192.0.41',
  Local_Workload_10_65_0_2: '10.65.0.2',
  Mesh_fd00__3: 'fd00::3',
};
const read = (text: string) => readRow(text, '192.0.2.0/24', (name) => addresses[name] ?? null);

test.each([
  [
    '192.168.3.0/26     via 10.192.0.3 on eth0 [Mesh_10_192_0_3 00:28:11] * (100/0) [i]',
    { type: 'FIB', destination: '192.168.3.0/26', gateway: '10.192.0.3', interface: 'eth0' },
    { sourceType: 'NodeMesh', peerIP: '10.192.0.3' },
  ],
  [
    '                   via 10.192.0.41 on eth0 [Global_10_192_0_41 2026-11-21 from 10.192.0.9] (100/?) [AS65001i]',
    { type: 'RIB', destination: '192.0.2.0/24', gateway: '10.192.0.41', interface: 'eth0' },
    { sourceType: 'BGPPeer', peerIP: '10.192.0.41' },
  ],
  [
    '192.168.2.0/26     blackhole [static1 00:28:11] * (200)',
    { type: 'FIB', destination: '192.168.2.0/26', gateway: 'N/A', interface: 'blackhole' },
    { sourceType: 'Static' },
  ],
  [
    '10.0.0.0/8         unreachable [Mesh_10_192_0_3 00:28:11] * (100/-) [i]',
    { type: 'FIB', destination: '10.0.0.0/8', gateway: 'N/A', interface: 'unreachable' },
    { sourceType: 'NodeMesh', peerIP: '10.192.0.3' },
  ],
  [
    '192.168.2.1/32     dev cali1234 [kernel1 00:28:11] * (10)',
    { type: 'FIB', destination: '192.168.2.1/32', gateway: 'N/A', interface: 'cali1234' },
    { sourceType: 'Kernel' },
  ],
  [
    '10.192.0.0/24      dev eth0 [direct1 00:28:11] ! (240)',
    { type: 'RIB', destination: '10.192.0.0/24', gateway: 'N/A', interface: 'eth0' },
    { sourceType: 'Direct' },
  ],
  [
    'fd00:96::/122      via fd00::3 on eth0 [Mesh_fd00__3 00:28:11] * (100/0) [i]',
    { type: 'FIB', destination: 'fd00:96::/122', gateway: 'fd00::3', interface: 'eth0' },
    { sourceType: 'NodeMesh', peerIP: 'fd00::3' },
  ],
  [
    '10.1.0.0/16        via 10.65.0.2 on cali9 [Local_Workload_10_65_0_2 00:01:02] * (100) [AS65401i]',
    { type: 'FIB', destination: '10.1.0.0/16', gateway: '10.65.0.2', interface: 'cali9' },
    { sourceType: 'BGPPeer', peerIP: '10.65.0.2' },
  ],
])('%s', (text, parts, learnedFrom) => {
  expect(read(text)).toEqual({ ...parts, learnedFrom });
});

test.each(['', 'Network not in table', '  some words [in brackets]'])('%j is no route', (text) => {
  expect(read(text)).toBeNull();
});
