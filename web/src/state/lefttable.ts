/** How the runs table was left, its groups aside: Back from a run or a comparison leads there again. */
import type { GridView } from "../core/gridview";
import type { Runs } from "./runs.svelte";

let left = { table: "", scrolled: 0, active: -1, uid: "" };

export function leaveTable(runs: Runs, { scrolled, active }: GridView): void {
  left = { table: runs.table, scrolled, active, uid: runs.at(active)?.uid ?? "" };
}

/** When its first rows are there. The active row is that of its run, which new ones may have pushed down. */
export function returnToTable(runs: Runs, grid: GridView, rowHeight: number): void {
  if (left.table !== runs.table) return;
  const { active, scrolled } = left;
  const row = runs.rows.findIndex((run) => run.uid === left.uid);
  grid.comeBack(scrolled + (row < 0 ? 0 : row - active) * rowHeight, row < 0 ? active : row);
  if (grid.active >= 0 && document.activeElement === document.body) grid.root.focus({ preventScroll: true });
}
