/** What the schema library finds wrong, in the words that the rest of the configuration's diagnostics use. */

import type * as z from 'zod';

type RawIssue = z.core.$ZodRawIssue;

const TYPES: Readonly<Record<string, string>> = {
  object: 'a mapping (field: value)',
  record: 'a mapping (name: value)',
  array: 'a list',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

/** `a`, `a or b`, `a, b or c`. */
export function alternatives(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** The message of an issue for which the schema itself has none. */
export function describeIssue(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `wanted ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `wanted ${alternatives(issue.values.map(String))}`;
    case 'too_small':
    case 'too_big': {
      const bound = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
      if (issue.origin === 'string') return `wanted ${bound} characters`;
      return issue.origin === 'array' ? `wanted ${bound} in the list` : `wanted ${bound}`;
    }
    default:
      return undefined;
  }
}
