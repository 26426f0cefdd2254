/** What the bundle is built from, and the digest of it: sources, configuration and the lock file. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const DIRECTORIES = ["scripts", "src"];
const FILES = ["index.html", "package-lock.json", "package.json", "svelte.config.js", "tsconfig.json", "vite.config.ts"];

/** Chunks of subjects that few visits load, and each of them alone. */
export const EXTRAS = new Set(["objects.js", "Markdown.js", "GraphView.js", "Snippets.js", "sweeps.js", "pipelines.js", "reports.js", "keys.js"]);

export function filesUnder(root, directory) {
  return readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1).replaceAll("\\", "/"))
    .sort();
}

export function sha256(data) {
  return createHash("sha256").update(data).digest("hex");
}

/** sha256 over "path NUL sha256 LF" of each source file, in the order of their paths. */
export function sourceDigest(root) {
  const names = [...DIRECTORIES.flatMap((d) => filesUnder(root, d)), ...FILES].sort();
  return sha256(names.map((name) => `${name}\0${sha256(readFileSync(join(root, name)))}\n`).join(""));
}
