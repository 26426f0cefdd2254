/** The keys that the runs table hears while it, or one of its heads, has the focus. */

import type { Shortcut } from "./keyboard";

/** What the help tells of them. */
export const TABLE_KEYS: Shortcut[] = [
  { keys: "Ctrl+a", what: "in the table: select all that are loaded", group: "Runs" },
  { keys: "PageUp PageDown Home End", what: "in the table: far up and down", group: "Runs" },
  { keys: "Tab", what: "from the table to the heads of its columns, and to what a column can do", group: "Columns" },
  { keys: "ArrowLeft ArrowRight", what: "in the heads: next column", group: "Columns" },
  { keys: "Enter Shift+Enter", what: "in a head: sort by the column, alone or as a further one", group: "Columns" },
  { keys: "Alt+ArrowLeft Alt+ArrowRight", what: "in a head: move the column", group: "Columns" },
  { keys: "Alt+Shift+ArrowLeft Alt+Shift+ArrowRight", what: "in a head: make the column narrower or wider", group: "Columns" },
];

/** How far PageUp and PageDown go. */
const PAGE = 20;

export interface KeyedTable {
  columns: number;
  rows: number;
  /** By one step to a side. */
  resize(column: number, side: number): void;
  moveColumn(column: number, side: number): void;
  focusHead(column: number, act: string): void;
  pickAll(): void;
  move(by: number): void;
  /** Moves, and selects what it passes. */
  extend(by: number): void;
}

/** Does what a key means here; whether it meant anything. */
export function pressTable(event: KeyboardEvent, table: KeyedTable): boolean {
  const { key, altKey, shiftKey } = event;
  const target = event.target as HTMLElement;
  const column = Number(target.closest<HTMLElement>(".grid-headcell")?.dataset.column ?? -1);
  const side = { ArrowLeft: -1, ArrowRight: 1 }[key];
  const held = event.ctrlKey || event.metaKey;
  if (column >= 0 && side !== undefined && !held) return pressHead(table, column, side, target.dataset.act === "menu" ? "menu" : "sort", altKey, shiftKey);
  if (held && !altKey && key.toLowerCase() === "a") return table.pickAll(), true;
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE, Home: -table.rows, End: table.rows }[key];
  if (step === undefined || held || altKey) return false;
  if (shiftKey && Math.abs(step) === 1) table.extend(step);
  else table.move(step);
  return true;
}

/** A head: to the next one, with Alt along with it, with Shift, too, wider or narrower. */
function pressHead(table: KeyedTable, column: number, side: number, act: string, alt: boolean, shift: boolean): boolean {
  const next = column + side;
  if (alt && shift) table.resize(column, side);
  else if (alt && column > 0) table.moveColumn(column, side);
  if (alt && (shift || column === 0)) return true;
  if (next >= (alt ? 1 : 0) && next < table.columns) table.focusHead(next, act);
  return true;
}
