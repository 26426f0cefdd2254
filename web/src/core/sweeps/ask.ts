/** The routes of sweeps, each a function. */
import { api, query } from "../api";
import type { ImportanceReport } from "../plots/importance";
import type { Value } from "../wire";
import type { SweepChanges, SweepDetail, SweepRow } from "./wire";

const V1 = "/api/v1/sweeps";
const at = (id: string, more = ""): string => `${V1}/${encodeURIComponent(id)}${more}`;

export async function askSweeps(entity: string, project: string): Promise<SweepRow[]> {
  return (await api.ask<{ sweeps: SweepRow[] }>("GET", `${V1}?${query({ entity, project })}`)).sweeps;
}

/** @param since a revision told before: then only the trials that changed after it come */
export const askSweep = (id: string, since?: number): Promise<SweepDetail> => api.ask("GET", at(id, since === undefined ? "" : `?${query({ since })}`));

/**
 * @param config a YAML text: the server names the line of what it refuses
 * @param prior_runs ids of runs that the search learns from before it begins
 */
export const createSweep = (entity: string, project: string, config: string, prior_runs: string[] = []): Promise<SweepRow> => api.ask("POST", V1, { config, entity, project, prior_runs });

const MOST_PRIOR = 1000;

/** The ids of the runs that a filter finds, for a search to learn from. */
export async function priorRuns(entity: string, project: string, where: string): Promise<string[]> {
  const { runs, matched } = await api.queryRuns({ entity, project, where, limit: MOST_PRIOR });
  if (matched === 0) throw new Error("No run fits the filter of runs to learn from.");
  if (matched > MOST_PRIOR) throw new Error(`The filter of runs to learn from finds ${matched}; a sweep that is made here learns from at most ${MOST_PRIOR}.`);
  return runs.map((run) => run.id);
}
export const changeSweep = (id: string, changes: SweepChanges): Promise<SweepRow> => api.ask("PATCH", at(id), changes);
export const deleteSweep = (id: string): Promise<void> => api.ask("DELETE", at(id));
export const enqueueTrial = (id: string, config: Record<string, Value>): Promise<SweepRow> => api.ask("POST", at(id, "/queue"), { configs: [config] });
/** Runs the best trial again, once with each seed. */
export const repeatBest = (id: string, seeds: number[]): Promise<SweepRow> => api.ask("POST", at(id, "/repeat"), { seeds });
export const askImportance = (id: string): Promise<ImportanceReport> => api.ask("GET", at(id, "/importance"));
