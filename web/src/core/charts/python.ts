/** The curves of a panel as a program that reads them: docs/reading.md. Pure. */
import type { Want } from "../store";

/** A text as a literal of Python; JSON's spelling is one. */
const literal = (text: string): string => JSON.stringify(text);

/** The keys that a formula names, as core of what to read. */
export function keysInFormula(text: string): string[] {
  const found: string[] = [];
  for (const match of text.matchAll(/"([^"]*)"|'([^']*)'|`([^`]*)`|([\p{L}_][\p{L}\p{N}_./@:]*)(\s*\()?|[\d.]+(?:[eE][+-]?\d+)?/gu)) {
    const [, a, b, c, name, call] = match;
    const key = a ?? b ?? c ?? (call === undefined ? name?.replace(/\/+$/, "") : undefined);
    if (key) found.push(key);
  }
  return [...new Set(found)];
}

/** A program that reads the exact points behind a panel. */
export function pythonOf(want: Want, origin = location.origin): string {
  const runs = [...new Set(want.series.flatMap((id) => id.runs ?? [id.run]))];
  const formulas = [...new Set(want.series.filter((id) => id.formula).map((id) => id.key))];
  const keys = [...new Set(want.series.flatMap((id) => (id.formula ? keysInFormula(id.key) : [id.key])))];
  const list = (items: readonly string[]): string => (items.length === 1 ? `[${literal(items[0])}]` : `[\n${items.map((i) => `    ${literal(i)},\n`).join("")}]`);
  return [
    "import epochal",
    "",
    `reader = epochal.connect(${literal(origin)})`,
    ...formulas.map((text) => `# on the page: ${text.replace(/\s+/g, " ")}`),
    `keys = ${list(keys)}`,
    `for uid in ${list(runs)}:`,
    "    run = reader.run(uid)",
    "    history = run.history(keys=keys)  # every point, bit for bit",
    "    print(run.name, history.to_pandas())",
    "",
  ].join("\n");
}
