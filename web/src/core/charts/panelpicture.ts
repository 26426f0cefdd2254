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

/** How tall the body is with all that is scrolled out of it. */
function fullHeight(body: HTMLElement): number {
  const top = body.getBoundingClientRect().top;
  const ends = [...body.querySelectorAll("*")].filter((e) => e.scrollHeight > e.clientHeight && /auto|scroll/.test(getComputedStyle(e).overflowY)).map((e) => e.getBoundingClientRect().top - top + e.scrollHeight);
  return Math.ceil(Math.max(body.clientHeight, ...ends));
}

/** The picture as the text of an SVG file. */
export function svgOfPanel(body: HTMLElement, title: string, legend: readonly LegendEntry[] = []): string {
  const { left, top } = body.getBoundingClientRect();
  const [width, tall] = [Math.ceil(body.clientWidth), fullHeight(body)];
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
