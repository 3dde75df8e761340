// Takes pictures of pages.
//   node pictures.mjs ASKED.json
// ASKED has: modules, chromium, address, password, pictures ([{file, path, person, width, height, theme, check}]). Without a height the whole page
// is in the picture; `check` presses the button that checks a proof first. Prints the files with their sizes in bytes.
import { writeFileSync } from 'node:fs';
import { asked, launch, contextOf } from './browser.mjs';
import { small } from './palette.mjs';

const browser = await launch();
const contexts = new Map();

/** A context in which somebody has logged in by the form. */
async function of(person) {
  if (!contexts.has(person)) {
    const context = await contextOf(browser, null, { reducedMotion: 'reduce' });
    const page = await context.newPage();
    await page.goto('/login');
    await page.getByLabel('Name', { exact: true }).fill(person);
    await page.getByLabel('Password').fill(asked.password);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.waitForURL((url) => url.pathname !== '/login');
    await page.close();
    contexts.set(person, context);
  }
  return contexts.get(person);
}

for (const { file, path, person, width, height, theme, check } of asked.pictures) {
  const page = await (await of(person)).newPage();
  await page.setViewportSize({ width, height: height ?? 900 });
  await page.emulateMedia({ colorScheme: theme });
  const answer = await page.goto(path);
  if (answer.status() !== 200) throw new Error(`${path} as ${person}: status ${answer.status()}`);
  if (check) {
    await page.locator('[data-check]').click();
    await page.locator('[data-verify] .n-pass').waitFor();
    await page.evaluate(() => document.activeElement.blur());
  }
  const picture = small(await page.screenshot({ fullPage: !height }));
  writeFileSync(file, picture);
  await page.close();
  console.log(`${file} ${picture.length}`);
}
await browser.close();
