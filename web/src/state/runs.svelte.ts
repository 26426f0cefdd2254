/**
 * The runs of one project as its table shows them: pages loaded as they are scrolled to, values refreshed in place.
 *
 * Promises: a live update moves no row while the table is held (somebody points at it, or edits), nor ever in an order
 * that somebody chose: what would move is told as `news` until it is wanted. An older answer never overwrites a newer
 * one; an error in the expression leaves the last good table standing.
 */
import { api, ApiError } from "../core/api";
import { Foreseen } from "../core/foreseen";
import { orderOf, standsIn } from "../core/ordering";
import { joined, newsOf, picked, refreshed, spanOf, without, type News, type RunSpan } from "../core/runspan";
import { isDefaultSort } from "../core/url";
import type { Change, RunPage, RunPatch, RunQuery, RunRow, Value } from "../core/wire";
import { FarRuns } from "./farruns.svelte";

const FIRST_PAGE = 100;
const NEXT_PAGE = 500;
const MOST_ASKED = 1000;
const REFRESH_MS = 1000;
/** A run that the filter leaves out is looked at again after this long: it may match by then. */
const AGAIN_MS = 5000;
/** What is on screen is drawn before the rest is asked for. */
const SHOWN_MS = 60;
/** So many columns out of view are read with those in it. */
const FEW_MORE = 20;
export const PLOTTED_BY_DEFAULT = 20;

interface InView { rows: number; columns: string[] }

export class Runs {
  private span = $state.raw<RunSpan>({ rows: [], values: {} });
  readonly far: FarRuns;
  total = $state(0);
  matched = $state(0);
  loaded = $state(false);
  error = $state.raw<ApiError | null>(null);
  /** What would move rows, and waits. */
  news = $state.raw<News | null>(null);
  /** Runs that are gone and still have their rows. */
  leaving = $state.raw<ReadonlySet<string>>(new Set());
  /** Runs named by the address that are not among the loaded rows. */
  extra = $state.raw<RunRow[]>([]);
  /** Of the runs named by the address, those that are archived, and the ids of those that are not there. */
  lost = $state.raw<{ archived: RunRow[]; gone: string[] }>({ archived: [], gone: [] });
  /** Goes up with each other question whose rows are there: they are read from the top. */
  turned = $state(0);
  /** What of the table is on screen: so many rows, these columns. */
  inView: InView | null = null;

  /** The page that was read first. */
  readonly first: Promise<RunPage>;
  private opened: (page: RunPage) => void = () => undefined;
  private cursor: string | null = null;
  private query: RunQuery;
  private generation = 0;
  private more: Promise<void> | null = null;
  private held = false;
  /** The page that the news are of. */
  private kept: RunPage | null = null;
  private looking = false;
  /** Something changed while it was looked at. */
  private again = false;
  private readonly foreseen = new Foreseen((query) => api.queryRuns(query));
  private readonly dirty = new Set<string>();
  /** Runs that are not among the rows, and when that was looked at. */
  private readonly elsewhere = new Map<string, number>();
  private unknown = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param given the newest runs of a new table, where they are known already */
  constructor(
    entity: string,
    project: string,
    private given: RunPage | null = null,
  ) {
    this.query = { entity, project };
    this.far = new FarRuns((offset, limit) => api.queryRuns({ ...this.query, offset, limit }));
    this.first = new Promise((resolve) => (this.opened = resolve));
  }

  /** Which table this is: its project, filter and order. */
  get table(): string {
    const { entity, project, where, order } = this.query;
    return JSON.stringify([entity, project, where, order]);
  }
  /** The rows that were read from the top. */
  get rows(): RunRow[] {
    return this.span.rows;
  }
  /** Values of those rows by column. */
  get values(): Record<string, Value[]> {
    return this.span.values;
  }
  /** Every row that was read. */
  get every(): RunRow[] {
    return [...this.span.rows, ...this.far.rows];
  }
  /** The run in a row of the table; null while it is not read. */
  at(row: number): RunRow | null {
    return this.span.rows[row] ?? this.far.at(row);
  }
  valueAt(row: number, column: string): Value | undefined {
    return row < this.span.rows.length ? this.span.values[column]?.[row] : this.far.valueAt(row, column);
  }

