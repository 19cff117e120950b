import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Labels, parseSelector, selects } from './selector.ts';

function matches(text: string, labels: Labels): boolean {
  const parsed = parseSelector(text);
  if (!parsed.ok) throw new Error(`column ${parsed.error.column}: ${parsed.error.message}`);
  return selects(parsed.selector, labels);
}

const LABELS: Labels = { rack: 'r1', role: 'worker', empty: '', 'a.b/c-d_e': 'x', has: 'h', all: 'a', in: 'i' };

describe('what a selector selects', () => {
  test.each<[sentence: string, selector: string, selected: boolean]>([
    ['the empty selector takes everything', '', true],
    ['blanks alone take everything', ' \t ', true],
    ['all() takes everything', 'all()', true],
    ['global() takes everything', 'global()', true],
    ['blanks inside the parentheses of all', 'all( \t)', true],
    ['has a label that is there', 'has(rack)', true],
    ['has a label with an empty value', 'has( empty )', true],
    ['has a label that is not there', 'has(zone)', false],
    ['equal', "rack == 'r1'", true],
    ['equal without blanks and with double quotes', 'rack=="r1"', true],
    ['equal to another value', "rack == 'r2'", false],
    ['equal on an absent label', "zone == 'r1'", false],
    ['equal to the empty value', "empty == ''", true],
    ['equal to the empty value on an absent label', "zone == ''", false],
    ['not equal', "rack != 'r2'", true],
    ['not equal to its value', "rack != 'r1'", false],
    ['not equal on an absent label is true', "zone != 'r1'", true],
    ['in a set', "rack in {'r0', 'r1'}", true],
    ['in a set without blanks', "rack in{'r0','r1'}", true],
    ['in a set with a trailing comma', "rack in {'r1',}", true],
    ['in the empty set never', 'rack in {}', false],
    ['in a set on an absent label', "zone in {'r1'}", false],
    ['not in a set', "rack not in {'r2'}", true],
    ['not in a set that holds it', "rack notin {'r1'}", false],
    ['not in a set on an absent label is true', "zone not in {'r1'}", true],
    ['not in the empty set always', 'zone not in {}', true],
    ['contains', "role contains 'ork'", true],
    ['contains on an absent label', "zone contains ''", false],
    ['starts with', "role starts with 'wo'", true],
    ['startswith', "role startswith 'ork'", false],
    ['ends with', "role ends with 'er'", true],
    ['endswith', "role endswith 'er'", true],
    ['ends with, more blanks between the words', "role ends \t with 'er'", true],
    ['not', '!has(zone)', true],
    ['two nots cancel out', '!!has(rack)', true],
    ['nots with blanks between', '! ! !has(rack)', false],
    ['not of a comparison takes only that', "!rack == 'r2' && rack == 'r1'", true],
    ['and binds tighter than or', "rack == 'r1' || rack == 'r2' && role == 'none'", true],
    ['parentheses go first', "(rack == 'r1' || rack == 'r2') && role == 'none'", false],
    ['every character that a label may have', "a.b/c-d_e == 'x'", true],
    ['a label named has', "has == 'h'", true],
    ['a label named all', "all == 'a'", true],
    ['a label named in', "in == 'i'", true],
    ['quotes of the other kind inside a string', `rack != "it's"`, true],
    ['no escapes in strings', String.raw`rack != 'a\'`, true],
    ['a property of every object is not a label', 'has(constructor)', false],
  ])('%s', (_sentence, selector, selected) => {
    expect(matches(selector, LABELS)).toBe(selected);
  });
});

describe('where a selector is wrong', () => {
  test.each<[sentence: string, selector: string, column: number, part: string]>([
    ['a label alone', 'rack', 5, 'expected an operator'],
    ['an operator that there is not', "rack = 'r1'", 6, 'found "="'],
    ['a word that is no operator', "rack inx {'a'}", 6, 'expected an operator'],
    ['a value without quotes', 'rack == r1', 9, 'quoted string'],
    ['a string that is not closed', "rack == 'r1", 9, 'closing quote'],
    ['a set that is not closed', "rack in {'r1'", 14, 'expected "," or "}"'],
    ['a set without braces', "rack in 'r1'", 9, 'expected "{"'],
    ['commas alone in a set', 'rack in {,}', 10, 'quoted string'],
    ['not without in', "rack not 'r1'", 10, 'expected "in"'],
    ['starts without with', "rack starts 'r1'", 13, 'expected "with"'],
    ['and without a right side', "rack == 'r1' &&", 16, 'expected a label'],
    ['one ampersand', 'has(a) & has(b)', 8, 'expected "&&"'],
    ['two comparisons without operator', 'has(a) has(b)', 8, 'expected "&&"'],
    ['a parenthesis too few', '(has(a)', 8, 'expected ")"'],
    ['a parenthesis too many', 'has(a))', 7, 'expected "&&"'],
    ['has without a label', 'has()', 5, 'expected a label'],
    ['all with something in it', 'all(a)', 5, 'expected ")"'],
    ['a function that there is not', 'any()', 1, 'unknown function "any"'],
    ['a keyword in capitals', "rack IN {'a'}", 6, 'expected an operator'],
    ['a line break is not a blank', 'has(a) &&\nhas(b)', 10, 'line break'],
    ['a label that is too long', `${'x'.repeat(513)} == 'a'`, 1, '512'],
    ['a not without anything', '!', 2, 'expected a label'],
    ['nesting without end', '('.repeat(5000), 201, 'nested'],
  ])('%s', (_sentence, selector, column, part) => {
    const parsed = parseSelector(selector);
    expect(parsed.ok).toBe(false);
    if (parsed.ok) return;
    expect(parsed.error.column).toBe(column);
    expect(parsed.error.message).toContain(part);
  });

  test('any text is parsed or refused at a column of it, never thrown at', () => {
    const fragments = [
      'has(',
      ')',
      '(',
      'a',
      ' ',
      '==',
      '!=',
      "'x'",
      '&&',
      '||',
      '!',
      'in',
      'not',
      '{',
      '}',
      ',',
      'all()',
    ];
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.constantFrom(...fragments), { maxLength: 12 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (selector) => {
        const parsed = parseSelector(selector);
        if (parsed.ok) return;
        expect(parsed.error.column).toBeGreaterThanOrEqual(1);
        expect(parsed.error.column).toBeLessThanOrEqual(selector.length + 1);
      }),
    );
  });
});
