/** Asks why: a form, and the answer below it. The address says what was asked, so that it can be passed on. */

import { ApiProblem, getDocument, type View } from './api.ts';
import { type Child, choice, field, h, note, replace } from './dom.ts';
import { explanationOfAdvertised, explanationOfKernel, explanationOfPeer, explanationOfRoute } from './explanations.ts';
import { formatPlace, type Place } from './format.ts';
import { peerNames } from './peer-names.ts';
import type { ViewContext } from './view.ts';

const QUESTIONS = [
  ['route', 'Why is this path the best?'],
  ['advertised', 'Why is a peer told this prefix, or not?'],
  ['kernel', "Why is it in the kernel's table, or not?"],
  ['peer', 'What is wrong with this session?'],
] as const;

export function showExplain(root: HTMLElement, place: Place, { store, go }: ViewContext): () => void {
  const asked = QUESTIONS.some(([name]) => name === place.name) ? place.name : 'route';
  const stop = new AbortController();
  const question = choice(QUESTIONS, asked);
  const prefix = h('input', {
    type: 'text',
    value: place.query.get('prefix') ?? '',
    placeholder: '192.0.2.0/24 or 192.0.2.7',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const peers = peerNames(store, 'explain-peers');
  const peer = h('input', {
    type: 'text',
    value: place.query.get('peer') ?? '',
    list: 'explain-peers',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const prefixField = field('Prefix or address', prefix);
  const peerField = field('Peer', peer);
  const answer = h('div', { class: 'answer' });
  const form = h(
    'form',
    { class: 'filters' },
    field('Question', question),
    prefixField,
    peerField,
    peers,
    h('button', { type: 'submit' }, 'Explain'),
  );
  const showFields = (): void => {
    prefixField.hidden = question.value === 'peer';
    peerField.hidden = question.value !== 'peer' && question.value !== 'advertised';
  };
  question.addEventListener('change', showFields);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    go(
      formatPlace('explain', question.value, {
        prefix: prefixField.hidden ? '' : prefix.value.trim(),
        peer: peerField.hidden ? '' : peer.value.trim(),
      }),
    );
  });
  showFields();
  replace(root, h('h1', {}, 'Explain'), form, answer);
  void ask(answer, asked, prefix.value.trim(), peer.value.trim(), stop.signal);
  return () => stop.abort();
}

async function ask(
  answer: HTMLElement,
  question: string,
  prefix: string,
  peer: string,
  signal: AbortSignal,
): Promise<void> {
  const missing = whatIsMissing(question, prefix, peer);
  if (missing !== null) return replace(answer, note('empty', missing));
  replace(answer, note('busy', 'Asking the daemon …'));
  try {
    const said = await explain(question, prefix, peer, signal);
    if (!signal.aborted) replace(answer, said);
  } catch (error) {
    if (signal.aborted) return;
    replace(answer, note('error', error instanceof ApiProblem ? `${error.message}` : String(error)));
  }
}

function whatIsMissing(question: string, prefix: string, peer: string): string | null {
  if (question !== 'peer' && prefix === '')
    return 'Enter a prefix, or an address: then the prefix that routes it is meant.';
  return (question === 'peer' || question === 'advertised') && peer === '' ? 'Enter the name of a peer.' : null;
}

async function explain(question: string, prefix: string, peer: string, signal: AbortSignal): Promise<Child> {
  const [p, who] = [encodeURIComponent(prefix), encodeURIComponent(peer)];
  switch (question) {
    case 'advertised':
      return explanationOfAdvertised(
        await getDocument<View<'AdvertisedExplanation'>>(`v1/explain/advertised/${who}?prefix=${p}`, signal),
      );
    case 'kernel':
      return explanationOfKernel(await getDocument<View<'KernelExplanation'>>(`v1/explain/kernel?prefix=${p}`, signal));
    case 'peer':
      return explanationOfPeer(await getDocument<View<'PeerExplanation'>>(`v1/explain/peer/${who}`, signal));
    default:
      return explanationOfRoute(await getDocument<View<'RouteExplanation'>>(`v1/explain/route?prefix=${p}`, signal));
  }
}
