/** Law: a chart stands over the axis that its metric was defined with, unless that would lose somebody's curve. */
import { expect, it } from "vitest";
import { ownAxes } from "../src/core/ownaxes";

const logged = [{ key: "epoch", runs: 3 }, { key: "val/loss", runs: 3 }, { key: "val/acc", runs: 2 }, { key: "train/loss", runs: 5 }, { key: "batch", runs: 4 }];

it("takes the exact name first, then the longest pattern, and one object for each axis", () => {
  const axes = ownAxes({ "*": "batch", "val/*": "epoch", "val/acc": "batch" }, logged);
  expect([...axes]).toEqual([["epoch", { metric: "batch" }], ["val/loss", { metric: "epoch" }], ["val/acc", { metric: "batch" }]]);
  expect(axes.get("epoch")).toBe(axes.get("val/acc"));
});

it("is not there where a run has the metric but not its axis, nor over itself", () => {
  expect(ownAxes({ "train/*": "epoch", epoch: "epoch", "val/*": "never" }, logged).size).toBe(0);
  expect(ownAxes({ __proto__x: "epoch" }, [{ key: "constructor", runs: 1 }, ...logged]).size).toBe(0);
});
