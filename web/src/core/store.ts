/**
 * Buckets of every series that some visible panel shows.
 *
 * Promises: only visible panels cause requests; all that becomes due in one frame leaves in one request per grid
 * (a page of many curves asks for its first panel apart, or has it with its document); a
 * live update asks for the last bucket and newer ones only and merges them exactly; old buckets stay on screen until
 * better ones are there; a series is asked for again only after it changed. Owns the cache, nothing else.
 */
import { coarsen, extend, isExact, lastX, firstX, fit, pointCount, seriesOf, type BucketSeries } from "./buckets";
import type { ColumnMessage } from "./columns";
import type { Opening } from "./opening";
import { bucketsOf, changeFor, entryKey, gridOf, pointsOf, queryOf, refOf, sameRuns, type SeriesId, type Want } from "./want";
import type { BucketHead, BucketQuery, Change, XAxis } from "./wire";
import { digits } from "./words";

export type { SeriesId, Want } from "./want";

export interface PanelListener {
  data(): void;
  failed(message: string): void;
}

type Freshness = "missing" | "void" | "stale" | "fresh";

interface Entry {
  id: SeriesId;
  grid: string;
  /** It is asked for on a logarithmic grid. */
  log: boolean;
  buckets: BucketSeries | null;
  freshness: Freshness;
  loading: boolean;
  used: number;
  asked: number;
}

interface Panel {
  want: Want;
  listener: PanelListener;
  refined: boolean;
}

type Fetch = (query: BucketQuery) => Promise<ColumnMessage<BucketHead>>;

const MAX_SERIES_PER_REQUEST = 800;
/** So many series are answered so soon that a second request would only cost. */
const FEW_SERIES = 40;
const MAX_ENTRIES = 6000;
/** So many points may be asked for again because longer series widened the grid that they share. */
const MAX_POINTS_ALONE = 1 << 16;
const SPARE_BUCKETS = 8;
/** What is asked for as a whole whenever a run goes on is asked for seldom. */
const WHOLE_EVERY_MS = 2000;
/** Part of a zoomed range that is asked for on each side of it. */
const BEYOND_VIEW = 1 / 32;
const MIN_PACE_MS = 200;
const MAX_PACE_MS = 800;
/** A live update may use this part of the main thread. */
const LIVE_DUTY = 0.1;

export class SeriesStore {
  private readonly entries = new Map<string, Entry>();
  private readonly panels = new Map<string, Panel>();
  private readonly lastStep = new Map<string, number>();
  private due = Infinity;
  private clock = 0;
  private cost = 0;
  private flushedAt = -Infinity;

