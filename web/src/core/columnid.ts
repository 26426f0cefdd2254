/** Names of table columns (`config.lr`, `last(val/acc)`, `created`): what they mean and how a value of them reads. */
import { formatAgo, formatDuration, formatValue } from "./format";
import type { RunRow, Value } from "./wire";

export const AGGREGATES = ["last", "min", "max", "mean"] as const;
export type Aggregate = (typeof AGGREGATES)[number];

/** What the server has ready for each series; it can sort and filter by them. */
const READY = new Set<string>([...AGGREGATES, "count"]);

/** Config, summary, and tags that have a value, as MLflow's have. */
const FACTS = ["config", "summary", "tags"] as const;
export type Fact = (typeof FACTS)[number];

export type ColumnId =
  | { kind: "metric"; aggregate: string; key: string }
  /** The last value at or before a step. */
  | { kind: "at"; key: string; step: number }
  /** A small picture of the curve. */
  | { kind: "spark"; key: string }
  | { kind: Fact; key: string }
  | { kind: "field"; key: string };

/** Fields of a run that need no question to the server. */
export const FIELDS: Record<string, string> = {
  created: "Created", duration: "Duration", state: "State", group: "Group", job_type: "Job type", tags: "Tags", host: "Host", last_step: "Last step", notes: "Notes", id: "Id", findings: "Findings",
};

export const FINDINGS = "findings";

/** Keys that the grammar of `where` takes without quotes. */
const PLAIN = /^[A-Za-z_][\w./@:+-]*$/;

/** Spells a metric column as the server reads it: `last(val/acc)`, `last("top-1 %")`. */
export function metricColumn(aggregate: string, key: string): string {
  return `${aggregate}(${PLAIN.test(key) ? key : JSON.stringify(key)})`;
}

/** Spells the column of a series' value at a step: `at(val/acc@1000)`. */
export function stepColumn(key: string, step: number): string {
  return metricColumn("at", key).replace(/\)$/, `@${step})`);
}

/** Spells a column of a fact: `config.lr`, `config["weird key"]`, `tags.team`. */
export function factColumn(kind: Fact, key: string): string {
  return PLAIN.test(key) && !key.endsWith(".") ? `${kind}.${key}` : `${kind}[${JSON.stringify(key)}]`;
}

const parsed = new Map<string, ColumnId>();
const MOST_PARSED = 5000;

/** Tables ask for each cell that they draw, so what was read is kept. */
export function parseColumn(id: string): ColumnId {
  let column = parsed.get(id);
  if (!column) {
    if (parsed.size >= MOST_PARSED) parsed.clear();
    parsed.set(id, (column = readColumn(id)));
  }
  return column;
}

function readColumn(id: string): ColumnId {
  const call = /^(\w+)\((.*)\)$/s.exec(id);
  const step = call?.[1] === "at" ? /^(.*)@(\d+)$/s.exec(call[2]) : null;
  if (step) return { kind: "at", key: unquoted(step[1]), step: Number(step[2]) };
  if (call?.[1] === "spark") return { kind: "spark", key: unquoted(call[2]) };
  if (call) return { kind: "metric", aggregate: call[1], key: unquoted(call[2]) };
  for (const kind of FACTS) {
    if (id.startsWith(`${kind}.`)) return { kind, key: id.slice(kind.length + 1) };
    if (id.startsWith(`${kind}[`) && id.endsWith("]")) return { kind, key: unquoted(id.slice(kind.length + 1, -1)) };
  }
  return { kind: "field", key: id };
}

function unquoted(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    // Half an expression in an address names what it says.
    return text;
  }
}

/** Whether a column shows a fact that the list of runs can bring. */
export function isFact(column: ColumnId): column is { kind: Fact; key: string } {
  return (FACTS as readonly string[]).includes(column.kind);
}

/** The short title of a column. */
export function columnTitle(id: string): string {
  const column = parseColumn(id);
  return column.kind === "field" ? (FIELDS[column.key] ?? column.key) : column.key;
}

/** Whether the list of runs brings the column's values. */
export function isAsked(id: string): boolean {
  const column = parseColumn(id);
  return column.kind === "metric" ? READY.has(column.aggregate) : isFact(column);
}

/** Whether the column is asked for rows in view only: from the points of a series, or what the run shows by itself. */
export function isDrawn(id: string): boolean {
  const { kind } = parseColumn(id);
  return kind === "at" || kind === "spark" || id === FINDINGS;
}

/** Whether the server can order by the column. */
export function isSortable(id: string): boolean {
  return isAsked(id) || (id !== "tags" && !isDrawn(id) && (id === "name" || id in FIELDS));
}

/** The value of a field column as text. */
export function fieldText(run: RunRow, field: string, nowUs: number): string {
  if (field === "created") return formatAgo(run.created_us, nowUs);
  if (field === "duration") return formatDuration(Math.max(0, (run.ended_us ?? (run.state === "running" ? nowUs : run.updated_us)) - run.created_us));
  if (field === "tags") return run.tags.join(", ");
  const value = (run as unknown as Record<string, Value>)[field];
  return formatValue(value);
}

/**
 * The order after a click on a column. The first click ascends for texts and descends for numbers, the next one turns it
 * round; with `more` (Shift) other columns stay, and the third click takes the column out.
 */
export function nextSort(sort: readonly string[], id: string, numeric: boolean, more: boolean): string[] {
  const [first, second] = numeric ? [`-${id}`, id] : [id, `-${id}`];
  if (!more) return [sort[0] === first ? second : first];
  const at = sort.findIndex((s) => s === first || s === second);
  if (at < 0) return [...sort, first];
  return sort[at] === first ? sort.map((s, i) => (i === at ? second : s)) : sort.filter((_, i) => i !== at);
}

/** The column that an entry of an order names. */
export function sortedColumn(entry: string): string {
  return entry.replace(/^-/, "");
}
