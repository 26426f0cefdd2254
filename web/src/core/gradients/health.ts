/**
 * What the statistics of a layer's gradients say about its health: the rules of `epochal/domain/health.py`, word for
 * word, with the same thresholds and for the same reasons. tests/domain/health_vectors.json holds both to it.
 *
 * A record is judged by what came before it under the same key, never by what comes after.
 */
import { wireNumber } from "../format";
import type { Stats } from "../media/shapes";

export const DEAD_RECORDS = 3;
export const VANISHING_RMS = 1e-8;
export const VANISHING_SHARE = 1e-6;
export const EXPLODING_FACTOR = 100;
export const EXPLODING_RMS = 65_504;
export const HISTORY = 50;
export const FIRST_RECORDS = 5;

/** From good to bad. */
export const HEALTH = ["ok", "vanishing", "dead", "exploding", "inf", "nan"] as const;
export type Health = (typeof HEALTH)[number];

export interface Diagnosis {
  steps: number[];
  states: Health[];
  /** For each state other than ok the first step at which it held; for dead the step at which the zeros began. */
  first: Partial<Record<Health, number>>;
}

export type Recorded = readonly (readonly [step: number, stats: Stats])[];

/** What one key's past says about its next record. */
export class History {
  readonly first: Partial<Record<Health, number>> = {};
  private readonly norms: number[] = [];
  private zeros = 0;
  private zerosSince = 0;

  /** Parameters (gradients false) may be zero or small in good health. */
  constructor(private readonly gradients = true) {}

  /** Judges the next record; `strongest` is the greatest `rms` among the layers at that step. */
  add(step: number, stats: Stats, strongest = 0): Health {
    const found = this.judge(step, stats, strongest);
    if (found !== "ok") this.first[found] ??= found === "dead" ? this.zerosSince : step;
    const norm = wireNumber(stats.norm ?? undefined);
    if (found !== "exploding" && found !== "inf" && found !== "nan" && norm) {
      this.norms.push(norm);
      if (this.norms.length > HISTORY) this.norms.shift();
    }
    return found;
  }

  private judge(step: number, stats: Stats, strongest: number): Health {
    if (stats.nan) return "nan";
    if (stats.inf) return "inf";
    if (this.explodes(stats)) return "exploding";
    if (!this.gradients) return "ok";
    if (stats.n && stats.zeros === stats.n) {
      if (this.zeros === 0) this.zerosSince = step;
      this.zeros++;
      return this.zeros >= DEAD_RECORDS ? "dead" : "ok";
    }
    this.zeros = 0;
    return rms(stats) < Math.max(VANISHING_RMS, VANISHING_SHARE * strongest) ? "vanishing" : "ok";
  }

  private explodes(stats: Stats): boolean {
    if (rms(stats) > EXPLODING_RMS) return true;
    const norm = wireNumber(stats.norm ?? undefined) ?? 0;
    if (this.norms.length < FIRST_RECORDS) return false;
    return norm > Math.max(...this.norms) && norm > EXPLODING_FACTOR * median(this.norms);
  }
}

/** Root mean square of the finite values: norm / sqrt(n). */
export function rms(stats: Stats): number {
  const norm = wireNumber(stats.norm ?? undefined);
  return stats.n && norm ? norm / Math.sqrt(stats.n) : 0;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Judges all records of several keys. */
export function diagnose(records: ReadonlyMap<string, Recorded>, gradients = true): Map<string, Diagnosis> {
  const strongest = new Map<number, number>();
  for (const series of records.values()) {
    for (const [step, stats] of series) strongest.set(step, Math.max(strongest.get(step) ?? 0, rms(stats)));
  }
  const found = new Map<string, Diagnosis>();
  for (const [key, series] of records) {
    const history = new History(gradients);
    const states = series.map(([step, stats]) => history.add(step, stats, strongest.get(step)));
    found.set(key, { steps: series.map(([step]) => step), states, first: history.first });
  }
  return found;
}

/** The worst of some states; ok when there are none. */
export function worst(states: Iterable<Health>): Health {
  let found: Health = "ok";
  for (const one of states) if (HEALTH.indexOf(one) > HEALTH.indexOf(found)) found = one;
  return found;
}
