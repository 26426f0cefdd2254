/** The head of a column of the runs table: what it sorts by, which value of a series it shows, the edge that is dragged. */
import { columnTitle, FINDINGS, isSortable, parseColumn } from "./columnid";

/** Builds the head once; later it only says what is new, so that its buttons keep the focus and little is laid out again. */
export function fillHead(cell: HTMLElement, { id, title, mark }: { id: string; title: string; mark: string }): void {
  const sort = cell.querySelector<HTMLElement>(".sort") ?? buildHead(cell, id);
  (sort.firstChild as HTMLElement).textContent = title;
  (sort.lastChild as Text).nodeValue = mark;
  sort.classList.toggle("sorted", mark !== "");
}

function buildHead(cell: HTMLElement, id: string): HTMLElement {
  const sort = button("sort", "sort", isSortable(id) ? `Sort by ${id}` : `${id}: read for the rows in view, cannot be sorted by`);
  const name = document.createElement("span");
  name.className = "clip";
  sort.append(name, "");
  const options = button("more", "menu", `Options of ${id}`);
  options.setAttribute("aria-label", options.title);
  options.setAttribute("aria-haspopup", "dialog");
  const value = valueShown(id);
  options.textContent = value ?? "⋯";
  options.classList.toggle("aggregate", value !== null);
  cell.append(sort, options);
  return sort;
}

/** The box above all that selects what is loaded. */
export function pickAllBox(cell: HTMLElement): HTMLInputElement {
  const known = cell.querySelector("input");
  if (known) return known;
  const all = document.createElement("input");
  all.type = "checkbox";
  all.dataset.act = "all";
  all.title = "Select the loaded runs";
  all.setAttribute("aria-label", all.title);
  cell.prepend(all);
  return all;
}

/** Which value of its series a column shows; null for columns of other things. */
function valueShown(id: string): string | null {
  const column = parseColumn(id);
  if (column.kind === "metric") return column.aggregate;
  if (column.kind === "at") return `@${column.step}`;
  return column.kind === "spark" ? "curve" : null;
}

function button(name: string, act: string, title: string): HTMLButtonElement {
  const made = document.createElement("button");
  made.className = name;
  made.dataset.act = act;
  made.title = title;
  return made;
}

/** How wide a column is while nobody has said so, in pixels. */
export function usualWidth(id: string, grouped: boolean, numeric: boolean): number {
  if (id === "name") return innerWidth < 1000 ? 180 : 216;
  if (id === "created" || id === "duration") return grouped ? 136 : 108;
  if (id === FINDINGS) return 220;
  if (id === "notes" || id === "tags") return 160;
  const { kind } = parseColumn(id);
  const extra = kind === "metric" || kind === "at" || kind === "spark" ? 70 : 40;
  return Math.max(!numeric ? 78 : grouped ? 152 : 96, Math.min(180, columnTitle(id).length * 7 + extra));
}

/** A selector of the head's button that has the focus, so that sorting by keyboard does not lose it. */
export function focusedHead(head: HTMLElement): string | null {
  const element = document.activeElement;
  if (!(element instanceof HTMLElement) || !head.contains(element)) return null;
  const column = element.closest<HTMLElement>(".grid-headcell")?.dataset.column;
  return `[data-column="${column}"] [data-act="${element.dataset.act}"]`;
}
