/**
 * How sections of charts share the width: small sections that follow each other stand side by side, so that a section
 * with one chart does not leave a row blank.
 *
 * Promises: the order stays; a chart is never narrower than a column and, unless there are few in all, never wider
 * than two; a section with more charts than columns has the width to itself.
 */

/** Tracks of the whole width: divisible by every number of columns. */
export const TRACKS = 60;
const MOST_COLUMNS = 6;

export interface Place {
  /** Tracks that the section covers. */
  span: number;
  /** Charts beside each other in it. */
  columns: number;
}

/** Columns of at least `least` pixels that fit into `width`. */
export function columnsIn(width: number, least: number, gap: number): number {
  return Math.max(1, Math.min(MOST_COLUMNS, Math.floor((width + gap) / (least + gap))));
}

/**
 * Places sections in their order.
 *
 * @param sizes charts of each section, 0 for one that takes the width to itself
 * @param columns charts that fit beside each other
 * @param stretch whether a row that is not full is stretched to the whole width
 */
export function packSections(sizes: readonly number[], columns: number, stretch = false): Place[] {
  const places: Place[] = [];
  let row: number[] = [];
  const close = (): void => {
    const sum = row.reduce((a, b) => a + b, 0);
    const wide = stretch ? sum : Math.max(sum, Math.ceil(columns / 2));
    for (const size of row) places.push({ span: (TRACKS / wide) * size, columns: size });
    row = [];
  };
  for (const size of sizes) {
    const alone = size === 0 || size >= columns;
    if (alone || row.reduce((a, b) => a + b, size) > columns) close();
    if (alone) places.push({ span: TRACKS, columns });
    else row.push(size);
  }
  close();
  return places;
}
