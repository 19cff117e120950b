/**
 * What `explain peer` says about sessions that real daemons keep from coming up: another AS, another password, no
 * password, a TTL too low.
 */

import { expect, test } from 'vitest';
import { type PairOptions, withPair } from '../support/pair.ts';
import { explainKernel, explainPeer } from '../support/peers/peregrine.ts';
import { announcement } from '../support/peers/router.ts';
import { describeInterop } from '../support/requirements.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 30_000;
const KEY = 'a-key-of-the-test';

for (const kind of ['bird', 'frr'] as const) {
  describeInterop(`explain with ${kind}`, [kind], () => {
    const base = { kind, overIpv4: ['ipv4-unicast'], dials: 'both' } as const;

    test.each<[string, Omit<PairOptions, keyof typeof base>, RegExp]>([
      ['the AS that we expect is another', { session: 'eBGP', peregrine: { as: 65_555 } }, /AS/],
      [
        'the passwords differ',
        { session: 'iBGP', peregrine: { password: KEY }, foreign: { password: 'wrong' } },
        /the passwords of the two sides differ/,
      ],
      ['only we have a password', { session: 'iBGP', peregrine: { password: KEY } }, /the peer has no password for us/],
      ['only the peer has a password', { session: 'iBGP', foreign: { password: KEY } }, /we have none for it/],
      ['the TTL is too low', { session: 'eBGP', peregrine: { gtsm: true } }, /does not send with TTL 255/],
    ])('%s', async (_, options, hint) => {
      await withPair({ ...base, ...options }, async (pair) => {
        const address = pair.foreign.namespace.ipv4;
        const view = await waitUntil(
          'the cause is named',
          DEADLINE_MS,
          () => explainPeer(pair.peregrine.context, address),
          ({ findings }) => findings.some((found) => hint.test(found.hint)),
        );
        expect(view.state).not.toBe('Established');
        expect(view.findings[0].hint).toMatch(hint);
      });
    });
  });
}

describeInterop('explain kernel', ['bird'], () => {
  const PREFIX = '198.51.100.0/24';
  test('says how the route stands there, also after somebody has deleted it', async () => {
    const foreignNetworks = [announcement(PREFIX)];
    const options = { kind: 'bird', session: 'eBGP', dials: 'both', overIpv4: ['ipv4-unicast'] } as const;
    await withPair({ ...options, foreignNetworks, kernel: { enabled: true } }, async (pair) => {
      const { context, namespace } = pair.peregrine;
      const explained = (state: string) =>
        waitUntil(
          `it is ${state}`,
          DEADLINE_MS,
          () => explainKernel(context, PREFIX),
          (view) => view.state === state,
        );
      await pair.established();
      const view = await explained('installed');
      expect(view).toMatchObject({ wanted: true, policy: { verdict: 'accept' }, failure: null });
      expect(view.route).toContain(`${PREFIX} via ${pair.foreign.namespace.ipv4} dev `);
      await pair.lab.run(namespace, ['ip', 'route', 'flush', 'proto', 'bird']);
      expect((await explained('installed')).verdict).toBe(`${PREFIX} is in the kernel`);
    });
  });
});
