/**
 * The view as a query string: q, sort, cols, sel, x, xl, yl, sm, z, pf, line (ui.md 5.2), and how charts are arranged: top,
 * hide, po, so, fold, add, clip, full, band.
 *
 * Promises: what is default is absent, so an untouched page has a bare address; reading back what was written gives an
 * equal view; nonsense in an address falls back to the default of that one part.
 */
import type { XAxis } from "./wire";

export interface View {
  /** The `where` expression of the runs table. */
  q: string;
  /** Columns to order by, the first above all, with `-` before each that descends. */
  sort: string[];
  /** Columns of the table; null means the project's own choice. */
  cols: string[] | null;
  /** How many of them stay beside the name when the table is scrolled. */
  pin: number;
  /** Widths in pixels of columns that were resized. */
  w: Readonly<Record<string, number>>;
  /** Fields to group the runs by, outermost first. */
  group: string[];
  /** Ids of the plotted runs; null means the first rows of the table. */
  sel: string[] | null;
  /** Null is as the metrics were defined: over steps, or over the series that stands for them. */
  x: XAxis | null;
  /** Panels with a logarithmic x or y axis; "all" means each. */
  xl: "all" | string[];
  yl: "all" | string[];
  /** Weight of the moving average, 0 is off. */
  sm: number;
  /** Visible range of x. */
  z: [number, number] | null;
  /** Filter of panels. */
  pf: string;
  /** Keys of pinned panels, in their order. */
  top: string[];
  /** Panels that are not shown. */
  hide: string[];
  /** Panels in the order they were dragged to; others follow in their own order. */
  po: string[];
  /** Sections in the order they were dragged to. */
  so: string[];
  /** Sections that are not as they are by default: folded or open. */
  fold: string[];
  /** Panels that the user added, as core/panelspec.ts spells them. */
  add: string[];
  /** Panels whose outliers are clipped. */
  clip: string[];
  /** The panel that fills the page. */
  full: string;
  /** What is drawn around the mean of a group. */
  band: Band;
}

/** `runs` draws the runs of groups one by one. */
export type Band = "range" | "std" | "none" | "runs";

/** The parts of a view that say how charts are arranged; they are kept for each project on this machine, too. */
export const ARRANGEMENT = ["top", "hide", "po", "so", "fold", "add"] as const;
export type Arrangement = Pick<View, (typeof ARRANGEMENT)[number]>;

/** The parameters of an address that belong to the view. */
export const VIEW_KEYS = ["q", "sort", "cols", "pin", "w", "group", "sel", "x", "xl", "yl", "sm", "z", "pf", ...ARRANGEMENT, "clip", "full", "band"] as const;

export const DEFAULT_SORT = "-created";
/** What the server takes at most. */
export const MOST_SORTS = 8;
export const MOST_LEVELS = 4;

export function isDefaultSort(sort: readonly string[]): boolean {
  return sort.length === 1 && sort[0] === DEFAULT_SORT;
}

export function defaultView(): View {
  return {
    q: "", sort: [DEFAULT_SORT], cols: null, pin: 0, w: {}, group: [], sel: null, x: null, xl: [], yl: [], sm: 0, z: null, pf: "",
    top: [], hide: [], po: [], so: [], fold: [], add: [], clip: [], full: "", band: "range",
  };
}

/** Only what separates or escapes is escaped inside an item, so that addresses stay readable. */
const list = (values: string[]): string => values.map((v) => v.replace(/[%,]/g, encodeURIComponent)).join(",");

