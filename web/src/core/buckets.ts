/**
 * The buckets of one series: what a chart draws and what a live update extends.
 *
 * Promises: values are immutable; merging is exact (no extremum, NaN or point count is lost, whatever the order of
 * merges); bucket `index` covers x in `[index*width, (index+1)*width)`, so series of different origin share one grid.
 */
import type { Band } from "./url";
import type { BucketHead } from "./wire";
import { numbers, type ColumnMessage } from "./columns";

export type Numbers = Float32Array | Float64Array | Uint32Array | Uint8Array | Uint16Array;

export interface BucketSeries {
  readonly run: string;
  readonly key: string;
  /** Width of a bucket in units of x: a power of two. On a logarithmic grid that of the narrowest; others are multiples of it. */
  readonly width: number;
  /** Buckets widen with x, see `store/loggrid.py`. They are never merged, always asked for anew. */
  readonly log?: boolean;
  readonly length: number;
  /** Bucket numbers counted from x = 0, strictly increasing; empty buckets are left out. */
  readonly index: Float64Array;
  /** x of the first and last point, minus the start of the bucket. */
  readonly xFirst: Numbers;
  readonly xLast: Numbers;
  /** Points, NaN and infinite ones included. */
  readonly n: Numbers;
  readonly first: Numbers | null;
  readonly last: Numbers | null;
  readonly min: Numbers | null;
  readonly max: Numbers | null;
  readonly mean: Numbers | null;
  readonly smooth: Numbers | null;
  readonly nNan: Numbers | null;
  readonly nPos: Numbers | null;
  readonly nNeg: Numbers | null;
  /** Of a group: the standard deviation over its runs, and how many runs count. A group is never merged, always asked for anew. */
  readonly std?: Numbers | null;
  readonly runs?: Numbers | null;
}

const COUNT_COLUMNS = { nNan: "n_nan", nPos: "n_posinf", nNeg: "n_neginf" } as const;

/** The columns that say where the buckets of a series lie. */
type Places = Pick<BucketSeries, "index" | "xFirst" | "xLast" | "n">;

/** Splits an answer of `POST series/buckets` into its series, in the order of the head. Those whose points lie alike share what says so. */
export function seriesOf(message: ColumnMessage<BucketHead>): BucketSeries[] {
  const { width, series, scale } = message.head;
  const places = placesOf(message);
  return series.map(({ run, key, start, count }) => {
    const cut = (name: string): Numbers | null => numbers(message, name)?.subarray(start, start + count) ?? null;
    const counted = (name: string): Numbers | null => {
      const column = cut(name);
      return column?.some((n) => n > 0) ? column : null;
    };
    const min = cut("min");
    return {
      run,
      key,
      width,
      ...(scale === "log" ? { log: true } : {}),
      length: count,
      ...places(start, count),
      first: cut("first"),
      last: sameAs(min, cut("last")),
      min,
      max: sameAs(min, cut("max")),
      mean: cut("mean"),
      smooth: cut("smooth"),
      nNan: counted(COUNT_COLUMNS.nNan),
      nPos: counted(COUNT_COLUMNS.nPos),
      nNeg: counted(COUNT_COLUMNS.nNeg),
      std: cut("std"),
      runs: cut("runs"),
    };
  });
}

/** A column, or the other one where nothing differs: where each bucket is one point, its least value is its greatest and its last. */
function sameAs(other: Numbers | null, column: Numbers | null): Numbers | null {
  if (!other || !column) return column;
  for (let i = 0; i < column.length; i++) if (!Object.is(column[i], other[i])) return column;
  return other;
}

/** Where buckets lie, the same object for a series as for the one before it when nothing differs. */
function placesOf(message: ColumnMessage<BucketHead>): (start: number, count: number) => Places {
  const { width, origin } = message.head;
  const none = new Uint32Array(0);
  const columns = ["bucket", "x_first", "x_last", "n"].map((name) => numbers(message, name) ?? none);
  const begin = Math.round(origin / width);
  let before: { start: number; count: number; places: Places } | null = null;
  const isAsBefore = (start: number, count: number): boolean => {
    if (before?.count !== count) return false;
    const shift = start - before.start;
    return columns.every((column) => {
      for (let i = start; i < start + count; i++) if (column[i] !== column[i - shift]) return false;
      return true;
    });
  };
  return (start, count) => {
    if (before && isAsBefore(start, count)) return before.places;
    const [bucket, xFirst, xLast, n] = columns.map((column) => column.subarray(start, start + count));
    const index = new Float64Array(bucket.length);
    for (let i = 0; i < index.length; i++) index[i] = begin + bucket[i];
    before = { start, count, places: { index, xFirst, xLast, n } };
    return before.places;
  };
}

