/** For support: recent lines of the log, parts of a dump. */

import * as z from 'zod';

export const RecentLine = z.object({
  at: z.string().describe('ISO 8601'),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  msgid: z.string().describe('code of the line: docs/troubleshooting.md'),
  fields: z.looseObject({}).describe('as in the log'),
  message: z.string(),
});

export const RecordedMessage = z.object({
  at: z.string().describe('ISO 8601'),
  peer: z.string(),
  type: z.string().describe('OPEN, UPDATE, ...'),
  octets: z.string().describe('the whole message in hexadecimal'),
});

export const DumpPart = z
  .looseObject({ part: z.string() })
  .describe('a part of a support dump, as src/support/dump.ts says; passwords are hidden');
