import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ResourceEvent } from '../../resource-store.ts';
import { Mirror } from './mirror.ts';
import { isLater, Outbox } from './outbox.ts';
import { affinitiesTarget, calicoTarget } from './target.ts';

const CONTEXT = { node: 'node-a', usePodCidr: false };
const POOLS = calicoTarget('IPPool', 'crd.projectcalico.org/v1');

const pool = (name: string, cidr: string): object => ({ metadata: { name }, spec: { cidr } });
const affinity = (cidr: string, node = 'node-a'): object => ({ metadata: { name: 'a' }, spec: { node, cidr } });

/** `p=10.0.0.0/16`, `-p`, `!p` for set, deleted and refused. */
function brief(events: readonly ResourceEvent[]): string[] {
  return events.map((event) => {
    if (event.type === 'deleted') return `-${event.key.name}`;
    if (event.type === 'refused') return `!${event.key.name}`;
    return 'cidr' in event.resource ? `${event.resource.name}=${event.resource.cidr}` : event.resource.name;
  });
}

describe('a listing', () => {
  test('says what is new and what is gone, the latter first, and only when it is complete', () => {
    const mirror = new Mirror(CONTEXT);
    mirror.beginList(0);
    mirror.addListed(0, POOLS, pool('a', '10.1.0.0/16'));
    mirror.addListed(0, POOLS, pool('b', '10.2.0.0/16'));
    expect(brief(mirror.completeList(0).events)).toEqual(['a=10.1.0.0/16', 'b=10.2.0.0/16']);
    mirror.beginList(0);
    mirror.addListed(0, POOLS, pool('c', '10.3.0.0/16'));
    mirror.addListed(0, POOLS, pool('b', '10.2.0.0/16'));
    expect(brief(mirror.completeList(0).events)).toEqual(['-a', 'c=10.3.0.0/16']);
  });

  test('that is begun again forgets what it had read', () => {
    const mirror = new Mirror(CONTEXT);
    mirror.beginList(0);
    mirror.addListed(0, POOLS, pool('a', '10.1.0.0/16'));
    mirror.beginList(0);
    expect(mirror.completeList(0).events).toEqual([]);
  });
});

describe('a change', () => {
  test('that says the same is none', () => {
    const mirror = new Mirror(CONTEXT);
    expect(brief(mirror.apply(0, 'ADDED', POOLS, pool('a', '10.1.0.0/16')).events)).toEqual(['a=10.1.0.0/16']);
    expect(mirror.apply(0, 'MODIFIED', POOLS, { ...pool('a', '10.1.0.0/16'), status: 'x' }).events).toEqual([]);
    expect(brief(mirror.apply(0, 'MODIFIED', POOLS, pool('a', '10.2.0.0/16')).events)).toEqual(['a=10.2.0.0/16']);
    expect(brief(mirror.apply(0, 'DELETED', POOLS, pool('a', '')).events)).toEqual(['-a']);
    expect(mirror.apply(0, 'DELETED', POOLS, pool('a', '')).events).toEqual([]);
  });

  test('to something bad leaves the last good form known', () => {
    const mirror = new Mirror(CONTEXT);
    mirror.apply(0, 'ADDED', POOLS, pool('a', '10.1.0.0/16'));
    expect(brief(mirror.apply(0, 'MODIFIED', POOLS, pool('a', 'x')).events)).toEqual(['!a']);
    expect([...mirror.resources()]).toMatchObject([{ cidr: '10.1.0.0/16' }]);
    // Back as it was is news: the complaint is over.
    expect(brief(mirror.apply(0, 'MODIFIED', POOLS, pool('a', '10.1.0.0/16')).events)).toEqual(['a=10.1.0.0/16']);
  });

  test('of a block affinity to another node is the end of ours', () => {
    const mirror = new Mirror(CONTEXT);
    const target = affinitiesTarget('crd.projectcalico.org/v1', 'node-a', 'labelled');
    mirror.apply(0, 'ADDED', target, affinity('10.0.0.0/26'));
    expect(brief(mirror.apply(0, 'MODIFIED', target, affinity('10.0.0.0/26', 'node-b')).events)).toEqual(['-a']);
  });
});

