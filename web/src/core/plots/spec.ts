/** What plots show, read from specifications that anyone may have written. Pure: nonsense becomes null, never an exception. */
import { wireNumber } from "../format";
import type { Value } from "../wire";
import type { Box } from "./boxes";
import { readPlotly } from "./plotly";

/** One line or cloud; a gap is NaN. */
export interface Series {
  name: string;
  x: Float64Array;
  y: Float64Array;
  thresholds: Float64Array | null;
  /** The area under a curve and what it is called, such as AUC. */
  area: { name: string; value: number } | null;
  /** Points beside the lines of others. */
  dots?: boolean;
}

export interface XYSpec {
  kind: "line" | "scatter" | "roc" | "pr";
  x: string;
  y: string;
  series: Series[];
  /** Rows before thinning. */
  rows: number | null;
  logY?: boolean;
  /** x is a time in microseconds. */
  days?: boolean;
}

export interface BarSpec {
  kind: "bar";
  label: string;
  value: string;
  labels: string[];
  /** How high each is; of parts upon each other all together. */
  values: Float64Array;
  /** Parts of each bar, beside or upon each other; NaN where one is missing. */
  parts?: { name: string; values: Float64Array }[];
  stacked?: boolean;
}

export interface HistogramSpec {
  kind: "histogram";
  value: string;
  edges: Float64Array;
  counts: Float64Array;
  /** How many were no finite number. */
  other: number;
}

export interface ConfusionSpec {
  kind: "confusion";
  classes: string[];
  /** A row per actual class, a column per predicted one. */
  counts: Float64Array[];
  /** Of a heat map: its columns, what the axes are called, and which values have the first and the last color. Its rows are the classes. */
  heat?: { columns: string[]; x: string; y: string; lo: number; hi: number };
}

/** Boxes, or violins with boxes in them. */
export interface BoxSpec {
  kind: "box";
  label: string;
  value: string;
  labels: string[];
  boxes: Box[];
}

export type PlotSpec = XYSpec | BarSpec | BoxSpec | HistogramSpec | ConfusionSpec;

type Plain = { [key: string]: Value };

const plain = (value: Value | undefined): Plain | null => (typeof value === "object" && value !== null && !Array.isArray(value) ? value : null);
const list = (value: Value | undefined): Value[] => (Array.isArray(value) ? value : []);
const text = (value: Value | undefined): string => (typeof value === "string" ? value : value === undefined || value === null ? "" : String(value));
const numbers = (value: Value | undefined): Float64Array => Float64Array.from(list(value), (v) => wireNumber(v) ?? NaN);

/** Reads the specification of a plot of one of our types; null when it is none. */
export function readSpec(type: Value | undefined, value: Value | undefined): PlotSpec | null {
  const spec = plain(value);
  if (!spec) return null;
  if (type === "plotly") return readPlotly(spec);
  if (type === "line" || type === "scatter" || type === "roc" || type === "pr") return readXY(type, spec);
  if (type === "bar") return { kind: "bar", label: text(spec.label), value: text(spec.value), labels: list(spec.labels).map(text), values: numbers(spec.values) };
  if (type === "histogram") return readHistogram(spec, text(spec.value), wireNumber(spec.other) ?? 0);
  if (type === "confusion") {
    const classes = list(spec.classes).map(text);
    const counts = list(spec.counts).map(numbers);
    return counts.length === classes.length && counts.every((row) => row.length === classes.length) ? { kind: "confusion", classes, counts } : null;
  }
  return null;
}

/** Edges and counts that fit together; null otherwise. */
export function readHistogram(spec: Plain, value = "", other = 0): HistogramSpec | null {
  const edges = numbers(spec.edges);
  const counts = numbers(spec.counts);
  const fits = counts.length > 0 && edges.length === counts.length + 1 && [...edges, ...counts].every(Number.isFinite);
  return fits ? { kind: "histogram", value, edges, counts, other } : null;
}

function readXY(kind: XYSpec["kind"], spec: Plain): XYSpec {
  const series = list(spec.series).flatMap((entry) => {
    const given = plain(entry);
    if (!given) return [];
    const [x, y] = [numbers(given.x), numbers(given.y)];
    const length = Math.min(x.length, y.length);
    const area = kind === "roc" ? "auc" : kind === "pr" ? "ap" : null;
    const value = area === null ? undefined : wireNumber(given[area]);
    return [
      {
        name: text(given.name), x: x.subarray(0, length), y: y.subarray(0, length),
        thresholds: given.thresholds === undefined ? null : numbers(given.thresholds),
        area: area === null ? null : { name: area.toUpperCase(), value: value ?? NaN },
      },
    ];
  });
  return { kind, x: text(spec.x), y: text(spec.y), series, rows: typeof spec.rows === "number" ? spec.rows : null };
}
