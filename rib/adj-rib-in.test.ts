import { describe, expect, test } from 'vitest';
import { FakeUpdate, LOCAL_AS, RibBench } from '../test/support/rib.ts';
import { describePrefix } from './rib-view.ts';

const PREFIX = '198.51.100.0/24';

describe('an UPDATE', () => {
  test('withdrawn and announced prefixes are taken in, host bits are ignored', () => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p' });
    bench.update(peer, { announced: ['10.0.0.0/8', '10.1.2.3/32', '0.0.0.0/0', '10.128.0.0/9'] });
    const outcome = bench.update(peer, { withdrawn: ['10.0.0.0/8', '10.9.0.0/16'], announced: ['172.16.0.0/12'] });
    expect([outcome.announced, outcome.withdrawn]).toEqual([1, 1]);
    expect(
      ['10.0.0.0/8', '10.1.2.3/32', '0.0.0.0/0', '10.128.0.0/9', '172.16.0.0/12'].map((p) => bench.best(p)),
    ).toEqual([null, 'p', 'p', 'p', 'p']);
    const sloppy = new FakeUpdate({ announced: ['192.168.0.0/16'] });
    sloppy.octets[0] = 13;
    bench.rib.receiveUpdate(peer, sloppy);
    expect(bench.best('192.168.0.0/13')).toBe('p');
  });

  test('a prefix that is both withdrawn and announced is announced', () => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p' });
    bench.update(peer, { withdrawn: [PREFIX], announced: [PREFIX] });
    expect(bench.best(PREFIX)).toBe('p');
  });

  test.each([
    '::/0',
    '2001:db8::/29',
    '2001:db8:1::/48',
    '2001:db8:1:2::/64',
    '2001:db8::1/128',
    '2001:db8:0:0:8000::/65',
  ])('IPv6 %s comes and goes by MP_REACH and MP_UNREACH', (prefix) => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p' });
    bench.announce(peer, prefix, { nextHop: '2001:db8::9' });
    expect([bench.best(prefix), bench.rib.counters(peer, 1).received]).toEqual(['p', 1]);
    bench.withdraw(peer, prefix);
    expect([bench.best(prefix), bench.rib.prefixes[1].count]).toEqual([null, 0]);
  });

  test('octets that were validated once are not validated again, unless they had to be changed', () => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p' });
    const [first, second, third] = [true, true, true].map(
      (isVerbatim) => new FakeUpdate({ announced: [PREFIX], isVerbatim }),
    );
    for (const update of [first, second]) bench.rib.receiveUpdate(peer, update);
    expect([first.canonicalised, second.canonicalised]).toEqual([1, 0]);
    const internal = bench.peer({ name: 'i', as: LOCAL_AS });
    bench.rib.receiveUpdate(internal, third);
    expect(third.canonicalised).toBe(1);
    const changed = [1, 2].map(
      () => new FakeUpdate({ announced: [PREFIX], attributes: { med: 7 }, isVerbatim: false }),
    );
    for (const update of changed) bench.rib.receiveUpdate(peer, update);
    expect(changed.map((update) => update.canonicalised)).toEqual([1, 1]);
  });

  test('octets from a peer with 2-octet AS numbers are always decoded', () => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p', asn4: false });
    const updates = [1, 2].map(() => new FakeUpdate({ announced: [PREFIX] }));
    for (const update of updates) bench.rib.receiveUpdate(peer, update);
    expect(updates.map((update) => update.canonicalised)).toEqual([1, 1]);
  });

  test('treat-as-withdraw removes what the message announces', () => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p' });
    bench.announce(peer, PREFIX);
    const outcome = bench.update(peer, { announced: [PREFIX, '10.0.0.0/8'], attributes: { med: 1 }, treatment: 2 });
    expect([outcome.treatment, outcome.announced, outcome.withdrawn, bench.best(PREFIX)]).toEqual([2, 0, 1, null]);
  });

  test('a structural treat-as-withdraw does not look at attributes', () => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p' });
    bench.announce(peer, PREFIX);
    const update = new FakeUpdate({ announced: [PREFIX] });
    expect(bench.rib.receiveUpdate(peer, update, 2).withdrawn).toBe(1);
    expect(update.canonicalised).toBe(0);
  });

  test('a session reset takes nothing in', () => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p' });
    bench.announce(peer, PREFIX);
    const outcome = bench.update(peer, {
      withdrawn: [PREFIX],
      announced: ['10.0.0.0/8'],
      attributes: { med: 1 },
      treatment: 3,
    });
    expect([outcome.treatment, bench.best(PREFIX), bench.best('10.0.0.0/8')]).toEqual([3, 'p', null]);
  });

  test('with ADD-PATH every path id is a path of its own', () => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p', addPath: true });
    bench.announce(peer, PREFIX, { med: 2 }, 0);
    bench.announce(peer, PREFIX, { med: 1 }, 0xffffffff);
    bench.announce(peer, PREFIX, { med: 3 }, 5);
    bench.announce(peer, PREFIX, { med: 4 }, 5);
    const ids = () => describePrefix(bench.rib, 0, bench.handle(PREFIX)).paths.map((path) => path.pathId);
    expect([ids()[0], ids().length, bench.rib.counters(peer, 0).received]).toEqual([0xffffffff, 3, 3]);
    bench.withdraw(peer, PREFIX, 0xffffffff);
    bench.withdraw(peer, PREFIX, 77);
    expect(ids()).toEqual([0, 5]);
  });

  test('the prefix limit is signalled when it is passed, by family', () => {
    const bench = new RibBench();
    const peer = bench.peer({ name: 'p', policy: { maxPrefixes: 2 } });
    expect(bench.update(peer, { announced: ['10.0.0.0/16', '10.1.0.0/16'] }).maxPrefixesExceeded).toBe(-1);
    expect(bench.update(peer, { announced: ['10.0.0.0/16'], attributes: { med: 1 } }).maxPrefixesExceeded).toBe(-1);
    expect(bench.update(peer, { family: 1, announced: ['2001:db8::/32'] }).maxPrefixesExceeded).toBe(-1);
    expect(bench.update(peer, { announced: ['10.2.0.0/16'] }).maxPrefixesExceeded).toBe(0);
  });
});
