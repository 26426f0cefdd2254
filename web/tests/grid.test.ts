/** Law: what the window claims to show covers the view, and every row can be reached, however many there are. */
import { describe, expect, it } from "vitest";
import { columnEdges, columnWindow, contentHeight, MAX_HEIGHT, rowWindow, scrollLeftFor, scrollTopFor, topRow } from "../src/core/grid";

describe("rows", () => {
  it.each([[0, 28], [1, 28], [10_000, 28], [1_000_000, 18], [50_000_000, 18]])("of a table of %i rows cover the view at every position", (rows, height) => {
    const view = 600;
    const range = Math.max(0, contentHeight(rows, height) - view);
    for (let i = 0; i <= 50; i++) {
      const scroll = (range * i) / 50;
      const { first, end, offset } = rowWindow(scroll, view, rows, height);
      expect(first).toBeGreaterThanOrEqual(0);
      expect(end).toBeLessThanOrEqual(rows);
      if (rows === 0) continue;
      expect(offset).toBeLessThanOrEqual(scroll + 0.01);
      const covered = offset + (end - first) * height;
      expect(covered).toBeGreaterThanOrEqual(Math.min(scroll + view, offset + (rows - first) * height) - 0.01);
      expect(end - first).toBeLessThan(60);
    }
  });

  it("end exactly at the last row, also where the scroll bar is scaled", () => {
    for (const rows of [100, 1_000_000, 50_000_000]) {
      const scroll = contentHeight(rows, 18) - 600;
      expect(rowWindow(scroll, 600, rows, 18).end).toBe(rows);
    }
  });

  it("are found again where they were sent", () => {
    for (const rows of [1000, 1_000_000, 50_000_000]) {
      for (const row of [0, 17, Math.floor(rows / 3), rows - 100]) {
        expect(topRow(scrollTopFor(row, 600, rows, 18), 600, rows, 18)).toBeCloseTo(row, 1);
      }
    }
  });

  it("never make an element that a browser refuses", () => {
    expect(contentHeight(1e9, 28)).toBe(MAX_HEIGHT);
    expect(contentHeight(100, 28)).toBe(2800);
  });
});

describe("columns", () => {
  const edges = columnEdges([200, 100, 100, 100, 100, 100]);

  it("leave out the frozen first and those outside the view", () => {
    expect(columnWindow(0, 450, edges)).toEqual({ first: 1, end: 4 });
    expect(columnWindow(150, 450, edges)).toEqual({ first: 2, end: 5 });
    expect(columnWindow(250, 450, edges)).toEqual({ first: 3, end: 6 });
  });

  it("are scrolled to only as far as needed, and not at all when they stay anyway", () => {
    expect(scrollLeftFor(2, 0, 450, edges)).toBe(0);
    expect(scrollLeftFor(5, 0, 450, edges)).toBe(250);
    expect(scrollLeftFor(2, 250, 450, edges)).toBe(100);
    expect(scrollLeftFor(0, 250, 450, edges)).toBe(250);
    expect(scrollLeftFor(1, 250, 450, edges, 2)).toBe(250);
  });

  it("cope with a table of one column", () => {
    expect(columnWindow(0, 400, columnEdges([200]))).toEqual({ first: 1, end: 1 });
  });
});
