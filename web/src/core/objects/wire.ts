/** The JSON of files, artifacts and models, word for word as in domain/objects.py. Nothing here runs. */
import type { Value } from "../wire";

export interface FileRow {
  path: string;
  /** Empty as long as the writer has not stored the bytes. */
  digest: string;
  size: number;
  type: string;
  policy: string;
  modified_us: number;
  wall_us: number;
  present: boolean;
}

export interface FileList {
  run: string;
  files: FileRow[];
  size: number;
}

export interface ArtifactRow {
  entity: string;
  project: string;
  name: string;
  type: string;
  description: string;
  created_us: number;
  updated_us: number;
  versions: number;
  size: number;
  latest: number | null;
  aliases: string[];
}

export interface ArtifactChanges {
  name?: string;
}

export interface RunRef {
  uid: string;
  id: string;
  entity: string;
  project: string;
  name: string;
  exists: boolean;
}

export interface VersionRow {
  entity: string;
  project: string;
  name: string;
  type: string;
  version: number;
  state: "pending" | "committed" | "deleted";
  digest: string;
  size: number;
  files: number;
  missing: number;
  aliases: string[];
  tags: string[];
  metadata: { [key: string]: Value };
  description: string;
  created_us: number;
  committed_us: number | null;
  expires_us: number | null;
  run: RunRef | null;
}

export interface UseRow {
  run: RunRef;
  role: string;
  wall_us: number;
}

export interface ModelRef {
  entity: string;
  model: string;
  version: number;
}

export interface VersionDetail extends VersionRow {
  producers: RunRef[];
  users: UseRow[];
  models: ModelRef[];
}

export interface VersionUse {
  name: string;
  digest: string;
  role: string;
  wall_us: number;
  version: VersionRow | null;
}

export interface RunArtifacts {
  run: string;
  made: VersionRow[];
  used: VersionUse[];
  models: RunModel[];
}

/** A registered version and the artifact version on which it stands. */
export interface RunModel extends ModelRef {
  artifact: string;
  number: number;
}

export interface VersionChanges {
  aliases?: string[];
  add_aliases?: string[];
  remove_aliases?: string[];
  tags?: string[];
  description?: string;
}

export interface PathChange {
  path: string;
  before: number | null;
  after: number | null;
}

export interface VersionDiff {
  before: VersionRow;
  after: VersionRow;
  added: PathChange[];
  removed: PathChange[];
  changed: PathChange[];
  same: number;
}

export interface LineageNode {
  id: string;
  kind: "run" | "version" | "model";
  label: string;
  type: string;
  state: string;
  uid: string;
  name: string;
}

export interface LineageGraph {
  root: string;
  nodes: LineageNode[];
  edges: { source: string; target: string; role: string }[];
  cut: boolean;
}

export interface Manifest {
  format: number;
  entries: { [path: string]: { digest?: string; size?: number; ref?: string; etag?: string } };
}

export const STAGES = ["none", "development", "staging", "production", "archived"] as const;
export type Stage = (typeof STAGES)[number];
export const STAGE_TONES: Record<Stage, string> = { none: "", development: "", staging: "warn", production: "live", archived: "" };

export interface ModelVersionRow {
  entity: string;
  model: string;
  version: number;
  state: "pending" | "ready";
  stage: Stage;
  aliases: string[];
  tags: { [key: string]: string };
  description: string;
  artifact: string;
  artifact_version: number | null;
  digest: string;
  size: number;
  created_us: number;
  updated_us: number;
  run: RunRef | null;
}

export interface ModelRow {
  entity: string;
  name: string;
  description: string;
  tags: { [key: string]: string };
  aliases: { [alias: string]: number };
  versions: number;
  latest: number | null;
  created_us: number;
  updated_us: number;
  /** The newest version in each stage but "none". */
  stages: { [stage: string]: number };
}

export interface ModelEvent {
  t_us: number;
  version: number | null;
  what: "created" | "stage" | "alias" | "tag" | "description" | "name" | "deleted";
  name: string;
  before: string;
  after: string;
  who: string;
}

export interface ModelDetail extends ModelRow {
  all_versions: ModelVersionRow[];
  events: ModelEvent[];
}

export interface ModelVersionChanges {
  stage?: Stage;
  add_aliases?: string[];
  remove_aliases?: string[];
  description?: string;
}
