/** Law: labels, grid lines and curves stand on one scale, and lines on whole device pixels. */
import { describe, expect, it } from "vitest";
import { drawAxes, drawMark, layOut, within, type Layout } from "../src/core/axes";
import type { AxisKind } from "../src/core/axis";
import { xAt, xMap, yMap } from "../src/core/paint";
import type { ChartColors } from "../src/core/theme";

const SIZE = { width: 400, height: 210 };
const lay = (x: [number, number], y: [number, number] = [0, 1], kindX: AxisKind = "number", kindY: AxisKind = "number", ratio = 1): Layout => layOut(SIZE, x, y, kindX, kindY, ratio);
const numberOf = (text: string): number => Number(text.replace("−", "-").replace("k", "e3").replace("M", "e6"));

describe("the layout of a chart", () => {
  it.each([1, 1.25, 1.5, 2, 3])("puts each line on a whole device pixel at the place of its label (density %f)", (ratio) => {
    const { xs, ys, plane } = lay([0, 1000], [-3, 7], "number", "number", ratio);
    expect(xs.length).toBeGreaterThan(2);
    expect(ys.length).toBeGreaterThan(2);
    for (const { at, text } of xs) expect(at).toBe(Math.round(xMap(plane)(numberOf(text))));
    for (const { at, text } of ys) expect(at).toBe(Math.round(yMap(plane)(numberOf(text))));
    for (const { at } of xs) expect(at).toBeLessThanOrEqual(plane.left + plane.width + 1);
  });

  it("labels a logarithmic x where its curves are, however far the range is from whole decades", () => {
    const { xs, plane } = lay([2_000, 53_000], [0, 1], "log");
    expect([plane.xLo, plane.xHi]).toEqual([2_000, 53_000]);
    expect(xs.length).toBeGreaterThan(1);
    for (const { at, text } of xs) expect(Math.abs(xAt(plane, at) / numberOf(text) - 1)).toBeLessThan(0.02);
  });

  it("gives long labels more room, and keeps the plot within the canvas", () => {
    const [short, long] = [lay([0, 9], [0, 1]), lay([0, 9], [123_456.001, 123_456.009])];
    expect(long.left).toBeGreaterThan(short.left);
    for (const l of [short, long]) {
      expect(l.left + l.width).toBeLessThan(SIZE.width);
      expect(l.top + l.height).toBeLessThan(SIZE.height);
      expect(Math.max(...l.ys.map((r) => r.text.length)) * 5).toBeLessThan(l.left);
    }
  });

  it("keeps times and durations further apart than numbers", () => {
    const hour = 3.6e9;
    expect(lay([0, 6 * hour], [0, 1], "duration").xs.length).toBeLessThanOrEqual(4 + 1);
    expect(lay([0, 6], [0, 1]).xs.length).toBeGreaterThan(5);
  });

  it("has a plot even where there is hardly room for its labels", () => {
    for (const x of [[59_999_990, 60_000_020], [9e15, 9e15 + 64], [0, 1e-7]] as [number, number][]) {
      const { xs } = lay(x);
      expect(xs.length).toBeGreaterThan(1);
      for (const [i, { at, text }] of xs.entries()) if (i > 0) expect(at - xs[i - 1].at).toBeGreaterThan(((text.length + xs[i - 1].text.length) / 2) * 6);
    }
    expect(layOut({ width: 40, height: 40 }, [0, 1], [-1e-12, 1e-12], "number", "number", 1).width).toBeGreaterThan(0);
  });
});

/** A canvas that keeps its texts and lines. */
class Pen {
  texts: [string, number, number][] = [];
  lines: [number, number, number, number][] = [];
  private at: [number, number] = [0, 0];
  fillText(text: string, x: number, y: number): void {
    this.texts.push([text, x, y]);
  }
  moveTo(x: number, y: number): void {
    this.at = [x, y];
  }
  lineTo(x: number, y: number): void {
    this.lines.push([...this.at, x, y]);
  }
  beginPath(): void {}
  stroke(): void {}
}

const colors = { muted: "gray", grid: "silver" } as ChartColors;

describe("axes on a canvas", () => {
  it("draw a line and a label for each tick, labels outside of the plot", () => {
    const pen = new Pen();
    const layout = lay([0, 300], [0, 1], "number", "number", 2);
    drawAxes(pen as unknown as CanvasRenderingContext2D, layout, colors);
    const { plane, xs, ys } = layout;
    expect(pen.lines).toHaveLength(xs.length + ys.length);
    expect(pen.texts.map(([text]) => text)).toEqual([...xs, ...ys].map((r) => r.text));
    for (const [i, [, x, y]] of pen.texts.entries()) expect(i < xs.length ? y > plane.top + plane.height : x < plane.left).toBe(true);
    // The middle of a device pixel: a line there is one pixel wide and not two faint ones.
    for (const [x0, y0, x1, y1] of pen.lines) expect(x0 === x1 ? x0 % 1 : y0 === y1 && y0 % 1).toBe(0.5);
  });

  it("mark an x within the plot only", () => {
    const { plane } = lay([0, 100]);
    const marks = (x: number): number[] => {
      const pen = new Pen();
      drawMark(pen as unknown as CanvasRenderingContext2D, plane, x, "blue");
      return pen.lines.map(([at]) => at);
    };
    expect(marks(50)).toEqual([Math.round(xMap(plane)(50)) + 0.5]);
    expect([...marks(-1), ...marks(101)]).toEqual([]);
  });

  it("keeps long labels on the canvas and apart from each other", () => {
    const text = "9.007199254740993e15";
    const placed = within([{ at: 30, text }, { at: 100, text }, { at: 300, text }, { at: 396, text }], 400, 1);
    const half = (text.length * 6.2) / 2;
    expect(placed[0].at - half).toBeGreaterThanOrEqual(0);
    expect(placed.map((p) => p.at)).toEqual([half + 1, 300]);
    expect(within([{ at: 5, text: "0" }, { at: 80, text: "10" }], 100, 1).map((p) => p.at)).toEqual([5, 80]);
  });
});
