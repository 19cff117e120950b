/** `peregrine explain ...`: why, as text for people; with --json the API's own values. */

import type { AttributesView, View } from '../api/schema.ts';
import { fetchOne } from './client.ts';
import { formatAttributes, type ShowOptions } from './show.ts';

type Explanation = View<'PolicyExplanation'>;

const indent = (lines: readonly string[], by = 2): string[] => lines.map((line) => `${' '.repeat(by)}${line}`);

/** Every statement that was tried, and in the deciding one what it looked at and did. */
export function formatPolicy(kind: string, policy: Explanation | null, absent: string): string[] {
  if (policy === null) return [`${kind}: ${absent}`];
  const width = Math.max(...policy.statements.map(({ statement }) => statement.length), 'otherwise'.length);
  const lines = policy.statements.flatMap(({ statement, applies, matches, actions, verdict }) => {
    const name = statement.padEnd(width);
    if (!applies) {
      const missed = matches.find(({ holds }) => !holds);
      return [`${name}  does not apply: not ${missed?.match ?? ''}`];
    }
    const because = matches.length === 0 ? 'always' : matches.map(({ match }) => match).join(', ');
    return [`${name}  applies (${because}): ${[...actions, verdict === 'next' ? 'go on' : verdict].join(', ')}`];
  });
  if (policy.decidedBy === 'otherwise') lines.push(`${'otherwise'.padEnd(width)}  ${policy.verdict}`);
  const changes = policy.changes.map(({ what, before, after }) =>
    before === '' ? `${what}: ${after}` : `${what}: ${before} -> ${after}`,
  );
  return [
    `${kind} ${policy.policy}: ${policy.verdict}`,
    ...indent(lines),
    ...indent(changes.map((one) => `changes ${one}`)),
  ];
}

function formatPath(attributes: AttributesView): string {
  const path = attributes.asPath === '' ? 'empty AS path' : `AS path ${attributes.asPath}`;
  const hop = attributes.nextHop === null ? 'no next hop' : `next hop ${attributes.nextHop}`;
  return [hop, path, `origin ${attributes.origin}`, ...formatAttributes(attributes)].join(', ');
}

export function formatRouteExplanation(view: View<'RouteExplanation'>): string {
  const { prefix, asked, best, bestBecause, candidates, kernel } = view;
  const name = asked === prefix ? prefix : `${asked} is routed by ${prefix}`;
  const lines = [
    best === null ? `${name}: no path may be selected` : `${name}: best is from ${best} (${bestBecause})`,
    `kernel: ${kernel}`,
    ...candidates.flatMap((candidate, index) => {
      const { source, pathId, verdict, nextHop, importPolicy, received, effective } = candidate;
      const reach =
        nextHop === null
          ? []
          : [
              `next hop ${nextHop.address} is ${nextHop.reachable ? `reachable, IGP cost ${nextHop.igpCost}` : 'not reachable'}`,
            ];
      const isChanged = effective !== null && JSON.stringify(effective) !== JSON.stringify(received);
      return [
        '',
        `${candidate.best ? '>' : candidate.multipath ? '=' : candidate.eligible ? ' ' : 'x'} ${index + 1}. from ${source}${pathId === null ? '' : ` id ${pathId}`}: ${verdict}`,
        ...indent(
          [
            ...(candidate.stale
              ? [candidate.longLivedStale ? 'long-lived stale' : 'stale: its peer is away or refreshing']
              : []),
            `received: ${formatPath(received)}`,
            ...(isChanged ? [`after policy: ${formatPath(effective)}`] : []),
            ...reach,
            ...formatPolicy('import policy', importPolicy, 'none was asked'),
          ],
          5,
        ),
      ];
    }),
  ];
  return lines.join('\n');
}

export function formatAdvertisedExplanation({ verdict, paths }: View<'AdvertisedExplanation'>): string {
  const lines = [verdict];
  for (const { source, pathId, told, reason, rules, exportPolicy, attributes } of paths) {
    lines.push('', `path from ${source}${pathId === null ? '' : ` id ${pathId}`}: ${told ? 'advertised' : reason}`);
    const asked = rules.filter((rule) => rule.verdict === 'passed' || rule.verdict === 'refused');
    const table = asked.map(({ rule, reference, verdict: mark }) =>
      `${mark.padEnd(8)}${rule}${reference === '' ? '' : ` (${reference})`}`.trimEnd(),
    );
    lines.push(...indent(table));
    lines.push(...indent(formatPolicy('export policy', exportPolicy, 'was not asked')));
    if (attributes !== null) lines.push(`  told: ${formatPath(attributes)}`);
  }
  return lines.join('\n');
}

export function formatKernelExplanation(view: View<'KernelExplanation'>): string {
  const { verdict, source, policy, route, failure } = view;
  return [
    verdict,
    ...(source === null ? [] : [`best path from ${source}`]),
    ...(route === null ? [] : [`route: ${route}`]),
    ...(failure === null ? [] : [`the kernel says: ${failure}`]),
    ...formatPolicy('kernel policy', policy, 'was not asked'),
  ].join('\n');
}

export function formatPeerExplanation({
  verdict,
  waitingFor,
  lastError,
  findings,
  kernelCounters,
}: View<'PeerExplanation'>): string {
  const lines = [verdict];
  if (waitingFor !== null) lines.push(`waits for: ${waitingFor}`);
  if (lastError !== null) lines.push(`last error: ${lastError.at} ${lastError.text}`);
  for (const { severity, what, hint } of findings) {
    lines.push('', `${severity}: ${what}`);
    if (hint !== '') lines.push(`  hint: ${hint}`);
  }
  if (kernelCounters !== null) {
    const { overSeconds, md5Missing, md5Unexpected, md5Wrong, ttlTooLow } = kernelCounters;
    if (md5Missing + md5Unexpected + md5Wrong + ttlTooLow > 0) {
      lines.push(
        '',
        `dropped by the kernel in ${overSeconds} s, all sessions: ${md5Wrong} with a wrong MD5 signature, ${md5Missing} without one, ${md5Unexpected} with one not asked for, ${ttlTooLow} with a low TTL`,
      );
    }
  }
  return lines.join('\n');
}

/** Asks and writes; `path` is that of the API. */
export async function explain<V>(
  options: Pick<ShowOptions, 'socketPath' | 'json' | 'write'>,
  path: string,
  format: (view: V) => string,
): Promise<void> {
  const view = await fetchOne<V>(options.socketPath, path);
  options.write(`${options.json ? JSON.stringify(view, null, 2) : format(view)}\n`);
}
