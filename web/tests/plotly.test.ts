/** Laws: what is drawn of a Plotly figure is its data; what would be drawn wrongly is not drawn. */
import { describe, expect, it } from "vitest";
import { plotlyTitle, readPlotly } from "../src/core/plots/plotly";
import type { BarSpec, BoxSpec, ConfusionSpec, HistogramSpec, XYSpec } from "../src/core/plots/spec";
import type { Value } from "../src/core/wire";

type Trace = { [key: string]: Value };
const figure = (data: Trace[], layout: Trace = {}) => readPlotly({ data, layout });
/** As plotly 6 and 7 write arrays of numpy. */
const packed = { x: { dtype: "i1", bdata: "AQM=" }, y: { dtype: "f8", bdata: "AAAAAAAABEAAAAAAAAAQQA==" } };

describe("a Plotly figure", () => {
  it("of lines keeps names, gaps and the axis", () => {
    const spec = figure(
      [{ name: "<b>a</b>", mode: "lines", x: [1, 2, 3], y: [1, null, "NaN"] }, { name: "b", mode: "markers", ...packed }],
      { xaxis: { title: { text: "epoch" } }, yaxis: { title: "loss", type: "log" } },
    ) as XYSpec;
    expect([spec.kind, spec.x, spec.y, spec.logY, spec.rows]).toEqual(["line", "epoch", "loss", true, 3]);
    expect(spec.series.map((s) => [s.name, [...s.x], [...s.y], s.dots])).toEqual([["a", [1, 2, 3], [1, NaN, NaN], false], ["b", [1, 3], [2.5, 4], true]]);
  });

  it("without x counts, and short lines have points of their own", () => {
    const spec = figure([{ y: [5, 6] }]) as XYSpec;
    expect([spec.kind, [...spec.series[0].x]]).toEqual(["line", [0, 1]]);
    expect((figure([{ type: "scattergl", mode: "markers", ...packed }]) as XYSpec).kind).toBe("scatter");
  });

  it("of very many points is thinned and says so", () => {
    const spec = figure([{ mode: "lines", y: Array.from({ length: 30_000 }, (_, i) => i) }]) as XYSpec;
    expect([spec.rows, spec.series[0].x.length, spec.series[0].x[1], spec.series[0].y[1]]).toEqual([30_000, 10_000, 3, 3]);
  });

  it("of bars keeps their order, lying ones too", () => {
    const spec = figure([{ type: "bar", orientation: "h", y: ["a", "b"], x: [2, 1] }], { xaxis: { title: "n" } }) as BarSpec;
    expect([spec.labels, [...spec.values], spec.value]).toEqual([["a", "b"], [2, 1], "n"]);
    expect((figure([{ type: "bar", y: [3] }]) as BarSpec).labels).toEqual(["0"]);
  });

  const rates = { type: "bar", name: "adam", x: ["cat", "dog"], y: [1, 2], offsetgroup: "adam" };

  it.each([[{}, false], [{ barmode: "group" }, false], [{ barmode: "stack" }, true], [{ barmode: "relative" }, true]])("of several bars has them beside or upon each other: %j", (layout, stacked) => {
    const spec = figure([rates, { ...rates, name: "sgd", x: ["dog", "owl"], y: [5, 7], offsetgroup: "sgd" }], layout) as BarSpec;
    expect([spec.labels, [...spec.values], spec.stacked]).toEqual([["cat", "dog", "owl"], [1, 7, 7], stacked]);
    expect(spec.parts?.map((part) => [part.name, ...part.values])).toEqual([["adam", 1, 2, NaN], ["sgd", NaN, 5, 7]]);
  });

  it("of several bars over numbers has those in their order", () => {
    const spec = figure([{ type: "bar", x: [10, 2], y: [1, 2] }, { type: "bar", x: [1], y: [3] }]) as BarSpec;
    expect([spec.labels, spec.parts?.map((part) => part.name)]).toEqual([["1", "2", "10"], ["trace 0", "trace 1"]]);
  });

  it("of a histogram counts every value once, in the bins that were asked for", () => {
    const x = [0, 0.5, 1, 2, 3.5, 4, null];
    const given = figure([{ type: "histogram", x, xbins: { start: 0, end: 5, size: 1 } }]) as HistogramSpec;
    expect([[...given.edges], [...given.counts], given.other]).toEqual([[0, 1, 2, 3, 4, 5], [2, 1, 1, 1, 1], 1]);
    const own = figure([{ type: "histogram", x, nbinsx: 2 }]) as HistogramSpec;
    expect([[...own.edges], [...own.counts]]).toEqual([[0, 2, 4], [3, 3]]);
    expect((figure([{ type: "histogram", x: [2, 2] }]) as HistogramSpec).counts.reduce((a, b) => a + b)).toBe(2);
  });

  it("of days has them on the clock of who looks", () => {
    const x = ["2026-01-02", "2026-01-02 12:30:00.5", null, "2026-01-03T00:00:00Z"];
    const spec = figure([{ mode: "lines", x, y: [1, 2, 3, 4] }]) as XYSpec;
    const at = (...parts: [number, number, number, number?, number?, number?, number?]) => new Date(...parts).getTime() * 1000;
    expect([spec.days, [...spec.series[0].x]]).toEqual([true, [at(2026, 0, 2), at(2026, 0, 2, 12, 30, 0, 500), NaN, at(2026, 0, 3)]]);
    expect((figure([{ y: [1] }]) as XYSpec).days).toBe(false);
  });

  it("of a pie is its parts as bars", () => {
    const spec = figure([{ type: "pie", labels: ["a", "b"], values: [3, 1] }]) as BarSpec;
    expect([spec.kind, spec.labels, [...spec.values]]).toEqual(["bar", ["a", "b"], [3, 1]]);
  });

  it("of a heat map has the first row below, unless the axis is turned", () => {
    const z = [[1, 2, null], [4, 5, 9]];
    const spec = figure([{ type: "heatmap", z, y: ["low", "high"], zmin: 0 }], { xaxis: { title: "epoch" } }) as ConfusionSpec;
    expect([spec.classes, spec.counts.map((row) => [...row])]).toEqual([["high", "low"], [[4, 5, 9], [1, 2, NaN]]]);
    expect(spec.heat).toEqual({ columns: ["0", "1", "2"], x: "epoch", y: "", lo: 0, hi: 9 });
    const packed2 = { dtype: "u1", bdata: "AQIDBAUG", shape: "2, 3" };
    const turned = figure([{ type: "heatmap", z: packed2 }], { yaxis: { autorange: "reversed" } }) as ConfusionSpec;
    expect([turned.classes, turned.counts.map((row) => [...row])]).toEqual([["0", "1"], [[1, 2, 3], [4, 5, 6]]]);
    expect([turned.heat?.lo, turned.heat?.hi]).toEqual([1, 6]);
  });

  it("of boxes has quartiles, whiskers and what lies beyond, of each group", () => {
    const spec = figure([{ type: "box", name: "one", y: [1, 2, 3, 4, 5, 6, 7, 8, 50, null] }, { type: "box", name: "two", y: [2, 2] }], { yaxis: { title: "loss" } }) as BoxSpec;
    expect([spec.kind, spec.value, spec.labels]).toEqual(["box", "loss", ["one", "two"]]);
    // Plotly's own quartiles of these values: 2.75 and 7.25, in the way that it calls linear.
    expect([spec.boxes[0].at, spec.boxes[0].count, [...spec.boxes[0].beyond]]).toEqual([[1, 2.75, 5, 7.25, 8], 9, [50]]);
    expect(spec.boxes[1].at).toEqual([2, 2, 2, 2, 2]);
    const groups = [{ type: "box", name: "a", x: ["u", "v", "u"], y: [1, 5, 3] }];
    expect((figure(groups) as BoxSpec).labels).toEqual(["u", "v"]);
    expect((figure([...groups, { type: "box", name: "b", x: ["u"], y: [9] }]) as BoxSpec).labels).toEqual(["u, a", "v, a", "u, b"]);
    const lying = figure([{ type: "box", x: [1, 2, 3] }], { xaxis: { title: "loss" } }) as BoxSpec;
    expect([lying.value, lying.labels, lying.boxes[0].at[2]]).toEqual(["loss", ["trace 0"], 2]);
  });

  it("of violins has the density of the values, the densest 1", () => {
    const [{ shape, at }] = (figure([{ type: "violin", y: [0, 1, 1, 1, 2] }]) as BoxSpec).boxes;
    const most = shape!.density.indexOf(1);
    expect(shape!.lo + ((shape!.hi - shape!.lo) * most) / (shape!.density.length - 1)).toBeCloseTo(1, 1);
    expect([shape!.lo < 0, shape!.hi > 2, at[2]]).toEqual([true, true, 1]);
    expect((figure([{ type: "violin", y: [3, 3] }]) as BoxSpec).boxes[0].shape).toBeUndefined();
  });

  it("leaves out hidden traces", () => {
    expect((figure([{ y: [1] }, { y: [2], visible: "legendonly" }]) as XYSpec).series.length).toBe(1);
  });

  it("is not drawn where the drawing would be another", () => {
    const none: [Trace[], Trace?][] = [
      [[]], [[{ type: "funnel", y: [1] }]], [[{ type: "box", q1: [1], median: [2], q3: [3] }]], [[{ type: "box", y: [1, 2], x: ["a"] }]], [[{ type: "violin", y: [null] }]], [[{ x: ["2026-01-01"], y: [1] }, { y: [1] }]], [[{ x: ["2026-01-01", "b"], y: [1, 2] }]],
      [[{ type: "heatmap", z: [[1, 2], [3]] }]], [[{ type: "heatmap", z: [[1]], x: ["a", "b"] }]], [[{ type: "heatmap", z: [["a"]] }]], [[{ type: "heatmap" }]],
      [[{ y: [1], stackgroup: "one" }]], [[{ y: [1], mode: "text" }]],
      [[{ y: [1] }, { y: [1], yaxis: "y2" }]], [[{ y: [1] }], { xaxis: { type: "log" } }],
      [[rates, { ...rates, offsetgroup: "adam" }]], [[rates, { type: "histogram", x: [1] }]], [[rates, { type: "bar", orientation: "h", y: ["cat"], x: [1] }]],
      [[rates, { ...rates, offsetgroup: "" }], { barmode: "overlay" }], [[rates, { type: "bar", y: [-1] }], { barmode: "stack" }], [[rates, { type: "bar", x: ["a", "a"], y: [1, 2] }]], [[rates, { type: "bar", y: [1] }], { barnorm: "percent" }],
      [[{ type: "bar", y: [1], base: [1] }]], [[{ type: "histogram", x: [1], histnorm: "percent" }]], [[{ type: "histogram", x: [] }]],
      [[{ type: "histogram", x: [9], xbins: { start: 0, end: 1, size: 1 } }]], [[{ y: { dtype: "f8", bdata: "?" } }]], [[{ y: { dtype: "i8", bdata: "" } }]],
    ];
    for (const [data, layout] of none) expect(figure(data, layout), JSON.stringify(data)).toBeNull();
    for (const odd of [{}, { data: 3 }, { data: [null] }]) expect(() => readPlotly(odd as unknown as Trace)).not.toThrow();
  });

  it("has its title", () => {
    expect(plotlyTitle({ layout: { title: { text: "a<br>b" } } })).toBe("a b");
    expect([plotlyTitle({ layout: { title: "t" } }), plotlyTitle(null), plotlyTitle({ layout: 3 })]).toEqual(["t", "", ""]);
  });
});
