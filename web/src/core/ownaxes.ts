/**
 * The x axis that each metric asked for when it was logged (`define_metric`). Pure.
 *
 * Promises: a metric has one only if at least as many runs have logged the axis as the metric, so that no run's curve is lost by
 * it; an exact name wins over a pattern, a longer pattern over a shorter one; equal axes are the same object.
 */
import type { RunDetail, XAxis } from "./wire";

export type OwnAxes = ReadonlyMap<string, XAxis>;

/** Every axis once, so that what is drawn over it does not change when it is read anew. */
const known = new Map<string, XAxis>();

/**
 * @param defined names, or beginnings with a star at their end, and the keys of their axes
 * @param logged keys and how many runs have logged each
 */
export function ownAxes(defined: Readonly<Record<string, string>>, logged: readonly { key: string; runs: number }[]): OwnAxes {
  const runs = new Map(logged.map(({ key, runs }) => [key, runs]));
  const patterns = Object.keys(defined).filter((name) => name.endsWith("*")).sort((a, b) => b.length - a.length);
  const found = new Map<string, XAxis>();
  for (const { key, runs: mine } of logged) {
    const name = Object.hasOwn(defined, key) ? key : patterns.find((pattern) => key.startsWith(pattern.slice(0, -1)));
    const metric = name === undefined ? undefined : defined[name];
    if (metric === undefined || metric === key || (runs.get(metric) ?? 0) < mine) continue;
    const axis = known.get(metric) ?? { metric };
    known.set(metric, axis);
    found.set(key, axis);
  }
  return found;
}

/** The axes that runs have in common, of their definitions; the last run's word counts. */
export function axesOfRuns(runs: readonly Pick<RunDetail, "definitions" | "metrics">[]): OwnAxes {
  const defined = Object.fromEntries(runs.flatMap((run) => run.definitions.flatMap(({ name, step_metric: axis }) => (axis === null ? [] : [[name, axis]]))));
  const counts = new Map<string, number>();
  for (const { key } of runs.flatMap((run) => run.metrics)) counts.set(key, (counts.get(key) ?? 0) + 1);
  return ownAxes(defined, [...counts].map(([key, runs]) => ({ key, runs })));
}
