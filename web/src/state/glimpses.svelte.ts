/**
 * Table cells that are read from the points of series: small pictures of curves, and values at a step.
 *
 * Promises: one request for all rows in view that lack one, after they have rested there; none while the table scrolls,
 * none before its first rows are drawn, none without such a column. What changed live is asked for again, in view only.
 */
import { api } from "../core/api";
import { seriesOf, type BucketSeries } from "../core/buckets";
import { parseColumn } from "../core/columnid";
import { curveOf, type Curve } from "../core/sparkline";
import type { BucketQuery, Change, RunRow } from "../core/wire";

const REST_MS = 120;
const POINTS = 40;
/** A value at a step is that of the last point of so many steps up to it. */
export const STEPS_BACK = 200;
const MOST_KEPT = 5000;

export class Glimpses {
  /** Counts what arrived, for views to watch. */
  arrived = $state(0);
  private readonly curves = new Map<string, Curve | null>();
  private readonly values = new Map<string, number | null>();
  private readonly stale = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wanted: { runs: readonly RunRow[]; columns: readonly string[] } = { runs: [], columns: [] };
  private busy = false;

  /** What is in view; called at each frame of a scroll, asks once it rests. */
  look(runs: readonly RunRow[], columns: readonly string[]): void {
    this.wanted = { runs, columns };
    if (columns.length === 0) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.ask(), REST_MS);
  }

  curve(uid: string, column: string): Curve | null | undefined {
    return this.curves.get(`${column}|${uid}`);
  }

  value(uid: string, column: string): number | null | undefined {
    return this.values.get(`${column}|${uid}`);
  }

  changed(changes: readonly Change[]): void {
    if (this.curves.size + this.values.size === 0) return;
    for (const change of changes) if (change.what.includes("series")) this.stale.add(change.uid);
    this.look(this.wanted.runs, this.wanted.columns);
  }

  close(): void {
    clearTimeout(this.timer);
    this.wanted = { runs: [], columns: [] };
  }

  private async ask(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      for (const [question, uids] of this.questions()) await this.answer(question, uids);
    } catch {
      // The banner tells about a server that is away; the next look asks again.
    } finally {
      this.busy = false;
    }
  }

  /** The columns that lack something, those of one kind together: pictures in one request, each step in one. */
  private questions(): Map<string, { column: string; uid: string }[]> {
    const questions = new Map<string, { column: string; uid: string }[]>();
    for (const column of this.wanted.columns) {
      const described = parseColumn(column);
      const name = described.kind === "at" ? String(described.step) : "";
      for (const { uid } of this.wanted.runs) {
        const id = `${column}|${uid}`;
        if ((this.curves.has(id) || this.values.has(id)) && !this.stale.has(uid)) continue;
        questions.set(name, [...(questions.get(name) ?? []), { column, uid }]);
      }
    }
    return questions;
  }

  private async answer(step: string, cells: { column: string; uid: string }[]): Promise<void> {
    const series = cells.map(({ column, uid }) => ({ run: uid, key: keyOf(column) }));
    const query: BucketQuery = step === "" ? { series, buckets: POINTS, fields: ["mean"] } : { series, lo: Number(step) - STEPS_BACK + 1, hi: Number(step), buckets: STEPS_BACK, fields: ["last"] };
    const found = seriesOf(await api.buckets(query));
    if (this.curves.size + this.values.size > MOST_KEPT) (this.curves.clear(), this.values.clear());
    for (const [i, { column, uid }] of cells.entries()) {
      const buckets = found[i];
      if (step === "") this.curves.set(`${column}|${uid}`, pictureOf(buckets));
      else this.values.set(`${column}|${uid}`, buckets ? lastUntil(buckets, Number(step)) : null);
    }
    for (const { uid } of cells) this.stale.delete(uid);
    this.arrived++;
  }
}

function keyOf(column: string): string {
  return parseColumn(column).key;
}

/** The last finite value at or before a step. */
function lastUntil(s: BucketSeries, step: number): number | null {
  for (let i = s.length - 1; i >= 0; i--) {
    const value = s.last?.[i] ?? NaN;
    if (s.index[i] * s.width <= step && Number.isFinite(value)) return value;
  }
  return null;
}

function pictureOf(s: BucketSeries | undefined): Curve | null {
  const mean = s?.mean;
  return s && mean ? curveOf(Array.from(s.index, (x, i) => [x, Number.isFinite(mean[i]) ? mean[i] : null])) : null;
}
