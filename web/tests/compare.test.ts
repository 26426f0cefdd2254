/** Law: a row stands where runs differ; a delta has a sign and an arrow, and a tone only where better is known. */
import { describe, expect, it } from "vitest";
import { markdownOf } from "../src/core/compare/markdown";
import { compareRows, deltaOf, MOST_RUNS, readRuns, shownRows } from "../src/core/compare/rows";
import { clockOf, evenStops, loggedStops, timeOf, type Ask } from "../src/core/run/steptime";
import { markFound, parseAnsi } from "../src/core/logs/ansi";
import { stepAmong } from "../src/core/logs/window";
import type { Metric, RunDetail } from "../src/core/wire";

const metric = (key: string, last: Metric["last"], more: Partial<Metric> = {}): Metric => ({ key, count: 10, last, last_step: 9, min: last, max: last, mean: last, n_nan: 0, n_inf: 0, first_nan_step: null, ...more });

const run = (id: string, more: Partial<RunDetail>): RunDetail =>
  ({ id, uid: id, name: id, config: {}, summary: {}, metrics: [], definitions: [], environment: {}, events: [], writers: [], ...more }) as RunDetail;

const A = run("a", { config: { lr: 0.1, optim: { name: "sgd" }, same: 1 }, metrics: [metric("val/loss", 0.5), metric("speed", 10)], summary: { best: "x", "val/loss": 0.5 }, environment: { python: "3.11", git: { commit: "c1", diff: "p" } } });
const B = run("b", { config: { lr: 0.2, optim: { name: "sgd" }, same: 1 }, metrics: [metric("val/loss", 0.25), metric("speed", "NaN")], summary: { best: "y" }, environment: { python: "3.11", git: { commit: "c1", diff: "q" } } });

describe("comparing runs", () => {
  const rows = compareRows([A, B], "last");
  const shown = shownRows(rows, { all: false, find: "", ignored: new Set() });

  it("shows only what differs, in sections", () => {
    expect(shown.map((r) => `${r.section}.${r.key}`)).toEqual(["config.lr", "metrics.val/loss", "metrics.speed", "metrics.best", "code.patch"]);
    expect(rows.map((r) => r.key)).toEqual(expect.arrayContaining(["optim.name", "same", "python", "commit"]));
  });

  it("filters by key or value and ignores keys", () => {
    expect(shownRows(rows, { all: true, find: "SGD", ignored: new Set() }).map((r) => r.key)).toEqual(["optim.name"]);
    expect(shownRows(rows, { all: false, find: "", ignored: new Set(["config.lr"]) }).map((r) => r.key)).not.toContain("lr");
  });

  it("tells how far a run is from the baseline, and whether that is better", () => {
    const loss = rows.find((r) => r.key === "val/loss");
    const lr = rows.find((r) => r.key === "lr");
    const speed = rows.find((r) => r.key === "speed");
    if (!loss || !lr || !speed) throw new Error("a row is missing");
    expect(deltaOf(loss, 1, 0)).toEqual({ text: "▼ −0.25 (−50 %)", tone: "better" });
    expect(deltaOf(loss, 0, 1)?.tone).toBe("worse");
    expect(deltaOf(lr, 1, 0)).toEqual({ text: "▲ +0.1 (+100 %)", tone: "none" });
    expect(deltaOf(loss, 0, 0)).toBeNull();
    expect(deltaOf(speed, 1, 0)).toBeNull();
  });

  it("finds a difference at the end of a long value", () => {
    const [row] = compareRows([run("a", { config: { prompt: `${"long ".repeat(200)}one` } }), run("b", { config: { prompt: `${"long ".repeat(200)}two` } })], "last");
    expect([row.differs, row.cells[1].text.length]).toEqual([true, 1003]);
    expect(markdownOf(["a", "b"], [row]).length).toBeLessThan(1000);
  });

  it("does not take packages that a short run never listed for missing ones", () => {
    const listed = (version: string) => ({ python: "3.11", packages: { torch: version, wheel: "1" } });
    const some = [run("a", { environment: listed("2.12") }), run("b", { environment: { python: "3.11" } })];
    const found = compareRows(some, "last").filter((r) => r.key.startsWith("packages."));
    expect(found.map((r) => [r.differs, r.cells[1].text])).toEqual([[false, "not recorded"], [false, "not recorded"]]);
    const more = compareRows([...some, run("c", { environment: listed("2.13") })], "last");
    expect(more.filter((r) => r.differs).map((r) => r.key)).toEqual(["packages.torch"]);
  });

  it("leaves out what differs between any two processes, and mappings that are empty only here", () => {
    const some = [run("a", { environment: { pid: 1, variables: {} }, config: { a: {}, b: {} } }), run("b", { environment: { pid: 2, variables: { X: "1" } }, config: { a: { k: 1 }, b: 5 } })];
    expect(compareRows(some, "last").filter((r) => r.differs).map((r) => `${r.section}.${r.key}`)).toEqual(["config.a.k", "config.b", "environment.variables.X"]);
    expect(compareRows([some[0], run("c", { config: { a: { k: 1 }, "a.k": 2 } })], "last").filter((r) => r.section === "config").map((r) => r.key)).toEqual(["a.k", "b"]);
  });

  it("tells 0.1 from a text and a missing key from an empty one", () => {
    const [row] = compareRows([run("a", { config: { k: "" } }), run("b", {})], "last");
    expect(row.differs).toBe(true);
    expect(row.cells.map((c) => c.there)).toEqual([true, false]);
  });

  it("reads an address, each run once and at most twenty", () => {
    expect(readRuns("a,b,,a")).toEqual({ ids: ["a", "b"], left: 0 });
    expect(readRuns(undefined)).toEqual({ ids: [], left: 0 });
    const many = readRuns(Array.from({ length: 25 }, (_, i) => `r${i}`).join());
    expect([many.ids.length, many.left]).toEqual([MOST_RUNS, 5]);
  });
});

