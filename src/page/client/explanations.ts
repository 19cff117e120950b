/** The answers of /v1/explain as elements. */

import type { AttributesView, View } from './api.ts';
import { type Child, facts, h } from './dom.ts';

type Policy = View<'PolicyExplanation'>;

export function attributeRows(attributes: AttributesView): readonly (readonly [string, Child])[] {
  const list = (values: readonly string[]): string => values.join(' ');
  return [
    ['Origin', attributes.origin],
    ['AS path', attributes.asPath || '(empty)'],
    ['Next hop', attributes.nextHop],
    ['LOCAL_PREF', attributes.localPref],
    ['MED', attributes.med],
    ['Communities', list(attributes.communities)],
    ['Large communities', list(attributes.largeCommunities)],
    ['Extended communities', list(attributes.extendedCommunities)],
    ['Originator', attributes.originatorId],
    ['Cluster list', list(attributes.clusterList)],
    ['Aggregator', attributes.aggregator],
    ['Atomic aggregate', attributes.atomicAggregate ? 'yes' : null],
    ['Only to customer', attributes.onlyToCustomer],
    ['Other', list(attributes.other)],
  ];
}

export function verdict(text: string, kind: 'good' | 'bad' | 'plain' = 'plain'): HTMLElement {
  return h('p', { class: `verdict ${kind}`, role: 'status' }, text);
}

function policyPart(title: string, policy: Policy | null, without: string): Child {
  if (policy === null) return h('p', { class: 'aside' }, without);
  const statements = policy.statements.map((one) =>
    h(
      'li',
      {},
      h('strong', {}, one.statement),
      one.applies ? ` applies: ${one.verdict}` : ' does not apply',
      h(
        'ul',
        {},
        ...one.matches.map(({ match, holds }) => h('li', {}, `${holds ? '✓' : '✗'} ${match}`)),
        ...(one.applies ? one.actions.map((action) => h('li', {}, `→ ${action}`)) : []),
      ),
    ),
  );
  const changes = policy.changes.map(({ what, before, after }) =>
    h('li', {}, `${what}: ${before || '(none)'} → ${after || '(none)'}`),
  );
  return h(
    'details',
    { open: policy.statements.length <= 6 },
    h('summary', {}, `${title} ${policy.policy}: ${policy.verdict}, decided by ${policy.decidedBy}`),
    h('ol', {}, ...statements),
    changes.length > 0 && [h('p', {}, 'Changed:'), h('ul', {}, ...changes)],
  );
}

export function explanationOfRoute(answer: View<'RouteExplanation'>): Child {
  const because = answer.bestBecause === null ? '' : `: ${answer.bestBecause}`;
  const said =
    answer.best === null
      ? `${answer.prefix} has no best path.`
      : `${answer.prefix}: the best path is from ${answer.best}${because}.`;
  return [
    verdict(said, answer.best === null ? 'bad' : 'good'),
    h('p', {}, `Kernel: ${answer.kernel}`),
    ...answer.candidates.map((candidate) => {
      const marks = [
        candidate.best && 'best',
        candidate.multipath && 'multipath',
        candidate.stale && 'stale',
        candidate.longLivedStale && 'long-lived stale',
        !candidate.eligible && 'not eligible',
      ].filter((mark) => mark !== false);
      const { nextHop } = candidate;
      return h(
        'section',
        { class: `card candidate${candidate.best ? ' best' : ''}` },
        h(
          'h2',
          {},
          `From ${candidate.source}`,
          ...marks.map((mark) =>
            h(
              'span',
              {
                class: `badge ${mark === 'best' || mark === 'multipath' ? 'up' : mark === 'not eligible' ? 'idle' : 'trying'}`,
              },
              mark,
            ),
          ),
        ),
        h('p', {}, candidate.verdict),
        facts([
          ['Path id', candidate.pathId],
          [
            'Next hop',
            nextHop === null
              ? 'none'
              : `${nextHop.address}: ${nextHop.reachable ? `reachable, cost ${nextHop.igpCost}` : 'not reachable'}`,
          ],
          ...attributeRows(candidate.effective ?? candidate.received).filter(([name]) => name !== 'Next hop'),
        ]),
        policyPart('Import policy', candidate.importPolicy, 'No import policy was asked.'),
      );
    }),
    answer.candidates.length === 0 && h('p', {}, 'There is no path.'),
  ];
}

