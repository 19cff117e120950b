/** The table of results: aligned for people, JSON for programs, Markdown for docs/chaos.md. */

import { execFileSync } from 'node:child_process';
import { release } from 'node:os';
import { VERSION } from '../../src/version.ts';
import type { Outcome, Scenario } from './scenarios.ts';
import type { PeerKind } from './scene.ts';

export interface Row {
  readonly scenario: string;
  readonly what: string;
  readonly peers: PeerKind;
  readonly verdict: 'passed' | 'failed' | 'skipped';
  readonly sent: number | null;
  readonly lost: number | null;
  readonly longestGapMs: number | null;
  readonly note: string;
}

/** Lost packets are a failure unless the scenario allows them for a time. */
export function rowOf(scenario: Scenario, peers: PeerKind, outcome: Outcome): Row {
  const { sent, lost, longestGapMs, note } = outcome;
  const isPassed = scenario.mayLoseMs === 0 ? lost <= 0 : longestGapMs <= scenario.mayLoseMs;
  const { name, what } = scenario;
  return { scenario: name, what, peers, verdict: isPassed ? 'passed' : 'failed', sent, lost, longestGapMs, note };
}

export function emptyRow(scenario: Scenario, peers: PeerKind, verdict: 'failed' | 'skipped', note: string): Row {
  const { name, what } = scenario;
  return { scenario: name, what, peers, verdict, sent: null, lost: null, longestGapMs: null, note };
}

const HEAD = ['what happens', 'peers', 'sent', 'lost', 'longest gap', '', 'note'];

function cells(row: Row): string[] {
  const number = (value: number | null, unit = ''): string =>
    value === null ? '-' : `${value.toLocaleString('en')}${unit}`;
  const gap = row.lost === null ? '-' : row.lost <= 0 ? '0 ms' : number(row.longestGapMs, ' ms');
  return [row.what, row.peers, number(row.sent), number(row.lost), gap, row.verdict, row.note];
}

export function formatTable(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const isNumber = (column: number): boolean => column >= 2 && column <= 4;
  return lines
    .map((line) =>
      line
        .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function formatMarkdown(rows: readonly Row[]): string {
  const line = (list: readonly string[]): string => `| ${list.join(' | ')} |`;
  return [line(HEAD), '|---|---|---:|---:|---:|---|---|', ...rows.map((row) => line(cells(row)))].join('\n');
}

function versionOf(command: string, args: readonly string[]): string {
  try {
    const text = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return text.split('\n')[0].trim();
  } catch {
    return 'not installed';
  }
}

export function versions(): Record<string, string> {
  const bird = execFileSync('sh', ['-c', 'bird --version 2>&1 || true'], { encoding: 'utf8' }).split('\n')[0].trim();
  return {
    Peregrine: VERSION,
    'Node.js': process.version,
    Linux: release(),
    BIRD: bird.replace(/^BIRD version /, ''),
    FRR: versionOf('/usr/lib/frr/bgpd', ['--version']).replace(/^bgpd version /, ''),
    GoBGP: versionOf('gobgpd', ['--version']).replace(/^gobgpd version /, ''),
  };
}
