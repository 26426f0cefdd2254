/**
 * The paths of the page. `/`, `/p/{project}[/runs]`, `/p/{project}/r/{run}[/tab]`, `/p/{project}/compare`, `/p/{project}/sweeps[/{sweep}]`, `/p/{project}/artifacts[/{name}@{version}[/tab]]`,
 * `/p/{project}/reports[/{name}]`, `/p/{project}/pipelines[/{id}[/n/{step}]]`, `/models[/{name}]`, `/keys`, `/embed/panel`, `/embed/run/{run}`; an entity other than `local` stands as `@entity` before the project or model. Names are
 * percent-encoded, so a project may hold any character, `/` among them.
 */

export const RUN_TABS = ["overview", "charts", "system", "logs", "media", "gradients", "files", "model", "notes"] as const;
export type RunTab = (typeof RUN_TABS)[number];

export const ARTIFACT_TABS = ["overview", "files", "versions", "diff", "lineage"] as const;
export type ArtifactTab = (typeof ARTIFACT_TABS)[number];

/** What follows the newest committed version. */
export const LATEST = "latest";

export type Route =
  | { page: "projects" }
  | { page: "workspace"; entity: string; project: string; wide: boolean }
  | { page: "run"; entity: string; project: string; run: string; tab: RunTab }
  | { page: "compare"; entity: string; project: string }
  | { page: "sweeps"; entity: string; project: string }
  | { page: "sweep"; entity: string; project: string; sweep: string }
  | { page: "artifacts"; entity: string; project: string }
  | { page: "artifact"; entity: string; project: string; name: string; version: string; tab: ArtifactTab }
  | { page: "pipelines"; entity: string; project: string }
  | { page: "pipeline"; entity: string; project: string; id: string; step: string | null }
  | { page: "reports"; entity: string; project: string }
  | { page: "report"; entity: string; project: string; name: string }
  | { page: "models"; entity: string }
  | { page: "model"; entity: string; name: string }
  | { page: "keys" }
  /** A panel for a frame, or a run where one is named. */
  | { page: "embed"; run: string | null }
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
  if (parts[0] === "keys" && parts.length === 1) return { page: "keys" };
  if (parts[0] === "models") return parseModels(path, parts.slice(1));
  if (parts[0] === "embed") return parseEmbed(path, parts.slice(1));
  if (parts[0] !== "p") return { page: "missing", path };
  // An encoded "@" belongs to a name; a bare one starts an entity.
  const hasEntity = path.startsWith("/p/@") && parts.length > 2;
  const entity = hasEntity ? parts[1].slice(1) : LOCAL;
  const [project, kind, run, tab, ...rest] = parts.slice(hasEntity ? 2 : 1);
  if (kind === "pipelines" && project) return parsePipeline(path, { entity, project }, run, tab, rest);
  if (!project || rest.length > 0) return { page: "missing", path };
  if (kind === undefined) return { page: "workspace", entity, project, wide: false };
  if (kind === "runs" && run === undefined) return { page: "workspace", entity, project, wide: true };
  if (kind === "compare" && run === undefined) return { page: "compare", entity, project };
  if (kind === "artifacts") return parseArtifact(path, { entity, project }, run, tab);
  if (kind === "sweeps" && tab === undefined && !run?.includes("/")) return run ? { page: "sweep", entity, project, sweep: run } : { page: "sweeps", entity, project };
  if (kind === "reports" && tab === undefined) return run ? { page: "report", entity, project, name: run } : { page: "reports", entity, project };
  if (kind !== "r" || !run) return { page: "missing", path };
  const known = RUN_TABS.find((t) => t === (tab ?? "overview"));
  return known ? { page: "run", entity, project, run, tab: known } : { page: "missing", path };
}

