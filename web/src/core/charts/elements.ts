/**
 * Elements of the page drawn with a pen: grounds, borders, texts, the shapes of SVG and canvases, each at its place.
 *
 * Promises: shapes, texts and pixels alone are drawn, never a script, an address or a class; a text is cut where the page
 * cuts it; colors are written so that any program reads them.
 */
import { painters } from "../plots/painters";
import { escape, FACE, n, type SvgPen } from "./svg";

const SHAPES = new Set(["svg", "g", "path", "line", "rect", "circle", "ellipse", "polyline", "polygon", "text", "tspan"]);
const GEOMETRY = ["d", "x", "y", "x1", "x2", "y1", "y2", "dx", "dy", "cx", "cy", "r", "rx", "ry", "width", "height", "points", "transform"];
const STROKES = ["stroke-width", "stroke-linecap", "stroke-linejoin", "stroke-dasharray", "paint-order"];
const LETTERS = ["font-size", "font-weight", "text-anchor"];
const SIDES = ["Left", "Top", "Right", "Bottom"] as const;

interface Place {
  /** The page's point that is the picture's corner. */
  x: number;
  y: number;
  /** Beyond this x of the page texts are cut. */
  edge: number;
}

interface Ink {
  color: string;
  alpha: number;
}

const known = new Map<string, Ink>();
let drop: CanvasRenderingContext2D | null = null;

/** A color of CSS, however it is spelled, as `#rrggbb` and how much of it; null for none. */
function inkOf(text: string): Ink | null {
  if (text === "none" || text === "" || text === "transparent") return null;
  let ink = known.get(text);
  if (!ink) {
    drop ??= Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
    if (!drop) return null;
    drop.clearRect(0, 0, 1, 1);
    drop.fillStyle = text;
    drop.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = drop.getImageData(0, 0, 1, 1).data;
    ink = { color: `#${[r, g, b].map((v) => v.toString(16).padStart(2, "0")).join("")}`, alpha: a / 255 };
    known.set(text, ink);
  }
  return ink.alpha > 0 ? ink : null;
}

/** What floats over the page, what only a reader of screens hears, and what is there to be pressed. */
const isUnseen = (element: Element): boolean => element.classList.contains("popover") || element.classList.contains("sr") || element.hasAttribute("data-ui");

/** Draws an element with all that is in it, `alpha` strong, also what is scrolled out of view. */
export function drawElement(pen: SvgPen, element: Element, place: Place, alpha = 1): void {
  const style = getComputedStyle(element);
  const strength = alpha * Number(style.opacity);
  const box = element.getBoundingClientRect();
  if (style.display === "none" || style.visibility !== "visible" || strength === 0 || isUnseen(element)) return;
  pen.globalAlpha = strength;
  const [x, y] = [box.left - place.x, box.top - place.y];
  if (element instanceof SVGSVGElement) return pen.add(`<g transform="translate(${n(x)} ${n(y)})"${pen.alpha()} font-family="${FACE}">${[...element.children].map(shapeOf).join("")}</g>`);
  if (element instanceof HTMLCanvasElement) return drawCanvas(pen, element, x, y, box);
  if (element instanceof HTMLImageElement) return drawImage(pen, element, x, y, box);
  drawGround(pen, style, x, y, box);
  const cuts = style.overflowX === "hidden" && style.textOverflow === "ellipsis";
  const isTable = element.getAttribute("role") === "grid";
  const edge = cuts ? Math.min(place.edge, box.right) : place.edge;
  const inside: Place = isTable ? { ...place, edge } : { x: place.x - element.scrollLeft, y: place.y - element.scrollTop, edge };
  // Of a long table only the rows on screen exist, and some beyond its frame.
  if (isTable) {
    pen.save();
    pen.beginPath();
    pen.rect(x, y, box.width, box.height);
    pen.clip();
  }
  for (const child of element.childNodes) {
    pen.globalAlpha = strength;
    if (child instanceof Element) drawElement(pen, child, inside, strength);
    else if (child instanceof Text) drawText(pen, child, style, inside);
  }
  if (isTable) pen.restore();
}