/** A group as it is drawn: its line is the mean, its extent the band that was asked for. */
export function banded(s: BucketSeries, band: Band): BucketSeries {
  const { mean, std } = s;
  if (!mean) return s;
  if (band === "range") return { ...s, first: null, last: mean };
  const shift = (sign: number): Float64Array => Float64Array.from(mean, (m, i) => m + sign * (band === "std" ? (std?.[i] ?? 0) : 0));
  return { ...s, first: null, last: mean, min: shift(-1), max: shift(1) };
}

/** Finite points in bucket `i`. */
export function finiteAt(s: BucketSeries, i: number): number {
  return s.n[i] - (s.nNan?.[i] ?? 0) - (s.nPos?.[i] ?? 0) - (s.nNeg?.[i] ?? 0);
}

/** x of the first point of bucket `i`. */
export function firstX(s: BucketSeries, i: number): number {
  return s.index[i] * s.width + s.xFirst[i];
}

/** x of the last point of bucket `i`. */
export function lastX(s: BucketSeries, i: number): number {
  return s.index[i] * s.width + s.xLast[i];
}

/** All points behind the buckets. */
export function pointCount(s: BucketSeries): number {
  let sum = 0;
  for (let i = 0; i < s.length; i++) sum += s.n[i];
  return sum;
}

/** Whether every bucket holds one point, so that the drawing is the data. */
export function isExact(s: BucketSeries): boolean {
  for (let i = 0; i < s.length; i++) if (s.n[i] > 1) return false;
  return true;
}

/** Merges neighbors until the buckets are `width` wide (a power-of-two multiple of the present width). */
export function coarsen(s: BucketSeries, width: number): BucketSeries {
  const factor = width / s.width;
  if (factor <= 1) return s;
  const groups = groupStarts(s, factor);
  const size = groups.length - 1;
  const index = new Float64Array(size);
  const xFirst = new Float64Array(size);
  const xLast = new Float64Array(size);
  for (let g = 0; g < size; g++) {
    const from = groups[g];
    const to = groups[g + 1] - 1;
    index[g] = Math.floor(s.index[from] / factor);
    xFirst[g] = firstX(s, from) - index[g] * width;
    xLast[g] = lastX(s, to) - index[g] * width;
  }
  const fold = (c: Numbers | null, f: Fold): Float64Array | null => c && foldColumn(s, c, groups, f);
  return {
    run: s.run,
    key: s.key,
    width,
    length: size,
    index,
    xFirst,
    xLast,
    n: foldColumn(s, s.n, groups, sum),
    first: fold(s.first, earliest),
    last: fold(s.last, latest),
    min: fold(s.min, least),
    max: fold(s.max, greatest),
    mean: fold(s.mean, weighted),
    smooth: fold(s.smooth, latest),
    nNan: fold(s.nNan, sum),
    nPos: fold(s.nPos, sum),
    nNeg: fold(s.nNeg, sum),
  };
}

/** Coarsened until it has no more buckets than this. */
export function fit(series: BucketSeries, most: number): BucketSeries {
  let fitted = series;
  while (fitted.length > most) fitted = coarsen(fitted, fitted.width * 2);
  return fitted;
}

/**
 * Replaces everything at or after `from` (an x on the grid of both) by `delta`.
 *
 * The result is as coarse as the coarser of the two, so a late, wide answer never claims more than it knows.
 */
export function extend(base: BucketSeries, delta: BucketSeries, from: number): BucketSeries {
  const width = Math.max(base.width, delta.width);
  const kept = head(base, from);
  const left = coarsen(kept, width);
  const right = coarsen(delta, width);
  const joined = concat(left, right);
  // The seam may hold two halves of one bucket; a coarsening by one merges equal neighbors.
  return left.length > 0 && right.length > 0 && left.index[left.length - 1] === right.index[0] ? mergeEqual(joined) : joined;
}

/** The buckets that lie wholly before x = `to`. */
function head(s: BucketSeries, to: number): BucketSeries {
  let end = s.length;
  while (end > 0 && (s.index[end - 1] + 1) * s.width > to) end--;
  return slice(s, end);
}

