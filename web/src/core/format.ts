/** Numbers, times and durations as people read them. Pure; the clock comes in as an argument. */
import type { Value } from "./wire";
import { digits } from "./words";

/** Reads a number off the wire; undefined when the value is none. */
export function wireNumber(value: Value | undefined): number | undefined {
  if (typeof value === "number") return value;
  if (value === "NaN") return NaN;
  if (value === "Infinity") return Infinity;
  if (value === "-Infinity") return -Infinity;
  // core/exact.ts keeps large ones as texts.
  return typeof value === "string" && /^-?\d{16,}$/.test(value) ? Number(value) : undefined;
}

/** About four significant digits; never rounds an integer below a million. */
export function formatNumber(value: number, digits = 4): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return sign(value) + grouped(size);
  if (size >= 1e15 || size < 1e-4) return tidyExponent(value.toExponential(Math.max(0, digits - 1)));
  if (size >= 1e6) return sign(value) + compact(size);
  return sign(value) + trimZeros(size.toPrecision(digits));
}

function sign(value: number): string {
  return value < 0 ? "−" : "";
}

function grouped(size: number): string {
  const text = digits(size);
  if (size >= 1e21) return text; // 1e+21
  let out = text.slice(-3);
  for (let end = text.length - 3; end > 0; end -= 3) out = `${text.slice(Math.max(0, end - 3), end)}\u2009${out}`;
  return out;
}

/** An integer with thin spaces between thousands. */
export function formatCount(value: number): string {
  return sign(value) + grouped(Math.abs(Math.round(value)));
}

function compact(size: number): string {
  const units: [number, string][] = [[1e12, "T"], [1e9, "G"], [1e6, "M"]];
  for (const [unit, name] of units) if (size >= unit) return trimZeros((size / unit).toPrecision(4)) + name;
  return grouped(size);
}

function trimZeros(text: string): string {
  if (text.includes("e")) return tidyExponent(text);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function tidyExponent(text: string): string {
  return text.replace(/\.?0*e\+?/, "e").replace(/^-/, "−").replace("e-", "e−");
}

/** Any config or summary value on one line. */
export function formatValue(value: Value | undefined, digits = 5): string {
  if (value === undefined || value === null) return "";
  // A seed or a process id is a name, not a quantity: no separators.
  if (typeof value === "number") return Number.isSafeInteger(value) ? value.toFixed().replace("-", "−") : formatNumber(value, digits);
  if (value === "Infinity") return "∞";
  if (value === "-Infinity") return "−∞";
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "true" : "false";
  if (Array.isArray(value)) return `[${value.map((v) => formatValue(v, digits)).join(", ")}]`;
  return JSON.stringify(value);
}

/** A duration of `us` microseconds in at most two units. */
export function formatDuration(us: number): string {
  const s = us / 1e6;
  if (us <= 0) return "0 s";
  if (s < 0.001) return `${digits(us)} µs`;
  if (s < 1) return `${digits(s * 1000)} ms`;
  if (s < 60) return `${s.toFixed(s < 10 ? 1 : 0)} s`;
  const whole = Math.round(s);
  if (whole < 3600) return two(Math.floor(whole / 60), "m", whole % 60, "s");
  if (whole < 86400) return two(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "m");
  return two(Math.floor(whole / 86400), "d", Math.floor((whole % 86400) / 3600), "h");
}

function two(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

/** How long before `nowUs` something happened. */
export function formatAgo(us: number, nowUs: number): string {
  const s = (nowUs - us) / 1e6;
  if (s < 5) return "now";
  if (s < 60) return `${Math.floor(s)} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  if (s < 86400 * 30) return `${Math.floor(s / 86400)} d ago`;
  return formatDate(us);
}

const pad = (n: number): string => String(n).padStart(2, "0");

/** Local calendar date and time to the second. */
export function formatTime(us: number): string {
  const d = new Date(us / 1000);
  return `${formatDate(us)} ${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

export function formatDate(us: number): string {
  const d = new Date(us / 1000);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let size = bytes / 1024;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) (size /= 1024), unit++;
  return `${size.toPrecision(3)} ${units[unit]}`;
}