function drawGround(pen: SvgPen, style: CSSStyleDeclaration, x: number, y: number, { width, height }: DOMRect): void {
  const size = `x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" rx="${n(parseFloat(style.borderTopLeftRadius) || 0)}"`;
  const ground = inkOf(style.backgroundColor);
  if (ground) pen.add(`<rect ${size} fill="${ground.color}"${share("fill", ground)}${pen.alpha()}/>`);
  // Ramps of colors go from left to right.
  const stops = style.backgroundImage.startsWith("linear-gradient(90deg") ? (style.backgroundImage.match(/rgba?\([^)]*\)/g) ?? []) : [];
  if (stops.length > 1) {
    const told = stops.map((stop, i) => `<stop offset="${n(i / (stops.length - 1))}" stop-color="${inkOf(stop)?.color ?? "none"}"/>`);
    const name = `ramp${Math.round(x)}-${Math.round(y)}`;
    pen.add(`<linearGradient id="${name}">${told.join("")}</linearGradient><rect ${size} fill="url(#${name})"${pen.alpha()}/>`);
  }
  if (style.backgroundImage.startsWith("repeating-linear-gradient(90deg")) drawDashes(pen, style.backgroundImage, x, y, width, height);
  const borders = SIDES.map((side) => ({ width: parseFloat(style[`border${side}Width`]), kind: style[`border${side}Style`], ink: inkOf(style[`border${side}Color`]) }));
  const shown = borders.map((b) => (b.width > 0 && b.kind !== "none" ? b : null));
  if (shown.every((b) => b?.ink)) return pen.add(`<rect ${size} fill="none" stroke="${shown[0]?.ink?.color}"${share("stroke", shown[0]?.ink)}${pen.alpha()}/>`);
  shown.forEach((border, side) => {
    if (!border?.ink) return;
    const [right, bottom] = [x + width, y + height];
    const [x0, y0, x1, y1] = [[x, y, x, bottom], [x, y, right, y], [right, y, right, bottom], [x, bottom, right, bottom]][side];
    pen.add(`<path d="M${n(x0)} ${n(y0)}L${n(x1)} ${n(y1)}" stroke="${border.ink.color}"${share("stroke", border.ink)} stroke-width="${n(border.width)}"${border.kind === "dashed" ? ' stroke-dasharray="3 3"' : ""}${pen.alpha()}/>`);
  });
}

/** The swatch of a dashed line (palette.ts), which the browser tells as pairs of stops of one color. */
function drawDashes(pen: SvgPen, image: string, x: number, y: number, width: number, height: number): void {
  const stops = [...image.matchAll(/(rgba?\([^)]*\)) ([\d.]+)px/g)].map(([, color, at]) => ({ ink: inkOf(color), at: Number(at) }));
  const period = stops.at(-1)?.at ?? 0;
  for (let from = 0; period > 0 && from < width; from += period) {
    for (let i = 0; i + 1 < stops.length; i += 2) {
      const [begin, end] = [from + stops[i].at, Math.min(width, from + stops[i + 1].at)];
      const { ink } = stops[i];
      if (ink && end > begin) pen.add(`<rect x="${n(x + begin)}" y="${n(y)}" width="${n(end - begin)}" height="${n(height)}" fill="${ink.color}"${pen.alpha()}/>`);
    }
  }
}

const share = (what: "fill" | "stroke", ink: Ink | null | undefined): string => (ink && ink.alpha < 1 ? ` ${what}-opacity="${n(ink.alpha)}"` : "");

/** A canvas by what painted it, where that is known; else its pixels. */
function drawCanvas(pen: SvgPen, canvas: HTMLCanvasElement, x: number, y: number, box: DOMRect): void {
  const painter = painters.get(canvas);
  if (canvas.width === 0 || canvas.height === 0) return;
  if (!painter) return drawPixels(pen, canvas, canvas, x, y, box);
  pen.add(`<g transform="translate(${n(x)} ${n(y)})"${pen.alpha()}>`);
  painter(pen as unknown as CanvasRenderingContext2D);
  pen.add("</g>");
}

/** A picture that has come, in its own pixels: the file has no address to fetch it from. */
function drawImage(pen: SvgPen, image: HTMLImageElement, x: number, y: number, box: DOMRect): void {
  if (!image.complete || image.naturalWidth === 0) return;
  const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
  canvas.getContext("2d")?.drawImage(image, 0, 0);
  drawPixels(pen, canvas, image, x, y, box);
}

function drawPixels(pen: SvgPen, canvas: HTMLCanvasElement, shown: Element, x: number, y: number, { width, height }: DOMRect): void {
  const style = getComputedStyle(shown);
  const looks = `${style.imageRendering === "pixelated" ? ' style="image-rendering:pixelated"' : ""}${style.objectFit === "contain" ? "" : ' preserveAspectRatio="none"'}`;
  pen.add(`<image x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" href="${canvas.toDataURL("image/png")}"${looks}${pen.alpha()}/>`);
}

