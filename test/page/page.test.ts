/** The looking-glass page in a real browser, against a running daemon: what it shows, what it refuses to run, what it says when things go wrong. */

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { encodeUpdate } from '../../bgp/wire/update-encode.ts';
import { CHROMIUM, launchBrowser, openPage, type WatchedPage } from '../support/browser.ts';
import { LocalDaemon } from '../support/local-daemon.ts';
import { loopbackAddress, temporaryFolder } from '../support/loopback.ts';
import { messageOctets, updateOctets } from '../support/raw-speaker.ts';
import { describeProgram } from '../support/requirements.ts';
import { SocketSpeaker } from '../support/socket-speaker.ts';
import { waitUntil } from '../support/wait-for.ts';

const DEADLINE_MS = 20_000;
const NOTIFICATION = 3;
const MARKUP = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
const [SPEAKER, TOR, SPARE, AWAY, GUARDED, CROWDED, LATE] = [1, 2, 3, 4, 5, 6, 7].map(loopbackAddress);
const PREFIXES = Array.from({ length: 250 }, (_, index) => `10.${index}.0.0/16`);
/** 65000:1, in an attribute of its own. */
const COMMUNITY = Buffer.from([0xc0, 8, 4, 0xfd, 0xe8, 0, 1]);

const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** What axe-core finds wrong with what is shown (WCAG 2.2 A and AA, best practice). */
async function accessibilityProblems({ page }: WatchedPage): Promise<string[]> {
  await page.evaluate(`${AXE}; undefined`);
  const violations = (await page.evaluate('axe.run().then((result) => result.violations)')) as Violation[];
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

function pageUrl(address: string, place = ''): string {
  return `http://${address}:8179/${place}`;
}

/** A Cease / Administrative Shutdown with a text (RFC 9003). */
function farewell(text: string): Buffer {
  return messageOctets(NOTIFICATION, Buffer.concat([Buffer.from([6, 2, Buffer.byteLength(text)]), Buffer.from(text)]));
}

describeProgram(CHROMIUM, () => {
  let browser: Browser;
  let daemon: LocalDaemon;
  let tor: SocketSpeaker;
  let shared: WatchedPage;
  const opened: WatchedPage[] = [];

  const config = {
    routerId: SPEAKER,
    as: 65_000,
    api: { listen: `${SPEAKER}:8179`, page: true },
    peers: [
      { name: 'tor', address: TOR, as: 65_001, passive: true, description: `rack 1 ${MARKUP}` },
      { name: 'spare', address: SPARE, as: 65_002, passive: true },
      { name: 'late', address: LATE, as: 65_002, passive: true },
      { name: 'away', address: AWAY, as: 65_000, port: 1 },
    ],
    originate: [{ prefix: '192.0.2.0/24' }],
  };

  async function open(
    place: string,
    options: Parameters<typeof openPage>[2] = {},
    address = SPEAKER,
  ): Promise<WatchedPage> {
    const watched = await openPage(browser, pageUrl(address, place), options);
    opened.push(watched);
    return watched;
  }

  /** The page of all tests that need no other window. */
  async function go(place: string): Promise<WatchedPage> {
    const hash = JSON.stringify(place);
    await shared.page.evaluate(`new Promise((done) => {
      if (location.hash === new URL(${hash}, location.href).hash) return done();
      addEventListener('hashchange', done, { once: true });
      location.hash = ${hash};
    })`);
    return shared;
  }

  /** Nothing is asked of the daemon any more. */
  const settle = async ({ page }: WatchedPage): Promise<void> => {
    await page.getByText('Live', { exact: true }).waitFor();
    await page.locator('[aria-busy="true"]').waitFor({ state: 'detached' });
  };

  const text = ({ page }: WatchedPage): Promise<string> => page.locator('main').innerText();
  const sees = (watched: WatchedPage, wanted: string | RegExp): Promise<unknown> =>
    watched.page.locator('main').getByText(wanted).first().waitFor();

  beforeAll(async () => {
    browser = await launchBrowser();
    daemon = await LocalDaemon.start(SPEAKER, config);
    tor = await SocketSpeaker.establish({ localAddress: TOR, address: SPEAKER, as: 65_001 });
    tor.send(updateOctets(65_001, TOR, PREFIXES));
    tor.send(updateOctets(65_001, TOR, ['198.51.100.0/24'], COMMUNITY));
    const received = () => daemon.list('/v1/peers/tor/received');
    await waitUntil('the table is there', DEADLINE_MS, received, ({ length }) => length === PREFIXES.length + 1);
    shared = await openPage(browser, pageUrl(SPEAKER));
  });
  afterEach(async () => {
    expect(shared.errors.splice(0)).toEqual([]);
    expect(shared.foreign).toEqual([]);
    for (const { page, errors, foreign } of opened.splice(0)) {
      expect(errors).toEqual([]);
      expect(foreign).toEqual([]);
      await page.context().close();
    }
  });
  afterAll(async () => {
    tor?.close();
    await daemon?.stop();
    await browser?.close();
  });

  test('it is sent with a policy that lets nothing else run, and again only when it is another one', async () => {
    const answer = await fetch(pageUrl(SPEAKER));
    expect(answer.status).toBe(200);
    const policy = answer.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(policy).not.toContain('unsafe');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    const again = await fetch(pageUrl(SPEAKER), { headers: { 'if-none-match': answer.headers.get('etag') ?? '' } });
    expect(again.status).toBe(304);
    for (const name of ['app.js', 'style.css', 'icon.svg']) {
      const file = await fetch(pageUrl(SPEAKER, `page/${name}`));
      expect(file.status, name).toBe(200);
      expect(await file.text(), name).not.toMatch(/https?:\/\/(?!www\.w3\.org\/)/);
    }
  });

  test('peers: all of them, those that are meant, and one of them', async () => {
    const watched = await go('');
    await sees(watched, '4 peers, 1 established, 3 not');
    await watched.page.getByLabel('State', { exact: true }).selectOption('down');
    await sees(watched, '4 peers, 1 established, 3 not, 3 shown');
    expect(await watched.page.getByRole('link', { name: 'tor', exact: true }).count()).toBe(0);
    await watched.page.getByLabel('Find').fill('refused');
    await sees(watched, '1 shown');
    await watched.page.getByLabel('Find').fill('nothing like that');
    await sees(watched, 'No peer is like that');
    // The address says what is shown, so that it can be passed on.
    expect(watched.page.url()).toContain('text=nothing+like+that&state=down');
    await watched.page.getByLabel('Find').fill('');
    await watched.page.getByRole('link', { name: 'away', exact: true }).click();
    await sees(watched, 'port closed: nothing listens');
  });

  test('texts of others are shown as they are, and never run', async () => {
    const watched = await go('#/peer/tor');
    await sees(watched, `rack 1 ${MARKUP}`);
    const spare = await SocketSpeaker.establish({ localAddress: SPARE, address: SPEAKER, as: 65_002 });
    spare.send(farewell(MARKUP));
    await go('#/peers?text=spare');
    await sees(watched, /onerror="window\.pwned=1"/);
    for (const place of [
      '#/peer/spare',
      `#/peer/${encodeURIComponent(MARKUP)}`,
      `#/explain/route?prefix=${encodeURIComponent(MARKUP)}`,
      `#/${MARKUP}`,
      `#/routes?prefix=${encodeURIComponent(MARKUP)}`,
    ]) {
      await go(place);
      await sees(watched, /pwned/);
      expect(await watched.page.locator('main img, main script').count(), place).toBe(0);
    }
    expect(await watched.page.evaluate('window.pwned')).toBeUndefined();
    spare.close();
  });

  test('routes: in pages, back and forth', async () => {
    const watched = await go('#/routes');
    await sees(watched, '100 prefixes on page 1, more follow');
    const { page } = watched;
    const first = (await page.locator('tbody th').first().innerText()).trim();
    expect(await page.getByRole('button', { name: 'Previous' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Next' }).click();
    await sees(watched, '100 prefixes on page 2, more follow');
    await page.getByRole('button', { name: 'Next' }).click();
    await sees(watched, '52 prefixes on page 3, the last one');
    await page.getByRole('button', { name: 'First' }).click();
    await sees(watched, '100 prefixes on page 1');
    expect((await page.locator('tbody th').first().innerText()).trim()).toBe(first);
  });

  test.each([
    ['an address', '#/routes?prefix=10.7.1.2', '10.7.0.0/16'],
    ['the longest match', '#/routes?prefix=10.7.1.0/24&match=longest', '10.7.0.0/16'],
    ['all inside', '#/routes?prefix=198.51.0.0/16&match=longer', '198.51.100.0/24'],
    ['a community', '#/routes?community=65000:1', '198.51.100.0/24'],
    ['ours', '#/routes?peer=static', '192.0.2.0/24'],
    ['received from a peer', '#/routes?table=received&peer=tor&prefix=198.51.100.0/24', '198.51.100.0/24'],
    ['advertised to a peer', '#/routes?table=advertised&peer=tor', '192.0.2.0/24'],
  ])('routes by %s', async (_what, place, prefix) => {
    const watched = await go(place);
    await watched.page.getByRole('link', { name: `${prefix}: explain` }).waitFor();
    expect(await watched.page.locator('tbody tr:not(.spacer)').count()).toBe(1);
  });

  test.each([
    ['no such route', '#/routes?prefix=203.0.113.0/24', 'No route is like that'],
    ['not a prefix', '#/routes?prefix=10.0.0.0/33', '"10.0.0.0/33" is not a prefix or address'],
    ['a peer is missing', '#/routes?table=received', 'Enter the name of the peer'],
    ['no such peer', '#/routes?table=received&peer=nobody', /nobody/],
    ['nothing asked', '#/explain', 'Enter a prefix'],
    ['nothing to explain', '#/explain/route?prefix=203.0.113.0/24', /203\.0\.113\.0/],
    ['no such view', '#/nonsense', 'There is no view "nonsense"'],
  ])('%s is said', async (_what, place, wanted) => {
    await sees(await go(place), wanted);
  });

  test('with the keyboard alone: search a route, ask why', async () => {
    const watched = await open('#/routes');
    const { page } = watched;
    await sees(watched, 'more follow');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.id')).toBe('skip');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.type('198.51.100.9');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: '198.51.100.0/24: explain' }).focus();
    await page.keyboard.press('Enter');
    await sees(watched, /198\.51\.100\.0\/24: the best path is from tor/);
    expect(await text(watched)).toContain('65000:1');
  });

  test.each([
    ['advertised', '#/explain/advertised?prefix=192.0.2.0/24&peer=tor', 'Path from static'],
    ['kernel', '#/explain/kernel?prefix=198.51.100.0/24', 'The kernel policy was not asked'],
    ['peer', '#/explain/peer?peer=away', 'port closed'],
  ])('explain %s', async (_what, place, wanted) => {
    await sees(await go(place), new RegExp(wanted));
  });

  test('it is live: a session that comes and goes shows at once', async () => {
    const watched = await go('#/peers?text=late');
    await watched.page.getByText('Live', { exact: true }).waitFor();
    const late = await SocketSpeaker.establish({ localAddress: LATE, address: SPEAKER, as: 65_002 });
    await watched.page.locator('tr', { hasText: 'late' }).getByText('Established').waitFor();
    late.close();
    await watched.page.locator('tr', { hasText: 'late' }).getByText('Established').waitFor({ state: 'detached' });
    await watched.page.getByRole('link', { name: 'Changes' }).click();
    await sees(watched, /Established → /);
  });

  test('it is live: a route that was searched for and was not there appears', async () => {
    const watched = await go('#/routes?prefix=203.0.113.0/24');
    await sees(watched, 'No route is like that');
    tor.send(updateOctets(65_001, TOR, ['203.0.113.0/24']));
    await watched.page.getByRole('link', { name: '203.0.113.0/24: explain' }).waitFor();
    tor.send(encodeUpdate({ withdrawn: [{ prefix: '203.0.113.0/24' }] }));
    await sees(watched, 'No route is like that');
  });

  test('topology: groups, with names and without sessions', async () => {
    const watched = await go('#/topology');
    await sees(watched, 'AS 65001, external: 1 of 1 session established');
    await sees(watched, 'Internal: mesh and route reflectors: 0 of 1 session established');
    await watched.page.getByRole('link', { name: /^tor,/ }).click();
    await watched.page.getByRole('heading', { name: 'Peer tor' }).waitFor();
  });

  test.each(['light', 'dark'] as const)('%s: contrast, names and roles are as WCAG wants them', async (colorScheme) => {
    await shared.page.emulateMedia({ colorScheme });
    for (const place of [
      '#/peers',
      '#/peer/tor',
      '#/peer/away',
      '#/routes',
      '#/routes?prefix=203.0.113.0/24',
      '#/explain/route?prefix=198.51.100.0/24',
      '#/explain/advertised?prefix=192.0.2.0/24&peer=tor',
      '#/topology',
      '#/changes',
    ]) {
      await settle(await go(place));
      expect(await accessibilityProblems(shared), place).toEqual([]);
    }
  });

  test('in a narrow window nothing but tables and the picture is wider than the window', async () => {
    await shared.page.setViewportSize({ width: 360, height: 640 });
    for (const place of ['#/peers', '#/peer/tor', '#/routes', '#/explain/route?prefix=198.51.100.0/24', '#/topology']) {
      await settle(await go(place));
      const widths = await shared.page.evaluate('[document.querySelector("main").scrollWidth, innerWidth]');
      const [wide, window] = widths as number[];
      expect(wide, place).toBeLessThanOrEqual(window);
    }
    await shared.page.setViewportSize({ width: 1280, height: 800 });
  });

  test('off unless asked for; a token is asked for when one is needed, and a wrong one refused', async () => {
    const tokenFile = join(temporaryFolder(), 'token');
    writeFileSync(tokenFile, 'example-0123456789abcdef\n');
    const api = { listen: `${GUARDED}:8179`, readTokenFile: tokenFile };
    const guarded = await LocalDaemon.start(GUARDED, { routerId: GUARDED, as: 65_000, api });
    expect((await fetch(pageUrl(GUARDED))).status).toBe(404);
    await guarded.stop();
    const shown = await LocalDaemon.start(GUARDED, { routerId: GUARDED, as: 65_000, api: { ...api, page: true } });
    const watched = await open('', {}, GUARDED);
    const { page } = watched;
    await sees(watched, 'A token is needed');
    await page.getByLabel('Token').fill('wrong-0123456789abcdef');
    await page.keyboard.press('Enter');
    await sees(watched, 'This token is not taken');
    expect(await accessibilityProblems(watched)).toEqual([]);
    await page.getByLabel('Token').fill('example-0123456789abcdef');
    await page.keyboard.press('Enter');
    await sees(watched, 'No peer is configured.');
    await page.reload();
    await sees(watched, 'No peer is configured.');
    await shown.stop();
    await page.getByText(/^Not live:/).waitFor();
    // It comes back by itself, with the token that it has.
    const again = await LocalDaemon.start(GUARDED, { routerId: GUARDED, as: 65_000, api: { ...api, page: true } });
    await page.getByText('Live', { exact: true }).waitFor();
    await again.stop();
  });

  test('5,000 peers: only those in sight are elements, and the last one can be reached', async () => {
    const peers = Array.from({ length: 5000 }, (_, index) => ({
      name: `node-${index + 1}`,
      address: `10.${index >> 8}.${index & 255}.1`,
      as: index % 3 === 0 ? 65_000 : 64_512 + (index % 700),
      passive: true,
    }));
    const crowded = await LocalDaemon.start(CROWDED, {
      routerId: CROWDED,
      as: 65_000,
      api: { listen: `${CROWDED}:8179`, page: true },
      peers,
      logLevel: 'warn',
    });
    const watched = await open('', {}, CROWDED);
    const { page } = watched;
    await sees(watched, '5,000 peers, 0 established, 5,000 not');
    expect(await page.locator('tbody tr').count()).toBeLessThan(120);
    expect(await page.locator('table').getAttribute('aria-rowcount')).toBe('5001');
    await page.getByRole('button', { name: 'Peer', exact: true }).click();
    await page.evaluate('document.querySelector(".scroller").scrollTop = 1e9');
    await page.getByRole('link', { name: 'node-5000', exact: true }).waitFor();
    await page.getByLabel('Find').fill('node-4711');
    await sees(watched, '1 shown');
    await page.getByRole('link', { name: 'Topology' }).click();
    await sees(watched, /Internal: mesh and route reflectors: 0 of 1,672 sessions established/);
    expect(await page.locator('svg a').count()).toBeLessThan(3100);
    await crowded.stop();
  });
});
