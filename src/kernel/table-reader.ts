/**
 * The two sockets of the back end, and reading all of the kernel's tables through one of them: links, addresses, next-hop
 * objects, routes, in this order, because each needs those before it.
 */

import { readFileSync } from 'node:fs';
import { FAMILY_IPV4, FAMILY_IPV6 } from '../../bgp/family.ts';
import type { KernelView } from './kernel-view.ts';
import {
  EINVAL,
  EOPNOTSUPP,
  RTMGRP_IPV4_IFADDR,
  RTMGRP_IPV4_ROUTE,
  RTMGRP_IPV6_IFADDR,
  RTMGRP_IPV6_ROUTE,
  RTMGRP_LINK,
  RTMGRP_NEXTHOP,
} from './netlink/constants.ts';
import { type DumpResult, dump } from './netlink/dump.ts';
import { encodeAddressDump, encodeLinkDump } from './netlink/link.ts';
import type { NetlinkWriter } from './netlink/message.ts';
import { encodeNextHopDump } from './netlink/next-hop.ts';
import { encodeRouteDump } from './netlink/route.ts';
import type { NetlinkPort, NetlinkSocketOptions } from './netlink/socket.ts';

const ALL_GROUPS =
  (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE | RTMGRP_NEXTHOP) >>>
  0;
/** Room for the answers to one batch of requests, should all of them fail. */
const COMMAND_BUFFER_OCTETS = 8 * 1024 * 1024;
/** 1 (the kernel's default): routes through next-hop objects are shown with their hops to programs that do not know objects. */
const COMPATIBILITY_FILE = '/proc/sys/net/ipv4/nexthop_compat_mode';
/** Sequence numbers of dumps have this bit, those of changes have not: an answer never passes for another. */
const DUMP_SEQUENCES = 0x80000000;

/** Opens a socket; tests put one in between that fails. */
export type OpenSocket = (options: NetlinkSocketOptions) => NetlinkPort | { readonly error: string };

export interface SocketPair {
  /** For requests and dumps, one after the other. */
  readonly commands: NetlinkPort;
  /** For notifications of what others do. */
  readonly monitor: NetlinkPort;
}

export function openSockets(open: OpenSocket, receiveBufferOctets: number): SocketPair | { readonly error: string } {
  const commands = open({ groups: 0, receiveBufferOctets: COMMAND_BUFFER_OCTETS });
  if ('error' in commands) return commands;
  const monitor = open({ groups: ALL_GROUPS, receiveBufferOctets });
  if ('error' in monitor) {
    commands.close();
    return monitor;
  }
  if (!monitor.ignoreNotificationsOf(commands.port)) {
    commands.close();
    monitor.close();
    return { error: 'Cannot attach the filter of our own notifications to the netlink socket' };
  }
  return { commands, monitor };
}

export class TableReader {
  readonly #view: KernelView;
  readonly #table: number;
  readonly #wantsObjects: boolean;
  #dumpCount = 0;

  constructor(view: KernelView, table: number, wantsObjects: boolean) {
    this.#view = view;
    this.#table = table;
    this.#wantsObjects = wantsObjects;
  }

  /** Hands everything to the view; the caller ends the scan. */
  async scan(commands: NetlinkPort): Promise<DumpResult> {
    this.#view.beginScan();
    let wasInterrupted = false;
    for (const encode of [
      encodeLinkDump,
      encodeAddressDump,
      encodeNextHopDump,
      (writer: NetlinkWriter, sequence: number) => encodeRouteDump(writer, sequence, FAMILY_IPV4, this.#table),
      (writer: NetlinkWriter, sequence: number) => encodeRouteDump(writer, sequence, FAMILY_IPV6, this.#table),
    ]) {
      this.#dumpCount++;
      const sequence = (DUMP_SEQUENCES | (this.#dumpCount & 0xffff)) >>> 0;
      const result = await dump(commands, sequence, encode, (reader) => this.#view.scanned(reader));
      if (encode === encodeNextHopDump) {
        const hasObjects = result.errno === 0;
        this.#view.objects.isEnabled = this.#wantsObjects && hasObjects && showsHopsOfObjects();
        this.#view.objects.endObjects();
        // Before Linux 5.3 there are none.
        if (result.errno === EOPNOTSUPP || result.errno === EINVAL) continue;
      }
      if (result.errno !== 0) return result;
      wasInterrupted ||= result.wasInterrupted;
    }
    return { errno: 0, wasInterrupted };
  }
}

function showsHopsOfObjects(): boolean {
  try {
    return readFileSync(COMPATIBILITY_FILE, 'utf8').trim() === '1';
  } catch {
    return false;
  }
}
