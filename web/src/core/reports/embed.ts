/**
 * Addresses of embeds: a panel or a run for a frame on another page, such as a notebook's. Pure.
 *
 * Promises: reading what was written gives the same panel; an address that says too little, or what no embed knows, is told with what
 * it should say; markup that is copied holds nothing of a user unescaped.
 */
import { readBlock, readLines } from "./block";
import { specTitle } from "../panelspec";
import { LOCAL, projectPath, runPath } from "../route";
import { defaultView, formatView } from "../url";
import { writeLines } from "../reporting";

/** What a panel's address may say beside its place: the lines of a report's panel. */
const LINES = ["panel", "title", "where", "view", "runs", "limit", "x", "range", "smooth", "log", "frozen"] as const;
const PLACE = ["entity", "project", "report"] as const;
/** What the address of a run may say. */
const OF_RUN = ["entity", "project", "keys", "x", "xl", "yl", "sm", "z", "pf", "top", "hide", "po", "so", "fold", "add", "clip", "full", "band"] as const;
/** Both may say which theme they have, whatever the browser's is. */
const THEME = "theme";

export interface EmbeddedPanel {
  entity: string;
  project: string;
  /** The report that keeps the panel, where it is frozen. */
  report: string;
  /** The lines of its block. */
  lines: string;
}

const FORM = "/embed/panel?project=mnist&panel=lines:train/loss";

/** What a panel's address asks for, or what is wrong with it. */
export function readPanel(search: string): EmbeddedPanel | string {
  const given = new URLSearchParams(search);
  const odd = unknown(given, [...LINES, ...PLACE]);
  if (odd) return `An embedded panel knows nothing called ${odd}. It takes ${[...PLACE, ...LINES, THEME].join(", ")}.`;
  const said = (name: string): string => given.get(name)?.trim() ?? "";
  if (!said("project") || !said("panel")) return `The address names no ${said("project") ? "panel" : "project"}. It looks like ${FORM}`;
  if (said("frozen") && !said("report")) return "A frozen panel is kept by a report; the address has to name it, as report=NAME.";
  return { entity: said("entity") || LOCAL, project: said("project"), report: said("report"), lines: writeLines(Object.fromEntries(LINES.map((name) => [name, said(name)]))) };
}

/** What is wrong with the address of a run; empty when nothing is. */
export function oddOfRun(id: string, search: string): string {
  const given = new URLSearchParams(search);
  const odd = unknown(given, OF_RUN);
  if (odd) return `An embedded run knows nothing called ${odd}. It takes ${[...OF_RUN, THEME].join(", ")}.`;
  if (given.get("project") || /^[0-9a-f]{32}$/.test(id)) return "";
  return `The address does not say of which project ${id} is. It looks like /embed/run/${encodeURIComponent(id)}?project=mnist; the uid of a run, of 32 hexadecimal digits, needs no project.`;
}

/** The parameters that nobody knows, quoted. */
function unknown(given: URLSearchParams, known: readonly string[]): string {
  const names = new Set<string>([...known, THEME]);
  return [...new Set(given.keys())].filter((name) => !names.has(name)).map((name) => `“${name.slice(0, 40)}”`).join(", ");
}

const readable = (params: URLSearchParams): string => params.toString().replace(/%2F/g, "/").replace(/%3A/g, ":").replace(/%2C/g, ",");

/** The address of a panel's embed. */
export function panelAddress({ entity, project, report, lines }: EmbeddedPanel): string {
  const params = new URLSearchParams();
  if (entity !== LOCAL) params.set("entity", entity);
  params.set("project", project);
  const said = readLines(lines);
  if (said.has("frozen")) params.set("report", report);
  for (const name of LINES) if (said.get(name)) params.set(name, said.get(name) as string);
  return `/embed/panel?${readable(params)}`;
}

/** The address of the page that shows what an embedded panel shows, on all of the screen. */
export function fullAddress({ entity, project, lines }: EmbeddedPanel): string {
  const block = readBlock(lines);
  const said = readLines(lines);
  const name = said.get("panel") ?? "";
  const plain = block.spec?.kind === "lines" && !/[|*?^$[\](){}+\\]/.test(block.spec.pattern) ? block.spec.pattern : null;
  const key = plain ?? name;
  const runs = (said.get("runs") ?? "").split(/[,\s]+/).filter((id) => id !== "").map(decoded);
  const log = (on: boolean): string[] => (on ? [key] : []);
  const view = {
    ...defaultView(), q: said.get("where") ?? "", x: block.x === "step" ? null : block.x, z: block.range, sm: block.smooth,
    xl: log(block.logX), yl: log(block.logY), add: plain === null && block.spec ? [name] : [], full: block.spec ? key : "",
  };
  if (said.get("view")) return `${projectPath(entity, project)}?v=${encodeURIComponent(said.get("view") as string)}`;
  // A run by itself has a page of its own, and panels over runs are none of it.
  const ofOne = runs.length === 1 && (block.spec?.kind === "lines" || block.spec?.kind === "formula");
  if (ofOne) return runPath(entity, project, runs[0], "charts") + formatView(view);
  return projectPath(entity, project) + formatView({ ...view, sel: runs.length > 0 ? runs : null });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** A frame for another page, as HTML. */
export function frameOf(origin: string, panel: EmbeddedPanel): string {
  const block = readBlock(panel.lines);
  const title = block.title || (block.spec ? specTitle(block.spec) : "Panel");
  return `<iframe src="${escaped(origin + panelAddress(panel))}" title="${escaped(title)}" width="100%" height="360" style="border:0" loading="lazy"></iframe>`;
}
