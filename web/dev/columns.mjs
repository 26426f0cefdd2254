/** Buckets and the column format of docs/internals/wire.md, written plainly. */
import { points } from "./data.mjs";

const SIZES = { u32: Uint32Array, f32: Float32Array, f64: Float64Array };

export function encode(head, columns) {
  let offset = 0;
  const list = columns.map(([name, dtype, values]) => {
    const data = new Uint8Array(SIZES[dtype].from(values).buffer);
    const entry = { name, dtype, length: values.length, offset, data };
    offset += Math.ceil(data.length / 8) * 8;
    return entry;
  });
  let text = JSON.stringify({ ...head, columns: list.map(({ data, ...entry }) => entry) });
  while (Buffer.byteLength(text) % 8 !== 0) text += " ";
  const body = Buffer.alloc(16 + Buffer.byteLength(text) + offset);
  body.write("EPCOLS01", 0, "latin1");
  body.writeUInt32LE(Buffer.byteLength(text), 8);
  body.write(text, 16);
  for (const entry of list) body.set(entry.data, 16 + Buffer.byteLength(text) + entry.offset);
  return body;
}

function xs(run, s, x) {
  if (x === "wall") return s.t.map((t) => t + run.created_us);
  if (x === "relative") return s.t;
  if (x === "step" || x === undefined) return s.step;
  const other = points(run, x.metric);
  const at = new Map(other.step.map((step, i) => [step, other.v[i]]));
  return s.step.map((step) => at.get(step) ?? NaN);
}

export function buckets(query, runOf) {
  const { x = "step", lo, hi, buckets: limit = 400, smooth } = query;
  const all = query.series.map(({ run, key }) => {
    const r = runOf(run);
    const s = points(r, key);
    const rows = xs(r, s, x).map((v, i) => [v, s.v[i]]).filter(([v]) => !Number.isNaN(v));
    if (typeof x !== "string") rows.sort((a, b) => a[0] - b[0]);
    return { run, key, rows };
  });
  const inside = (v) => (lo === undefined || v >= lo) && (hi === undefined || v <= hi);
  let from = lo ?? Infinity;
  let to = hi ?? -Infinity;
  for (const { rows } of all) for (const [v] of rows) if (inside(v)) (from = Math.min(from, v)), (to = Math.max(to, v));
  if (!(from <= to)) from = to = 0;
  let width = typeof x === "string" ? 1 : 2 ** -20;
  while (Math.floor(to / width) - Math.floor(from / width) + 1 > limit) width *= 2;
  const origin = Math.floor(from / width) * width;
  const out = { bucket: [], x_first: [], x_last: [], n: [], first: [], last: [], min: [], max: [], mean: [], smooth: [], n_nan: [], n_posinf: [], n_neginf: [] };
  const series = all.map(({ run, key, rows }) => {
    const start = out.bucket.length;
    let average = 0, weight = 0, points = 0, nans = 0, current = -1;
    for (const [v, value] of rows) {
      if (Number.isFinite(value)) {
        average = average * (smooth ?? 0) + value * (1 - (smooth ?? 0));
        weight = weight * (smooth ?? 0) + 1 - (smooth ?? 0);
      }
      if (!inside(v)) continue;
      points++;
      const b = Math.floor((v - origin) / width);
      let at = out.bucket.length - 1;
      if (b !== current) {
        current = b;
        at++;
        for (const [name, initial] of [["bucket", b], ["x_first", v - origin - b * width], ["n", 0], ["first", NaN], ["last", NaN], ["min", NaN], ["max", NaN], ["mean", 0], ["n_nan", 0], ["n_posinf", 0], ["n_neginf", 0]]) out[name][at] = initial;
      }
      out.x_last[at] = v - origin - b * width;
      out.n[at]++;
      out.smooth[at] = weight > 0 ? average / weight : NaN;
      if (Number.isNaN(value)) out.n_nan[at]++, nans++;
      else if (value === Infinity) out.n_posinf[at]++;
      else if (value === -Infinity) out.n_neginf[at]++;
      else {
        if (Number.isNaN(out.first[at])) out.first[at] = value;
        out.last[at] = value;
        if (!(out.min[at] <= value)) out.min[at] = value;
        if (!(out.max[at] >= value)) out.max[at] = value;
      }
    }
    const count = out.bucket.length - start;
    return { run, key, start, count, points, n_nan: nans, exact: points === count };
  });
  const columns = [["bucket", "u32", out.bucket], ["x_first", "f32", out.x_first], ["x_last", "f32", out.x_last], ["n", "u32", out.n]];
  for (const f of query.fields ?? ["first", "last", "min", "max", "mean"]) columns.push([f, "f32", out[f]]);
  for (const f of ["n_nan", "n_posinf", "n_neginf"]) if (out[f].some((n) => n > 0)) columns.push([f, "u32", out[f]]);
  if (smooth) columns.push(["smooth", "f32", out.smooth]);
  return encode({ x, width, origin, lo: from, hi: to, series }, columns);
}
