/** The JSON shapes of docs/internals/wire.md, word for word. Nothing here runs. */

/** A number that JSON can carry; one that is not finite travels as a string. */
export type WireNumber = number | "NaN" | "Infinity" | "-Infinity";
export type Value = WireNumber | string | boolean | null | Value[] | { [key: string]: Value };

export type RunStatus = "running" | "finished" | "failed" | "crashed" | "killed";

export interface User {
  name: string;
  role: "reader" | "writer" | "admin";
}

export interface Info {
  version: string;
  /** Names the page's bundle that the server has. */
  build: string;
  mode: "local" | "team";
  user: User | null;
  home: string;
  server_time_us: number;
}

export interface Project {
  entity: string;
  name: string;
  runs: number;
  running: number;
  created_us: number;
  updated_us: number;
  /** Runs that began on each of the last 30 days, the newest last; empty when none did. */
  days: number[];
}

/** The series that a project is told by: that of the first chart, in the newest run that has one. */
export interface KeyMetric {
  run: string;
  name: string;
  key: string;
  last: Value;
  curve: [step: number, mean: number | null][];
}

export interface MetricKey {
  key: string;
  runs: number;
}

export interface FactKey {
  key: string;
  runs: number;
  kind: "number" | "text" | "mixed";
}

export interface ProjectKeys {
  metrics: MetricKey[];
  config: FactKey[];
  summary: FactKey[];
  /** Tags that have a value, as MLflow's have. */
  tags: FactKey[];
  /** The saved view that a bare address opens with. */
  view: ViewRow | null;
  /** What a table shows before anybody chose. */
  columns: string[];
  /** Names of series, or beginnings with a star, and the series that runs defined as their x axes. */
  axes: Record<string, string>;
}

export interface ViewRow {
  entity: string;
  project: string;
  name: string;
  query: string;
  preferred: boolean;
  created_us: number;
  updated_us: number;
  created_by: string;
  /** Who saved its name and query last, at `updated_us`. */
  updated_by: string;
}

export interface RunQuery {
  entity?: string;
  project: string;
  where?: string;
  order?: string[];
  limit?: number;
  cursor?: string;
  /** So many rows from the top are passed over; not together with a cursor. */
  offset?: number;
  columns?: string[];
  ids?: string[];
  archived?: boolean;
}

export interface RunRow {
  uid: string;
  id: string;
  entity: string;
  project: string;
  name: string;
  state: RunStatus;
  created_us: number;
  updated_us: number;
  ended_us: number | null;
  group: string | null;
  job_type: string | null;
  tags: string[];
  notes: string | null;
  color: number;
  archived: boolean;
  host: string | null;
  exit_code: number | null;
  last_step: number | null;
  nan_key: string | null;
  nan_step: number | null;
}

export interface RunPage {
  total: number;
  matched: number;
  cursor: string | null;
  runs: RunRow[];
  columns: Record<string, Value[]>;
  /** The newest revision that is in it. */
  rev: number;
}

export interface GroupQuery {
  entity?: string;
  project: string;
  by: string[];
  where?: string;
  order?: string[];
  limit?: number;
  columns?: string[];
  archived?: boolean;
  members?: boolean;
}

export interface GroupRow {
  values: Value[];
  runs: number;
  color: number;
  where: string;
  uids: string[] | null;
}

export interface GroupCell {
  n: number;
  bad: number;
  distinct: number;
  value: Value;
  mean: WireNumber | null;
  std: WireNumber | null;
  min: WireNumber | null;
  max: WireNumber | null;
}

export interface GroupPage {
  total: number;
  matched: number;
  found: number;
  groups: GroupRow[];
  columns: Record<string, GroupCell[]>;
}

export interface Metric {
  key: string;
  count: number;
  last: WireNumber | null;
  last_step: number | null;
  min: WireNumber | null;
  max: WireNumber | null;
  mean: WireNumber | null;
  n_nan: number;
  n_inf: number;
  first_nan_step: number | null;
}

export interface RunEvent {
  t_us: number;
  level: "info" | "warning" | "error";
  title: string;
  text: string;
}

export interface Writer {
  uid: string;
  host: string | null;
  pid: number | null;
  started_us: number;
  closed: boolean;
  offset: number;
}

