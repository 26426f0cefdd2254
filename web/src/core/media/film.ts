/** One key over steps: which steps stand in a strip, and what a run shows in each of them. Pure. */

/** At most `most` (two or more) of ascending steps, evenly spaced, the first and the last among them: those that the server chooses. */
export function frameSteps(steps: readonly number[], most: number): number[] {
  const last = steps.length - 1;
  if (last < most) return [...steps];
  return Array.from({ length: most }, (_, i) => steps[Math.ceil((i * last) / (most - 1))]);
}

/**
 * What stands in each frame: the newest entry since the frame before, so that each entry stands at most once.
 *
 * @param entries ascending by step
 * @param frames ascending steps
 */
export function onFrames<T extends { step: number }>(entries: readonly T[], frames: readonly number[]): (T | null)[] {
  let next = 0;
  return frames.map((frame) => {
    let found: T | null = null;
    for (; next < entries.length && entries[next].step <= frame; next++) found = entries[next];
    return found;
  });
}