  /** @param opening answers the first question, where it can: nothing waits for a frame or the server then */
  constructor(
    private readonly fetch: Fetch,
    private opening: Opening | null = null,
    private readonly soon: (job: () => void, ms: number) => void = defaultSoon,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Shows or changes a panel; its data is loaded in the next frame unless it is there. */
  show(name: string, want: Want, listener: PanelListener): void {
    const before = this.panels.get(name);
    const same = before !== undefined && gridOf(before.want) === gridOf(want);
    this.panels.set(name, { want, listener, refined: same && before.refined });
    this.schedule(0);
  }

  /** The panel left the screen. What was loaded stays cached. */
  hide(name: string): void {
    this.panels.delete(name);
  }

  /** The best buckets at hand for each series of a want, null where there are none yet. */
  read(want: Want): (BucketSeries | null)[] {
    const base = { ...want, range: null };
    const plain = { ...base, smooth: 0 };
    const linear = want.logX ? [{ ...base, logX: false }, { ...plain, logX: false }] : [];
    const grids = new Set([want, base, plain, ...linear].map(gridOf));
    return want.series.map((id) => {
      for (const grid of grids) {
        const found = this.entries.get(entryKey(grid, id))?.buckets;
        if (found) return found;
      }
      return null;
    });
  }

  /** Whether every series of a want has arrived at least once. */
  complete(want: Want): boolean {
    return this.entriesOf(want).every((entry) => entry.buckets !== null);
  }

  /** Takes notice of live events. */
  changed(changes: readonly Change[]): void {
    const runs = new Map(changes.map((c) => [c.uid, c]));
    for (const change of changes) if (change.last_step !== null) this.lastStep.set(change.uid, change.last_step);
    for (const entry of this.entries.values()) {
      const change = changeFor(entry.id, runs);
      if (!change || !(change.what.includes("series") || change.reset)) continue;
      if (change.reset) entry.freshness = "void";
      else if (entry.freshness === "fresh") entry.freshness = "stale";
    }
    const pace = Math.min(MAX_PACE_MS, Math.max(MIN_PACE_MS, this.cost / LIVE_DUTY));
    this.schedule(Math.max(0, this.flushedAt + pace - this.now()));
  }

  /** Events were lost: everything in view is asked for again. */
  resync(): void {
    for (const entry of this.entries.values()) if (entry.freshness !== "missing") entry.freshness = "void";
    this.schedule(0);
  }

  /** Tells how long the drawing of the last update took; slow drawing makes live updates rarer. */
  spent(ms: number): void {
    this.cost += ms;
  }

  private schedule(ms: number): void {
    const at = this.now() + ms;
    if (at >= this.due) return;
    this.due = at;
    const soon = this.opening && ms === 0 ? queueMicrotask : this.soon;
    soon(() => {
      // An earlier timer may have flushed for this one already.
      if (this.due === Infinity) return;
      this.due = Infinity;
      this.flush();
    }, ms);
  }

  /** What is held of each series of a want. */
  private entriesOf(want: Want): Entry[] {
    const [grid, ...plain] = gridsOf(want);
    return want.series.map((id) => this.entry(id, grid, plain, want.logX === true));
  }

  private entry(id: SeriesId, grid: string, plain: readonly string[], log: boolean): Entry {
    // Buckets that hold single points are the data itself: no zoom level shows more, and no other scale.
    for (const other of plain) {
      const base = this.entries.get(entryKey(other, id));
      if (base?.buckets && isExact(base.buckets)) return base;
    }
    const key = entryKey(grid, id);
    let entry = this.entries.get(key);
    if (!entry) {
      entry = { id, grid, log, buckets: null, freshness: "missing", loading: false, used: 0, asked: -Infinity };
      this.entries.set(key, entry);
    } else if (id.runs && !sameRuns(id.runs, entry.id.runs)) {
      entry.id = id;
      entry.asked = -Infinity;
      if (entry.freshness !== "missing") entry.freshness = "void";
    }
    return entry;
  }

  private flush(): void {
    this.flushedAt = this.now();
    this.cost = 0;
    this.clock++;
    const whole = new Map<string, { want: Want; entries: Set<Entry> }>();
    const partly = new Map<string, { want: Want; entries: Set<Entry> }>();
    for (const { want } of this.panels.values()) {
      const own = gridOf(want);
      for (const entry of this.entriesOf(want)) {
        entry.used = this.clock;
        if (entry.loading || entry.freshness === "fresh") continue;
        const rest = isWhole(entry) ? entry.asked + WHOLE_EVERY_MS - this.flushedAt : 0;
        if (rest > 0) {
          this.schedule(rest);
          continue;
        }
        const range = entry.grid === own ? want.range : null;
        const delta = entry.freshness === "stale" && !isWhole(entry) && entry.buckets !== null && entry.buckets.length > 0 && typeof want.x === "string";
        const groups = delta ? partly : whole;
        const name = delta ? `${entry.grid} ${entry.buckets?.width}` : `${entry.grid} ${digits(want.buckets)}`;
        const group = groups.get(name) ?? { want: { ...want, range, logX: entry.log }, entries: new Set() };
        groups.set(name, group);
        group.entries.add(entry);
      }
    }
    for (const { want, entries } of whole.values()) {
      for (const part of firstAlone([...entries], this.opening === null)) void this.loadWhole(want, part);
    }
    if (whole.size > 0) this.opening = null;
    for (const { want, entries } of partly.values()) void this.loadNew(want, [...entries]);
    this.evict();
  }

  private async loadWhole(want: Want, entries: Entry[], range = want.range): Promise<void> {
    const query: BucketQuery = { ...queryOf(want), series: entries.map((e) => refOf(e.id)), buckets: bucketsOf(want), points: pointsOf(want) };
    if (range) {
      // A little more than is visible, so that curves run on to the edges as they do in the whole picture.
      const [lo, hi] = range;
      const beyond = (hi - lo) * BEYOND_VIEW;
      query.lo = lo - beyond;
      query.hi = hi + beyond;
      query.buckets = Math.ceil(bucketsOf(want) * (1 + 2 * BEYOND_VIEW));
    }
    const answer = await this.ask(query, entries);
    if (!answer) return;
    for (const [i, entry] of entries.entries()) entry.buckets = answer[i] ?? entry.buckets;
    this.deliver(entries);
    if (range) return;
    for (const panel of this.panelsOf(entries)) panel.refined = false;
    this.refine(want, new Set(entries));
  }

  /** A panel whose series cover a small part of the common grid, or have few points, gets a grid of its own. */
  private refine(want: Want, loaded: Set<Entry>): void {
    const grid = gridOf(want);
    let spare = MAX_POINTS_ALONE;
    for (const panel of this.panels.values()) {
      if (panel.refined || panel.want.range || panel.want.logX || gridOf(panel.want) !== grid) continue;
      const mine = this.entriesOf(panel.want).filter((e) => e.buckets && e.buckets.length > 0);
      if (mine.length === 0 || !mine.some((e) => loaded.has(e))) continue;
      const all = mine.map((e) => e.buckets as BucketSeries);
      const lo = Math.min(...all.map((b) => firstX(b, 0)));
      const hi = Math.max(...all.map((b) => lastX(b, b.length - 1)));
      const used = (hi - lo) / Math.max(...all.map((b) => b.width));
      if (all.every(isExact)) continue;
      const points = all.map(pointCount);
      const few = mine.every((e) => !e.id.runs) && Math.max(...points) <= pointsOf(panel.want);
      if (few) spare -= points.reduce((sum, n) => sum + n);
      if (used > panel.want.buckets / 4 && !(few && spare >= 0)) continue;
      panel.refined = true;
      void this.loadWhole(panel.want, mine, [lo, hi]);
    }
  }

  /** Loads what came after each series' last bucket; series near each other share a request. */
  private async loadNew(want: Want, entries: Entry[]): Promise<void> {
    const from = (e: Entry): number => {
      const b = e.buckets as BucketSeries;
      return b.index[b.length - 1] * b.width;
    };
    entries.sort((a, b) => from(a) - from(b));
    let at = 0;
    while (at < entries.length) {
      const width = (entries[at].buckets as BucketSeries).width;
      const lo = from(entries[at]);
      let end = at + 1;
      while (end < entries.length && from(entries[end]) - lo <= 64 * width) end++;
      void this.loadDelta(want, entries.slice(at, end), lo, width, from);
      at = end;
    }
  }

  private async loadDelta(want: Want, entries: Entry[], lo: number, width: number, from: (e: Entry) => number): Promise<void> {
    const newest = Math.max(...entries.map((e) => this.newest(e, want.x)), lo);
    const count = Math.ceil((newest + 1 - lo) / width) + SPARE_BUCKETS;
    if (want.range && lo > want.range[1]) {
      for (const entry of entries) entry.freshness = "fresh";
      return;
    }
    if (count > want.buckets * 2) return this.loadWhole(want, entries);
    // `hi` is the last whole unit of the last bucket, so that the server's grid is the one we hold, or finer.
    const query: BucketQuery = { ...queryOf(want), series: entries.map((e) => refOf(e.id)), lo, hi: lo + count * width - 1, buckets: count + 2 };
    const starts = entries.map(from);
    const answer = await this.ask(query, entries);
    if (!answer) return;
    for (const [i, entry] of entries.entries()) {
      const base = entry.buckets as BucketSeries;
      const delta = answer[i];
      if (!delta || delta.width > base.width) {
        entry.freshness = "void";
        continue;
      }
      const fresh = coarsen(delta, base.width);
      entry.buckets = fit(extend(base, dropBefore(fresh, starts[i]), starts[i]), Math.max(1.5 * want.buckets, pointsOf(want)));
    }
    this.deliver(entries);
    if (entries.some((e) => e.freshness === "void")) this.schedule(0);
  }

  private newest(entry: Entry, x: XAxis): number {
    const b = entry.buckets as BucketSeries;
    const end = (b.index[b.length - 1] + 1) * b.width;
    if (x === "step") return Math.max(end, this.lastStep.get(entry.id.run) ?? end);
    const last = lastX(b, b.length - 1);
    // Times: nothing newer than a minute ahead of the newest plausible clock; the run's own clock decides.
    return x === "wall" ? Math.max(end, Date.now() * 1000 + 60e6) : last + Math.max(60e6, b.width * 16);
  }

  private async ask(query: BucketQuery, entries: Entry[]): Promise<BucketSeries[] | null> {
    for (const entry of entries) {
      entry.loading = true;
      entry.freshness = "fresh";
      entry.asked = this.now();
    }
    try {
      return seriesOf(this.opening?.(query) ?? (await this.fetch(query))).map((b, i) => ({ ...b, run: entries[i].id.run }));
    } catch (error) {
      for (const entry of entries) entry.freshness = entry.buckets ? "void" : "missing";
      this.tellFailure(entries, error instanceof Error ? error.message : String(error));
      return null;
    } finally {
      for (const entry of entries) entry.loading = false;
    }
  }

  private deliver(entries: readonly Entry[]): void {
    for (const panel of this.panelsOf(entries)) panel.listener.data();
    if (entries.some((e) => e.freshness !== "fresh")) this.schedule(MIN_PACE_MS);
  }

  private tellFailure(entries: readonly Entry[], message: string): void {
    for (const panel of this.panelsOf(entries)) panel.listener.failed(message);
  }

  private panelsOf(entries: readonly Entry[]): Panel[] {
    const touched = new Set(entries.map((e) => entryKey(e.grid, e.id)));
    return [...this.panels.values()].filter(({ want }) => {
      const grids = gridsOf(want);
      return want.series.some((id) => grids.some((grid) => touched.has(entryKey(grid, id))));
    });
  }

  private evict(): void {
    if (this.entries.size <= MAX_ENTRIES) return;
    const idle = [...this.entries].filter(([, e]) => e.used < this.clock && !e.loading).sort((a, b) => a[1].used - b[1].used);
    for (const [key] of idle.slice(0, this.entries.size - MAX_ENTRIES)) this.entries.delete(key);
  }
}

function defaultSoon(job: () => void, ms: number): void {
  if (ms > 0) setTimeout(job, ms);
  else requestAnimationFrame(job);
}

/** The grid of a want, and those that it would have without its zoom and its scale, where it has them. */
function gridsOf(want: Want): string[] {
  const wants = [want, ...(want.range ? [{ ...want, range: null }] : []), ...(want.logX ? [{ ...want, range: null, logX: false }] : [])];
  return wants.map(gridOf);
}

/** Whether it is asked for as a whole whenever it goes on: a group, or buckets that widen with x. */
const isWhole = ({ id, buckets }: Entry): boolean => id.runs !== undefined || buckets?.log === true;

/** Series that one costs the server: all runs of a group. */
const weight = (entry: Entry): number => entry.id.runs?.length ?? 1;

/**
 * The series of the first panel alone, so that it is drawn while the others are still under way; the rest together.
 * Only where nothing is drawn yet: what is refreshed may come at once. It costs a request unless it was brought along.
 */
function firstAlone(entries: Entry[], costs: boolean): Entry[][] {
  const key = entries[0]?.id.key;
  const first = entries.findIndex((e) => e.id.key !== key);
  const cold = entries.length > (costs ? FEW_SERIES : 0) && entries.every((e) => e.freshness === "missing");
  if (!cold || first < 0) return chunks(entries, MAX_SERIES_PER_REQUEST);
  return [entries.slice(0, first), ...chunks(entries.slice(first), MAX_SERIES_PER_REQUEST)];
}

function chunks(entries: Entry[], size: number): Entry[][] {
  const out: Entry[][] = [];
  let room = 0;
  for (const entry of entries) {
    if (room < weight(entry) || out.length === 0) {
      out.push([]);
      room = size;
    }
    out[out.length - 1].push(entry);
    room -= weight(entry);
  }
  return out;
}

/** The buckets that start at or after `from`. */
function dropBefore(s: BucketSeries, from: number): BucketSeries {
  let start = 0;
  while (start < s.length && s.index[start] * s.width < from) start++;
  if (start === 0) return s;
  const cut = <T extends { subarray(a: number): unknown } | null>(c: T): T => (c === null ? c : (c.subarray(start) as T));
  return {
    ...s, length: s.length - start, index: cut(s.index), xFirst: cut(s.xFirst), xLast: cut(s.xLast), n: cut(s.n), first: cut(s.first),
    last: cut(s.last), min: cut(s.min), max: cut(s.max), mean: cut(s.mean), smooth: cut(s.smooth), nNan: cut(s.nNan), nPos: cut(s.nPos), nNeg: cut(s.nNeg),
  };
}
