/** Tables of `epochal/domain/table.py` in the browser: read, ordered, and as text. Pure. */
import { exactJson } from "../exact";
import { formatNumber, formatValue, wireNumber } from "../format";
import { compareText } from "../sections";
import type { Value } from "../wire";
import type { BlobView, MediaView, Meta } from "./shapes";

export interface TableData {
  columns: string[];
  types: string[];
  rows: Value[][];
  /** How many rows the whole table has. */
  total: number;
}

const PLAIN = new Set(["number", "boolean", "text", "json", "mixed"]);

/** The first rows, which come with the table's meta. */
export function previewOf(meta: Meta): TableData | null {
  const { columns, types, preview, rows } = meta;
  if (!Array.isArray(columns) || !Array.isArray(preview)) return null;
  const names = columns.map((c) => String(c));
  const kinds = names.map((_, i) => (Array.isArray(types) && typeof types[i] === "string" ? (types[i] as string) : "mixed"));
  const shown = preview.filter((row): row is Value[] => Array.isArray(row));
  return { columns: names, types: kinds, rows: shown, total: typeof rows === "number" ? rows : shown.length };
}

/** Reads the whole table; throws when it is none. */
export function readTable(text: string): TableData {
  const lines = text.split("\n");
  const head = JSON.parse(lines[0]) as { columns?: unknown; types?: unknown };
  if (!Array.isArray(head.columns) || !Array.isArray(head.types)) throw new Error("these bytes are no table");
  const rows: Value[][] = [];
  for (let i = 1; i < lines.length; i++) if (lines[i] !== "") rows.push(exactJson(lines[i]) as Value[]);
  return { columns: head.columns.map(String), types: head.types.map(String), rows, total: rows.length };
}

/** Whether cells of a column may be media. */
export function holdsMedia(type: string): boolean {
  return !PLAIN.has(type) || type === "mixed";
}

/**
 * The order of rows by one column; equal cells keep their order, missing ones stand last in both directions.
 */
export function orderRows(table: TableData, column: number, descending: boolean): Uint32Array {
  const order = Uint32Array.from(table.rows, (_, i) => i);
  const numeric = table.types[column] === "number";
  const values = table.rows.map((row) => (numeric ? (wireNumber(row[column]) ?? null) : cellText(row[column], "text")));
  const missing = (i: number): boolean => (numeric ? values[i] === null || Number.isNaN(values[i]) : table.rows[i][column] == null);
  const sign = descending ? -1 : 1;
  return order.sort((a, b) => {
    if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b)) || a - b;
    const way = numeric ? (values[a] as number) - (values[b] as number) || 0 : compareText(values[a] as string, values[b] as string);
    return way * sign || a - b;
  });
}

/** A cell on one line. */
export function cellText(cell: Value | undefined, type: string): string {
  if (cell === null || cell === undefined) return "";
  if (type === "number" || type === "mixed") {
    const number = wireNumber(cell);
    if (number !== undefined && (typeof cell === "number" || !Number.isFinite(number))) return Number.isSafeInteger(number) ? String(number).replace("-", "−") : formatNumber(number, 6);
  }
  if (typeof cell === "object" && !Array.isArray(cell) && typeof cell.kind === "string" && cell.meta !== undefined) {
    const { caption } = cell.meta as Meta;
    return typeof caption === "string" && caption ? caption : cell.kind;
  }
  if (typeof cell === "string") return cell;
  return typeof cell === "object" ? JSON.stringify(cell) : formatValue(cell);
}

/** The media in a cell, with the bytes that the table's item keeps for it; null for a plain cell. */
export function cellMedia(cell: Value | undefined, blobs: Record<string, BlobView>): MediaView | null {
  if (typeof cell !== "object" || cell === null || Array.isArray(cell)) return null;
  const { kind, meta, cell: number } = cell;
  if (typeof kind !== "string" || typeof meta !== "object" || meta === null || Array.isArray(meta)) return null;
  const found: Record<string, BlobView> = {};
  const data = typeof number === "number" ? blobs[`cell:${number}`] : undefined;
  if (data) found.data = data;
  const prefix = `cell:${String(number)}:`;
  for (const [role, blob] of Object.entries(blobs)) if (role.startsWith(prefix)) found[role.slice(prefix.length)] = blob;
  return { kind, meta, blobs: found };
}

/** How wide a column should be, from its head and first cells. */
export function columnWidth(table: TableData, column: number): number {
  const type = table.types[column];
  if (!PLAIN.has(type)) return 110;
  let longest = table.columns[column].length + 2;
  for (const row of table.rows.slice(0, 50)) longest = Math.max(longest, Math.min(48, cellText(row[column], type).length));
  return Math.max(70, Math.min(360, 22 + longest * 7.2));
}
