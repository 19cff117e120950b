/**
 * The text of one file as objects: YAML or JSON, several documents, lists taken apart, as calicoctl and kubectl print
 * them. Every object knows the line it starts on, and where in the file each of its fields is.
 *
 * YAML is read as Calico's loader reads it: YAML 1.1 booleans (`yes`, `on`), but no sexagesimal numbers (`5663:12` is
 * a community) and no timestamps. A file with any syntax error yields no objects at all: half a file is not what its
 * author meant.
 */

import { Composer, isMap, isNode, isScalar, LineCounter, Parser, type Tags, visit, type Node as YamlNode } from 'yaml';

import { atOnce, type Steps } from './steps.ts';

export interface TextPosition {
  /** Counted from 1. */
  readonly line: number;
  readonly column: number;
}

export interface TextError extends TextPosition {
  readonly message: string;
}

export interface FileObject {
  readonly value: unknown;
  readonly position: TextPosition;
  /** Where the value at `path` is; the nearest enclosing place when it is not there. */
  locate(path: readonly (string | number)[]): TextPosition;
}

export type FileContent =
  | { readonly ok: true; readonly objects: readonly FileObject[] }
  | { readonly ok: false; readonly errors: readonly TextError[] };

const YAML_OPTIONS = {
  version: '1.1',
  // Aliases multiply; no honest resource needs more.
  maxAliasCount: 100,
  customTags: (tags: Tags): Tags =>
    tags.filter(
      (tag) => typeof tag === 'string' || (tag.format !== 'TIME' && tag.tag !== 'tag:yaml.org,2002:timestamp'),
    ),
} as const;

function isList(value: unknown): value is { kind: string; apiVersion?: unknown; items: unknown[] } {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, items } = value as { readonly kind?: unknown; readonly items?: unknown };
  return typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items);
}

/** Items of a typed list (`BGPPeerList`) do not repeat what the list says of them. */
function completeItem(list: { kind: string; apiVersion?: unknown }, item: unknown): unknown {
  const kind = list.kind.slice(0, -'List'.length);
  if (kind === '' || typeof item !== 'object' || item === null || 'kind' in item) return item;
  return { apiVersion: list.apiVersion, kind, ...item };
}

function startOf(node: unknown): number | null {
  return isNode(node) && node.range ? node.range[0] : null;
}

/** Offset of the value at `path` below `root`, or of the last step that is there. */
function offsetOf(root: YamlNode | null, path: readonly (string | number)[]): number {
  let node: unknown = root;
  let offset = startOf(root) ?? 0;
  for (const step of path) {
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find((one) => (isScalar(one.key) ? String(one.key.value) : null) === String(step));
      next = pair?.value ?? pair?.key;
    } else if (isNode(node) && 'items' in node && Array.isArray(node.items)) next = node.items[Number(step)];
    const at = startOf(next);
    if (at === null) return offset;
    offset = at;
    node = next;
  }
  return offset;
}

/** The objects of a file, or why it has none; a step for each document, so that a long file need not be read at once. */
export function* documentSteps(text: string): Steps<FileContent> {
  const lines = new LineCounter();
  const toPosition = (offset: number): TextPosition => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const options = { ...YAML_OPTIONS, lineCounter: lines, prettyErrors: false };
  const documents = new Composer(options).compose(new Parser(lines.addNewLine).parse(text));
  const errors: TextError[] = [];
  const objects: FileObject[] = [];
  for (const document of documents) {
    yield;
    for (const error of document.errors) errors.push({ ...toPosition(error.pos[0]), message: error.message });
    if (errors.length > 0) continue;
    const root = document.contents as YamlNode | null;
    visit(document, {
      Alias: (_key, alias) => {
        if (alias.resolve(document) === undefined) {
          errors.push({ ...toPosition(startOf(alias) ?? 0), message: `No anchor is named ${alias.source}` });
        }
      },
    });
    if (errors.length > 0) continue;
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: YAML_OPTIONS.maxAliasCount });
    } catch (error) {
      // Aliases that would multiply without end show only here.
      errors.push({
        ...toPosition(offsetOf(root, [])),
        message: error instanceof Error ? error.message : String(error),
      });
      continue;
    }
    if (value === null || value === undefined) continue;
    const add = (object: unknown, prefix: readonly (string | number)[]): void => {
      const locate = (path: readonly (string | number)[]): TextPosition =>
        toPosition(offsetOf(root, [...prefix, ...path]));
      objects.push({ value: object, position: locate([]), locate });
    };
    if (isList(value))
      for (const [index, item] of value.items.entries()) add(completeItem(value, item), ['items', index]);
    else add(value, []);
  }
  return errors.length > 0 ? { ok: false, errors } : { ok: true, objects };
}

/** The same at once. */
export function readDocuments(text: string): FileContent {
  return atOnce(documentSteps(text));
}
