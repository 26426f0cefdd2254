/** What can be gone to and done by name, as plain lists: the places of a page, the shortcuts in force, and what fits a few words. */
import type { Shortcut } from "../keyboard";
import { artifactsPath, comparePath, KEYS_PATH, modelsPath, pipelinesPath, projectPath, reportsPath, RUN_TABS, runPath, sweepsPath, type Route } from "../route";
import { isSystem } from "../sections";

export interface Entry {
  /** Unique within its group. */
  title: string;
  /** A word beside it: a key, a state. */
  hint: string;
  run: () => void;
}

/** The project that a page belongs to; null outside of one. */
export function projectOf(route: Route): { entity: string; project: string } | null {
  return "project" in route ? { entity: route.entity, project: route.project } : null;
}

/** Title and path of each place that can be reached from a page. */
export function places(route: Route): [string, string][] {
  const { entity, project } = projectOf(route) ?? { entity: "", project: "" };
  const found: [string, string][] = [];
  if (route.page === "run") for (const tab of RUN_TABS) found.push([`This run: ${tab}`, runPath(entity, project, route.run, tab)]);
  if (project) {
    const base = projectPath(entity, project);
    found.push(["Runs and charts", base], ["Runs at full width", `${base}/runs`], ["Compare", comparePath(entity, project, [])]);
    found.push(["Sweeps", sweepsPath(entity, project)], ["Artifacts", artifactsPath(entity, project)], ["Reports", reportsPath(entity, project)], ["Pipelines", pipelinesPath(entity, project)]);
  }
  found.push(["Projects", "/"], ["Models", modelsPath()], ["Keys of this server", KEYS_PATH]);
  return found;
}

/** Where the chart of a metric is: on the page of the run that is looked at, or in the workspace. */
export function chartPath(route: Route, key: string): string | null {
  const full = `?full=${encodeURIComponent(key)}`;
  if (route.page === "run") return runPath(route.entity, route.project, route.run, isSystem(key) ? "system" : "charts") + full;
  const here = projectOf(route);
  return here && projectPath(here.entity, here.project) + full;
}

/** What shortcuts do, under the names that the help has for them. Tabs are places, what closes something has nothing to close, and what a part of the page hears itself is nothing without it. */
export function actions(shortcuts: readonly Shortcut[]): Entry[] {
  return shortcuts.flatMap(({ keys, what, group, when, run }) => {
    if (!run || group === "Tabs" || keys === "Escape" || keys.startsWith("Ctrl+") || when?.() === false) return [];
    const [key] = keys.split(" ");
    return [{ title: what.charAt(0).toUpperCase() + what.slice(1), hint: key, run: () => run(new KeyboardEvent("keydown", { key: key === "Space" ? " " : key })) }];
  });
}

/** The condition that finds runs by a part of their name or id; none for no words. */
export function runsWhere(words: string): string | undefined {
  const text = words.trim();
  if (text === "") return undefined;
  const pattern = JSON.stringify(`*${text}*`);
  return `name like ${pattern} or id like ${pattern}`;
}

/** Those whose title has every word, those that begin with them first; at most `most`. */
export function fitting<T extends { title: string }>(entries: readonly T[], words: string, most: number): T[] {
  const wanted = words.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const fits = entries.filter(({ title }) => wanted.every((word) => title.toLowerCase().includes(word)));
  const begins = ({ title }: T): boolean => wanted.length > 0 && title.toLowerCase().startsWith(wanted[0]);
  return [...fits.filter(begins), ...fits.filter((entry) => !begins(entry))].slice(0, most);
}
