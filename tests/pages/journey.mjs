// One release from the login to the proof, as people do it: in the browser, the approvals with the keyboard alone.
//   node journey.mjs ASKED.json
// ASKED has: modules, chromium, address, password, model, version (to release), bare (a version that lacks everything), back (the version to go
// back to), approvers ([{name, role}]), pipeline (a token). Prints {steps} with what was seen; ends with 1 and {steps, failed} when a step fails.
import assert from 'node:assert/strict';
import { asked, launch, contextOf, watched } from './browser.mjs';

const browser = await launch();
const steps = [];
const noise = [];
const open = new Map();

/** A page of somebody, who logs in by the form the first time. */
async function as(name) {
  if (open.has(name)) return open.get(name);
  const context = await contextOf(browser);
  const page = await context.newPage();
  // A machine that runs all tests at once is slow.
  page.setDefaultTimeout(60_000);
  noise.push([name, watched(page)]);
  await page.goto('/models');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Password').fill(asked.password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForURL('**/models');
  open.set(name, page);
  return page;
}

const main = (page) => page.locator('main');
const heading = (page) => page.locator('main h1').innerText();

/** Goes on with the Tab key until what has the focus is what is looked for. */
async function tabTo(page, what, test, argument) {
  for (let presses = 0; presses < 300; presses++) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(test, argument)) return presses;
  }
  throw new Error(`no ${what} comes by the Tab key on ${page.url()}`);
}

/** What has the focus can be seen to have it. */
async function focusShows(page) {
  const style = await page.evaluate(() => {
    const one = document.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    return { outlineStyle, outlineWidth, what: one.outerHTML.slice(0, 120) };
  });
  assert.ok(style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, `the focus does not show: ${JSON.stringify(style)}`);
}

