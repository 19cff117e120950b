/**
 * A real Chromium without a window, for tests of the page: Debian's, driven through playwright-core. What the page logs
 * as an error, throws, or asks of another host is kept, so that a test can say that there was none of it.
 */

import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

export const CHROMIUM = '/usr/bin/chromium';

/** What a browser does by itself, and would only be refused on a machine without the Internet, is off. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Its other process, the daemon, shares two cores with the rest of the tests. */
const ACTION_DEADLINE_MS = 30_000;

export interface WatchedPage {
  readonly page: Page;
  /** Errors on the console (also of the Content-Security-Policy) and exceptions; not answers that were no success. */
  readonly errors: string[];
  /** Requests to any other origin. */
  readonly foreign: string[];
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(ACTION_DEADLINE_MS);
  const watched: WatchedPage = { page, errors: [], foreign: [] };
  const { origin } = new URL(url);
  page.on('pageerror', (error) => watched.errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      watched.errors.push(message.text());
    }
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) watched.foreign.push(request.url());
  });
  await page.goto(url);
  return watched;
}
