/**
 * The server's order of runs, computed here where every run and every value that it needs is in memory.
 *
 * Promises: numbers before missing values, the newest of equal runs first, as store/sorting.py has it; null where the
 * page cannot know: a value that is not read, not finite, or a text, which databases order in ways of their own.
 */
import { parseColumn, sortedColumn } from "./columnid";
import type { RunRow, Value } from "./wire";

type Key = number | null;

/** Positions of the runs in the order that is asked for; null where only the server can tell. */
export function orderOf(rows: readonly RunRow[], values: Readonly<Record<string, Value[]>>, order: readonly string[]): number[] | null {
  const parts: { keys: Key[]; sign: number }[] = [];
  for (const entry of order) {
    const keys = keysOf(rows, values, sortedColumn(entry));
    if (!keys) return null;
    parts.push({ keys, sign: entry.startsWith("-") ? -1 : 1 });
  }
  const newest = (a: number, b: number): number => rows[b].created_us - rows[a].created_us || (rows[a].uid < rows[b].uid ? 1 : -1);
  return rows.map((_, i) => i).sort((a, b) => {
    for (const { keys, sign } of parts) {
      const found = compare(keys[a], keys[b], sign);
      if (found !== 0) return found;
    }
    return newest(a, b);
  });
}

/** Whether the runs stand in that order; true where only the server can tell. */
export function standsIn(rows: readonly RunRow[], values: Readonly<Record<string, Value[]>>, order: readonly string[]): boolean {
  return orderOf(rows, values, order)?.every((from, to) => from === to) ?? true;
}

function keysOf(rows: readonly RunRow[], values: Readonly<Record<string, Value[]>>, column: string): Key[] | null {
  if (parseColumn(column).kind === "field") return column === "created" ? rows.map((run) => run.created_us) : null;
  const found = values[column];
  if (found?.length !== rows.length) return null;
  const keys = found.map((value): Key | undefined => {
    if (value === null) return null;
    return typeof value === "number" && Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : undefined;
  });
  return keys.every((key): key is Key => key !== undefined) ? keys : null;
}

function compare(a: Key, b: Key, sign: number): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? 1 : -1;
  return a < b ? -sign : sign;
}
