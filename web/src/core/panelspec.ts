/**
 * Panels that a user adds, as text: `lines:train/*|val/loss`, `formula:train/loss - val/loss`,
 * `scatter:config.lr;last(val/acc);config.model`, `bar:min(val/loss)`, `parallel:config.lr;config.depth;last(val/acc)`,
 * `importance:min(val/loss)`, `ridge:gradients/fc.weight`, `heat:gradients/fc.weight` (histograms over steps), `media:roc`. Pure.
 *
 * Promises: reading what was written gives the same panel; a text that is none is null, never an exception.
 */
import { columnTitle, parseColumn } from "./columnid";
import { matcher } from "./sections";

export type PanelSpec =
  | { kind: "lines"; pattern: string }
  | { kind: "formula"; text: string }
  | { kind: "scatter"; x: string; y: string; color: string }
  | { kind: "bar"; y: string }
  | { kind: "parallel"; columns: string[] }
  | { kind: "importance"; target: string }
  | { kind: "ridge" | "heat" | "media"; key: string };

export type PanelKind = PanelSpec["kind"];

/** Whether a panel asks for runs of a project itself, and not for series or media of the runs that it is given. */
export function isOverRuns({ kind }: PanelSpec): boolean {
  return kind === "scatter" || kind === "bar" || kind === "parallel" || kind === "importance";
}

const escape = (text: string): string => text.replace(/[%;]/g, encodeURIComponent);

function unescape(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function formatSpec(spec: PanelSpec): string {
  if (spec.kind === "lines") return `lines:${spec.pattern}`;
  if (spec.kind === "formula") return `formula:${spec.text}`;
  if (spec.kind === "scatter") return `scatter:${[spec.x, spec.y, spec.color].map(escape).join(";")}`;
  if (spec.kind === "parallel") return `parallel:${spec.columns.map(escape).join(";")}`;
  if (spec.kind === "bar") return `bar:${spec.y}`;
  return spec.kind === "importance" ? `importance:${spec.target}` : `${spec.kind}:${spec.key}`;
}

/** Reads an added panel; null for any other text, the key of a metric among them. */
export function parseSpec(name: string): PanelSpec | null {
  const at = name.indexOf(":");
  return at > 0 && at < name.length - 1 ? specOf(name.slice(0, at), name.slice(at + 1)) : null;
}

// Apart: nearly all names are keys, and what is called that often is compiled.
function specOf(kind: string, rest: string): PanelSpec | null {
  if (kind === "lines") return { kind, pattern: rest };
  if (kind === "formula") return { kind, text: rest };
  if (kind === "bar") return { kind, y: rest };
  if (kind === "importance") return { kind, target: rest };
  if (kind === "ridge" || kind === "heat" || kind === "media") return { kind, key: rest };
  const parts = rest.split(";").map(unescape);
  if (kind === "parallel") return { kind, columns: [...new Set(parts.filter((p) => p !== ""))] };
  const [x, y, color = ""] = parts;
  return x && y && kind === "scatter" ? { kind, x, y, color } : null;
}

/** A column as titles name it: with what is taken of a metric. */
function named(id: string): string {
  const column = parseColumn(id);
  return column.kind === "metric" ? `${column.aggregate} ${column.key}` : columnTitle(id);
}

/** The title of an added panel. */
export function specTitle(spec: PanelSpec): string {
  if (spec.kind === "lines") return spec.pattern;
  if (spec.kind === "formula") return spec.text;
  if (spec.kind === "scatter") return `${named(spec.y)} by ${named(spec.x)}`;
  if (spec.kind === "bar") return named(spec.y);
  if (spec.kind === "parallel") return spec.columns.map(named).join(" · ");
  return spec.kind === "importance" ? `What matters for ${named(spec.target)}` : spec.key;
}

/** At most so many series keys in one panel; more could not be told apart. */
export const MOST_KEYS = 40;

/** Of a part of a pattern: whether it is a regular expression, as `epochal/reports/panel.py` judges it. */
const isExpression = (part: string, known: ReadonlySet<string>): boolean => !known.has(part) && /[?^$[\](){}+\\]/.test(part);

/** The parts of a pattern between bars; those inside of brackets belong to a regular expression: `^(train|val)/loss$` is one. */
function partsOf(pattern: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const sign of pattern) {
    if ("([{".includes(sign)) depth++;
    else if (")]}".includes(sign)) depth--;
    if (sign === "|" && depth <= 0) parts.push("");
    else parts[parts.length - 1] += sign;
  }
  // A bracket that is never closed opens nothing.
  return (depth > 0 ? pattern.split("|") : parts).map((part) => part.trim());
}

/** A pattern as reports take it: with the names that regular expressions find now in their place; null where they find none. */
export function plainPattern(pattern: string, keys: readonly string[]): string | null {
  const known = new Set(keys);
  if (!partsOf(pattern).some((part) => isExpression(part, known))) return pattern;
  return keysOf(pattern, keys).join("|") || null;
}

/** The keys that a pattern names: those of each part between bars, in the order of the keys. */
export function keysOf(pattern: string, keys: readonly string[]): string[] {
  const known = new Set(keys);
  if (known.has(pattern)) return [pattern];
  const exact = partsOf(pattern);
  if (exact.every((part) => known.has(part))) return exact.slice(0, MOST_KEYS);
  const parts = exact.filter((part) => part !== "").map((part) => (known.has(part) ? (key: string) => key === part : matcher(/[*?^$[(\\]/.test(part) ? `^${part.replace(/^\^/, "")}` : part)));
  return keys.filter((key) => parts.some((fits) => fits(key))).slice(0, MOST_KEYS);
}
