/** `show bfd sessions`: one table for the one BFD protocol that there is when any peer uses BFD, `bfd1`. */

import type { Speaker } from '../speaker/speaker.ts';
import { type Dialect, sinceTime } from './dialect.ts';
import { type Line, line } from './framing.ts';

export const BFD_PROTOCOL = 'bfd1';

/** Of these families. */
export function hasBfd(speaker: Speaker, dialect: Dialect): boolean {
  return sessionsOf(speaker, dialect).length > 0;
}

function sessionsOf(speaker: Speaker, dialect: Dialect) {
  return speaker.bfd.views().filter(({ address }) => dialect.families.includes(address.includes(':') ? 1 : 0));
}

function row(cells: readonly [string, string, string, string, string, string]): string {
  const [address, iface, state, since, interval, timeout] = cells;
  const left = `${address.padEnd(25)} ${iface.padEnd(10)} ${state.padEnd(10)} ${since.padEnd(10)}`;
  return `${left} ${interval.padStart(8)} ${timeout.padStart(8)}`;
}

export function bfdLines(speaker: Speaker, dialect: Dialect): Line[] {
  const nowWallMs = speaker.clock.wallMs();
  const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(3);
  return [
    line(1020, `${BFD_PROTOCOL}:`),
    line(1020, row(['IP address', 'Interface', 'State', 'Since', 'Interval', 'Timeout'])),
    ...sessionsOf(speaker, dialect).map((one) =>
      line(
        1020,
        row([
          one.address,
          one.interface ?? '---',
          one.state,
          sinceTime(dialect, nowWallMs - one.stateSeconds * 1000, nowWallMs),
          seconds(one.transmitIntervalMs),
          seconds(one.detectionTimeMs),
        ]),
      ),
    ),
  ];
}
