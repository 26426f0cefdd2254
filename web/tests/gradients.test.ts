/** Laws: no record is lost on the way into the map or a ridge; what is broken stays visible; layers keep the model's order. */
import { describe, expect, it } from "vitest";
import { histogramsCsv, histogramsQuery, MOST_RUNS, readDistributions } from "../src/core/gradients/distribution";
import { bounds, cellsOf, columnsFor, measureOf, partOf, type Layer } from "../src/core/gradients/heat";
import { Records, troubles } from "../src/core/gradients/records";
import { readCounted, ridgesOf, thinned } from "../src/core/gradients/ridge";
import type { MediaEntry, MediaKey, MediaPage, MediaQuery, Stats } from "../src/core/media/shapes";

const stats = (norm: number, more: Stats = {}): Stats => ({ n: 4, norm, min: -norm, max: norm / 2, mean: -norm / 4, std: norm, zeros: 1, nan: 0, inf: 0, ...more });
const layer = (norms: number[], more: Partial<Layer> = {}): Layer => ({
  key: "gradients/a", name: "a", steps: norms.map((_, i) => i * 10), stats: norms.map((n) => stats(n)), states: norms.map(() => "ok" as const), ...more,
});

describe("the map of layers over steps", () => {
  it("reads each figure of a record", () => {
    expect(measureOf(stats(2), "norm")).toBe(2);
    expect(measureOf(stats(2), "rms")).toBe(1);
    expect(measureOf(stats(2), "mean")).toBe(0.5);
    expect(measureOf(stats(2), "max")).toBe(2);
    expect(measureOf(stats(2), "zeros")).toBe(0.25);
    expect(measureOf({ n: 4, norm: null }, "norm")).toBeNaN();
  });

  it("gives each step a column while they fit, and keeps the strongest of those that share one", () => {
    const one = layer([1, 9, 2, 3]);
    expect(cellsOf(one, columnsFor(one.steps, 100), "norm").map((c) => c?.value)).toEqual([1, 9, 2, 3]);
    const shared = columnsFor(one.steps, 10);
    expect(shared).toMatchObject({ count: 2, share: 2 });
    expect(cellsOf(one, shared, "norm").map((c) => c && [c.value, c.from, c.to, c.records])).toEqual([[9, 0, 10, 2], [3, 20, 30, 2]]);
  });

  it("shows NaN even when it shares a column with numbers, and holes as holes", () => {
    const broken = layer([1, 2, 3, 4], { stats: [stats(1), stats(2, { nan: 1 }), stats(3), stats(4, { inf: 2 })], states: ["ok", "nan", "ok", "inf"] });
    const cells = cellsOf(broken, columnsFor([0, 10, 20, 30, 40, 50], 15), "norm");
    expect(cells.map((c) => c && [c.broken, c.state])).toEqual([["NaN", "nan"], ["∞", "inf"], undefined]);
  });

  it("scales colors by what does not explode, and says that something lies beyond", () => {
    const wild = layer([1, 10, 1e9], { states: ["ok", "ok", "exploding"] });
    const found = bounds([cellsOf(wild, columnsFor(wild.steps, 100), "norm")], true);
    expect(found).toEqual({ lo: 1, hi: 10, beyond: true });
    expect(found && [partOf(1, found, true), partOf(10, found, true), partOf(1e9, found, true), partOf(0, found, true)]).toEqual([0, 1, 1, 0]);
    expect(bounds([[undefined]], true)).toBeNull();
  });
});

