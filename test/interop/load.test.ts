/**
 * Under load: keepalives leave on time while a table of Internet size's order comes in from BIRD and goes out to another
 * one (RFC 4271 6.5: a session that is served too late is lost); what does not change is not sent again; attributes that
 * we do not know pass by their flags (RFC 4271 5).
 */

import { expect, test } from 'vitest';
import { birdc, runBird } from '../support/peers/bird.ts';
import { startRouter } from '../support/peers/index.ts';
import { peerView } from '../support/peers/peregrine.ts';
import { announcement } from '../support/peers/router.ts';
import { KEEPALIVE, keepaliveOctets, RawSpeaker, readUpdate, UPDATE, updateOctets } from '../support/raw-speaker.ts';
import { describeInterop } from '../support/requirements.ts';
import { established, placeOf, session, withLaboratory } from '../support/topology.ts';
import { waitUntil } from '../support/wait-for.ts';

const FAMILY = 'ipv4-unicast';
const OUR_AS = 65001;
const FEEDER_AS = 65011;
const LISTENER_AS = 65021;
const RAW_AS = 65031;
const DEADLINE_MS = 60_000;

/** Prefixes of the big table; as 256 sets of attributes. */
const TABLE_SIZE = 200_000;
/** The shortest hold time there is; keepalives are due every second. */
const HOLD_TIME_SECONDS = 3;

function bigTable(feeder: string, us: string): string {
  const routes = Array.from({ length: TABLE_SIZE }, (_, index) => {
    const high = 20 + (index >>> 16);
    return `  route ${high}.${(index >>> 8) & 255}.${index & 255}.0/24 blackhole;`;
  });
  return [
    `router id ${feeder};`,
    'log stderr all;',
    'protocol device { }',
    'protocol static big { ipv4;',
    ...routes,
    '}',
    'filter marked {',
    // A community for each bit of the second octet: 256 sets of attributes.
    ...Array.from({ length: 8 }, (_, bit) => {
      const differs = `net.ip.mask(${8 + bit}) != net.ip.mask(${9 + bit})`;
      return `  if ${differs} then bgp_community.add((${FEEDER_AS}, ${bit}));`;
    }),
    '  accept;',
    '}',
    `protocol bgp n0 { local ${feeder} as ${FEEDER_AS}; neighbor ${us} as ${OUR_AS}; passive on;`,
    '  ipv4 { import none; export filter marked; };',
    '}',
    '',
  ].join('\n');
}

describeInterop(`${TABLE_SIZE} routes from BIRD to BIRD`, ['bird'], () => {
  test('keepalives to a third neighbour leave on time, in and out and when all is withdrawn', async () => {
    await withLaboratory(['peregrine', 'feeder', 'listener', 'raw'], async (lab) => {
      const [us, feeder, listener, third] = ['peregrine', 'feeder', 'listener', 'raw'].map((label) =>
        lab.router(label),
      );
      const bird = await startRouter('bird', lab, listener, {
        localAs: LISTENER_AS,
        routerId: listener.ipv4,
        neighbours: [session(listener, us, OUR_AS, FAMILY, { passive: true })],
        networks: [],
      });
      const peregrine = await startRouter('peregrine', lab, us, {
        localAs: OUR_AS,
        routerId: us.ipv4,
        neighbours: [
          session(us, feeder, FEEDER_AS, FAMILY, { peregrine: { gracefulRestart: { mode: 'off' } } }),
          session(us, listener, LISTENER_AS, FAMILY),
          session(us, third, RAW_AS, FAMILY, { passive: true, peregrine: { export: 'reject-all' } }),
        ],
        networks: [],
      });
      const raw = await RawSpeaker.start(lab, third, null);
      const connection = await raw.connect(us.ipv4, third.ipv4);
      await connection.establish({ as: RAW_AS, holdTimeSeconds: HOLD_TIME_SECONDS, routerId: third.ipv4 });
      const beating = setInterval(() => connection.send(keepaliveOctets()), 500);
      try {
        await established(peregrine, [listener.ipv4, third.ipv4]);
        const source = await runBird(placeOf(lab, feeder), bigTable(feeder.ipv4, us.ipv4));
        const count = async (): Promise<number> => {
          const answer = await birdc(bird.context, 'show', 'route', 'count', 'table', 'master4', 'protocol', 'n0');
          return Number(/(\d+) of/.exec(answer)?.[1] ?? -1);
        };
        await waitUntil('the listener has all routes', DEADLINE_MS, count, (has) => has === TABLE_SIZE);
        await source.stop();
        await waitUntil('the listener has none', DEADLINE_MS, count, (has) => has === 0);

        const times = connection.messagesAtMs(KEEPALIVE);
        const gaps = times.slice(1).map((atMs, index) => atMs - times[index]);
        expect(gaps.length).toBeGreaterThan(3);
        expect(Math.max(...gaps)).toBeLessThan(HOLD_TIME_SECONDS * 1000);
        for (const place of [listener, third]) {
          const peer = await peerView(peregrine.context, place.ipv4);
          expect(peer).toMatchObject({ state: 'Established', sessionsEstablished: 1 });
        }
      } finally {
        clearInterval(beating);
      }
    });
  });
});

