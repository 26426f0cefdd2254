/** Small curves: in a table cell as one SVG path that is used again for the next row. */

const NS = "http://www.w3.org/2000/svg";
const WIDTH = 100;
const HEIGHT = 20;
const PAD = 2;

/** A curve as x and y from 0 to 1, y upwards; null where it breaks. */
export type Curve = readonly (readonly [number, number] | null)[];

/** The curve of values over x, in ascending x; null when none of them is finite. */
export function curveOf(points: readonly (readonly [x: number, y: number | null])[]): Curve | null {
  const finite = points.flatMap(([, y]) => (y === null ? [] : [y]));
  if (finite.length === 0) return null;
  const [lo, hi] = [Math.min(...finite), Math.max(...finite)];
  const [from, to] = [points[0][0], points[points.length - 1][0]];
  return points.map(([x, y]) => (y === null ? null : ([to > from ? (x - from) / (to - from) : 1, hi > lo ? (y - lo) / (hi - lo) : 0.5] as const)));
}

/** Draws a curve into a cell. */
export function drawSpark(cell: HTMLElement, points: Curve | null, color: string): void {
  let path = cell.querySelector("path");
  if (!path) {
    const svg = document.createElementNS(NS, "svg");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("class", "spark");
    svg.setAttribute("aria-hidden", "true");
    path = document.createElementNS(NS, "path");
    svg.append(path);
    cell.replaceChildren(svg);
  }
  path.setAttribute("stroke", color);
  path.setAttribute("d", points ? pathOf(points) : "");
}

export function pathOf(points: Curve): string {
  let d = "";
  let pen = false;
  for (const point of points) {
    if (point) {
      d += `${pen ? "L" : "M"}${(PAD + point[0] * (WIDTH - 2 * PAD)).toFixed(1)} ${(HEIGHT - PAD - point[1] * (HEIGHT - 2 * PAD)).toFixed(1)}`;
      // A point of its own is seen only as a dot.
      if (!pen) d += "h0";
    }
    pen = point !== null;
  }
  return d;
}
