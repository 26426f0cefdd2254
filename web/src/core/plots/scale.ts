/** Where values stand in a plot: extents, ticks, and paths of lines and dots. Pure. */
import { tickLabels, ticks } from "../axis";
import type { Series } from "./spec";

export interface Tick {
  at: number;
  text: string;
}

/** One axis from `lo` to `hi` on `length` pixels; upwards for y. */
export interface Scale {
  lo: number;
  hi: number;
  log: boolean;
  place(value: number): number;
  ticks: Tick[];
}

/** The least and greatest finite value; null when there is none. On a logarithmic axis only values above 0 count. */
export function extentOf(lists: readonly ArrayLike<number>[], log = false): [number, number] | null {
  let [lo, hi] = [Infinity, -Infinity];
  for (const values of lists) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (!Number.isFinite(value) || (log && value <= 0)) continue;
      if (value < lo) lo = value;
      if (value > hi) hi = value;
    }
  }
  return lo <= hi ? [lo, hi] : null;
}

/** Room around an extent, so that nothing lies on the frame; a single value stands in the middle. */
export function padded([lo, hi]: readonly [number, number], log = false): [number, number] {
  if (log) {
    const room = Math.max(1.15, (hi / lo) ** 0.04);
    return [lo / room, hi * room];
  }
  if (lo === hi) {
    const half = Math.abs(lo) / 2 || 0.5;
    return [lo - half, hi + half];
  }
  const room = (hi - lo) * 0.04;
  return [lo - room, hi + room];
}

export function scaleOf(range: readonly [number, number], length: number, options: { log?: boolean; up?: boolean; count?: number; days?: boolean } = {}): Scale {
  const { log = false, up = false, count = 5, days = false } = options;
  const [lo, hi] = range;
  const [from, to] = log ? [Math.log10(lo), Math.log10(hi)] : [lo, hi];
  const place = (value: number): number => {
    const part = ((log ? Math.log10(value) : value) - from) / (to - from);
    return (up ? 1 - part : part) * length;
  };
  // The axis of logarithms labels powers of ten by itself; between close bounds plain ticks read better.
  const kind = days ? "time" : log && hi / lo >= 8 ? "log" : "number";
  const values = ticks(kind, lo, hi, count);
  const labels = tickLabels(kind, values);
  return { lo, hi, log, place, ticks: values.map((value, i) => ({ at: place(value), text: labels[i] })) };
}

const round = (value: number): string => String(Math.round(value * 10) / 10);

/** The path of a line through the points; it breaks where a value is missing. */
export function linePath({ x, y }: Pick<Series, "x" | "y">, across: Scale, up: Scale): string {
  let path = "";
  let pen = false;
  for (let i = 0; i < x.length; i++) {
    const [px, py] = [across.place(x[i]), up.place(y[i])];
    if (!Number.isFinite(px) || !Number.isFinite(py)) {
      pen = false;
      continue;
    }
    const next = Number.isFinite(up.place(y[i + 1])) && i + 1 < x.length;
    path += `${pen ? "L" : "M"}${round(px)} ${round(py)}`;
    // A point between two gaps is a dot: a line of no length with round ends.
    if (!pen && !next) path += "h0";
    pen = true;
  }
  return path;
}

/** Dots as lines of no length: one path however many there are. */
export function dotPath({ x, y }: Pick<Series, "x" | "y">, across: Scale, up: Scale): string {
  let path = "";
  for (let i = 0; i < x.length; i++) {
    const [px, py] = [across.place(x[i]), up.place(y[i])];
    if (Number.isFinite(px) && Number.isFinite(py)) path += `M${round(px)} ${round(py)}h0`;
  }
  return path;
}

export interface Near {
  series: number;
  index: number;
  x: number;
  y: number;
}

/**
 * The points nearest to the pointer: of clouds the nearest one, of lines the nearest of each in x; nearest first.
 *
 * @param only of the whole plot just the nearest point, in both directions
 */
export function nearest(series: readonly Series[], across: Scale, up: Scale, px: number, py: number, only: boolean): Near[] {
  const found: (Near & { far: number })[] = [];
  series.forEach(({ x, y }, s) => {
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < x.length; i++) {
      const [dx, dy] = [across.place(x[i]) - px, up.place(y[i]) - py];
      if (!Number.isFinite(dx) || !Number.isFinite(dy)) continue;
      const far = only ? dx * dx + dy * dy : Math.abs(dx) + Math.abs(dy) * 1e-3;
      if (far < least) [best, least] = [i, far];
    }
    if (best >= 0) found.push({ series: s, index: best, x: x[best], y: y[best], far: Math.hypot(across.place(x[best]) - px, up.place(y[best]) - py) });
  });
  found.sort((a, b) => a.far - b.far);
  return (only ? found.slice(0, 1) : found).map(({ series: s, index, x, y }) => ({ series: s, index, x, y }));
}
