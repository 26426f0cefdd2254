/** Rows of the runs table with the values of their columns, and what a later answer changes about them. Pure. */
import type { RunPage, RunRow, Value } from "./wire";

export interface RunSpan {
  rows: RunRow[];
  values: Record<string, Value[]>;
}

/** What the server has and the table does not show yet, since showing it would move rows. */
export interface News {
  /** Runs that came. */
  fresh: number;
  /** Runs that were deleted, or match no longer. */
  gone: number;
  /** Runs that would stand in another order. */
  moved: boolean;
}

export const spanOf = (page: RunPage): RunSpan => ({ rows: page.runs, values: page.columns });

/** One span after the other; of the first one's columns. */
export function joined(one: RunSpan, other: RunSpan): RunSpan {
  const values: Record<string, Value[]> = {};
  for (const column of Object.keys(one.values)) values[column] = [...one.values[column], ...(other.values[column] ?? Array<Value>(other.rows.length).fill(null))];
  return { rows: [...one.rows, ...other.rows], values };
}

/** The span's rows in another order, or some of them. */
export function picked(span: RunSpan, order: readonly number[]): RunSpan {
  const values: Record<string, Value[]> = {};
  for (const [column, all] of Object.entries(span.values)) values[column] = order.map((i) => all[i]);
  return { rows: order.map((i) => span.rows[i]), values };
}

/** The same rows in the same places, with what a page says of them; the span itself where it says nothing. */
export function refreshed(span: RunSpan, page: RunPage): RunSpan {
  const at = new Map(page.runs.map((run, i) => [run.uid, i]));
  if (!span.rows.some((run) => at.has(run.uid))) return span;
  const values: Record<string, Value[]> = {};
  for (const [column, all] of Object.entries(span.values)) {
    const found = page.columns[column];
    values[column] = found ? all.map((value, i) => found[at.get(span.rows[i].uid) ?? -1] ?? (at.has(span.rows[i].uid) ? null : value)) : all;
  }
  return { rows: span.rows.map((run) => page.runs[at.get(run.uid) ?? -1] ?? run), values };
}

/** Without some of the runs; the span itself where it has none of them. */
export function without(span: RunSpan, gone: ReadonlySet<string>): RunSpan {
  const kept = span.rows.flatMap((run, i) => (gone.has(run.uid) ? [] : [i]));
  return kept.length === span.rows.length ? span : picked(span, kept);
}

/** What a page from the top would change about the order of the rows; null for nothing. */
export function newsOf(rows: readonly RunRow[], page: RunPage): News | null {
  const seen = new Set(rows.map((run) => run.uid));
  const there = new Set(page.runs.map((run) => run.uid));
  const fresh = page.runs.filter((run) => !seen.has(run.uid)).length;
  const [before, after] = [rows.filter((run) => there.has(run.uid)), page.runs.filter((run) => seen.has(run.uid))];
  const moved = before.some((run, i) => run.uid !== after[i].uid);
  // A page that is full holds no more: what new runs push beyond its end is not gone.
  const gone = page.cursor === null ? rows.length - before.length : 0;
  return fresh > 0 || gone > 0 || moved ? { fresh, gone, moved } : null;
}

/** All the news together. */
export function allNews(every: readonly (News | null)[]): News | null {
  const some = every.filter((news) => news !== null);
  if (some.length === 0) return null;
  return { fresh: sum(some.map((n) => n.fresh)), gone: sum(some.map((n) => n.gone)), moved: some.some((n) => n.moved) };
}

const sum = (numbers: number[]): number => numbers.reduce((all, n) => all + n, 0);

/** What a chip says of them: the most telling of it. */
export function newsText({ fresh, gone }: News, what = "run"): string {
  const count = (n: number): string => `${n} ${n === 1 ? what : `${what}s`}`;
  if (fresh > 0) return `${fresh} new ${fresh === 1 ? what : `${what}s`}`;
  return gone > 0 ? `${count(gone)} gone` : "New order";
}
