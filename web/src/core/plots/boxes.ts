/** What boxes and violins show of the values of a group, computed as Plotly does by default. Pure. */

export interface Box {
  /** Lower whisker, lower quartile, median, upper quartile, upper whisker. */
  at: readonly [number, number, number, number, number];
  count: number;
  /** Values beyond the whiskers. */
  beyond: Float64Array;
  /** Of a violin: how dense values are, from `lo` to `hi` in even steps, where they are densest 1. */
  shape?: { lo: number; hi: number; density: Float64Array };
}

const REACH = 1.5;
const STEPS = 64;
/** Values that the density of a violin is computed from; of more every n-th. */
const MOST = 5000;

/** Null where there is no finite value. */
export function boxOf(values: Float64Array, isViolin: boolean): Box | null {
  const sorted = values.filter(Number.isFinite).sort();
  const count = sorted.length;
  if (count === 0) return null;
  const quantile = (part: number): number => {
    const place = Math.min(count - 1, Math.max(0, part * count - 0.5));
    const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
    return low + (place % 1) * (high - low);
  };
  const [lower, median, upper] = [0.25, 0.5, 0.75].map(quantile);
  const reach = REACH * (upper - lower);
  const isNear = (v: number): boolean => v >= lower - reach && v <= upper + reach;
  const near = sorted.filter(isNear);
  const shape = isViolin ? densityOf(sorted, upper - lower) : undefined;
  return { at: [Math.min(lower, near[0]), lower, median, upper, Math.max(upper, near[near.length - 1])], count, beyond: sorted.filter((v) => !isNear(v)), shape };
}

/** A sum of normal curves as wide as Silverman's rule has it; nothing where all values are the same. */
function densityOf(sorted: Float64Array, range: number): Box["shape"] {
  const n = sorted.length;
  const mean = sorted.reduce((sum, v) => sum + v / n, 0);
  const deviation = Math.sqrt(sorted.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1));
  const width = 1.059 * Math.min(deviation, range / 1.349) * n ** -0.2;
  if (!(width > 0) || !Number.isFinite(width)) return undefined;
  const [lo, hi] = [sorted[0] - 2 * width, sorted[n - 1] + 2 * width];
  const stride = Math.ceil(n / MOST);
  const some = sorted.filter((_, i) => i % stride === 0);
  const found = Float64Array.from({ length: STEPS + 1 }, (_, i) => {
    const at = lo + ((hi - lo) * i) / STEPS;
    return some.reduce((sum, v) => sum + Math.exp(-0.5 * ((v - at) / width) ** 2), 0);
  });
  const most = Math.max(...found);
  return { lo, hi, density: found.map((v) => v / most) };
}
