/**
 * Draws buckets on a canvas.
 *
 * Promises: every column of pixels covers the extent of its points (min–max, or first→min/max→last for few runs);
 * a bucket with NaN leaves a red tick on the x axis and a gap behind it; infinite values leave a triangle at the edge;
 * a point without neighbors is a dot. Lines are one device pixel when there is much to draw (the fast path of the
 * rasterizer), thicker otherwise.
 */
import { finiteAt, type BucketSeries, type Numbers } from "./buckets";
import { bucketWindow } from "./extent";
import type { Look } from "./palette";

/** The plot's rectangle in device pixels and the values at its edges. */
export interface Plane {
  left: number;
  top: number;
  width: number;
  height: number;
  xLo: number;
  xHi: number;
  yLo: number;
  yHi: number;
  logX: boolean;
  logY: boolean;
  ratio: number;
}

export interface Curve {
  buckets: BucketSeries;
  look: Look;
  /** A group: the line is `last`, the band reaches from `min` to `max`. */
  band?: boolean;
}

export interface PaintOptions {
  /** Uid of the run that stands out; others fade. */
  highlight: string | null;
  fail: string;
  smooth: boolean;
  dragging: boolean;
}

const HAIRLINE_ABOVE = 4000;
const M4_UP_TO = 4;
const FADED = 0.22;
const GHOST = 0.28;
const BAND = 0.17;
const DOTS_UP_TO = 60;
/** Below this ratio of its ends a logarithmic axis shows neighbors. */
const NEIGHBORS = 1.01;
/** Dashes need this many pixels per bucket. */
const DASH_PX = 4;

type Map1 = (v: number) => number;

/** Where a value stands in device pixels. */
export function xMap(p: Plane): Map1 {
  return p.logX ? logMap(p.xLo, p.xHi, p.left, p.width) : linearMap(p.xLo, p.xHi, p.left, p.width);
}

export function yMap(p: Plane): Map1 {
  const [from, size] = [p.top + p.height, -p.height];
  return p.logY ? logMap(p.yLo, p.yHi, from, size) : linearMap(p.yLo, p.yHi, from, size);
}

/** The x that stands at a place; the other way round of `xMap`. */
export function xAt(p: Plane, at: number): number {
  const share = (at - p.left) / p.width;
  if (p.logX) return 10 ** (Math.log10(p.xLo) + share * (Math.log10(p.xHi) - Math.log10(p.xLo)));
  return p.xLo + share * (p.xHi - p.xLo);
}

function linearMap(lo: number, hi: number, from: number, size: number): Map1 {
  // Halves of the greatest numbers still have a difference.
  const half = lo / 2;
  const k = size / (hi / 2 - half);
  // Of the least ones there is no inverse.
  if (!Number.isFinite(k)) return (v) => from + ((v - lo) / (hi - lo)) * size;
  return (v) => from + (v / 2 - half) * k;
}

function logMap(lo: number, hi: number, from: number, size: number): Map1 {
  // Logarithms of neighbors are alike in all digits, their difference is not.
  if (hi / lo < NEIGHBORS) {
    const near = size / Math.log1p((hi - lo) / lo);
    return (v) => (v > 0 ? from + Math.log1p((v - lo) / lo) * near : from - size * 10);
  }
  const base = Math.log10(lo);
  const k = size / (Math.log10(hi) - base);
  // Nothing at or below zero has a place; far below the plot it is clipped away.
  return (v) => (v > 0 ? from + (Math.log10(v) - base) * k : from - size * 10);
}

