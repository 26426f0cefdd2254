import { expect, test } from "vitest";
import { frameSteps, onFrames } from "../src/core/media/film";

test("few steps are all frames, of many the first, the last and evenly spaced ones", () => {
  expect(frameSteps([], 4)).toEqual([]);
  expect(frameSteps([7], 4)).toEqual([7]);
  expect(frameSteps([1, 2, 3, 4], 4)).toEqual([1, 2, 3, 4]);
  const steps = Array.from({ length: 101 }, (_, i) => i * 10);
  expect(frameSteps(steps, 5)).toEqual([0, 250, 500, 750, 1000]);
  expect(frameSteps([0, 1, 2, 3, 4], 4)).toEqual([0, 2, 3, 4]);
});

test("a frame shows the newest since the one before, and nothing twice", () => {
  const entries = [{ step: 0 }, { step: 7 }, { step: 9 }, { step: 30 }, { step: 99 }];
  expect(onFrames(entries, [0, 10, 20, 30]).map((e) => e?.step ?? null)).toEqual([0, 9, null, 30]);
  expect(onFrames([], [0, 10])).toEqual([null, null]);
  expect(onFrames([{ step: 5, n: 1 }, { step: 5, n: 2 }], [5])).toEqual([{ step: 5, n: 2 }]);
});
