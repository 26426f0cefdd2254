/**
 * What the document of a workspace brought along (`epochal/server/page.py`), so that the page need not ask for it.
 *
 * Promises: each part is given away once, as it ages; a document without it gives nothing, and the page asks.
 */
import { LOCAL } from "./route";
import type { Info, ProjectKeys, RunPage } from "./wire";

interface Start {
  info: Info;
  /** Null for the default one. */
  entity: string | null;
  project: string;
  keys: ProjectKeys;
  /** The newest runs with the columns of a new table; null where the address asks for others. */
  runs: RunPage | null;
}

const start: Partial<Start> = typeof document === "undefined" ? {} : (JSON.parse(document.getElementById("start")?.textContent ?? "{}") as Partial<Start>);

export function givenInfo(): Info | undefined {
  const { info } = start;
  delete start.info;
  return info;
}

export function givenProject(entity: string, project: string): Pick<Start, "keys" | "runs"> | null {
  const { keys, runs = null } = start;
  const mine = keys && (start.entity ?? LOCAL) === entity && start.project === project;
  delete start.keys;
  return mine ? { keys, runs } : null;
}
