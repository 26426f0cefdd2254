/**
 * A chart: a canvas with axes (axes.ts), curves (paint.ts) and a cursor above it (cursor.ts).
 *
 * Promises: nothing is drawn outside the shared frame queue; a live update never changes the zoom; what stands in the
 * corner note is what was drawn.
 */
import { drawAxes, drawMark, layOut, type Layout, type Size } from "./axes";
import type { AxisKind } from "./axis";
import { firstX, isExact, lastX, pointCount, type BucketSeries } from "./buckets";
import { Cursor, type CursorUser, type Spot } from "./cursor";
import { onDensity } from "./density";
import { pointsBefore, xExtent, yExtent } from "./extent";
import { frames } from "./frame";
import { forgetDrawn, markOnce, noteDrawn } from "./hooks";
import { hitsAt, nearestBucket, type Hit } from "./nearest";
import { alikeOf, paint, xAt, xMap, type Curve } from "./paint";
import type { Look } from "./palette";
import { chartColors } from "./theme";
import { hideTooltip, showTooltip } from "./tooltip";
import { xName } from "./url";
import type { XAxis } from "./wire";
import { px } from "./words";

export interface ChartSeries {
  run: string;
  name: string;
  look: Look;
  buckets: BucketSeries | null;
  /** A group with its band, see paint.ts. */
  band?: boolean;
}

export interface ChartData {
  series: readonly ChartSeries[];
  x: XAxis;
  range: readonly [number, number] | null;
  logX: boolean;
  logY: boolean;
  smooth: boolean;
  clip: boolean;
}

/** What the chart has to say about its own drawing. */
export interface ChartNotes {
  points: number;
  exact: boolean;
  clipped: number;
  hidden: number;
  /** Points that a logarithmic x axis has no place for. */
  before: number;
  /** Curves too dense for their dash whose color another curve has. */
  alike: number;
  /** x from which a series holds NaN; null when none does. */
  nanFrom: number | null;
  /** The newest x; null when there is no point. */
  end: number | null;
  empty: boolean;
}

/** What a chart shows at this moment, for drawing it elsewhere (core/charts/picture.ts). */
export interface Scene {
  x: [number, number];
  y: [number, number];
  kindX: AxisKind;
  kindY: AxisKind;
  curves: readonly Curve[];
  /** What x is. */
  axis: XAxis;
  /** Names of the curves, in their order. */
  names: readonly string[];
  smooth: boolean;
  width: number;
  height: number;
}

export interface ChartEvents {
  zoom(range: [number, number] | null): void;
  hover(run: string | null): void;
  painted(notes: ChartNotes, ms: number): void;
}

const HOVER_PX = 24;

export class Chart implements CursorUser {
  private readonly canvas = document.createElement("canvas");
  private readonly cursor = new Cursor(this);
  private layout: Layout | null = null;
  private data: ChartData | null = null;
  private curves: Curve[] = [];
  private x: [number, number] = [0, 1];
  private y: [number, number] = [0, 1];
  private highlight: string | null = null;
  private mark: number | null = null;
  /** What its x axis was chosen to show; new points do not change it. */
  private view = "";
  private size: Size = { width: 0, height: 0 };
  private readonly stop = onDensity(() => this.refresh());

  constructor(
    private readonly root: HTMLElement,
    private readonly panel: string,
    private readonly events: ChartEvents,
  ) {}

  /** Shows other data, in the next free frame. */
  set(data: ChartData): void {
    this.data = data;
    frames.add(this, () => this.render());
  }

  /** Makes one run stand out; null for none. */
  emphasize(run: string | null): void {
    if (this.highlight === run) return;
    this.highlight = run;
    if (this.layout) frames.add(this, () => this.render());
  }

  /** Draws a line at an x; null takes it away. */
  markAt(x: number | null): void {
    if (this.mark === x) return;
    this.mark = x;
    if (this.layout) frames.add(this, () => this.render());
  }

  resize(width: number, height: number): void {
    const size = { width: Math.floor(width), height: Math.floor(height) };
    if (size.width === this.size.width && size.height === this.size.height) return;
    this.size = size;
    this.refresh();
  }

  /** Draws anew: the size, the colors or the pixel density have changed. */
  refresh(): void {
    if (this.data) frames.add(this, () => this.render());
  }

  scene(): Scene | null {
    const { data } = this;
    if (!data || !this.layout) return null;
    const names = new Map(data.series.map((s) => [s.buckets, s.name]));
    return {
      x: [...this.x], y: [...this.y], kindX: axisKind(data.x, data.logX), kindY: data.logY ? "log" : "number", curves: this.curves,
      axis: data.x, names: this.curves.map((c) => names.get(c.buckets) ?? ""), smooth: data.smooth, ...this.size,
    };
  }

  /** Moves the cursor by some buckets of the curve that has the most; whether there was anything to move to. */
  nudge(by: number): boolean {
    const { spot } = this.cursor;
    const longest = this.curves.reduce<BucketSeries | null>((most, c) => (most && most.length >= c.buckets.length ? most : c.buckets), null);
    if (!this.layout || !spot || !longest || longest.length === 0) return false;
    const { plane, width } = this.layout;
    const from = nearestBucket(longest, xAt(plane, plane.left + spot.left * plane.ratio));
    const to = Math.max(0, Math.min(longest.length - 1, from + by));
    const left = (xMap(plane)((firstX(longest, to) + lastX(longest, to)) / 2) - plane.left) / plane.ratio;
    if (!(left >= 0 && left <= width)) return false;
    this.cursor.moveTo(left);
    this.hover();
    return true;
  }

