/**
 * A table of which only the rows in sight are elements, so that thousands of rows cost no more than a screenful. All rows
 * are equally high. Assistive technology is told how many there are (aria-rowcount, aria-rowindex).
 */

import { type Child, h, replace } from './dom.ts';

export interface Column<R> {
  readonly label: string;
  /** CSS classes of its cells: `number`, `wide`, `minor` (goes first when the window is narrow). */
  readonly class?: string;
  cell(row: R): Child;
  /** Can be sorted by it. */
  readonly order?: (x: R, y: R) => number;
}

const ROW_PX = 36;
const MARGIN_ROWS = 12;

export class VirtualTable<R> {
  /** The part that scrolls. */
  readonly element: HTMLElement;
  readonly #columns: readonly Column<R>[];
  readonly #key: (row: R) => string;
  readonly #table: HTMLTableElement;
  readonly #head: HTMLElement;
  readonly #body: HTMLElement;
  readonly #before: HTMLElement;
  readonly #after: HTMLElement;
  #rows: readonly R[] = [];
  #sorted: readonly R[] = [];
  #shown = new Map<string, { readonly row: HTMLElement; readonly text: string }>();
  #sortBy: number | null = null;
  #isDescending = false;

  constructor(label: string, columns: readonly Column<R>[], key: (row: R) => string) {
    this.#columns = columns;
    this.#key = key;
    this.#head = h('thead');
    this.#body = h('tbody');
    this.#before = spacer(columns.length);
    this.#after = spacer(columns.length);
    this.#table = h('table', {}, h('caption', { class: 'hidden' }, label), this.#head, this.#body);
    this.element = h('div', { class: 'scroller', tabindex: 0, role: 'region', 'aria-label': label }, this.#table);
    this.element.addEventListener('scroll', () => requestAnimationFrame(() => this.#draw()), { passive: true });
    new ResizeObserver(() => this.#draw()).observe(this.element);
    this.#drawHead();
  }

  get rows(): readonly R[] {
    return this.#sorted;
  }

  setRows(rows: readonly R[]): void {
    this.#rows = rows;
    this.#sort();
    this.#draw();
  }

  scrollToTop(): void {
    this.element.scrollTop = 0;
  }

  #sort(): void {
    const order = this.#sortBy === null ? undefined : this.#columns[this.#sortBy].order;
    if (order === undefined) this.#sorted = this.#rows;
    else {
      const sign = this.#isDescending ? -1 : 1;
      this.#sorted = [...this.#rows].sort((x, y) => sign * order(x, y));
    }
  }

  #drawHead(): void {
    const cells = this.#columns.map((column, index) => {
      const isSorted = this.#sortBy === index;
      const direction = this.#isDescending ? 'descending' : 'ascending';
      const props = { scope: 'col', class: column.class, 'aria-sort': isSorted ? direction : undefined };
      if (column.order === undefined) return h('th', props, column.label);
      const arrow = isSorted ? (this.#isDescending ? '▼' : '▲') : '';
      const mark = h('span', { class: 'arrow', 'aria-hidden': 'true' }, arrow);
      const button = h('button', { type: 'button', class: 'sort' }, column.label, mark);
      button.addEventListener('click', () => this.#sortByColumn(index));
      return h('th', props, button);
    });
    replace(this.#head, h('tr', { 'aria-rowindex': 1 }, ...cells));
  }

  #sortByColumn(index: number): void {
    this.#isDescending = this.#sortBy === index && !this.#isDescending;
    this.#sortBy = index;
    this.#sort();
    this.#drawHead();
    this.#head.querySelectorAll('th')[index]?.querySelector('button')?.focus();
    this.#draw();
  }

  #draw(): void {
    const { scrollTop, clientHeight } = this.element;
    const total = this.#sorted.length;
    const first = Math.max(0, Math.min(Math.floor(scrollTop / ROW_PX) - MARGIN_ROWS, total));
    const height = clientHeight === 0 ? 800 : clientHeight;
    const end = Math.min(total, first + Math.ceil(height / ROW_PX) + 2 * MARGIN_ROWS);
    this.#table.setAttribute('aria-rowcount', String(total + 1));
    const focus = this.#focused();
    const shown = new Map<string, { row: HTMLElement; text: string }>();
    for (let index = first; index < end; index++) {
      const item = this.#sorted[index];
      const key = this.#key(item);
      const text = JSON.stringify(item);
      const known = this.#shown.get(key);
      // What did not change stays the same element: focus and selection stay with it.
      const row = known?.text === text ? known.row : this.#row(item, key);
      row.setAttribute('aria-rowindex', String(index + 2));
      shown.set(key, { row, text });
    }
    this.#shown = shown;
    this.#before.style.height = `${first * ROW_PX}px`;
    this.#after.style.height = `${(total - end) * ROW_PX}px`;
    const wanted = [this.#before, ...[...shown.values()].map(({ row }) => row), this.#after];
    if (!sameNodes(this.#body.childNodes, wanted)) this.#body.replaceChildren(...wanted);
    if (focus !== null && !this.#body.contains(document.activeElement)) {
      shown.get(focus.key)?.row.querySelectorAll<HTMLElement>('a, button')[focus.index]?.focus();
    }
  }

  #focused(): { key: string; index: number } | null {
    const active = document.activeElement;
    const row = active?.closest('tr');
    if (!(active instanceof HTMLElement) || row == null || !this.#body.contains(row)) return null;
    const index = [...row.querySelectorAll('a, button')].indexOf(active);
    return { key: row.dataset.key ?? '', index };
  }

  #row(item: R, key: string): HTMLElement {
    const cells = this.#columns.map((column, index) => {
      const cell = h(index === 0 ? 'th' : 'td', { class: column.class, ...(index === 0 ? { scope: 'row' } : {}) });
      replace(cell, column.cell(item));
      const text = cell.textContent ?? '';
      if (text.length > 12) cell.title = text;
      return cell;
    });
    return h('tr', { 'data-key': key }, ...cells);
  }
}

function spacer(columns: number): HTMLElement {
  return h('tr', { 'aria-hidden': 'true', class: 'spacer' }, h('td', { colspan: columns }));
}

function sameNodes(present: NodeListOf<ChildNode>, wanted: readonly Node[]): boolean {
  return present.length === wanted.length && wanted.every((node, index) => present[index] === node);
}
