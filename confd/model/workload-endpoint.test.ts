import { expect, test } from 'vitest';
import { formatPath } from './schema.ts';
import { readWorkloadEndpoint } from './workload-endpoint.ts';

test.each<[sentence: string, input: unknown, expected: object | null, fields: string[]]>([
  [
    'as Felix writes it',
    {
      ifaceName: 'cali97e1defe654',
      mac: 'ee:ee:ee:ee:ee:ee',
      ipv4Nets: ['192.168.162.134/32', '192.168.162.135/32'],
      ipv6Nets: ['FD00:10:244::a284/128'],
      bgpPeerName: 'tor',
    },
    { bgpPeerName: 'tor', ipv4: '192.168.162.134', ipv6: 'fd00:10:244::a284', interfaceName: 'cali97e1defe654' },
    [],
  ],
  ['of a workload that is no peer', { ifaceName: 'cali1', bgpPeerName: '' }, { bgpPeerName: null, ipv4: null }, []],
  ['with nothing in it', {}, { bgpPeerName: null, ipv4: null, ipv6: null }, []],
  [
    'with a bad first address has none in that family: the second is another one',
    { ipv4Nets: ['192.168.1.300/32', '192.168.1.3/32'], ipv6Nets: ['fd00::1/128'], bgpPeerName: 'tor' },
    { ipv4: null, ipv6: 'fd00::1' },
    ['ipv4Nets[0]'],
  ],
  ['with an address of the other family', { ipv4Nets: ['fd00::1/128'] }, { ipv4: null }, ['ipv4Nets[0]']],
  ['that is no object', 'up', null, ['']],
])('a status file %s', (_sentence, input, expected, fields) => {
  const { value, issues } = readWorkloadEndpoint('k8s default/pod eth0', input);
  if (expected === null) expect(value).toBeNull();
  else expect(value).toMatchObject({ kind: 'WorkloadEndpoint', name: 'k8s default/pod eth0', ...expected });
  expect(issues.map((issue) => formatPath(issue.path))).toEqual(fields);
});
