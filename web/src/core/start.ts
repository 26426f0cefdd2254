/**
 * What the document of a workspace or a run brought along (`epochal/server/start.py`), so that the page need not ask for it.
 *
 * Promises: each part is given away once, as it ages; a document without it gives nothing, and the page asks.
 */
import { exactJson } from "./exact";
import { LOCAL } from "./route";
import type { FirstCurves, Info, LogPage, ProjectKeys, RunDetail, RunPage } from "./wire";

interface Place {
  info: Info;
  /** Null for the default one. */
  entity: string | null;
  project: string;
}

interface GivenProject {
  keys: ProjectKeys;
  /** The newest runs with the columns of a new table; null where the address asks for others. */
  runs: RunPage | null;
  /** Those runs in the chart that stands first; null where the address asks for others. */
  curves: FirstCurves | null;
}

interface GivenRun {
  run: RunDetail;
  /** The end of its console; null on other tabs. */
  logs: LogPage | null;
}

type Start = Partial<Place & GivenProject & GivenRun & { id: string }>;

function take(): Start {
  const element = typeof document === "undefined" ? null : document.getElementById("start");
  element?.remove();
  return exactJson(element?.textContent ?? "{}") as Start;
}

const start = take();

export function givenInfo(): Info | undefined {
  const { info } = start;
  delete start.info;
  return info;
}

const isOf = (entity: string, project: string): boolean => (start.entity ?? LOCAL) === entity && start.project === project;

export function givenProject(entity: string, project: string): GivenProject | null {
  const { keys, runs = null, curves = null } = start;
  const mine = keys && isOf(entity, project);
  delete start.keys;
  delete start.runs;
  delete start.curves;
  return mine ? { keys, runs, curves } : null;
}

export function givenRun(entity: string, project: string, id: string): GivenRun | null {
  const { run, logs = null } = start;
  const mine = run && isOf(entity, project) && start.id === id;
  delete start.run;
  delete start.logs;
  return mine ? { run, logs } : null;
}
