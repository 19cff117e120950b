/**
 * TCP MD5 (RFC 2385) and GTSM (RFC 5082) with every foreign daemon, whoever opens the connection: the session comes up
 * when both sides agree and never when they do not. That it does not is proved by the kernel's own counter of refused
 * segments, not by waiting for nothing to happen.
 */

import { expect, test } from 'vitest';
import type { Namespace } from '../support/netns.ts';
import { type Pair, type PairOptions, withPair } from '../support/pair.ts';
import { FOREIGN_KINDS } from '../support/peers/index.ts';
import { describeInterop } from '../support/requirements.ts';
import { tcpCounters } from '../support/topology.ts';
import { waitFor } from '../support/wait-for.ts';

const REFUSAL_DEADLINE_MS = 30_000;
const OVER_IPV4 = ['ipv4-unicast'] as const;
const KEY = 'a-key-of-the-test';

for (const kind of FOREIGN_KINDS) {
  describeInterop(`session security with ${kind}`, [kind], () => {
    const base = { kind, overIpv4: OVER_IPV4 } as const;

    test.each(['peregrine', 'foreign'] as const)('MD5 with the same key, %s dials: established', async (dials) => {
      await withPair({ ...base, session: 'iBGP', dials, both: { password: KEY } }, async (pair) => {
        await pair.established();
      });
    });

    test('MD5 with another key: refused by the kernel, not established', async () => {
      await expectRefusal(
        { ...base, session: 'iBGP', dials: 'both', peregrine: { password: KEY }, foreign: { password: 'wrong' } },
        ['TCPMD5Failure', 'TCPMD5Unexpected', 'TCPMD5NotFound'],
      );
    });

    test('MD5 with a key on our side only: refused by the kernel, not established', async () => {
      await expectRefusal({ ...base, session: 'iBGP', dials: 'both', peregrine: { password: KEY } }, [
        'TCPMD5NotFound',
        'TCPMD5Unexpected',
      ]);
    });

    test.each(['peregrine', 'foreign'] as const)('GTSM on both sides, %s dials: established', async (dials) => {
      await withPair({ ...base, session: 'eBGP', dials, both: { gtsm: true } }, async (pair) => {
        await pair.established();
      });
    });

    test('GTSM on our side, TTL 1 on theirs: refused by the kernel, not established', async () => {
      await expectRefusal({ ...base, session: 'eBGP', dials: 'both', peregrine: { gtsm: true } }, ['TCPMinTTLDrop']);
    });
  });
}

async function expectRefusal(options: PairOptions, counters: readonly string[]): Promise<void> {
  await withPair(options, async (pair) => {
    await waitFor(`one of ${counters.join(', ')} counts`, REFUSAL_DEADLINE_MS, async () => {
      const values = await Promise.all(sides(pair).map((side) => tcpCounters(pair.lab, side)));
      return values.some((value) => counters.some((name) => (value.get(name) ?? 0) > 0)) ? true : null;
    });
    const status = await pair.peregrine.session(pair.foreign.namespace.ipv4);
    expect(status.isEstablished).toBe(false);
    expect((await pair.foreign.session(pair.peregrine.namespace.ipv4)).isEstablished).toBe(false);
  });
}

function sides(pair: Pair): readonly Namespace[] {
  return [pair.peregrine.namespace, pair.foreign.namespace];
}
