import { expect, test } from 'vitest';
import type { Message } from '../wire/message-types.ts';
import { messageReceived } from './event.ts';
import { peerOpen } from './test-support.ts';

const update: Message = { type: 'update', withdrawn: [], attributes: [], nlri: [], treatment: 0, findings: [] };
const notification: Message = { type: 'notification', code: 6, subcode: 2, data: '' };

test.each<[string, Message, object]>([
  ['OPEN', peerOpen(), { type: 'openReceived', open: peerOpen() }],
  ['KEEPALIVE', { type: 'keepalive' }, { type: 'keepaliveReceived' }],
  ['NOTIFICATION', notification, { type: 'notificationReceived', notification }],
  [
    'ROUTE-REFRESH',
    { type: 'route-refresh', afi: 1, safi: 1, family: 'ipv4-unicast', subtype: 'request', subtypeCode: 0, rest: '' },
    { type: 'routeRefreshReceived' },
  ],
  ['UPDATE', update, { type: 'updateReceived' }],
  ['End-of-RIB', { ...update, endOfRib: { afi: 2, safi: 1 } }, { type: 'endOfRibReceived', family: 'ipv6-unicast' }],
  [
    'End-of-RIB of a family that is not ours',
    { ...update, endOfRib: { afi: 1, safi: 128 } },
    { type: 'updateReceived' },
  ],
])('%s is an event of its connection', (_, message, expected) => {
  expect(messageReceived('in-3', message)).toEqual({ connectionId: 'in-3', ...expected });
});
