/**
 * Vite writes a style sheet for each chunk. They become three: what every page begins with, what comes with a chunk, and what
 * comes with one of a subject that few visits load. Chunks share most of theirs, and a request for each would cost more than its
 * bytes. All of it at first would more than triple what a browser reads before it draws anything.
 */
import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EXTRAS, filesUnder } from "./sources.mjs";

const LINKS = /(\s*<link rel="stylesheet"[^>]*href="\/static\/([\w.-]+\.css)[^>]*>)/g;
const NEEDED = /m\.f=(\["[^\]]*\])/;

/** Joins the sheets in `out`; returns which one has the rules of a chunk, or nothing where it has none. */
export function joinStyles(out) {
  const index = join(out, "index.html");
  const html = readFileSync(index, "utf8");
  const begun = [...html.matchAll(LINKS)].map((m) => m[2]);
  const parts = filesUnder(out, ".").map((f) => f.replace(/^\.\//, "")).filter((name) => name.endsWith(".css"));
  const sheetOf = (part) => (begun.includes(part) ? "app.css" : isExtra(part) ? "extra.css" : "more.css");
  const texts = new Map();
  for (const part of [...begun, ...parts.filter((name) => !begun.includes(name))]) {
    texts.set(sheetOf(part), (texts.get(sheetOf(part)) ?? "") + readFileSync(join(out, part), "utf8"));
  }
  for (const part of parts) unlinkSync(join(out, part));
  for (const [sheet, text] of texts) writeFileSync(join(out, sheet), text);
  let first = true;
  writeFileSync(index, html.replace(LINKS, (link, _, name) => (first ? ((first = false), link.replace(name, "app.css")) : "")));
  return (chunk) => (parts.includes(styleOf(chunk)) ? sheetOf(styleOf(chunk)) : null);
}

/** Names in the list of `app.js` what its chunks need by the addresses of the joined sheets. */
export function nameStyles(out, sheetFor, addressOf) {
  const app = join(out, "app.js");
  const code = readFileSync(app, "utf8");
  const found = NEEDED.exec(code);
  if (!found) throw new Error("app.js has no list of style sheets");
  const addresses = JSON.parse(found[1]).map((part) => addressOf(sheetFor(part.replace(/\.css$/, ".js"))));
  writeFileSync(app, code.replace(found[0], () => `m.f=${JSON.stringify(addresses)}`));
}

const styleOf = (chunk) => chunk.replace(/\.js$/, ".css");

/** What several of the usual chunks need, too, is no extra for them. */
const isExtra = (part) => part !== "Markdown.css" && EXTRAS.has(part.replace(/\.css$/, ".js"));
