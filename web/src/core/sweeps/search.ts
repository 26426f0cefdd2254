/** What a search has found so far: the trials put together from answers, and the best of them over time. Pure. */
import type { Goal, SweepDetail, TrialRow, TrialStatus } from "./wire";

export interface Sign {
  sign: string;
  tone: "ok" | "warn" | "fail" | "accent" | "muted";
  what: string;
}

export const TRIAL_SIGNS: Record<TrialStatus, Sign> = {
  running: { sign: "▶", tone: "accent", what: "running" },
  finished: { sign: "✓", tone: "ok", what: "finished" },
  stopped: { sign: "◼", tone: "muted", what: "stopped early, as others did better" },
  failed: { sign: "✗", tone: "fail", what: "failed" },
  lost: { sign: "?", tone: "warn", what: "its agent fell silent; it will be handed out again" },
  cancelled: { sign: "–", tone: "muted", what: "cancelled" },
};

/** An answer put onto what was known: with `since`, it holds only the trials that changed. */
export function joined(before: SweepDetail | null, answer: SweepDetail): SweepDetail {
  if (!before) return answer;
  const byNumber = new Map(before.trials.map((t) => [t.number, t]));
  for (const trial of answer.trials) byNumber.set(trial.number, trial);
  return { ...answer, trials: [...byNumber.values()].sort((a, b) => a.number - b.number) };
}

export const better = (goal: Goal | null, a: number, b: number): boolean => (goal === "maximize" ? a > b : a < b);

/** Whether a trial's value counts: those of failed and cancelled trials do not. */
export const counts = (trial: TrialRow): boolean => trial.value !== null && (trial.state === "finished" || trial.state === "stopped");

const REPEAT = "repeat:";

/** Mean and standard deviation of a trial's repeats with other seeds; null with fewer than two. */
export function spreadOf(trials: readonly TrialRow[], number: number): { runs: number; mean: number; deviation: number } | null {
  const values = trials.filter((t) => t.origin === `${REPEAT}${number}` && counts(t)).map((t) => t.value ?? NaN);
  if (values.length < 2) return null;
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  return { runs: values.length, mean, deviation: Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1)) };
}

/** Where a trial comes from, when the search did not choose it. */
export function originText(origin: string): string {
  if (origin === "queue") return "asked for";
  if (origin === "earlier") return "ran before the sweep";
  return origin.startsWith(REPEAT) ? `trial ${origin.slice(REPEAT.length)} again` : "";
}

/** The best value after each trial that counts, as the corners of a staircase. */
export function staircase(trials: readonly TrialRow[], goal: Goal | null): { number: number; value: number }[] {
  const steps: { number: number; value: number }[] = [];
  for (const trial of trials) {
    if (!counts(trial) || trial.value === null || trial.origin.startsWith(REPEAT)) continue;
    const last = steps.at(-1);
    if (!last || better(goal, trial.value, last.value)) steps.push({ number: trial.number, value: trial.value });
  }
  return steps;
}

/** Whether the values are all above zero and span so much that only logarithms show the good end. */
export function wantsLog(values: readonly number[]): boolean {
  const finite = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (finite.length < 4 || finite[0] <= 0) return false;
  const middle = finite[Math.floor(finite.length / 2)];
  return finite[finite.length - 1] / finite[0] > 100 && middle / finite[0] > 5;
}

const LEAST_TO_JUDGE = 8;
const FENCE = 3;

/**
 * The trials that are so much worse than the others that they press all of those together: beyond three
 * interquartile ranges (Tukey's outer fence), of logarithms where all values are above zero.
 */
export function farOff(trials: readonly TrialRow[], goal: Goal | null): Set<number> {
  const told = trials.filter((t) => counts(t) && Number.isFinite(t.value));
  if (told.length < LEAST_TO_JUDGE) return new Set();
  const positive = told.every((t) => (t.value as number) > 0);
  const cost = (t: TrialRow): number => {
    const value = positive ? Math.log(t.value as number) : (t.value as number);
    return goal === "maximize" ? -value : value;
  };
  const costs = told.map(cost).sort((a, b) => a - b);
  const at = (part: number): number => costs[Math.floor(part * (costs.length - 1))];
  const spread = at(0.75) - at(0.25);
  if (spread === 0) return new Set();
  const limit = at(0.75) + FENCE * spread;
  return new Set(told.filter((t) => cost(t) > limit).map((t) => t.number));
}

/** How many trials there are in all. */
export function total(counted: Partial<Record<TrialStatus, number>>): number {
  return Object.values(counted).reduce((sum, n) => sum + (n ?? 0), 0);
}

export interface Lane {
  agent: string;
  label: string;
  spans: { trial: TrialRow; from: number; to: number; row: number }[];
  /** How many trials ran side by side at most. */
  rows: number;
}

/** When each agent ran which trial; the trials of one agent that overlap lie in rows of their own. */
export function lanes(detail: SweepDetail, nowUs: number): Lane[] {
  const names = new Map(detail.agents.map((a, i) => [a.id, `${a.host || "agent"} · ${a.pid || i + 1}`]));
  const byAgent = new Map<string, TrialRow[]>();
  for (const trial of detail.trials) {
    if (trial.origin === "earlier") continue;
    byAgent.set(trial.agent, [...(byAgent.get(trial.agent) ?? []), trial]);
  }
  return [...byAgent].map(([agent, trials]) => {
    const ends: number[] = [];
    const spans = trials
      .map((trial) => ({ trial, from: trial.started_us, to: trial.ended_us ?? (trial.state === "running" ? Math.max(nowUs, trial.seen_us) : trial.seen_us) }))
      .sort((a, b) => a.from - b.from)
      .map((span) => {
        let row = ends.findIndex((end) => end <= span.from);
        if (row < 0) row = ends.length;
        ends[row] = span.to;
        return { ...span, row };
      });
    return { agent, label: names.get(agent) ?? agent.slice(0, 8), spans, rows: Math.max(1, ends.length) };
  });
}
