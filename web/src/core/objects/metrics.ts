/** The metrics of the runs that made a model's versions: which there are, and their last values. */
import { api, type ApiError } from "../api";
import { factColumn, metricColumn } from "../columnid";
import { compareText, isSystem, keyRank } from "../sections";
import type { Value } from "../wire";
import type { RunRef } from "./wire";

/** Columns of the projects that the runs belong to. */
export async function askColumns(runs: readonly RunRef[]): Promise<string[]> {
  const projects = new Map(runs.map((r) => [`${r.entity}\0${r.project}`, r]));
  const found = await Promise.all([...projects.values()].map((r) => api.keys(r.entity, r.project).catch(hidden)));
  const metrics = new Set(found.flatMap((keys) => keys?.metrics.map((m) => m.key) ?? []).filter((key) => !isSystem(key) && !/^(gradients|parameters)\//.test(key)));
  const facts = new Set(found.flatMap((keys) => keys?.summary.map((s) => s.key) ?? []));
  const ranked = [...metrics].sort((a, b) => keyRank(a) - keyRank(b) || compareText(a, b));
  return [...ranked.map((key) => metricColumn("last", key)), ...[...facts].sort(compareText).map((key) => factColumn("summary", key))];
}

/** A project that this reader may not see has no metrics; any other failure is one. */
function hidden(error: ApiError): null {
  if ([403, 404].includes(error.status)) return null;
  throw error;
}

const MOST_RUNS = 1_000;

/** Values of columns for each run, one question for each project. */
export async function askValues(runs: readonly RunRef[], columns: string[]): Promise<Map<string, Map<string, Value>>> {
  const values = new Map<string, Map<string, Value>>();
  const projects = new Map<string, RunRef[]>();
  for (const run of runs) projects.set(`${run.entity}\0${run.project}`, [...(projects.get(`${run.entity}\0${run.project}`) ?? []), run]);
  for (const group of projects.values()) {
    const ids = [...new Set(group.map((r) => r.id))].slice(0, MOST_RUNS);
    const [{ entity, project }] = group;
    const answer = await api.queryRuns({ entity, project, ids, columns, limit: Math.max(1, ids.length) }).catch(hidden);
    answer?.runs.forEach((run, i) => values.set(run.uid, new Map(columns.map((column) => [column, answer.columns[column]?.[i] ?? null]))));
  }
  return values;
}