function slice(s: BucketSeries, end: number): BucketSeries {
  const cut = <T extends Numbers | null>(c: T): T => (c === null ? c : (c.subarray(0, end) as T));
  return mapColumns(s, end, cut(s.index), (c) => cut(c));
}

function concat(a: BucketSeries, b: BucketSeries): BucketSeries {
  const length = a.length + b.length;
  const join = (x: Numbers | null, y: Numbers | null, missing: number): Float64Array | null => {
    if (!x && !y) return null;
    const out = new Float64Array(length).fill(missing);
    if (x) out.set(x, 0);
    if (y) out.set(y, a.length);
    return out;
  };
  const sure = (x: Numbers, y: Numbers): Float64Array => join(x, y, 0) as Float64Array;
  return {
    run: a.run,
    key: a.key,
    width: a.width,
    length,
    index: sure(a.index, b.index),
    xFirst: sure(a.xFirst, b.xFirst),
    xLast: sure(a.xLast, b.xLast),
    n: sure(a.n, b.n),
    first: join(a.first, b.first, NaN),
    last: join(a.last, b.last, NaN),
    min: join(a.min, b.min, NaN),
    max: join(a.max, b.max, NaN),
    mean: join(a.mean, b.mean, NaN),
    smooth: join(a.smooth, b.smooth, NaN),
    nNan: join(a.nNan, b.nNan, 0),
    nPos: join(a.nPos, b.nPos, 0),
    nNeg: join(a.nNeg, b.nNeg, 0),
  };
}

function mapColumns(s: BucketSeries, length: number, index: Float64Array, f: (c: Numbers) => Numbers): BucketSeries {
  const opt = (c: Numbers | null): Numbers | null => c && f(c);
  return {
    run: s.run, key: s.key, width: s.width, length, index,
    xFirst: f(s.xFirst), xLast: f(s.xLast), n: f(s.n),
    first: opt(s.first), last: opt(s.last), min: opt(s.min), max: opt(s.max), mean: opt(s.mean), smooth: opt(s.smooth),
    nNan: opt(s.nNan), nPos: opt(s.nPos), nNeg: opt(s.nNeg),
  };
}

function mergeEqual(s: BucketSeries): BucketSeries {
  const fine = { ...s, width: s.width / 2, index: s.index.map((b) => b * 2), xFirst: s.xFirst, xLast: s.xLast };
  return coarsen(fine, s.width);
}

type Fold = (s: BucketSeries, c: Numbers, from: number, to: number) => number;

function groupStarts(s: BucketSeries, factor: number): number[] {
  const starts: number[] = [];
  let previous = NaN;
  for (let i = 0; i < s.length; i++) {
    const group = Math.floor(s.index[i] / factor);
    if (group !== previous) starts.push(i);
    previous = group;
  }
  starts.push(s.length);
  return starts;
}

function foldColumn(s: BucketSeries, c: Numbers, groups: number[], f: Fold): Float64Array {
  const out = new Float64Array(groups.length - 1);
  for (let g = 0; g < out.length; g++) out[g] = f(s, c, groups[g], groups[g + 1]);
  return out;
}

const sum: Fold = (_s, c, from, to) => {
  let total = 0;
  for (let i = from; i < to; i++) total += c[i];
  return total;
};

const earliest: Fold = (_s, c, from, to) => {
  for (let i = from; i < to; i++) if (!Number.isNaN(c[i])) return c[i];
  return NaN;
};

const latest: Fold = (_s, c, from, to) => {
  for (let i = to - 1; i >= from; i--) if (!Number.isNaN(c[i])) return c[i];
  return NaN;
};

const least: Fold = (_s, c, from, to) => {
  let best = NaN;
  for (let i = from; i < to; i++) if (!(c[i] >= best)) best = Number.isNaN(c[i]) ? best : c[i];
  return best;
};

const greatest: Fold = (_s, c, from, to) => {
  let best = NaN;
  for (let i = from; i < to; i++) if (!(c[i] <= best)) best = Number.isNaN(c[i]) ? best : c[i];
  return best;
};

const weighted: Fold = (s, c, from, to) => {
  let total = 0;
  let weight = 0;
  for (let i = from; i < to; i++) {
    const n = finiteAt(s, i);
    if (n > 0 && !Number.isNaN(c[i])) {
      total += c[i] * n;
      weight += n;
    }
  }
  return weight > 0 ? total / weight : NaN;
};