describeInterop('what a neighbour is told', ['exabgp'], () => {
  test('nothing twice: repeated announcements and changes that do not reach it are not sent', async () => {
    await withLaboratory(['peregrine', 'feeder', 'raw'], async (lab) => {
      const [us, feeder, third] = ['peregrine', 'feeder', 'raw'].map((label) => lab.router(label));
      const exabgp = await startRouter('exabgp', lab, feeder, {
        localAs: FEEDER_AS,
        routerId: feeder.ipv4,
        neighbours: [session(feeder, us, OUR_AS, FAMILY, { passive: true })],
        networks: [],
      });
      const peregrine = await startRouter('peregrine', lab, us, {
        localAs: OUR_AS,
        routerId: us.ipv4,
        neighbours: [session(us, feeder, FEEDER_AS, FAMILY), session(us, third, RAW_AS, FAMILY, { passive: true })],
        networks: [],
      });
      const raw = await RawSpeaker.start(lab, third, null);
      const connection = await raw.connect(us.ipv4, third.ipv4);
      await connection.establish({ as: RAW_AS, holdTimeSeconds: 90, routerId: third.ipv4 });
      await established(peregrine, [feeder.ipv4, third.ipv4]);
      const told = (): readonly string[] =>
        connection
          .messages()
          .filter((message) => message.type === UPDATE)
          .map((message) => readUpdate(message.body))
          .flatMap(({ announced, withdrawn }) => [
            ...withdrawn.map((prefix) => `-${prefix}`),
            ...announced.map((prefix) => `+${prefix}`),
          ]);
      const isHeard = (last: string) => (list: readonly string[]) => list.includes(last);

      const prefix = '10.2.0.0/24';
      const received = async (count: number): Promise<void> => {
        const read = () => peregrine.updatesReceived(feeder.ipv4);
        await waitUntil(`${count} UPDATEs have come`, DEADLINE_MS, read, (has) => has >= count);
      };
      const before = await peregrine.updatesReceived(feeder.ipv4);
      await exabgp.announce(announcement(prefix, { med: 1 }));
      await waitUntil('the route is told', DEADLINE_MS, told, isHeard(`+${prefix}`));
      // The same again; and another MED, which does not go to another AS.
      await exabgp.announce(announcement(prefix, { med: 2 }));
      await received(before + 2);
      await exabgp.announce(announcement(prefix, { med: 1 }));
      await received(before + 3);
      // A withdrawal of what was never told.
      await exabgp.withdraw('10.9.0.0/24');
      await exabgp.announce(announcement('10.3.0.0/24'));
      await waitUntil('the last route is told', DEADLINE_MS, told, isHeard('+10.3.0.0/24'));
      expect(told()).toEqual([`+${prefix}`, '+10.3.0.0/24']);
      // It does hear what matters.
      await exabgp.announce(announcement(prefix, { communities: ['65011:1'] }));
      await exabgp.withdraw('10.3.0.0/24');
      await waitUntil('the withdrawal is told', DEADLINE_MS, told, isHeard('-10.3.0.0/24'));
      expect(told()).toEqual([`+${prefix}`, '+10.3.0.0/24', `+${prefix}`, '-10.3.0.0/24']);
    });
  });

  test('unknown attributes: optional transitive ones with Partial set, non-transitive ones not at all', async () => {
    await withLaboratory(['peregrine', 'from', 'to'], async (lab) => {
      const [us, from, to] = ['peregrine', 'from', 'to'].map((label) => lab.router(label));
      const peregrine = await startRouter('peregrine', lab, us, {
        localAs: OUR_AS,
        routerId: us.ipv4,
        neighbours: [
          session(us, from, FEEDER_AS, FAMILY, { passive: true }),
          session(us, to, RAW_AS, FAMILY, { passive: true }),
        ],
        networks: [],
      });
      const connect = async (place: typeof us, as: number) => {
        const raw = await RawSpeaker.start(lab, place, null);
        const connection = await raw.connect(us.ipv4, place.ipv4);
        await connection.establish({ as, holdTimeSeconds: 90, routerId: place.ipv4 });
        return connection;
      };
      const [feeder, listener] = [await connect(from, FEEDER_AS), await connect(to, RAW_AS)];
      await established(peregrine, [from.ipv4, to.ipv4]);
      const unknown = Buffer.from([0x80, 230, 1, 7, 0xc0, 231, 2, 8, 9]);
      feeder.send(updateOctets(FEEDER_AS, from.ipv4, ['198.51.100.0/24'], unknown));
      const told = () =>
        listener
          .messages()
          .filter((message) => message.type === UPDATE)
          .map((message) => readUpdate(message.body))
          .filter((update) => update.announced.length > 0);
      const [update] = await waitUntil('the route is told', DEADLINE_MS, told, (list) => list.length > 0);
      const attribute = (code: number) => update.attributes.find((one) => one.code === code);
      expect(attribute(230)).toBeUndefined();
      expect(attribute(231)).toMatchObject({ flags: 0xe0, value: Buffer.from([8, 9]) });
    });
  });
});
