/** The steps of a scrubber: those of all keys together, and which step of a key one looks at. Pure. */

/** All steps of some ascending lists, ascending, each once. */
export function unionOf(lists: readonly (readonly number[])[]): number[] {
  const all = new Set<number>();
  for (const list of lists) for (const step of list) all.add(step);
  return [...all].sort((a, b) => a - b);
}

/** Where the last step that is at most `at` stands; -1 when all are later. */
export function placeOf(steps: readonly number[], at: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The step of a key that a scrubber at `at` shows (null: the newest); null when the key begins later. */
export function shownStep(steps: readonly number[], at: number | null): number | null {
  if (steps.length === 0) return null;
  if (at === null) return steps[steps.length - 1];
  return steps[placeOf(steps, at)] ?? null;
}

/**
 * The position `by` steps further; null at the end, where the scrubber follows what is new.
 *
 * @param at where it stands; null at the end
 */
export function moved(steps: readonly number[], at: number | null, by: number): number | null {
  if (steps.length === 0) return null;
  const last = steps.length - 1;
  const from = at === null ? last : placeOf(steps, at);
  const to = Math.max(0, Math.min(last, from + by));
  return to === last ? null : steps[to];
}
