/** Common Plotly figures as plots of ours: their data, not their styling. Pure; what we would draw wrongly is null. */
import { wireNumber } from "../format";
import type { Value } from "../wire";
import { boxOf, type Box } from "./boxes";
import type { BarSpec, BoxSpec, ConfusionSpec, HistogramSpec, PlotSpec, Series } from "./spec";

type Plain = { [key: string]: Value };

const MOST = 10_000;
/** Plotly draws markers on short lines of its own accord. */
const SHORT = 20;
const LINES = new Set(["scatter", "scattergl"]);
const BOXES = new Set(["box", "violin"]);
/** Boxes beside each other that still are boxes. */
const MOST_BOXES = 100;
/** Cells of a heat map that are drawn. */
const CELLS = 1 << 20;
/** A day, with a time or without; zones are left out, as Plotly does. */
const DAY = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?/;
/** Bytes of a number, and how to read it, by numpy's name. */
const PACKED: { [dtype: string]: [number, (view: DataView, at: number) => number] } = {
  i1: [1, (v, at) => v.getInt8(at)], u1: [1, (v, at) => v.getUint8(at)],
  i2: [2, (v, at) => v.getInt16(at, true)], u2: [2, (v, at) => v.getUint16(at, true)],
  i4: [4, (v, at) => v.getInt32(at, true)], u4: [4, (v, at) => v.getUint32(at, true)],
  f4: [4, (v, at) => v.getFloat32(at, true)], f8: [8, (v, at) => v.getFloat64(at, true)],
};

const plain = (value: Value | undefined): Plain => (typeof value === "object" && value !== null && !Array.isArray(value) ? value : {});
const titled = (value: Value | undefined): string => {
  const text = typeof value === "string" ? value : plain(value).text;
  return typeof text === "string" ? text.replace(/<br ?\/?>/g, " ").replace(/<\/?(b|i|sup|sub)>/g, "") : "";
};

/** The title of a figure. */
export const plotlyTitle = (figure: Value | undefined): string => titled(plain(plain(figure).layout).title);

/** Reads a figure of lines and points, of boxes and violins, of bars (beside or upon each other), one pie, one histogram or one heat map. */
export function readPlotly(figure: Plain): PlotSpec | null {
  const layout = plain(figure.layout);
  const traces = (Array.isArray(figure.data) ? figure.data : []).map(plain).filter((t) => t.visible !== false && t.visible !== "legendonly");
  const [first] = traces;
  if (!first || traces.some((t) => t.xaxis !== first.xaxis || t.yaxis !== first.yaxis)) return null;
  const [across, up] = [first.xaxis, first.yaxis].map((name, i) => plain(layout[`${"xy"[i]}axis${String(name ?? "").slice(1)}`]));
  const names = { x: titled(across.title), y: titled(up.title) };
  if (across.type === "log") return null;
  if (traces.every((t) => LINES.has(String(t.type ?? "scatter")))) return readLines(traces, names, up.type === "log");
  if (up.type === "log") return null;
  if (traces.every((t) => BOXES.has(String(t.type)))) return readBoxes(traces, names);
  if (traces.length > 1) return traces.every((t) => t.type === "bar") ? readGroups(traces, names, layout) : null;
  if (first.type === "bar") return readBars(first, names);
  if (first.type === "pie") return readBars({ x: first.labels, y: first.values }, names);
  if (first.type === "heatmap") return readHeat(first, names, up.autorange === "reversed");
  return first.type === "histogram" ? readHistogram(first, names.x) : null;
}

function readLines(traces: Plain[], { x, y }: { x: string; y: string }, logY: boolean): PlotSpec | null {
  const series: Series[] = [];
  let [rows, days] = [0, 0];
  for (const trace of traces) {
    const ys = numbersOf(trace.y);
    const when = daysOf(trace.x);
    if (when) days++;
    const xs = trace.x === undefined ? ys?.map((_, i) => i) : (when ?? numbersOf(trace.x));
    const mode = typeof trace.mode === "string" ? trace.mode : (ys?.length ?? 0) < SHORT ? "lines+markers" : "lines";
    if (!xs || !ys || trace.stackgroup !== undefined || !/lines|markers/.test(mode)) return null;
    const stride = Math.ceil(ys.length / MOST);
    const thin = (values: Float64Array) => (stride > 1 ? values.filter((_, i) => i % stride === 0) : values);
    const length = Math.min(xs.length, ys.length);
    rows ||= length;
    series.push({ name: titled(trace.name), x: thin(xs.subarray(0, length)), y: thin(ys.subarray(0, length)), thresholds: null, area: null, dots: !mode.includes("lines") });
  }
  if (days > 0 && days < traces.length) return null;
  return { kind: series.every((s) => s.dots) ? "scatter" : "line", x, y, series, rows, logY, days: days > 0 };
}

