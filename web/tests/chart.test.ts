/** Law: what is drawn covers every extremum, marks every NaN, and the cursor finds the curve under it. */
import { describe, expect, it } from "vitest";
import { seriesOf, type BucketSeries } from "../src/core/buckets";
import { SvgPen } from "../src/core/charts/svg";
import { decodeColumns } from "../src/core/columns";
import { bucketWindow, pointsBefore, xExtent, yExtent } from "../src/core/extent";
import { FrameQueue } from "../src/core/frame";
import { hitsAt, nearestBucket } from "../src/core/nearest";
import { alikeOf, paint, yMap, type Plane } from "../src/core/paint";
import type { BucketHead } from "../src/core/wire";
import { bucketMessage, seeded, type Point } from "./message";

const bucketed = (points: Point[], width: number, run = "r"): BucketSeries => seriesOf(decodeColumns<BucketHead>(bucketMessage([{ run, key: "k", points }], width)))[0];

describe("the greatest and the least numbers there are", () => {
  it.each([Number.MAX_VALUE, -Number.MAX_VALUE, 5e-324, 0, 0.5])("have an axis around them when nothing else is logged: %d", (value) => {
    const { lo, hi } = yExtent([bucketed([[0, value], [1, value]], 1)], 0, 1, false, false);
    expect([lo, hi].every(Number.isFinite)).toBe(true);
    expect(lo < hi && lo <= value && value <= hi).toBe(true);
  });

  it.each([false, true])("have a finite range and a place of their own on it (log: %s)", (log) => {
    const values = log ? [5e-324, 1e-300, 1, 1e300, 1.7e308] : [-1.7e308, -1e308, 0, 1e308, 1.7e308];
    const series = bucketed(values.map((value, step): Point => [step, value]), 1);
    const { lo, hi } = yExtent([series], 0, 9, log, false);
    expect([lo, hi].every(Number.isFinite)).toBe(true);
    const places = values.map(yMap({ left: 0, top: 0, width: 100, height: 100, xLo: 0, xHi: 9, yLo: lo, yHi: hi, logX: false, logY: log, ratio: 1 }));
    for (const [i, y] of places.entries()) {
      expect(y).toBeGreaterThanOrEqual(0);
      expect(y).toBeLessThanOrEqual(100);
      if (i > 0) expect(y).toBeLessThan(places[i - 1]);
    }
  });
});

it("draws the mean of a group at one step only as a dot", () => {
  const group = { buckets: { ...bucketed([[3, 1]], 1), first: null }, look: { color: "#123", dash: [] }, band: true };
  const pen = new SvgPen(100, 100);
  const plane: Plane = { left: 0, top: 0, width: 100, height: 100, xLo: 0, xHi: 6, yLo: 0, yHi: 2, logX: false, logY: false, ratio: 1 };
  paint(pen as unknown as CanvasRenderingContext2D, plane, [group], { highlight: null, fail: "red", smooth: false, dragging: false });
  expect(pen.toString()).toMatch(/a1.5 1.5 [^>]*stroke="#123"/);
});

it.each([[0, 3e-318, false], [9e15, 9e15 + 300, true], [5e-324, 1e-322, false]])("every value from %d to %d has a place of its own (log: %s)", (lo, hi, log) => {
  const place = yMap({ left: 0, top: 0, width: 100, height: 100, xLo: 0, xHi: 1, yLo: lo, yHi: hi, logX: false, logY: log, ratio: 1 });
  const places = [0, 0.25, 0.5, 1].map((part) => place(lo + part * (hi - lo)));
  expect(places[0]).toBeCloseTo(100, 6);
  expect(places[3]).toBeCloseTo(0, 6);
  expect(places[1]).toBeGreaterThan(places[2]);
  expect(places[2]).toBeGreaterThan(0);
});

it("counts dense curves that only their dash would tell apart", () => {
  const dense = bucketed(Array.from({ length: 400 }, (_, i): Point => [i, i]), 1);
  const of = (color: string, dash: number[]) => ({ buckets: dense, look: { color, dash } });
  const plane = (width: number): Plane => ({ left: 0, top: 0, width, height: 100, xLo: 0, xHi: 400, yLo: 0, yHi: 400, logX: false, logY: false, ratio: 1 });
  const curves = [of("red", []), of("red", [6, 3]), of("red", [2, 2]), of("blue", [6, 3])];
  expect(alikeOf(plane(300), curves)).toBe(2);
  expect(alikeOf(plane(3000), curves)).toBe(0);
});

