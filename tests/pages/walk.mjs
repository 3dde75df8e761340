// Walks every page that it is given: accessibility in both themes and at two widths, console, requests, reflow, size, and that all of it is
// there without a script.
//   node walk.mjs ASKED.json
// ASKED has: modules (node_modules), chromium (a program), address, people (name to cookie), visits ([{path, person, status}]), budget (bytes),
// looks ([[width, theme, rules]]: how the rules of accessibility look at each page; all of them where none are named), and foreign (a text that must be shown as text somewhere).
// Prints one JSON object {problems, seen, largest, forms, foreign}, and ends with 1 when there are problems.
import { asked, launch, contextOf, watched, against, unfold, overflow } from './browser.mjs';

const started = Date.now();
const browser = await launch();
const contexts = new Map();
const context = async (person, javaScriptEnabled) => {
  const key = `${person} ${javaScriptEnabled}`;
  if (!contexts.has(key)) contexts.set(key, contextOf(browser, asked.people[person], { javaScriptEnabled }));
  return contexts.get(key);
};

const problems = [];
const seen = [];
const forms = [];
const foreign = [];
const sizes = [];
const spent = {};

/** Text of the page, line by line, without what only a script can do: the browser's own check of a proof. */
const text = (page) =>
  page.evaluate(() => {
    const main = document.querySelector('main').cloneNode(true);
    main.querySelectorAll('[data-verify], noscript').forEach((one) => one.remove());
    // A copy that is not rendered has no lines; what counts is that the same words are there in the same order.
    return main.textContent.replace(/\s+/g, ' ').trim();
  });

/** The forms that change something, with their fields. */
const formsOf = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('form')]
      .filter((form) => form.method === 'post')
      .map((form) => ({
        action: new URL(form.getAttribute('action') ?? location.href, location.href).pathname,
        fields: [...form.elements].filter((one) => one.name).map((one) => ({
          name: one.name,
          kind: one.type,
          value: one.value,
          required: one.required,
          options: one.options ? [...one.options].map((option) => option.value) : [],
        })),
      })),
  );

/** What no page of ours has: scripts of others, handlers, styles, frames, pictures, links to elsewhere that are followed by a click. */
const strange = () => {
  const found = [];
  const own = (address) => new URL(address, location.href).origin === location.origin;
  for (const one of document.querySelectorAll('*')) {
    const say = (words) => found.push(`${words}: ${one.outerHTML.slice(0, 160)}`);
    if (one.localName === 'script' && !(one.src && own(one.src) && new URL(one.src).pathname.startsWith('/assets/'))) say('a script that is not ours');
    if (['style', 'iframe', 'object', 'embed', 'img', 'base', 'audio', 'video'].includes(one.localName)) say('an element that no page has');
    for (const { name, value } of one.attributes) {
      if (name.startsWith('on') || name === 'style') say(`the attribute ${name}`);
      if (['href', 'src', 'action', 'formaction', 'xlink:href'].includes(name) && !own(value)) say('a link that leads elsewhere');
    }
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { data, parentElement } = texts.currentNode;
    const letter = parentElement.localName === 'textarea' ? null : data.match(/[\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff]/);
    if (letter) found.push(`a character that deceives, ${letter[0].codePointAt(0).toString(16)}: ${parentElement.outerHTML.slice(0, 160)}`);
  }
  return found;
};

const timed = async (what, work) => {
  const begun = Date.now();
  try {
    return await work();
  } finally {
    spent[what] = (spent[what] ?? 0) + Date.now() - begun;
  }
};

async function visit({ path, person, status }) {
  const say = (words) => problems.push(`${path} as ${person}: ${words}`);
  const page = await (await context(person, true)).newPage();
  // A machine that runs all tests at once is slow.
  page.setDefaultTimeout(90_000);
  const noise = watched(page);
  try {
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    const response = await timed('load', () => page.goto(path, { waitUntil: 'load' }));
    if (response.status() !== status) return say(`status ${response.status()} instead of ${status}`);
    const size = (await response.body()).length;
    sizes.push({ path, size });
    if (size > asked.budget) say(`${size} bytes are more than ${asked.budget}`);
    const first = await text(page);
    for (const form of await formsOf(page)) forms.push({ path, person, ...form });
    await unfold(page);
    for (const words of await page.evaluate(strange)) say(words);
    if (asked.foreign && first.includes(asked.foreign)) foreign.push(path);
    for (const [width, colorScheme, rules] of asked.looks) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      for (const words of await timed('axe', () => against(page, { rules }))) say(`${width} ${colorScheme}: ${words}`);
    }
    for (const width of [1280, 390, 320]) {
      await page.setViewportSize({ width, height: 800 });
      const out = await overflow(page);
      if (out) say(`scrolls sideways at ${width}: ${out}`);
    }
    const plain = await (await context(person, false)).newPage();
    // Each refused attempt is an entry of its own.
    const same = (words) => (status >= 400 ? words.replace(/entry \d+/g, 'entry N') : words);
    const bare = async () => {
      await timed('without script', () => plain.goto(path, { waitUntil: 'load' }));
      return same(await text(plain));
    };
    let [one, other] = [same(first), await bare()];
    if (one !== other) {
      // On a machine that does much else a rule may run out of its time, and a page say so: what differs once more is no chance.
      await page.goto(path, { waitUntil: 'load' });
      [one, other] = [same(await text(page)), await bare()];
    }
    if (one !== other) {
      const at = [...one].findIndex((letter, index) => letter !== other[index]);
      say(`other text without a script, at ${at}: "${one.slice(at, at + 80)}" and "${other.slice(at, at + 80)}"`);
    }
    await plain.close();
    // A page whose status is an error says so in the console, which is no fault of the page.
    for (const words of noise) if (!(status >= 400 && words.includes(`the server responded with a status of ${status}`))) say(words);
    seen.push(path);
  } catch (error) {
    say(`broke: ${error.message.split('\n')[0]}`);
  } finally {
    await page.close();
  }
}

// What is refused is recorded, and changes what other pages count: it comes last.
for (const refused of [false, true]) {
  const left = asked.visits.filter(({ status }) => status >= 400 === refused);
  const worker = async () => {
    for (let next = left.shift(); next; next = left.shift()) await visit(next);
  };
  await Promise.all([worker(), worker()]);
}
await browser.close();

sizes.sort((one, other) => other.size - one.size);
const result = { problems, seen, largest: sizes.slice(0, 5), forms, foreign, seconds: (Date.now() - started) / 1000, spent };
console.log(JSON.stringify(result));
process.exitCode = problems.length ? 1 : 0;
