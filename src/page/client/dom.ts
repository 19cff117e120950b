/**
 * Elements out of values. Everything that comes from the API is other people's text: it only ever becomes a text node or
 * the value of an attribute that cannot act, never markup. The page's policy (Trusted Types) forbids anything else.
 */

export type Child = Node | string | number | null | undefined | false | readonly Child[];

interface Props {
  readonly class?: string | undefined;
  readonly on?: { readonly [event: string]: (event: Event) => void };
  readonly [attribute: string]: string | number | boolean | null | undefined | object;
}

const SVG = 'http://www.w3.org/2000/svg';

/** An HTML element; attributes that are null, undefined or false are left out, true ones are empty. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill<E extends Element>(element: E, props: Props, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(props)) {
    if (name === 'on') {
      for (const [event, listener] of Object.entries(props.on ?? {})) element.addEventListener(event, listener);
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  append(element, children);
  return element;
}

function append(element: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child as readonly Child[]);
    else element.append(child instanceof Node ? child : String(child));
  }
}

/** Puts these in the place of all that is there. */
export function replace(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  append(element, children);
}

let fields = 0;

/** A field with its label. */
export function field(label: string, control: HTMLElement, hint = ''): HTMLElement {
  if (control.id === '') control.id = `field-${++fields}`;
  const says = hint === '' ? null : h('small', { id: `${control.id}-hint` }, hint);
  if (says !== null) control.setAttribute('aria-describedby', says.id);
  return h('div', { class: 'field' }, h('label', { for: control.id }, label), control, says);
}

/** A choice among values with names. */
export function choice(
  options: readonly (readonly [value: string, name: string])[],
  value: string,
  props: Props = {},
): HTMLSelectElement {
  const select = h('select', props);
  for (const [one, name] of options) select.append(h('option', { value: one, selected: one === value }, name));
  return select;
}

/** Names and values, one beside the other; those without a value are left out. */
export function facts(rows: readonly (readonly [name: string, value: Child])[]): HTMLElement {
  const list = h('dl', { class: 'facts' });
  for (const [name, value] of rows) {
    if (value === null || value === undefined || value === '' || value === false) continue;
    list.append(h('div', {}, h('dt', {}, name), h('dd', {}, value)));
  }
  return list;
}

/** What is said when there is nothing else to show. */
export function note(kind: 'empty' | 'error' | 'busy', text: string, ...more: Child[]): HTMLElement {
  const props = {
    class: `note ${kind}`,
    role: kind === 'error' ? 'alert' : 'status',
    'aria-busy': kind === 'busy' && 'true',
  };
  return h('div', props, h('p', {}, text), ...more);
}
