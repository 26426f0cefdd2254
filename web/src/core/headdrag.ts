/**
 * Heads of a table that are dragged: by their right edge to change the width, by their body to another place.
 *
 * Promises: a press that moves less than a few pixels stays a click; a drag that ends is not also a click; Escape and a
 * lost pointer put everything back.
 */

const SLACK = 5;
/** So many pixels at the right of a head change the width. */
const EDGE = 7;
const LEAST = 48;
const MOST = 900;

export interface HeadDrag {
  /** The column whose head lies under a place of the screen, -1 for none. */
  columnAt(clientX: number): number;
  width(column: number): number;
  /** While the edge is dragged (`done` false) and at the end. */
  resize(column: number, width: number, done: boolean): void;
  move(from: number, to: number): void;
}

export const boundedWidth = (width: number): number => Math.round(Math.min(MOST, Math.max(LEAST, width)));

/** Listens on the element that holds the heads; returns how to stop. */
export function dragHeads(root: HTMLElement, drag: HeadDrag): () => void {
  const stop = new AbortController();
  root.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !(event.target instanceof Element)) return;
    const head = event.target.closest<HTMLElement>(".grid-headcell");
    if (!head || event.target.closest('[data-act="menu"]')) return;
    const column = Number(head.dataset.column);
    if (head.getBoundingClientRect().right - event.clientX <= EDGE) pull(event, column, drag);
    else if (column > 0) carry(root, event, column, drag);
  }, { signal: stop.signal });
  return () => stop.abort();
}

/** Follows the pointer until it is let go; `end` hears whether the drag counts. */
function follow(start: PointerEvent, move: (event: PointerEvent) => void, end: (counts: boolean) => void): void {
  const over = new AbortController();
  const { signal } = over;
  const finish = (counts: boolean): void => (over.abort(), end(counts));
  const mine = (event: PointerEvent): boolean => event.pointerId === start.pointerId;
  addEventListener("pointermove", (e) => mine(e) && move(e), { signal });
  addEventListener("pointerup", (e) => mine(e) && finish(true), { signal });
  addEventListener("pointercancel", (e) => mine(e) && finish(false), { signal });
  addEventListener("keydown", (e) => e.key === "Escape" && (e.stopPropagation(), finish(false)), { signal, capture: true });
}

/** The click that the browser makes of the end of a drag is not one. */
function swallowClick(): void {
  const late = new AbortController();
  addEventListener("click", (e) => (e.stopPropagation(), e.preventDefault(), late.abort()), { capture: true, signal: late.signal });
  setTimeout(() => late.abort(), 0);
}

function pull(start: PointerEvent, column: number, drag: HeadDrag): void {
  start.preventDefault();
  const before = drag.width(column);
  let width = before;
  follow(start, (event) => {
    width = boundedWidth(before + event.clientX - start.clientX);
    drag.resize(column, width, false);
  }, (counts) => {
    drag.resize(column, counts ? width : before, true);
    swallowClick();
  });
}

function carry(root: HTMLElement, start: PointerEvent, column: number, drag: HeadDrag): void {
  let target = -1;
  let moving = false;
  const mark = (place: number): void => {
    for (const head of root.querySelectorAll<HTMLElement>(".grid-headcell")) {
      const at = Number(head.dataset.column);
      head.classList.toggle("carried", moving && at === column);
      head.classList.toggle("before", at === place && place < column);
      head.classList.toggle("after", at === place && place > column);
    }
  };
  follow(start, (event) => {
    moving ||= Math.abs(event.clientX - start.clientX) > SLACK;
    if (!moving) return;
    target = Math.max(1, drag.columnAt(event.clientX));
    mark(target);
  }, (counts) => {
    const travelled = moving;
    moving = false;
    mark(-1);
    if (!travelled) return;
    swallowClick();
    if (counts && target > 0 && target !== column) drag.move(column, target);
  });
}
