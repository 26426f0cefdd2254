/** Law: no whole number of an answer becomes another one. */
import { describe, expect, it } from "vitest";
import { compareRows } from "../src/core/compare/rows";
import { exactJson } from "../src/core/exact";
import { formatValue, wireNumber } from "../src/core/format";
import { sheetText } from "../src/core/sheet";
import type { RunDetail } from "../src/core/wire";

describe("an answer", () => {
  it("has whole numbers beyond 2^53 as they were written, and all else as JSON does", () => {
    const read = (text: string): unknown => exactJson(text);
    expect(read('{"seed":9007199254740993,"next":[18446744073709551615,-9223372036854775808]}')).toEqual({ seed: "9007199254740993", next: ["18446744073709551615", "-9223372036854775808"] });
    expect(read('{"us":1790000000000000,"f":1e308,"g":0.12345678901234567,"t":":9007199254740993,"}')).toEqual({ us: 1_790_000_000_000_000, f: 1e308, g: 0.12345678901234566, t: ":9007199254740993," });
    expect(read('[9007199254740993,9999999999999999.5,9007199254740991,"NaN",null]')).toEqual(["9007199254740993", 1e16, 9007199254740991, "NaN", null]);
    expect(() => read("[9007199254740993")).toThrow(SyntaxError);
  });

  it("gives such a number to charts as the nearest one", () => {
    expect(wireNumber("9007199254740993")).toBe(9007199254740992);
    expect(wireNumber("-9223372036854775808")).toBe(-(2 ** 63));
    expect(wireNumber("20261123")).toBeUndefined();
    expect(formatValue("9007199254740993")).toBe("9007199254740993");
  });
});

it("a table that is saved has every digit of it", () => {
  expect(sheetText("csv", ["seed"], [["9007199254740993"], ["-9223372036854775808"], ["-1+1"]])).toBe("seed\r\n9007199254740993\r\n-9223372036854775808\r\n'-1+1\r\n");
});

describe("two runs", () => {
  const run = (config: RunDetail["config"]): RunDetail => ({ config, metrics: [], summary: {}, environment: {}, definitions: [] }) as unknown as RunDetail;

  it("whose seeds are neighbors differ, in words as well", () => {
    const [large, small] = compareRows([run(exactJson('{"seed":9007199254740993,"small":1234567}') as RunDetail["config"]), run(exactJson('{"seed":9007199254740992,"small":1234568}') as RunDetail["config"])], "last");
    expect([large.differs, ...large.cells.map((c) => c.text)]).toEqual([true, "9007199254740993", "9007199254740992"]);
    expect(small.cells.map((c) => c.text)).toEqual(["1\u2009234\u2009567", "1\u2009234\u2009568"]);
  });
});
