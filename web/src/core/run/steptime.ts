/**
 * When a step was logged: from the (step, wall time) pairs of a run's own series. Answers are kept, and asked for only a
 * few points around the step, however long the series is.
 */
import type { ColumnMessage } from "../columns";
import { isSystem } from "../sections";
import type { Metric } from "../wire";

export type FetchPoints = (query: { run: string; keys: string[]; lo: number; hi: number }) => Promise<ColumnMessage<unknown>>;

/** Points on each side of the step that are asked for, by the series' average stride. */
const REACH = 4;

/** The series that tells time best: the one with the most points that reaches as far as any. */
export function clockOf(metrics: readonly Metric[]): Metric | null {
  const own = metrics.filter((m) => !isSystem(m.key) && m.last_step !== null && m.count > 0);
  const last = Math.max(-1, ...own.map((m) => m.last_step as number));
  const far = own.filter((m) => (m.last_step as number) >= last * 0.9);
  return far.reduce<Metric | null>((best, m) => (best === null || m.count > best.count ? m : best), null);
}

/** Microseconds since 1970 at which a step was logged, or the last one before it; null when nothing tells. */
export async function timeOf(run: string, metrics: readonly Metric[], step: number, fetch: FetchPoints): Promise<number | null> {
  const clock = clockOf(metrics);
  if (!clock) return null;
  const stride = Math.max(1, Math.ceil(((clock.last_step as number) + 1) / clock.count));
  const near = await fetch({ run, keys: [clock.key], lo: step - REACH * stride, hi: step + REACH * stride });
  return lastUntil(near, step) ?? lastUntil(await fetch({ run, keys: [clock.key], lo: 0, hi: step }), step);
}

function lastUntil(points: ColumnMessage<unknown>, step: number): number | null {
  const [steps, times] = [points.columns.get("step"), points.columns.get("wall_us")];
  if (!steps || !times) return null;
  let found: number | null = null;
  for (let i = 0; i < steps.length; i++) if (Number(steps[i]) <= step) found = Number(times[i]);
  return found;
}

const MOST_STOPS = 2000;

/** The positions of a scrubber over a run: every step, or so many of them that a pixel has at most one or two. */
export function stopsOf(lastStep: number): number[] {
  const count = Math.min(lastStep + 1, MOST_STOPS);
  return Array.from({ length: count }, (_, i) => (count < 2 ? 0 : Math.round((i * lastStep) / (count - 1))));
}
