/**
 * Media as lines of CSV: the points of plots, the bins of histograms, the cells of tables, texts. Pure.
 *
 * Promises: numbers keep all their digits; what is not made of values (images, sound, films) is listed with what is known
 * of it, never left out.
 */
import { cell, line } from "../charts/csv";
import { readHistogram, readSpec, type PlotSpec } from "../plots/spec";
import { formatTime, wireNumber } from "../format";
import type { Value } from "../wire";
import { previewOf, readTable } from "./table";
import type { MediaView } from "./shapes";

/** An item of a run at a step, with the text of its bytes where it has some that are text. */
export interface Told {
  run: string;
  name: string;
  step: number;
  index: number;
  item: MediaView;
  text: string | null;
}

type Cells = readonly (string | number)[];

interface Sheet {
  head: readonly string[];
  rows: Cells[];
}

const LEAD = ["run", "name", "step", "item"];

/** Kinds whose bytes are read for their values. */
export const isRead = (kind: string): boolean => kind === "plot" || kind === "table" || kind === "text" || kind === "markdown";

/** All items under each other; where they have different columns each kind of them under a head of its own. */
export function csvOfMedia(items: readonly Told[]): string {
  const out: string[] = [];
  let before = "";
  for (const told of items) {
    const { head, rows } = sheetOf(told);
    const first = line([...LEAD, ...head]);
    if (first !== before) out.push(...(before === "" ? [] : ["\r\n"]), first);
    before = first;
    const lead = [told.run, told.name, told.step, told.index].map(cell).join(",");
    for (const row of rows) out.push(`${lead},${line(row)}`);
  }
  return out.join("");
}

function sheetOf({ item, text }: Told): Sheet {
  const { kind, meta } = item;
  const spec = kind === "histogram" ? readHistogram(meta) : kind === "plot" ? readSpec(meta.type, meta.spec ?? parsed(text)) : null;
  if (spec) return sheetOfPlot(spec);
  if (kind === "table") {
    const table = text === null ? previewOf(meta) : readTable(text);
    if (table) return { head: table.columns, rows: table.rows.map((row) => table.columns.map((_, i) => plain(row[i]))) };
  }
  if (kind === "text" || kind === "markdown") return { head: ["text"], rows: [[text ?? plain(meta.text)]] };
  const { data } = item.blobs;
  return { head: ["kind", "caption", "width", "height", "bytes", "sha256"], rows: [[kind, plain(meta.caption), plain(meta.width), plain(meta.height), data?.size ?? "", data?.digest ?? ""]] };
}

function sheetOfPlot(spec: PlotSpec): Sheet {
  const all = (values: ArrayLike<number>): number[] => Array.from(values);
  if (spec.kind === "bar") return { head: [spec.label || "label", spec.value || "value"], rows: spec.labels.map((label, i) => [label, spec.values[i]]) };
  if (spec.kind === "box") return { head: [spec.label || "label", "low", "q1", "median", "q3", "high", "count"], rows: spec.boxes.map((box, i) => [spec.labels[i], ...box.at, box.count]) };
  if (spec.kind === "histogram") return { head: ["from", "to", "count"], rows: all(spec.counts).map((count, i) => [spec.edges[i], spec.edges[i + 1], count]) };
  if (spec.kind === "confusion") {
    const { classes, counts, heat } = spec;
    const rows = classes.flatMap((name, row) => (heat?.columns ?? classes).map((other, column): Cells => [name, other, counts[row][column]]));
    return { head: heat ? [heat.y || "y", heat.x || "x", "value"] : ["actual", "predicted", "count"], rows };
  }
  const limits = spec.series.some((s) => s.thresholds);
  const rows = spec.series.flatMap((s) => all(s.x).map((x, i): Cells => [s.name, spec.days && Number.isFinite(x) ? formatTime(x) : x, s.y[i], ...(limits ? [s.thresholds?.[i] ?? ""] : [])]));
  return { head: ["series", spec.x || "x", spec.y || "y", ...(limits ? ["threshold"] : [])], rows };
}

function parsed(text: string | null): Value | undefined {
  try {
    return JSON.parse(text ?? "null") as Value;
  } catch {
    // What is no specification is listed as what it is.
  }
}

/** A value in one cell: numbers as such, what holds others as JSON. */
export function plain(value: Value | undefined): string | number {
  const number = typeof value === "boolean" ? undefined : wireNumber(value);
  if (number !== undefined) return number;
  return typeof value === "string" ? value : value === null || value === undefined ? "" : JSON.stringify(value);
}
