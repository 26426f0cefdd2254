/** Names of table columns (`config.lr`, `last(val/acc)`, `created`): what they mean and how a value of them reads. */
import { formatAgo, formatDuration, formatValue } from "./format";
import type { RunRow, Value } from "./wire";

export const AGGREGATES = ["last", "min", "max", "mean"] as const;
export type Aggregate = (typeof AGGREGATES)[number];

export type ColumnId =
  | { kind: "metric"; aggregate: string; key: string }
  | { kind: "config" | "summary"; key: string }
  | { kind: "field"; key: string };

/** Fields of a run that need no question to the server. */
export const FIELDS: Record<string, string> = {
  created: "Created", duration: "Duration", state: "State", group: "Group", job_type: "Job type", tags: "Tags", host: "Host", last_step: "Last step", notes: "Notes", id: "Id",
};

/** Columns by which the server can order without their being asked for. */
export const SORTABLE_FIELDS = new Set(["name", "state", "created", "duration"]);

/** Keys that the grammar of `where` takes without quotes. */
const PLAIN = /^[A-Za-z_][\w./@:+-]*$/;

/** Spells a metric column as the server reads it: `last(val/acc)`, `last("top-1 %")`. */
export function metricColumn(aggregate: string, key: string): string {
  return `${aggregate}(${PLAIN.test(key) ? key : JSON.stringify(key)})`;
}

/** Spells a column of config or summary: `config.lr`, `config["weird key"]`. */
export function factColumn(kind: "config" | "summary", key: string): string {
  return PLAIN.test(key) && !key.endsWith(".") ? `${kind}.${key}` : `${kind}[${JSON.stringify(key)}]`;
}

export function parseColumn(id: string): ColumnId {
  const call = /^(\w+)\((.*)\)$/s.exec(id);
  if (call) return { kind: "metric", aggregate: call[1], key: unquoted(call[2]) };
  for (const kind of ["config", "summary"] as const) {
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

/** The short title of a column. */
export function columnTitle(id: string): string {
  const column = parseColumn(id);
  return column.kind === "field" ? (FIELDS[column.key] ?? column.key) : column.key;
}

/** Whether the server must be asked for the column's values. */
export function isAsked(id: string): boolean {
  return parseColumn(id).kind !== "field";
}

/** The value of a field column as text. */
export function fieldText(run: RunRow, field: string, nowUs: number): string {
  if (field === "created") return formatAgo(run.created_us, nowUs);
  if (field === "duration") return formatDuration(Math.max(0, (run.ended_us ?? (run.state === "running" ? nowUs : run.updated_us)) - run.created_us));
  if (field === "tags") return run.tags.join(", ");
  const value = (run as unknown as Record<string, Value>)[field];
  return formatValue(value);
}

/** A metric column with its aggregate exchanged for the next one. */
export function nextAggregate(id: string): string {
  const column = parseColumn(id);
  if (column.kind !== "metric") return id;
  const at = AGGREGATES.indexOf(column.aggregate as Aggregate);
  return metricColumn(AGGREGATES[(at + 1) % AGGREGATES.length], column.key);
}
