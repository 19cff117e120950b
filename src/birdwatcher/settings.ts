/**
 * Where birdwatcher's JSON is served, and whom: from the command line, else from the environment. Alice-LG shows no token,
 * so that off loopback there must be a list of addresses that are answered.
 */

import { BlockList, isIP } from 'node:net';
import { isLoopback } from '../api/tcp-options.ts';
import { type ListenPoint, parseListenPoint } from '../monitor/settings.ts';

export interface BirdwatcherSettings {
  readonly listen: ListenPoint;
  /** Who is answered; null: everybody who gets here, which is this machine. */
  readonly allowed: BlockList | null;
}

/** null: not asked for; a text: what is wrong. `option` is `--birdwatcher-listen`; it counts before the environment. */
export function birdwatcherSettings(
  option: string | null,
  environment: NodeJS.ProcessEnv,
): BirdwatcherSettings | string | null {
  const { PEREGRINE_BIRDWATCHER_LISTEN: variable = '', PEREGRINE_BIRDWATCHER_ALLOW: allowText = '' } = environment;
  const name = option === null ? 'PEREGRINE_BIRDWATCHER_LISTEN' : '--birdwatcher-listen';
  const text = option ?? variable;
  if (text === '') return null;
  const listen = parseListenPoint(text);
  if (listen === null) return `${name} "${text}": wanted PORT, IPV4:PORT or [IPV6]:PORT`;
  const allowed = allowText === '' ? null : parseAllowed(allowText);
  if (typeof allowed === 'string')
    return `PEREGRINE_BIRDWATCHER_ALLOW "${allowed}": wanted addresses and prefixes, with commas between`;
  if (allowed === null && !isLoopback(listen.address)) {
    return `${name} "${text}": off loopback PEREGRINE_BIRDWATCHER_ALLOW must say who is answered`;
  }
  return { listen, allowed };
}

/** Addresses and prefixes; a text: the one that is neither. */
function parseAllowed(text: string): BlockList | string {
  const list = new BlockList();
  for (const entry of text.split(',').map((part) => part.trim())) {
    const [address, lengthText, ...rest] = entry.split('/');
    const family = isIP(address);
    const bits = family === 4 ? 32 : 128;
    const length = lengthText === undefined ? bits : Number(lengthText);
    if (family === 0 || rest.length > 0 || !/^\d{1,3}$/.test(lengthText ?? '0') || length > bits) return entry;
    list.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

/** Whether that address is answered. IPv4 on a socket of both families arrives as `::ffff:192.0.2.1`. */
export function isAllowed(allowed: BlockList | null, address: string | undefined): boolean {
  if (allowed === null) return true;
  if (address === undefined) return false;
  const mapped = /^::ffff:([\d.]+)$/i.exec(address);
  if (mapped !== null) return allowed.check(mapped[1], 'ipv4');
  return allowed.check(address.replace(/%.*$/, ''), isIP(address) === 6 || address.includes(':') ? 'ipv6' : 'ipv4');
}
