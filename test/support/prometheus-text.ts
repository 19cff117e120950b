/**
 * A strict reader of Prometheus' text exposition format (0.0.4): what it does not understand is an error, and so is what
 * Prometheus itself would let pass but nobody should write (a family in two places, a histogram that goes down).
 */

export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: ParsedSample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/;
const NUMBER = /^(?:NaN|[+-]?Inf|[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = { histogram: ['_bucket', '_sum', '_count'] };

export function parseExposition(text: string): Map<string, ParsedFamily> {
  const families = new Map<string, ParsedFamily>();
  let current: ParsedFamily | null = null;
  let help: { name: string; text: string } | null = null;
  const seen = new Set<string>();
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  for (const [index, line] of text.slice(0, -1).split('\n').entries()) {
    const fail = (why: string): never => {
      throw new Error(`line ${index + 1}: ${why}: ${line}`);
    };
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment !== null) {
      const [, what, name, rest] = comment;
      if (what === 'HELP') {
        if (families.has(name)) fail('the family was there before');
        help = { name, text: rest };
      } else {
        if (help?.name !== name) fail('TYPE without HELP');
        if (!/^(gauge|counter|histogram)$/.test(rest)) fail('unknown type');
        current = { name, help: help?.text ?? '', type: rest, samples: [] };
        families.set(name, current);
      }
      continue;
    }
    if (line.startsWith('#')) fail('neither HELP nor TYPE');
    const sample = parseSample(line) ?? fail('no sample');
    if (current === null) throw new Error(`line ${index + 1}: sample before any family`);
    const { name, type } = current;
    const allowed = (SUFFIXES[type] ?? ['']).map((suffix) => `${name}${suffix}`);
    if (!allowed.includes(sample.name)) fail(`not of the family ${name}`);
    const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
    if (seen.has(key)) fail('a second time');
    seen.add(key);
    if (type === 'counter' && !(sample.value >= 0)) fail('a counter below 0');
    current.samples.push(sample);
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family);
  return families;
}

function parseSample(line: string): ParsedSample | null {
  const name = NAME.exec(line)?.[0];
  if (name === undefined) return null;
  let rest = line.slice(name.length);
  const labels: Record<string, string> = {};
  if (rest.startsWith('{')) {
    rest = rest.slice(1);
    while (!rest.startsWith('}')) {
      const match = LABEL.exec(rest);
      if (match === null || match[1] in labels) return null;
      labels[match[1]] = match[2].replace(/\\(["\\n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
      rest = rest.slice(match[0].length);
      if (rest.startsWith(',')) rest = rest.slice(1);
      else if (!rest.startsWith('}')) return null;
    }
    rest = rest.slice(1);
  }
  if (!rest.startsWith(' ') || !NUMBER.test(rest.slice(1))) return null;
  const value = rest.slice(1).replace('Inf', 'Infinity');
  return { name, labels, value: Number(value) };
}

function checkHistogram({ name, samples }: ParsedFamily): void {
  const last = new Map<string, { le: number; value: number }>();
  for (const sample of samples) {
    const { le, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    const before = last.get(key);
    if (sample.name === `${name}_bucket`) {
      const bound = Number(le === '+Inf' ? Number.POSITIVE_INFINITY : le);
      if (before !== undefined && (bound <= before.le || sample.value < before.value)) {
        throw new Error(`${name}${key}: bucket ${le} does not follow the one before`);
      }
      last.set(key, { le: bound, value: sample.value });
    } else if (sample.name === `${name}_count`) {
      if (before?.le !== Number.POSITIVE_INFINITY || before.value !== sample.value) {
        throw new Error(`${name}${key}: the count is not that of the last bucket`);
      }
    }
  }
}
