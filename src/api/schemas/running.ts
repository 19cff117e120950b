/** The state in force, for `peregrine plan`. */

import * as z from 'zod';

export const RunningPart = z
  .looseObject({ part: z.enum(['state', 'policy', 'peer', 'originated']) })
  .describe('a part of the state in force, as src/api/running.ts takes it apart; passwords are hidden');

export const PasswordsAnswer = z.object({
  different: z.array(z.string()).describe('sessions that run with another password, with none, or not at all'),
});
