/**
 * What an address says and the page cannot use, so that it can be told. Pure.
 *
 * Promises: whatever `parseView` reads as it was written is not odd; lists of panels are no matter of this, as what they name may come
 * later; a filter, an order and groups that cannot be read are told by the server.
 */
import { AGGREGATES, FIELDS, parseColumn, sortedColumn } from "./columnid";
import { parseSpec } from "./panelspec";
import { listOf, MOST_LEVELS, MOST_SORTS, parseView, VIEW_KEYS, type View } from "./url";
import type { ProjectKeys } from "./wire";

export interface Oddity {
  /** What was given: `z=5,1`. */
  given: string;
  /** Why it cannot be used, and what could be: the end of a sentence. */
  why: string;
}

/** What a workspace takes beside its view. */
const PLACES = new Set<string>([...VIEW_KEYS, "line", "v", "spread", "differ", "at"]);
/** What rows have besides the fields that the table offers. */
const OF_A_ROW = new Set(["name", "uid", "exit_code", "archived", "nan_key", "nan_step"]);
const MOST_SHOWN = 60;

const shown = (text: string): string => (text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text);

type Rule = (text: string, view: View) => string | null;
const RULES: Record<string, Rule> = {
  z: (_, view) => (view.z ? null : "is no range: two numbers, the smaller one first, as in z=100,200"),
  sm: (text, view) => (view.sm > 0 || text === "ema:0" ? null : "is no smoothing: ema: and a weight between 0 and 1, as in sm=ema:0.6"),
  x: (_, view) => (view.x === null ? "is no axis: step, time, rel, or m: and the key of a metric" : null),
  band: (text) => (["range", "std", "none", "runs"].includes(text) ? null : "is no band: range, std, none or runs"),
  spread: (text) => (text === "range" ? null : "is no spread: only range, or nothing for the standard deviation"),
  differ: (text) => (text === "1" ? null : "can only be 1"),
  line: (text) => (/^\d+$/.test(text) ? null : "is no line of a log: a number from 0"),
  pin: (text, view) => (/^\d{1,3}$/.test(text) && Number(text) <= (view.cols?.length ?? 0) ? null : "is no number of columns to pin: at most those of cols="),
  w: (text) => (listOf(text).every((item) => /^\d{2,4}~./s.test(item)) ? null : "has a width that cannot be read: pixels~column, as in w=120~config.lr"),
  sort: (text) => (listOf(text).length > MOST_SORTS ? `has more than ${MOST_SORTS} columns; the first ${MOST_SORTS} count` : null),
  group: (text) => (listOf(text).length > MOST_LEVELS ? `has more than ${MOST_LEVELS} levels; the first ${MOST_LEVELS} count` : null),
  add: (text) => (listOf(text).every((item) => parseSpec(item) !== null) ? null : "has a panel that cannot be read, such as lines:train/* or bar:min(val/loss)"),
};

/**
 * Parameters of an address with values that make no sense; on a workspace also those that are none.
 *
 * @param query what follows the `?`
 * @param whole whether the page takes no others than a workspace does
 */
export function oddParameters(query: string, whole: boolean): Oddity[] {
  const view = parseView(query);
  const found: Oddity[] = [];
  for (const [name, value] of new URLSearchParams(query)) {
    const why = value === "" ? null : Object.hasOwn(RULES, name) ? RULES[name](value, view) : whole && !PLACES.has(name) ? "is nothing that this page knows" : null;
    if (why !== null) found.push({ given: shown(`${name}=${value}`), why });
  }
  return found;
}

/** Columns that no run has; what the table, its order and its groups would show of them is nothing. */
export function unknownColumns(view: View, keys: ProjectKeys): string[] {
  const named = [...(view.cols ?? []), ...view.sort.map(sortedColumn), ...view.group];
  const metrics = new Set(keys.metrics.map((use) => use.key));
  const isOne = (id: string): boolean => {
    const column = parseColumn(id);
    if (column.kind === "field") return Object.hasOwn(FIELDS, column.key) || OF_A_ROW.has(column.key) || !view.cols?.includes(id);
    if (column.kind === "metric" && !([...AGGREGATES, "count"] as string[]).includes(column.aggregate)) return false;
    if (column.kind === "config") return has(keys.config, column.key);
    if (column.kind === "tags") return has(keys.tags, column.key);
    return metrics.has(column.key) || (column.kind === "summary" && has(keys.summary, column.key));
  };
  return [...new Set(named)].filter((id) => !isOne(id));
}

/** Whether a key is used, or one inside of it. */
function has(uses: readonly { key: string }[], key: string): boolean {
  const inside = `${key}.`;
  return uses.some((use) => use.key === key || use.key.startsWith(inside));
}

/** Such columns as what is told of an address. */
export function oddColumns(ids: readonly string[]): Oddity[] {
  if (ids.length === 0) return [];
  const named = ids.slice(0, 3).map(shown).join(", ");
  const more = ids.length > 3 ? ` and ${ids.length - 3} more` : "";
  return [{ given: named + more, why: `${ids.length === 1 ? "is a column" : "are columns"} that no run of this project has` }];
}
