import { describe, expect, test } from 'vitest';
import type { NegotiatedSession } from '../bgp/negotiated.ts';
import type { BgpRole } from '../bgp/session-config.ts';
import type { PathAttributes } from '../bgp/wire/path-attributes.ts';
import { address, ExportBench, LOCAL_AS, OPEN_POLICY } from './export-test-support.ts';
import { importPolicyCompiler } from './import-policy.ts';
import { ACCEPT_ALL, type Match, type Policy, type Statement } from './policy/policy.ts';
import { only, prefix } from './policy/test-support.ts';
import type { ImportPolicy } from './policy-hook.ts';

const ATTRIBUTES: PathAttributes = {
  origin: 'igp',
  asPath: [{ type: 'sequence', asns: [65010] }],
  nextHop: '10.0.0.2',
  communities: ['1:1'],
};
const SHUT_DOWN: PathAttributes = { ...ATTRIBUTES, communities: ['65535:0'] };
const PREFIX = '198.51.100.0/24';

interface Setup {
  readonly policy?: Policy;
  readonly isInternal?: boolean;
  readonly role?: BgpRole;
  readonly honoursGracefulShutdown?: boolean;
  readonly family?: 0 | 1;
}

class Importer {
  readonly bench = new ExportBench();
  readonly policy: ImportPolicy;
  readonly problems: string[] = [];
  readonly peer: number;

  constructor({ policy = ACCEPT_ALL, isInternal = false, role, honoursGracefulShutdown = true, family = 0 }: Setup) {
    const peerAs = isInternal ? LOCAL_AS : 65010;
    this.peer = this.bench.addPeer('peer', peerAs);
    this.setRole(role);
    const compiler = importPolicyCompiler(this.bench, {
      honoursGracefulShutdown,
      interfaceName: () => '',
      onProblem: (message) => this.problems.push(message),
    });
    this.policy = compiler.compileImport(
      { ...OPEN_POLICY, importPolicy: { 'ipv4-unicast': policy, 'ipv6-unicast': policy } },
      family,
      { peer: this.peer, name: 'peer', isInternal, localAs: LOCAL_AS, peerAs, interfaceIndex: 0 },
    );
  }

  setRole(role: BgpRole | undefined): void {
    const session = { peerBgpIdentifier: 1, role: role === undefined ? null : { local: role, peer: null } };
    const ends = { localAddress: address('10.0.0.1'), peerAddress: address('10.0.0.3'), interfaceIndex: 0 };
    this.bench.peers.sessionUp(this.peer, session as NegotiatedSession, ends);
  }

  setOf(attributes: PathAttributes): number {
    return this.bench.paths[0].rowSet[this.bench.addPath({ prefix: PREFIX, attributes }, this.peer)];
  }

  /** Attributes after import; null: rejected. */
  run(attributes: PathAttributes, text = PREFIX): PathAttributes | null {
    const { a, b, c, d, length } = prefix(text);
    const set = this.policy.evaluate(a, b, c, d, length, this.setOf(attributes));
    return set === 0 ? null : this.bench.attributesOf(set);
  }
}

const localPref = (value: number): Policy => only({ actions: [{ kind: 'set-local-pref', value }] });

describe('graceful shutdown (RFC 8326)', () => {
  test.each<[string, Setup, PathAttributes, PathAttributes]>([
    ['an external path gets LOCAL_PREF 0', {}, SHUT_DOWN, { ...SHUT_DOWN, localPref: 0 }],
    ['whatever the policy sets', { policy: localPref(500) }, SHUT_DOWN, { ...SHUT_DOWN, localPref: 0 }],
    [
      'an internal path does not',
      { isInternal: true },
      { ...SHUT_DOWN, localPref: 100 },
      { ...SHUT_DOWN, localPref: 100 },
    ],
    ['another community does not', {}, ATTRIBUTES, ATTRIBUTES],
    ['the option is off', { honoursGracefulShutdown: false }, SHUT_DOWN, SHUT_DOWN],
    [
      'the policy removes it',
      { policy: only({ actions: [{ kind: 'remove-community', community: 'graceful-shutdown' }] }) },
      SHUT_DOWN,
      { origin: 'igp', asPath: ATTRIBUTES.asPath!, nextHop: '10.0.0.2' },
    ],
    [
      'the policy adds it',
      { policy: only({ actions: [{ kind: 'add-community', community: 'graceful-shutdown' }] }) },
      ATTRIBUTES,
      { ...ATTRIBUTES, communities: ['1:1', '65535:0'], localPref: 0 },
    ],
  ])('%s', (_case, setup, attributes, expected) => {
    const importer = new Importer(setup);
    expect(importer.run(attributes)).toEqual(expected);
    expect(importer.run(attributes)).toEqual(expected);
  });
});

describe('OTC at ingress (RFC 9234)', () => {
  test.each<[string, BgpRole | undefined, PathAttributes, number | undefined]>([
    ['from a provider', 'customer', ATTRIBUTES, 65010],
    ['from a peer', 'peer', ATTRIBUTES, 65010],
    ['from a route server', 'rs-client', ATTRIBUTES, 65010],
    ['from a customer', 'provider', ATTRIBUTES, undefined],
    ['from a client of our route server', 'rs-server', ATTRIBUTES, undefined],
    ['without roles', undefined, ATTRIBUTES, undefined],
    ['one that is there stays', 'customer', { ...ATTRIBUTES, onlyToCustomer: 7 }, 7],
  ])('%s', (_case, role, attributes, expected) => {
    expect(new Importer(role === undefined ? {} : { role }).run(attributes)?.onlyToCustomer).toBe(expected);
  });

  test('a new session with another role is another answer', () => {
    const importer = new Importer({ role: 'provider' });
    expect(importer.run(ATTRIBUTES)).not.toHaveProperty('onlyToCustomer');
    importer.setRole('customer');
    expect(importer.run(ATTRIBUTES)).toMatchObject({ onlyToCustomer: 65010 });
  });
});

