import { describe, expect, it } from "vitest";
import { axisOf, numberAt, placeOf, ticksOf } from "../src/core/plots/axes";
import { isWithin, readBrushes, termsOf, writeBrush } from "../src/core/plots/brush";

describe("axes of columns", () => {
  it("are logarithmic where positive values span some thirtyfold, and only there", () => {
    expect(axisOf("a", [1e-5, 1e-2]).kind).toBe("log");
    expect(axisOf("a", [1, 20]).kind).toBe("number");
    expect(axisOf("a", [-1, 1e6]).kind).toBe("number");
    expect(axisOf("a", [1, 1e6], false).kind).toBe("number");
    expect(axisOf("a", [-1, 1e6], true).kind).toBe("number");
  });

  it("give every value one place and what is no finite number none", () => {
    const axis = axisOf("a", [0, 10, "NaN", null, "Infinity"]);
    expect([0, 5, 10].map((v) => placeOf(axis, v))).toEqual([0, 0.5, 1]);
    expect([null, "NaN", "Infinity", "-Infinity", undefined].map((v) => placeOf(axis, v))).toEqual([null, null, null, null, null]);
    for (const v of [0.01, 3, 700]) expect(numberAt(axisOf("b", [0.01, 1000]), placeOf(axisOf("b", [0.01, 1000]), v) ?? -1)).toBeCloseTo(v, 9);
  });

  it("of texts stand in natural order; a column of both is one of texts", () => {
    expect(axisOf("a", ["layer10", "layer2", null]).texts).toEqual(["layer2", "layer10"]);
    expect(axisOf("a", [1, "auto"]).kind).toBe("text");
    expect(axisOf("a", [true, false]).texts.length).toBe(2);
    expect(placeOf(axisOf("a", ["x"]), "x")).toBe(0.5);
  });

  it("of nothing or one value still have two ends", () => {
    for (const values of [[], [null], ["NaN"], [3], [0], [-2]] as const) {
      const axis = axisOf("a", values as never);
      expect(axis.hi).toBeGreaterThan(axis.lo);
      expect(ticksOf(axis, 4).every((t) => t.at >= 0 && t.at <= 1)).toBe(true);
    }
  });
});

describe("brushes", () => {
  const columns = ["config.lr", "config.opt", "last(val/acc)"];

  it("are read from a filter, whatever else it says", () => {
    const { brushes, rest } = readBrushes('config.lr >= 0.001 and state == "failed" and config.lr <= 1e-1 and config.opt in ["sgd", "a and b"]', columns);
    expect(brushes.get("config.lr")).toEqual({ lo: 0.001, hi: 0.1 });
    expect(brushes.get("config.opt")).toEqual({ texts: ["sgd", "a and b"] });
    expect(rest).toBe('state == "failed"');
  });

  it("written and read again are the same", () => {
    let q = 'name like "r*" or state == "failed"';
    q = writeBrush(q, columns, "config.lr", { lo: 1e-5, hi: 0.25 });
    q = writeBrush(q, columns, "config.opt", { texts: ['say "hi"', "b"] });
    q = writeBrush(q, columns, "last(val/acc)", { lo: 0.5, hi: null });
    expect(q.startsWith('(name like "r*" or state == "failed") and ')).toBe(true);
    const { brushes, rest } = readBrushes(q, columns);
    expect(brushes.get("config.lr")).toEqual({ lo: 1e-5, hi: 0.25 });
    expect(brushes.get("config.opt")).toEqual({ texts: ['say "hi"', "b"] });
    expect(brushes.get("last(val/acc)")).toEqual({ lo: 0.5, hi: null });
    expect(rest).toBe('(name like "r*" or state == "failed")');
    for (const column of columns) q = writeBrush(q, columns, column, null);
    expect(q).toBe('(name like "r*" or state == "failed")');
  });

  it("leave alone what no brush can say", () => {
    for (const q of ['config.lr > 1', "not config.lr >= 1", 'config.lr >= 1 or config.lr <= 0', 'config.opt in ["a", 3]', "config.other >= 1", 'config.lr >= "'])
      expect(readBrushes(q, columns)).toEqual({ brushes: new Map(), rest: q });
    const twice = readBrushes("config.lr >= 1 and config.lr >= 2", columns);
    expect(twice).toEqual({ brushes: new Map([["config.lr", { lo: 1, hi: null }]]), rest: "config.lr >= 2" });
  });

  it("split only at the outermost and", () => {
    expect(termsOf('(a == 1 and b == 2) and name == " and " and c in [1, 2]')).toEqual(["(a == 1 and b == 2)", 'name == " and "', "c in [1, 2]"]);
    expect(termsOf("  ")).toEqual([]);
  });

  it("hold what lies in them, ends included, and nothing without a place", () => {
    expect([0.5, 1, 2, "NaN", null].map((v) => isWithin({ lo: 0.5, hi: 1 }, v))).toEqual([true, true, false, false, false]);
    expect(isWithin({ texts: ["a"] }, "a")).toBe(true);
    expect(isWithin({ texts: ["a"] }, null)).toBe(false);
  });
});
