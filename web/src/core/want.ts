/** What panels ask for, and how it is spelled to the server. Pure. */
import { xName } from "./url";
import type { BucketQuery, Change, SeriesRef, XAxis } from "./wire";

export interface SeriesId {
  /** Uid of the run, or a name of the group. */
  run: string;
  /** The series' key, or the formula. */
  key: string;
  formula?: boolean;
  /** The runs of a group: one mean with the band of all of them. */
  runs?: readonly string[];
}

/** What one panel shows. */
export interface Want {
  series: readonly SeriesId[];
  x: XAxis;
  /** Visible range of x, null for all. */
  range: readonly [number, number] | null;
  /** Upper limit of buckets per series, about one per pixel. */
  buckets: number;
  /** Weight of the moving average, 0 for none. */
  smooth: number;
  /** The axis of x is logarithmic. */
  logX?: boolean;
}

/** Few runs are drawn first-to-last through their extent (paint.ts); with many, `first` would only be ballast. */
const FEW_RUNS = 4;
const FIELDS_OF_FEW: BucketQuery["fields"] = ["first", "last", "min", "max"];
const FIELDS_OF_MANY: BucketQuery["fields"] = ["last", "min", "max"];
const FIELDS_OF_GROUPS: BucketQuery["fields"] = ["last", "min", "max", "mean"];
const MAX_GROUP_BUCKETS = 256;
/** So many points of a panel, and of one series, are drawn one by one (`service/bounds.py` has the same). */
const PANEL_POINTS = 8192;
const MOST_POINTS = 2048;

function fieldsOf(want: Want): BucketQuery["fields"] {
  if (want.series.some((id) => id.runs)) return FIELDS_OF_GROUPS;
  return want.series.length <= FEW_RUNS ? FIELDS_OF_FEW : FIELDS_OF_MANY;
}

export function gridOf(want: Want): string {
  return `${xName(want.x)}|${want.smooth}|${fieldsOf(want)?.join("")}|${want.range?.join(",") ?? ""}${want.logX ? "|log" : ""}`;
}

export function entryKey(grid: string, id: SeriesId): string {
  return `${grid}|${id.run}|${id.formula ? "=" : ""}${id.key}`;
}

export function refOf({ run, key, formula, runs }: SeriesId): SeriesRef {
  return { ...(runs ? { runs } : { run }), ...(formula ? { formula: key } : { key }) };
}

/** Runs of a group log at steps of their own: fewer, wider buckets hold more of them, and cost less. */
export function bucketsOf(want: Want): number {
  return want.series.some((id) => id.runs) ? Math.min(want.buckets, MAX_GROUP_BUCKETS) : want.buckets;
}

/** A series of no more points is drawn point by point. */
export const pointsOf = (want: Want): number => Math.min(MOST_POINTS, Math.floor(PANEL_POINTS / want.series.length));

export function sameRuns(a: readonly string[], b: readonly string[] | undefined): boolean {
  return a === b || (b !== undefined && a.length === b.length && a.every((run, i) => run === b[i]));
}

export function changeFor(id: SeriesId, changes: ReadonlyMap<string, Change>): Change | undefined {
  if (!id.runs) return changes.get(id.run);
  // A group is asked for as a whole: which of its runs changed makes no difference.
  return [...changes.values()].find((c) => id.runs?.includes(c.uid) && c.what.includes("series"));
}

export function queryOf(want: Want): Omit<BucketQuery, "series"> {
  return { x: want.x, fields: fieldsOf(want), ...(want.smooth > 0 ? { smooth: want.smooth } : {}), ...(want.logX ? { scale: "log" } : {}) };
}
