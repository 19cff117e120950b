/** How values are written for people. Nothing of the document here. */

const UNITS: readonly (readonly [seconds: number, unit: string])[] = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
];

/** `3 d 4 h`, `12 min 5 s`, `7 s`: the two largest units. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const first = UNITS.findIndex(([size]) => whole >= size);
  if (first < 0) return '0 s';
  const parts: string[] = [];
  let rest = whole;
  for (const [size, unit] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count} ${unit}`);
    rest -= count * size;
  }
  return parts.join(' ');
}

const NUMBER = new Intl.NumberFormat('en', { useGrouping: true });

export function count(value: number): string {
  return NUMBER.format(value);
}

export function octets(value: number): string {
  const units = ['octets', 'KiB', 'MiB', 'GiB'];
  let [size, unit] = [value, 0];
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** 0x01020304 as `1.2.3.4`. */
export function dottedQuad(identifier: number): string {
  return [24, 16, 8, 0].map((shift) => (identifier >>> shift) & 255).join('.');
}

/** What follows `#/`: a view, the things it is about, and parameters. */
export interface Place {
  readonly view: string;
  readonly name: string;
  readonly query: URLSearchParams;
}

export function parsePlace(hash: string): Place {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [view, ...rest] = path.split('/');
  let name = rest.join('/');
  try {
    name = decodeURIComponent(name);
  } catch {
    // A broken % stays as it is.
  }
  return { view: view === '' ? 'peers' : view, name, query: new URLSearchParams(query) };
}

export function formatPlace(view: string, name = '', query: Readonly<Record<string, string>> = {}): string {
  const meant = Object.entries(query).filter(([, value]) => value !== '');
  const parameters = new URLSearchParams(meant).toString();
  return `#/${view}${name === '' ? '' : `/${encodeURIComponent(name)}`}${parameters === '' ? '' : `?${parameters}`}`;
}
