/** A panel of the page as lines of a report: what it shows, of which runs, as the address has them. Pure. */
import { isLog } from "./logaxes";
import { formatSpec, parseSpec } from "./panelspec";
import type { Route } from "./route";
import type { View } from "./url";
import type { XAxis } from "./wire";

export function writeX(x: XAxis): string {
  return typeof x === "string" ? { step: "", wall: "time", relative: "rel" }[x] : `m:${x.metric}`;
}

/** The lines of a panel's block, of those that say something. */
export function writeLines(lines: Readonly<Record<string, string>>): string {
  return Object.entries(lines).flatMap(([name, value]) => (value.trim() === "" ? [] : [`${name}: ${value.replace(/\s+/g, " ").trim()}`])).join("\n");
}

/** Ids in one line. */
export const writeRuns = (ids: readonly string[]): string => ids.map((id) => id.replace(/[%,\s]/g, encodeURIComponent)).join(", ");

/** `name` is the key of a metric or the text of an added panel, `x` what its curves stand over. */
export function linesHere(name: string, x: XAxis, { route, view, rest }: { route: Route; view: View; rest: Readonly<Record<string, string>> }): string {
  const spec = parseSpec(name);
  // Importance is always of the runs of the filter.
  const chosen = spec?.kind === "importance" ? null : route.page === "run" ? [route.run] : route.page === "compare" ? (rest.r ?? "").split(",").filter((id) => id !== "") : view.sel;
  const isSystem = name.startsWith("system/");
  // Other panels of the page show the same whatever the axis of the curves and its part are.
  const isCurves = !spec || spec.kind === "lines" || spec.kind === "formula";
  return writeLines({
    panel: spec ? name : formatSpec({ kind: "lines", pattern: name }),
    where: chosen ? "" : view.q,
    runs: chosen ? writeRuns(chosen) : "",
    x: !isCurves ? "" : writeX(x),
    range: view.z && isCurves && !isSystem ? view.z.join(",") : "",
    smooth: view.sm > 0 && isCurves ? `ema:${view.sm}` : "",
    log: isCurves ? `${isLog(view.xl, name) ? "x" : ""}${isLog(view.yl, name) ? "y" : ""}` : "",
  });
}
