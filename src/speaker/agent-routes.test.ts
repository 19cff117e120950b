/** Prefixes of agents: owners, leases, what the configuration comes before, and the bound. */

import { expect, test } from 'vitest';
import type { OriginatedRoute } from '../../confd/desired-state.ts';
import { SILENT_LOG } from '../log/log.ts';
import { AgentRoutes } from './agent-routes.ts';
import { VirtualClock } from './clock.ts';

class Rib {
  readonly clock = new VirtualClock();
  readonly log = SILENT_LOG;
  readonly paths = new Map<string, string>();
  originate({ prefix, origin }: OriginatedRoute): void {
    this.paths.set(prefix, origin);
  }
  withdraw(prefix: string): void {
    this.paths.delete(prefix);
  }
}

const P = '192.0.2.0/24';
const ofConfiguration = (prefix: string): OriginatedRoute => ({
  prefix,
  kind: 'blackhole',
  gateway: null,
  communities: [],
  origin: 'originate.0',
});
function bench() {
  const rib = new Rib();
  return { rib, agents: new AgentRoutes(rib) };
}

test('a prefix is originated, shown with its owner, and withdrawn by it only', () => {
  const { rib, agents } = bench();
  expect(agents.originate('dns', { prefix: P, communities: ['65000:1'] })).toMatchObject({
    owner: 'dns',
    inForce: true,
    expiresAt: null,
  });
  expect([...rib.paths]).toEqual([[P, 'agent dns']]);
  expect(agents.originOf(P)).toBe('agent dns');
  expect(agents.originate('web', { prefix: P })).toMatchObject({
    status: 409,
    refused: `${P} is originated by agent dns already`,
  });
  expect(agents.withdraw('web', P)).toMatchObject({ status: 404 });
  expect(agents.withdraw('dns', P)).toEqual({ done: `withdrew ${P} of agent dns` });
  expect([...rib.paths]).toEqual([]);
});

test('a lease that is not renewed ends, one that is does not', () => {
  const { rib, agents } = bench();
  agents.originate('dns', { prefix: P, leaseSeconds: 10 });
  rib.clock.advance(9000);
  agents.originate('dns', { prefix: P, leaseSeconds: 10 });
  rib.clock.advance(9000);
  expect(rib.paths.size).toBe(1);
  rib.clock.advance(1000);
  expect(rib.paths.size).toBe(0);
  expect([...agents.views()]).toEqual([]);
});

test('a lease can be given up for none, and the reverse', () => {
  const { rib, agents } = bench();
  agents.originate('dns', { prefix: P, leaseSeconds: 1 });
  agents.originate('dns', { prefix: P });
  rib.clock.advance(10_000);
  expect(rib.paths.size).toBe(1);
  agents.originate('dns', { prefix: P, leaseSeconds: 1 });
  rib.clock.advance(10_000);
  expect(rib.paths.size).toBe(0);
});

test('all prefixes of an owner go at once', () => {
  const { rib, agents } = bench();
  for (const prefix of ['10.0.0.0/8', '2001:db8::/32']) agents.originate('dns', { prefix });
  agents.originate('web', { prefix: P });
  expect(agents.withdraw('dns', undefined)).toEqual({ done: 'withdrew 2 prefixes of agent dns' });
  expect([...rib.paths.keys()]).toEqual([P]);
});

test('the configuration comes before agents, whose prefix waits', () => {
  const { rib, agents } = bench();
  agents.originate('dns', { prefix: P });
  rib.originate(ofConfiguration(P));
  agents.configured([ofConfiguration(P)]);
  expect([...agents.views()].map(({ owner, inForce }) => [owner, inForce])).toEqual([
    [null, true],
    ['dns', false],
  ]);
  expect(agents.originOf(P)).toBe('originate.0');
  rib.withdraw(P);
  agents.configured([]);
  expect([...rib.paths]).toEqual([[P, 'agent dns']]);
});

test('what the configuration originates is not taken from an agent, and stays when an agent gives up', () => {
  const { rib, agents } = bench();
  agents.originate('dns', { prefix: P });
  rib.originate(ofConfiguration(P));
  agents.configured([ofConfiguration(P), ofConfiguration('10.0.0.0/8')]);
  expect(agents.originate('dns', { prefix: '10.0.0.0/8' })).toMatchObject({
    status: 409,
    refused: expect.stringContaining('by the configuration (originate.0)'),
  });
  agents.withdraw('dns', P);
  expect(rib.paths.get(P)).toBe('originate.0');
});

test('there is a bound, and renewing is possible at it', () => {
  const { agents } = bench();
  for (let n = 0; n < 1000; n++) agents.originate('dns', { prefix: `10.${n >> 8}.${n & 255}.0/24` });
  expect(agents.originate('dns', { prefix: P })).toMatchObject({
    status: 409,
    refused: expect.stringContaining('1000 prefixes already'),
  });
  expect(agents.originate('dns', { prefix: '10.0.0.0/24' })).toMatchObject({ owner: 'dns' });
});

test.each([
  ['192.0.2.0', 'wanted a prefix'],
  ['192.0.2.1/24', 'has bits set beyond its length: wanted 192.0.2.0/24'],
  ['x/24', 'wanted a prefix'],
])('%s is refused', (prefix, why) => {
  expect(bench().agents.originate('dns', { prefix })).toMatchObject({
    status: 400,
    refused: expect.stringContaining(why),
  });
});

test('a community that is none is refused', () => {
  expect(bench().agents.originate('dns', { prefix: P, communities: ['x'] })).toMatchObject({ status: 400 });
});
