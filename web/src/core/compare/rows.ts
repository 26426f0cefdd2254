/** Several runs as rows of keys: which differ, and by how much from the first one. Pure. */
import { formatCount, formatNumber, formatValue, wireNumber } from "../format";
import { compareText, isSystem, keyRank } from "../sections";
import { readableEnvironment } from "../shell";
import type { RunDetail, Value } from "../wire";

export const MOST_RUNS = 20;
export const SECTIONS = ["config", "metrics", "environment", "code"] as const;
export type Section = (typeof SECTIONS)[number];
export type Aggregate = "last" | "min" | "max";

export interface Cell {
  text: string;
  /** Finite or not; undefined where the value is no number. */
  number?: number;
  /** Whether the run has the key at all. */
  there: boolean;
}

export interface Row {
  section: Section;
  key: string;
  /** One per run, in their order. */
  cells: Cell[];
  differs: boolean;
  /** What is better, where the run or the name says so. */
  goal: "min" | "max" | null;
}

export interface Delta {
  text: string;
  tone: "better" | "worse" | "none";
}

const ABSENT: Cell = { text: "–", there: false };
/** Where a run does not tell: a short one ends before its packages are listed. */
const UNTOLD: Cell = { text: "not recorded", there: false };
const PACKAGES = "packages";

/** The ids of an address, each once; those beyond the limit are counted. */
export function readRuns(text: string | undefined): { ids: string[]; left: number } {
  const all = [...new Set((text ?? "").split(",").map((id) => id.trim()).filter((id) => id !== ""))];
  return { ids: all.slice(0, MOST_RUNS), left: Math.max(0, all.length - MOST_RUNS) };
}

export function compareRows(runs: readonly RunDetail[], aggregate: Aggregate): Row[] {
  return [
    ...rowsOf("config", runs.map((r) => leaves(r.config))),
    ...metricRows(runs, aggregate),
    ...rowsOf("metrics", runs.map(ownSummary)),
    ...environmentRows(runs),
    ...rowsOf("code", runs.map(codeOf)),
  ];
}

function rowsOf(section: Section, columns: readonly Map<string, Value>[]): Row[] {
  const all = [...new Set(columns.flatMap((c) => [...c.keys()]))].sort(compareText);
  const branches = new Set(all.flatMap(branchesOf));
  // A mapping that is empty in one run and full in another is told by what is in it.
  const keys = all.filter((key) => !branches.has(key) || columns.some((c) => c.has(key) && !isMapping(c.get(key) as Value)));
  return keys.map((key) => {
    const cells = columns.map((c) => (c.has(key) ? cellOf(c.get(key) as Value) : ABSENT));
    return { section, key, cells, differs: differ(cells), goal: null };
  });
}

/** Everything that a key of nested values stands in. */
function branchesOf(key: string): string[] {
  const names = key.split(".");
  return names.slice(1).map((_, i) => names.slice(0, i + 1).join("."));
}

/** The environment without what differs between any two processes. */
function environmentOf(run: RunDetail): Map<string, Value> {
  const { pid: _, ...rest } = readableEnvironment(run.environment);
  return leaves(rest);
}

function environmentRows(runs: readonly RunDetail[]): Row[] {
  const rows = rowsOf("environment", runs.map(environmentOf));
  const told = runs.map((r) => r.environment[PACKAGES] !== undefined);
  return rows.map((row) => {
    if (!row.key.startsWith(`${PACKAGES}.`)) return row;
    const cells = row.cells.map((cell, i) => (told[i] ? cell : UNTOLD));
    return { ...row, cells, differs: differ(cells.filter((cell) => cell !== UNTOLD)) };
  });
}

function metricRows(runs: readonly RunDetail[], aggregate: Aggregate): Row[] {
  const columns = runs.map((r) => new Map(r.metrics.filter((m) => !isSystem(m.key)).map((m) => [m.key, m])));
  const keys = [...new Set(columns.flatMap((c) => [...c.keys()]))].sort((a, b) => keyRank(a) - keyRank(b) || compareText(a, b));
  return keys.map((key) => {
    const cells = columns.map((c) => {
      const value = c.get(key)?.[aggregate];
      return value === undefined ? ABSENT : cellOf(value);
    });
    return { section: "metrics" as const, key, cells, differs: differ(cells), goal: goalOf(key, runs) };
  });
}

