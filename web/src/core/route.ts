/**
 * The paths of the page. `/`, `/p/{project}`, `/p/{project}/r/{run}[/tab]`; an entity other than `local` stands as
 * `@entity` before the project. Names are percent-encoded, so a project may hold any character, `/` among them.
 */

export const RUN_TABS = ["overview", "charts", "system", "logs"] as const;
export type RunTab = (typeof RUN_TABS)[number];

export type Route =
  | { page: "projects" }
  | { page: "workspace"; entity: string; project: string }
  | { page: "run"; entity: string; project: string; run: string; tab: RunTab }
  | { page: "missing"; path: string };

export const LOCAL = "local";

/** Reads a location's path; anything unknown is the `missing` page, never an exception. */
export function parseRoute(path: string): Route {
  let parts: string[];
  try {
    parts = path.split("/").filter((p) => p !== "").map(decodeURIComponent);
  } catch {
    return { page: "missing", path };
  }
  if (parts.length === 0 || (parts.length === 1 && parts[0] === "index.html")) return { page: "projects" };
  if (parts[0] !== "p") return { page: "missing", path };
  // An encoded "@" belongs to a name; a bare one starts an entity.
  const hasEntity = path.startsWith("/p/@") && parts.length > 2;
  const entity = hasEntity ? parts[1].slice(1) : LOCAL;
  const [project, kind, run, tab, ...rest] = parts.slice(hasEntity ? 2 : 1);
  if (!project || rest.length > 0) return { page: "missing", path };
  if (kind === undefined) return { page: "workspace", entity, project };
  if (kind !== "r" || !run) return { page: "missing", path };
  const known = RUN_TABS.find((t) => t === (tab ?? "overview"));
  return known ? { page: "run", entity, project, run, tab: known } : { page: "missing", path };
}

export function projectPath(entity: string, project: string): string {
  const prefix = entity === LOCAL ? "" : `@${encodeURIComponent(entity)}/`;
  return `/p/${prefix}${encodeURIComponent(project)}`;
}

export function runPath(entity: string, project: string, run: string, tab: RunTab = "overview"): string {
  const base = `${projectPath(entity, project)}/r/${encodeURIComponent(run)}`;
  return tab === "overview" ? base : `${base}/${tab}`;
}
