/**
 * A chart: uPlot gives axes, cursor, selection and synchronization; buckets are drawn by paint.ts in its draw hook.
 *
 * Promises: nothing is drawn outside the shared frame queue; a live update never changes the zoom; what stands in the
 * corner note is what was drawn. This file is the only one that knows uPlot, so that another engine can take its place.
 */
import uPlot from "uplot";
import { tickLabels, ticks, type AxisKind } from "./axis";
import { firstX, isExact, lastX, pointCount, type BucketSeries } from "./buckets";
import { xExtent, yExtent } from "./extent";
import { frames } from "./frame";
import { forgetDrawn, markOnce, noteDrawn } from "./hooks";
import { hitsAt, nearestBucket, type Hit } from "./nearest";
import { paint, yMap, type Curve, type Plane } from "./paint";
import type { Look } from "./palette";
import { chartColors } from "./theme";
import { hideTooltip, showTooltip } from "./tooltip";
import { xName } from "./url";
import type { XAxis } from "./wire";

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
  buckets: number;
  points: number;
  exact: boolean;
  clipped: number;
  hidden: number;
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
const TOUCH_TICKS = 70;
const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

export class Chart {
  private plot: uPlot | null = null;
  private shape = "";
  private data: ChartData | null = null;
  private curves: Curve[] = [];
  private x: [number, number] = [0, 1];
  private y: [number, number] = [0, 1];
  private highlight: string | null = null;
  private mark: number | null = null;
  private pointer: { left: number; top: number; clientX: number; clientY: number } | null = null;
  private dragging = false;
  private readonly gone = new AbortController();
  private size = { width: 0, height: 0 };

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
    if (this.plot) frames.add(this, () => this.render());
  }

  /** Draws a line at an x; null takes it away. */
  markAt(x: number | null): void {
    if (this.mark === x) return;
    this.mark = x;
    if (this.plot) frames.add(this, () => this.render());
  }

  resize(width: number, height: number): void {
    const size = { width: Math.floor(width), height: Math.floor(height) };
    if (size.width === this.size.width && size.height === this.size.height) return;
    this.size = size;
    if (this.data) frames.add(this, () => this.render());
  }

  /** Colors or pixel density changed: the next drawing starts afresh. */
  refresh(): void {
    this.shape = "";
    if (this.data) frames.add(this, () => this.render());
  }

  scene(): Scene | null {
    const { data } = this;
    if (!data || !this.plot) return null;
    const names = new Map(data.series.map((s) => [s.buckets, s.name]));
    return {
      x: [...this.x], y: [...this.y], kindX: axisKind(data.x, data.logX), kindY: data.logY ? "log" : "number", curves: this.curves,
      names: this.curves.map((c) => names.get(c.buckets) ?? ""), smooth: data.smooth, ...this.size,
    };
  }

  /** Moves the cursor by some buckets of the curve that has the most; whether there was anything to move to. */
  nudge(by: number): boolean {
    const { plot, pointer } = this;
    const longest = this.curves.reduce<BucketSeries | null>((most, c) => (most && most.length >= c.buckets.length ? most : c.buckets), null);
    if (!plot || !pointer || !longest || longest.length === 0) return false;
    const from = nearestBucket(longest, plot.posToVal(pointer.left, "x"));
    const to = Math.max(0, Math.min(longest.length - 1, from + by));
    const left = plot.valToPos((firstX(longest, to) + lastX(longest, to)) / 2, "x");
    if (!(left >= 0 && left <= plot.over.clientWidth)) return false;
    const box = plot.over.getBoundingClientRect();
    this.pointer = { ...pointer, left, clientX: box.left + left };
    plot.setCursor({ left, top: pointer.top });
    this.hover();
    return true;
  }

  destroy(): void {
    frames.cancel(this);
    this.gone.abort();
    this.plot?.destroy();
    this.plot = null;
    forgetDrawn(this.panel);
    if (this.pointer) hideTooltip();
  }

  private render(): void {
    const data = this.data;
    if (!data || this.size.width < 40 || this.size.height < 40) return;
    const started = performance.now();
    this.curves = data.series.filter((s) => s.buckets && s.buckets.length > 0).map((s) => ({ buckets: s.buckets as BucketSeries, look: s.look, band: s.band }));
    const all = this.curves.map((c) => c.buckets);
    const whole = xExtent(all, data.logX);
    this.x = data.range && (!data.logX || data.range[0] > 0) ? [...data.range] : (whole ?? [data.logX ? 1 : 0, data.logX ? 10 : 1]);
    const extent = yExtent(all, this.x[0], this.x[1], data.logY, data.clip);
    this.y = [extent.lo, extent.hi];
    this.drawOnce(data, (plot) => {
      if (plot.width !== this.size.width || plot.height !== this.size.height) plot.setSize(this.size);
      plot.setScale("x", { min: this.x[0], max: this.x[1] });
      plot.setScale("y", { min: 0, max: 1 });
      plot.redraw(false, true);
    });
    noteDrawn(this.panel, all);
    if (all.length > 0) markOnce("chart:first");
    this.events.painted(notesOf(all, extent.clipped, extent.hidden), performance.now() - started);
    if (this.pointer) this.hover();
  }

  /** Changes the plot and draws it. uPlot cannot change the kind of a scale or its colors, so those make a new one; it begins inside of the same batch, or it would be drawn a second time. */
  private drawOnce(data: ChartData, change: (plot: uPlot) => void): void {
    const shape = `${data.logX}|${data.logY}|${xName(data.x)}`;
    const { plot } = this;
    if (plot && this.shape === shape) return plot.batch(() => change(plot));
    plot?.destroy();
    this.shape = shape;
    this.plot = new uPlot(this.optionsFor(data), [this.x, [null, null]] as uPlot.AlignedData, (fresh, begin) => {
      this.root.append(fresh.root);
      fresh.batch(() => (begin(), change(fresh)));
    });
  }

  private optionsFor(data: ChartData): uPlot.Options {
    const colors = chartColors();
    const kindX = axisKind(data.x, data.logX);
    const kindY: AxisKind = data.logY ? "log" : "number";
    const common = {
      stroke: colors.muted, font: FONT, labelGap: 0,
      grid: { stroke: colors.grid, width: 1 / devicePixelRatio },
      ticks: { show: false },
    };
    const room = (pixels: number, gap: number): number => Math.max(2, Math.floor(pixels / devicePixelRatio / gap));
    const gapX = kindX === "number" ? TOUCH_TICKS : TOUCH_TICKS + 14;
    let rungs: number[] = [];
    const placesOfRungs = (u: uPlot): number[] => {
      rungs = ticks(kindY, ...this.y, room(u.bbox.height, 30));
      return rungs.map(yMap({ ...this.plane(u), top: 1, height: -1 }));
    };
    return {
      ...this.size,
      padding: [14, 14, 0, 0],
      legend: { show: false },
      focus: { alpha: 1 },
      scales: {
        x: { time: false, auto: false, distr: data.logX ? 3 : 1, log: 10 },
        // From the foot to the top of the plot: uPlot gives numbers of more than 17 digits no axis.
        y: { auto: false },
      },
      series: [{}, { scale: "y", paths: () => null, points: { show: false } }],
      axes: [
        { ...common, size: 22, gap: 4, splits: (u, _axis, min, max) => ticks(kindX, min, max, room(u.bbox.width, gapX)), values: (_u, v) => tickLabels(kindX, v), filter: (_u, v) => v },
        { ...common, gap: 5, size: (_u, labels) => labelWidth(labels), splits: placesOfRungs, values: () => tickLabels(kindY, rungs), filter: (_u, v) => v },
      ],
      cursor: {
        y: false,
        points: { show: false },
        focus: { prox: -1 },
        drag: { x: true, y: false, setScale: false, uni: 10 },
        sync: { key: `epochal:${xName(data.x)}`, setSeries: false, scales: ["x", null] },
        bind: { dblclick: () => () => (this.events.zoom(null), null) },
      },
      hooks: {
        draw: [(u) => this.draw(u)],
        setSelect: [(u) => this.selected(u)],
        ready: [(u) => this.listen(u.over)],
      },
    };
  }

  private plane(u: uPlot): Plane {
    const { left, top, width, height } = u.bbox;
    const { logX = false, logY = false } = this.data ?? {};
    return { left, top, width, height, xLo: this.x[0], xHi: this.x[1], yLo: this.y[0], yHi: this.y[1], logX, logY, ratio: devicePixelRatio };
  }

  private draw(u: uPlot): void {
    paint(u.ctx, this.plane(u), this.curves, {
      highlight: this.highlight, fail: chartColors().fail, smooth: this.data?.smooth ?? false, dragging: this.dragging,
    });
    this.drawMark(u);
  }

  private drawMark(u: uPlot): void {
    if (this.mark === null || this.mark < this.x[0] || this.mark > this.x[1]) return;
    const { ctx } = u;
    const x = Math.round(u.valToPos(this.mark, "x", true)) + 0.5;
    ctx.save();
    ctx.strokeStyle = chartColors().accent;
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, u.bbox.top);
    ctx.lineTo(x, u.bbox.top + u.bbox.height);
    ctx.stroke();
    ctx.restore();
  }

  private selected(u: uPlot): void {
    const { left, width } = u.select;
    if (width < 4) return;
    const lo = u.posToVal(left, "x");
    const hi = u.posToVal(left + width, "x");
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    // Synchronized charts get the same event; the one under the pointer speaks for all.
    if (this.pointer && hi > lo) this.events.zoom(roundRange(lo, hi, this.data?.x ?? "step"));
  }

  private listen(over: HTMLElement): void {
    over.addEventListener("pointermove", (e) => {
      this.pointer = { left: e.offsetX, top: e.offsetY, clientX: e.clientX, clientY: e.clientY };
      if (!this.dragging) frames.add(over, () => this.hover());
    });
    over.addEventListener("pointerdown", () => {
      this.dragging = true;
      hideTooltip();
    });
    addEventListener("pointerup", () => (this.dragging = false), { passive: true, signal: this.gone.signal });
    over.addEventListener("pointerleave", () => {
      this.pointer = null;
      hideTooltip();
      this.events.hover(null);
    });
  }

  private hover(): void {
    const { plot, pointer, data } = this;
    if (!plot || !pointer || !data) return;
    const ratio = devicePixelRatio;
    const plane = this.plane(plot);
    const hits = hitsAt(plane, this.curves, plane.left + pointer.left * ratio, plane.top + pointer.top * ratio, data.smooth);
    const names = new Map(data.series.map((s) => [s.buckets, s.name]));
    const rows = hits.slice(0, 5).map((hit: Hit) => ({ hit, name: names.get(hit.curve.buckets) ?? "" }));
    showTooltip(data.x, rows, hits.length - rows.length, pointer.clientX, pointer.clientY);
    const near = hits[0] && hits[0].distance <= HOVER_PX * ratio ? hits[0].curve.buckets.run : null;
    this.events.hover(this.curves.length > 1 ? near : null);
  }
}

