/** The links that MLflow's client prints: they name an experiment and a run behind the `#`, and lead to our pages. */
import type { Api } from "./api";
import { projectPath, runPath } from "./route";

const LINK = /^#\/experiments\/(\d{1,20})(?:\/runs\/([0-9a-f]{32}))?(?:[/?].*)?$/;

/** What such a fragment names; null when it is none. */
export function parseMlflowLink(hash: string): { experiment: string; run: string | null } | null {
  if (!hash.startsWith("#/experiments/")) return null; // nearly every visit
  const match = LINK.exec(hash);
  return match && { experiment: match[1], run: match[2] ?? null };
}

/** The path of our page for a fragment; null when it is none, or names nothing that is here. */
export async function mlflowPath(hash: string, api: Api): Promise<string | null> {
  const named = parseMlflowLink(hash);
  if (!named) return null;
  try {
    if (named.run !== null) {
      const run = await api.run(named.run);
      return runPath(run.entity, run.project, run.id);
    }
    const search = { experiment_ids: [named.experiment], max_results: 1 };
    const found = await api.ask<{ runs?: { info: { run_id: string } }[] }>("POST", "/ajax-api/2.0/mlflow/runs/search", search);
    if (!found.runs?.[0]) return null;
    const run = await api.run(found.runs[0].info.run_id);
    return projectPath(run.entity, run.project);
  } catch {
    return null; // the page of all projects is shown
  }
}