/** Paints all curves of a chart, the highlighted run last. */
export function paint(ctx: CanvasRenderingContext2D, plane: Plane, curves: readonly Curve[], options: PaintOptions): void {
  const x = xMap(plane);
  const y = yMap(plane);
  const points = curves.reduce((sum, c) => sum + c.buckets.length, 0) * 2;
  const hairline = options.dragging || points > HAIRLINE_ABOVE;
  ctx.save();
  ctx.beginPath();
  ctx.rect(plane.left, plane.top - plane.ratio, plane.width, plane.height + 2 * plane.ratio);
  ctx.clip();
  ctx.lineJoin = "round";
  const front = curves.filter((c) => c.buckets.run === options.highlight);
  const back = front.length > 0 ? curves.filter((c) => c.buckets.run !== options.highlight) : curves;
  const most = Math.max(0, ...curves.map((c) => visibleCount(c.buckets, plane)));
  const shared = { m4: curves.length <= M4_UP_TO, smooth: options.smooth, dots: most <= DOTS_UP_TO && most * 8 * plane.ratio < plane.width, dot: (most * 24 * plane.ratio < plane.width ? 5 : 3.5) * plane.ratio };
  for (const curve of curves) if (curve.band) paintBand(ctx, plane, x, y, curve, front.length > 0 && !front.includes(curve) ? FADED : 1);
  const dots: Dots[] = [];
  for (const curve of back) dots.push(paintCurve(ctx, plane, x, y, curve, { ...shared, alpha: front.length > 0 ? FADED : 1, width: hairline ? 1 : 1.25 * plane.ratio }));
  for (const curve of front) dots.push(paintCurve(ctx, plane, x, y, curve, { ...shared, alpha: 1, width: hairline && options.dragging ? 1 : 2 * plane.ratio }));
  const marked = curves.filter(({ buckets: s }) => s.nNan || s.nPos || s.nNeg);
  if (marked.length > 0) paintMarks(ctx, plane, x, marked, options.fail);
  ctx.restore();
  // The first and the last point stand on the edge of the plot, and would be half dots in it.
  for (const some of dots) paintDots(ctx, plane, some);
}

/** Points of one curve that are drawn as such. */
interface Dots {
  color: string;
  alpha: number;
  radius: number;
  /** x and y of each. */
  at: readonly number[];
}

function paintDots(ctx: CanvasRenderingContext2D, plane: Plane, { color, alpha, radius, at }: Dots): void {
  if (at.length === 0) return;
  const near = (v: number, from: number, size: number): boolean => v >= from - plane.ratio && v <= from + size + plane.ratio;
  ctx.fillStyle = color;
  ctx.globalAlpha = alpha;
  ctx.beginPath();
  for (let i = 0; i < at.length; i += 2) {
    if (!near(at[i], plane.left, plane.width) || !near(at[i + 1], plane.top, plane.height)) continue;
    ctx.moveTo(at[i] + radius, at[i + 1]);
    ctx.arc(at[i], at[i + 1], radius, 0, 2 * Math.PI);
  }
  ctx.fill();
  ctx.globalAlpha = 1;
}

function visibleCount(s: BucketSeries, plane: Plane): number {
  const [from, to] = bucketWindow(s, plane.xLo, plane.xHi);
  return to - from;
}

/** Whether so many buckets leave no room for a dash: a gap of one must not fall on a spike. */
const isDense = (buckets: number, plane: Plane): boolean => buckets * DASH_PX * plane.ratio > plane.width;

/** How many curves are drawn without the dash that told them from another one of their color. */
export function alikeOf(plane: Plane, curves: readonly Curve[]): number {
  const counts = new Map<string, number>();
  const dense = curves.filter((c) => !c.band && (c.look.dash.length === 0 || isDense(visibleCount(c.buckets, plane), plane)));
  for (const { look } of dense) counts.set(look.color, (counts.get(look.color) ?? 0) + 1);
  return dense.filter(({ look }) => look.dash.length > 0 && (counts.get(look.color) ?? 0) > 1).length;
}

interface Stroke {
  /** Whether every point gets a dot, so that few measurements look like few. */
  dots: boolean;
  /** How wide one is. */
  dot: number;
  alpha: number;
  width: number;
  m4: boolean;
  smooth: boolean;
}

/** The band of a group, where it is one; it breaks where no run counts. */
function paintBand(ctx: CanvasRenderingContext2D, plane: Plane, x: Map1, y: Map1, { buckets: s, look }: Curve, alpha: number): void {
  const { min, max } = s;
  if (!min || !max) return;
  const [from, to] = bucketWindow(s, plane.xLo, plane.xHi);
  ctx.fillStyle = look.color;
  ctx.globalAlpha = BAND * alpha;
  for (let start = from; start < to; start++) {
    let end = start;
    while (end < to && min[end] <= max[end]) end++;
    if (end - start > 1) {
      const at = (i: number): number => x(s.index[i] * s.width + (s.xFirst[i] + s.xLast[i]) / 2);
      ctx.beginPath();
      ctx.moveTo(at(start), y(max[start]));
      for (let i = start + 1; i < end; i++) ctx.lineTo(at(i), y(max[i]));
      for (let i = end - 1; i >= start; i--) ctx.lineTo(at(i), y(min[i]));
      ctx.fill();
    }
    start = end;
  }
  ctx.globalAlpha = 1;
}

