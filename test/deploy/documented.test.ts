/**
 * The commands in the documents about installing: those that need no cluster are run as they are written, of the others the
 * files that they name are there. YAML in them parses, and what is a resource of Calico is taken without a complaint.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { decodeObject } from '../../confd/model/resource.ts';
import { loadStandAlone } from '../../src/config/load.ts';
import { LocalDaemon, peregrine } from '../support/local-daemon.ts';
import { loopbackAddress } from '../support/loopback.ts';
import { COMMANDS, DOCUMENTS, fencedBlocks, ROOT } from './documents.ts';

const needsNothing = ([, line]: readonly [string, string]): boolean =>
  /^npx peregrine (check|derive) /.test(line) && /(fixtures|deploy)\//.test(line) && !line.includes('kubernetes');

describe('commands in the documents', () => {
  test('are there', () => expect(COMMANDS.length).toBeGreaterThan(25));

  test.each(COMMANDS)('%s: %s', (_, line) => {
    const named = line.split(/\s+/).filter((word) => /^(directory:)?(deploy|fixtures)\//.test(word));
    for (const word of named) expect(existsSync(join(ROOT, word.replace('directory:', ''))), word).toBe(true);
    expect(line).toMatch(/^(npx peregrine|peregrine|kubectl|calicoctl|docker|ip) /);
  });

  test.each(COMMANDS.filter(needsNothing))('%s: %s runs', async (_, line) => {
    const { status, stderr } = await peregrine(line.split(/\s+/).slice(2), { cwd: ROOT });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});

/** Without a placeholder such as PREFIX or PEER, and without an end of the daemon or its sessions. */
const asksDaemon = ([, line]: readonly [string, string]): boolean =>
  line.startsWith('peregrine ') && !/\b[A-Z]{3,}\b/.test(line) && !/ (drain|undrain|restart)\b/.test(line);

describe('commands for a running daemon', () => {
  let daemon: LocalDaemon;
  beforeAll(async () => {
    const originate = [{ prefix: '203.0.113.10/32' }];
    daemon = await LocalDaemon.start(loopbackAddress(31), { routerId: '192.0.2.1', as: 65000, originate });
  });
  afterAll(() => daemon?.stop());

  test('are there', () => expect(COMMANDS.filter(asksDaemon).length).toBeGreaterThan(4));

  test.each(COMMANDS.filter(asksDaemon))('%s: %s', async (_, line) => {
    const { status, stderr } = await daemon.cli(...line.split(/\s+/).slice(1));
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});

describe('YAML in the documents', () => {
  const found = DOCUMENTS.flatMap((document) =>
    fencedBlocks(document, 'yaml').map((body) => [document, body] as const),
  );
  test.each(found)('%s', (document, body) => {
    for (const one of parseAllDocuments(body)) {
      expect(one.errors).toEqual([]);
      const object = one.toJS() as { apiVersion?: string };
      // A part of a pod.
      if ('livenessProbe' in object) continue;
      if (object.apiVersion === undefined) {
        const loaded = loadStandAlone(`${document}.md`, body);
        expect(loaded.ok, JSON.stringify(loaded)).toBe(true);
        continue;
      }
      const outcome = decodeObject(object);
      expect(JSON.stringify(outcome)).not.toMatch(/"severity"/);
    }
  });
});