function axisKind(x: XAxis, log: boolean): AxisKind {
  if (log) return "log";
  if (x === "wall") return "time";
  return x === "relative" ? "duration" : "number";
}

function labelWidth(labels: string[] | null): number {
  const longest = labels ? Math.max(2, ...labels.map((l) => l.length)) : 4;
  return Math.ceil(longest * 6.2) + 11;
}

/** A zoom on whole steps or microseconds keeps addresses short. */
function roundRange(lo: number, hi: number, x: XAxis): [number, number] {
  if (typeof x !== "string") return [Number(lo.toPrecision(6)), Number(hi.toPrecision(6))];
  const [a, b] = [Math.floor(lo), Math.ceil(hi)];
  return [a, Math.max(b, a + 1)];
}

function notesOf(all: readonly BucketSeries[], clipped: number, hidden: number): ChartNotes {
  let nanFrom: number | null = null;
  let end: number | null = null;
  let buckets = 0;
  let points = 0;
  for (const s of all) {
    buckets += s.length;
    points += pointCount(s);
    end = Math.max(end ?? -Infinity, lastX(s, s.length - 1));
    const at = s.nNan ? s.nNan.findIndex((n) => n > 0) : -1;
    if (at >= 0) nanFrom = Math.min(nanFrom ?? Infinity, s.index[at] * s.width + s.xFirst[at]);
  }
  return { buckets, points, exact: all.every(isExact), clipped, hidden, nanFrom, end, empty: all.length === 0 };
}