describe('policy', () => {
  test.each<[string, Setup, PathAttributes | null]>([
    ['rejects', { policy: only({ verdict: 'reject' }) }, null],
    ['accepts', { policy: only({}) }, ATTRIBUTES],
    [
      'sets LOCAL_PREF and MED',
      {
        policy: only({
          actions: [
            { kind: 'set-local-pref', value: 7 },
            { kind: 'set-med', value: 8 },
          ],
        }),
      },
      { ...ATTRIBUTES, localPref: 7, med: 8 },
    ],
    [
      'prepends',
      { policy: only({ actions: [{ kind: 'prepend-as-path', asns: [1, 2] }] }) },
      { ...ATTRIBUTES, asPath: [{ type: 'sequence', asns: [1, 2, 65010] }] },
    ],
    [
      'sets a next hop',
      { policy: only({ actions: [{ kind: 'set-next-hop', value: '10.0.0.9' }] }) },
      { ...ATTRIBUTES, nextHop: '10.0.0.9' },
    ],
    [
      'sets the peer as next hop',
      { policy: only({ actions: [{ kind: 'set-next-hop', value: 'peer' }] }) },
      { ...ATTRIBUTES, nextHop: '10.0.0.3' },
    ],
    ['leaves the next hop', { policy: only({ actions: [{ kind: 'set-next-hop', value: 'unchanged' }] }) }, ATTRIBUTES],
    [
      'sets an IPv4 next hop of IPv6 routes: unusable',
      { family: 1, policy: only({ actions: [{ kind: 'set-next-hop', value: '10.0.0.9' }] }) },
      null,
    ],
    ['does not compile: rejects everything', { policy: only({ actions: [{ kind: 'set-med', value: -1 }] }) }, null],
  ])('%s', (_case, setup, expected) => {
    expect(new Importer(setup).run(ATTRIBUTES)).toEqual(expected);
  });

  test('a MED is removed', () => {
    const policy = only({ actions: [{ kind: 'set-med', value: null }] });
    expect(new Importer({ policy }).run({ ...ATTRIBUTES, med: 5 })).toEqual(ATTRIBUTES);
  });

  test('what does not compile is reported', () => {
    const importer = new Importer({ policy: only({ actions: [{ kind: 'set-med', value: -1 }] }) });
    expect(importer.problems).toEqual(['policy test, statement only, actions[0].value: -1 is not in 0..4294967295']);
  });

  test.each<[string, Setup, boolean]>([
    ['internal, accept all', { isInternal: true }, true],
    ['external, accept all: the rules around it still count', {}, false],
    ['internal, with a policy', { isInternal: true, policy: localPref(1) }, false],
  ])('acceptsAll: %s', (_case, setup, expected) => {
    expect(new Importer(setup).policy.acceptsAll).toBe(expected);
  });
});

describe('preference and statement', () => {
  const inside: Match = {
    kind: 'prefix',
    ranges: [{ prefix: '10.0.0.0/8', minLength: 8, maxLength: 32 }],
    negate: false,
  };
  const marked: Match = { kind: 'community', community: '1:1' };
  const policyOf = (match: Match): Policy => {
    const raise: Statement = {
      name: 'raise',
      matches: [match],
      actions: [{ kind: 'set-preference', value: 200 }],
      verdict: 'accept',
    };
    const refuse: Statement = {
      name: 'refuse',
      matches: [{ kind: 'med', min: 9, max: 9 }],
      actions: [{ kind: 'set-preference', value: 50 }],
      verdict: 'reject',
    };
    return { name: 'test', statements: [raise, refuse], otherwise: 'accept' };
  };

  // Twice: computed, then from the cache.
  test.each([1, 2])('of a policy over attributes, round %i', (rounds) => {
    const importer = new Importer({ policy: policyOf(marked) });
    for (let round = 0; round < rounds; round++) {
      importer.run(ATTRIBUTES);
      expect([importer.policy.preference, importer.policy.statement]).toEqual([200, 'raise']);
      importer.run(SHUT_DOWN);
      expect([importer.policy.preference, importer.policy.statement]).toEqual([-1, '']);
      expect(importer.run({ ...SHUT_DOWN, med: 9 })).toBeNull();
      expect([importer.policy.preference, importer.policy.statement]).toEqual([-1, 'refuse']);
    }
  });

  test('a policy over prefixes rejects', () => {
    const importer = new Importer({ policy: only({ matches: [inside] }) });
    for (let round = 0; round < 2; round++) {
      expect(importer.run(ATTRIBUTES, '10.1.0.0/16')).toEqual(ATTRIBUTES);
      expect(importer.run(ATTRIBUTES, '11.0.0.0/8')).toBeNull();
    }
  });

  test('of a policy over prefixes', () => {
    const importer = new Importer({ policy: policyOf(inside) });
    expect(importer.policy.dependsOnPrefix).toBe(true);
    for (let round = 0; round < 2; round++) {
      expect(importer.run(SHUT_DOWN, '10.1.0.0/16')).toMatchObject({ localPref: 0 });
      expect([importer.policy.preference, importer.policy.statement]).toEqual([200, 'raise']);
      expect(importer.run(SHUT_DOWN, '11.0.0.0/8')).toMatchObject({ localPref: 0 });
      expect([importer.policy.preference, importer.policy.statement]).toEqual([-1, '']);
    }
  });
});
