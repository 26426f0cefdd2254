/**
 * After `vite build`: gives the script and style addresses of index.html their content hash, and writes BUILD.json,
 * by which anyone can see (without Node) whether the committed bundle belongs to these sources.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { filesUnder, sha256, sourceDigest } from "./sources.mjs";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(web, "../src/epochal/server/static");

const index = join(out, "index.html");
let html = readFileSync(index, "utf8");
for (const name of ["app.js", "app.css"]) {
  const hash = sha256(readFileSync(join(out, name))).slice(0, 12);
  const before = html;
  html = html.replace(new RegExp(`/static/${name.replace(".", "\\.")}(\\?v=[0-9a-f]+)?"`), `/static/${name}?v=${hash}"`);
  if (html === before) throw new Error(`index.html does not load /static/${name}`);
}
writeFileSync(index, html);

const bundle = Object.fromEntries(
  filesUnder(out, ".").map((f) => f.replace(/^\.\//, "")).filter((f) => f !== "BUILD.json").map((f) => [f, sha256(readFileSync(join(out, f)))]),
);
writeFileSync(join(out, "BUILD.json"), `${JSON.stringify({ sources: sourceDigest(web), bundle }, null, 2)}\n`);
