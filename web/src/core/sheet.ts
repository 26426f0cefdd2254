/** Runs as a text file: the columns of the table, all runs that match, exact numbers. */
import type { RunPage, RunRow, Value } from "./wire";

export type SheetFormat = "csv" | "jsonl";

/** What each row begins with. */
export const FIXED = ["name", "id", "state"] as const;

/** The value of a field as the file holds it. */
function fieldOf(run: RunRow, field: string): Value {
  if (field === "created") return new Date(run.created_us / 1000).toISOString();
  if (field === "duration") return ((run.ended_us ?? run.updated_us) - run.created_us) / 1e6;
  return (run as unknown as Record<string, Value>)[field] ?? null;
}

/** The rows of one page; `columns` may hold fields and asked-for columns alike. */
export function sheetRows(page: RunPage, columns: readonly string[]): Value[][] {
  return page.runs.map((run, i) => columns.map((column) => (column in page.columns ? (page.columns[column][i] ?? null) : fieldOf(run, column))));
}

export function sheetText(format: SheetFormat, columns: readonly string[], rows: readonly Value[][]): string {
  if (format === "jsonl") return rows.map((row) => `${JSON.stringify(Object.fromEntries(columns.map((c, i) => [c, row[i]])))}\n`).join("");
  return [columns as readonly Value[], ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}

/** RFC 4180. A text that a spreadsheet would run as a formula gets an apostrophe in front. */
export function csvCell(value: Value): string {
  if (value === null) return "";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const safe = /^[=+@\t\r]|^-(?!Infinity$|\d+$)/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
