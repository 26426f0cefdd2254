/** Which points lie under the cursor: one per run, nearest to the cursor's x, ordered by distance to its y. */
import { finiteAt, firstX, lastX, type BucketSeries } from "./buckets";
import { lowerBound } from "./extent";
import { xAt, xMap, yMap, type Curve, type Plane } from "./paint";

export interface Hit {
  curve: Curve;
  /** Bucket number within the series. */
  at: number;
  x: number;
  xEnd: number;
  value: number;
  min: number;
  max: number;
  points: number;
  nan: boolean;
  /** Device pixels between the cursor and the value, up and down. */
  distance: number;
}

/** How far beyond its ends a curve still answers. */
const REACH_PX = 14;

/**
 * The hits of all curves, nearest first.
 *
 * @param cx cursor in device pixels from the canvas's left edge
 * @param cy cursor in device pixels from its top
 */
export function hitsAt(plane: Plane, curves: readonly Curve[], cx: number, cy: number, smooth: boolean): Hit[] {
  const value = xAt(plane, cx);
  const toX = xMap(plane);
  const toY = yMap(plane);
  const hits: Hit[] = [];
  for (const curve of curves) {
    const s = curve.buckets;
    const at = nearestBucket(s, value);
    if (at < 0 || firstX(s, at) > plane.xHi || lastX(s, at) < plane.xLo) continue;
    // A run that has not begun at the cursor, or ended before it, says nothing about it.
    const before = toX(firstX(s, 0)) - cx;
    const after = cx - toX(lastX(s, s.length - 1));
    if (Math.max(before, after) > REACH_PX * plane.ratio) continue;
    const finite = finiteAt(s, at) > 0;
    const shown = smooth && s.smooth ? s.smooth[at] : (s.last?.[at] ?? NaN);
    const top = finite && s.max ? toY(s.max[at]) : NaN;
    const bottom = finite && s.min ? toY(s.min[at]) : NaN;
    const inside = cy >= top && cy <= bottom ? 0 : Math.min(Math.abs(cy - top), Math.abs(cy - bottom));
    hits.push({
      curve, at, x: firstX(s, at), xEnd: lastX(s, at), value: finite ? shown : NaN,
      min: s.min?.[at] ?? NaN, max: s.max?.[at] ?? NaN, points: s.n[at],
      nan: (s.nNan?.[at] ?? 0) > 0, distance: finite ? (smooth ? Math.abs(toY(shown) - cy) : inside) : Infinity,
    });
  }
  return hits.sort((a, b) => a.distance - b.distance);
}

/** The bucket whose points are nearest to x, -1 for an empty series. */
export function nearestBucket(s: BucketSeries, x: number): number {
  if (s.length === 0) return -1;
  const at = lowerBound(s.index, Math.floor(x / s.width));
  const distance = (i: number): number => Math.max(0, firstX(s, i) - x, x - lastX(s, i));
  // The bucket that x lies in may end before x, and the next one begin nearer to it.
  let best = Math.max(0, at - 1);
  for (let i = best + 1; i <= at + 1 && i < s.length; i++) if (distance(i) < distance(best)) best = i;
  return best;
}
