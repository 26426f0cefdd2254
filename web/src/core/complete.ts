/**
 * Completion of the filter, a pure function of its text: what the grammar of `domain/query.py` takes at the cursor, out of
 * the keys and the loaded rows of a project.
 *
 * Promises: what is taken can be read by the grammar, odd keys and texts quoted; nothing before the word at the cursor changes;
 * where the text makes no sense, nothing is suggested. Values are those of loaded runs only.
 */
import { AGGREGATES, factColumn, isFact, metricColumn, parseColumn } from "./columnid";
import { isSystem } from "./sections";
import type { ProjectKeys, RunRow, Value } from "./wire";

/** What the page knows of a project. */
export interface Known {
  keys: ProjectKeys | null;
  rows: readonly RunRow[];
  /** Values of the rows by column. */
  values: Readonly<Record<string, readonly Value[]>>;
}

export interface Suggestion {
  /** What replaces the range. */
  text: string;
  /** What kind of thing it is, in a word or two. */
  what: string;
}

export interface Completion {
  from: number;
  to: number;
  items: Suggestion[];
}

interface Piece {
  kind: "field" | "text" | "number" | "word" | "operator" | "mark";
  text: string;
  from: number;
  to: number;
  /** It goes on where the text ends: its quote or bracket is open. */
  open?: boolean;
}

/** What may stand next. */
type Place = "condition" | "operator" | "value" | "list" | "listed" | "pattern" | "in" | "of-list" | "tags" | "link" | "field" | "ago" | "close" | "nothing";

const MOST = 50;
const MOST_VALUES = 200;
const STATES = ["running", "finished", "failed", "crashed", "killed"];
const TIMES = ["created", "updated", "ended"];
const ATTRIBUTES = ["name", "state", ...TIMES, "duration", "group", "job_type", "host", "notes", "last_step", "exit_code", "archived", "id"];
const FUNCTIONS = ["exists", ...AGGREGATES, "count"];
const OPERATORS = ["==", "!=", "<", "<=", ">", ">=", "in", "not in", "like"];

const TEXT = `"(?:[^"\\\\]|\\\\.)*"|'(?:[^'\\\\]|\\\\.)*'`;
const OPEN_TEXT = `"(?:[^"\\\\]|\\\\.)*|'(?:[^'\\\\]|\\\\.)*`;
const NAME = `[\\w./@:+-]`;
const SCOPE = "(?:config|summary|tags)";
const CALLS = `(?:${[...AGGREGATES, "count"].join("|")})`;
const FORMS: [Piece["kind"], RegExp, boolean?][] = [
  ["field", new RegExp(`${CALLS}\\(\\s*(?:${TEXT}|${NAME}+)\\s*\\)`, "y")],
  ["field", new RegExp(`${CALLS}\\(\\s*(?:${OPEN_TEXT}|${NAME}*)$`, "y"), true],
  ["field", new RegExp(`${SCOPE}\\[\\s*(?:${TEXT})\\s*\\]`, "y")],
  ["field", new RegExp(`${SCOPE}\\[\\s*(?:${TEXT}|${OPEN_TEXT})?$`, "y"), true],
  ["text", new RegExp(TEXT, "y")],
  ["text", new RegExp(`(?:${OPEN_TEXT})$`, "y"), true],
  ["number", new RegExp(`[-+]?\\.?\\d${NAME}*`, "y")],
  ["word", new RegExp(`[A-Za-z_]${NAME}*`, "y")],
  ["operator", /==|!=|<=|>=|<|>/y],
  ["mark", /[()[\],]/y],
];