/** What the user put into the summary, beside the metrics. */
function ownSummary(run: RunDetail): Map<string, Value> {
  const series = new Set(run.metrics.map((m) => m.key));
  return new Map(Object.entries(run.summary).filter(([key]) => !series.has(key)));
}

/** Commit, branch and the like; of the patch only how large it is. */
function codeOf(run: RunDetail): Map<string, Value> {
  const { git } = run.environment;
  if (git === null || typeof git !== "object" || Array.isArray(git)) return new Map();
  const rows = new Map(Object.entries(git).filter(([key]) => key !== "diff"));
  const patch = patchOf(run);
  if (patch !== "") rows.set("patch", `${patch.split("\n").length} lines, ${hash(patch)}`);
  return rows;
}

export function patchOf(run: RunDetail): string {
  const { git } = run.environment;
  const found = git !== null && typeof git === "object" && !Array.isArray(git) ? git.diff : undefined;
  return typeof found === "string" ? found : "";
}

/** A short name for a text: equal texts have equal ones (FNV-1a, 32 bits). */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return (value >>> 0).toString(16).padStart(8, "0");
}

/** Leaves of nested values by their keys joined with dots. */
export function leaves(root: { [key: string]: Value }, above = "", into = new Map<string, Value>()): Map<string, Value> {
  for (const [name, value] of Object.entries(root)) {
    const path = above ? `${above}.${name}` : name;
    if (isMapping(value) && Object.keys(value).length > 0) leaves(value, path, into);
    else into.set(path, value);
  }
  return into;
}

const isMapping = (value: Value): value is { [key: string]: Value } => value !== null && typeof value === "object" && !Array.isArray(value);

function cellOf(value: Value): Cell {
  const number = wireNumber(value);
  if (typeof value === "number" || (number !== undefined && typeof value === "string" && !Number.isFinite(number))) return { text: Number.isSafeInteger(number) ? formatCount(number as number) : formatNumber(number as number, 6), number, there: true };
  return { text: value === "" ? "“”" : formatValue(value), there: true };
}

function differ(cells: readonly Cell[]): boolean {
  return cells.some((c) => c.there !== cells[0].there || c.text !== cells[0].text || !Object.is(c.number, cells[0].number));
}

const LOWER = /loss|err|perplex|mae|mse|rmse|latency|seconds/i;
const HIGHER = /acc|auc|f1|bleu|rouge|iou|precision|recall|dice|reward|score|map$/i;

function goalOf(key: string, runs: readonly RunDetail[]): Row["goal"] {
  for (const run of runs) {
    const told = run.definitions.find((d) => d.name === key)?.goal;
    if (told) return told.startsWith("max") ? "max" : "min";
  }
  return LOWER.test(key) ? "min" : HIGHER.test(key) ? "max" : null;
}

/** How far a cell is from the baseline's; null where that says nothing. */
export function deltaOf(row: Row, at: number, baseline: number): Delta | null {
  const [mine, theirs] = [row.cells[at].number, row.cells[baseline].number];
  if (at === baseline || mine === undefined || theirs === undefined || !Number.isFinite(mine) || !Number.isFinite(theirs)) return null;
  const by = mine - theirs;
  if (by === 0) return null;
  const percent = theirs === 0 || Math.abs(by / theirs) >= 10 ? "" : ` (${signed((by / Math.abs(theirs)) * 100, 3)} %)`;
  const better = row.goal === null ? null : by > 0 === (row.goal === "max");
  return { text: `${by > 0 ? "▲" : "▼"} ${signed(by, 4)}${percent}`, tone: better === null ? "none" : better ? "better" : "worse" };
}

function signed(value: number, digits: number): string {
  return `${value > 0 ? "+" : "−"}${formatNumber(Math.abs(value), digits)}`;
}

/** The rows that stand in the table. */
export function shownRows(rows: readonly Row[], options: { all: boolean; find: string; ignored: ReadonlySet<string> }): Row[] {
  const wanted = options.find.trim().toLowerCase();
  return rows.filter(
    (row) => (options.all || row.differs) && !options.ignored.has(`${row.section}.${row.key}`) && (wanted === "" || row.key.toLowerCase().includes(wanted) || row.cells.some((c) => c.there && c.text.toLowerCase().includes(wanted))),
  );
}
