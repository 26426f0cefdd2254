/** The layer by step heatmap: values of cells, columns that fit the screen, and colors. Pure. */
import { wireNumber } from "../format";
import type { Stats } from "../media/shapes";
import type { Health } from "./health";
import { rms } from "./health";

export const MEASURES = {
  norm: { title: "norm", log: true },
  rms: { title: "rms", log: true },
  mean: { title: "|mean|", log: true },
  std: { title: "std", log: true },
  max: { title: "max |x|", log: true },
  zeros: { title: "share of zeros", log: false },
} as const;
export type Measure = keyof typeof MEASURES;

const number = (value: Stats["norm"]): number => wireNumber(value ?? undefined) ?? NaN;

/** One figure of a record; NaN when it is not known. */
export function measureOf(stats: Stats, measure: Measure): number {
  if (measure === "norm") return number(stats.norm);
  if (measure === "rms") return stats.norm == null ? NaN : rms(stats);
  if (measure === "mean") return Math.abs(number(stats.mean));
  if (measure === "std") return number(stats.std);
  if (measure === "zeros") return stats.n ? (stats.zeros ?? NaN) / stats.n : NaN;
  return Math.max(Math.abs(number(stats.min)), Math.abs(number(stats.max)));
}

/** One row of the heatmap. */
export interface Layer {
  key: string;
  /** The parameter's name. */
  name: string;
  steps: readonly number[];
  stats: readonly Stats[];
  states: readonly Health[];
}

/** A cell: the greatest value and the worst state of the records that share a column. */
export interface Cell {
  value: number;
  state: Health;
  records: number;
  from: number;
  to: number;
  /** NaN or infinite values among the gradients. */
  broken: "NaN" | "∞" | null;
}

/** Where each step's column is: every step has its own as long as they fit, else neighbors share one. */
export interface Columns {
  steps: readonly number[];
  count: number;
  share: number;
}

export function columnsFor(steps: readonly number[], width: number, least = 5): Columns {
  const room = Math.max(1, Math.floor(width / least));
  const share = Math.max(1, Math.ceil(steps.length / room));
  return { steps, count: Math.ceil(steps.length / share), share };
}

/** The cells of one row; undefined where the layer has no record. */
export function cellsOf(layer: Layer, columns: Columns, measure: Measure): (Cell | undefined)[] {
  const cells: (Cell | undefined)[] = new Array<Cell | undefined>(columns.count);
  let at = 0;
  layer.steps.forEach((step, i) => {
    while (at < columns.steps.length && columns.steps[at] < step) at++;
    const column = Math.floor(at / columns.share);
    const stats = layer.stats[i];
    const value = measureOf(stats, measure);
    const broken = stats.nan ? "NaN" : stats.inf ? "∞" : null;
    const before = cells[column];
    if (!before) cells[column] = { value, state: layer.states[i], records: 1, from: step, to: step, broken };
    else {
      before.value = Number.isNaN(before.value) ? value : Math.max(before.value, Number.isNaN(value) ? -Infinity : value);
      before.records++;
      before.to = step;
      before.broken = before.broken === "NaN" || broken === "NaN" ? "NaN" : (before.broken ?? broken);
      if (rank(layer.states[i]) > rank(before.state)) before.state = layer.states[i];
    }
  });
  return cells;
}

const ORDER: readonly Health[] = ["ok", "vanishing", "dead", "exploding", "inf", "nan"];
const rank = (state: Health): number => ORDER.indexOf(state);

export interface Bounds {
  lo: number;
  hi: number;
  /** Cells lie above the scale. */
  beyond: boolean;
}

/**
 * The bounds of the color scale: least and greatest finite value of cells that do not explode (above 0 for a logarithmic
 * one). An explosion would leave one color for all the others; it lies beyond the scale, and the view says so.
 */
export function bounds(rows: Iterable<readonly (Cell | undefined)[]>, log: boolean): Bounds | null {
  let [lo, hi, top] = [Infinity, -Infinity, -Infinity];
  for (const row of rows) {
    for (const cell of row) {
      if (!cell || !Number.isFinite(cell.value) || (log && cell.value <= 0)) continue;
      top = Math.max(top, cell.value);
      if (rank(cell.state) >= rank("exploding")) continue;
      lo = Math.min(lo, cell.value);
      hi = Math.max(hi, cell.value);
    }
  }
  if (lo <= hi) return { lo, hi, beyond: top > hi };
  return top > -Infinity ? { lo: top, hi: top, beyond: false } : null;
}

/** Where a value lies on the color scale, 0 to 1; zero of a logarithmic scale is at its foot. */
export function partOf(value: number, { lo, hi }: Bounds, log: boolean): number {
  if (log && value <= 0) return 0;
  const [v, from, to] = log ? [Math.log(value), Math.log(lo), Math.log(hi)] : [value, lo, hi];
  return to > from ? Math.max(0, Math.min(1, (v - from) / (to - from))) : 0.5;
}
