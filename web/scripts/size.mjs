/** Fails when the bundle is heavier than ui.md allows: 150 kB of gzipped JavaScript and CSS at first, 250 kB in all. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { filesUnder } from "./sources.mjs";

const out = join(dirname(dirname(fileURLToPath(import.meta.url))), "../src/epochal/server/static");
const weigh = (name) => gzipSync(readFileSync(join(out, name)), { level: 9 }).length / 1000;
const names = filesUnder(out, ".").map((f) => f.replace(/^\.\//, "")).filter((f) => /\.(js|css)$/.test(f));
const html = readFileSync(join(out, "index.html"), "utf8");
const initial = names.filter((name) => html.includes(`/static/${name}`));
const sum = (list) => list.reduce((total, name) => total + weigh(name), 0);

for (const name of names) console.log(`${weigh(name).toFixed(1).padStart(8)} kB gz  ${name}`);
console.log(`initial ${sum(initial).toFixed(1)} kB of 150, all ${sum(names).toFixed(1)} kB of 250`);
if (sum(initial) > 150 || sum(names) > 250) {
  console.error("the bundle is over its budget");
  process.exit(1);
}
