/** A curve in a table cell, as one SVG path that is used again for the next row. */

const NS = "http://www.w3.org/2000/svg";
const WIDTH = 100;
const HEIGHT = 20;
const PAD = 2;

/** Draws points with x and y from 0 to 1 into a cell; null breaks the line. */
export function drawSpark(cell: HTMLElement, points: readonly (readonly [number, number] | null)[] | null, color: string): void {
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

export function pathOf(points: readonly (readonly [number, number] | null)[]): string {
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