it("counts the points that a logarithmic x axis has no place for", () => {
  const from = (step: number): Point[] => Array.from({ length: 8 }, (_, i): Point => [step + i, 1]);
  expect(pointsBefore([bucketed(from(0), 4), bucketed(from(0), 1), bucketed(from(4), 4)])).toBe(5);
});

const look = { color: "#000000", dash: [] };

/** A canvas that keeps the strokes it is given. */
class Pen {
  strokes: { from: [number, number]; to: [number, number] }[] = [];
  rects: [number, number, number, number, string][] = [];
  arcs: [number, number][] = [];
  /** Whether what is drawn now is cut at the edges of the plot. */
  cut = false;
  cutArcs = 0;
  fillStyle = "";
  private at: [number, number] | null = null;
  moveTo(x: number, y: number): void {
    this.at = [x, y];
  }
  lineTo(x: number, y: number): void {
    if (this.at) this.strokes.push({ from: this.at, to: [x, y] });
    this.at = [x, y];
  }
  fillRect(x: number, y: number, w: number, h: number): void {
    this.rects.push([x, y, w, h, this.fillStyle]);
  }
  arc(x: number, y: number): void {
    this.arcs.push([x, y]);
    if (this.cut) this.cutArcs++;
  }
  save(): void {}
  restore(): void {
    this.cut = false;
  }
  beginPath(): void {}
  stroke(): void {}
  fill(): void {}
  rect(): void {}
  clip(): void {
    this.cut = true;
  }
  setLineDash(): void {}
}

const plane = (part: Partial<Plane>): Plane => ({ left: 0, top: 0, width: 400, height: 200, xLo: 0, xHi: 4095, yLo: -10, yHi: 10, logX: false, logY: false, ratio: 1, ...part });

function draw(curves: BucketSeries[], p: Plane): Pen {
  const pen = new Pen();
  paint(pen as unknown as CanvasRenderingContext2D, p, curves.map((buckets) => ({ buckets, look })), { highlight: null, fail: "red", smooth: false, dragging: false });
  return pen;
}

describe("drawing", () => {
  it.each([1, 5])("covers the true extent of every bucket's columns (%i runs)", (runs) => {
    const random = seeded(3);
    const points: Point[] = Array.from({ length: 4096 }, (_, x) => [x, random() < 0.01 ? 9 - 18 * random() : random()]);
    const buckets = bucketed(points, 16);
    const p = plane({});
    const pen = draw(Array.from({ length: runs }, () => buckets), p);
    const y = (v: number): number => 200 - ((v + 10) / 20) * 200;
    for (let b = 0; b < buckets.length; b++) {
      const values = points.slice(b * 16, b * 16 + 16).map((q) => y(q[1]));
      const lo = (b * 16 * 400) / 4095 - 0.01;
      const hi = ((b * 16 + 15) * 400) / 4095 + 0.01;
      const inside = pen.strokes.filter((s) => s.to[0] >= lo && s.to[0] <= hi).flatMap((s) => [s.to[1], ...(s.from[0] >= lo ? [s.from[1]] : [])]);
      expect(Math.min(...inside), `top of bucket ${b}`).toBeCloseTo(Math.min(...values), 3);
      expect(Math.max(...inside), `bottom of bucket ${b}`).toBeCloseTo(Math.max(...values), 3);
    }
  });

  it("marks each bucket with NaN in the rug and breaks the line there", () => {
    const points: Point[] = Array.from({ length: 100 }, (_, x) => [x, x >= 40 && x < 50 ? NaN : 1]);
    const pen = draw([bucketed(points, 1)], plane({ xHi: 99 }));
    expect(pen.rects.filter((r) => r[4] === "red")).toHaveLength(10);
    expect(pen.strokes.some((s) => s.from[0] < 160 && s.to[0] > 198)).toBe(false);
    expect(pen.strokes).toHaveLength(39 + 49);
  });

  it("shows a point without neighbors as a dot", () => {
    expect(draw([bucketed([[5, 1]], 1)], plane({ xHi: 10 })).arcs).toHaveLength(1);
    expect(draw([bucketed([[5, NaN], [6, 1], [7, NaN]], 1)], plane({ xHi: 10 })).arcs).toHaveLength(1);
  });

  it("shows the dots on the edges of the plot whole, and none beyond them", () => {
    const pen = draw([bucketed([[0, 1], [4, 2], [8, 3], [12, 4]], 1)], plane({ xHi: 8 }));
    expect(pen.arcs.map(([x]) => x)).toEqual([0, 200, 400]);
    expect(pen.cutArcs).toBe(0);
  });
});

