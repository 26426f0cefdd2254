/**
 * Ticks of chart axes: where they stand and how they read. x of `wall` and `relative` is in microseconds; its ticks
 * stand on whole seconds, minutes, hours or local midnights, never on 16.67 minutes.
 */
import { timeLabels, timeTicks } from "./calendar";
import { formatCount, formatNumber } from "./format";

export type AxisKind = "number" | "step" | "log" | "duration" | "time";

const SECOND = 1e6;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const CLOCK_STEPS = [
  1e3, 5e3, 1e4, 5e4, 1e5, 5e5, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE,
  5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY,
  14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY,
];

/** Positions of at most about `count` ticks inside [lo, hi]. */
export function ticks(kind: AxisKind, lo: number, hi: number, count: number): number[] {
  if (!(hi > lo) || !Number.isFinite(lo) || !Number.isFinite(hi) || count < 1) return [];
  if (kind === "log") return logTicks(lo, hi, count);
  // A step a little below the ideal one gives one tick more rather than two fewer.
  const rough = (hi / count - lo / count) * 0.72;
  // There is nothing between two steps, unless only that is shown.
  const least = kind === "step" && hi - lo >= 1 ? 1 : 0;
  if (kind === "number" || kind === "step") {
    const step = Math.max(least, niceStep(rough));
    const found = multiples(step, lo, hi);
    // One tick alone tells no scale.
    return found.length > 1 ? found : multiples(Math.max(least, niceStep(step / 2.5)), lo, hi);
  }
  const step = CLOCK_STEPS.find((s) => s >= rough) ?? niceStep(rough / DAY) * DAY;
  return kind === "time" ? timeTicks(step, lo, hi) : multiples(step, lo, hi);
}

/** The smallest of 1, 2, 5 times a power of ten that is at least `rough`. */
export function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  for (const m of [1, 2, 5]) if (m * power >= rough * (1 - 1e-9)) return m * power;
  return 10 * power;
}

function multiples(step: number, lo: number, hi: number): number[] {
  const out: number[] = [];
  const first = Math.ceil(lo / step - 1e-9) + 0;
  const last = Math.floor(hi / step + 1e-9);
  // Dividing by a whole number keeps 0.3 from reading 0.30000000000000004.
  const inverse = step < 1 && step > 1e-300 ? Math.round(1 / step) : 0;
  for (let i = first; i <= last && out.length < 100; i++) out.push(inverse ? i / inverse : i * step);
  return out;
}

function logTicks(lo: number, hi: number, count: number): number[] {
  if (lo <= 0) return [];
  const from = Math.floor(Math.log10(lo));
  const to = Math.ceil(Math.log10(hi));
  const decades = Math.log10(hi) - Math.log10(lo);
  if (decades < 0.7) return ticks("number", lo, hi, count);
  // Powers of ten alone may be one tick or none, which tells no scale.
  const powers = Math.floor(Math.log10(hi)) - Math.ceil(Math.log10(lo)) + 1;
  const mantissas = decades <= count / 3 || powers < 2 ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil(decades / count));
  const out: number[] = [];
  for (let e = from; e <= to; e++) {
    if ((e - from) % stride !== 0) continue;
    for (const m of mantissas) {
      const v = Number(`${m}e${e}`);
      if (v >= lo * (1 - 1e-9) && v <= hi * (1 + 1e-9)) out.push(v);
    }
  }
  return out;
}

/** The label of each tick; all labels of an axis have the same number of decimals. */
export function tickLabels(kind: AxisKind, values: number[]): string[] {
  if (kind === "duration") return durationLabels(values);
  if (kind === "time") return timeLabels(values);
  // On a short stretch of a logarithmic axis ticks stand as on a linear one.
  if (kind === "log" && !(values.length > 1 && values[values.length - 1] / values[0] < 5)) return values.map((v) => shortNumber(v, 0));
  const step = values.length > 1 ? Math.abs(values[1] - values[0]) : Math.abs(values[0] ?? 1);
  return values.map((v) => shortNumber(v, step));
}

/** 1 200 000 as 1.2M, 0.0005 as 5e−4; `step` decides the decimals that are needed to tell neighbors apart. */
export function shortNumber(value: number, step: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e15) return formatNumber(value, step > 0 ? Math.max(3, Math.min(17, Math.ceil(Math.log10(size) - Math.log10(step)) + 1)) : 3);
  const sign = value < 0 ? "−" : "";
  for (const [unit, name] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    // Far from zero and close together, as steps of a long run are, they read best in full.
    if (unit > 1e3 && size >= unit * 0.9999 && step >= 1 && step < unit / 1e3) return sign + formatCount(Math.round(size));
    if (size >= unit * 0.9999) return sign + decimals(size / unit, step / unit) + name;
  }
  if (size >= 1e-3 || step >= 1e-3) return sign + decimals(size, step);
  return formatNumber(value, 3);
}

function decimals(size: number, step: number): string {
  if (step <= 0) return String(Number(size.toPrecision(3)));
  const places = Math.max(0, Math.min(15, Math.ceil(-Math.log10(step) - 1e-9)));
  return size.toFixed(places);
}

function durationLabels(values: number[]): string[] {
  const largest = Math.max(...values.map(Math.abs), 0);
  const step = values.length > 1 ? Math.abs(values[1] - values[0]) : largest;
  return values.map((us) => {
    if (us === 0) return "0";
    const sign = us < 0 ? "−" : "";
    const t = Math.abs(us);
    if (largest < SECOND) return `${sign}${trim(t / 1e3)}ms`;
    if (largest < 2 * MINUTE || step < SECOND) return `${sign}${trim(t / SECOND)}s`;
    if (largest < 2 * HOUR) return sign + clock(t, MINUTE, "m", SECOND, "s");
    if (largest < 2 * DAY) return sign + clock(t, HOUR, "h", MINUTE, "m");
    return sign + clock(t, DAY, "d", HOUR, "h");
  });
}

const trim = (n: number): string => String(Number(n.toFixed(3)));

function clock(t: number, big: number, bigName: string, small: number, smallName: string): string {
  const whole = Math.floor(t / big + 1e-9);
  const rest = Math.round((t - whole * big) / small);
  if (rest === 0) return `${whole}${bigName}`;
  return whole === 0 ? `${rest}${smallName}` : `${whole}${bigName}${rest}${smallName}`;
}