describe("ridges", () => {
  it("spread counts over a common axis without losing any", () => {
    const found = ridgesOf([{ step: 0, edges: [0, 1, 2], counts: [1, 3] }, { step: 1, edges: [1, 4], counts: [5] }]);
    expect(found).toMatchObject({ lo: 0, hi: 4, linear: null });
    const first = found?.ridges[0].heights ?? new Float64Array();
    const quarter = first.length / 4;
    const sum = (a: number, b: number): number => first.slice(a, b).reduce((x, y) => x + y, 0);
    expect(sum(quarter, 2 * quarter) / sum(0, quarter)).toBeCloseTo(3);
    expect(sum(2 * quarter, first.length)).toBeCloseTo(0);
  });

  it("bend the axis when one is far wider than another, and mark it evenly", () => {
    const found = ridgesOf([{ step: 0, edges: [-1e-3, 1e-3], counts: [1] }, { step: 1, edges: [-1e6, 1e6], counts: [1] }]);
    expect(found?.linear).toBe(1e-3);
    expect(found?.part(0)).toBeCloseTo(0.5);
    const parts = found?.ticks.map((t) => t.part) ?? [];
    expect(parts).toEqual([...parts].sort((a, b) => a - b));
    expect(found?.ticks.map((t) => t.value)).toContain(0);
  });

  it("leaves a far-off value out of the axis and tells how many there are and where", () => {
    const usual = Array.from({ length: 20 }, (_, step) => ({ step, edges: [-1, 0, 1], counts: [5000, 5000] }));
    const odd = { step: 20, edges: [-1, 0, 1, 19, 20], counts: [5000, 4999, 0, 1] };
    const found = ridgesOf([...usual, odd]);
    expect([found?.lo, found?.hi]).toEqual([-1.1, 1.1]);
    expect(found?.beyond).toEqual({ values: 1, lo: 19, hi: 20 });
    expect(Math.max(...(found?.ridges.map((r) => r.heights.filter((h) => h > 0).length) ?? []))).toBeGreaterThan(80);
  });

  it("shows all values where those far off are not few, and where they are near", () => {
    const half = ridgesOf([{ step: 0, edges: [0, 1], counts: [10] }, { step: 1, edges: [0, 1, 30, 31], counts: [10, 0, 1] }]);
    expect([half?.lo, half?.hi, half?.beyond]).toEqual([0, 31, null]);
    const near = ridgesOf([{ step: 0, edges: [0, 1, 2.5], counts: [100_000, 1] }]);
    expect([near?.lo, near?.hi, near?.beyond]).toEqual([0, 2.5, null]);
  });

  it("draw equal values as one peak, and nothing where nothing is finite", () => {
    expect(readCounted(3, [-0.5, 0.5], [16])).toEqual({ step: 3, edges: [0, 0], counts: [16] });
    expect(readCounted(3, [0, 1], [0])).toBeNull();
    expect(readCounted(3, [0, "NaN"], [1])).toBeNull();
    expect(ridgesOf([])).toBeNull();
    const flat = ridgesOf([{ step: 0, edges: [2, 2], counts: [7] }]);
    expect([flat?.lo, flat?.hi, flat?.ridges[0].top]).toEqual([1, 3, 1]);
  });

  it("of several runs share one axis, and its places are values again", () => {
    const [narrow, wide] = [{ step: 0, edges: [0, 1], counts: [4] }, { step: 0, edges: [-1000, 1000], counts: [4] }];
    const found = ridgesOf([narrow], [narrow, wide]);
    expect(found?.ridges).toHaveLength(1);
    expect([found?.lo, found?.hi]).toEqual([-1000, 1000]);
    for (const value of [-1000, -3, 0, 0.5, 1000]) expect(found?.valueAt(found.part(value))).toBeCloseTo(value, 6);
  });

  it("are thinned evenly, first and last kept", () => {
    expect(thinned([1, 2, 3], 5)).toEqual([1, 2, 3]);
    const few = thinned(Array.from({ length: 1000 }, (_, i) => i), 10);
    expect([few.length, few[0], few[9]]).toEqual([10, 0, 999]);
  });
});