describe("ranges", () => {
  it("hold every finite value in view and nothing outside it", () => {
    const s = bucketed([[0, 100], [10, 1], [11, 2], [12, Infinity], [20, NaN], [30, -50]], 1);
    expect(xExtent([s], false)).toEqual([0, 30]);
    const { lo, hi } = yExtent([s], 5, 25, false, false);
    expect([lo, hi]).toEqual([1 - 0.04, 2 + 0.04]);
  });

  it("count what a log axis or clipping hides", () => {
    const points: Point[] = Array.from({ length: 200 }, (_, x) => [x, x === 100 ? 1000 : x % 20 === 0 ? -1 : 1 + (x % 7)]);
    expect(yExtent([bucketed(points, 1)], 0, 199, true, false).hidden).toBe(9);
    const clipped = yExtent([bucketed(points, 1)], 0, 199, false, true);
    expect(clipped.hi).toBeLessThan(20);
    expect(clipped.clipped).toBe(1);
  });

  it("keep a neighbor on each side so that lines reach the edges", () => {
    const s = bucketed([[0, 1], [100, 2], [200, 3], [300, 4]], 1);
    expect(bucketWindow(s, 120, 180)).toEqual([1, 3]);
    expect(bucketWindow(s, 100, 200)).toEqual([0, 4]);
  });
});

describe("the cursor", () => {
  it("finds the nearest point of each run, nearest curve first", () => {
    const curves = [bucketed([[0, 0], [100, 0]], 1, "low"), bucketed([[0, 8], [90, 8]], 1, "high")].map((buckets) => ({ buckets, look }));
    const hits = hitsAt(plane({ xHi: 100 }), curves, 360, 30, false);
    expect(hits.map((h) => [h.curve.buckets.run, h.value, h.x])).toEqual([["high", 8, 90], ["low", 0, 100]]);
  });

  it("leaves out runs that ended before it", () => {
    const curves = [{ buckets: bucketed([[0, 0], [10, 0]], 1), look }];
    expect(hitsAt(plane({ xHi: 100 }), curves, 200, 100, false)).toEqual([]);
    expect(nearestBucket(bucketed([], 1), 5)).toBe(-1);
  });

  it.each([[1, 199.9, 200], [1, 200 - 1e-9, 200], [1, 199.4, 199], [16, 30.9, 2], [16, 17, 1], [1, -5, 0], [1, 1e6, 299]])("is the nearest point's bucket, in the next one too (width %d, at %f)", (width, x, at) => {
    const points = Array.from({ length: 300 }, (_, i): Point => [i, i]).filter(([i]) => width === 1 || i % 16 < 8 || i >= 32);
    expect(nearestBucket(bucketed(points, width), x)).toBe(at);
  });
});

describe("the frame queue", () => {
  it("runs each key once and leaves what does not fit for the next frame", () => {
    const pending: (() => void)[] = [];
    let time = 0;
    const queue = new FrameQueue((f) => pending.push(f), () => time);
    const ran: string[] = [];
    for (const name of ["a", "b", "c", "d"]) queue.add(name, () => (ran.push(name), (time += 5)));
    queue.add("b", () => (ran.push("b2"), (time += 5)));
    pending.shift()?.();
    expect(ran).toEqual(["a", "b2"]);
    pending.shift()?.();
    expect(ran).toEqual(["a", "b2", "c", "d"]);
    expect(pending).toHaveLength(0);
  });

  it("goes on after a job that fails", () => {
    const errors = console.error;
    console.error = () => undefined;
    const pending: (() => void)[] = [];
    const queue = new FrameQueue((f) => pending.push(f), () => 0);
    let ran = false;
    queue.add("bad", () => {
      throw new Error("no");
    });
    queue.add("good", () => (ran = true));
    pending.shift()?.();
    console.error = errors;
    expect(ran).toBe(true);
  });
});
