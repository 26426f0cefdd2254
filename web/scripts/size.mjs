/**
 * Fails when the bundle is heavier than ui.md allows: 150 kB of gzipped JavaScript and CSS at first, 250 kB with every chunk but
 * those of subjects that few visits load, and each of them alone: models and artifacts (graphs, previews of files, Markdown),
 * sweeps, pipelines, reports, the keys of a server. 350 kB with them.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { EXTRAS, filesUnder } from "./sources.mjs";

const out = join(dirname(dirname(fileURLToPath(import.meta.url))), "../src/epochal/server/static");
const weigh = (name) => gzipSync(readFileSync(join(out, name)), { level: 9 }).length / 1000;
const names = filesUnder(out, ".").map((f) => f.replace(/^\.\//, "")).filter((f) => /\.(js|css)$/.test(f));
const html = readFileSync(join(out, "index.html"), "utf8");
const initial = names.filter((name) => html.includes(`/static/${name}`));
const sum = (list) => list.reduce((total, name) => total + weigh(name), 0);

for (const name of names) console.log(`${weigh(name).toFixed(1).padStart(8)} kB gz  ${name}`);
const usual = names.filter((name) => !EXTRAS.has(name) && name !== "extra.css");
console.log(`initial ${sum(initial).toFixed(1)} kB of 150, without models, sweeps, pipelines, reports and keys ${sum(usual).toFixed(1)} kB of 250, all ${sum(names).toFixed(1)} kB of 350`);
if (sum(initial) > 150 || sum(usual) > 250 || sum(names) > 350) {
  console.error("the bundle is over its budget");
  process.exit(1);
}
