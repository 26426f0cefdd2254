/** Laws: what is no number is a gap and moves nothing else; nonsense is no plot; the pointer finds the nearest point. */
import { describe, expect, it } from "vitest";
import { overlaid } from "../src/core/plots/overlay";
import { heatRamp } from "../src/core/plots/ramp";
import { dotPath, extentOf, linePath, nearest, padded, scaleOf } from "../src/core/plots/scale";
import { readHistogram, readSpec, type PlotSpec, type XYSpec } from "../src/core/plots/spec";

const xy = (x: number[], y: number[]) => ({ name: "s", x: Float64Array.from(x), y: Float64Array.from(y), thresholds: null, area: null });

describe("specifications", () => {
  it("of curves keep gaps and areas", () => {
    const spec = readSpec("roc", { x: "a", y: "b", series: [{ name: "cat", x: [0, null, 1], y: [0, 1, "NaN"], thresholds: ["Infinity", 0.5, 0], auc: 0.75 }, null] }) as XYSpec;
    expect(spec.series.length).toBe(1);
    expect(Array.from(spec.series[0].x)).toEqual([0, NaN, 1]);
    expect(spec.series[0].area).toEqual({ name: "AUC", value: 0.75 });
    expect(spec.series[0].thresholds?.[0]).toBe(Infinity);
  });

  it("that do not fit are refused", () => {
    expect(readSpec("confusion", { classes: ["a", "b"], counts: [[1, 2], [3]] })).toBeNull();
    expect(readSpec("histogram", { edges: [0, 1], counts: [1, 2] })).toBeNull();
    expect(readSpec("plotly", { data: [] })).toBeNull();
    expect(readSpec("line", "nonsense")).toBeNull();
    expect(readHistogram({ edges: [0, "NaN"], counts: [1] })).toBeNull();
    expect(readHistogram({ edges: [0, 1, 3], counts: [1, 2] })?.counts.length).toBe(2);
  });
});

describe("scales", () => {
  it("span the finite values", () => {
    expect(extentOf([[NaN, 3, -1], [Infinity, 2]])).toEqual([-1, 3]);
    expect(extentOf([[NaN]])).toBeNull();
    expect(extentOf([[-1, 0, 5]], true)).toEqual([5, 5]);
    expect(padded([2, 2])).toEqual([1, 3]);
  });

  it("place values, upwards for y, by logarithm where wanted", () => {
    expect(scaleOf([0, 10], 100).place(5)).toBe(50);
    expect(scaleOf([0, 10], 100, { up: true }).place(0)).toBe(100);
    const log = scaleOf([1, 100], 100, { log: true });
    expect(log.place(10)).toBeCloseTo(50);
    expect(log.ticks.length).toBeGreaterThan(1);
  });

  it("break lines at gaps, and show a point between two of them", () => {
    const [across, up] = [scaleOf([0, 4], 4), scaleOf([0, 1], 1, { up: true })];
    expect(linePath(xy([0, 1, 2, 3, 4], [0, 1, NaN, 1, NaN]), across, up)).toBe("M0 1L1 0M3 0h0");
    expect(dotPath(xy([0, NaN, 2], [0, 1, 1]), across, up)).toBe("M0 1h0M2 0h0");
  });

  it("find the nearest points", () => {
    const [across, up] = [scaleOf([0, 10], 100), scaleOf([0, 10], 100, { up: true })];
    const series = [xy([0, 5, 10], [0, 5, 10]), xy([0, 5, 10], [10, NaN, 0])];
    expect(nearest(series, across, up, 52, 50, false).map((n) => [n.series, n.index])).toEqual([[0, 1], [1, 2]]);
    expect(nearest(series, across, up, 98, 98, true).map((n) => [n.series, n.x, n.y])).toEqual([[1, 10, 0]]);
  });
});

describe("the ramp", () => {
  it.each(["light", "dark"] as const)("leaves the ground step by step (%s)", (theme) => {
    const light = Array.from({ length: 21 }, (_, i) => heatRamp(i / 20, theme)).map(([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b);
    const rising = light.map((v, i) => (i === 0 ? 1 : theme === "dark" ? v - light[i - 1] : light[i - 1] - v));
    expect(Math.min(...rising)).toBeGreaterThan(0);
  });
});

describe("curves of several runs", () => {
  const roc = (...names: string[]): PlotSpec => readSpec("roc", { x: "false positive rate", y: "true positive rate", series: names.map((name) => ({ name, x: [0, 1], y: [0, 1], auc: 0.5 })) }) as PlotSpec;

  it("lie over each other in the colors of their runs, with a dash for each class", () => {
    const two = overlaid([{ name: "a", color: 3, spec: roc("") }, { name: "b", color: 12, spec: roc("cat", "dog") }]);
    expect(two?.spec.series.map((s) => [s.name, s.area?.value])).toEqual([["a", 0.5], ["b · cat", 0.5], ["b · dog", 0.5]]);
    expect(two?.colors).toEqual([3, 4, 12]);
  });

  it("stay apart when they are of one run, of different kinds or of different quantities", () => {
    const line = (y: string): PlotSpec => readSpec("line", { x: "step", y, series: [{ name: "", x: [0], y: [0] }] }) as PlotSpec;
    const of = (...specs: PlotSpec[]) => overlaid(specs.map((spec, color) => ({ name: "r", color, spec })));
    expect([of(roc("")), of(roc(""), line("loss")), of(line("loss"), line("accuracy"))]).toEqual([null, null, null]);
    expect(of(line("loss"), line("loss"))?.spec.series).toHaveLength(2);
  });
});
