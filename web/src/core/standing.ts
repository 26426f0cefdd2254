/** Where a row stands after others came or went. Pure. */
import type { RunRow } from "./wire";

/**
 * By how many rows a run moved because others came or went above it; 0 when it is gone, or when the order is another
 * one: then nobody follows it.
 */
export function movedBy(row: number, before: readonly RunRow[], after: readonly RunRow[]): number {
  // Far below of what is read from the top, all that comes at the top comes above.
  const run = before[row] ?? before[0];
  if (!run) return 0;
  const at = before[row] ? row : 0;
  const now = after.findIndex((other) => other.uid === run.uid);
  if (now < 0) return 0;
  const [was, is] = [new Set(before.map((r) => r.uid)), new Set(after.map((r) => r.uid))];
  const came = after.slice(0, now).filter((r) => !was.has(r.uid)).length;
  const went = before.slice(0, at).filter((r) => !is.has(r.uid)).length;
  return now === at + came - went ? now - at : 0;
}
