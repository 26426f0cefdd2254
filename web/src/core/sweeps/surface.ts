/** A surface through scattered points: inverse distances as weights (Shepard, 1968), on a grid. Pure. */

export interface Spot {
  /** Positions from 0 to 1. */
  x: number;
  y: number;
  value: number;
}

const POWER = 3;
const NEAR = 1e-6;

/** Values at the middles of the cells, row by row from the top; null without spots. */
export function surface(spots: readonly Spot[], columns: number, rows: number): { values: Float64Array; low: number; high: number } | null {
  if (spots.length === 0) return null;
  const values = new Float64Array(columns * rows);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const [x, y] = [(c + 0.5) / columns, 1 - (r + 0.5) / rows];
      let [sum, weights] = [0, 0];
      for (const spot of spots) {
        const weight = 1 / Math.max(NEAR, (spot.x - x) ** 2 + (spot.y - y) ** 2) ** (POWER / 2);
        sum += weight * spot.value;
        weights += weight;
      }
      values[r * columns + c] = sum / weights;
    }
  }
  let [low, high] = [Infinity, -Infinity];
  for (const spot of spots) (low = Math.min(low, spot.value)), (high = Math.max(high, spot.value));
  return { values, low, high };
}
