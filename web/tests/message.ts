/** Builds column messages as docs/internals/wire.md describes them, for tests of what reads them. */
import type { BucketHead } from "../src/core/wire";

type Column = [name: string, dtype: "u8" | "u32" | "i64" | "f32" | "f64", values: number[]];

const BYTES = { u8: 1, u32: 4, i64: 8, f32: 4, f64: 8 };

export function encode(head: object, columns: Column[]): ArrayBuffer {
  let offset = 0;
  const entries = columns.map(([name, dtype, values]) => {
    const entry = { name, dtype, length: values.length, offset };
    offset += Math.ceil((values.length * BYTES[dtype]) / 8) * 8;
    return entry;
  });
  let text = JSON.stringify({ ...head, columns: entries });
  while (new TextEncoder().encode(text).length % 8 !== 0) text += " ";
  const bytes = new TextEncoder().encode(text);
  const body = new ArrayBuffer(16 + bytes.length + offset);
  const view = new DataView(body);
  new Uint8Array(body).set(new TextEncoder().encode("EPCOLS01"));
  view.setUint32(8, bytes.length, true);
  new Uint8Array(body).set(bytes, 16);
  for (const [i, [, dtype, values]] of columns.entries()) {
    const at = 16 + bytes.length + entries[i].offset;
    for (const [k, v] of values.entries()) put(view, dtype, at + k * BYTES[dtype], v);
  }
  return body;
}

function put(view: DataView, dtype: Column[1], at: number, v: number): void {
  if (dtype === "u8") view.setUint8(at, v);
  else if (dtype === "u32") view.setUint32(at, v, true);
  else if (dtype === "i64") view.setBigInt64(at, BigInt(v), true);
  else if (dtype === "f32") view.setFloat32(at, v, true);
  else view.setFloat64(at, v, true);
}

export type Point = [x: number, value: number];

/** What a server answers for these series on a grid of `width`: plain bucketing, one point at a time. */
export function bucketMessage(series: { run: string; key: string; points: Point[] }[], width: number): ArrayBuffer {
  const lo = Math.min(...series.flatMap((s) => s.points.map((p) => p[0])));
  const origin = Number.isFinite(lo) ? Math.floor(lo / width) * width : 0;
  const names = ["bucket", "x_first", "x_last", "n", "first", "last", "min", "max", "mean", "n_nan", "n_posinf", "n_neginf"] as const;
  const out = Object.fromEntries(names.map((n) => [n, [] as number[]])) as Record<(typeof names)[number], number[]>;
  const heads: BucketHead["series"] = [];
  for (const { run, key, points } of series) {
    const start = out.bucket.length;
    const groups = new Map<number, Point[]>();
    for (const point of points) {
      const bucket = Math.floor((point[0] - origin) / width);
      groups.set(bucket, [...(groups.get(bucket) ?? []), point]);
    }
    for (const [bucket, members] of groups) {
      const values = members.map((m) => m[1]);
      const finite = values.filter(Number.isFinite);
      out.bucket.push(bucket);
      out.x_first.push(members[0][0] - origin - bucket * width);
      out.x_last.push(members[members.length - 1][0] - origin - bucket * width);
      out.n.push(members.length);
      out.first.push(finite[0] ?? NaN);
      out.last.push(finite[finite.length - 1] ?? NaN);
      out.min.push(finite.length ? Math.min(...finite) : NaN);
      out.max.push(finite.length ? Math.max(...finite) : NaN);
      out.mean.push(finite.length ? finite.reduce((a, b) => a + b, 0) / finite.length : NaN);
      out.n_nan.push(values.filter(Number.isNaN).length);
      out.n_posinf.push(values.filter((v) => v === Infinity).length);
      out.n_neginf.push(values.filter((v) => v === -Infinity).length);
    }
    const count = out.bucket.length - start;
    heads.push({ run, key, start, count, points: points.length, n_nan: 0, exact: count === points.length });
  }
  const dtype = (n: string): Column[1] => (n === "bucket" || n.startsWith("n") ? "u32" : n.startsWith("x_") ? "f32" : "f64");
  const head: Omit<BucketHead, "columns"> = { x: "step", scale: "linear", width, origin, lo: null, hi: null, series: heads };
  return encode(head, names.map((n) => [n, dtype(n), out[n]]));
}

/** A small generator with a seed, so that a failure can be repeated. */
export function seeded(seed: number): () => number {
  let s = seed >>> 0 || 1;
  return () => {
    s ^= s << 13;
    s >>>= 0;
    s ^= s >>> 17;
    s ^= s << 5;
    s >>>= 0;
    return s / 4294967296;
  };
}
