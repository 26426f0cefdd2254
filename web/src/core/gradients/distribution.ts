/**
 * Histograms of one key over steps, of some runs: what is asked for, what came, and its CSV. Pure.
 *
 * Promises: what is not finite is told with its first step, also where nothing is left to draw.
 */
import { line } from "../charts/csv";
import type { MediaEntry, MediaQuery, Stats } from "../media/shapes";
import { readCounted, type Counted } from "./ridge";

export const MOST_RUNS = 8;
/** Steps of a run; `epochal/service/panels.py` keeps as many in a frozen panel. */
export const MOST_STEPS = 60;
/** Runs of one question to the server. */
const MOST_ASKED = 1000;

const wholeStep = (value: number): number => Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));

/** The histograms of a run. */
export interface Distribution {
  run: string;
  histograms: Counted[];
  /** The first of these steps with values that are not finite. */
  broken: number | null;
  /** Records under the key that are no histograms. */
  others: number;
}

/** Which of many runs have logged something under the key: their newest entries. */
export function loggersQuery(runs: readonly string[], key: string, range: readonly [number, number] | null = null): MediaQuery {
  const asked = runs.slice(0, MOST_ASKED);
  return { runs: asked, keys: [key], meta: ["stats"], at: wholeStep(Math.floor(range?.[1] ?? Infinity)), limit: MOST_ASKED };
}

/** @param range the first and the last step, which need not be whole */
export function histogramsQuery(runs: readonly string[], key: string, most = MOST_STEPS, range: readonly [number, number] | null = null): MediaQuery {
  const few = runs.slice(0, MOST_RUNS);
  const part = range && { lo: wholeStep(Math.ceil(range[0])), hi: wholeStep(Math.floor(range[1])) };
  return { runs: few, keys: [key], meta: ["edges", "counts", "stats"], most, limit: few.length * most, ...part };
}

/** What came, by run. */
export function readDistributions(entries: readonly MediaEntry[]): Map<string, Distribution> {
  const found = new Map<string, Distribution>();
  for (const { run, step, items } of entries) {
    const one = found.get(run) ?? { run, histograms: [], broken: null, others: 0 };
    found.set(run, one);
    const item = items[0];
    if (item?.kind !== "histogram") {
      one.others++;
      continue;
    }
    const counted = readCounted(step, item.meta.edges, item.meta.counts);
    if (counted) one.histograms.push(counted);
    const { nan, inf } = (item.meta.stats ?? {}) as Stats;
    if (!counted || nan || inf) one.broken = Math.min(one.broken ?? Infinity, step);
  }
  return found;
}

/** A line for each bin. */
export function histogramsCsv(found: ReadonlyMap<string, Distribution>, nameOf: (run: string) => string): string {
  const rows = [...found.values()].flatMap(({ run, histograms }) =>
    histograms.flatMap(({ step, edges, counts }) => counts.map((count, i) => line([run, nameOf(run), step, edges[i], edges[i + 1], count]))),
  );
  return line(["run", "name", "step", "from", "to", "count"]) + rows.join("");
}