  destroy(): void {
    frames.cancel(this);
    this.stop();
    if (this.cursor.spot) hideTooltip();
    this.cursor.destroy();
    this.canvas.remove();
    forgetDrawn(this.panel);
  }

  private render(): void {
    const data = this.data;
    if (!data || this.size.width < 40 || this.size.height < 40) return;
    const started = performance.now();
    this.curves = data.series.filter((s): s is ChartSeries & Curve => s.buckets !== null && s.buckets.length > 0);
    const all = this.curves.map((c) => c.buckets);
    const whole = xExtent(all, data.logX);
    this.x = data.range && (!data.logX || data.range[0] > 0) ? [...data.range] : (whole ?? [data.logX ? 1 : 0, data.logX ? 10 : 1]);
    const extent = yExtent(all, this.x[0], this.x[1], data.logY, data.clip);
    this.y = [extent.lo, extent.hi];
    this.draw(data);
    noteDrawn(this.panel, all);
    if (all.length > 0) markOnce("chart:first");
    const alike = this.layout ? alikeOf(this.layout.plane, this.curves) : 0;
    this.events.painted({ ...notesOf(all, extent.clipped, extent.hidden, data.logX), alike }, performance.now() - started);
    if (this.cursor.spot) this.hover();
  }

  private draw(data: ChartData): void {
    const ratio = devicePixelRatio;
    if (!this.layout) this.begin();
    const layout = (this.layout = layOut(this.size, this.x, this.y, axisKind(data.x, data.logX), data.logY ? "log" : "number", ratio));
    const ctx = blank(this.canvas, this.size, ratio);
    const colors = chartColors();
    drawAxes(ctx, layout, colors);
    paint(ctx, layout.plane, this.curves, { highlight: this.highlight, fail: colors.fail, smooth: data.smooth, dragging: this.cursor.dragging });
    if (this.mark !== null) drawMark(ctx, layout.plane, this.mark, colors.accent);
    const view = JSON.stringify([data.x, data.range, data.logX, this.size]);
    this.cursor.place(layout, xName(data.x), view === this.view);
    this.view = view;
  }

  private begin(): void {
    this.canvas.className = "chart-canvas";
    this.root.append(this.canvas, this.cursor.over);
  }

  pointed(at: Spot | null): void {
    if (at) return frames.add(this.cursor, () => this.hover());
    hideTooltip();
    this.events.hover(null);
  }

  pressed(): void {
    frames.cancel(this.cursor);
    hideTooltip();
  }

  selected(lo: number, hi: number): void {
    this.events.zoom(roundRange(lo, hi, this.data?.x ?? "step"));
  }

  reset(): void {
    this.events.zoom(null);
  }

  private hover(): void {
    const { layout, data } = this;
    const { spot, dragging } = this.cursor;
    if (!layout || !spot || !data || dragging) return;
    const { plane } = layout;
    const hits = hitsAt(plane, this.curves, plane.left + spot.left * plane.ratio, plane.top + spot.top * plane.ratio, data.smooth);
    const names = new Map(data.series.map((s) => [s.buckets, s.name]));
    const rows = hits.slice(0, 5).map((hit: Hit) => ({ hit, name: names.get(hit.curve.buckets) ?? "" }));
    showTooltip(data.x, rows, hits.length - rows.length, spot.clientX, spot.clientY);
    const near = hits[0] && hits[0].distance <= HOVER_PX * plane.ratio ? hits[0].curve.buckets.run : null;
    this.events.hover(this.curves.length > 1 ? near : null);
  }
}

/** The canvas in its size, empty. Setting the size empties it, too, but takes its memory anew. */
function blank(canvas: HTMLCanvasElement, size: Size, ratio: number): CanvasRenderingContext2D {
  const [width, height] = [Math.round(size.width * ratio), Math.round(size.height * ratio)];
  const ctx = canvas.getContext("2d") as CanvasRenderingContext2D;
  if (canvas.width === width && canvas.height === height) {
    ctx.clearRect(0, 0, width, height);
    return ctx;
  }
  canvas.width = width;
  canvas.height = height;
  canvas.style.width = px(size.width);
  canvas.style.height = px(size.height);
  return ctx;
}

function axisKind(x: XAxis, log: boolean): AxisKind {
  if (log) return "log";
  if (x === "wall") return "time";
  return x === "relative" ? "duration" : x === "step" ? "step" : "number";
}

/** A zoom on whole steps or microseconds keeps addresses short. */
function roundRange(lo: number, hi: number, x: XAxis): [number, number] {
  if (typeof x !== "string") return [Number(lo.toPrecision(6)), Number(hi.toPrecision(6))];
  const [a, b] = [Math.floor(lo), Math.ceil(hi)];
  return [a, Math.max(b, a + 1)];
}

function notesOf(all: readonly BucketSeries[], clipped: number, hidden: number, logX: boolean): Omit<ChartNotes, "alike"> {
  let nanFrom: number | null = null;
  let end: number | null = null;
  let points = 0;
  for (const s of all) {
    points += pointCount(s);
    end = Math.max(end ?? -Infinity, lastX(s, s.length - 1));
    const at = s.nNan ? s.nNan.findIndex((n) => n > 0) : -1;
    if (at >= 0) nanFrom = Math.min(nanFrom ?? Infinity, s.index[at] * s.width + s.xFirst[at]);
  }
  return { points, exact: all.every(isExact), clipped, hidden, before: logX ? pointsBefore(all) : 0, nanFrom, end, empty: all.length === 0 };
}
