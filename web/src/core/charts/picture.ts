/**
 * A chart as a picture of its own: title, axes, curves as core/paint.ts draws them on the page, and a legend.
 * The ground is painted, so that it reads wherever it is pasted.
 */
import { roomFor, within } from "../axes";
import { tickLabels, ticks } from "../axis";
import type { Scene } from "../chart";
import { paint, xMap, yMap, type Plane } from "../paint";
import type { Look } from "../palette";
import { chartColors } from "../theme";
import { FACE, SvgPen } from "./svg";

const LEAST = { width: 480, height: 260 };
export const TOP = 34;
const BOTTOM = 24;
/** The name of the x axis below its labels. */
const NAME = 16;
const RIGHT = 14;
const ROW = 16;
const LEGEND_COLUMN = 230;
/** More names than these are not told one by one. */
const MOST_NAMES = 24;
const CHARACTER = 6.4;
const TITLE_CHARACTER = 8.2;

export type Pen = Pick<CanvasRenderingContext2D, "save" | "restore" | "beginPath" | "rect" | "clip" | "moveTo" | "lineTo" | "arc" | "stroke" | "fill" | "fillRect" | "fillText" | "setLineDash"> & {
  strokeStyle: unknown; fillStyle: unknown; lineWidth: number; globalAlpha: number; font: string; textAlign: unknown; textBaseline: unknown;
};

interface Layout {
  width: number;
  height: number;
  plane: Plane;
  xs: { at: number; text: string }[];
  ys: { at: number; text: string }[];
}

export interface LegendEntry {
  name: string;
  look: Look;
}

const perRow = (width: number): number => Math.max(1, Math.floor((width - 20) / LEGEND_COLUMN));

/** What a legend of so many names takes; names beyond the most are one more. */
export const legendHeight = (names: number, width: number): number => Math.ceil(Math.min(names, MOST_NAMES + 1) / perRow(width)) * ROW;

const legendOf = (scene: Scene): LegendEntry[] => scene.curves.map(({ look }, i) => ({ name: scene.names[i], look }));

function layOut(scene: Scene): Layout {
  const width = Math.max(LEAST.width, scene.width);
  const legend = legendHeight(scene.names.length, width);
  const plotHeight = Math.max(LEAST.height, scene.height) - TOP - BOTTOM - NAME;
  const yTicks = ticks(scene.kindY, ...scene.y, Math.max(2, Math.floor(plotHeight / 36)));
  const yLabels = tickLabels(scene.kindY, yTicks);
  const left = Math.max(34, roomFor(yLabels) + 14);
  const plane: Plane = {
    left, top: TOP, width: width - left - RIGHT, height: plotHeight, xLo: scene.x[0], xHi: scene.x[1], yLo: scene.y[0], yHi: scene.y[1],
    logX: scene.kindX === "log", logY: scene.kindY === "log", ratio: 1,
  };
  const xTicks = ticks(scene.kindX, ...scene.x, Math.max(2, Math.floor(plane.width / 90)));
  const xLabels = tickLabels(scene.kindX, xTicks);
  const [toX, toY] = [xMap(plane), yMap(plane)];
  return {
    width, height: TOP + plotHeight + BOTTOM + NAME + legend + 8, plane,
    xs: xTicks.map((v, i) => ({ at: toX(v), text: xLabels[i] })), ys: yTicks.map((v, i) => ({ at: toY(v), text: yLabels[i] })),
  };
}

/** The ground of a picture and its title; what follows has `TOP` pixels above it. */
export function drawHead(pen: Pen, title: string, width: number, height: number): void {
  const ground = getComputedStyle(document.documentElement).getPropertyValue("--bg").trim() || "#ffffff";
  pen.fillStyle = ground;
  pen.fillRect(0, 0, width, height);
  pen.fillStyle = chartColors().text;
  pen.font = `600 13px ${FACE}`;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  const most = Math.floor((width - 20) / TITLE_CHARACTER);
  pen.fillText(title.length > most ? `${title.slice(0, most - 1)}…` : title, 10, 16);
  pen.font = `11px ${FACE}`;
}

function drawScene(pen: Pen, scene: Scene, title: string, { width, height, plane, xs, ys }: Layout): void {
  const colors = chartColors();
  const bottom = plane.top + plane.height;
  drawHead(pen, title, width, height);
  pen.strokeStyle = colors.grid;
  pen.lineWidth = 1;
  pen.fillStyle = colors.muted;
  for (const { at, text } of ys) {
    rule(pen, plane.left, at, plane.left + plane.width, at);
    pen.textAlign = "right";
    pen.fillText(text, plane.left - 6, at);
  }
  pen.textAlign = "center";
  for (const { at } of xs) rule(pen, at, plane.top, at, bottom);
  for (const { at, text } of within(xs, width, 1)) pen.fillText(text, at, bottom + 12);
  pen.fillText(typeof scene.axis === "object" ? scene.axis.metric : { step: "step", wall: "time", relative: "time since the start" }[scene.axis], plane.left + plane.width / 2, bottom + BOTTOM + NAME / 2 - 2);
  paint(pen as unknown as CanvasRenderingContext2D, plane, scene.curves, { highlight: null, fail: colors.fail, smooth: scene.smooth, dragging: false });
  drawLegend(pen, legendOf(scene), width, bottom + BOTTOM + NAME + 4);
}

/** The first names with their looks, and how many there are beside them. */
export function drawLegend(pen: Pen, entries: readonly LegendEntry[], width: number, top: number): void {
  const columns = perRow(width);
  const most = Math.floor((LEGEND_COLUMN - 36) / CHARACTER);
  const rest = entries.length - MOST_NAMES;
  const rows = [...entries.slice(0, MOST_NAMES), ...(rest > 0 ? [{ name: `and ${rest} more`, look: null }] : [])];
  pen.textAlign = "left";
  rows.forEach(({ name, look }, i) => {
    const [x, y] = [10 + (i % columns) * LEGEND_COLUMN, top + Math.floor(i / columns) * ROW + ROW / 2];
    if (look) {
      pen.strokeStyle = look.color;
      pen.lineWidth = 2;
      pen.setLineDash([...look.dash]);
      rule(pen, x, y, x + 18, y);
      pen.setLineDash([]);
    }
    pen.fillStyle = chartColors().text;
    pen.fillText(name.length > most ? `${name.slice(0, most - 1)}…` : name, x + 24, y);
  });
}

function rule(pen: Pen, x0: number, y0: number, x1: number, y1: number): void {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}

/** The picture as the text of an SVG file. */
export function svgOf(scene: Scene, title: string): string {
  const layout = layOut(scene);
  const pen = new SvgPen(Math.ceil(layout.width), Math.ceil(layout.height));
  drawScene(pen as unknown as Pen, scene, title, layout);
  return pen.toString();
}

/** The picture as a PNG, two pixels for one of the page. */
export async function pngOf(scene: Scene, title: string): Promise<Blob> {
  const layout = layOut(scene);
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(layout.width * 2);
  canvas.height = Math.ceil(layout.height * 2);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser gives no canvas to draw on");
  context.scale(2, 2);
  drawScene(context, scene, title, layout);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture could not be made"))), "image/png"));
}
