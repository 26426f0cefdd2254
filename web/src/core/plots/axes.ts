/**
 * Axes of columns of a table: numbers, numbers on a logarithmic axis, or texts in order. Pure.
 *
 * Promises: each value of a column has one place between 0 and 1, or none (missing, NaN and infinite ones), which the
 * caller draws apart instead of leaving it out; equal columns give equal axes.
 */
import { shortNumber, tickLabels, ticks } from "../axis";
import { formatValue, wireNumber } from "../format";
import type { Value } from "../wire";

export interface ColumnAxis {
  id: string;
  kind: "number" | "log" | "text";
  lo: number;
  hi: number;
  /** The texts of a text axis, from bottom to top. */
  texts: readonly string[];
}

/** A logarithmic axis suggests itself above this ratio of the greatest to the least value. */
const LOG_FROM = 30;

const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** The value as a finite number; null when it is none. */
export function finite(value: Value | undefined): number | null {
  const number = typeof value === "boolean" ? Number(value) : wireNumber(value);
  return number !== undefined && Number.isFinite(number) ? number : null;
}

/** Whether a column holds numbers: some, and besides them only what JSON cannot carry, and nothing. */
function isNumeric(values: readonly Value[]): boolean {
  let some = false;
  for (const value of values) {
    if (typeof value === "number") some = true;
    else if (value !== null && value !== undefined && !["NaN", "Infinity", "-Infinity"].includes(value as string)) return false;
  }
  return some;
}

/** The axis of a column; `log` null lets the values decide. */
export function axisOf(id: string, values: readonly Value[], log: boolean | null = null): ColumnAxis {
  if (!isNumeric(values)) {
    const texts = [...new Set(values.filter((v) => v !== null && v !== undefined).map((v) => formatValue(v)))].sort(order.compare);
    return { id, kind: "text", lo: 0, hi: Math.max(1, texts.length - 1), texts };
  }
  let [lo, hi] = [Infinity, -Infinity];
  for (const value of values) {
    const number = finite(value);
    if (number === null) continue;
    lo = Math.min(lo, number);
    hi = Math.max(hi, number);
  }
  if (!(lo <= hi)) [lo, hi] = [0, 1];
  const kind = lo > 0 && (log ?? hi / lo >= LOG_FROM) ? "log" : "number";
  if (lo === hi) [lo, hi] = kind === "log" ? [lo / 2, hi * 2] : [lo - (Math.abs(lo) / 2 || 0.5), hi + (Math.abs(hi) / 2 || 0.5)];
  return { id, kind, lo, hi, texts: [] };
}

/** Where a value stands, 0 at the bottom and 1 at the top; null where it has no place. */
export function placeOf(axis: ColumnAxis, value: Value | undefined): number | null {
  if (value === null || value === undefined) return null;
  if (axis.kind === "text") {
    const at = axis.texts.indexOf(formatValue(value));
    return at < 0 ? null : axis.texts.length === 1 ? 0.5 : at / (axis.texts.length - 1);
  }
  const number = finite(value);
  if (number === null || (axis.kind === "log" && number <= 0)) return null;
  return axis.kind === "log" ? Math.log(number / axis.lo) / Math.log(axis.hi / axis.lo) : (number - axis.lo) / (axis.hi - axis.lo);
}

/** The number at a place, the other way round; texts have none. */
export function numberAt({ kind, lo, hi }: ColumnAxis, place: number): number {
  return kind === "log" ? lo * (hi / lo) ** place : lo + (hi - lo) * place;
}

export interface AxisTick {
  at: number;
  text: string;
}

/** At most about `count` ticks; of many texts only some have room. */
export function ticksOf(axis: ColumnAxis, count: number): AxisTick[] {
  if (axis.kind === "text") {
    const stride = Math.max(1, Math.ceil(axis.texts.length / Math.max(1, count * 2)));
    return axis.texts.flatMap((text, i) => (i % stride === 0 ? [{ at: axis.texts.length === 1 ? 0.5 : i / (axis.texts.length - 1), text }] : []));
  }
  const kind = axis.kind === "log" && axis.hi / axis.lo >= 8 ? "log" : "number";
  const values = ticks(kind, axis.lo, axis.hi, count);
  if (values.length === 0) return [{ at: 0, text: shortNumber(axis.lo, 0) }, { at: 1, text: shortNumber(axis.hi, 0) }];
  const labels = tickLabels(kind, values);
  return values.map((value, i) => ({ at: placeOf(axis, value) ?? 0, text: labels[i] }));
}