describe("histograms of runs over steps", () => {
  const entry = (run: string, step: number, kind: string, meta: object): MediaEntry => ({ run, key: "w", step, wall_us: 0, many: false, items: [{ kind, meta: meta as MediaEntry["items"][0]["meta"], blobs: {} }] });
  const found = readDistributions([
    entry("a", 0, "histogram", { edges: [0, 1, 2], counts: [1, 3] }),
    entry("a", 5, "histogram", { edges: [0, 1], counts: [2], stats: { nan: 1 } }),
    entry("a", 9, "histogram", { edges: [0, 1], counts: [0], stats: { nan: 8 } }),
    entry("b", 0, "image", {}),
  ]);

  it("tell what is not finite with its first step, and what is no histogram", () => {
    expect(found.get("a")).toMatchObject({ broken: 5, others: 0 });
    expect(found.get("a")?.histograms.map((h) => h.step)).toEqual([0, 5]);
    expect(found.get("b")).toMatchObject({ broken: null, others: 1, histograms: [] });
  });

  it("are asked for in one page, and written bin by bin", () => {
    const runs = Array.from({ length: 20 }, (_, i) => `r${i}`);
    expect(histogramsQuery(runs, "w", 10)).toMatchObject({ runs: runs.slice(0, MOST_RUNS), most: 10, limit: 10 * MOST_RUNS });
    expect(histogramsQuery(runs, "w")).not.toHaveProperty("lo");
    expect(histogramsQuery(runs, "w", 10, [0.5, 1e300])).toMatchObject({ lo: 1, hi: Number.MAX_SAFE_INTEGER });
    expect(histogramsCsv(found, (run) => `run ${run}`).split("\r\n").slice(0, 3)).toEqual(["run,name,step,from,to,count", "a,run a,0,0,1,1", "a,run a,0,1,2,3"]);
  });
});

describe("records of layers", () => {
  const keyOf = (name: string, order: number, steps: number[]): MediaKey => ({
    key: `gradients/${name}`, kind: "histogram", count: steps.length, first_step: steps[0], last_step: steps[steps.length - 1], steps: [...new Set(steps)], order,
  });
  const entry = (key: string, step: number, norm: number): MediaEntry => ({ run: "r", key, step, wall_us: 0, many: false, items: [{ kind: "histogram", meta: { stats: stats(norm) as never }, blobs: {} }] });

  /** A server that gives two entries a page. */
  function server(entries: MediaEntry[]): { ask: (q: MediaQuery) => Promise<MediaPage>; asked: MediaQuery[] } {
    const asked: MediaQuery[] = [];
    return {
      asked,
      ask: async (query) => {
        asked.push(query);
        const found = entries.filter((e) => query.keys?.includes(e.key) && e.step >= (query.lo ?? -Infinity));
        const from = Number(query.cursor ?? 0);
        return { entries: found.slice(from, from + 2), cursor: from + 2 < found.length ? String(from + 2) : null };
      },
    };
  }

  it("come page by page, in the model's order, without their histograms", async () => {
    const entries = [entry("gradients/b", 0, 1), entry("gradients/b", 1, 2), entry("gradients/a", 0, 3), entry("gradients/a", 1, 4)];
    const { ask, asked } = server(entries);
    const records = new Records("r", ask);
    await records.load([keyOf("a", 5, [0, 1]), keyOf("b", 2, [0, 1])], () => undefined);
    expect(records.layers("gradients").map((l) => [l.name, l.stats.map((s) => s.norm)])).toEqual([["b", [1, 2]], ["a", [3, 4]]]);
    expect(asked.every((q) => q.meta?.join() === "stats")).toBe(true);
    expect(records.here).toBe(4);
  });

  it("are asked for from the last step on, and a second one of that step is not lost", async () => {
    const entries = [entry("gradients/a", 0, 1), entry("gradients/a", 1, 2)];
    const { ask, asked } = server(entries);
    const records = new Records("r", ask);
    await records.load([keyOf("a", 0, [0, 1])], () => undefined);
    const before = asked.length;
    await records.load([keyOf("a", 0, [0, 1])], () => undefined);
    expect(asked.length).toBe(before);
    entries.push(entry("gradients/a", 1, 3), entry("gradients/a", 2, 4));
    await records.load([keyOf("a", 0, [0, 1, 1, 2])], () => undefined);
    expect(records.layers("gradients")[0].stats.map((s) => s.norm)).toEqual([1, 2, 3, 4]);
    expect(asked[asked.length - 1].lo).toBe(1);
  });

  it("tell what is wrong, worst first", () => {
    expect(troubles({ vanishing: 3, nan: 9, dead: 1 })).toEqual([{ state: "nan", step: 9 }, { state: "dead", step: 1 }, { state: "vanishing", step: 3 }]);
  });
});
