/**
 * Stretches of the runs table far below what was read from its top: somebody dragged the scroll bar there.
 *
 * Promises: a stretch is read by its place, in one question; only where somebody rests; what is outdated is shown
 * until it is read again. Owns these stretches, nothing else.
 */
import { refreshed, spanOf, type RunSpan } from "../core/runspan";
import type { RunPage, RunRow, Value } from "../core/wire";

const STRETCH = 200;
/** So many stretches are kept. */
const MOST = 20;

interface Stretch extends RunSpan {
  edition: number;
}

export class FarRuns {
  /** Counts what arrived, for views to watch. */
  arrived = $state(0);
  private stretches: ReadonlyMap<number, Stretch> = new Map();
  private edition = 0;
  private wanted: readonly [number, number] = [0, 0];
  private reading = false;

  constructor(private readonly read: (offset: number, limit: number) => Promise<RunPage>) {}

  get rows(): RunRow[] {
    return [...this.stretches.values()].flatMap((stretch) => stretch.rows);
  }

  at(row: number): RunRow | null {
    return this.stretches.get(startOf(row))?.rows[row % STRETCH] ?? null;
  }

  valueAt(row: number, column: string): Value | undefined {
    return this.stretches.get(startOf(row))?.values[column]?.[row % STRETCH];
  }

  /** Reads what is missing of these rows; where somebody scrolls on meanwhile, what they passed is left out. */
  reach(first: number, end: number): void {
    this.wanted = [first, end];
    if (!this.reading) void this.fill();
  }

  /** Another table is asked for. */
  clear(): void {
    this.edition++;
    this.stretches = new Map();
    this.wanted = [0, 0];
  }

  /** Other rows may stand there now. */
  outdate(): void {
    this.edition++;
  }

  /** Shows what a page says of runs that are here. */
  refresh(page: RunPage): void {
    this.stretches = new Map([...this.stretches].map(([start, stretch]) => [start, { ...stretch, ...refreshed(stretch, page) }]));
    this.arrived++;
  }

  replace(run: RunRow): void {
    this.stretches = new Map([...this.stretches].map(([start, stretch]) => [start, { ...stretch, rows: stretch.rows.map((r) => (r.uid === run.uid ? run : r)) }]));
    this.arrived++;
  }

  private async fill(): Promise<void> {
    this.reading = true;
    try {
      for (let start = this.missing(); start !== null; start = this.missing()) {
        const edition = this.edition;
        const page = await this.read(start, STRETCH);
        if (edition !== this.edition) continue;
        this.stretches = new Map([...[...this.stretches].filter(([other]) => other !== start).slice(1 - MOST), [start, { ...spanOf(page), edition }]]);
        this.arrived++;
      }
    } catch {
      // The banner tells about a server that is away; scrolling asks again.
    } finally {
      this.reading = false;
    }
  }

  private missing(): number | null {
    const [first, end] = this.wanted;
    for (let start = startOf(first); start < end; start += STRETCH) if (this.stretches.get(start)?.edition !== this.edition) return start;
    return null;
  }
}

const startOf = (row: number): number => row - (row % STRETCH);