  /**
   * Asks for the first page of a table. Another filter or order: what is on screen comes first, the rest of a wide page
   * after it; an order of runs that are all here is shown before the server is asked.
   */
  async load(where: string, order: string[], columns: string[]): Promise<void> {
    const mine = ++this.generation;
    const before = this.query;
    const asked = (this.query = { ...before, where: where.trim() || undefined, order, columns });
    const other = this.loaded && (asked.where !== before.where || String(order) !== String(before.order));
    if (other) this.far.clear();
    const arranged = other && asked.where === before.where && this.arrange(order);
    const seen = other && !arranged ? this.seen(columns) : null;
    const limit = other && !arranged ? FIRST_PAGE : this.size;
    try {
      if (seen) {
        const page = await this.foreseen.page(this.inSight(asked, seen));
        if (mine !== this.generation) return;
        this.take({ ...page, cursor: null }); // nothing is read on from here
        this.turned++;
        await new Promise((done) => setTimeout(done, SHOWN_MS));
        if (mine !== this.generation) return;
      }
      const page = this.known(order, columns) ?? (await this.foreseen.page({ ...asked, limit }));
      if (mine !== this.generation) return;
      this.take(page);
      if (other && !seen && !arranged) this.turned++;
      this.error = null;
    } catch (error) {
      if (mine === this.generation) this.error = error instanceof ApiError ? error : new ApiError("error", String(error));
    }
  }

  /** What is on screen, where that is much less than the table; null: it is asked for with all the rest. */
  private seen(columns: string[]): InView | null {
    return this.inView && columns.length > this.inView.columns.length + FEW_MORE ? this.inView : null;
  }

  private inSight(asked: RunQuery, seen: InView): RunQuery {
    return { ...asked, columns: asked.columns?.filter((c) => seen.columns.includes(c)), limit: Math.min(FIRST_PAGE, seen.rows) };
  }

  /** Somebody is about to ask for this order: what would be on screen is read already. */
  foresee(order: string[]): void {
    const asked = { ...this.query, order };
    const seen = this.seen(asked.columns ?? []);
    const here = this.cursor === null && this.matched === this.rows.length;
    if (!here && this.loaded) this.foreseen.prepare(seen ? this.inSight(asked, seen) : { ...asked, limit: FIRST_PAGE });
  }

  /** So many rows a question asks for that shows the same table again. */
  private get size(): number {
    return Math.min(MOST_ASKED, Math.max(FIRST_PAGE, this.rows.length));
  }

  /** Puts rows that are all here into an order, before the server is asked for it; false where only it can tell. */
  private arrange(order: string[]): boolean {
    if (this.cursor !== null || this.matched !== this.rows.length || this.news) return false;
    const found = orderOf(this.rows, this.values, order);
    if (!found) return false;
    this.span = picked(this.span, found);
    this.turned++;
    return true;
  }

  /** What was given, if it answers the first question. */
  private known(order: string[], columns: string[]): RunPage | null {
    const { given, query } = this;
    this.given = null;
    return given && !query.where && isDefaultSort(order) && columns.every((column) => Object.hasOwn(given.columns, column)) ? given : null;
  }

  /** Loads what is missing of the rows from `first` to before `end`: on from what is there, or that stretch alone when it lies far below. */
  reach(first: number, end: number): void {
    if (end <= this.rows.length || this.cursor === null) return;
    if (first > this.rows.length + NEXT_PAGE) return this.far.reach(first, Math.min(end, this.matched));
    this.more ??= this.next(end).catch(() => undefined).finally(() => (this.more = null)); // scrolling on asks again
  }

  private async next(end: number): Promise<void> {
    const mine = this.generation;
    while (this.cursor !== null && this.rows.length < end) {
      const page = await api.queryRuns({ ...this.query, cursor: this.cursor, limit: NEXT_PAGE });
      if (mine !== this.generation) return;
      this.span = joined(this.span, spanOf(page));
      this.cursor = page.cursor;
    }
  }

  /** Shows a page from the top in place of what is there. */
  private take(page: RunPage): void {
    this.span = spanOf(page);
    this.cursor = page.cursor;
    this.total = page.total;
    this.matched = page.matched;
    this.far.outdate();
    this.kept = this.news = null;
    this.leaving = new Set();
    this.loaded = true;
    this.opened(page);
  }

  /** Makes sure that the runs an address names are known, wherever the table would show them. */
  async ensure(ids: readonly string[]): Promise<void> {
    const known = new Set([...this.every, ...this.extra].map((r) => r.id));
    const missing = ids.filter((id) => !known.has(id)).slice(0, MOST_ASKED);
    if (missing.length === 0) return void (this.lost = { archived: [], gone: [] });
    const { entity, project } = this.query;
    const page = await api.queryRuns({ entity, project, ids: missing, archived: true, limit: missing.length }).catch(() => null);
    if (!page) return;
    const found = new Set(page.runs.map((r) => r.id));
    const extra = page.runs.filter((r) => !r.archived);
    if (extra.length > 0) this.extra = [...this.extra, ...extra];
    this.lost = { archived: page.runs.filter((r) => r.archived), gone: missing.filter((id) => !found.has(id)) };
  }

  /** While a table is held no row of it moves; what waited is shown when it is let go. */
  hold(on: boolean): void {
    if (on === this.held) return;
    this.held = on;
    if (!on && this.news) this.show();
  }

