/** Help as text, made of the tables of commands and options: one page, a group (`help show`), one command. */

import { type Command, fitting, nameOf, noCommand, partsOf } from './command.ts';
import { COMMANDS, GROUPS } from './command-table.ts';
import { OPTIONS, type OptionName, optionSpec } from './option-table.ts';

const WIDTH = 118;
const LEFT = 44;

/** Words in lines that are not longer than `width`. */
function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.length - 1;
    if (lines[last] === '') lines[last] = word;
    else if (lines[last].length + 1 + word.length <= width) lines[last] += ` ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Two columns; what is too wide on the left has a line of its own. */
function row(left: string, right: string, leftWidth: number): string[] {
  const [first, ...rest] = wrap(right, WIDTH - leftWidth - 2);
  const indent = ' '.repeat(leftWidth + 2);
  const isNarrow = left.length <= leftWidth;
  const head = isNarrow ? [`${left.padEnd(leftWidth)}  ${first}`] : [left, `${indent}${first}`];
  return [...head, ...rest.map((line) => `${indent}${line}`)].map((line) => line.trimEnd());
}

export function formsOf(command: Command): readonly string[] {
  return command.forms ?? [command.usage];
}

function commandRows(commands: readonly Command[]): string[] {
  return commands.flatMap((command) => {
    const forms = formsOf(command).map((form) => `  ${form}`);
    return [...forms.slice(0, -1), ...row(forms.at(-1) ?? '', command.summary, LEFT)];
  });
}

export function optionTerm(name: OptionName): string {
  const { value } = optionSpec(name);
  return `--${name}${value === undefined ? '' : ` ${value}`}`;
}

function optionRows(names: readonly OptionName[]): string[] {
  const width = Math.min(32, Math.max(...names.map((name) => optionTerm(name).length)) + 2);
  return names.flatMap((name) => row(`  ${optionTerm(name)}`, optionSpec(name).text, width));
}

/** `peregrine --help`. */
function overview(): string {
  const groups = GROUPS.flatMap((group) => [
    group,
    ...commandRows(COMMANDS.filter((command) => command.group === group)),
    '',
  ]);
  return [
    'peregrine: a BGP-4 speaker and route-distribution daemon',
    '',
    ...groups,
    'peregrine help COMMAND says all about one of them, with its options. Most take --json for programs and --socket PATH',
    'for a daemon that is not on /run/peregrine/peregrine.sock; show and explain take --watch.',
    '',
    'Exit status: 0 done, 1 failed, 2 the command line or the configuration is wrong.',
    '',
  ].join('\n');
}

function one(command: Command): string {
  const [first, ...rest] = formsOf(command);
  const isBare = command.forms === undefined && command.options.length > 0;
  const lines = [
    `Usage: peregrine ${first}${isBare ? ' [OPTION]...' : ''}`,
    ...rest.map((form) => `       peregrine ${form}`),
    '',
    ...wrap(`${command.summary[0].toUpperCase()}${command.summary.slice(1)}.`, WIDTH),
  ];
  for (const [argument, choices] of Object.entries(command.choices ?? {})) {
    lines.push('', `${argument}: ${choices.join(', ')}`);
  }
  if (command.options.length > 0) lines.push('', 'Options', ...optionRows(command.options));
  if (command.details !== undefined) lines.push('', command.details);
  return `${lines.join('\n')}\n`;
}

/** What the words name: all, several commands that begin like that, or one. */
export function helpOn(words: readonly string[]): string {
  if (words.length === 0) return overview();
  const meant = COMMANDS.filter((command) => fitting(command, words) === words.length);
  if (meant.length === 0) throw noCommand(COMMANDS, words);
  const whole = meant.find((command) => nameOf(command) === words.join(' ') || command.usage === words.join(' '));
  if (meant.length === 1) return one(meant[0]);
  if (whole !== undefined && partsOf(whole).length === words.length) return one(whole);
  return `${commandRows(meant).join('\n')}\n\nTry: peregrine help ${meant[0].usage}\n`;
}

const code = (text: string): string => `\`${text}\``;
/** As a cell of a table of Markdown. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

/** docs/commands.md, as a whole. */
export function reference(): string {
  const lines = [
    '# Commands',
    '',
    'Made of the tables of [src/cli/](../src/cli/README.md), as `peregrine help` and completion are; a test holds this page to them',
    '(`npx vitest run src/cli/help.test.ts -u` writes it anew).',
  ];
  for (const group of GROUPS) {
    lines.push('', `## ${group}`);
    for (const command of COMMANDS.filter((one) => one.group === group)) {
      lines.push('', `### ${command.usage}`, '');
      for (const form of command.forms ?? []) lines.push(`    peregrine ${form}`);
      if (command.forms !== undefined) lines.push('');
      lines.push(`${cell(command.summary[0].toUpperCase() + command.summary.slice(1))}.`);
      for (const [argument, choices] of Object.entries(command.choices ?? {})) {
        lines.push('', `${code(argument)}: ${choices.map(code).join(', ')}`);
      }
      if (command.options.length > 0)
        lines.push('', `Options: ${command.options.map((name) => code(`--${name}`)).join(', ')}`);
      if (command.details !== undefined) lines.push('', '```', command.details, '```');
    }
  }
  lines.push('', '## Options', '', '| option | |', '|---|---|');
  for (const name of Object.keys(OPTIONS) as OptionName[]) {
    lines.push(`| ${code(optionTerm(name))} | ${cell(optionSpec(name).text)} |`);
  }
  return `${lines.join('\n')}\n`;
}
