/** Values of columns over the runs that a filter chooses: what scatter, bars and parallel coordinates draw. */
import type { Api } from "../api";
import { isAsked } from "../columnid";
import type { RunPage, RunRow, Value } from "../wire";

const PAGE = 1000;
/** More runs than these are not drawn, and it is said. */
export const MOST_RUNS = 5000;

export interface RunTable {
  runs: RunRow[];
  values: Record<string, Value[]>;
  /** Runs that the filter chooses, drawn or not. */
  matched: number;
}

/** All pages of a table, the newest runs first. */
export async function loadTable(api: Api, project: { entity: string; project: string }, where: string, columns: readonly string[]): Promise<RunTable> {
  const asked = [...new Set(columns)].filter(isAsked);
  const table: RunTable = { runs: [], values: Object.fromEntries(columns.map((c) => [c, []])), matched: 0 };
  let cursor: string | undefined;
  do {
    const page = await api.queryRuns({ ...project, where: where.trim() || undefined, order: ["-created"], columns: asked, limit: PAGE, cursor });
    table.runs.push(...page.runs);
    for (const column of Object.keys(table.values)) table.values[column].push(...(page.columns[column] ?? page.runs.map((run) => fieldOf(run, column))));
    table.matched = page.matched;
    cursor = page.cursor ?? undefined;
  } while (cursor && table.runs.length < MOST_RUNS);
  return table;
}

/** One page of runs as a table. */
export function tableOf(page: RunPage, columns: readonly string[]): RunTable {
  return { runs: page.runs, values: Object.fromEntries(columns.map((c) => [c, page.columns[c] ?? page.runs.map((run) => fieldOf(run, c))])), matched: page.matched };
}

/** Fields of a run as values: times in seconds. */
function fieldOf(run: RunRow, field: string): Value {
  if (field === "duration") return ((run.ended_us ?? run.updated_us) - run.created_us) / 1e6;
  const value = (run as unknown as Record<string, Value>)[field] ?? null;
  return Array.isArray(value) ? value.join(", ") : value;
}