/** The mean of a group. */
function paintMean(ctx: CanvasRenderingContext2D, plane: Plane, x: Map1, y: Map1, { buckets: s, look }: Curve, stroke: Stroke): void {
  const [from, to] = bucketWindow(s, plane.xLo, plane.xHi);
  const values = stroke.smooth && s.smooth ? s.smooth : s.last;
  if (!values) return;
  ctx.strokeStyle = look.color;
  ctx.globalAlpha = stroke.alpha;
  ctx.lineWidth = Math.max(stroke.width, 1.5 * plane.ratio);
  ctx.setLineDash(look.dash.map((d) => d * plane.ratio));
  ctx.beginPath();
  let down = false;
  for (let i = from; i < to; i++) {
    if (Number.isNaN(values[i])) {
      down = false;
      continue;
    }
    const px = x(s.index[i] * s.width + (s.xFirst[i] + s.xLast[i]) / 2);
    if (down) ctx.lineTo(px, y(values[i]));
    else ctx.moveTo(px, y(values[i]));
    // A mean between two gaps is a dot.
    if (!down && (i + 1 >= to || Number.isNaN(values[i + 1]))) ctx.arc(px, y(values[i]), plane.ratio * 1.5, 0, 2 * Math.PI);
    down = true;
  }
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
}

