/**
 * After `vite build`: shrinks the scripts, gives every script and style address its content hash, and writes BUILD.json, by which anyone can
 * see (without Node) whether the committed bundle belongs to these sources.
 *
 * A chunk names the chunks that it imports with their hashes, so its own hash covers them as well: whatever an address
 * with `?v=` gave once may be kept for ever. That needs chunks that do not import each other in a circle.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { shrink } from "./shrink.mjs";
import { filesUnder, sha256, sourceDigest } from "./sources.mjs";
import { joinStyles, nameStyles } from "./styles.mjs";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(web, "../src/epochal/server/static");
const IMPORT = /((?:\bfrom|\bimport|\bimport\()\s*["'`])\.\/([\w.-]+\.js)(?:\?v=[0-9a-f]+)?(["'`])/g;

const hashOf = (name) => sha256(readFileSync(join(out, name))).slice(0, 12);
const hashes = new Map();

function stamp(name, above = []) {
  if (above.includes(name)) throw new Error(`chunks import each other in a circle: ${[...above, name].join(" > ")}; see vite.config.ts`);
  if (hashes.has(name)) return hashes.get(name);
  const before = readFileSync(join(out, name), "utf8");
  const after = before.replace(IMPORT, (_, start, other, end) => `${start}./${other}?v=${stamp(other, [...above, name])}${end}`);
  if (after !== before) writeFileSync(join(out, name), after);
  hashes.set(name, hashOf(name));
  return hashes.get(name);
}

const sheetFor = joinStyles(out);
nameStyles(out, sheetFor, (sheet) => `${sheet}?v=${hashOf(sheet)}`);

const names = filesUnder(out, ".").map((f) => f.replace(/^\.\//, ""));
const scripts = names.filter((name) => name.endsWith(".js"));
await shrink(out, scripts);
for (const name of scripts) stamp(name);

const index = join(out, "index.html");
let html = readFileSync(index, "utf8");
for (const name of ["app.js", "app.css"]) {
  const before = html;
  html = html.replace(new RegExp(`/static/${name.replace(".", "\\.")}(\\?v=[0-9a-f]+)?"`), `/static/${name}?v=${hashOf(name)}"`);
  if (html === before) throw new Error(`index.html does not load /static/${name}`);
}
// What app.js needs at once is asked for beside it, not after it.
const preload = `<link rel="modulepreload" crossorigin href="/static/base.js?v=${hashOf("base.js")}">\n    `;
html = html.replace(/<link rel="modulepreload"[^>]*>\s*/, "").replace('<link rel="stylesheet"', `${preload}<link rel="stylesheet"`);
writeFileSync(index, html);

// Which style sheets and chunks show a tab of a run, by address: the server's documents ask for those of their tab at once.
// Charts wait for nothing that comes later, and the lines of a log for nothing that stands around them.
const RUN = ["run.js", "insights.js"];
const TABS = {
  "": RUN,
  overview: RUN,
  logs: ["LogView.js"],
  notes: RUN,
  media: ["media.js", ...RUN],
  gradients: ["gradients.js", ...RUN],
  files: ["objects.js", ...RUN],
  model: ["objects.js", ...RUN],
};
const STATIC_IMPORT = /(?:\bfrom|\bimport)\s*["'`]\.\/([\w.-]+\.js)\?v=/g;
const EVERYWHERE = ["app.js", "base.js"];

function closure(name, found = new Set()) {
  if (found.has(name) || EVERYWHERE.includes(name)) return found;
  found.add(name);
  for (const [, other] of readFileSync(join(out, name), "utf8").matchAll(STATIC_IMPORT)) closure(other, found);
  return found;
}

function addresses(doors) {
  const chunks = [...doors.reduce((found, door) => closure(door, found), new Set())];
  const sheets = new Set(chunks.map(sheetFor).filter((sheet) => sheet));
  return [...sheets, ...chunks].map((name) => `/static/${name}?v=${hashOf(name)}`);
}
const tabs = Object.fromEntries(Object.entries(TABS).map(([tab, doors]) => [tab, addresses(doors)]));

const bundle = Object.fromEntries(names.filter((f) => f !== "BUILD.json").map((f) => [f, sha256(readFileSync(join(out, f)))]));
writeFileSync(join(out, "BUILD.json"), `${JSON.stringify({ sources: sourceDigest(web), tabs, bundle }, null, 2)}\n`);