/** `name@version`; an artifact's name has no "@". */
function parseArtifact(path: string, where: { entity: string; project: string }, reference?: string, tab?: string): Route {
  if (!reference) return { page: "artifacts", ...where };
  const [name, version = LATEST, ...more] = reference.split("@");
  const known = ARTIFACT_TABS.find((t) => t === (tab ?? "overview"));
  if (!known || !name || !version || more.length > 0) return { page: "missing", path };
  return { page: "artifact", ...where, name, version, tab: known };
}

function parsePipeline(path: string, where: { entity: string; project: string }, id?: string, word?: string, rest: string[] = []): Route {
  if (!id) return { page: "pipelines", ...where };
  if (word === undefined) return { page: "pipeline", ...where, id, step: null };
  return word === "n" && rest.length === 1 ? { page: "pipeline", ...where, id, step: rest[0] } : { page: "missing", path };
}

function parseModels(path: string, parts: string[]): Route {
  const hasEntity = path.startsWith("/models/@");
  const entity = hasEntity ? parts[0].slice(1) : LOCAL;
  const [name, ...rest] = parts.slice(hasEntity ? 1 : 0);
  if (rest.length > 0 || !entity || name?.includes("/")) return { page: "missing", path };
  return name ? { page: "model", entity, name } : { page: "models", entity };
}

function parseEmbed(path: string, [kind, run, ...rest]: string[]): Route {
  if (kind === "panel" && run === undefined) return { page: "embed", run: null };
  return kind === "run" && run && rest.length === 0 ? { page: "embed", run } : { page: "missing", path };
}

export function projectPath(entity: string, project: string): string {
  const prefix = entity === LOCAL ? "" : `@${encodeURIComponent(entity)}/`;
  return `/p/${prefix}${encodeURIComponent(project)}`;
}

export function runPath(entity: string, project: string, run: string, tab: RunTab = "overview"): string {
  const base = `${projectPath(entity, project)}/r/${encodeURIComponent(run)}`;
  return tab === "overview" ? base : `${base}/${tab}`;
}

/** Runs side by side, the first of them as baseline. */
export function comparePath(entity: string, project: string, ids: readonly string[]): string {
  return `${projectPath(entity, project)}/compare${ids.length > 0 ? `?r=${ids.map(encodeURIComponent).join(",")}` : ""}`;
}

/** The sweeps of a project, or one of them. */
export function sweepsPath(entity: string, project: string, sweep?: string): string {
  const base = `${projectPath(entity, project)}/sweeps`;
  return sweep === undefined ? base : `${base}/${encodeURIComponent(sweep)}`;
}

/** The reports of a project, or one of them. */
export function reportsPath(entity: string, project: string, name?: string): string {
  const base = `${projectPath(entity, project)}/reports`;
  return name === undefined ? base : `${base}/${encodeURIComponent(name)}`;
}

export function artifactsPath(entity: string, project: string): string {
  return `${projectPath(entity, project)}/artifacts`;
}

/** `version` is a number, an alias, or the beginning of a digest. */
export function artifactPath(entity: string, project: string, name: string, version: number | string = LATEST, tab: ArtifactTab = "overview"): string {
  const word = typeof version === "number" ? `v${version}` : version;
  const base = `${artifactsPath(entity, project)}/${encodeURIComponent(name)}@${encodeURIComponent(word)}`;
  return tab === "overview" ? base : `${base}/${tab}`;
}

export function pipelinesPath(entity: string, project: string): string {
  return `${projectPath(entity, project)}/pipelines`;
}

export function pipelinePath(entity: string, project: string, id: string, step: string | null = null): string {
  const base = `${pipelinesPath(entity, project)}/${encodeURIComponent(id)}`;
  return step === null ? base : `${base}/n/${encodeURIComponent(step)}`;
}

export function modelsPath(entity: string = LOCAL, name?: string): string {
  const base = entity === LOCAL ? "/models" : `/models/@${encodeURIComponent(entity)}`;
  return name === undefined ? base : `${base}/${encodeURIComponent(name)}`;
}

/** Who may do what on this server. */
export const KEYS_PATH = "/keys";
