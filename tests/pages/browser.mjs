// What the scripts of the pages share: the browser, and a page that is watched.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a script is asked to do: its only argument is a JSON file. */
export const asked = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const load = createRequire(join(asked.modules, 'anchor.cjs'));
const { chromium } = load('playwright-core');
export const AXE = readFileSync(join(asked.modules, 'axe-core/axe.min.js'), 'utf8');
/** The rules of WCAG 2.0 to 2.2, A and AA. */
export const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
export const WIDE = { width: 1280, height: 900 };
export const NARROW = { width: 390, height: 844 };

/** Debian's browser. It is root in a container sometimes, where its own sandbox does not work; it sees nothing but the server of the test. */
export const launch = () => chromium.launch({ executablePath: asked.chromium, args: ['--no-sandbox', '--disable-gpu', '--force-color-profile=srgb'] });

/** A context in which a person is logged in, by the cookie of the session; nobody when there is none. */
export async function contextOf(browser, cookie, options = {}) {
  const context = await browser.newContext({ viewport: WIDE, baseURL: asked.address, ...options });
  // A page that leads elsewhere must not get there.
  await context.route((url) => url.origin !== asked.address, (route) => route.abort());
  if (cookie) await context.addCookies([{ name: cookie.name, value: cookie.value, url: asked.address }]);
  return context;
}

/** Collects what a page must not do: what its console says, what breaks, what it asks elsewhere, what it asks a person. */
export function watched(page) {
  const seen = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) seen.push(`the console says: ${message.text()}`);
  });
  page.on('pageerror', (error) => seen.push(`a script broke: ${error.message}`));
  page.on('dialog', (dialog) => {
    seen.push(`a dialog opened: ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== asked.address) seen.push(`it asks ${request.url().slice(0, 200)}`);
  });
  return seen;
}

/** What the rules of accessibility say against a page as it is now. */
export async function against(page, options = {}) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(AXE);
  const found = await page.evaluate(
    ([values, rules]) =>
      axe.run(document, { runOnly: rules ? { type: 'rule', values: rules } : { type: 'tag', values }, resultTypes: ['violations'] }).then((result) =>
        result.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' | ')}`),
      ),
    [TAGS, options.rules],
  );
  return found;
}

/** Opens every `details`, so that what is folded is looked at too. */
export const unfold = (page) => page.evaluate(() => document.querySelectorAll('details').forEach((one) => (one.open = true)));

/** The widest thing that sticks out, when a page scrolls sideways. */
export const overflow = (page) =>
  page.evaluate(() => {
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) return null;
    const scrolls = (one) => {
      for (let up = one.parentElement; up && up !== document.body; up = up.parentElement) if (getComputedStyle(up).overflowX !== 'visible') return true;
      return false;
    };
    const out = [...document.body.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > root.clientWidth + 1 && !scrolls(one));
    const last = out.at(-1);
    return `${root.scrollWidth} > ${root.clientWidth}: ${last ? last.outerHTML.slice(0, 160) : '?'}`;
  });
