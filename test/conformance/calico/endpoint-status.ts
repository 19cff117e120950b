/**
 * The workload status files of a case (section 3.8 of Calico's semantics): in case.json, under any name that speaks of
 * endpoints, workloads or their status, as contents or as names of files in the folder of the case; or in a folder there
 * that is named so.
 */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readWorkloadEndpoint, type WorkloadEndpointResource } from '../../../confd/model/workload-endpoint.ts';

const STATUS_FIELDS = ['ifaceName', 'ipv4Nets', 'ipv6Nets', 'bgpPeerName'];
const CONTENT_FIELDS = ['content', 'contents', 'data', 'json', 'status'];
const NAME_FIELDS = ['file', 'fileName', 'name', 'path'];

type Json = { readonly [name: string]: unknown };

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function firstOf(object: Json, fields: readonly string[]): unknown {
  const found = fields.find((field) => object[field] !== undefined);
  return found === undefined ? undefined : object[found];
}

class StatusFiles {
  readonly found = new Map<string, unknown>();
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  collect(name: string, value: unknown): void {
    if (typeof value === 'string') this.#collectText(name, value);
    else if (Array.isArray(value)) for (const [index, one] of value.entries()) this.collect(`${name} ${index}`, one);
    else if (isObject(value)) this.#collectObject(name, value);
  }

  collectFolder(path: string): void {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) this.collectFolder(inner);
      else this.found.set(entry.name, JSON.parse(readFileSync(inner, 'utf8')));
    }
  }

  #collectText(name: string, text: string): void {
    const path = join(this.#folder, text);
    if (!existsSync(path)) {
      // Either a content, or words for people.
      if (text.startsWith('{')) this.found.set(name, JSON.parse(text));
    } else if (statSync(path).isDirectory()) this.collectFolder(path);
    else this.found.set(text, JSON.parse(readFileSync(path, 'utf8')));
  }

  #collectObject(name: string, object: Json): void {
    if (STATUS_FIELDS.some((field) => object[field] !== undefined)) {
      this.found.set(name, object);
      return;
    }
    const content = firstOf(object, CONTENT_FIELDS);
    if (content === undefined) for (const [key, value] of Object.entries(object)) this.collect(key, value);
    else this.collect(String(firstOf(object, NAME_FIELDS) ?? name), content);
  }
}

/** The workloads of a case; throws when a status file is not as Felix writes it. */
export function workloadsOfCase(folder: string, caseFile: object): WorkloadEndpointResource[] {
  const files = new StatusFiles(folder);
  for (const [key, value] of Object.entries(caseFile)) {
    if (/endpoint|workload|status/i.test(key)) files.collect(key, value);
  }
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory() && /endpoint|workload|status/i.test(entry.name))
      files.collectFolder(join(folder, entry.name));
  }
  return [...files.found].map(([name, content]) => {
    const { value, issues } = readWorkloadEndpoint(name, content);
    if (value === null || issues.length > 0) throw new Error(`${folder}: ${name}: ${JSON.stringify(issues)}`);
    return value;
  });
}
