/** Bars of days on the list of projects. */
import { expect, it } from "vitest";
import { barsOf, daysText } from "../src/core/days";

it("draws a bar for each day with runs, none for one without", () => {
  expect(barsOf([0, 1, 4, 0], 20)).toBe("M25.0 20v-5.0h17.5v5.0zM50.0 20v-20.0h17.5v20.0z");
  expect(barsOf([1, 1000], 20)).toContain("v-1.0");
  expect(barsOf([], 20)).toBe("");
});

it("says them in words", () => {
  expect(daysText([])).toBe("No run began in the last 30 days");
  expect(daysText([0, 1])).toBe("1 run began in the last 2 days, 1 on the busiest");
  expect(daysText([2, 1])).toBe("3 runs began in the last 2 days, 2 on the busiest");
});
