/** `npm run chaos`: runs the scenarios and prints the table; see scripts/chaos.mjs for the options. */

import { parseArgs } from 'node:util';
import { emptyRow, formatMarkdown, formatTable, type Row, rowOf, versions } from './report.ts';
import { runScenario, SCENARIOS } from './scenarios.ts';
import { PEER_KINDS, Scene } from './scene.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { peers: { type: 'string' }, json: { type: 'boolean' }, markdown: { type: 'boolean' } },
});

function chosen<T extends string>(what: string, wanted: readonly string[], known: readonly T[]): T[] {
  for (const name of wanted) {
    if ((known as readonly string[]).includes(name)) continue;
    process.stderr.write(`chaos: there is no ${what} "${name}"; wanted ${known.join(', ')}\n`);
    process.exit(2);
  }
  return known.filter((name) => wanted.length === 0 || wanted.includes(name));
}

const names = chosen(
  'scenario',
  positionals,
  SCENARIOS.map(({ name }) => name),
);
const kinds = chosen('kind of peer', values.peers?.split(',') ?? [], PEER_KINDS);
const rows: Row[] = [];
for (const name of names) {
  const scenario = SCENARIOS.find((one) => one.name === name)!;
  for (const peers of kinds) {
    const reason = scenario.without?.(peers) ?? null;
    let row: Row;
    if (reason !== null) row = emptyRow(scenario, peers, 'skipped', reason);
    else {
      try {
        row = rowOf(scenario, peers, await runScenario((options) => Scene.create(options), scenario, peers));
      } catch (error) {
        row = emptyRow(
          scenario,
          peers,
          'failed',
          error instanceof Error ? error.message.split('\n')[0] : String(error),
        );
        process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
      }
    }
    rows.push(row);
    if (!values.json) process.stderr.write(`${formatTable([row]).split('\n')[1]}\n`);
  }
}
const about = versions();
if (values.json)
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), versions: about, rows }, null, 2)}\n`);
else {
  const table = values.markdown ? formatMarkdown(rows) : formatTable(rows);
  const said = Object.entries(about).map(([name, version]) => `${name} ${version}`);
  process.stdout.write(`\n${table}\n\n${new Date().toISOString().slice(0, 10)}: ${said.join(', ')}\n`);
}
process.exitCode = rows.some(({ verdict }) => verdict === 'failed') ? 1 : 0;