/** One for each trace, or for each of its groups; lying ones stand. */
function readBoxes(traces: Plain[], { x, y }: { x: string; y: string }): BoxSpec | null {
  const [labels, boxes]: [string[], Box[]] = [[], []];
  const isLying = (t: Plain): boolean => t.orientation === "h" || t.y === undefined;
  for (const [i, trace] of traces.entries()) {
    const [along, given] = isLying(trace) ? [trace.y, trace.x] : [trace.x, trace.y];
    const values = numbersOf(given);
    const groups = Array.isArray(along) ? along : numbersOf(along);
    if (!values || (along !== undefined && groups?.length !== values.length)) return null;
    const name = titled(trace.name) || `trace ${i}`;
    for (const group of new Set(groups ?? [name])) {
      const box = boxOf(groups ? values.filter((_, k) => groups[k] === group) : values, trace.type === "violin");
      if (!box) continue;
      labels.push(groups && traces.length > 1 ? `${String(group)}, ${name}` : String(group));
      boxes.push(box);
    }
  }
  if (boxes.length === 0 || boxes.length > MOST_BOXES) return null;
  return { kind: "box", label: isLying(traces[0]) ? y : x, value: isLying(traces[0]) ? x : y, labels, boxes };
}

function readBars(trace: Plain, { x, y }: { x: string; y: string }): BarSpec | null {
  const lying = trace.orientation === "h";
  const [of, to] = lying ? [trace.y, trace.x] : [trace.x, trace.y];
  const values = numbersOf(to);
  const labels = Array.isArray(of) ? of : [...(numbersOf(of) ?? values?.keys() ?? [])];
  if (!values || trace.base !== undefined || labels.some((label) => typeof label === "object" && label !== null)) return null;
  const count = Math.min(values.length, labels.length);
  return { kind: "bar", label: lying ? y : x, value: lying ? x : y, labels: labels.slice(0, count).map(String), values: values.subarray(0, count) };
}

/** Bars of several traces, a part of each bar for each: beside each other, which Plotly does by itself, or upon each other. */
function readGroups(traces: Plain[], names: { x: string; y: string }, { barmode = "group", barnorm }: Plain): BarSpec | null {
  const read = traces.map((trace) => readBars(trace, names));
  const found = read.filter((bars) => bars !== null);
  const places = traces.flatMap((t) => (t.offsetgroup ? [t.offsetgroup] : []));
  const stacked = barmode !== "group";
  const labels = [...new Set(found.flatMap((bars) => bars.labels))];
  if (labels.every((label) => label !== "" && Number.isFinite(Number(label)))) labels.sort((a, b) => Number(a) - Number(b));
  const known = found.every((bars) => new Set(bars.labels).size === bars.labels.length) && found.length === traces.length;
  const odd = barnorm || !["group", "stack", "relative"].includes(String(barmode)) || new Set(traces.map((t) => t.orientation === "h")).size > 1 || new Set(places).size < places.length;
  if (!known || odd || labels.length * traces.length > MOST || (stacked && found.some((bars) => bars.values.some((v) => v < 0)))) return null;
  const parts = found.map((bars, i) => ({ name: titled(traces[i].name) || `trace ${i}`, values: Float64Array.from(labels, (label) => bars.values[bars.labels.indexOf(label)] ?? NaN) }));
  const values = Float64Array.from(labels, (_, i) => parts.reduce((sum, part) => sum + (part.values[i] || 0), 0));
  return { ...found[0], labels, values, parts, stacked };
}

