/**
 * The steps of a run and when they were logged: from the (step, wall time) pairs of its own series. Only a few points
 * around a step are asked for, however long the series is and however far its steps lie apart.
 */
import { firstX, lastX, seriesOf, type BucketSeries } from "../buckets";
import type { ColumnMessage } from "../columns";
import { isSystem } from "../sections";
import type { BucketHead, BucketQuery, Metric } from "../wire";

export interface Ask {
  points(query: { run: string; keys: string[]; lo?: number; hi?: number }): Promise<ColumnMessage<unknown>>;
  buckets(query: BucketQuery): Promise<ColumnMessage<BucketHead>>;
}

/** Points on each side of the step that are asked for, by the series' average stride, as long as those cannot be many. */
const REACH = 4;
const MOST_STRIDE = 1000;
const FINE = 512;
/** Looks at a place, each at a 512th of the one before: enough for any step that is a number. */
const MOST_LOOKS = 7;
const MOST_STOPS = 2000;

const ownOf = (metrics: readonly Metric[]): Metric[] => metrics.filter((m) => !isSystem(m.key) && m.last_step !== null && m.count > 0);
const densestOf = (metrics: readonly Metric[]): Metric | null => metrics.reduce<Metric | null>((best, m) => (best === null || m.count > best.count ? m : best), null);

/** The series that tells time best: the one with the most points that reaches as far as any. */
export function clockOf(metrics: readonly Metric[]): Metric | null {
  const own = ownOf(metrics);
  const last = Math.max(-1, ...own.map((m) => m.last_step as number));
  return densestOf(own.filter((m) => (m.last_step as number) >= last * 0.9));
}

/** The clock, and beside it what has more points: at steps before the clock begins. */
function clocksOf(metrics: readonly Metric[]): Metric[] {
  const [clock, densest] = [clockOf(metrics), densestOf(ownOf(metrics))];
  return [...(clock ? [clock] : []), ...(densest && densest.key !== clock?.key ? [densest] : [])];
}

/** Microseconds since 1970 at which a step was logged, or the last one before it; null when nothing tells. */
export async function timeOf(run: string, metrics: readonly Metric[], step: number, ask: Ask): Promise<number | null> {
  for (const { key, last_step, count } of clocksOf(metrics)) {
    const stride = Math.max(1, Math.ceil(((last_step as number) + 1) / count));
    const near = stride > MOST_STRIDE ? null : lastUntil(await ask.points({ run, keys: [key], lo: step - REACH * stride, hi: step + REACH * stride }), step);
    if (near !== null) return near;
    const before = await stepBefore(run, key, step, ask);
    if (before !== null) return lastUntil(await ask.points({ run, keys: [key], lo: before, hi: before }), step);
  }
  return null;
}

function lastUntil(points: ColumnMessage<unknown>, step: number): number | null {
  const [steps, times] = [points.columns.get("step"), points.columns.get("wall_us")];
  if (!steps || !times) return null;
  let found: number | null = null;
  for (let i = 0; i < steps.length; i++) if (Number(steps[i]) <= step) found = Number(times[i]);
  return found;
}

/** The last step up to `step` that a series has a point at: found by looking closer, never by reading what lies before. */
async function stepBefore(run: string, key: string, step: number, ask: Ask): Promise<number | null> {
  let lo: number | undefined;
  for (let look = 0; look < MOST_LOOKS; look++) {
    const [found] = seriesOf(await ask.buckets({ series: [{ run, key }], x: "step", ...(lo === undefined ? {} : { lo }), hi: step, buckets: FINE, fields: ["last"] }));
    let at = found.length - 1;
    while (at >= 0 && firstX(found, at) > step) at--;
    if (at < 0) return null;
    if (lastX(found, at) <= step) return lastX(found, at);
    lo = firstX(found, at);
  }
  return null;
}

/** The positions of a scrubber while the logged steps are not known: even ones, so many that a pixel has at most one or two. */
export function evenStops(lastStep: number): number[] {
  const count = Math.min(lastStep + 1, MOST_STOPS);
  return Array.from({ length: count }, (_, i) => (count < 2 ? 0 : Math.round((i * lastStep) / (count - 1))));
}

/** The steps that were logged, ascending: all of a short run, of a long one the first and the last of each stretch. */
export async function loggedStops(run: string, metrics: readonly Metric[], ask: Ask): Promise<number[]> {
  const clocks = clocksOf(metrics);
  if (clocks.length === 0) return [];
  const steps = new Set<number>();
  if (clocks.every((m) => m.count <= MOST_STOPS)) {
    for (const step of (await ask.points({ run, keys: clocks.map((m) => m.key) })).columns.get("step") ?? []) steps.add(Number(step));
  } else {
    const found = seriesOf(await ask.buckets({ series: clocks.map(({ key }) => ({ run, key })), x: "step", buckets: MOST_STOPS / 2, fields: ["last"] }));
    for (const series of found) addEnds(series, steps);
  }
  return [...steps].sort((a, b) => a - b);
}

function addEnds(series: BucketSeries, steps: Set<number>): void {
  for (let i = 0; i < series.length; i++) steps.add(firstX(series, i)).add(lastX(series, i));
}