/** What fits at the cursor, best first; null where there is nothing to say. */
export function complete(text: string, cursor: number, known: Known): Completion | null {
  const pieces = cut(text.slice(0, cursor));
  if (!pieces) return null;
  const last = pieces.at(-1);
  const typed = last && last.to === cursor && (last.open || last.kind === "word") ? last : null;
  if (last && !typed && last.to === cursor && !/[([,]/.test(last.text)) return null;
  const before = typed ? pieces.slice(0, -1) : pieces;
  const place = placeAfter(before);
  const prefix = typed?.text ?? "";
  const items = ranked(candidates(place, before, prefix, known), prefix);
  if (items.length === 0) return null;
  return { from: typed?.from ?? cursor, to: cursor + restOf(prefix, text.slice(cursor)), items };
}

/** The text of a filter after a suggestion is taken, and where the cursor stands then. */
export function taken(text: string, { from, to }: Completion, { text: chosen }: Suggestion): { text: string; cursor: number } {
  const [before, after] = [text.slice(0, from) + chosen, text.slice(to)];
  if (/[([]$/.test(chosen)) return { text: before + after, cursor: before.length };
  const space = /^[\s)\],]/.test(after) ? "" : " ";
  return { text: before + space + after, cursor: before.length + (space !== "" || /^\s/.test(after) ? 1 : 0) };
}

/** The pieces of an expression; null when one of them is none. */
function cut(text: string): Piece[] | null {
  const pieces: Piece[] = [];
  for (let at = 0; at < text.length; ) {
    if (/\s/.test(text[at])) {
      at++;
      continue;
    }
    const piece = pieceAt(text, at);
    if (!piece) return null;
    pieces.push(piece);
    at = piece.to;
  }
  return pieces;
}

function pieceAt(text: string, at: number): Piece | null {
  for (const [kind, form, open] of FORMS) {
    form.lastIndex = at;
    const found = form.exec(text)?.[0];
    if (found) return { kind, text: found, from: at, to: at + found.length, open };
  }
  return null;
}

function placeAfter(pieces: readonly Piece[]): Place {
  let place: Place = "condition";
  for (const piece of pieces) place = next(place, piece);
  return place;
}

/** One step of the grammar: what may follow a piece that stands at a place. */
function next(place: Place, { kind, text }: Piece): Place {
  const isValue = kind === "text" || kind === "number" || text === "true" || text === "false";
  switch (place) {
    case "condition":
      if (text === "not" || text === "(") return "condition";
      if (text === "exists") return "field";
      if (isValue) return "in";
      return kind === "field" || kind === "word" ? "operator" : "nothing";
    case "field":
      if (text === "(") return "field";
      return kind === "field" || kind === "word" ? "close" : "nothing";
    case "close":
      return text === ")" ? "link" : "nothing";
    case "in":
      if (text === "not") return "in";
      if (text === "in") return "tags";
      return kind === "operator" ? "field" : "nothing";
    case "tags":
      return text === "tags" ? "link" : "nothing";
    case "operator":
      if (kind === "operator") return "value";
      if (text === "not") return "operator";
      return text === "in" ? "of-list" : text === "like" ? "pattern" : "nothing";
    case "of-list":
      return text === "[" ? "list" : "nothing";
    case "list":
      return isValue ? "listed" : text === "]" ? "link" : "nothing";
    case "listed":
      return text === "," ? "list" : text === "]" ? "link" : "nothing";
    case "value":
    case "pattern":
      if (text === "ago") return "ago";
      return isValue ? "link" : "nothing";
    case "ago":
      if (text === "(") return "ago";
      return kind === "text" ? "close" : "nothing";
    case "link":
      if (text === ")") return "link";
      return text === "and" || text === "or" ? "condition" : "nothing";
    case "nothing":
      return "nothing";
  }
}

function candidates(place: Place, before: readonly Piece[], prefix: string, known: Known): Suggestion[] {
  switch (place) {
    case "condition":
      return [...(isQuoted(prefix) ? [] : conditions(prefix, known)), ...tags(known)];
    case "field":
      return before.at(-1)?.text === "exists" ? [{ text: "(", what: "function" }] : fields(prefix, known);
    case "in":
      return [{ text: "in tags", what: "tag" }, { text: "not in tags", what: "tag" }];
    case "tags":
      return [{ text: "tags", what: "tags" }];
    case "operator":
      return operators(before);
    case "of-list":
      return [{ text: "[", what: "list" }];
    case "list":
    case "value":
    case "pattern":
      return valuesOf(before, place, known);
    case "link":
      return [{ text: "and", what: "" }, { text: "or", what: "" }];
    default:
      return [];
  }
}

const isQuoted = (text: string): boolean => /^["']/.test(text);

function conditions(prefix: string, known: Known): Suggestion[] {
  const functions = FUNCTIONS.map((name) => ({ text: `${name}(`, what: "function" }));
  return [...fields(prefix, known), ...functions, { text: "not", what: "" }];
}

function fields(prefix: string, { keys }: Known): Suggestion[] {
  const call = /^(\w+)\(/.exec(prefix)?.[1] ?? "last";
  const metrics = [...(keys?.metrics ?? [])].sort((a, b) => Number(isSystem(a.key)) - Number(isSystem(b.key)));
  return [
    ...ATTRIBUTES.map((text) => ({ text, what: "run" })),
    ...(keys?.config ?? []).map(({ key, kind }) => ({ text: factColumn("config", key), what: kind })),
    ...metrics.map(({ key }) => ({ text: metricColumn(call, key), what: "metric" })),
    ...(keys?.summary ?? []).map(({ key, kind }) => ({ text: factColumn("summary", key), what: kind })),
    ...(keys?.tags ?? []).map(({ key }) => ({ text: factColumn("tags", key), what: "tag" })),
  ];
}

function tags({ rows }: Known): Suggestion[] {
  return distinct(rows.flatMap((run) => run.tags)).map((tag) => ({ text: `${tag} in tags`, what: "tag" }));
}

function operators(before: readonly Piece[]): Suggestion[] {
  if (before.at(-1)?.text === "not") return [{ text: "in", what: "list" }, { text: "like", what: "pattern" }];
  const words: Record<string, string> = { in: "one of a list", "not in": "none of a list", like: "pattern with * and ?" };
  return OPERATORS.map((text) => ({ text, what: words[text] ?? "" }));
}

/** Values of the field that a comparison began with. */
function valuesOf(before: readonly Piece[], place: Place, known: Known): Suggestion[] {
  const field = [...before].reverse().find((piece) => piece.kind === "field" || (piece.kind === "word" && !/^(not|in|like)$/.test(piece.text)));
  if (!field) return [];
  if (TIMES.includes(field.text)) return place === "value" ? ["1h", "1d", "7d", "30d"].map((t) => ({ text: `ago("${t}")`, what: "time" })) : [];
  if (field.text === "state") return STATES.map((s) => ({ text: JSON.stringify(s), what: "state" }));
  if (field.text === "archived") return ["true", "false"].map((text) => ({ text, what: "" }));
  return distinct(loaded(field.text, known).filter((value) => typeof value !== "number" && (place !== "pattern" || typeof value === "string"))).map((text) => ({ text, what: "loaded runs" }));
}

/** The values of a field among the loaded runs. */
function loaded(field: string, { rows, values }: Known): Value[] {
  const asked = parseColumn(field);
  const { kind, key } = asked;
  if (kind === "field") return ["name", "id", "group", "job_type", "host"].includes(key) ? rows.map((run) => run[key as "name"]) : [];
  if (!isFact(asked)) return [];
  const column = Object.keys(values).find((id) => {
    const other = parseColumn(id);
    return other.kind === kind && other.key === key;
  });
  return column ? values[column].filter((value) => typeof value === "string" || typeof value === "boolean") : [];
}

/** Each value once, as the grammar reads it. */
function distinct(values: readonly Value[]): string[] {
  const spelled = new Set<string>();
  for (const value of values) {
    if (value !== null && value !== "") spelled.add(JSON.stringify(value));
    if (spelled.size >= MOST_VALUES) break;
  }
  return [...spelled];
}

/** Those that fit what was typed and say more: by their beginning, by the beginning of their key or of a part of it, by any part. */
function ranked(items: readonly Suggestion[], prefix: string): Suggestion[] {
  const sought = prefix.toLowerCase();
  const bare = bareOf(sought);
  const byRank: Suggestion[][] = [[], [], [], []];
  for (const item of items) {
    if (item.text === prefix) continue;
    const rank = rankOf(item.text.toLowerCase(), sought, bare);
    if (rank >= 0) byRank[rank].push(item);
  }
  return byRank.flat().slice(0, MOST);
}

/** What was typed without the function, scope or quote that it stands in. */
function bareOf(text: string): string {
  return text.replace(/^(\w+\(|(config|summary|tags)[.[])/, "").replace(/^\s*["']/, "");
}

function rankOf(text: string, sought: string, bare: string): number {
  if (text.startsWith(sought)) return 0;
  const scope = /^(\w+\(|(config|summary|tags)[.[])/.exec(sought)?.[1].replace(/[.[]$/, "");
  if (scope !== undefined && !text.startsWith(scope)) return -1;
  const key = bareOf(text);
  if (key.startsWith(bare)) return 1;
  const at = key.indexOf(bare);
  if (at < 0) return -1;
  return /\w/.test(key[at - 1]) ? 3 : 2;
}

/** How much of what follows the cursor belongs to the word at it. */
function restOf(prefix: string, after: string): number {
  const quote = /["']/.exec(prefix)?.[0];
  if (quote) return new RegExp(`^[^\\s"']*${quote}[)\\]]?`).exec(after)?.[0].length ?? 0;
  return prefix === "" ? 0 : (new RegExp(`^${NAME}*${prefix.includes("(") ? "\\)?" : ""}`).exec(after)?.[0].length ?? 0);
}
