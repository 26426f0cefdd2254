/** Compared runs as a table in Markdown. Pure. */
import type { Row } from "./rows";

const MOST_ROWS = 60;
const MOST_LETTERS = 400;
/** Bars and line ends would be other cells and rows. */
const plain = (text: string): string => text.slice(0, MOST_LETTERS).replace(/\|/g, "¦").replace(/\s+/g, " ").trim() || " ";

export function markdownOf(names: readonly string[], rows: readonly Row[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(plain).join(" | ")} |`;
  const shown = rows.slice(0, MOST_ROWS);
  const left = rows.length > shown.length ? [`\n${rows.length - shown.length} more keys are not in this table.`] : [];
  return [line(["key", ...names]), line(["---", ...names.map(() => "---")]), ...shown.map((row) => line([row.section === "metrics" ? row.key : `${row.section}.${row.key}`, ...row.cells.map((c) => c.text)])), ...left].join("\n");
}
