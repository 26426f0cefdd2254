/**
 * The window of a table or log that is on screen. Pure arithmetic: rows have one height, columns their own widths.
 *
 * Browsers refuse elements taller than about 33 million pixels, so beyond MAX_HEIGHT the scroll bar is scaled: a
 * scroll position then stands for a share of the rows, while the rows on screen keep their height.
 */

export const MAX_HEIGHT = 15_000_000;

export interface RowWindow {
  first: number;
  /** One past the last row. */
  end: number;
  /** Where the first row is drawn, in pixels from the top of the scrolled content. */
  offset: number;
}

/** Height of the scrolled content. */
export function contentHeight(rows: number, rowHeight: number): number {
  return Math.min(rows * rowHeight, MAX_HEIGHT);
}

/** The rows to draw, with `spare` rows beyond each edge. */
export function rowWindow(scrollTop: number, viewHeight: number, rows: number, rowHeight: number, spare = 4): RowWindow {
  const visible = Math.ceil(viewHeight / rowHeight) + 1;
  const top = topRow(scrollTop, viewHeight, rows, rowHeight);
  const first = Math.max(0, Math.floor(top) - spare);
  const end = Math.min(rows, Math.floor(top) + visible + spare);
  return { first, end, offset: scrollTop - (top - first) * rowHeight };
}

/** The row (with its fraction) at the top edge of the view. */
export function topRow(scrollTop: number, viewHeight: number, rows: number, rowHeight: number): number {
  const real = rows * rowHeight;
  if (real <= MAX_HEIGHT) return Math.max(0, scrollTop) / rowHeight;
  const share = Math.min(1, Math.max(0, scrollTop / (MAX_HEIGHT - viewHeight)));
  return share * (rows - viewHeight / rowHeight);
}

/** The scroll position that brings `row` to the top edge. */
export function scrollTopFor(row: number, viewHeight: number, rows: number, rowHeight: number): number {
  const real = rows * rowHeight;
  if (real <= MAX_HEIGHT) return Math.max(0, Math.min(row * rowHeight, real - viewHeight));
  return Math.max(0, Math.min(1, row / (rows - viewHeight / rowHeight))) * (MAX_HEIGHT - viewHeight);
}

/** Left edges of columns, and after the last one the whole width. */
export function columnEdges(widths: readonly number[]): number[] {
  const edges = [0];
  for (const width of widths) edges.push(edges[edges.length - 1] + width);
  return edges;
}

/** Columns that touch the view, the first `frozen` left out: they are always drawn. */
export function columnWindow(scrollLeft: number, viewWidth: number, edges: readonly number[], frozen = 1): { first: number; end: number } {
  const count = edges.length - 1;
  const beside = edges[Math.min(frozen, count)] ?? 0;
  let first = frozen;
  while (first < count && edges[first + 1] <= scrollLeft + beside) first++;
  let end = first;
  while (end < count && edges[end] < scrollLeft + viewWidth) end++;
  return { first: Math.min(first, count), end };
}

/** Where to scroll sideways so that a column is seen whole, as near as may be; those before `frozen` always are. */
export function scrollLeftFor(column: number, scrollLeft: number, viewWidth: number, edges: readonly number[], frozen = 1): number {
  if (column < frozen) return scrollLeft;
  const least = edges[column + 1] - viewWidth;
  const most = edges[column] - edges[frozen];
  return Math.min(most, Math.max(least, scrollLeft));
}
