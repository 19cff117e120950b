/** The state in force, for `peregrine plan --from running`. */

import * as z from 'zod';
import { type ApiRoute, documentRoute, listRoute } from '../route.ts';
import { MAX_QUESTION_OCTETS } from '../running.ts';

const PasswordsQuestion = z.strictObject({ passwords: z.record(z.string(), z.string()).describe('by session') });

export const runningRoutes: readonly ApiRoute[] = [
  listRoute({
    method: 'GET',
    path: '/v1/running',
    operationId: 'listRunningState',
    tag: 'configuration',
    summary: 'The state in force in parts, passwords hidden: what `peregrine plan --from running` compares with',
    refusals: [409],
    list: 'RunningPart',
    handle: ({ source }) => source.runningState(),
  }),
  documentRoute({
    method: 'POST',
    path: '/v1/running/passwords',
    operationId: 'comparePasswords',
    tag: 'configuration',
    summary: 'Which sessions have another password than the one that is said',
    refusals: [409],
    body: PasswordsQuestion,
    bodyLimitOctets: MAX_QUESTION_OCTETS,
    document: 'PasswordsAnswer',
    handle: ({ source, body }) => source.differentPasswords(body),
  }),
];
