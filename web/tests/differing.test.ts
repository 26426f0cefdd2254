/** Law: only what tells runs apart is a setting worth a column; other columns keep their places. */
import { describe, expect, it } from "vitest";
import { differing, withSettings } from "../src/core/differing";

describe("settings that differ", () => {
  it("are those with more than one value, a missing one counted", () => {
    expect(differing({ "config.lr": [0.1, 0.01, 0.1], "config.seed": [1, 1, 1], "config.rare": [null, 2, null], "config.nan": ["NaN", "NaN", "NaN"] })).toEqual(["config.lr", "config.rare"]);
    expect(differing({ "config.lr": [0.1], "config.none": [] })).toEqual([]);
  });

  it("take the place of those that are shown, which keep their order", () => {
    const columns = ["last(loss)", "config.seed", "config.lr", "created"];
    expect(withSettings(columns, ["config.depth", "config.lr"])).toEqual(["last(loss)", "config.lr", "config.depth", "created"]);
    expect(withSettings(["last(loss)", "created"], ["config.lr"])).toEqual(["last(loss)", "config.lr", "created"]);
    expect(withSettings(columns, [])).toEqual(["last(loss)", "created"]);
  });
});
