/** Pipeline runs as they come over the wire (docs/internals/wire.md, "Pipelines"), and their routes. */
import { api, query } from "../api";
import type { RunStatus, Value } from "../wire";

export type StepState = RunStatus | "waiting" | "cached" | "skipped";

export interface PipelineRow {
  uid: string;
  id: string;
  entity: string;
  project: string;
  name: string;
  state: RunStatus;
  created_us: number;
  updated_us: number;
  ended_us: number | null;
  tags: string[];
  counts: Partial<Record<StepState, number>>;
}

export interface PipelineStep {
  name: string;
  function: string;
  state: StepState;
  needs: string[];
  attempts: number;
  called_us: number;
  started_us: number | null;
  ended_us: number | null;
  /** Uid of the run that did the work; empty where there is none. */
  run: string;
  run_id: string;
  project: string;
  error: string;
}

export interface PipelineDetail extends PipelineRow {
  pipeline: string;
  parameters: { [key: string]: Value };
  resumed_from: string;
  error: string;
  steps: PipelineStep[];
}

export interface StepValue {
  name: string;
  step: string;
  digest: string;
  type: string;
  size: number;
  files: number;
  /** `entity/project/name`, or empty. */
  artifact: string;
}

export interface StepDetail {
  step: PipelineStep;
  why: string;
  parameters: Record<string, string>;
  inputs: StepValue[];
  outputs: StepValue[];
  more: Record<string, string>;
  worked_in: string;
}

export interface Pair {
  name: string;
  before: Value;
  after: Value;
}

export interface StepPair {
  name: string;
  same: boolean;
  reasons: string[];
  before: PipelineStep | null;
  after: PipelineStep | null;
  metrics: Pair[];
}

export interface PipelineComparison {
  before: PipelineRow;
  after: PipelineRow;
  parameters: Pair[];
  environment: Pair[];
  steps: StepPair[];
}

/** The tag of runs that asked not to be listed. */
export const UNLISTED = "unlisted";

const V1 = "/api/v1/pipelines";

export const askPipelines = (entity: string, project: string, limit: number, cursor: string | null, unlisted: boolean): Promise<{ pipelines: PipelineRow[]; cursor: string | null }> =>
  api.ask("GET", `${V1}?${query({ entity, project, limit, cursor: cursor ?? undefined, unlisted: unlisted ? "true" : undefined })}`);
export const askPipeline = (uid: string): Promise<PipelineDetail> => api.ask("GET", `${V1}/${uid}`);
export const askStep = (uid: string, name: string): Promise<StepDetail> => api.ask("GET", `${V1}/${uid}/step?${query({ name })}`);
export const askComparison = (before: string, after: string): Promise<PipelineComparison> => api.ask("GET", `${V1}/compare?${query({ before, after })}`);
