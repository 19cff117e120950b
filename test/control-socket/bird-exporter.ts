/**
 * bird_exporter (czerwonk, 1.4) as ../shared/calico-integration.md 2.9 and 5.1 describe it: how it cuts a reply out of
 * 4096-octet reads, and its expressions.
 */

import { connect } from 'node:net';

const CHUNK_OCTETS = 4096;
const END = /^([089]\d{3})/m;

/** Reads as the exporter does: until one read matches END. Rejects when that does not happen in time: it would hang. */
export function exporterRead(path: string, command: string, deadlineMs = 10_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let isGreeted = false;
    let text = '';
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`bird_exporter would hang on ${command}; it has read ${text.length} characters`));
    }, deadlineMs);
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(text);
    };
    socket.on('error', reject);
    socket.on('readable', () => {
      for (;;) {
        const chunk: Buffer | null =
          socket.read(Math.min(CHUNK_OCTETS, socket.readableLength)) ??
          (socket.readableLength > 0 ? socket.read() : null);
        if (chunk === null) return;
        if (!isGreeted) {
          isGreeted = true;
          socket.write(`${command}\n`);
          continue;
        }
        text += chunk.toString('latin1');
        if (END.test(chunk.toString('latin1'))) return finish();
      }
    });
  });
}

export interface ExportedProtocol {
  readonly name: string;
  readonly proto: string;
  readonly isUp: boolean;
  /** The info column. */
  readonly state: string;
  readonly uptime: string;
  ipVersion: string;
  description: string;
  importFilter: string;
  exportFilter: string;
  imported: number;
  exported: number;
  filtered: number;
  preferred: number;
  readonly changes: Map<string, (number | null)[]>;
}

const PROTOCOL =
  /^(?:1002-)?([^\s]+)\s+(MRT|BGP|BFD|OSPF|RPKI|RIP|RAdv|Pipe|Perf|Direct|Babel|Device|Kernel|Static)\s+([^\s]+)\s+([^\s]+)\s+(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:|\.\d+)|[^\s]+)(?:\s+(.*?))?$/;
const DESCRIPTION = /Description:\s+(.*)/;
const CHANNEL = /Channel ipv(4|6)/;
const ROUTES = /^\s+Routes:\s+(\d+) imported, (?:(\d+) filtered, )?(\d+) exported(?:, (\d+) preferred)?/;
const CHANGES = /(Import|Export) (updates|withdraws):\s+(\d+|---)\s+(\d+|---)\s+(\d+|---)\s+(\d+|---)\s+(\d+|---)\s*/;
const FILTER = /(Input|Output) filter:\s+(.*)/;

/** `show protocols all`. */
export function exporterProtocols(text: string, ipVersion: string): ExportedProtocol[] {
  const found: ExportedProtocol[] = [];
  let current: ExportedProtocol | null = null;
  for (const raw of text.split('\n')) {
    const line = raw.trimEnd();
    if (line === '') {
      current = null;
      continue;
    }
    const row = PROTOCOL.exec(line);
    if (row !== null) {
      current = {
        name: row[1],
        proto: row[2],
        isUp: row[4] === 'up',
        uptime: row[5],
        state: row[6]?.trim() ?? '',
        ipVersion,
        description: '',
        importFilter: '',
        exportFilter: '',
        imported: 0,
        exported: 0,
        filtered: 0,
        preferred: 0,
        changes: new Map(),
      };
      found.push(current);
      continue;
    }
    const description = DESCRIPTION.exec(line);
    if (description !== null) {
      // The exporter crashes here.
      if (current === null) throw new Error(`a description outside a protocol: ${line}`);
      current.description = description[1];
    }
    if (current !== null) detail(current, line);
  }
  return found;
}

function detail(current: ExportedProtocol, line: string): void {
  const channel = CHANNEL.exec(line);
  if (channel !== null) current.ipVersion = channel[1];
  const filter = FILTER.exec(line);
  if (filter?.[1] === 'Input') current.importFilter = filter[2];
  if (filter?.[1] === 'Output') current.exportFilter = filter[2];
  const routes = ROUTES.exec(line);
  if (routes !== null) {
    current.imported = Number(routes[1]);
    current.filtered = Number(routes[2] ?? 0);
    current.exported = Number(routes[3]);
    current.preferred = Number(routes[4] ?? 0);
  }
  const changes = CHANGES.exec(line);
  if (changes !== null) {
    const values = changes.slice(3, 8).map((value) => (value === '---' ? null : Number(value)));
    current.changes.set(`${changes[1]} ${changes[2]}`, values);
  }
}

const UPTIME = /^(?:((\d+):(\d{2}):(\d{2}))|(\d+)|(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:|\.\d+)))$/;

export function exporterUptimeIsKnown(uptime: string): boolean {
  return UPTIME.test(uptime);
}

const TIMESTAMP = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d+$/;

/** `show status`; a timestamp without a fraction of a second is not understood. */
export function exporterStatus(text: string): {
  version: string;
  routerId: string;
  isUp: boolean;
  timestamps: (string | null)[];
} {
  const of = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? '';
  const stamp = (value: string): string | null => (TIMESTAMP.test(value) ? value : null);
  return {
    version: of(/^(?:1000-)?BIRD (\S+)$/m),
    routerId: of(/Router ID is (\S+)/),
    isUp: of(/Daemon is (.+)/) === 'up and running',
    timestamps: [
      stamp(of(/Current server time is (.+)/)),
      stamp(of(/Last reboot on (.+)/)),
      stamp(of(/Last reconfiguration on (.+)/)),
    ],
  };
}
