/**
 * A table of any size in a few hundred elements: rows and cells that scroll out are used again for those that scroll in.
 *
 * Promises: cost follows the window, not the table; the header row, the first column and the pinned ones after it
 * stay in view, the pinned ones as long as half of the view is left for others; the ARIA grid pattern holds (row and column counts, indices,
 * active descendant). Text goes in as text, never as markup.
 */
import { columnEdges, columnWindow, contentHeight, rowWindow, scrollLeftFor, scrollTopFor, topRow } from "./grid";
import type { GridColumn, GridSource } from "./gridsource";
import { focusedHead } from "./tablehead";
import { digits, px } from "./words";

/** A cell and what was last written into it: most of it is the same in the next row, and writing costs more than comparing. */
interface Cell {
  element: HTMLElement;
  column: number;
  name: string;
  /** Null when `draw` filled it, or nothing did. */
  text: string | null;
}

interface RowSlot {
  element: HTMLElement;
  lead: (row: number) => void;
  pinned: Cell[];
  cells: Cell[];
  row: number;
  top: number;
  selected: boolean | null;
}

export class GridView {
  active = -1;
  private columns: readonly GridColumn[] = [];
  private edges: number[] = [0];
  private rows = 0;
  /** Columns that do not scroll, the first one counted. */
  private frozen = 1;
  private readonly slots: RowSlot[] = [];
  private readonly head = document.createElement("div");
  /** The heads of columns that scroll and are drawn. */
  private readonly heads = new Map<number, HTMLElement>();
  private headsStale = true;
  /** A selector of what had the focus in heads that are drawn anew. */
  private refocus: string | null = null;
  private said = "";
  private readonly body = document.createElement("div");
  private scheduled = false;
  private stale = true;
  private readonly resize: ResizeObserver;
  /** How far it was scrolled when it was drawn last; what is off the page tells nothing of that. */
  scrolled = 0;
  private readonly onScroll = (): void => {
    this.root.classList.toggle("aside", this.root.scrollLeft > 0);
    this.schedule(false);
  };

  constructor(
    readonly root: HTMLElement,
    private readonly source: GridSource,
    private readonly rowHeight: number,
    label: string,
  ) {
    root.setAttribute("role", "grid");
    root.setAttribute("aria-label", label);
    if (source.selected) root.setAttribute("aria-multiselectable", "true");
    root.tabIndex = 0;
    this.head.className = "grid-head";
    this.head.setAttribute("role", "row");
    this.head.setAttribute("aria-rowindex", "1");
    this.body.className = "grid-body";
    this.body.setAttribute("role", "rowgroup");
    root.append(this.head, this.body);
    root.addEventListener("scroll", this.onScroll, { passive: true });
    this.resize = new ResizeObserver(() => {
      // A bar that comes below the table must not cover the row that it is about.
      if (this.slots.some((slot) => slot.row === this.active && slot.row >= 0)) this.reveal(this.active);
      this.schedule(false);
    });
    this.resize.observe(root);
  }

  destroy(): void {
    this.resize.disconnect();
    this.root.removeEventListener("scroll", this.onScroll);
    this.root.replaceChildren();
  }

  /** @param said what heads say beside their titles: where only that differs, they alone are filled anew */
  setColumns(columns: readonly GridColumn[], said = ""): void {
    const same = columns.length === this.columns.length && columns.every((c, i) => isSame(c, this.columns[i]));
    this.columns = columns;
    const before = this.said;
    this.said = said;
    if (same && before === said) return;
    if (same) {
      for (const cell of this.head.querySelectorAll<HTMLElement>(".grid-headcell")) this.source.head(cell, Number(cell.dataset.column));
      return;
    }
    this.edges = columnEdges(columns.map((c) => c.width));
    const total = this.edges[columns.length];
    this.root.setAttribute("aria-colcount", digits(columns.length));
    this.head.style.width = this.body.style.width = `max(100%, ${px(total)})`;
    this.rebuild();
  }

  /** The columns with this one, wherever they were drawn, at another width: nothing else is built anew. */
  resizeColumn(column: number, width: number): void {
    this.setColumns(this.columns.map((c, i) => (i === column ? { ...c, width } : c)), this.said);
  }

  /** The column whose head is at a place of the screen, -1 for none. */
  columnAt(clientX: number): number {
    for (const cell of this.head.querySelectorAll<HTMLElement>(".grid-headcell")) {
      const { left, right } = cell.getBoundingClientRect();
      if (clientX >= left && clientX < right) return Number(cell.dataset.column);
    }
    return -1;
  }

  private rebuild(): void {
    this.frozen = this.frozenFitting();
    this.root.style.scrollPaddingLeft = px(this.edges[this.frozen]);
    this.headsStale = true;
    for (const slot of this.slots) slot.element.remove();
    this.slots.length = 0;
    this.schedule(true);
  }

