/**
 * One change for many runs.
 *
 * Promises: a few requests at a time; a run that refuses does not keep the others from changing, and is told by name;
 * nothing is tried again by itself.
 */
import type { RunRow } from "./wire";

const AT_ONCE = 4;
const NAMED = 3;

export interface Outcome {
  done: number;
  failed: { run: RunRow; message: string }[];
}

export async function forEachRun(runs: readonly RunRow[], change: (run: RunRow) => Promise<unknown>, progress: (done: number) => void = () => undefined): Promise<Outcome> {
  const outcome: Outcome = { done: 0, failed: [] };
  let next = 0;
  let finished = 0;
  const worker = async (): Promise<void> => {
    while (next < runs.length) {
      const run = runs[next++];
      try {
        await change(run);
        outcome.done++;
      } catch (error) {
        outcome.failed.push({ run, message: error instanceof Error ? error.message : String(error) });
      }
      progress(++finished);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, runs.length) }, worker));
  return outcome;
}

/** One sentence about runs that refused; null when none did. */
export function refusedText({ failed }: Outcome): string | null {
  if (failed.length === 0) return null;
  const named = failed.slice(0, NAMED).map((f) => f.run.name).join(", ");
  const more = failed.length > NAMED ? ` and ${failed.length - NAMED} more` : "";
  return `${failed.length === 1 ? "1 run" : `${failed.length} runs`} did not change (${named}${more}): ${failed[0].message}`;
}
