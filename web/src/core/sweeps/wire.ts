/** Sweeps, trials and agents as the server tells them (docs/internals/wire.md). */
import type { Value } from "../wire";

export type SweepStatus = "pending" | "running" | "paused" | "finished" | "cancelled";
export type TrialStatus = "running" | "finished" | "stopped" | "failed" | "lost" | "cancelled";
export type Goal = "minimize" | "maximize";

export interface SweepRow {
  id: string;
  entity: string;
  project: string;
  name: string;
  description: string;
  method: string;
  metric: string | null;
  goal: Goal | null;
  state: SweepStatus;
  run_cap: number | null;
  /** How many trials there will be at most; null when no end is known. */
  expected: number | null;
  seed: number;
  trials: Partial<Record<TrialStatus, number>>;
  queued: number;
  best: number | null;
  best_trial: number | null;
  created_us: number;
  updated_us: number;
  created_by: string;
  /** All of them; with several there is no single best. */
  objectives: { name: string; goal: Goal }[];
}

export interface TrialRow {
  number: number;
  state: TrialStatus;
  /** By name; the parts of nested names have dots between them. */
  params: Record<string, Value>;
  run: string;
  uid: string;
  agent: string;
  attempt: number;
  origin: string;
  /** Of the first objective. */
  value: number | null;
  /** Of all objectives, where there are several. */
  outcomes: number[] | null;
  iterations: number;
  note: string;
  started_us: number;
  seen_us: number;
  ended_us: number | null;
}

export interface AgentRow {
  id: string;
  sweep: string;
  host: string;
  pid: number;
  trials: number;
  created_us: number;
  seen_us: number;
}

/** A parameter that is searched, as an axis. */
export interface SearchedParameter {
  name: string;
  scale: "linear" | "log" | "choice";
  low: number | null;
  high: number | null;
  values: Value[];
  whole: boolean;
}

export interface SweepDetail {
  sweep: SweepRow;
  config: { [key: string]: Value } | string;
  trials: TrialRow[];
  agents: AgentRow[];
  rev: number;
  parameters: SearchedParameter[];
  /** Numbers of the trials that no other beats in all of several objectives. */
  front: number[];
}

export interface SweepChanges {
  state?: "running" | "paused" | "finished" | "cancelled";
  run_cap?: number;
  name?: string;
}