interface Line {
  text: string;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** A text as the lines that the page breaks it into, each cut at the edge. */
function linesOf(node: Text, edge: number): Line[] {
  const range = document.createRange();
  const lines: Line[] = [];
  let at = 0;
  for (const character of node.data) {
    range.setStart(node, at);
    range.setEnd(node, (at += character.length));
    const [box] = range.getClientRects();
    if (!box || box.width === 0) continue;
    const last = lines.at(-1);
    const isGap = character.trim() === "";
    if (last && Math.abs(last.top - box.top) < box.height / 2) [last.text, last.right] = [last.text + character, box.right];
    else if (!isGap) lines.push({ text: character, left: box.left, right: box.right, top: box.top, bottom: box.bottom });
  }
  return lines.map((line) => (line.right > edge + 1 ? cutAt(line, edge) : line));
}

function cutAt(line: Line, edge: number): Line {
  const part = Math.max(0, (edge - line.left) / (line.right - line.left));
  const characters = [...line.text];
  return { ...line, text: `${characters.slice(0, Math.max(0, Math.floor(characters.length * part) - 1)).join("")}…`, right: edge };
}

function drawText(pen: SvgPen, node: Text, style: CSSStyleDeclaration, place: Place): void {
  const ink = inkOf(style.color);
  if (!ink || node.data.trim() === "") return;
  const size = parseFloat(style.fontSize);
  pen.fillStyle = ink.color;
  pen.font = `${style.fontWeight} ${n(size)}px ${FACE}`;
  pen.textBaseline = "middle";
  const { parentElement: parent } = node;
  if (parent && style.writingMode.startsWith("vertical")) return drawTurned(pen, node, place, -90, [parent.clientHeight, parent.scrollHeight]);
  const turn = turnOf(style);
  if (parent && turn !== 0) return drawTurned(pen, node, place, turn, [parent.clientWidth, parent.scrollWidth]);
  const right = style.textAlign === "right" || style.textAlign === "end";
  pen.textAlign = right ? "right" : "left";
  for (const line of linesOf(node, place.edge)) {
    // Fonts differ from program to program: a text that ends somewhere still ends there.
    pen.fillText(line.text.trimEnd(), (right ? line.right : line.left) - place.x, (line.top + line.bottom) / 2 - place.y);
  }
}

/** By how many degrees an element itself is turned. */
function turnOf({ transform }: CSSStyleDeclaration): number {
  const [, a = "1", b = "0"] = /^matrix\(([^,]+), ([^,]+)/.exec(transform) ?? [];
  return (Math.atan2(Number(b), Number(a)) * 180) / Math.PI;
}

/** A text that does not read from left to right; of `whole` pixels of it `seen` are on screen. */
function drawTurned(pen: SvgPen, node: Text, place: Place, degrees: number, [seen, whole]: readonly [number, number]): void {
  const text = node.data.trim();
  const isCut = whole > seen + 1;
  const range = document.createRange();
  range.selectNodeContents(node);
  const box = (isCut ? (node.parentElement ?? range) : range).getBoundingClientRect();
  const most = isCut ? Math.floor((text.length * seen) / whole) : text.length;
  pen.textAlign = "center";
  pen.add(`<g transform="translate(${n(box.left + box.width / 2 - place.x)} ${n(box.top + box.height / 2 - place.y)}) rotate(${n(degrees)})">`);
  pen.fillText(text.length > most ? `${text.slice(0, most - 1)}…` : text, 0, 0);
  pen.add("</g>");
}

/** A shape of SVG with the looks that the page gives it. */
function shapeOf(element: Element): string {
  const style = getComputedStyle(element);
  if (!SHAPES.has(element.tagName) || style.display === "none" || style.visibility !== "visible") return "";
  const attributes = GEOMETRY.filter((name) => element.hasAttribute(name)).map((name) => [name, element.getAttribute(name) ?? ""]);
  if (Number(style.opacity) < 1) attributes.push(["opacity", style.opacity]);
  if (element.tagName !== "g") {
    for (const what of ["fill", "stroke"] as const) {
      const ink = inkOf(style.getPropertyValue(what));
      const opacity = (ink?.alpha ?? 1) * Number(style.getPropertyValue(`${what}-opacity`));
      attributes.push([what, ink?.color ?? "none"]);
      if (ink && opacity < 1) attributes.push([`${what}-opacity`, n(opacity)]);
    }
    const told = [...(inkOf(style.stroke) ? STROKES : []), ...(element.tagName.startsWith("t") ? LETTERS : [])];
    attributes.push(...told.map((name) => [name, style.getPropertyValue(name)]).filter(([, value]) => value !== "none" && value !== "normal"));
  }
  const inside = [...element.childNodes].map((child) => (child instanceof Element ? shapeOf(child) : child instanceof Text ? escape(child.data.trim()) : "")).join("");
  return `<${element.tagName}${attributes.map(([name, value]) => ` ${name}="${escape(value)}"`).join("")}>${inside}</${element.tagName}>`;
}