function paintCurve(ctx: CanvasRenderingContext2D, plane: Plane, x: Map1, y: Map1, curve: Curve, stroke: Stroke): Dots {
  const { buckets, look } = curve;
  const dots: number[] = [];
  // A curve of one point has to be found.
  const size = Math.max(stroke.dot, stroke.width * 2) * (buckets.length === 1 ? 1.5 : 1);
  const found = { color: look.color, alpha: stroke.alpha, radius: size / 2, at: dots };
  if (curve.band) {
    paintMean(ctx, plane, x, y, curve, stroke);
    return found;
  }
  if (!buckets.min || !buckets.max) return found;
  const [from, to] = bucketWindow(buckets, plane.xLo, plane.xHi);
  const smooth = stroke.smooth ? buckets.smooth : null;
  ctx.strokeStyle = look.color;
  ctx.lineWidth = smooth ? 1 : stroke.width;
  ctx.globalAlpha = smooth ? stroke.alpha * GHOST : stroke.alpha;
  const dash = look.dash.map((d) => d * plane.ratio);
  ctx.setLineDash(isDense(to - from, plane) ? [] : dash);
  ctx.beginPath();
  tracePoints(ctx, x, y, buckets, from, to, stroke.m4, dots);
  ctx.stroke();
  if (smooth) {
    ctx.globalAlpha = stroke.alpha;
    ctx.lineWidth = Math.max(stroke.width, 1.5 * plane.ratio);
    ctx.setLineDash(dash);
    ctx.beginPath();
    traceLine(ctx, x, y, buckets, smooth, from, to);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  if (stroke.dots) allDots(x, y, buckets, from, to, dots);
  ctx.globalAlpha = 1;
  return found;
}

/** The raw curve: per bucket its extent, nearest end first; breaks after NaN. Isolated points go to `dots`. */
function tracePoints(ctx: CanvasRenderingContext2D, x: Map1, y: Map1, s: BucketSeries, from: number, to: number, m4: boolean, dots: number[]): void {
  const min = s.min as Numbers;
  const max = s.max as Numbers;
  let down = false;
  let lastY = 0;
  let drawn = 0;
  let px = 0;
  for (let i = from; i < to; i++) {
    if (finiteAt(s, i) === 0) {
      if (down && drawn === 1) dots.push(px, lastY);
      down = false;
      continue;
    }
    const start = s.index[i] * s.width;
    const low = y(min[i]);
    const high = y(max[i]);
    if (!down) drawn = 0;
    if (min[i] === max[i] && s.n[i] === 1) {
      px = x(start + s.xFirst[i]);
      if (down) ctx.lineTo(px, low);
      else ctx.moveTo(px, low);
      lastY = low;
      drawn++;
    } else {
      const opening = m4 && s.first ? y(s.first[i]) : NaN;
      if (opening === opening) {
        px = x(start + s.xFirst[i]);
        if (down) ctx.lineTo(px, opening);
        else ctx.moveTo(px, opening);
        lastY = opening;
        down = true;
      }
      px = x(start + (s.xFirst[i] + s.xLast[i]) / 2);
      const lowNearer = Math.abs(low - lastY) <= Math.abs(high - lastY);
      const near = lowNearer ? low : high;
      if (down) ctx.lineTo(px, near);
      else ctx.moveTo(px, near);
      lastY = lowNearer ? high : low;
      ctx.lineTo(px, lastY);
      if (m4 && s.last) {
        px = x(start + s.xLast[i]);
        lastY = y(s.last[i]);
        ctx.lineTo(px, lastY);
      }
      drawn += 2;
    }
    down = true;
    if (s.nNan && s.nNan[i] > 0) {
      if (drawn === 1) dots.push(px, lastY);
      down = false;
    }
  }
  if (down && drawn === 1) dots.push(px, lastY);
}

function traceLine(ctx: CanvasRenderingContext2D, x: Map1, y: Map1, s: BucketSeries, values: Numbers, from: number, to: number): void {
  let down = false;
  for (let i = from; i < to; i++) {
    if (finiteAt(s, i) === 0 || Number.isNaN(values[i])) {
      down = false;
      continue;
    }
    const px = x(s.index[i] * s.width + s.xLast[i]);
    if (down) ctx.lineTo(px, y(values[i]));
    else ctx.moveTo(px, y(values[i]));
    down = true;
  }
}

function allDots(x: Map1, y: Map1, s: BucketSeries, from: number, to: number, dots: number[]): void {
  dots.length = 0;
  for (let i = from; i < to; i++) {
    if (s.n[i] === 1 && finiteAt(s, i) === 1) dots.push(x(s.index[i] * s.width + s.xFirst[i]), y((s.min as Numbers)[i]));
  }
}

/** The rug of NaN along the x axis and the triangles of infinite values. */
function paintMarks(ctx: CanvasRenderingContext2D, plane: Plane, x: Map1, curves: readonly Curve[], fail: string): void {
  const rug = new Set<number>();
  const up = new Map<number, string>();
  const down = new Map<number, string>();
  for (const { buckets: s, look } of curves) {
    const [from, to] = bucketWindow(s, plane.xLo, plane.xHi);
    for (let i = from; i < to; i++) {
      const start = s.index[i] * s.width;
      const px = Math.round(x(start + (s.xFirst[i] + s.xLast[i]) / 2));
      if (s.nNan && s.nNan[i] > 0) rug.add(px);
      if (s.nPos && s.nPos[i] > 0) up.set(px, look.color);
      if (s.nNeg && s.nNeg[i] > 0) down.set(px, look.color);
    }
  }
  const bottom = plane.top + plane.height;
  const tick = 4 * plane.ratio;
  for (const [px, color] of up) triangle(ctx, px, plane.top, 5 * plane.ratio, color);
  for (const [px, color] of down) triangle(ctx, px, bottom, -5 * plane.ratio, color);
  // Last, and longer than a triangle: where one run is below all numbers another may be none.
  ctx.fillStyle = fail;
  for (const px of rug) {
    const length = down.has(px) ? 2 * tick : tick;
    ctx.fillRect(px, bottom - length, Math.max(1, plane.ratio), length);
  }
}

function triangle(ctx: CanvasRenderingContext2D, px: number, edge: number, size: number, color: string): void {
  ctx.fillStyle = color;
  ctx.beginPath();
  ctx.moveTo(px, edge);
  ctx.lineTo(px - Math.abs(size) * 0.7, edge + size);
  ctx.lineTo(px + Math.abs(size) * 0.7, edge + size);
  ctx.fill();
}
