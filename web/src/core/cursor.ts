/**
 * The cursor of a chart: its line, the zoom by dragging, and the same line in every chart of one kind of x.
 *
 * Promises: charts of one kind of x show the same x; a drag ends within the plot wherever the pointer is let go; a finger
 * moves the cursor and never zooms. It owns the element above the plot, which takes the pointer.
 */
import { xAt, xMap } from "./paint";
import type { Layout } from "./axes";
import { px } from "./words";

/** Where the pointer is: within the plot, and on screen. CSS pixels. */
export interface Spot {
  left: number;
  top: number;
  clientX: number;
  clientY: number;
}

/** What a cursor tells its chart. */
export interface CursorUser {
  /** The pointer has moved, or has left (null). Not while it drags. */
  pointed(at: Spot | null): void;
  /** A drag has begun. */
  pressed(): void;
  /** A drag has ended that goes from one x to another. */
  selected(lo: number, hi: number): void;
  /** A double click: the whole x is wanted. */
  reset(): void;
}

/** All charts of one kind of x: where the cursor is and where a drag began. */
interface Ring {
  members: Set<Cursor>;
  at: number | null;
  from: number | null;
}

const rings = new Map<string, Ring>();
const LEAST_DRAG_PX = 4;
const EVENTS = ["pointermove", "pointerdown", "pointerup", "pointercancel", "pointerleave", "dblclick"];

export class Cursor {
  readonly over = part("chart-over");
  spot: Spot | null = null;
  dragging = false;
  private began = 0;
  private ring: Ring | null = null;
  private layout: Layout | null = null;
  private line: HTMLElement | null = null;
  private span: HTMLElement | null = null;
  private shown = -1;

  constructor(private readonly user: CursorUser) {
    for (const name of EVENTS) this.over.addEventListener(name, this);
  }

  /**
   * Where the plot is now, and which charts have the same x.
   *
   * @param kept the view is the one that the pointer came to rest in, only its data went on: the cursor keeps its x
   */
  place(layout: Layout, kind: string, kept = false): void {
    const { style } = this.over;
    const before = this.layout;
    this.layout = layout;
    if (before?.left !== layout.left) style.left = px(layout.left);
    if (before?.width !== layout.width) style.width = px(layout.width);
    if (before?.height !== layout.height) style.height = px(layout.height);
    if (before?.top !== layout.top) style.top = px(layout.top);
    let ring = rings.get(kind);
    if (!ring) rings.set(kind, (ring = { members: new Set(), at: null, from: null }));
    if (this.ring !== ring) {
      this.leaveRing();
      ring.members.add(this);
      this.ring = ring;
    }
    if (!this.spot || this.dragging) return this.show();
    const resting = before && kept ? leftOf(layout, xOf(before, this.spot.left)) : NaN;
    if (resting >= 0 && resting <= layout.width) {
      this.spot = { ...this.spot, left: resting };
      return this.show();
    }
    // The pointer stays where it is on screen, which is another x now.
    this.tell(xOf(layout, this.spot.left));
  }

  /** Moves the cursor to a place within the plot, as if the pointer were there. */
  moveTo(left: number): void {
    const { spot, layout } = this;
    if (!spot || !layout) return;
    this.spot = { ...spot, left, clientX: spot.clientX + left - spot.left };
    this.tell(xOf(layout, left));
  }

  destroy(): void {
    document.removeEventListener("pointerdown", this, true);
    if (this.spot) this.tell(null);
    this.leaveRing();
    this.over.remove();
  }

  handleEvent(event: Event): void {
    const e = event as PointerEvent;
    if (e.type === "dblclick") this.user.reset();
    else if (e.currentTarget !== this.over || e.type === "pointercancel") this.leave();
    else if (e.type === "pointerup") this.release();
    else if (e.type === "pointerleave") this.left(e);
    else if (e.isPrimary) this.follow(e);
  }

  private follow(e: PointerEvent): void {
    const { layout } = this;
    if (!layout) return;
    const left = within(e.offsetX, layout.width);
    this.spot = { left, top: e.offsetY, clientX: e.clientX, clientY: e.clientY };
    if (e.type === "pointerdown") this.press(e, layout);
    this.tell(xOf(layout, left));
    if (!this.dragging) this.user.pointed(this.spot);
  }

  private press(e: PointerEvent, layout: Layout): void {
    if (e.pointerType === "touch") return document.addEventListener("pointerdown", this, true);
    if (e.button !== 0 || !this.ring) return;
    this.over.setPointerCapture(e.pointerId);
    this.dragging = true;
    this.began = (this.spot as Spot).left;
    this.ring.from = xOf(layout, this.began);
    this.user.pressed();
  }

  /** A finger that is lifted leaves the cursor where it was. */
  private left(e: PointerEvent): void {
    if (e.pointerType !== "touch") this.leave();
  }

  private release(): void {
    const { layout, ring, spot } = this;
    if (!this.dragging || !layout || !ring || !spot) return;
    this.endDrag(ring);
    const [lo, hi] = [Math.min(this.began, spot.left), Math.max(this.began, spot.left)];
    if (hi - lo >= LEAST_DRAG_PX) this.user.selected(xOf(layout, lo), xOf(layout, hi));
  }

  private endDrag(ring: Ring): void {
    this.dragging = false;
    ring.from = null;
    for (const one of ring.members) one.show();
  }

  private leave(): void {
    document.removeEventListener("pointerdown", this, true);
    if (this.dragging && this.ring) this.endDrag(this.ring);
    this.spot = null;
    this.tell(null);
    this.user.pointed(null);
  }

  private leaveRing(): void {
    if (this.dragging && this.ring) this.endDrag(this.ring);
    this.ring?.members.delete(this);
  }

  private tell(x: number | null): void {
    const { ring } = this;
    if (!ring || ring.at === x) return;
    ring.at = x;
    for (const one of ring.members) one.show();
  }

  /** Draws line and span where they belong. */
  private show(): void {
    const { layout } = this;
    const { at = null, from = null } = this.ring ?? {};
    if (!layout) return;
    const left = at === null ? -1 : leftOf(layout, at);
    this.drawLine(left >= -0.5 && left <= layout.width + 0.5 ? Math.round(left) : -1);
    if (from === null || at === null) {
      this.span?.remove();
      this.span = null;
      return;
    }
    const [a, b] = [within(leftOf(layout, from), layout.width), within(left, layout.width)];
    if (!this.span) this.over.append((this.span = part("chart-span")));
    this.span.style.left = `${Math.min(a, b)}px`;
    this.span.style.width = `${Math.abs(b - a)}px`;
  }

  private drawLine(left: number): void {
    if (left === this.shown) return;
    if (!this.line) this.over.append((this.line = part("chart-line")));
    if (left < 0 || this.shown < 0) this.line.hidden = left < 0;
    if (left >= 0) this.line.style.transform = `translateX(${left}px)`;
    this.shown = left;
  }
}

function part(name: string): HTMLElement {
  const element = document.createElement("div");
  element.className = name;
  return element;
}

const xOf = ({ plane }: Layout, left: number): number => xAt(plane, plane.left + left * plane.ratio);
const leftOf = ({ plane }: Layout, x: number): number => (xMap(plane)(x) - plane.left) / plane.ratio;

/** Within the plot; what is next to an edge is on it. */
function within(left: number, width: number): number {
  if (left <= 1) return 0;
  return left >= width - 1 ? width : left;
}
