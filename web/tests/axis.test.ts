/** Law: ticks lie inside the range at round places, labels tell neighbors apart, times stand on whole units. */
import { describe, expect, it } from "vitest";
import { niceStep, shortNumber, tickLabels, ticks, type AxisKind } from "../src/core/axis";

const labels = (kind: AxisKind, lo: number, hi: number, count: number): string[] => tickLabels(kind, ticks(kind, lo, hi, count));

describe("ticks", () => {
  it.each<[AxisKind, number, number]>([
    ["number", 0, 1], ["number", -3, 12_345], ["number", 1e-9, 3e-9], ["number", 999_990, 1_000_010], ["number", 0.0101, 0.0103], ["log", 1e-6, 1e3], ["log", 2, 7],
    ["number", 1e300, 6e301], ["number", -Number.MAX_VALUE, Number.MAX_VALUE], ["number", 0, 6e-299], ["number", 0, 6e-306], ["log", 5e-324, Number.MAX_VALUE],
    ["duration", 0, 9e5], ["duration", 0, 95e6], ["duration", 0, 5 * 3600e6], ["duration", 0, 40 * 86400e6], ["time", 1.7e15, 1.7e15 + 3600e6], ["time", 1.7e15, 1.7e15 + 0.3e6], ["time", 1.7e15, 1.7e15 + 20 * 86400e6],
  ])("of a %s axis from %d to %d lie inside, rise and read differently", (kind, lo, hi) => {
    const at = ticks(kind, lo, hi, 5);
    expect(at.length).toBeGreaterThanOrEqual(2);
    expect(at.length).toBeLessThanOrEqual(12);
    const slack = Math.min((hi - lo) * 1e-6, Number.MAX_VALUE / 1e6);
    for (const [i, v] of at.entries()) {
      expect(v).toBeGreaterThanOrEqual(lo - slack);
      expect(v).toBeLessThanOrEqual(hi + slack);
      if (i > 0) expect(v).toBeGreaterThan(at[i - 1]);
    }
    expect(new Set(tickLabels(kind, at)).size).toBe(at.length);
  });

  it("are none for an empty or impossible range", () => {
    for (const [lo, hi] of [[1, 1], [2, 1], [NaN, 1], [0, Infinity]]) expect(ticks("number", lo, hi, 5)).toEqual([]);
    expect(ticks("log", -1, 10, 5)).toEqual([]);
  });

  it("stand on round numbers", () => {
    expect(niceStep(0.3)).toBeCloseTo(0.5, 12);
    expect(niceStep(20)).toBe(20);
    expect(ticks("number", 0, 0.31, 3)).toEqual([0, 0.1, 0.2, 0.3]);
    expect(ticks("number", 1, 9.975, 3)).toEqual([2, 4, 6, 8]); // one tick alone tells no scale
    expect([ticks("step", 0, 3, 9), ticks("step", 0, 1, 9), ticks("step", 1.2, 1.6, 2)]).toEqual([[0, 1, 2, 3], [0, 1], [1.2, 1.4, 1.6]]);
    expect(ticks("duration", 0, 10 * 60e6, 5)).toEqual([0, 2, 4, 6, 8, 10].map((m) => m * 60e6));
  });
});

describe("labels", () => {
  it("tell neighbors apart far from zero", () => {
    for (const [lo, hi] of [[9.007199254740992e15, 9.00719925474104e15], [59_999_990, 60_000_020], [1e12, 1e12 + 40], [1, 1 + 5e-14], [-60_000_020, -59_999_990]]) {
      const at = ticks("number", lo, hi, 5);
      expect(new Set(tickLabels("number", at)).size).toBe(at.length);
    }
    expect(shortNumber(59_999_990, 10).replace(/\s/g, " ")).toBe("59 999 990");
    expect(shortNumber(-59_999_990, 10).replace(/\s/g, " ")).toBe("−59 999 990");
  });

  it("share their decimals and use k, M, G", () => {
    expect(labels("number", 0, 1, 4)).toEqual(["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    expect(labels("number", 0, 12_000, 3)).toEqual(["0", "5k", "10k"]);
    expect(labels("number", 0, 2_000_000, 3)).toEqual(["0", "0.5M", "1.0M", "1.5M", "2.0M"].map((l) => (l === "0.5M" ? "500k" : l)));
    expect(shortNumber(-0.25, 0.05)).toBe("−0.25");
    expect(shortNumber(5e-7, 1e-7)).toBe("5e−7");
    expect([shortNumber(2e14, 1e14), shortNumber(-1e19, 1e19)]).toEqual(["200T", "−1e19"]);
  });

  it("of a log axis are the powers", () => {
    expect(labels("log", 0.001, 1000, 7)).toEqual(["0.001", "0.01", "0.1", "1", "10", "100", "1k"]);
  });

  it("of durations use two units at most", () => {
    expect(labels("duration", 0, 60e6, 4)).toEqual(["0", "15s", "30s", "45s", "60s"]);
    expect(labels("duration", 0, 3 * 3600e6, 3)).toEqual(["0", "1h", "2h", "3h"]);
    expect(labels("duration", 0, 3 * 86400e6, 3)).toEqual(["0", "1d", "2d", "3d"]);
  });

  it("tells neighbors on a logarithmic axis apart", () => {
    const at = ticks("log", 9e15, 9e15 + 300, 4);
    expect(new Set(tickLabels("log", at)).size).toBe(at.length);
    expect(tickLabels("log", [1, 2])).toEqual(["1", "2"]);
    expect(tickLabels("log", [0.1, 1, 10])).toEqual(["0.1", "1", "10"]);
  });
});