const RULE_MARKS = {
  passed: '✓ passed',
  refused: '✗ refused',
  'not-applicable': '– does not concern it',
  'not-reached': '· not reached',
} as const;

export function explanationOfAdvertised(answer: View<'AdvertisedExplanation'>): Child {
  const isTold = answer.paths.some(({ told }) => told);
  return [
    verdict(answer.verdict, isTold ? 'good' : 'bad'),
    ...answer.paths.map((path) =>
      h(
        'section',
        { class: 'card' },
        h(
          'h2',
          {},
          `Path from ${path.source}`,
          h('span', { class: `badge ${path.told ? 'up' : 'idle'}` }, path.told ? 'told' : 'not told'),
        ),
        h('p', {}, path.reason),
        h(
          'div',
          { class: 'scroll-x' },
          h(
            'table',
            { class: 'plain' },
            h(
              'thead',
              {},
              h('tr', {}, ...['Rule', 'Where it stands', 'Verdict'].map((head) => h('th', { scope: 'col' }, head))),
            ),
            h(
              'tbody',
              {},
              ...path.rules.map(({ rule, reference, verdict: said }) =>
                h(
                  'tr',
                  { class: said },
                  h('th', { scope: 'row' }, rule),
                  h('td', {}, reference),
                  h('td', {}, RULE_MARKS[said]),
                ),
              ),
            ),
          ),
        ),
        policyPart('Export policy', path.exportPolicy, 'The export policy was not asked.'),
        path.attributes !== null && [h('h3', {}, 'As the peer was told'), facts(attributeRows(path.attributes))],
      ),
    ),
  ];
}

export function explanationOfKernel(answer: View<'KernelExplanation'>): Child {
  const kind = answer.state === 'installed' ? 'good' : answer.state === 'failed' ? 'bad' : 'plain';
  return [
    verdict(answer.verdict, kind),
    facts([
      ['Prefix', answer.prefix],
      ['State', answer.state],
      ['Reason', answer.reason],
      ['From', answer.source],
      ['Route', answer.route === null ? null : h('code', {}, answer.route)],
      ['The kernel said', answer.failure],
    ]),
    policyPart('Kernel policy', answer.policy, 'The kernel policy was not asked.'),
  ];
}

export function explanationOfPeer(answer: View<'PeerExplanation'>): Child {
  const hasError = answer.findings.some(({ severity }) => severity === 'error');
  const kind = answer.state === 'Established' && !hasError ? 'good' : hasError ? 'bad' : 'plain';
  const counters = answer.kernelCounters;
  return [
    verdict(answer.verdict, kind),
    answer.findings.length > 0 &&
      h(
        'ol',
        { class: 'findings' },
        ...answer.findings.map(({ severity, what, hint }) =>
          h(
            'li',
            { class: severity },
            h('strong', {}, `${severity}: `),
            what,
            hint !== '' && h('p', { class: 'hint' }, hint),
          ),
        ),
      ),
    facts([
      ['Waits for', answer.waitingFor],
      ['Last error', answer.lastError === null ? null : `${answer.lastError.text} (${answer.lastError.at})`],
      ['Dropped by the kernel', counters === null ? null : droppedText(counters)],
    ]),
  ];
}

function droppedText(counters: NonNullable<View<'PeerExplanation'>['kernelCounters']>): string | null {
  const { md5Missing, md5Unexpected, md5Wrong, ttlTooLow, overSeconds } = counters;
  const said = [
    [md5Missing, 'without MD5'],
    [md5Unexpected, 'with MD5, unasked'],
    [md5Wrong, 'with another MD5 key'],
    [ttlTooLow, 'from too far away'],
  ] as const;
  const seen = said.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  return seen.length === 0 ? null : `${seen.join(', ')} in the last ${overSeconds} s (all sessions together)`;
}
