/** Rules that no compiler checks. Each says why it is there. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { filesUnder } from "./sources.mjs";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const problems = [];

for (const name of filesUnder(web, "src")) {
  const text = readFileSync(join(web, name), "utf8");
  const lines = text.split("\n").length;
  const say = (message) => problems.push(`${name}: ${message}`);
  // Svelte reads `$state(...)` as a store of that name: the page stays blank and says nothing.
  const props = /let\s*\{([^}]*)\}[^=]*=\s*\$props\(\)/s.exec(text)?.[1] ?? "";
  if (/(^|[\s,{])state\s*(,|:|=|$)/m.test(props)) say("a prop is called `state`; give it another name");
  // User text must never become markup, and the content security policy forbids code from strings.
  if (/\{@html|\.innerHTML|insertAdjacentHTML|\beval\(|new Function\(/.test(text)) say("markup or code from a string");
  // Nothing leaves the machine.
  if (/https?:\/\/(?!www\.w3\.org\/2000\/svg)/.test(text)) say("an outside address");
  // The core must outlive the framework.
  if (name.startsWith("src/core/") && /from "svelte/.test(text)) say("core/ must not know the framework");
  if (lines > 400) say(`${lines} lines, the limit is 400`);
}

if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