const story = {
  async 'a model is found through the search box'() {
    const page = await as('scientist');
    await page.getByLabel('Search models, versions, digests, entries').fill(asked.model);
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/models/${asked.model}`);
    assert.equal(await heading(page), asked.model);
  },

  async 'the version page says why it cannot be promoted'() {
    const page = await as('scientist');
    await page.locator(`main a[href$="/models/${asked.model}/${asked.bare}"]`).first().click();
    const words = await main(page).innerText();
    const count = words.match(/Before this version can go to production, (\d+) things are missing/);
    assert.ok(count && Number(count[1]) > 5, words.slice(0, 2000));
    for (const rule of ['evaluation.baseline', 'card.sections', 'approval.complete']) assert.ok(words.includes(rule), `${rule} is not named`);
    return count[0];
  },

  async 'a promotion is opened'() {
    const page = await as('scientist');
    await page.goto(`/models/${asked.model}/${asked.version}`);
    const form = page.locator('form[method=post][action$="/promotions"]');
    await form.locator('[name=comment]').fill('the yearly training');
    await form.getByRole('button').click();
    await page.waitForURL(/\/promotions\/[^/]+\?entry=/);
    asked.promotion = new URL(page.url()).pathname;
    assert.match(await main(page).innerText(), /Recorded as entry \d+/);
    assert.match(await page.locator('main .head').innerText(), /4/);
    return asked.promotion;
  },

  async 'who made it cannot sign'() {
    const page = await as('scientist');
    assert.equal(await page.locator('[name=verdict]').count(), 0);
    assert.match(await main(page).innerText(), /An author does not approve/);
  },

  async 'who has no role in it cannot sign either, and is told who can'() {
    const page = await as('reader');
    await page.goto(asked.promotion);
    assert.equal(await page.locator('[name=verdict]').count(), 0);
    assert.match(await main(page).innerText(), /Who can: /);
  },

  async 'each role approves with the keyboard alone, from the inbox to the receipt'() {
    for (const { name, role } of asked.approvers) await approve(name, role);
  },

  async 'the promotion is complete and waits for the pipeline'() {
    const page = await as('scientist');
    await page.goto(asked.promotion);
    const words = await main(page).innerText();
    assert.match(words, /pipeline/i);
    await page.goto(`/models/${asked.model}/${asked.version}`);
    assert.doesNotMatch(await page.locator('main .head').innerText(), /production/i);
  },

  async 'a pipeline executes it, and the page says so'() {
    const id = asked.promotion.split('/').at(-1);
    const answer = await fetch(`${asked.address}/api/v1/promotions/${id}/execute`, {
      method: 'POST',
      headers: { authorization: `Bearer ${asked.pipeline}`, 'content-type': 'application/json' },
      body: '{}',
    });
    assert.equal(answer.status, 200, await answer.text());
    const page = await as('scientist');
    await page.goto(asked.promotion);
    assert.match(await main(page).innerText(), /executed/i);
    await page.goto(`/models/${asked.model}`);
    assert.match(await page.locator('main .lede').innerText(), new RegExp(`\\b${asked.version}\\b[^]*production|production[^]*\\b${asked.version}\\b`));
  },

  async 'somebody without the right is told who has it, and his attempt is an entry'() {
    const page = await as('reader');
    const path = `/models/${asked.model}/${asked.back}/rollback`;
    await page.goto(path);
    assert.equal(await page.locator('main form[method=post]').count(), 0);
    assert.match(await main(page).innerText(), /incident/i);
    // What a page does not offer is refused when it is sent all the same.
    const csrf = await page.locator('form[action="/logout"] input[name=csrf]').inputValue();
    const answer = await page.evaluate(
      async ([path, csrf, version]) => {
        const body = new URLSearchParams({ csrf, reason: 'I would like to', replaces: String(version), act: 'rollback' });
        const answer = await fetch(path, { method: 'POST', body });
        return { status: answer.status, text: new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main').innerText };
      },
      [path, csrf, asked.version],
    );
    assert.equal(answer.status, 403, answer.text);
    assert.match(answer.text, /Nothing was changed/);
    assert.match(answer.text, /Your attempt is entry \d+/);
    noise.find(([name]) => name === 'reader')[1].length = 0; // The console names the status 403, which was asked for.
    return answer.text.match(/Your attempt is entry \d+/)[0];
  },

  async 'the version before is put back by the page'() {
    const page = await as('on-call');
    await page.goto(`/models/${asked.model}/${asked.version}`);
    await page.getByRole('link', { name: 'Roll back', exact: true }).click();
    assert.equal(new URL(page.url()).pathname, `/models/${asked.model}/${asked.back}/rollback`);
    await page.getByLabel('Reason').fill('complaints since the release');
    await page.getByRole('button', { name: `Go back to version ${asked.back}` }).click();
    await page.waitForURL('**entry=**');
    asked.entry = Number(new URL(page.url()).searchParams.get('entry'));
    assert.match(await main(page).innerText(), /Recorded as entry \d+/);
    await page.goto(`/models/${asked.model}/${asked.back}`);
    assert.match(await page.locator('main .head').innerText(), /production/i);
  },

  async 'the entries are found in the ledger'() {
    const page = await as('model-auditor');
    await page.getByRole('link', { name: 'Ledger', exact: true }).click();
    const words = await main(page).innerText();
    assert.match(words, /entries/);
    await page.locator(`main a[href="/ledger/${asked.entry}"]`).first().click();
    assert.match(await page.locator('[data-verify] [role=status]').innerText(), /Not checked yet in this browser/);
  },

  async 'the browser checks the proof'() {
    const page = await as('model-auditor');
    const said = await check(page, /the entry is in the signed log/, 'n-pass');
    for (const step of [1, 2, 3, 4]) assert.equal(await page.locator(`[data-step="${step}"] .oc`).innerText(), 'holds');
    return said;
  },

  async 'a changed entry is refused in words'() {
    const page = await as('model-auditor');
    const path = await page.locator('[data-verify]').getAttribute('data-entry');
    await changed(page, path, (bytes) => bytes.replace('"v":1', '"v":2'));
    return await check(page, /Not verified: .*these bytes are not what was recorded/, 'n-fail');
  },

  async 'a changed checkpoint is refused in words'() {
    const page = await as('model-auditor');
    const path = await page.locator('[data-verify]').getAttribute('data-proof');
    const said = [];
    // Another root under the old signature; then a signature that is not of the log.
    for (const [change, words] of [[root, /does not lead to the root/], [signature, /The signature under the checkpoint is wrong/]]) {
      await changed(page, path, change);
      said.push(await check(page, words, 'n-fail'));
    }
    await page.unrouteAll();
    return said;
  },

  async 'a record that was rewritten since the last visit is refused in words'() {
    const page = await as('model-auditor');
    // What this browser kept is another root for a tree that the log has outgrown or has now.
    const kept = await page.evaluate(() => {
      const slot = Object.keys(localStorage).find((name) => name.startsWith('checkpoint:'));
      const kept = JSON.parse(localStorage.getItem(slot));
      localStorage.setItem(slot, JSON.stringify({ ...kept, hash: kept.hash.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) }));
      return kept;
    });
    assert.ok(kept.size > asked.entry);
    return await check(page, /Not verified: .*(another root|was rewritten)/, 'n-fail');
  },
};

async function approve(name, role) {
  const page = await as(name);
  await page.goto('/');
  await tabTo(page, 'link to the promotion', (path) => document.activeElement?.getAttribute('href')?.split('#')[0] === path, asked.promotion);
  await focusShows(page);
  await page.keyboard.press('Enter');
  await page.waitForURL(`**${asked.promotion}**`);
  await tabTo(page, 'verdict', () => document.activeElement?.name === 'verdict');
  await focusShows(page);
  // No verdict is chosen for the person.
  assert.equal(await page.locator('[name=verdict]:checked').count(), 0);
  await page.keyboard.press('Space');
  assert.equal(await page.locator('[name=verdict]:checked').getAttribute('value'), 'approve');
  await tabTo(page, 'comment', () => document.activeElement?.name === 'comment');
  await page.keyboard.type(`Fine for ${role}.`);
  await tabTo(page, 'button to sign', () => document.activeElement?.tagName === 'BUTTON' && /sign/i.test(document.activeElement.textContent));
  await page.keyboard.press('Enter');
  await page.waitForURL('**entry=**');
  const words = await main(page).innerText();
  assert.match(words, /Recorded as entry \d+/);
  assert.equal(await page.locator('[name=verdict]').count(), 0, `${name} is asked again`);
}

/** Presses the button of the check, and waits for what it says. */
async function check(page, words, kind) {
  await page.reload();
  await page.locator('[data-verify] button').first().click();
  const status = page.locator(`[data-verify] .${kind}`);
  await status.waitFor();
  const said = await status.innerText();
  assert.match(said, words);
  return said;
}

/** From now on the server answers a path with something else. */
async function changed(page, path, change) {
  await page.unrouteAll();
  await page.route(`**${path}`, async (route) => {
    const answer = await route.fetch();
    const body = change(await answer.text());
    await route.fulfill({ response: answer, body });
  });
}

const flip = (base64) => (base64[5] === 'A' ? `${base64.slice(0, 5)}B${base64.slice(6)}` : `${base64.slice(0, 5)}A${base64.slice(6)}`);
/** Another root in the note of a proof: the third line after the empty one. */
function root(proof) {
  const [head, note, signatures] = proof.split('\n\n');
  const lines = note.split('\n');
  lines[2] = flip(lines[2]);
  return [head, lines.join('\n'), signatures].join('\n\n');
}
/** Another signature under the note. */
function signature(proof) {
  const at = proof.lastIndexOf('\n\n');
  return proof.slice(0, at) + proof.slice(at).replace(/^(— \S+ )(\S+)/m, (_, name, bytes) => name + bytes.slice(0, 12) + flip(bytes.slice(12)));
}

let failed;
for (const [name, step] of Object.entries(story)) {
  try {
    steps.push([name, (await step()) ?? 'done']);
  } catch (error) {
    const pages = await Promise.all([...open].map(async ([who, page]) => `${who} at ${page.url()}: ${(await main(page).innerText().catch(() => '')).slice(0, 400)}`));
    failed = { name, error: error.message.slice(0, 1500), pages };
    break;
  }
}
await browser.close();
const heard = noise.filter(([, said]) => said.length);
console.log(JSON.stringify({ steps, failed, noise: heard }));
process.exitCode = failed || heard.length ? 1 : 0;
