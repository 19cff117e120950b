import { describe, expect, test } from 'vitest';
import { parseExposition } from './prometheus-text.ts';

const head = '# HELP a_total what\n# TYPE a_total counter\n';
const histogram = (...lines: string[]) => `# HELP h h\n# TYPE h histogram\n${lines.join('\n')}\n`;

test('families with their samples', () => {
  const families = parseExposition(`${head}a_total{x="1\\"\\\\\\n",y=""} 2.5e3\na_total +Inf\n`);
  expect(families.get('a_total')).toEqual({
    name: 'a_total',
    help: 'what',
    type: 'counter',
    samples: [
      { name: 'a_total', labels: { x: '1"\\\n', y: '' }, value: 2500 },
      { name: 'a_total', labels: {}, value: Number.POSITIVE_INFINITY },
    ],
  });
});

describe('refused', () => {
  test.each([
    ['no end of line', `${head}a_total 1`],
    ['sample before any family', 'a_total 1\n'],
    ['another family', `${head}b_total 1\n`],
    ['twice', `${head}a_total 1\na_total 1\n`],
    ['a label twice', `${head}a_total{x="1",x="2"} 1\n`],
    ['a bare quote', `${head}a_total{x="""} 1\n`],
    ['a bad number', `${head}a_total one\n`],
    ['a negative counter', `${head}a_total -1\n`],
    ['a family twice', `${head}${head}`],
    ['a type without help', '# TYPE a gauge\n'],
    ['a histogram that goes down', histogram('h_bucket{le="1"} 2', 'h_bucket{le="+Inf"} 1')],
    ['a count that differs', histogram('h_bucket{le="+Inf"} 1', 'h_sum 1', 'h_count 2')],
    ['a histogram without an end', histogram('h_bucket{le="1"} 1', 'h_sum 1', 'h_count 1')],
  ])('%s', (_, text) => {
    expect(() => parseExposition(text)).toThrow();
  });
});
