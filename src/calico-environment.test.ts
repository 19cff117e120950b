import { describe, expect, test } from 'vitest';
import { DEFAULT_DERIVE_OPTIONS } from '../confd/derive/options.ts';
import { calicoEnvironment, environmentLogLevel } from './calico-environment.ts';

describe('the environment of calico-node', () => {
  test.each<[sentence: string, variables: { [name: string]: string }, expected: object]>([
    [
      'nothing set',
      {},
      { options: DEFAULT_DERIVE_OPTIONS, statusPathPrefix: '/var/run/calico', isStatusPathGiven: false },
    ],
    [
      'set to nothing is not set',
      { CALICO_ROUTER_ID: '', NAMESPACE: '', PEREGRINE_FELIX_GENERATION: '' },
      { options: DEFAULT_DERIVE_OPTIONS },
    ],
    [
      'everything',
      {
        CALICO_ROUTER_ID: 'hash',
        USE_POD_CIDR: 'true',
        NAMESPACE: 'calico-system',
        CALICO_ADVERTISE_CLUSTER_IPS: '10.96.0.0/12',
        CALICO_K8S_NODE_REF: 'ip-10-0-0-1',
        CALICO_ENDPOINT_STATUS_PATH_PREFIX: '/run/felix',
        PEREGRINE_FELIX_GENERATION: '3.31',
        PEREGRINE_MISSING_PASSWORD: 'withhold',
        PEREGRINE_NEXT_HOP_OBJECTS: 'auto',
      },
      {
        options: {
          routerId: 'hash',
          usePodCidr: true,
          secretNamespace: 'calico-system',
          advertiseClusterIps: '10.96.0.0/12',
          kubernetesNodeName: 'ip-10-0-0-1',
          felixGeneration: '3.31',
          missingPassword: 'withhold',
          nextHopObjects: 'auto',
        },
        statusPathPrefix: '/run/felix',
        isStatusPathGiven: true,
      },
    ],
  ])('%s', (_sentence, variables, expected) => {
    expect(calicoEnvironment(variables)).toMatchObject({ ok: true, environment: expected });
  });

  test.each([
    ['PEREGRINE_FELIX_GENERATION', '3.27'],
    ['PEREGRINE_MISSING_PASSWORD', 'ignore'],
    ['PEREGRINE_NEXT_HOP_OBJECTS', 'on'],
    ['USE_POD_CIDR', 'perhaps'],
  ])('%s=%s is refused by name', (name, value) => {
    expect(calicoEnvironment({ [name]: value })).toMatchObject({ ok: false, reason: expect.stringContaining(name) });
  });
});

test.each([
  ['Debug', 'debug'],
  ['WARNING', 'warn'],
  ['fatal', 'error'],
  ['none', null],
  ['', null],
  [undefined, null],
])('BGP_LOGSEVERITYSCREEN %s', (name, level) => {
  expect(environmentLogLevel({ BGP_LOGSEVERITYSCREEN: name })).toBe(level);
});
