/**
 * The listening sockets and who may come in: a connection belongs to the peer with its remote address, whatever its
 * ports are (as in BIRD); everybody else is refused with a log line, repeated ones only counted.
 */

import type { Socket } from 'node:net';
import { formatAddress, parseAddress } from '../../bgp/ip.ts';
import type { DesiredPeer, ListenAddress } from '../../confd/desired-state.ts';
import type { Log } from '../log/log.ts';
import { type Listener, openListener } from '../net/listener.ts';
import { applyTtl } from '../net/sockopt.ts';
import type { Clock } from './clock.ts';
import type { PeerDriver } from './peer-driver.ts';

/** One log line about a refused address in this time; the ones between are counted. */
const REFUSAL_LOG_INTERVAL_MS = 60_000;
/** Refused addresses remembered at most; when full, all are forgotten. */
const REFUSAL_MEMORY = 1000;

export class Listeners {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #peerAt: (address: string) => PeerDriver | null;
  readonly #open = new Map<string, Listener>();
  readonly #refusals = new Map<string, { loggedAtMs: number; unlogged: number; count: number; lastMs: number }>();
  #passwords: ReadonlyMap<string, string> = new Map();

  constructor(log: Log, clock: Clock, peerAt: (address: string) => PeerDriver | null) {
    this.#log = log;
    this.#clock = clock;
    this.#peerAt = peerAt;
  }

  /**
   * Brings the sockets in line with the configuration. Sockets that stay are not touched, except for MD5 keys and
   * TTLs, which hold for connections to come. Returns the addresses that could not be opened, with the reason.
   */
  async apply(wanted: readonly ListenAddress[], peers: readonly DesiredPeer[]): Promise<string[]> {
    const failures: string[] = [];
    const keys = new Set(wanted.map(({ address, port }) => keyOf(address, port)));
    for (const [key, listener] of this.#open) {
      if (keys.has(key)) continue;
      this.#open.delete(key);
      await listener.close();
      this.#log.info('LISTENER_CLOSED', { address: listener.address, port: listener.port }, 'stopped listening');
    }
    const passwords = new Map<string, string>();
    let hasGtsm = false;
    for (const { session } of peers) {
      if (session.password !== null) passwords.set(session.peerAddress, session.password);
      if (session.ttl.kind === 'gtsm') hasGtsm = true;
    }
    for (const listener of this.#open.values()) this.#updatePasswords(listener, passwords);
    this.#passwords = passwords;
    for (const { address, port } of wanted) {
      if (this.#open.has(keyOf(address, port))) continue;
      const result = await openListener(
        { address, port, passwords },
        {
          accepted: (socket) => this.#accepted(socket),
          error: ({ code, message }) => this.#log.warn('ACCEPT_FAILED', { address, port, code }, message),
        },
      );
      if ('code' in result) {
        failures.push(result.message);
        this.#log.error('LISTEN_FAILED', { address, port, code: result.code }, result.message);
        continue;
      }
      this.#open.set(keyOf(address, port), result);
      this.#log.info('LISTENING', { address, port: result.port }, 'listening for BGP connections');
    }
    // RFC 5082: a peer with GTSM would drop our SYN-ACKs if they left with less than 255.
    if (hasGtsm) {
      for (const listener of this.#open.values()) {
        const problem = listener.setTtl(255, 0);
        if (problem !== null) this.#log.error('SOCKET_OPTION', { option: problem.option }, problem.message);
      }
    }
    return failures;
  }

  /** Who was refused because no peer has that address, since a time of the clock; the latest first. */
  strangersSince(sinceMs: number): { readonly address: string; readonly count: number }[] {
    return [...this.#refusals]
      .filter(([, { lastMs }]) => lastMs >= sinceMs)
      .sort(([, x], [, y]) => y.lastMs - x.lastMs)
      .map(([address, { count }]) => ({ address, count }));
  }

  async close(): Promise<void> {
    for (const listener of this.#open.values()) await listener.close();
    this.#open.clear();
  }

  #updatePasswords(listener: Listener, passwords: ReadonlyMap<string, string>): void {
    for (const peer of new Set([...this.#passwords.keys(), ...passwords.keys()])) {
      const password = passwords.get(peer) ?? null;
      if (password === (this.#passwords.get(peer) ?? null)) continue;
      const problem = listener.setPassword(peer, password);
      if (problem !== null) this.#log.error('SOCKET_OPTION', { peer, option: problem.option }, problem.message);
    }
  }

  #accepted(socket: Socket): void {
    const remote = canonicalRemote(socket);
    const driver = remote === null ? null : this.#peerAt(remote);
    // A refused or reset connection must not end the process.
    socket.on('error', () => {});
    if (driver === null) {
      this.#refused(remote ?? 'unknown', socket.remotePort ?? 0, socket.localPort ?? 0);
      socket.destroy();
      return;
    }
    const problem = applyTtl(socket, driver.config.ttl);
    if (problem !== null) {
      this.#log.error('SOCKET_OPTION', { peer: driver.name, option: problem.option }, problem.message);
      socket.destroy();
      return;
    }
    driver.accept(socket);
  }

  #refused(address: string, port: number, localPort: number): void {
    const now = this.#clock.nowMs();
    const known = this.#refusals.get(address);
    const count = (known?.count ?? 0) + 1;
    if (known !== undefined) Object.assign(known, { count, lastMs: now });
    if (known !== undefined && now - known.loggedAtMs < REFUSAL_LOG_INTERVAL_MS) {
      known.unlogged++;
      return;
    }
    if (this.#refusals.size >= REFUSAL_MEMORY) this.#refusals.clear();
    this.#refusals.set(address, { loggedAtMs: now, unlogged: 0, count, lastMs: now });
    const before = known?.unlogged ?? 0;
    this.#log.warn(
      'PEER_UNKNOWN',
      { address, port, localPort, refusedSinceLastLine: before },
      `refused a connection from ${address}: no peer with that address is configured`,
    );
  }
}

function keyOf(address: string, port: number): string {
  return `${address} ${port}`;
}

/** The remote address as configuration writes it; link-local addresses keep their zone. */
function canonicalRemote(socket: Socket): string | null {
  const text = socket.remoteAddress;
  if (text === undefined) return null;
  const [bare, zone] = text.split('%');
  const address = parseAddress(bare);
  if (address === null) return null;
  return zone === undefined ? formatAddress(address) : `${formatAddress(address)}%${zone}`;
}