describe('an object that moves from one source to another', () => {
  const target = affinitiesTarget('crd.projectcalico.org/v1', 'node-a', 'labelled');
  const withUnlabelled = (): Mirror => {
    const mirror = new Mirror(CONTEXT, 1);
    mirror.apply(1, 'ADDED', target, affinity('10.0.0.0/26'));
    return mirror;
  };

  test('is not gone in between, whichever of them speaks first', () => {
    const leavesFirst = withUnlabelled();
    expect(leavesFirst.apply(1, 'DELETED', target, affinity('10.0.0.0/26'))).toEqual({
      events: [],
      lingering: ['BlockAffinity/a'],
    });
    expect(leavesFirst.apply(0, 'ADDED', target, affinity('10.0.0.0/26')).events).toEqual([]);
    expect(leavesFirst.expire('BlockAffinity/a')).toBeNull();

    const arrivesFirst = withUnlabelled();
    expect(arrivesFirst.apply(0, 'ADDED', target, affinity('10.0.0.0/26')).events).toEqual([]);
    expect(arrivesFirst.apply(1, 'DELETED', target, affinity('10.0.0.0/26'))).toEqual({ events: [], lingering: [] });
    expect(brief(arrivesFirst.apply(0, 'DELETED', target, affinity('10.0.0.0/26')).events)).toEqual(['-a']);
  });

  test('is gone after a while when it does not arrive', () => {
    const mirror = withUnlabelled();
    mirror.beginList(1);
    expect(mirror.completeList(1).lingering).toEqual(['BlockAffinity/a']);
    expect(mirror.expire('BlockAffinity/a')).toMatchObject({ type: 'deleted', key: { name: 'a' } });
    expect(mirror.expire('BlockAffinity/a')).toBeNull();
  });
});

test('listings and changes in any order lead to what the server has', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const cidr = fc.constantFrom('10.1.0.0/16', '10.2.0.0/16');
  const change = fc.oneof(
    fc.record({ type: fc.constant('put' as const), name, cidr }),
    fc.record({ type: fc.constant('remove' as const), name }),
    fc.record({ type: fc.constant('list' as const) }),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const mirror = new Mirror(CONTEXT);
      const server = new Map<string, string>();
      const followed = new Map<string, string>();
      for (const one of changes) {
        let events: readonly ResourceEvent[];
        if (one.type === 'put') {
          server.set(one.name, one.cidr);
          events = mirror.apply(0, 'MODIFIED', POOLS, pool(one.name, one.cidr)).events;
        } else if (one.type === 'remove') {
          // What happens while nobody watches shows in the next listing.
          server.delete(one.name);
          continue;
        } else {
          mirror.beginList(0);
          for (const [key, value] of server) mirror.addListed(0, POOLS, pool(key, value));
          events = mirror.completeList(0).events;
        }
        for (const event of events) {
          if (event.type === 'deleted') expect(followed.delete(event.key.name)).toBe(true);
          else if (event.type === 'set' && event.resource.kind === 'IPPool') {
            expect(followed.get(event.resource.name)).not.toBe(event.resource.cidr);
            followed.set(event.resource.name, event.resource.cidr);
          }
        }
        if (one.type === 'list') expect(followed).toEqual(server);
      }
    }),
  );
});

describe('what is to be told', () => {
  const set = (name: string, cidr: string): ResourceEvent => {
    const event = new Mirror(CONTEXT).apply(0, 'ADDED', POOLS, pool(name, cidr)).events[0];
    return event;
  };
  const deleted = (name: string): ResourceEvent => ({ type: 'deleted', key: { kind: 'IPPool', name } });

  test('is the last word on each', () => {
    const outbox = new Outbox();
    outbox.add([set('a', '10.1.0.0/16'), set('b', '10.1.0.0/16'), set('a', '10.2.0.0/16')], '5');
    expect(brief(outbox.take())).toEqual(['b=10.1.0.0/16', 'a=10.2.0.0/16']);
    expect(outbox.isEmpty).toBe(true);
    outbox.add([deleted('a'), set('c', '10.1.0.0/16')], '');
    expect(brief(outbox.take())).toEqual(['-a', 'c=10.1.0.0/16']);
  });

  test('is nothing of what came and went meanwhile', () => {
    const outbox = new Outbox();
    outbox.add([set('a', '10.1.0.0/16'), deleted('a')], '5');
    expect(outbox.take()).toEqual([]);
  });

  test.each([
    ['9', '10', false],
    ['10', '9', true],
    ['10', '10', false],
    ['1', '', true],
    ['', '1', false],
    ['18446744073709551615', '9007199254740993', true],
    ['9007199254740993', '9007199254740992', true],
  ])('%s is later than %s: %s', (a, b, later) => {
    expect(isLater(a, b)).toBe(later);
  });

  test('its revision is the highest that was heard of', () => {
    const outbox = new Outbox();
    outbox.add([], '9');
    outbox.add([], '10');
    outbox.add([], '8');
    expect(outbox.revision).toBe('10');
  });
});