/** The items of a list in an address. */
export function listOf(text: string): string[] {
  return text.split(",").filter((t) => t !== "").map(safeDecode);
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Writes a view; the leading `?` is included when there is anything to say. */
export function formatView(view: View): string {
  const out: string[] = [];
  const put = (key: string, value: string): void => void out.push(`${key}=${value}`);
  const free = (text: string): string => encodeURIComponent(text).replace(/%2F/g, "/").replace(/%3A/g, ":").replace(/%20/g, "+");
  if (view.q) put("q", free(view.q));
  const items = (key: string, values: string[]): void => put(key, free(list(values)).replace(/%2C/g, ","));
  if (!isDefaultSort(view.sort)) items("sort", view.sort);
  if (view.cols) items("cols", view.cols);
  if (view.pin > 0) put("pin", String(view.pin));
  const widths = Object.entries(view.w);
  if (widths.length > 0) items("w", widths.map(([id, width]) => `${width}~${id}`));
  if (view.group.length > 0) items("group", view.group);
  if (view.sel) put("sel", free(list(view.sel)).replace(/%2C/g, ","));
  if (view.x !== null) put("x", free(typeof view.x === "string" ? X_SHORT[view.x] : `m:${view.x.metric}`));
  for (const axis of ["xl", "yl"] as const) {
    const value = view[axis];
    if (value === "all") put(axis, "1");
    else if (value.length > 0) put(axis, free(list(value)).replace(/%2C/g, ","));
  }
  if (view.sm > 0) put("sm", `ema:${view.sm}`);
  if (view.z) put("z", `${view.z[0]},${view.z[1]}`);
  if (view.pf) put("pf", free(view.pf));
  for (const key of [...ARRANGEMENT, "clip"] as const) if (view[key].length > 0) put(key, free(list(view[key])).replace(/%2C/g, ","));
  if (view.full) put("full", free(view.full));
  if (view.band !== "range") put("band", view.band);
  return out.length === 0 ? "" : `?${out.join("&")}`;
}

const X_SHORT = { step: "step", wall: "time", relative: "rel" } as const;

/** Reads a query string, with or without the `?`. */
export function parseView(query: string): View {
  const params = new URLSearchParams(query);
  const view = defaultView();
  view.q = params.get("q") ?? "";
  if (params.get("sort")) view.sort = listOf(params.get("sort") ?? "").slice(0, MOST_SORTS);
  view.cols = params.has("cols") ? listOf(params.get("cols") ?? "") : null;
  view.pin = Math.min(view.cols?.length ?? 0, parseCount(params.get("pin")));
  view.w = parseWidths(params.get("w"));
  view.group = listOf(params.get("group") ?? "").slice(0, MOST_LEVELS);
  view.sel = params.has("sel") ? listOf(params.get("sel") ?? "") : null;
  view.x = parseX(params.get("x"));
  view.xl = parseLog(params.get("xl"));
  view.yl = parseLog(params.get("yl"));
  view.sm = parseSmooth(params.get("sm"));
  view.z = parseZoom(params.get("z"));
  view.pf = params.get("pf") ?? "";
  for (const key of [...ARRANGEMENT, "clip"] as const) view[key] = [...new Set(listOf(params.get(key) ?? ""))];
  view.full = params.get("full") ?? "";
  const band = params.get("band");
  view.band = band === "std" || band === "none" || band === "runs" ? band : "range";
  return view;
}

function parseCount(text: string | null): number {
  return /^\d{1,3}$/.test(text ?? "") ? Number(text) : 0;
}

function parseWidths(text: string | null): Record<string, number> {
  const widths: Record<string, number> = {};
  for (const item of listOf(text ?? "")) {
    const match = /^(\d{2,4})~(.+)$/s.exec(item);
    if (match) widths[match[2]] = Number(match[1]);
  }
  return widths;
}

function parseX(text: string | null): XAxis | null {
  if (text === "step") return "step";
  if (text === "time") return "wall";
  if (text === "rel") return "relative";
  if (text?.startsWith("m:") && text.length > 2) return { metric: text.slice(2) };
  return null;
}

function parseLog(text: string | null): "all" | string[] {
  if (!text) return [];
  return text === "1" ? "all" : listOf(text);
}

function parseSmooth(text: string | null): number {
  const match = /^ema:(0?\.\d+)$/.exec(text ?? "");
  const weight = match ? Number(match[1]) : 0;
  return weight > 0 && weight < 1 ? weight : 0;
}

function parseZoom(text: string | null): [number, number] | null {
  const parts = (text ?? "").split(",");
  if (parts.length !== 2 || parts.some((p) => p.trim() === "")) return null;
  const [lo, hi] = parts.map(Number);
  return Number.isFinite(lo) && Number.isFinite(hi) && lo < hi ? [lo, hi] : null;
}

/** A short text that tells two x axes apart. */
export function xName(x: XAxis): string {
  return typeof x === "string" ? x : `m:${x.metric}`;
}
