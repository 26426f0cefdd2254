/**
 * Brushes are the filter: a range marked on an axis is a pair of comparisons in the `where` expression, and what the
 * expression says of a column is drawn as its brush. Pure.
 *
 * Promises: reading what was written gives the same brush; conditions on other columns, and conditions that no brush can
 * say, stay as they were typed.
 */
import { formatValue } from "../format";
import type { Value } from "../wire";
import { finite } from "./axes";

export type Brush = { lo: number | null; hi: number | null } | { texts: string[] };

/** Splits an expression at its outermost `and`; one with an outermost `or` is a single term. */
export function termsOf(where: string): string[] {
  const terms: string[] = [];
  let depth = 0;
  let start = 0;
  const text = where.trim();
  const word = /"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[([]|[)\]]|[^\s"'()[\]]+|\s+/gs;
  for (const match of text.matchAll(word)) {
    const token = match[0];
    if (token === "(" || token === "[") depth++;
    else if (token === ")" || token === "]") depth--;
    else if (depth === 0 && token === "or") return [text];
    else if (depth === 0 && token === "and") {
      terms.push(text.slice(start, match.index).trim());
      start = match.index + token.length;
    }
  }
  terms.push(text.slice(start).trim());
  return terms.filter((t) => t !== "");
}

interface Said {
  column: string;
  brush: Brush;
}

const COMPARISON = /^(.+?)\s*(>=|<=)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)$/s;
const MEMBERSHIP = /^(.+?)\s+in\s+(\[.*\])$/s;

function readTerm(term: string, columns: ReadonlySet<string>): Said | null {
  const comparison = COMPARISON.exec(term);
  if (comparison && columns.has(comparison[1])) {
    const value = Number(comparison[3]);
    return { column: comparison[1], brush: comparison[2] === ">=" ? { lo: value, hi: null } : { lo: null, hi: value } };
  }
  const membership = MEMBERSHIP.exec(term);
  if (!membership || !columns.has(membership[1])) return null;
  try {
    const list: unknown = JSON.parse(membership[2]);
    return Array.isArray(list) && list.length > 0 && list.every((v) => typeof v === "string") ? { column: membership[1], brush: { texts: list } } : null;
  } catch {
    // A list that is not spelled as ours stays a condition of its own.
    return null;
  }
}

/** The brushes that an expression says of these columns, and the expression without them. */
export function readBrushes(where: string, columns: Iterable<string>): { brushes: Map<string, Brush>; rest: string } {
  const known = new Set(columns);
  const brushes = new Map<string, Brush>();
  const rest: string[] = [];
  for (const term of termsOf(where)) {
    const said = readTerm(term, known);
    const before = said && brushes.get(said.column);
    if (!said) rest.push(term);
    else if (!before) brushes.set(said.column, said.brush);
    else if ("lo" in before && "lo" in said.brush && (before.lo === null) !== (said.brush.lo === null) && (before.hi === null) !== (said.brush.hi === null)) {
      brushes.set(said.column, { lo: before.lo ?? said.brush.lo, hi: before.hi ?? said.brush.hi });
    } else rest.push(term);
  }
  return { brushes, rest: rest.join(" and ") };
}

/** The expression with the brush of one column set anew; null takes it away. */
export function writeBrush(where: string, columns: readonly string[], column: string, brush: Brush | null): string {
  const { brushes, rest } = readBrushes(where, columns);
  if (brush) brushes.set(column, brush);
  else brushes.delete(column);
  if (brushes.size === 0) return rest;
  const single = termsOf(rest);
  // One term with an outermost `or` binds weaker than our `and`.
  const kept = single.length === 1 && /\bor\b/.test(single[0]) && !isEnclosed(single[0]) ? `(${rest})` : rest;
  return [kept, ...[...brushes].flatMap(([name, said]) => spell(name, said))].filter((t) => t !== "").join(" and ");
}

function isEnclosed(text: string): boolean {
  if (!text.startsWith("(") || !text.endsWith(")")) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "(") depth++;
    else if (text[i] === ")" && --depth === 0) return i === text.length - 1;
  }
  return false;
}

function spell(column: string, brush: Brush): string[] {
  if ("texts" in brush) return [`${column} in [${brush.texts.map((t) => JSON.stringify(t)).join(", ")}]`];
  return [...(brush.lo === null ? [] : [`${column} >= ${brush.lo}`]), ...(brush.hi === null ? [] : [`${column} <= ${brush.hi}`])];
}

/** Whether a value lies within a brush; what has no place on the axis does not. */
export function isWithin(brush: Brush, value: Value | undefined): boolean {
  if ("texts" in brush) return value !== null && value !== undefined && brush.texts.includes(formatValue(value));
  const number = finite(value);
  return number !== null && (brush.lo === null || number >= brush.lo) && (brush.hi === null || number <= brush.hi);
}
