/** What can be shown of a file, by its path, size and first bytes. Nothing in a file is ever run or taken for markup. Pure. */
import { exactJson } from "../exact";
import type { Value } from "../wire";

export type Kind = "text" | "json" | "table" | "markdown" | "image" | "audio" | "video" | "none";

/** Bytes of a text that are fetched for the preview. */
export const TEXT_BYTES = 1_048_576;
/** Larger images are not decoded unasked. */
export const IMAGE_BYTES = 32 * 1_048_576;
const MOST_ROWS = 5_000;
const MOST_COLUMNS = 200;

const ENDINGS: Record<string, Kind> = {};
for (const [kind, endings] of Object.entries({
  json: "json ipynb geojson",
  table: "csv tsv",
  markdown: "md markdown",
  image: "png jpg jpeg gif webp bmp svg avif ico",
  audio: "wav mp3 ogg oga flac m4a",
  video: "mp4 webm",
  none: "pdf zip gz tgz tar xz zst bz2 7z npy npz pt pth pt2 ckpt bin safetensors onnx parquet arrow feather h5 hdf5 pkl pickle skops torchscript so dll exe whl db sqlite glb stl",
})) {
  for (const ending of endings.split(" ")) ENDINGS[ending] = kind as Kind;
}

/** By the ending; what has none that is known is tried as text. */
export function kindOf(path: string): Kind {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  return ENDINGS[name.slice(name.lastIndexOf(".") + 1)] ?? "text";
}

/** Text in UTF-8, or null for what is none. A character that the cut went through is dropped. */
export function decodeText(bytes: Uint8Array, whole: boolean): string | null {
  if (bytes.includes(0)) return null;
  const text = new TextDecoder("utf-8").decode(bytes, { stream: !whole });
  const wrong = text.split("\ufffd").length - 1;
  return wrong > 8 && wrong > text.length / 50 ? null : text;
}

/** Lines without their ends; a last empty line is none. */
export function linesOf(text: string): string[] {
  const lines = text.split(/\r\n|\n|\r/);
  if (lines.length > 1 && lines[lines.length - 1] === "") lines.pop();
  return lines;
}

export interface Table {
  columns: string[];
  rows: string[][];
  /** There are more rows or columns than are shown. */
  cut: boolean;
}

/** Reads CSV as RFC 4180 has it, or TSV; quotes may hold separators and line ends. A ragged row is filled up. */
export function readTable(text: string, separator: "," | "\t"): Table {
  const records: string[][] = [];
  let record: string[] = [];
  let cell = "";
  let quoted = false;
  let i = text.startsWith("\ufeff") ? 1 : 0;
  const endCell = (): void => void (record.push(cell), (cell = ""));
  const endRecord = (): void => {
    endCell();
    if (record.length > 1 || record[0] !== "") records.push(record);
    record = [];
  };
  for (; i < text.length && records.length <= MOST_ROWS; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') (cell += '"'), i++;
      else quoted = false;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === separator) endCell();
    else if (c === "\n" || (c === "\r" && text[i + 1] !== "\n")) endRecord();
    else if (c !== "\r") cell += c;
  }
  if (i >= text.length && (cell !== "" || record.length > 0)) endRecord();
  const width = records.reduce((most, r) => Math.max(most, r.length), 0);
  const shown = Math.min(width, MOST_COLUMNS);
  const fit = (r: string[]): string[] => Array.from({ length: shown }, (_, k) => r[k] ?? "");
  const [head = [], ...rows] = records;
  return { columns: fit(head), rows: rows.map(fit), cut: i < text.length || width > shown };
}

/** A column is set to the right when most of its first cells are numbers. */
export function numericColumns(table: Table): boolean[] {
  return table.columns.map((_, k) => {
    const cells = table.rows.slice(0, 50).map((r) => r[k]).filter((c) => c !== "");
    return cells.length > 0 && cells.filter((c) => Number.isFinite(Number(c)) || /^[+-]?(nan|inf(inity)?)$/i.test(c)).length > cells.length / 2;
  });
}

const MOST_VALUES = 20_000;

/** JSON as the tree shows it: lists become branches by index. Null when it is no JSON or has too many values. */
export function readJson(text: string): { [key: string]: Value } | null {
  let left = MOST_VALUES;
  const branch = (value: Value): Value => {
    if (--left < 0) throw new RangeError("too many values");
    if (Array.isArray(value)) {
      const plain = value.length <= 16 && value.every((v) => typeof v !== "object" || v === null);
      return plain ? value : Object.fromEntries(value.map((v, i) => [`[${i}]`, branch(v)]));
    }
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, branch(v)]));
  };
  try {
    const read = branch(exactJson(text) as Value);
    return typeof read === "object" && read !== null && !Array.isArray(read) ? read : { value: read };
  } catch {
    return null; // shown as the text that it is
  }
}
