/** The one tooltip of the page: the five runs nearest to the cursor, highest value first. Text only, never markup. */
import { formatDuration, formatNumber, formatTime, formatCount } from "./format";
import type { Hit } from "./nearest";
import { swatchOf } from "./palette";
import type { XAxis } from "./wire";

const SHOWN = 5;

let box: HTMLElement | null = null;

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
  const element = (box ??= create());
  const nearest = rows[0]?.hit;
  if (!nearest) return hideTooltip();
  const head = line("tip-head", [`${xTitle(x)} ${rangeText(x, nearest)}`.trim()]);
  const sorted = rows.slice(0, SHOWN).sort((a, b) => (Number.isNaN(b.hit.value) ? -1 : b.hit.value - a.hit.value));
  element.replaceChildren(head, ...sorted.map((row) => rowElement(row, row.hit === nearest)));
  if (more > 0) element.append(line("tip-more", [`${more} more`]));
  element.hidden = false;
  place(element, clientX, clientY);
}

export function hideTooltip(): void {
  if (box) box.hidden = true;
}

function create(): HTMLElement {
  const element = document.createElement("div");
  element.className = "tip";
  element.setAttribute("role", "tooltip");
  document.body.append(element);
  return element;
}

function rangeText(x: XAxis, hit: Hit): string {
  const from = formatX(x, hit.x);
  const to = formatX(x, hit.xEnd);
  return from === to ? from : `${from} – ${to}`;
}

function rowElement({ name, hit }: TooltipRow, nearest: boolean): HTMLElement {
  const row = document.createElement("div");
  row.className = nearest ? "tip-row nearest" : "tip-row";
  const swatch = document.createElement("i");
  swatch.style.background = swatchOf(hit.curve.look);
  const value = hit.nan && Number.isNaN(hit.value) ? "NaN" : formatNumber(hit.value, 5);
  row.append(swatch, span("tip-name", name), span("tip-value", value));
  const spread = hit.points > 1 && hit.min < hit.max ? `${formatNumber(hit.min)} … ${formatNumber(hit.max)}` : "";
  row.append(span("tip-spread", hit.nan && spread ? `${spread}, NaN` : spread));
  return row;
}

function line(className: string, texts: string[]): HTMLElement {
  const element = document.createElement("div");
  element.className = className;
  element.append(...texts);
  return element;
}

function span(className: string, text: string): HTMLElement {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}

function place(element: HTMLElement, clientX: number, clientY: number): void {
  const { offsetWidth: width, offsetHeight: height } = element;
  const right = clientX + 16 + width < innerWidth;
  const left = right ? clientX + 16 : Math.max(4, clientX - 16 - width);
  const top = Math.max(4, Math.min(innerHeight - height - 4, clientY - height / 2));
  element.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
}
