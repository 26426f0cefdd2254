/** The one tooltip of the page: the five runs nearest to the cursor, highest value first. Text only, never markup. */
import { formatDuration, formatNumber, formatTime, formatCount } from "./format";
import type { Hit } from "./nearest";
import { swatchOf } from "./palette";
import type { XAxis } from "./wire";

const SHOWN = 5;

/** The tooltip and its parts, made once: a moving pointer changes their words only. */
interface Box {
  element: HTMLElement;
  head: HTMLElement;
  rows: Row[];
  more: HTMLElement;
}

interface Row {
  element: HTMLElement;
  swatch: HTMLElement;
  name: HTMLElement;
  value: HTMLElement;
  spread: HTMLElement;
}

let box: Box | null = null;

/** How x reads in a tooltip. */
export function formatX(x: XAxis, value: number): string {
  if (x === "step") return formatCount(value);
  if (x === "wall") return formatTime(value);
  if (x === "relative") return formatDuration(value);
  return formatNumber(value);
}

function xTitle(x: XAxis): string {
  if (typeof x !== "string") return x.metric;
  return { step: "step", wall: "", relative: "after" }[x];
}

export interface TooltipRow {
  name: string;
  hit: Hit;
}

export function showTooltip(x: XAxis, rows: readonly TooltipRow[], more: number, clientX: number, clientY: number): void {
  const nearest = rows[0]?.hit;
  if (!nearest) return hideTooltip();
  const { element, head, rows: places, more: rest } = (box ??= create());
  say(head, `${xTitle(x)} ${rangeText(x, nearest)}`.trim());
  const sorted = rows.slice(0, SHOWN).sort((a, b) => (Number.isNaN(b.hit.value) ? -1 : b.hit.value - a.hit.value));
  places.forEach((place, i) => fill(place, sorted[i], nearest));
  rest.hidden = more <= 0;
  say(rest, `${more} more`);
  element.hidden = false;
  place(element, clientX, clientY);
}

export function hideTooltip(): void {
  if (box) box.element.hidden = true;
}

function create(): Box {
  const element = part("div", "tip");
  element.setAttribute("role", "tooltip");
  const [head, more] = [part("div", "tip-head"), part("div", "tip-more")];
  const rows = Array.from({ length: SHOWN }, makeRow);
  element.append(head, ...rows.map((row) => row.element), more);
  document.body.append(element);
  return { element, head, rows, more };
}

function makeRow(): Row {
  const row = { element: part("div", "tip-row"), swatch: part("i"), name: part("span", "tip-name"), value: part("span", "tip-value"), spread: part("span", "tip-spread") };
  row.element.append(row.swatch, row.name, row.value, row.spread);
  return row;
}

function rangeText(x: XAxis, hit: Hit): string {
  const from = formatX(x, hit.x);
  const to = formatX(x, hit.xEnd);
  return from === to ? from : `${from} – ${to}`;
}

function fill(row: Row, shown: TooltipRow | undefined, nearest: Hit): void {
  row.element.hidden = !shown;
  if (!shown) return;
  const { hit } = shown;
  const looks = hit === nearest ? "tip-row nearest" : "tip-row";
  if (row.element.className !== looks) row.element.className = looks;
  row.swatch.style.background = swatchOf(hit.curve.look);
  say(row.name, shown.name);
  say(row.value, hit.nan && Number.isNaN(hit.value) ? "NaN" : formatNumber(hit.value, 5));
  const spread = hit.points > 1 && hit.min < hit.max ? `${formatNumber(hit.min)} … ${formatNumber(hit.max)}` : "";
  say(row.spread, hit.nan && spread ? `${spread}, NaN` : spread);
}

/** Writes a text where it differs. */
function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function part(tag: string, className = ""): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}

function place(element: HTMLElement, clientX: number, clientY: number): void {
  const { offsetWidth: width, offsetHeight: height } = element;
  const right = clientX + 16 + width < innerWidth;
  const left = right ? clientX + 16 : Math.max(4, clientX - 16 - width);
  const top = Math.max(4, Math.min(innerHeight - height - 4, clientY - height / 2));
  element.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
}