describe("the steps of a run", () => {
  const points = (pairs: [number, number][]) => ({ head: {}, columns: new Map([["step", new Float64Array(pairs.map((p) => p[0]))], ["wall_us", new Float64Array(pairs.map((p) => p[1]))]]) });

  /** A server with one series whose points were logged ten microseconds apart by step; what it gave is counted. */
  function server(steps: readonly number[]) {
    const given = { points: 0, buckets: 0 };
    const within = (lo = -Infinity, hi = Infinity): number[] => steps.filter((step) => step >= lo && step <= hi);
    const ask: Ask = {
      points: async ({ lo, hi }) => {
        const found = within(lo, hi);
        given.points += found.length;
        return points(found.map((step) => [step, step * 10]));
      },
      buckets: async ({ series, lo, hi, buckets = 512 }) => {
        const found = within(lo, hi);
        const width = 2 ** Math.max(0, Math.ceil(Math.log2(((found.at(-1) ?? 0) - (found[0] ?? 0) + 1) / buckets)));
        const rows = new Map<number, number[]>();
        for (const step of found) {
          const at = Math.floor(step / width);
          const row = rows.get(at);
          if (row) row.push(step);
          else rows.set(at, [step]);
        }
        given.buckets += rows.size;
        const column = (of: (index: number, row: number[]) => number) => Float64Array.from([...rows].map(([index, row]) => of(index, row)));
        const columns = new Map([["bucket", column((index) => index)], ["x_first", column((index, row) => row[0] - index * width)], ["x_last", column((index, row) => row[row.length - 1] - index * width)], ["n", column((_, row) => row.length)]]);
        return { head: { x: "step", width, origin: 0, scale: "linear", lo: 0, hi: 1, series: [{ run: "r", key: series[0].key ?? "", start: 0, count: rows.size }] }, columns } as never;
      },
    };
    return { ask, given };
  }
  const logged = (steps: readonly number[]) => [metric("loss", 1, { count: steps.length, last_step: steps[steps.length - 1] })];

  it("get their times from the longest series that reaches far, by a few of its points", async () => {
    const metrics = [metric("short", 1, { count: 1000, last_step: 10 }), metric("long", 1, { count: 100, last_step: 1000 }), metric("system/cpu", 1, { count: 9999, last_step: 1000 })];
    expect(clockOf(metrics)?.key).toBe("long");
    const asked: object[] = [];
    const ask: Ask = { points: async (q) => (asked.push(q), points([[500, 5000], [510, 5100]])), buckets: () => Promise.reject(new Error("not needed")) };
    expect(await timeOf("r", metrics, 505, ask)).toBe(5000);
    expect(asked).toEqual([{ run: "r", keys: ["long"], lo: 505 - 44, hi: 505 + 44 }]);
    expect(await timeOf("r", [], 5, ask)).toBeNull();
  });

  it("that lie far apart get their times without what lies before being read", async () => {
    const steps = [...Array.from({ length: 20_000 }, (_, i) => i * 3), 4_000_000_000, 4_000_000_007];
    const { ask, given } = server(steps);
    expect(await timeOf("r", logged(steps), 3_000_000_000, ask)).toBe(59_997 * 10);
    expect(await timeOf("r", logged(steps), 4_000_000_006, ask)).toBe(40_000_000_000);
    expect(await timeOf("r", logged(steps), 50_000, ask)).toBe(49_998 * 10);
    expect(given.points).toBeLessThan(100);
    expect(await timeOf("r", logged([5, 6]), 4, server([5, 6]).ask)).toBeNull();
  });

  it("are the stops of a scrubber: all of them, or the ends of stretches of many", async () => {
    const few = [0, 7, 100, 1_000_000_000];
    expect(await loggedStops("r", logged(few), server(few).ask)).toEqual(few);
    const many = [...Array.from({ length: 50_000 }, (_, i) => i), 9_000_000];
    const { ask, given } = server(many);
    const stops = await loggedStops("r", logged(many), ask);
    expect([stops[0], stops[stops.length - 1], given.points]).toEqual([0, 9_000_000, 0]);
    expect(stops.every((step) => step < 50_000 || step === 9_000_000)).toBe(true);
    expect(await loggedStops("r", [], ask)).toEqual([]);
  });

  it("are an even choice while they are not known", () => {
    expect(evenStops(3)).toEqual([0, 1, 2, 3]);
    const stops = evenStops(1_000_000);
    expect([stops.length, stops[0], stops[stops.length - 1]]).toEqual([2000, 0, 1_000_000]);
  });
});

describe("searching a log", () => {
  it("marks what was found across colors and loses no letter", () => {
    const spans = markFound(parseAnsi("a \x1b[31mLoss\x1b[0m 0.5 loss"), "loss 0");
    expect(spans.map((s) => s.text).join("")).toBe("a Loss 0.5 loss");
    expect(spans.filter((s) => s.found).map((s) => s.text)).toEqual(["Loss", " 0"]);
    expect(markFound(parseAnsi("plain"), "")).toEqual([{ text: "plain" }]);
  });

  it("goes from match to match and around the end", () => {
    const numbers = [3, 7, 9];
    expect([stepAmong(numbers, null, 1), stepAmong(numbers, 3, 1), stepAmong(numbers, 9, 1)]).toEqual([0, 1, 0]);
    expect([stepAmong(numbers, null, -1), stepAmong(numbers, 9, -1), stepAmong(numbers, 3, -1)]).toEqual([2, 1, 2]);
    expect(stepAmong([], null, 1)).toBeNull();
  });
});
