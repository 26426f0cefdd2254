/** Law: merging buckets gives what bucketing the points at the coarser width would have given; nothing is lost. */
import { describe, expect, it } from "vitest";
import { coarsen, extend, firstX, isExact, lastX, pointCount, seriesOf, type BucketSeries } from "../src/core/buckets";
import { decodeColumns } from "../src/core/columns";
import type { BucketHead } from "../src/core/wire";
import { bucketMessage, seeded, type Point } from "./message";

const bucketed = (points: Point[], width: number): BucketSeries => seriesOf(decodeColumns<BucketHead>(bucketMessage([{ run: "r", key: "k", points }], width)))[0];

function noisy(count: number, seed: number, from = 0): Point[] {
  const random = seeded(seed);
  let x = from;
  return Array.from({ length: count }, () => {
    x += 1 + Math.floor(random() * random() * 9);
    const kind = random();
    return [x, kind < 0.04 ? NaN : kind < 0.06 ? Infinity : kind < 0.08 ? -Infinity : random() * 10 - 5] as Point;
  });
}

function expectEqual(a: BucketSeries, b: BucketSeries): void {
  expect(a.width).toBe(b.width);
  for (const column of ["index", "n", "first", "last", "min", "max", "nNan", "nPos", "nNeg"] as const) {
    expect([...(a[column] ?? [])], column).toEqual([...(b[column] ?? [])]);
  }
  for (let i = 0; i < a.length; i++) {
    expect(firstX(a, i)).toBe(firstX(b, i));
    expect(lastX(a, i)).toBe(lastX(b, i));
    if (Number.isNaN(b.mean?.[i])) expect(a.mean?.[i]).toBeNaN();
    else expect(a.mean?.[i]).toBeCloseTo(b.mean?.[i] as number, 9);
  }
}

describe("merging buckets", () => {
  it.each([1, 2, 3, 4, 5])("by powers of two equals bucketing at once (seed %i)", (seed) => {
    const points = noisy(800, seed, seed * 37 - 90);
    let merged = bucketed(points, 1);
    for (const width of [2, 4, 8, 64, 1024]) {
      merged = coarsen(merged, width);
      expectEqual(merged, bucketed(points, width));
    }
  });

  it.each([1, 2, 3, 4, 5])("with a live delta equals bucketing the grown series (seed %i)", (seed) => {
    const points = noisy(600, seed);
    const random = seeded(seed + 100);
    const width = 16;
    let held = bucketed(points.slice(0, 50), width);
    let sent = 50;
    while (sent < points.length) {
      const now = Math.min(points.length, sent + 1 + Math.floor(random() * 60));
      const from = held.index[held.length - 1] * held.width;
      const fresh = points.slice(0, now).filter(([x]) => x >= from);
      held = extend(held, bucketed(fresh, random() < 0.5 ? 1 : width), from);
      sent = now;
      expectEqual(held, bucketed(points.slice(0, now), width));
    }
  });

  it("keeps the count of points and knows when every bucket is one point", () => {
    const points = noisy(500, 9);
    const exact = bucketed(points, 1);
    expect(isExact(exact)).toBe(true);
    const coarse = coarsen(exact, 32);
    expect(isExact(coarse)).toBe(false);
    expect(pointCount(coarse)).toBe(500);
  });

  it("leaves an empty series empty", () => {
    const empty = seriesOf(decodeColumns<BucketHead>(bucketMessage([{ run: "r", key: "k", points: [] }], 1)))[0];
    expect(empty.length).toBe(0);
    expect(coarsen(empty, 8).length).toBe(0);
    expect(extend(empty, bucketed([[5, 1]], 1), 0).length).toBe(1);
  });

  it("splits an answer into its series", () => {
    const body = bucketMessage([{ run: "a", key: "k", points: [[0, 1], [5, 2]] }, { run: "b", key: "k", points: [] }, { run: "c", key: "k", points: [[3, 7]] }], 4);
    const [a, b, c] = seriesOf(decodeColumns<BucketHead>(body));
    expect([...a.index]).toEqual([0, 1]);
    expect(b.length).toBe(0);
    expect([c.run, firstX(c, 0), c.max?.[0]]).toEqual(["c", 3, 7]);
  });
});

describe("columns that say the same", () => {
  it("are one where each bucket is a point, whatever its value", () => {
    const one = bucketed([[0, 1.5], [1, NaN], [2, -2], [3, 7]], 1);
    expect(one.max).toBe(one.min);
    expect(one.last).toBe(one.min);
    expect([...(one.max ?? [])]).toEqual([1.5, NaN, -2, 7]);
  });

  it("are apart where one bucket differs", () => {
    const several = bucketed([[0, 1], [1, 2], [4, 3]], 4);
    expect(several.max).not.toBe(several.min);
    expect([...(several.min ?? [])]).toEqual([1, 3]);
    expect([...(several.max ?? [])]).toEqual([2, 3]);
  });
});
