import { describe, expect, test } from 'vitest';
import { IFF_RUNNING, IFF_UP, RTM_NEWLINK } from './constants.ts';
import { decodeLink } from './link.ts';
import { NetlinkReader, NetlinkWriter } from './message.ts';

/** RTM_NEWLINK as the kernel writes it (net/core/rtnetlink.c): name, master, IFLA_LINKINFO with kind and data. */
function linkMessage(name: string, master: number, info: { kind: string; table?: number } | null): NetlinkReader {
  const writer = new NetlinkWriter(256);
  const string = (type: number, value: string): void => {
    const start = writer.beginAttribute(type);
    for (const octet of Buffer.from(`${value}\0`)) writer.u8(octet);
    writer.endAttribute(start);
  };
  writer.beginMessage(RTM_NEWLINK, 0, 1);
  writer.u32(0);
  writer.u32(7);
  writer.u32(IFF_UP | IFF_RUNNING);
  writer.u32(0);
  string(3, name);
  if (master !== 0) writer.attributeU32(10, master);
  if (info !== null) {
    const outer = writer.beginAttribute(18);
    string(1, info.kind);
    if (info.table !== undefined) {
      const data = writer.beginAttribute(2);
      writer.attributeU32(1, info.table);
      writer.endAttribute(data);
    }
    writer.endAttribute(outer);
  }
  writer.endMessage();
  const reader = new NetlinkReader();
  reader.open(writer.octets, writer.length);
  reader.nextMessage();
  return reader;
}

describe('links', () => {
  test.each([
    ['a VRF device says its table', linkMessage('red', 0, { kind: 'vrf', table: 100 }), { master: 0, vrfTable: 100 }],
    ['a member says its master', linkMessage('eth1', 9, { kind: 'veth' }), { master: 9, vrfTable: null }],
    [
      'first data of other kinds mean something else',
      linkMessage('vx', 0, { kind: 'vxlan', table: 5 }),
      { vrfTable: null },
    ],
    ['a device without information', linkMessage('lo', 0, null), { master: 0, vrfTable: null }],
    ['a VRF device without table', linkMessage('odd', 0, { kind: 'vrf' }), { vrfTable: null }],
  ])('%s', (_, message, expected) => {
    expect(decodeLink(message)).toMatchObject({ index: 7, up: true, running: true, ...expected });
  });
});
