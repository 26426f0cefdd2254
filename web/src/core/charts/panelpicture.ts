/**
 * A panel that is made of elements of the page (dots, bars, axes, ridges) as a picture of its own: all it shows, in the
 * theme on screen, under its title and above a legend. Looks like the pictures of curves (picture.ts).
 */
import { drawElement } from "./elements";
import { drawHead, drawLegend, legendHeight, TOP, type LegendEntry, type Pen } from "./picture";
import { FACE, SvgPen } from "./svg";

const FOOT = 8;
/** Pixels of the picture for one of the page. */
const SCALE = 2;

/** How large the body is with all that is scrolled out of it. */
function fullSize(body: HTMLElement): [number, number] {
  const { left, top } = body.getBoundingClientRect();
  let [width, height] = [body.clientWidth, body.clientHeight];
  for (const element of body.querySelectorAll("*")) {
    if (element.closest("[role=grid]")) continue;
    const { overflowX, overflowY } = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    if (element.scrollHeight > element.clientHeight && /auto|scroll/.test(overflowY)) height = Math.max(height, box.top - top + element.scrollHeight);
    if (element.scrollWidth > element.clientWidth && /auto|scroll/.test(overflowX)) width = Math.max(width, box.left - left + element.scrollWidth + FOOT);
  }
  return [Math.ceil(width), Math.ceil(height)];
}

/** The picture as the text of an SVG file. */
export function svgOfPanel(body: HTMLElement, title: string, legend: readonly LegendEntry[] = []): string {
  const { left, top } = body.getBoundingClientRect();
  const [width, tall] = fullSize(body);
  const names = legend.length > 0 ? legendHeight(legend.length, width) + FOOT : 0;
  const height = TOP + tall + names + FOOT;
  const pen = new SvgPen(width, height);
  drawHead(pen as unknown as Pen, title, width, height);
  drawElement(pen, body, { x: left, y: top - TOP, edge: Infinity });
  pen.globalAlpha = 1;
  pen.font = `11px ${FACE}`;
  pen.textBaseline = "middle";
  drawLegend(pen as unknown as Pen, legend, width, TOP + tall + FOOT);
  return pen.toString();
}

/** An SVG file as a PNG. */
export async function pngOfSvg(svg: string): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth * SCALE, image.naturalHeight * SCALE];
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser gives no canvas to draw on");
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture could not be made"))), "image/png"));
  } finally {
    URL.revokeObjectURL(url);
  }
}
