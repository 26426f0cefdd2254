/**
 * One change for many runs.
 *
 * Promises: it goes by pieces, one after the other, and can be stopped between them; a run that refuses does not keep
 * the others from changing, and is told by name; nothing is tried again by itself, and nothing is begun after a piece
 * that failed as a whole.
 */
import { formatCount } from "./format";
import type { RunRow, RunsOutcome } from "./wire";

/** Runs of one request: as many as are done within a moment. */
export const CHANGED_AT_ONCE = 250;
export const DELETED_AT_ONCE = 100;
export const MOVED_AT_ONCE = 50;
const NAMED = 3;

export interface Outcome {
  asked: number;
  done: number;
  failed: { run: RunRow; message: string }[];
  /** How many were not tried. */
  left: number;
}

export async function inPieces(
  runs: readonly RunRow[],
  size: number,
  send: (uids: string[]) => Promise<RunsOutcome>,
  { progress, stopped }: { progress?: (tried: number) => void; stopped?: () => boolean } = {},
): Promise<Outcome> {
  const outcome: Outcome = { asked: runs.length, done: 0, failed: [], left: 0 };
  for (let at = 0; at < runs.length; at += size) {
    if (stopped?.()) return { ...outcome, left: runs.length - at };
    const piece = runs.slice(at, at + size);
    try {
      const { done, refused } = await send(piece.map((run) => run.uid));
      const byUid = new Map(piece.map((run) => [run.uid, run]));
      outcome.done += done;
      for (const { run, message } of refused) outcome.failed.push({ run: byUid.get(run) ?? piece[0], message });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      outcome.failed.push(...piece.map((run) => ({ run, message })));
      return { ...outcome, left: runs.length - at - piece.length };
    }
    progress?.(Math.min(at + size, runs.length));
  }
  return outcome;
}

/** Sentences about runs that are as they were; null when there are none. */
export function refusedText({ asked, done, failed, left }: Outcome): string | null {
  const told: string[] = [];
  if (left > 0) told.push(`${formatCount(done)} of ${formatCount(asked)} runs are done, ${formatCount(left)} ${left === 1 ? "was" : "were"} not tried.`);
  if (failed.length > 0) {
    const named = failed.slice(0, NAMED).map((f) => f.run.name).join(", ");
    const more = failed.length > NAMED ? ` and ${formatCount(failed.length - NAMED)} more` : "";
    const why = [...new Set(failed.map((f) => f.message))];
    const others = why.length > 1 ? ` (and ${why.length - 1} other ${why.length === 2 ? "reason" : "reasons"})` : "";
    told.push(`${failed.length === 1 ? "1 run" : `${formatCount(failed.length)} runs`} did not change (${named}${more}): ${why[0]}${others}`);
  }
  return told.length === 0 ? null : told.join(" ");
}
