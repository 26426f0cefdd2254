/**
 * What stands for the steps of a pipeline run on the screen: a step by itself, or a whole fan-out.
 *
 * Promises: the order of calls; every step is in exactly one unit; what a unit needs are units. The calls of one `map` are
 * one unit unless it is opened, so that hundreds of them stay readable; where that is not enough, so are the repeats of one
 * step in a loop. Pure.
 */
import { GLYPHS, type Glyph } from "../glyph";
import type { PipelineStep, StepPair, StepState } from "./wire";

export interface Unit {
  /** The name of its step; of a group what the names of its steps begin with, and "[]". */
  id: string;
  /** The same as people read it. */
  label: string;
  steps: PipelineStep[];
  needs: string[];
  state: StepState;
}

/** Fewer calls of one `map` are shown one by one. */
export const FEWEST = 4;
/** With more units than this the repeats of a step are one unit as well. */
export const MOST = 300;

/** No step is called like this, so that a group is never taken for a step. */
const GROUP = "[]";
const FAN = /\[\d+\]$/;
const REPEAT = /(_\d+)?(\[\d+\])?$/;
/** What a group is called whose members differ: the first one that any of them is in. */
const LOUDEST: readonly StepState[] = ["failed", "crashed", "killed", "running", "waiting", "skipped", "finished", "cached"];

export function unitsOf(steps: readonly PipelineStep[], open: ReadonlySet<string>, most = MOST): Unit[] {
  const fans = gather(steps, (name) => (FAN.test(name) ? name.replace(FAN, GROUP) : null), open);
  return fans.length <= most ? fans : gather(steps, (name) => name.replace(REPEAT, GROUP), open);
}

function gather(steps: readonly PipelineStep[], groupOf: (name: string) => string | null, open: ReadonlySet<string>): Unit[] {
  const sizes = new Map<string, number>();
  for (const { name } of steps) {
    const group = groupOf(name);
    if (group !== null) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  }
  const unitOf = (name: string): string => {
    const group = groupOf(name);
    return group !== null && !open.has(group) && (sizes.get(group) ?? 0) >= FEWEST ? group : name;
  };
  const units = new Map<string, Unit>();
  for (const step of steps) {
    const id = unitOf(step.name);
    const unit = units.get(id) ?? { id, label: id.endsWith(GROUP) ? id.slice(0, -GROUP.length) : id, steps: [], needs: [], state: step.state };
    unit.steps.push(step);
    units.set(id, unit);
  }
  for (const unit of units.values()) {
    unit.needs = [...new Set(unit.steps.flatMap((step) => step.needs.map(unitOf)))].filter((need) => need !== unit.id);
    unit.state = loudest(unit.steps);
  }
  return [...units.values()];
}

function loudest(steps: readonly PipelineStep[]): StepState {
  const found = new Set(steps.map((step) => step.state));
  return LOUDEST.find((state) => found.has(state)) ?? "waiting";
}

/** Pairs of two runs as rows: neighbors of one fan-out that differ in the same way are one row. */
export function pairRows(pairs: readonly StepPair[]): { name: string; pairs: StepPair[] }[] {
  const rows: { name: string; look: string | null; pairs: StepPair[] }[] = [];
  for (const pair of pairs) {
    const fan = FAN.test(pair.name) && pair.metrics.length === 0 ? pair.name.replace(FAN, "") : null;
    const look = fan && JSON.stringify([fan, pair.same, pair.reasons, pair.before?.state, pair.after?.state]);
    const last = rows[rows.length - 1];
    if (look !== null && last?.look === look) last.pairs.push(pair);
    else rows.push({ name: pair.name, look, pairs: [pair] });
  }
  for (const row of rows) if (row.pairs.length > 1) row.name = `${row.pairs[0].name} … ${row.pairs[row.pairs.length - 1].name}`;
  return rows;
}

const OWN: Record<Exclude<StepState, keyof typeof GLYPHS>, Glyph> = {
  waiting: { sign: "○", tone: "muted", what: "waits for the steps that it needs, or for room" },
  cached: { sign: "↺", tone: "ok", what: "cached: earlier work stands for it" },
  skipped: { sign: "–", tone: "muted", what: "skipped: it was not started" },
};

export function glyphOfStep(state: StepState): Glyph {
  return state in GLYPHS ? GLYPHS[state as keyof typeof GLYPHS] : (OWN[state as keyof typeof OWN] ?? { sign: "?", tone: "muted", what: state });
}

/** `180 ✓ 12 ▶`, in the order of a step's life. */
export function countText(counts: Partial<Record<StepState, number>>): string {
  const order: StepState[] = ["cached", "finished", "running", "waiting", "failed", "crashed", "killed", "skipped"];
  return order.filter((state) => counts[state]).map((state) => `${counts[state]} ${glyphOfStep(state).sign}`).join("  ");
}

export function countsOf(steps: readonly PipelineStep[]): Partial<Record<StepState, number>> {
  const counts: Partial<Record<StepState, number>> = {};
  for (const { state } of steps) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/** From the first start to the last end, or to now while one runs; null when none was started. */
export function spanOf(steps: readonly PipelineStep[], now: number): [number, number] | null {
  let [lo, hi] = [Infinity, -Infinity];
  for (const { started_us, ended_us, state } of steps) {
    if (started_us === null) continue;
    lo = Math.min(lo, started_us);
    hi = Math.max(hi, ended_us ?? (state === "running" ? now : started_us));
  }
  return hi < lo ? null : [lo, Math.max(lo, hi)];
}

/** Round times from 0 to `length`, both in microseconds; at most `most` of them after the 0. */
export function ticksOf(length: number, most: number): number[] {
  if (!(length > 0)) return [0];
  const units = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400].map((s) => s * 1e6);
  const fine = [1, 10, 100, 1000, 10_000, 100_000].flatMap((us) => [us, us * 2, us * 5]);
  const step = [...fine, ...units].find((each) => length / each <= most) ?? Math.ceil(length / most / 86_400e6) * 86_400e6;
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, i) => i * step);
}
