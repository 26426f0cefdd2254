/** Law: sections keep their order, share rows while they fit, and no chart is squeezed or blown up. */
import { describe, expect, it } from "vitest";
import { columnsIn, packSections, TRACKS } from "../src/core/pack";

describe("the places of sections", () => {
  it("puts small neighbors into one row", () => {
    expect(packSections([1, 2], 3)).toEqual([{ span: 20, columns: 1 }, { span: 40, columns: 2 }]);
  });

  it("gives a large section and a folded one the whole width", () => {
    expect(packSections([5, 0, 1, 2], 3).map((p) => p.span)).toEqual([60, 60, 20, 40]);
  });

  it("widens what stands alone, to no more than two columns", () => {
    expect(packSections([1], 3)).toEqual([{ span: 30, columns: 1 }]);
    expect(packSections([2], 3)).toEqual([{ span: 60, columns: 2 }]);
    expect(packSections([1], 3, true)).toEqual([{ span: 60, columns: 1 }]);
  });

  it("never overfills a row, leaves no fraction of a track, and keeps every chart's width in bounds", () => {
    for (const width of [300, 660, 980, 1400, 1700, 2100, 4000]) {
      const columns = columnsIn(width, 320, 8);
      for (let seed = 0; seed < 200; seed++) {
        const sizes = Array.from({ length: 6 }, (_, i) => (seed * 7 + i * 5 + ((seed * i) % 3)) % (columns + 2));
        const places = packSections(sizes, columns);
        expect(places).toHaveLength(sizes.length);
        for (const { span, columns: across } of places) {
          expect(Number.isInteger(span)).toBe(true);
          expect(span / across).toBeGreaterThanOrEqual(TRACKS / columns);
          expect(span / across).toBeLessThanOrEqual((2 * TRACKS) / columns);
        }
      }
    }
  });
});
