/**
 * Where the plot of a chart lies within its canvas, and the grid and labels around it.
 *
 * Promises: the same size, ranges and pixel density give the same drawing; grid lines stand on whole device pixels; the
 * room at the left is as wide as the longest label of the y axis needs, so it is known before anything is drawn.
 */
import { tickLabels, ticks, type AxisKind } from "./axis";
import { xMap, yMap, type Plane } from "./paint";
import type { ChartColors } from "./theme";

export interface Size {
  width: number;
  height: number;
}

/** A grid line and its label; `at` in device pixels. */
export interface Rung {
  at: number;
  text: string;
}

export interface Layout {
  /** The plot's rectangle in CSS pixels. */
  left: number;
  top: number;
  width: number;
  height: number;
  plane: Plane;
  xs: readonly Rung[];
  ys: readonly Rung[];
}

const TOP = 14;
const RIGHT = 14;
/** The room of the labels below the plot. */
const FOOT = 22;
const GAP_X = 4;
const GAP_Y = 5;
const FONT_PX = 11;
const FACE = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
/** The width of a character where nothing can be measured. */
const CHARACTER = 6.2;
const SAMPLE = "0123456789";
let measured = 0;

/** The width of a digit in the letters of this system, which no other sign of a label is wider than. */
function characterWidth(): number {
  if (measured > 0 || typeof document === "undefined") return measured || CHARACTER;
  const ctx = document.createElement("canvas").getContext?.("2d");
  if (!ctx) return CHARACTER;
  ctx.font = `${FONT_PX}px ${FACE}`;
  return (measured = ctx.measureText(SAMPLE).width / SAMPLE.length + 0.1);
}
/** Least pixels between ticks; times and durations read longer. */
const APART_X = { number: 70, step: 70, log: 84, duration: 84, time: 84 };
const APART_Y = 30;

/** The width of the longest label, in CSS pixels. */
export const roomFor = (labels: readonly string[]): number => Math.max(0, ...labels.map((text) => text.length)) * characterWidth();

const room = (pixels: number, apart: number): number => Math.max(2, Math.floor(pixels / apart));

/** Lays out a chart of `size` CSS pixels whose plot shows `x` and `y`. */
export function layOut(size: Size, x: readonly [number, number], y: readonly [number, number], kindX: AxisKind, kindY: AxisKind, ratio: number): Layout {
  const height = size.height - TOP - FOOT;
  const yTicks = ticks(kindY, ...y, room(height, APART_Y));
  const yTexts = tickLabels(kindY, yTicks);
  const left = Math.ceil(Math.max(2 * characterWidth(), roomFor(yTexts))) + 11;
  const width = Math.max(1, size.width - left - RIGHT);
  const plane: Plane = {
    left: onHalves(left * ratio), top: onHalves(TOP * ratio), width: onHalves(width * ratio), height: onHalves(height * ratio),
    xLo: x[0], xHi: x[1], yLo: y[0], yHi: y[1], logX: kindX === "log", logY: kindY === "log", ratio,
  };
  const [xTicks, xTexts] = labelled(kindX, x, width);
  return { left, top: TOP, width, height, plane, xs: rungs(xTicks, xTexts, xMap(plane)), ys: rungs(yTicks, yTexts, yMap(plane)) };
}

/** Ticks of the x axis with their labels; fewer where long labels would run into each other. */
function labelled(kind: AxisKind, [lo, hi]: readonly [number, number], width: number): [number[], string[]] {
  const lay = (apart: number): [number[], string[]] => {
    const at = ticks(kind, lo, hi, Math.max(1, Math.floor(width / apart)));
    return [at, tickLabels(kind, at)];
  };
  const [at, texts] = lay(Math.min(APART_X[kind], width / 2));
  const least = roomFor(texts) + GAP_X * 2;
  const between = at.length > 1 ? ((at[1] - at[0]) / (hi - lo)) * width : least;
  return between >= least || kind === "log" ? [at, texts] : lay(least * 1.5);
}

const onHalves = (pixels: number): number => Math.round(pixels * 2) / 2;

const rungs = (values: readonly number[], texts: readonly string[], place: (v: number) => number): Rung[] => values.map((v, i) => ({ at: Math.round(place(v)), text: texts[i] }));

/** Labels below a plot, each wholly within `width` and none over its left neighbor. */
export function within(labels: readonly Rung[], width: number, ratio: number): Rung[] {
  let end = 0;
  return labels.flatMap(({ at, text }) => {
    const half = (text.length * characterWidth() * ratio) / 2;
    const place = Math.min(Math.max(at, half + ratio), width - half - ratio);
    if (place - half < end) return [];
    end = place + half + GAP_X * ratio;
    return [{ at: place, text }];
  });
}

/** Draws grid lines and labels on a canvas that is empty. */
export function drawAxes(ctx: CanvasRenderingContext2D, { plane, xs, ys }: Layout, colors: ChartColors): void {
  const { left, top, width, height, ratio } = plane;
  ctx.fillStyle = colors.muted;
  ctx.font = `${Math.round(FONT_PX * ratio)}px ${FACE}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  const foot = Math.round(top + height) + Math.round(GAP_X * ratio);
  for (const { at, text } of within(xs, left + width + RIGHT * ratio, ratio)) ctx.fillText(text, at, foot);
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  const beside = Math.round(left) - Math.round(GAP_Y * ratio);
  for (const { at, text } of ys) ctx.fillText(text, beside, at);
  ctx.strokeStyle = colors.grid;
  ctx.lineWidth = 1;
  ctx.beginPath();
  for (const { at } of xs) line(ctx, at + 0.5, top + 0.5, at + 0.5, top + height + 0.5);
  for (const { at } of ys) line(ctx, left + 0.5, at + 0.5, left + width + 0.5, at + 0.5);
  ctx.stroke();
}

/** A line down the plot at an x, one CSS pixel wide. */
export function drawMark(ctx: CanvasRenderingContext2D, plane: Plane, x: number, color: string): void {
  if (x < plane.xLo || x > plane.xHi) return;
  const at = Math.round(xMap(plane)(x)) + 0.5;
  ctx.strokeStyle = color;
  ctx.lineWidth = plane.ratio;
  ctx.beginPath();
  line(ctx, at, plane.top, at, plane.top + plane.height);
  ctx.stroke();
}

function line(ctx: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
}
