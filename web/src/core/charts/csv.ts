/**
 * A panel's values as CSV: every point as it was logged, not what fits on the screen. Groups, whose mean exists only on
 * a grid, are given bucket by bucket.
 *
 * Promises: numbers keep all their digits; NaN and infinities are spelled out; a text that a spreadsheet would take for a
 * formula is quoted so that it is a text.
 */
import type { Api } from "../api";
import { seriesOf, type BucketSeries } from "../buckets";
import type { Want } from "../store";
import { refOf } from "../want";

/** Buckets of a group's table, and cells that the server gives at once. */
const GROUP_BUCKETS = 1024;
const MOST_CELLS = 4_000_000;

export function cell(value: string | number | bigint): string {
  if (typeof value !== "string") return typeof value === "number" && !Number.isFinite(value) ? (Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf") : String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

export const line = (cells: readonly (string | number | bigint)[]): string => `${cells.map(cell).join(",")}\r\n`;

/** All points of a panel's runs, run by run; of a zoomed panel those in view where x is the step. */
export async function valuesOf(api: Api, want: Want, names: readonly string[]): Promise<string> {
  if (want.series.some((id) => id.runs)) return groupsOf(api, want, names);
  const out = [line(["series", "run", "key", "step", "time_us", "value"])];
  const runs = [...new Set(want.series.map((id) => id.run))];
  const [lo, hi] = want.x === "step" && want.range ? [Math.ceil(want.range[0]), Math.floor(want.range[1])] : [undefined, undefined];
  for (const run of runs) {
    const mine = want.series.map((id, i) => ({ id, name: names[i] })).filter(({ id }) => id.run === run);
    const keys = mine.filter(({ id }) => !id.formula).map(({ id }) => id.key);
    const formulas = mine.filter(({ id }) => id.formula).map(({ id }) => id.key);
    const message = await api.points({ run, keys, formulas, lo, hi });
    const [steps, times, values] = ["step", "wall_us", "value"].map((name) => message.columns.get(name) ?? []);
    message.head.series.forEach(({ key, start, count }, i) => {
      const name = [...mine.filter(({ id }) => !id.formula), ...mine.filter(({ id }) => id.formula)][i].name;
      for (let at = start; at < start + count; at++) out.push(line([name, run, key, steps[at], times[at], values[at]]));
    });
  }
  return out.join("");
}

async function groupsOf(api: Api, want: Want, names: readonly string[]): Promise<string> {
  const [lo, hi] = want.range ?? [undefined, undefined];
  const members = want.series.reduce((sum, id) => sum + (id.runs?.length ?? 1), 0);
  const buckets = Math.max(1, Math.min(GROUP_BUCKETS, Math.floor(MOST_CELLS / members)));
  const message = await api.buckets({ series: want.series.map(refOf), x: want.x, lo, hi, buckets, fields: ["min", "max", "mean"] });
  const out = [line(["group", "key", "x_start", "x_end", "runs", "points", "mean", "std", "min", "max"])];
  seriesOf(message).forEach((s: BucketSeries, i) => {
    for (let b = 0; b < s.length; b++) {
      out.push(line([names[i], s.key, s.index[b] * s.width, (s.index[b] + 1) * s.width, s.runs?.[b] ?? 1, s.n[b], s.mean?.[b] ?? NaN, s.std?.[b] ?? 0, s.min?.[b] ?? NaN, s.max?.[b] ?? NaN]));
    }
  });
  return out.join("");
}

/** Offers a file to the person in front of the page. */
export function saveFile(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|-+$/g, "").slice(0, 100) || "chart";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