function readHistogram(trace: Plain, value: string): HistogramSpec | null {
  const all = numbersOf(trace.x);
  const changed = [trace.y, trace.histnorm, trace.histfunc, plain(trace.cumulative).enabled].some(Boolean);
  const found = all?.filter(Number.isFinite);
  if (!all || !found?.length || changed) return null;
  const [low, high] = found.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  const given = plain(trace.xbins);
  const size = wireNumber(given.size);
  const begin = size ? (wireNumber(given.start) ?? low) : low;
  const wanted = size ? Math.ceil(((wireNumber(given.end) ?? high) - begin) / size) : (wireNumber(trace.nbinsx) ?? Math.sqrt(found.length));
  const bins = Math.max(1, Math.min(200, Math.round(wanted)));
  const width = size ?? ((high - low) / bins || 1);
  const counts = new Float64Array(bins);
  let outside = 0;
  for (const v of found) {
    const bin = v === high && !size ? bins - 1 : Math.floor((v - begin) / width);
    if (bin >= 0 && bin < bins) counts[bin]++;
    else outside++;
  }
  if (outside > 0) return null;
  return { kind: "histogram", value, edges: Float64Array.from({ length: bins + 1 }, (_, i) => begin + i * width), counts, other: all.length - found.length };
}

/** A heat map; the first row is the lowest, unless the axis is turned. */
function readHeat(trace: Plain, { x, y }: { x: string; y: string }, turned: boolean): ConfusionSpec | null {
  const shape = String(plain(trace.z).shape ?? "").split(",").map(Number);
  const flat = shape.length === 2 ? numbersOf({ ...plain(trace.z), shape: null }) : null;
  const given = flat ? Array.from({ length: shape[0] }, (_, r) => flat.subarray(r * shape[1], (r + 1) * shape[1])) : Array.isArray(trace.z) ? trace.z.map(numbersOf) : [];
  const counts = given.filter((row) => row !== null);
  const wide = counts[0]?.length ?? 0;
  const [columns, classes] = [labelsOf(trace.x, wide), labelsOf(trace.y, counts.length)];
  const fits = counts.length === given.length && counts.every((row) => row.length === wide);
  if (!fits || wide === 0 || wide * counts.length > CELLS || !columns || !classes || trace.transpose) return null;
  const values = counts.flatMap((row) => [...row]).filter(Number.isFinite);
  const [lo, hi] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  const least = wireNumber(trace.zmin) ?? lo;
  const heat = { columns, x, y, lo: least, hi: wireNumber(trace.zmax) ?? hi };
  return { kind: "confusion", classes: turned ? classes : classes.reverse(), counts: turned ? counts : counts.reverse(), heat };
}

/** The names of so many rows or columns: those that are given, or their numbers; null where they do not fit. */
function labelsOf(value: Value | undefined, count: number): string[] | null {
  const given = Array.isArray(value) ? value : value === undefined || value === null ? [...Array(count).keys()] : [...(numbersOf(value) ?? [])];
  return given.length === count ? given.map(String) : null;
}

/** Days and times in microseconds, as the axis of time takes them: on the clock of who looks, like all others of this page. */
function daysOf(value: Value | undefined): Float64Array | null {
  if (!Array.isArray(value) || typeof value.find((v) => v !== null) !== "string") return null;
  const found = value.map((v) => (v === null ? NaN : new Date((DAY.exec(String(v))?.[0] ?? "").replace(/^.{10}$/, "$&T00:00").replace(" ", "T")).getTime() * 1000));
  return found.every((time, i) => value[i] === null || Number.isFinite(time)) ? Float64Array.from(found) : null;
}

/** Numbers of a list, or packed as Plotly 6 does; null where something else stands among them, such as names or days. */
function numbersOf(value: Value | undefined): Float64Array | null {
  if (Array.isArray(value)) {
    return value.every((v) => v === null || wireNumber(v) !== undefined) ? Float64Array.from(value, (v) => wireNumber(v) ?? NaN) : null;
  }
  const { dtype, bdata, shape } = plain(value);
  const way = PACKED[String(dtype)];
  if (!way || typeof bdata !== "string" || (shape !== undefined && shape !== null)) return null;
  try {
    const bytes = Uint8Array.from(atob(bdata), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Float64Array.from({ length: Math.floor(bytes.length / way[0]) }, (_, i) => way[1](view, i * way[0]));
  } catch {
    return null; // no base64
  }
}
