/**
 * A panel's values as CSV: every point as it was logged, not what fits on the screen. Groups, whose mean exists only on
 * a grid, are given bucket by bucket.
 *
 * Promises: numbers keep all their digits; NaN and infinities are spelled out; a text that a spreadsheet would take for a
 * formula is quoted so that it is a text.
 */
import type { Api } from "../api";
import { firstX, pointCount, seriesOf, type BucketSeries } from "../buckets";
import { formatCount } from "../format";
import type { Want } from "../store";
import { refOf, type SeriesId } from "../want";

/** Buckets of a group's table, and cells that the server gives at once. */
const GROUP_BUCKETS = 1024;
const MOST_CELLS = 4_000_000;
/** Points that are asked for at once, and looks at a series that find where so many end. */
const PIECE = 500_000;
const PIECES = 1024;
/** About a gigabyte of text. */
const MOST_POINTS = 10_000_000;

export function cell(value: string | number | bigint): string {
  if (typeof value !== "string") return typeof value === "number" && !Number.isFinite(value) ? (Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf") : String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

export const line = (cells: readonly (string | number | bigint)[]): string => `${cells.map(cell).join(",")}\r\n`;

/** What a panel is made of that stands in the file as one column of values. */
interface Line {
  id: SeriesId;
  name: string;
}

/**
 * All points of a panel's runs, run by run; of a zoomed panel those in view where x is the step. Long series come in
 * stretches, so that neither the server nor the page ever holds a whole one.
 *
 * @param told hears how many points there are and how many have come, while there are more to come
 * @throws an error that says what to do instead when there are more points than a page should write
 */
export async function valuesOf(api: Pick<Api, "points" | "buckets">, want: Want, names: readonly string[], told: (came: number, all: number) => void = () => {}): Promise<Blob> {
  if (want.series.some((id) => id.runs)) return new Blob([await groupsOf(api, want, names)]);
  const [lo, hi] = want.x === "step" && want.range ? [Math.ceil(want.range[0]), Math.floor(want.range[1])] : [undefined, undefined];
  const lines = want.series.map((id, i) => ({ id, name: names[i] }));
  const out: Blob[] = [new Blob([line(["series", "run", "key", "step", "time_us", "value"])])];
  const found = lines.length > 0 ? seriesOf(await api.buckets({ series: want.series.map(refOf), x: "step", lo, hi, buckets: Math.max(1, Math.min(PIECES, Math.floor(MOST_CELLS / lines.length))), fields: ["last"] })) : [];
  const counts = found.map(pointCount);
  const all = counts.reduce((sum, n) => sum + n, 0);
  if (all > MOST_POINTS) throw new Error(`${formatCount(all)} points; a page writes at most ${formatCount(MOST_POINTS)}. Zoom in, or run \`epochal export\`.`);
  let came = 0;
  const add = async (part: readonly Line[], from: number | undefined, to: number | undefined): Promise<void> => {
    const text = await textOf(api, part, from, to);
    out.push(new Blob([text.lines]));
    came += text.points;
    if (came < all) told(came, all);
  };
  for (const run of new Set(lines.map(({ id }) => id.run))) {
    const mine = lines.flatMap((one, i) => (one.id.run === run ? [{ one, i }] : []));
    if (mine.reduce((sum, { i }) => sum + counts[i], 0) <= PIECE) await add(mine.map(({ one }) => one), lo, hi);
    else for (const { one, i } of mine) for (const [from, to] of stretches(found[i], lo, hi)) await add([one], from, to);
  }
  return new Blob(out, { type: "text/csv" });
}

/** Ranges of steps of about `PIECE` points each, one after the other; the outer ends are those that were asked for. */
export function stretches(series: BucketSeries, lo: number | undefined, hi: number | undefined): [number | undefined, number | undefined][] {
  const cuts: number[] = [];
  let points = 0;
  for (let i = 0; i < series.length; i++) {
    if (points > 0 && points + series.n[i] > PIECE) {
      cuts.push(firstX(series, i));
      points = 0;
    }
    points += series.n[i];
  }
  return [...cuts, null].map((cut, i) => [i === 0 ? lo : cuts[i - 1], cut === null ? hi : cut - 1]);
}

/** The points of some series of one run as lines. */
async function textOf(api: Pick<Api, "points">, lines: readonly Line[], lo: number | undefined, hi: number | undefined): Promise<{ lines: string; points: number }> {
  // The answer has the keys first.
  const ordered = [...lines.filter(({ id }) => !id.formula), ...lines.filter(({ id }) => id.formula)];
  const [keys, formulas] = [false, true].map((formula) => ordered.filter(({ id }) => !!id.formula === formula).map(({ id }) => id.key));
  const { run } = ordered[0].id;
  const message = await api.points({ run, keys, formulas, lo, hi });
  const [steps, times, values] = ["step", "wall_us", "value"].map((name) => message.columns.get(name) ?? []);
  const out: string[] = [];
  message.head.series.forEach(({ key, start, count }, i) => {
    const before = [ordered[i].name, run, key].map(cell).join(",");
    for (let at = start; at < start + count; at++) out.push(`${before},${steps[at]},${times[at]},${cell(values[at])}\r\n`);
  });
  return { lines: out.join(""), points: out.length };
}

async function groupsOf(api: Pick<Api, "buckets">, want: Want, names: readonly string[]): Promise<string> {
  const [lo, hi] = want.range ?? [undefined, undefined];
  const members = want.series.reduce((sum, id) => sum + (id.runs?.length ?? 1), 0);
  const buckets = Math.max(1, Math.min(GROUP_BUCKETS, Math.floor(MOST_CELLS / members)));
  const message = await api.buckets({ series: want.series.map(refOf), x: want.x, lo, hi, buckets, fields: ["min", "max", "mean"] });
  const out = [line(["group", "key", "x_start", "x_end", "runs", "points", "mean", "std", "min", "max"])];
  seriesOf(message).forEach((s: BucketSeries, i) => {
    for (let b = 0; b < s.length; b++) {
      out.push(line([names[i], s.key, s.index[b] * s.width, (s.index[b] + 1) * s.width, s.runs?.[b] ?? 1, s.n[b], s.mean?.[b] ?? NaN, s.std?.[b] ?? 0, s.min?.[b] ?? NaN, s.max?.[b] ?? NaN]));
    }
  });
  return out.join("");
}

/** Offers a file to the person in front of the page. */
export function saveFile(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|-+$/g, "").slice(0, 100) || "chart";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