  /** Heads of the columns from `first` to before `end`, in their order; one that has the focus is to get it back. */
  private drawHeads(first: number, end: number): void {
    if (this.headsStale) this.refocus ??= focusedHead(this.head);
    if (this.headsStale) {
      const stay = document.createElement("div");
      stay.className = "grid-stay";
      stay.append(...this.columns.slice(0, this.frozen).map((_, i) => this.headCell(i)));
      this.heads.clear();
      this.head.replaceChildren(stay);
      this.headsStale = false;
    }
    for (const [column, cell] of this.heads) {
      if ((column >= first && column < end) || cell.contains(document.activeElement)) continue;
      cell.remove();
      this.heads.delete(column);
    }
    let after: HTMLElement | null = null;
    for (let column = end - 1; column >= first; column--) {
      let cell = this.heads.get(column);
      if (!cell) {
        this.heads.set(column, (cell = this.headCell(column)));
        this.head.insertBefore(cell, after);
      }
      after = cell;
    }
  }

  /** How many columns stay: those that are pinned, while half of the view is left for the rest. */
  private frozenFitting(): number {
    let count = 1;
    // Most tables pin none, and to ask for a width lays the page out.
    if (!this.columns[count]?.pinned) return count;
    const width = this.root.clientWidth;
    while (count < this.columns.length && this.columns[count].pinned && (this.edges[count + 1] <= width / 2 || width === 0)) count++;
    return count;
  }

  setRows(rows: number): void {
    this.rows = rows;
    this.root.setAttribute("aria-rowcount", digits(rows + 1));
    this.body.style.height = px(contentHeight(rows, this.rowHeight));
    this.schedule(true);
  }

  /** Reads everything on screen from the source again, in the next frame. */
  refresh(): void {
    this.schedule(true);
  }

  /** Reads everything on screen from the source again at once and from the top, so that the next frame has it. */
  restart(): void {
    this.root.scrollTop = 0;
    this.stale = true;
    this.render();
  }

  /** As a table that was left: scrolled so far, with this row active. */
  comeBack(scrolled: number, active: number): void {
    this.root.scrollTop = scrolled;
    this.active = active;
    this.schedule(true);
  }

  /** The row at the top edge of the view. */
  get top(): number {
    return Math.floor(topRow(this.root.scrollTop, this.viewHeight(), this.rows, this.rowHeight));
  }

  /** Scrolls by so many rows, so that those in view stay where they are when others come or go above them. */
  shift(rows: number): void {
    const view = this.viewHeight();
    const before = topRow(this.root.scrollTop, view, this.rows, this.rowHeight);
    this.root.scrollTop = scrollTopFor(before + rows, view, this.rows, this.rowHeight);
  }

  /** Makes a row the active one and brings it into view. */
  activate(row: number): void {
    this.active = Math.max(-1, Math.min(this.rows - 1, row));
    if (this.active >= 0) this.reveal(this.active);
    this.schedule(true);
  }

  /** Scrolls only as far as needed to show a row. */
  reveal(row: number): void {
    const view = this.viewHeight();
    const top = topRow(this.root.scrollTop, view, this.rows, this.rowHeight);
    const fits = Math.floor(view / this.rowHeight);
    if (row < Math.ceil(top)) this.root.scrollTop = scrollTopFor(row, view, this.rows, this.rowHeight);
    else if (row >= top + fits) this.root.scrollTop = scrollTopFor(row - fits + 1, view, this.rows, this.rowHeight);
  }

  /** Scrolls sideways only as far as needed to show a column. */
  revealColumn(column: number): void {
    this.root.scrollLeft = scrollLeftFor(column, this.root.scrollLeft, this.root.clientWidth, this.edges, this.frozen);
  }

  /** The row that holds an element of this grid, -1 for none. */
  rowOf(element: Element | null): number {
    const row = element?.closest<HTMLElement>(".grid-row");
    return row && this.body.contains(row) ? Number(row.dataset.row) : -1;
  }

  private viewHeight(): number {
    return Math.max(0, this.root.clientHeight - this.rowHeight);
  }

