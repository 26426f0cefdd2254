/** Counts of days as small bars, and in words. Pure. */
import { formatCount } from "./format";

/** A path of one bar for each day, 100 wide and `height` high; a day with anything is at least a pixel high. */
export function barsOf(days: readonly number[], height: number): string {
  const most = Math.max(1, ...days);
  const step = 100 / Math.max(1, days.length);
  return days.map((n, i) => (n > 0 ? bar(i * step, step * 0.7, Math.max(1, (n / most) * height), height) : "")).join("");
}

function bar(x: number, width: number, tall: number, height: number): string {
  return `M${x.toFixed(1)} ${height}v-${tall.toFixed(1)}h${width.toFixed(1)}v${tall.toFixed(1)}z`;
}

export function daysText(days: readonly number[]): string {
  const all = days.reduce((sum, n) => sum + n, 0);
  return all === 0 ? "No run began in the last 30 days" : `${formatCount(all)} ${all === 1 ? "run" : "runs"} began in the last ${days.length} days, ${formatCount(Math.max(...days))} on the busiest`;
}
