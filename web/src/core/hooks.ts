/**
 * What browser tests may look at: `window.__epochal`. The page itself never reads it.
 *
 * `lastPoint[run uid][key]` is the newest point drawn, `drawn(panelKey)` the bucket arrays of a panel's last drawing,
 * `marks` the times of `performance.mark` in milliseconds since navigation.
 */
import { finiteAt, lastX, type BucketSeries } from "./buckets";

export interface DrawnSeries {
  run: string;
  key: string;
  width: number;
  bucket: number[];
  x_first: number[];
  x_last: number[];
  n: number[];
  first: number[] | null;
  last: number[] | null;
  min: number[] | null;
  max: number[] | null;
  smooth: number[] | null;
  n_nan: number[] | null;
  n_posinf: number[] | null;
  n_neginf: number[] | null;
}

const lastPoint: Record<string, Record<string, { x: number; value: number }>> = {};
const marks: Record<string, number> = {};
const shown = new Map<string, readonly BucketSeries[]>();

/** Marks the first time that something happened on this page. */
export function markOnce(name: "table:rows" | "chart:first" | "viewport"): void {
  if (name in marks) return;
  marks[name] = performance.mark(name).startTime;
}

/** Remembers what a panel has just drawn. */
export function noteDrawn(panel: string, series: readonly BucketSeries[]): void {
  shown.set(panel, series);
  for (const s of series) {
    const i = s.length - 1;
    if (i < 0) continue;
    const value = s.last?.[i] ?? s.max?.[i] ?? NaN;
    (lastPoint[s.run] ??= {})[s.key] = { x: lastX(s, i), value: finiteAt(s, i) > 0 ? value : NaN };
  }
}

/** Forgets a panel that is gone. */
export function forgetDrawn(panel: string): void {
  shown.delete(panel);
}

function drawn(panel: string): DrawnSeries[] {
  const copy = (c: ArrayLike<number> | null): number[] | null => c && Array.from(c);
  return (shown.get(panel) ?? []).map((s) => ({
    run: s.run,
    key: s.key,
    width: s.width,
    bucket: Array.from(s.index),
    x_first: Array.from({ length: s.length }, (_, i) => s.index[i] * s.width + s.xFirst[i]),
    x_last: Array.from({ length: s.length }, (_, i) => lastX(s, i)),
    n: Array.from(s.n),
    first: copy(s.first),
    last: copy(s.last),
    min: copy(s.min),
    max: copy(s.max),
    smooth: copy(s.smooth),
    n_nan: copy(s.nNan),
    n_posinf: copy(s.nPos),
    n_neginf: copy(s.nNeg),
  }));
}

declare global {
  interface Window {
    __epochal: { lastPoint: typeof lastPoint; marks: typeof marks; drawn: typeof drawn };
  }
}

export function installHooks(): void {
  window.__epochal = { lastPoint, marks, drawn };
}
