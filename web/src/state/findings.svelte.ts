/**
 * What runs show by themselves, for the column of the table that tells it.
 *
 * Promises: only rows in view are asked about, after they have rested there, a few at a time; a run that goes on is
 * looked at again at most every half minute. Without the column nothing is asked.
 */
import { api } from "../core/api";
import type { InsightReport } from "../core/insight";
import type { RunRow } from "../core/wire";

const REST_MS = 150;
const AGAIN_MS = 30_000;
const SILENT_MS = 120_000;
const AT_ONCE = 4;

interface Told {
  /** What the findings were made from. */
  version: string;
  at: number;
  report: InsightReport | null;
}

export class Findings {
  /** Counts what arrived, for views to watch. */
  arrived = $state(0);
  private readonly told = new Map<string, Told>();
  private wanted: readonly RunRow[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private busy = 0;

  /** The runs in view; called at each frame of a scroll, asks once it rests. */
  look(runs: readonly RunRow[]): void {
    this.wanted = runs;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), REST_MS);
  }

  /** Undefined: not known yet; null: the server did not tell. */
  of(uid: string): InsightReport | null | undefined {
    return this.told.get(uid)?.report;
  }

  close(): void {
    clearTimeout(this.timer);
    this.wanted = [];
  }

  private ask(): void {
    for (const run of this.wanted) {
      if (this.busy >= AT_ONCE) return;
      const known = this.told.get(run.uid);
      const version = `${run.last_step} ${run.state} ${run.nan_step}`;
      const age = known ? Date.now() - known.at : Infinity;
      // Nothing tells that nothing comes: a run that says no more is looked at as well.
      if (age < AGAIN_MS || (known?.version === version && (run.state !== "running" || age < SILENT_MS))) continue;
      void this.answer(run.uid, version);
    }
  }

  private async answer(uid: string, version: string): Promise<void> {
    const known = this.told.get(uid);
    this.told.set(uid, { version, at: Date.now(), report: known?.report ?? null });
    this.busy++;
    const report = await api.ask<InsightReport>("GET", `/api/v1/runs/${uid}/insights`).catch(() => null); // findings are extra: a table without them is whole
    this.busy--;
    if (report) this.told.set(uid, { version, at: Date.now(), report });
    this.arrived++;
    this.ask();
  }
}
