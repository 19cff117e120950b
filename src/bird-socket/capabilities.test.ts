import { expect, test } from 'vitest';
import type { Capability } from '../../bgp/wire/capability.ts';
import { capabilitiesOf, capabilityBlock, capabilityWords } from './capabilities.ts';

const IPV4 = { afi: 1, safi: 1 };
/** What BIRD 1.6 offers with `add paths on` and `graceful restart`. */
const BIRD: readonly Capability[] = [
  { kind: 'multiprotocol', ...IPV4 },
  { kind: 'route-refresh' },
  {
    kind: 'graceful-restart',
    restarted: true,
    notification: false,
    restartTimeSeconds: 120,
    families: [{ ...IPV4, forwardingPreserved: true }],
  },
  { kind: 'four-octet-as', as: 64512 },
  { kind: 'add-path', families: [{ ...IPV4, receive: true, send: true }] },
  { kind: 'enhanced-route-refresh' },
  { kind: 'long-lived-graceful-restart', families: [] },
];

test.each([
  [0, ' refresh enhanced-refresh restart-able llgr-aware AS4 add-path-rx add-path-tx'],
  [1, ' refresh enhanced-refresh restart-aware llgr-aware AS4'],
] as const)('dialect 1.6, family %d', (family, words) => {
  expect(capabilityWords(BIRD, family)).toBe(words);
});

test('dialect 2', () => {
  expect(capabilityBlock('Neighbor capabilities', BIRD).join('\n')).toBe(`    Neighbor capabilities
      Multiprotocol
        AF announced: ipv4
      Route refresh
      Graceful restart
        Restart time: 120
        Restart recovery
        AF supported: ipv4
        AF preserved: ipv4
      4-octet AS numbers
      ADD-PATH
        RX: ipv4
        TX: ipv4
      Enhanced refresh
      Long-lived graceful restart`);
});

test.each([[null], [Uint8Array.of(1, 2, 3)]])('an OPEN that is not there or not readable has none: %j', (octets) => {
  expect(capabilitiesOf(octets)).toEqual([]);
});
