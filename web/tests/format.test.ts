/** Law: a value reads short, without losing what makes it different: NaN, infinities, signs, integers. */
import { describe, expect, it } from "vitest";
import { formatAgo, formatBytes, formatCount, formatDuration, formatNumber, formatValue, wireNumber } from "../src/core/format";
import { digits, px } from "../src/core/words";

describe("whole numbers", () => {
  it.each([[0, "0"], [-0, "0"], [41, "41"], [-7, "-7"], [2 ** 53, "9007199254740992"], [12.5, "13"]] as const)("%d has the digits %s", (value, text) => {
    expect(digits(value)).toBe(text);
  });

  it("are sizes in pixels, and fractions of them are, too", () => {
    expect([px(0), px(418), px(15_000_000), px(12.345), px(-3)]).toEqual(["0px", "418px", "15000000px", "12.35px", "-3px"]);
  });
});

describe("numbers", () => {
  it.each<[number, string]>([
    [0, "0"], [0.5, "0.5"], [0.123456, "0.1235"], [-0.5, "−0.5"], [1, "1"], [1234.5678, "1235"], [123_456, "123\u2009456"], [1_234_567, "1.235M"], [3e9, "3G"],
    [1e-5, "1e−5"], [-2.5e-7, "−2.5e−7"], [1e20, "1e20"], [NaN, "NaN"], [Infinity, "∞"], [-Infinity, "−∞"], [100, "100"], [0.1 + 0.2, "0.3"], [99999.5, "1e5"],
  ])("%d reads %s", (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  it("come off the wire with NaN and infinities", () => {
    expect(wireNumber("NaN")).toBeNaN();
    expect(wireNumber("-Infinity")).toBe(-Infinity);
    expect(wireNumber(3)).toBe(3);
    expect(wireNumber("3")).toBeUndefined();
  });

  it("as counts keep every digit", () => {
    expect(formatCount(1_000_000)).toBe("1\u2009000\u2009000");
  });
});

describe("values", () => {
  it("of every JSON kind read on one line", () => {
    expect(formatValue(null)).toBe("");
    expect(formatValue(true)).toBe("true");
    expect(formatValue(21148)).toBe("21148");
    expect(formatValue([0.9, 0.999, "x", null])).toBe("[0.9, 0.999, x, ]");
    expect(formatValue({ a: 1 })).toBe('{"a":1}');
    expect(formatValue("Infinity")).toBe("∞");
  });
});

describe("times", () => {
  it("read in two units at most", () => {
    expect([0, 500, 20_000, 1.5e6, 42e6, 62e6, 3600e6, 5000e6, 90_000e6, 259_200e6].map((us) => formatDuration(us))).toEqual([
      "0 s", "500 µs", "20 ms", "1.5 s", "42 s", "1 m 2 s", "1 h", "1 h 23 m", "1 d 1 h", "3 d",
    ]);
    expect([0, 30e6, 300e6, 7200e6, 172_800e6].map((us) => formatAgo(0, us))).toEqual(["now", "30 s ago", "5 min ago", "2 h ago", "2 d ago"]);
    expect(formatBytes(1_500_000)).toBe("1.43 MB");
  });
});
