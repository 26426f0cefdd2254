/** Histograms over steps as ridges: common edges, one outline per step, thinned to what can be told apart. Pure. */
import { ticks } from "../axis";
import { wireNumber } from "../format";
import type { Value } from "../wire";

export interface Ridge {
  step: number;
  /** Density on the common bins, 1 at its own greatest. */
  heights: Float64Array;
  /** The share of all its values that its fullest bin has. */
  top: number;
}

export interface Ridges {
  /** Bounds of the common axis, in values. */
  lo: number;
  hi: number;
  ridges: Ridge[];
  /** The axis is linear up to this distance from 0 and logarithmic beyond; null: linear everywhere. */
  linear: number | null;
  /** Where a value lies on the axis, 0 to 1. */
  part(value: number): number;
  /** The value at a place of the axis. */
  valueAt(part: number): number;
  ticks: { value: number; part: number }[];
  /** What lies outside of the axis, because a few values far off would flatten all the others; null where nothing does. */
  beyond: { values: number; lo: number; hi: number } | null;
}

export interface Counted {
  step: number;
  edges: readonly number[];
  counts: readonly number[];
}

/** Reads a histogram's meta; null when it holds nothing finite. */
export function readCounted(step: number, edges: Value | undefined, counts: Value | undefined): Counted | null {
  if (!Array.isArray(edges) || !Array.isArray(counts) || edges.length !== counts.length + 1) return null;
  const [e, c] = [edges.map((v) => wireNumber(v) ?? NaN), counts.map((v) => wireNumber(v) ?? NaN)];
  if (!e.every(Number.isFinite) || !c.every(Number.isFinite) || !c.some((n) => n > 0)) return null;
  // One bin stands for values that are all the same: its width is only there to be drawn.
  const middle = (e[0] + e[e.length - 1]) / 2;
  return { step, edges: c.length === 1 ? [middle, middle] : e, counts: c };
}

/** Evenly spaced ones of a list, the first and the last among them. */
export function thinned<T>(values: readonly T[], most: number): T[] {
  if (values.length <= most) return [...values];
  return Array.from({ length: most }, (_, i) => values[Math.round((i * (values.length - 1)) / (most - 1))]);
}

const BINS = 96;
/** The share of values at each end that may be left outside of the axis, where it would be so many times as wide with them. */
const FEW = 0.002;
const FLATTENED = 3;
/** Ranges that differ by more than this are shown on an axis of logarithms: else all but one were a single bar. */
const SPREAD = 40;

/**
 * Ridges on one axis; null when there is nothing to show.
 *
 * @param among all that share the axis: those of other runs, too
 */
export function ridgesOf(histograms: readonly Counted[], among: readonly Counted[] = histograms): Ridges | null {
  if (histograms.length === 0) return null;
  const reach = among.map((h) => Math.max(Math.abs(h.edges[0]), Math.abs(h.edges[h.edges.length - 1])));
  let [lo, hi] = [Math.min(...among.map((h) => h.edges[0])), Math.max(...among.map((h) => h.edges[h.edges.length - 1]))];
  if (hi < lo) return null;
  const most = mostOf(among);
  const clipped = hi - lo > most[1] - most[0] ? beyondOf(histograms, most) : null;
  if (clipped) [lo, hi] = most;
  if (hi === lo) [lo, hi] = [lo - (Math.abs(lo) / 2 || 0.5), hi + (Math.abs(hi) / 2 || 0.5)];
  const least = Math.min(...reach.filter((r) => r > 0));
  const linear = Math.min(Math.max(...reach), Math.max(-lo, hi)) / least > SPREAD ? least : null;
  const bend = (value: number): number => (linear === null ? value : Math.asinh(value / linear));
  const straight = (bent: number): number => (linear === null ? bent : Math.sinh(bent) * linear);
  const [from, to] = [bend(lo), bend(hi)];
  const part = (value: number): number => (bend(value) - from) / (to - from);
  const ridges = histograms.map((h) => ({ step: h.step, heights: rebinned(h, part), top: 0 }));
  // Each ridge is as high as it can be: a spike of one step must not flatten all the others.
  for (const ridge of ridges) {
    const { heights } = ridge;
    const top = Math.max(...heights);
    ridge.top = top / heights.reduce((sum, height) => sum + height, 0);
    if (top > 0) for (let i = 0; i < heights.length; i++) heights[i] /= top;
  }
  const places = linear === null ? ticks("number", lo, hi, 5) : bentTicks(lo, hi, linear);
  const valueAt = (place: number): number => straight(from + place * (to - from));
  return { lo, hi, ridges, linear, part, valueAt, ticks: places.map((value) => ({ value, part: part(value) })), beyond: clipped };
}