  /** Shows what waited. */
  show(): void {
    const page = this.kept;
    if (page) this.take(page);
    else if (this.news?.moved) void this.load(this.query.where ?? "", this.query.order ?? [], this.query.columns ?? []);
    else this.drop(this.leaving);
  }

  /** Looks at the server whether the table is still as it is shown: values at once, moved rows when they may move. */
  async look(): Promise<void> {
    this.again = this.looking;
    if (this.looking) return;
    this.looking = true;
    const mine = this.generation;
    try {
      const page = await api.queryRuns({ ...this.query, limit: this.size });
      if (mine !== this.generation) return;
      this.error = null;
      this.compared(page);
    } catch (error) {
      if (mine === this.generation && !this.loaded) this.error = error instanceof ApiError ? error : new ApiError("error", String(error));
    } finally {
      this.looking = false;
    }
    if (this.again) await this.look();
  }

  private compared(page: RunPage): void {
    const news = newsOf(this.rows.slice(0, Math.max(page.runs.length, this.size)), page);
    if (!this.loaded || (news && this.mayMove)) return this.take(page);
    this.span = refreshed(this.span, page);
    if (news) [this.kept, this.news] = [page, news];
    else [this.total, this.matched, this.kept, this.news] = [page.total, page.matched, null, null];
  }

  private get mayMove(): boolean {
    return !this.held && isDefaultSort(this.query.order ?? []);
  }

  /** Takes notice of live events; values are asked for at most once a second. */
  changed(changes: readonly Change[]): void {
    const gone = changes.filter((c) => c.what.includes("deleted")).map((c) => c.uid);
    if (gone.length > 0) this.total -= this.leave(gone);
    const known = new Set(this.every.map((r) => r.uid));
    const now = performance.now();
    for (const { uid } of changes) {
      if (gone.includes(uid)) continue;
      const seen = this.elsewhere.get(uid);
      if (known.has(uid)) this.dirty.add(uid);
      else if (seen === undefined || (this.query.where && now - seen > AGAIN_MS)) {
        // Filtered out, on a later page or new: one look at the server tells.
        this.elsewhere.set(uid, now);
        this.unknown = true;
      }
    }
    if ((this.dirty.size === 0 && !this.unknown) || this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.unknown) void this.look();
      void this.refresh();
      this.unknown = false;
    }, REFRESH_MS);
  }

  /** Takes notice of runs that are not of this table anymore; how many it shows. */
  private leave(gone: readonly string[]): number {
    const shown = new Set(this.every.map((r) => r.uid));
    const leaving = new Set([...this.leaving, ...gone.filter((uid) => shown.has(uid))]);
    this.extra = this.extra.filter((r) => !gone.includes(r.uid));
    const more = leaving.size - this.leaving.size;
    if (more === 0) return 0;
    this.leaving = leaving;
    if (!this.held) this.drop(leaving);
    else this.news = { fresh: this.news?.fresh ?? 0, gone: leaving.size, moved: this.news?.moved ?? false };
    return more;
  }

  /** Takes runs out of what is shown. */
  private drop(gone: ReadonlySet<string>): void {
    const fewer = this.every.filter((r) => gone.has(r.uid)).length;
    this.span = without(this.span, gone);
    this.far.outdate();
    this.matched -= fewer;
    this.leaving = new Set();
    this.news = null;
  }

  close(): void {
    clearTimeout(this.timer);
    this.generation++;
  }

  private async refresh(): Promise<void> {
    const ids = this.every.filter((r) => this.dirty.has(r.uid)).map((r) => r.id);
    this.dirty.clear();
    const mine = this.generation;
    const { entity, project, columns, where, order = [] } = this.query;
    for (let i = 0; i < ids.length; i += MOST_ASKED) {
      const asked = ids.slice(i, i + MOST_ASKED);
      const page = await api.queryRuns({ entity, project, columns, where, ids: asked, limit: MOST_ASKED }).catch(() => null);
      if (!page || mine !== this.generation) return;
      this.span = refreshed(this.span, page);
      this.far.refresh(page);
      const left = new Set(page.runs.map((r) => r.id));
      const unmatched = this.rows.filter((r) => asked.includes(r.id) && !left.has(r.id)).map((r) => r.uid);
      if (unmatched.length > 0) this.leave(unmatched);
    }
    if (ids.length > 0 && !this.news && !isDefaultSort(order) && !standsIn(this.rows, this.values, order)) this.news = { fresh: 0, gone: 0, moved: true };
  }

  /** Changes one run on the server and in the table. */
  async patch(uid: string, patch: RunPatch): Promise<void> {
    const fresh = await api.patchRun(uid, patch);
    this.span = { ...this.span, rows: this.rows.map((r) => (r.uid === uid ? fresh : r)) };
    this.far.replace(fresh);
  }
}
