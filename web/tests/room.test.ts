/** Law: what lies on the first screen is there at once, and what does not leaves room for itself. */
import { describe, expect, it } from "vitest";
import { packSections } from "../src/core/pack";
import { firstOf, heightOf, onFirstScreen } from "../src/core/room";

const shown = (sizes: number[], columns: number, height: number): number[] => onFirstScreen(sizes, packSections(sizes, columns), height);

describe("panels of the first screen", () => {
  it("are whole rows from the top of the page", () => {
    expect(shown([50], 3, 900)).toEqual([12]);
    expect(shown([2], 3, 900)).toEqual([2]);
    expect(shown([50], 3, 100)).toEqual([3]);
  });

  it("belong to sections side by side, and to those below only where the ones above end", () => {
    expect(shown([1, 2, 50], 3, 900)).toEqual([1, 2, 9]);
    expect(shown([0, 50], 3, 900)).toEqual([0, 12]);
    expect(shown([50, 50], 3, 900)).toEqual([12, 0]);
  });
});

describe("a section", () => {
  it("takes the room of all its panels", () => {
    expect(heightOf(1, 3)).toBe(214);
    expect(heightOf(50, 3)).toBe(17 * 222 - 8);
  });

  it("begins with fewer panels where there are many sections", () => {
    expect([1, 10, 30, 5000].map(firstOf)).toEqual([60, 60, 20, 6]);
  });
});
