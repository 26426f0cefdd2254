/** What a cell of a group says: the mean and spread of a column over all runs of the group, or the value they share. */
import { formatAgo, formatDuration, formatNumber, formatValue, wireNumber } from "./format";
import type { GroupCell } from "./wire";

/** How many digits a spread shows. */
const FEW = 2;

function number(value: GroupCell["mean"]): number | null {
  return value === null ? null : (wireNumber(value) ?? null);
}

/** The text of the cell; `range` shows least and greatest instead of the standard deviation. */
export function groupText(cell: GroupCell | undefined, column: string, range: boolean, nowUs: number): string {
  if (!cell || cell.n === 0) return "";
  const [mean, std, min, max] = [number(cell.mean), number(cell.std), number(cell.min), number(cell.max)];
  if (column === "created") return max === null ? "" : formatAgo(max, nowUs);
  if (cell.distinct === 1) return column === "duration" && mean !== null ? formatDuration(mean * 1e6) : formatValue(cell.value, 4);
  if (mean === null || min === null || max === null) return `${cell.distinct} values`;
  const show = column === "duration" ? (v: number): string => formatDuration(v * 1e6) : (v: number): string => formatNumber(v, 4);
  if (range) return `${show(min)} – ${show(max)}`;
  if (std === null) return show(mean);
  return `${show(mean)} ± ${column === "duration" ? formatDuration(std * 1e6) : formatNumber(std, FEW)}`;
}

/** All of it, for those who point at the cell. */
export function groupTitle(cell: GroupCell | undefined, runs: number): string {
  if (!cell || cell.n === 0) return `none of ${runs} runs has a value`;
  const [mean, std, min, max] = [number(cell.mean), number(cell.std), number(cell.min), number(cell.max)];
  const counted = `${cell.n} of ${runs} runs have a value`;
  if (cell.distinct === 1) return `${counted}, the same one: ${formatValue(cell.value, 6)}`;
  if (mean === null || min === null || max === null) return `${counted}, ${cell.distinct} different ones${cell.bad > 0 ? "; none is finite" : ""}`;
  const bad = cell.bad > 0 ? `; ${cell.bad} not finite, left out of the mean` : "";
  return `mean ${formatNumber(mean, 6)}${std === null ? "" : ` ± ${formatNumber(std, 3)} (standard deviation)`}, from ${formatNumber(min, 6)} to ${formatNumber(max, 6)}; ${counted}${bad}`;
}
