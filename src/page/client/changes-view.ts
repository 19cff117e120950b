/** What has changed since the page was opened, the latest first. */

import { choice, field, h, note, replace } from './dom.ts';
import type { Place } from './format.ts';
import type { Change } from './store.ts';
import type { ViewContext } from './view.ts';
import { type Column, VirtualTable } from './virtual-table.ts';

const COLUMNS: readonly Column<Change>[] = [
  {
    label: 'Time',
    class: 'mono',
    cell: ({ at }) => h('time', { datetime: at }, new Date(at).toLocaleTimeString('en-GB')),
  },
  { label: 'Kind', cell: ({ kind }) => kind },
  { label: 'What', class: 'name', cell: ({ about, link }) => (link === null ? about : h('a', { href: link }, about)) },
  { label: 'Change', class: 'wide', cell: ({ text }) => text },
];

const KINDS = [
  ['', 'all'],
  ['peer', 'peers'],
  ['revision', 'configuration'],
  ['kernel', 'kernel'],
  ['route', 'best paths'],
] as const;

export function showChanges(root: HTMLElement, _place: Place, { store }: ViewContext): () => void {
  const table = new VirtualTable<Change>('Changes', COLUMNS, ({ number }) => String(number));
  const kind = choice(KINDS, '');
  const routes = h('input', { type: 'checkbox', checked: store.followsRoutes });
  const clear = h('button', { type: 'button' }, 'Clear');
  const area = h('div', { class: 'area' });
  let isDue = false;
  const draw = (): void => {
    isDue = false;
    const meant = store.changes.filter((change) => kind.value === '' || change.kind === kind.value);
    if (meant.length === 0)
      replace(area, note('empty', 'Nothing has changed since this page was opened. It is shown here as it happens.'));
    else if (table.element.parentElement !== area) replace(area, table.element);
    table.setRows(meant);
  };
  kind.addEventListener('change', draw);
  routes.addEventListener('change', () => store.setFollowsRoutes(routes.checked));
  clear.addEventListener('click', () => store.forgetChanges());
  const form = h(
    'form',
    { class: 'filters' },
    field('Show', kind),
    h('label', { class: 'check' }, routes, 'Also follow every change of a best path'),
    clear,
  );
  replace(root, h('h1', {}, 'Changes'), form, area);
  draw();
  return store.listen((part) => {
    if (part !== 'changes' || isDue) return;
    isDue = true;
    // Many changes at a time are one picture.
    requestAnimationFrame(draw);
  });
}