  private schedule(stale: boolean): void {
    this.stale ||= stale;
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.render();
    });
  }

  private render(): void {
    if (!this.root.isConnected || this.columns.length === 0) return;
    if (this.frozenFitting() !== this.frozen) this.rebuild();
    this.scrolled = this.root.scrollTop;
    const view = rowWindow(this.scrolled, this.viewHeight(), this.rows, this.rowHeight);
    const across = columnWindow(this.root.scrollLeft, this.root.clientWidth, this.edges, this.frozen);
    // One more on each side, so that Tab finds its way on.
    this.drawHeads(Math.max(this.frozen, across.first - 1), Math.min(this.columns.length, across.end + 1));
    const count = view.end - view.first;
    while (this.slots.length < count) this.slots.push(this.newSlot());
    for (let i = 0; i < this.slots.length; i++) {
      // A row keeps its element while it stays in the window.
      const row = view.first + ((i - (view.first % this.slots.length) + this.slots.length) % this.slots.length);
      const slot = this.slots[i];
      if (row >= view.end) {
        slot.element.hidden = true;
        slot.row = -1;
      } else this.fill(slot, row, view.offset + (row - view.first) * this.rowHeight, across.first, across.end);
    }
    this.stale = false;
    // To focus lays the page out, which is done once everything is drawn.
    if (this.refocus) this.head.querySelector<HTMLElement>(this.refocus)?.focus({ preventScroll: true });
    this.refocus = null;
    if (this.active >= 0) this.root.setAttribute("aria-activedescendant", `${this.root.id}-row-${this.active}`);
    else this.root.removeAttribute("aria-activedescendant");
    this.source.window(view.first, view.end, [across.first, across.end]);
  }

  private newSlot(): RowSlot {
    const element = document.createElement("div");
    element.setAttribute("role", "row");
    const stay = document.createElement("div");
    stay.className = "grid-stay";
    const lead = document.createElement("div");
    lead.className = "grid-lead";
    lead.setAttribute("role", "rowheader");
    lead.setAttribute("aria-colindex", "1");
    lead.style.width = px(this.columns[0].width);
    stay.append(lead);
    const pinned: Cell[] = [];
    for (let column = 1; column < this.frozen; column++) pinned.push(this.newCell(stay));
    element.append(stay);
    this.body.append(element);
    return { element, lead: this.source.lead(lead), pinned, cells: [], row: -1, top: -1, selected: null };
  }

  private fill(slot: RowSlot, row: number, top: number, first: number, end: number): void {
    const fresh = slot.row !== row || this.stale;
    if (slot.element.hidden) slot.element.hidden = false;
    if (slot.top !== Math.round(top)) {
      slot.top = Math.round(top);
      slot.element.style.transform = `translateY(${px(slot.top)})`;
    }
    if (fresh) {
      slot.row = row;
      const name = `grid-row ${row === this.active ? "active " : ""}${this.source.rowClass(row)}`;
      if (slot.element.className !== name) slot.element.className = name;
      const number = digits(row);
      slot.element.dataset.row = number;
      slot.element.id = `${this.root.id}-row-${number}`;
      slot.element.setAttribute("aria-rowindex", digits(row + 2));
      const selected = this.source.selected?.(row) ?? null;
      if (selected !== slot.selected) {
        slot.selected = selected;
        if (selected === null) slot.element.removeAttribute("aria-selected");
        else slot.element.setAttribute("aria-selected", String(selected));
      }
      slot.lead(row);
      for (const [i, cell] of slot.pinned.entries()) this.fillCell(cell, row, i + 1, this.frozen, true);
    }
    const count = end - first;
    while (slot.cells.length < count) slot.cells.push(this.newCell(slot.element));
    for (let i = 0; i < slot.cells.length; i++) {
      const column = first + ((i - (first % slot.cells.length) + slot.cells.length) % slot.cells.length);
      this.fillCell(slot.cells[i], row, column, end, fresh);
    }
  }

  private fillCell(cell: Cell, row: number, column: number, end: number, fresh: boolean): void {
    const { element } = cell;
    if (column >= end) {
      if (cell.column < 0) return;
      element.hidden = true;
      element.dataset.column = "";
      cell.column = -1;
      return;
    }
    if (cell.column !== column) this.placeCell(cell, column);
    else if (!fresh) return;
    const name = `grid-cell${this.columns[column].numeric ? " num" : ""} ${this.source.cellClass(row, column)}`;
    if (cell.name !== name) element.className = cell.name = name;
    if (this.source.draw?.(element, row, column)) {
      cell.text = null;
      return;
    }
    const text = this.source.text(row, column);
    if (cell.text === text) return;
    const title = text.length > 10 ? text : "";
    if (cell.text === null || title !== element.title) element.title = title;
    const node = cell.text === null ? null : element.firstChild;
    if (node) node.nodeValue = text;
    else element.textContent = text;
    cell.text = text;
  }

  private placeCell(cell: Cell, column: number): void {
    const { element } = cell;
    if (cell.column < 0) element.hidden = false;
    cell.column = column;
    element.dataset.column = digits(column);
    element.style.left = px(this.edges[column]);
    element.style.width = px(this.columns[column].width);
    element.setAttribute("aria-colindex", digits(column + 1));
  }

  private newCell(row: HTMLElement): Cell {
    const element = document.createElement("div");
    element.setAttribute("role", "gridcell");
    element.hidden = true;
    row.append(element);
    return { element, column: -1, name: "", text: null };
  }

  private headCell(column: number): HTMLElement {
    const cell = document.createElement("div");
    cell.className = `grid-headcell${column === 0 ? " first" : ""}${this.columns[column].numeric ? " num" : ""}`;
    cell.setAttribute("role", "columnheader");
    cell.setAttribute("aria-colindex", digits(column + 1));
    cell.dataset.column = digits(column);
    cell.style.left = px(this.edges[column]);
    cell.style.width = px(this.columns[column].width);
    this.source.head(cell, column);
    return cell;
  }
}

function isSame(one: GridColumn, other: GridColumn): boolean {
  return one.id === other.id && one.title === other.title && one.width === other.width && one.numeric === other.numeric && Boolean(one.pinned) === Boolean(other.pinned);
}
