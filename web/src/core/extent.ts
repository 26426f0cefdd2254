/** The ranges of a chart's axes, from the buckets in view. Every finite value in view counts; what is left out is counted. */
import { finiteAt, firstX, lastX, type BucketSeries } from "./buckets";

export interface YExtent {
  lo: number;
  hi: number;
  /** Buckets that reach outside [lo, hi] because outliers are clipped. */
  clipped: number;
  /** Buckets with values at or below zero, which a logarithmic axis cannot show. */
  hidden: number;
}

/** From the first to the last point of all series; null when there is none. */
export function xExtent(all: readonly BucketSeries[], log: boolean): [number, number] | null {
  let lo = Infinity;
  let hi = -Infinity;
  for (const s of all) {
    let from = 0;
    while (log && from < s.length && firstX(s, from) <= 0) from++;
    if (from >= s.length) continue;
    lo = Math.min(lo, firstX(s, from));
    hi = Math.max(hi, lastX(s, s.length - 1));
  }
  if (!(lo <= hi)) return null;
  if (lo < hi) return [lo, hi];
  if (log) return [lo / 2, lo * 2];
  const around = Math.max(1, Math.abs(lo) * 0.05);
  return [lo - around, hi + around];
}

/** How many points lie in buckets that begin at or before 0, for which a logarithmic x axis has no place. */
export function pointsBefore(all: readonly BucketSeries[]): number {
  let points = 0;
  for (const s of all) for (let i = 0; i < s.length && firstX(s, i) <= 0; i++) points += s.n[i];
  return points;
}

/** First and one-past-last bucket that touch [lo, hi], with one neighbor on each side so that lines reach the edges. */
export function bucketWindow(s: BucketSeries, lo: number, hi: number): [number, number] {
  const from = lowerBound(s.index, Math.floor(lo / s.width));
  const to = lowerBound(s.index, Math.floor(hi / s.width) + 1);
  return [Math.max(0, from - 1), Math.min(s.length, to + 1)];
}

/** Index of the first element that is at least `value`. */
export function lowerBound(sorted: ArrayLike<number>, value: number): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (sorted[middle] < value) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The y range of what lies in [lo, hi] of x, padded by 4 %. */
export function yExtent(all: readonly BucketSeries[], lo: number, hi: number, log: boolean, clip: boolean): YExtent {
  let least = Infinity;
  let greatest = -Infinity;
  let hidden = 0;
  const samples: number[] = [];
  for (const s of all) {
    if (!s.min || !s.max) continue;
    const [from, to] = bucketWindow(s, lo, hi);
    for (let i = from; i < to; i++) {
      if (finiteAt(s, i) === 0 || lastX(s, i) < lo || firstX(s, i) > hi) continue;
      let low = s.min[i];
      const high = s.max[i];
      if (log && low <= 0) {
        hidden++;
        if (high <= 0) continue;
        low = high;
      }
      if (low < least) least = low;
      if (high > greatest) greatest = high;
      const smooth = s.smooth ? s.smooth[i] : NaN;
      if (smooth < least && !(log && smooth <= 0)) least = smooth;
      if (smooth > greatest) greatest = smooth;
      if (clip) samples.push(s.last?.[i] ?? high);
    }
  }
  if (!(least <= greatest)) return { lo: log ? 0.1 : 0, hi: 1, clipped: 0, hidden };
  if (clip && samples.length > 20) return clippedExtent(all, samples, lo, hi, log, hidden);
  const [a, b] = padded(least, greatest, log);
  return { lo: a, hi: b, clipped: 0, hidden };
}

function clippedExtent(all: readonly BucketSeries[], samples: number[], lo: number, hi: number, log: boolean, hidden: number): YExtent {
  const sorted = samples.filter((v) => !Number.isNaN(v) && (!log || v > 0)).sort((a, b) => a - b);
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(q * (sorted.length - 1))))];
  const [low, high] = padded(at(0.02), at(0.98), log);
  let clipped = 0;
  for (const s of all) {
    if (!s.min || !s.max) continue;
    const [from, to] = bucketWindow(s, lo, hi);
    for (let i = from; i < to; i++) if (s.min[i] < low || s.max[i] > high) clipped++;
  }
  return { lo: low, hi: high, clipped, hidden };
}

function padded(lo: number, hi: number, log: boolean): [number, number] {
  if (log) {
    const factor = lo === hi ? 1.5 : 10 ** ((Math.log10(hi) - Math.log10(lo)) * 0.04);
    return [Math.max(Number.MIN_VALUE, lo / factor), Math.min(Number.MAX_VALUE, hi * factor)];
  }
  const margin = lo < hi ? hi * 0.04 - lo * 0.04 : Math.abs(lo) * 0.1 || 1;
  return [Math.max(-Number.MAX_VALUE, lo - margin), Math.min(Number.MAX_VALUE, hi + margin)];
}