/** The range that all but a few values lie in, where the whole one is many times as wide; else the whole one. */
function mostOf(among: readonly Counted[]): [number, number] {
  const bins = among.flatMap(({ edges, counts }) => {
    const all = counts.reduce((sum, count) => sum + count, 0) * among.length;
    return counts.flatMap((count, i) => (count > 0 ? [{ from: edges[i], to: edges[i + 1], share: count / all }] : []));
  });
  const whole: [number, number] = [Math.min(...bins.map((b) => b.from)), Math.max(...bins.map((b) => b.to))];
  const reached = (sorted: typeof bins): (typeof bins)[number] => {
    let sum = 0;
    return sorted.find(({ share }) => (sum += share) > FEW) ?? sorted[sorted.length - 1];
  };
  const lo = reached([...bins].sort((a, b) => a.from - b.from)).from;
  const hi = reached([...bins].sort((a, b) => b.to - a.to)).to;
  const margin = (hi - lo) * 0.05;
  return hi > lo && whole[1] - whole[0] > FLATTENED * (hi - lo) ? [lo - margin, hi + margin] : whole;
}

/** How many values lie in bins outside of a range, and from where to where all values lie; null for none. */
function beyondOf(histograms: readonly Counted[], [from, to]: readonly [number, number]): Ridges["beyond"] {
  let values = 0;
  let [lo, hi] = [Infinity, -Infinity];
  for (const { edges, counts } of histograms) {
    counts.forEach((count, i) => {
      if (count === 0 || (edges[i + 1] > from && edges[i] < to)) return;
      values += count;
      [lo, hi] = [Math.min(lo, edges[i]), Math.max(hi, edges[i + 1])];
    });
  }
  return { values, lo, hi };
}

/** 0 and a few powers of ten to both sides. */
function bentTicks(lo: number, hi: number, linear: number): number[] {
  const first = Math.ceil(Math.log10(linear));
  const last = Math.floor(Math.log10(Math.max(Math.abs(lo), Math.abs(hi))));
  const stride = Math.max(1, Math.ceil((last - first + 1) / 3));
  const out = lo <= 0 && hi >= 0 ? [0] : [];
  for (let e = last; e >= first; e -= stride) for (const value of [10 ** e, -(10 ** e)]) if (value >= lo && value <= hi) out.push(value);
  return out.sort((a, b) => a - b);
}

/** Counts spread over common bins, each in proportion to how far it overlaps. */
function rebinned({ edges, counts }: Counted, part: (value: number) => number): Float64Array {
  const out = new Float64Array(BINS);
  counts.forEach((count, i) => {
    if (count === 0) return;
    const [from, to] = [part(edges[i]) * BINS, part(edges[i + 1]) * BINS];
    if (to < 0 || from > BINS) return;
    const first = Math.min(BINS - 1, Math.max(0, Math.floor(from)));
    if (!(to > from)) {
      out[first] += count;
      return;
    }
    for (let b = first; b <= Math.min(BINS - 1, Math.floor(to)); b++) {
      const overlap = Math.min(to, b + 1) - Math.max(from, b);
      if (overlap > 0) out[b] += (count * overlap) / (to - from);
    }
  });
  return out;
}