export interface Definition {
  name: string;
  step_metric: string | null;
  summary: string[];
  hidden: boolean;
  goal: string | null;
}

export interface RunDetail extends RunRow {
  config: { [key: string]: Value };
  summary: { [key: string]: Value };
  metrics: Metric[];
  definitions: Definition[];
  environment: { [key: string]: Value };
  events: RunEvent[];
  writers: Writer[];
  /** Somebody wants the run to end, and it runs yet. */
  stop: { asked_us: number; by: string } | null;
  /** The protocol of the tracker's client that made the run, empty for one of ours. */
  client: string;
  labels: { [name: string]: string };
  datasets: DatasetUse[];
  logged_models: LoggedModel[];
  /** The run whose beginning this one has, as it was called then. */
  forked_from?: { uid: string; id: string; step: number } | null;
  /** Where an archived run went. */
  moved_to: { entity: string; project: string; id: string; name: string } | null;
}

/** A dataset that the run used; empty texts are unknown. */
export interface DatasetUse {
  name: string;
  digest: string;
  context: string;
  source_type: string;
  source: string;
  schema: string;
  profile: string;
}

/** A model that a client logged with the run, or that the run used. */
export interface LoggedModel {
  id: string;
  role: "made" | "used";
  name: string;
  kind: string;
  /** `ready`, `pending`, `upload_failed`; empty when the model is not known here. */
  status: string;
  step: number | null;
  created_us: number;
  params: { [name: string]: string };
  tags: { [name: string]: string };
  /** `value` is the text of a float. */
  metrics: { key: string; value: string; step: number; t_us: number; run: string; dataset: string; digest: string }[];
}

export type RunPatch = Partial<Pick<RunRow, "name" | "notes" | "tags" | "group" | "job_type" | "archived" | "color">> & {
  /** Nothing is changed when the notes or the name are others by now. */
  notes_were?: string;
  name_were?: string;
  /** Leave alone what others do to the tags. */
  add_tags?: string[];
  remove_tags?: string[];
};

/** What came of a wish for many runs: those that are as they were, each with the reason. */
export interface RunsOutcome {
  done: number;
  refused: { run: string; code: string; message: string }[];
}

export type XAxis = "step" | "wall" | "relative" | { metric: string };
export type BucketField = "first" | "last" | "min" | "max" | "mean";

/** One series: of a run or a group of runs, by its key or a formula. */
export interface SeriesRef {
  run?: string;
  runs?: readonly string[];
  key?: string;
  formula?: string;
}

export interface BucketQuery {
  series: SeriesRef[];
  x?: XAxis;
  lo?: number;
  hi?: number;
  buckets?: number;
  /** That of the axis; `log` gives each doubling of x as many buckets. */
  scale?: "linear" | "log";
  fields?: BucketField[];
  smooth?: number;
  /** Series of no more points in view are given point by point. */
  points?: number;
}

export interface BucketHead {
  x: XAxis;
  width: number;
  origin: number;
  scale: "linear" | "log";
  lo: number | null;
  hi: number | null;
  series: { run: string; key: string; start: number; count: number; points: number; n_nan: number; exact: boolean }[];
}

/** The curves of the first chart: the answer to a BucketQuery for `buckets`, in base64. */
export interface FirstCurves {
  buckets: number;
  columns: string;
}

export interface PointQuery {
  run: string;
  keys?: readonly string[];
  formulas?: readonly string[];
  view?: "last" | "all";
  lo?: number;
  hi?: number;
}

export interface PointHead {
  run: string;
  view: "last" | "all";
  series: { key: string; start: number; count: number; integer: boolean }[];
}

export interface LogLine {
  n: number;
  t_us: number;
  stream: "out" | "err";
  writer: string;
  text: string;
}

export interface LogPage {
  total: number;
  start: number;
  lines: LogLine[];
}

/** Which lines match, and how many tell of an error in each of equal parts of the log. */
export interface LogFind {
  total: number;
  count: number;
  /** The first of those that match. */
  numbers: number[];
  errors: number[];
}

export interface Change {
  uid: string;
  project: string;
  entity: string;
  rev: number;
  what: ("series" | "facts" | "logs" | "media" | "files" | "artifacts" | "deleted")[];
  state: RunStatus;
  last_step: number | null;
  reset: boolean;
}
