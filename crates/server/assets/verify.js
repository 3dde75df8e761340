// Checks one ledger entry in this browser: leaf hash, path to the root, signature under the checkpoint, and that the checkpoint extends the
// one this browser saw last. No library, no inline code, no request to another origin.
// It is a convenience, not independence: this file comes from the server that it checks. The page says so.
"use strict";

const root = document.querySelector("[data-verify]");
if (root) begin(root);

function begin(el) {
  const button = el.querySelector("[data-check]");
  button.hidden = false;
  button.addEventListener("click", () => run(el));
  el.querySelector("[data-trust]").addEventListener("click", () => { trust(el); run(el); });
}

// What this browser cannot do is told from what is wrong with the record.
class Unable extends Error {}

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const hex = (array) => Array.from(array, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
const joined = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
const sha256 = async (array) => new Uint8Array(await crypto.subtle.digest("SHA-256", array));
const node = (left, right) => sha256(joined([1], left, right));
const same = (a, b) => a !== null && b !== null && a.length === b.length && a.every((byte, at) => byte === b[at]);

// RFC 9162, 2.1.3.2: the root that a leaf and its path lead to.
async function pathRoot(index, size, leaf, path) {
  let first = index, last = size - 1, hash = leaf;
  for (const step of path) {
    if (last === 0) return null;
    if (first % 2 === 1 || first === last) {
      hash = await node(step, hash);
      while (first % 2 === 0 && first !== 0) { first = Math.floor(first / 2); last = Math.floor(last / 2); }
    } else hash = await node(hash, step);
    first = Math.floor(first / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? hash : null;
}

// C2SP tlog-tiles: hashes of complete subtrees of the tree of `size` leaves.
class Tiles {
  constructor(prefix, size) {
    this.prefix = prefix;
    this.size = size;
    this.kept = new Map();
  }

  async tile(level, number) {
    const width = Math.min(256, Math.floor(this.size / 256 ** level) - number * 256);
    const digits = String(number).padStart(Math.ceil(String(number).length / 3) * 3, "0").match(/.../g);
    const name = digits.map((group, at) => (at < digits.length - 1 ? `x${group}` : group)).join("/");
    const path = `${this.prefix}/tile/${level}/${name}${width < 256 ? `.p/${width}` : ""}`;
    if (!this.kept.has(path)) this.kept.set(path, new Uint8Array(await (await get(path)).arrayBuffer()));
    return this.kept.get(path);
  }

  // The root of the complete subtree of 2^height leaves that begins at leaf `from`.
  async subtree(from, height) {
    const level = Math.floor(height / 8), row = height % 8, first = from / 256 ** level;
    const tile = await this.tile(level, Math.floor(first / 256));
    let hashes = [];
    for (let at = first % 256; at < (first % 256) + 2 ** row; at += 1) hashes.push(tile.slice(at * 32, at * 32 + 32));
    while (hashes.length > 1) {
      const above = [];
      for (let at = 0; at < hashes.length; at += 2) above.push(await node(hashes[at], hashes[at + 1]));
      hashes = above;
    }
    return hashes[0];
  }

  // RFC 9162, 2.1.1: the hash of the leaves from `from` to before `end`.
  async range(from, end) {
    const height = Math.log2(end - from);
    if (Number.isInteger(height)) return this.subtree(from, height);
    const split = half(end - from);
    return node(await this.range(from, from + split), await this.range(from + split, end));
  }

  // RFC 9162, 2.1.4.1: the proof that the first `old` of all leaves are the same.
  async consistency(old) {
    const proof = async (size, from, end, whole) => {
      if (size === end - from) return whole ? [] : [await this.range(from, end)];
      const split = half(end - from);
      if (size <= split) return [...(await proof(size, from, from + split, whole)), await this.range(from + split, end)];
      return [...(await proof(size - split, from + split, end, false)), await this.range(from, from + split)];
    };
    return proof(old, 0, this.size, true);
  }
}

// The largest power of two that is less than a size.
function half(size) {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

// RFC 9162, 2.1.4.2: whether a tree of `second` leaves begins with the tree of `first` leaves.
async function extendsTree(first, firstHash, second, secondHash, given) {
  const proof = Number.isInteger(Math.log2(first)) ? [firstHash, ...given] : [...given];
  if (proof.length === 0) return false;
  let fn = first - 1, sn = second - 1;
  while (fn % 2 === 1) { fn = Math.floor(fn / 2); sn = Math.floor(sn / 2); }
  let old = proof[0], now = proof[0];
  for (const step of proof.slice(1)) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      old = await node(step, old);
      now = await node(step, now);
      while (fn % 2 === 0 && fn !== 0) { fn = Math.floor(fn / 2); sn = Math.floor(sn / 2); }
    } else now = await node(now, step);
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && same(old, firstHash) && same(now, secondHash);
}

// A c2sp.org/tlog-proof@v1 file: the path, and the signed checkpoint that it leads to.
function parseProof(text) {
  const cut = text.indexOf("\n\n"), head = text.slice(0, cut).split("\n");
  if (cut < 0 || head.shift() !== "c2sp.org/tlog-proof@v1") throw new Error("the proof is not a tlog-proof@v1 file");
  if (head[0].startsWith("extra ")) head.shift();
  const index = Number(head.shift().replace(/^index /, ""));
  const note = text.slice(cut + 2), end = note.indexOf("\n\n") + 1, body = note.slice(0, end);
  const [origin, size, hash] = body.split("\n");
  const signatures = note.slice(end + 1).split("\n").map((line) => line.split(" ")).filter((part) => part[0] === "\u2014" && part.length === 3)
    .map((part) => ({ name: part[1], id: hex(bytes(part[2]).slice(0, 4)), signature: bytes(part[2]).slice(4) }));
  return { index, path: head.map(bytes), body, origin, size: Number(size), hash: bytes(hash), signatures };
}

// One key a line: name, key id, type and key. Type 1 is Ed25519.
function parseKeys(text) {
  return text.trim().split("\n").map((line) => {
    const match = line.match(/^([^+]+)\+([0-9a-f]{8})\+(.+)$/);
    if (!match || bytes(match[3])[0] !== 1) throw new Error("the log key has a form that is not known here");
    return { line, name: match[1], id: match[2], key: bytes(match[3]).slice(1) };
  });
}

async function get(address) {
  const response = await fetch(address, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`${address} answered ${response.status}`);
  return response;
}

async function signs(key, signature, body) {
  try {
    const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", imported, signature, new TextEncoder().encode(body));
  } catch (problem) {
    throw new Unable(`it knows no Ed25519 signatures (${problem.name})`);
  }
}

function stored(name) {
  try { return JSON.parse(localStorage.getItem(name) || "null"); } catch { return null; }
}

// Whether what this browser keeps was kept: in a private window it may not be.
function keep(name, value) {
  try { localStorage.setItem(name, JSON.stringify(value)); return true; } catch { return false; }
}

// The checkpoint that was checked against the one of an earlier visit.
async function agreement(proof, prefix) {
  const slot = `checkpoint:${proof.origin}`, seen = stored(slot), mine = { size: proof.size, hash: hex(proof.hash) };
  if (!seen) return { holds: true, words: keep(slot, mine) ? "This is the first checkpoint that this browser keeps." : "This browser keeps no checkpoint." };
  if (seen.size === mine.size) {
    const holds = seen.hash === mine.hash;
    return { holds, words: holds ? "It is the checkpoint that this browser kept." : "This browser kept another root for the same number of entries." };
  }
  const [less, more] = seen.size < mine.size ? [seen, mine] : [mine, seen];
  const path = await new Tiles(prefix, more.size).consistency(less.size);
  const holds = await extendsTree(less.size, unhex(less.hash), more.size, unhex(more.hash), path);
  if (holds && more === mine) keep(slot, mine);
  return {
    holds,
    words: holds ? `The tree of ${more.size} entries begins with the one of ${less.size} that ${more === mine ? "this browser kept" : "the proof names"}.`
      : `The tree of ${more.size} entries does not begin with the one of ${less.size}: the record was rewritten.`,
  };
}

// Takes the key that the log has now for its key.
function trust(el) {
  if (el.dataset.offered) keep(`key:${el.dataset.origin}`, el.dataset.offered);
}

// Whether the key is the one of the first visit. A key that changed is not wrong: the ledger says when it was rotated.
function pinned(el, proof, key) {
  const slot = `key:${proof.origin}`, seen = stored(slot);
  if (!seen) keep(slot, key.line);
  const changed = seen !== null && seen !== key.line;
  el.dataset.origin = proof.origin;
  el.dataset.offered = key.line;
  el.querySelector("[data-trust]").hidden = !changed;
  return !changed;
}

function show(el, number, state, words) {
  const line = el.querySelector(`[data-step="${number}"]`), mark = line.querySelector(".oc");
  const [name, text] = { holds: ["pass", "holds"], fails: ["fail", "fails"], warns: ["waived", "changed"], open: ["wait", "open"] }[state];
  mark.className = `oc oc-${name}`;
  mark.textContent = text;
  line.querySelector("[data-words]").textContent = words;
}

function step(el, number, holds, words) {
  show(el, number, holds ? "holds" : "fails", words);
  if (!holds) throw new Error(words);
}

function say(el, kind, words) {
  const note = el.querySelector("[role=status]");
  note.className = `note n-${kind}`;
  note.textContent = words;
}

async function check(el) {
  if (!globalThis.crypto?.subtle) throw new Unable("this page is not in a secure context, so it is offered no cryptography");
  const entry = new Uint8Array(await (await get(el.dataset.entry)).arrayBuffer());
  const proof = parseProof(await (await get(el.dataset.proof)).text());
  const keys = parseKeys(await (await get(`${el.dataset.log}/key`)).text());
  const leaf = await sha256(joined([0], entry));
  step(el, 1, proof.index === Number(el.dataset.index), `${entry.length} stored bytes, leaf ${hex(leaf).slice(0, 16)}…`);
  const reached = await pathRoot(proof.index, proof.size, leaf, proof.path);
  const inTree = same(reached, proof.hash);
  step(el, 2, inTree, inTree ? `${proof.path.length} hashes lead to the root of ${proof.size} entries.`
    : "The path does not lead to the root in the checkpoint: these bytes are not what was recorded.");
  const line = proof.signatures.find((signature) => keys.some((key) => key.name === signature.name && key.id === signature.id));
  const key = line && keys.find((one) => one.name === line.name && one.id === line.id);
  const signed = Boolean(key) && proof.origin === key.name && await signs(key.key, line.signature, proof.body);
  step(el, 3, signed, signed ? `Signed by ${proof.origin}, key ${key.id}.` : "The signature under the checkpoint is wrong.");
  const known = pinned(el, proof, key);
  if (!known) show(el, 3, "warns", `Signed by ${proof.origin}, but key ${key.id} is not the one that this browser kept.`);
  const agreed = await agreement(proof, el.dataset.log);
  step(el, 4, agreed.holds, agreed.words);
  return known;
}

async function run(el) {
  for (const number of [1, 2, 3, 4]) show(el, number, "open", "");
  say(el, "info", "Checking.");
  try {
    if (await check(el)) say(el, "pass", "Checked in this browser: the entry is in the signed log. For a check that does not rely on this server's code, give the files below to another verifier.");
    else say(el, "warn", "The entry is in the signed log, but the log key changed since your first visit. Ask the operator whether it was rotated; the ledger has an entry about it.");
  } catch (problem) {
    if (problem instanceof Unable) say(el, "warn", `This browser cannot check: ${problem.message}. Give the files below to another verifier.`);
    else say(el, "fail", `Not verified: ${problem.message} Keep the files below and tell your auditor.`);
  }
}
