/**
 * The runs of one project as its table shows them: pages loaded as they are scrolled to, values refreshed in place.
 *
 * Promises: a live update changes values, never the order; an older answer never overwrites a newer one; an error in
 * the expression leaves the last good table standing.
 */
import { api, ApiError } from "../core/api";
import { isDefaultSort } from "../core/url";
import type { Change, RunPage, RunPatch, RunQuery, RunRow, Value } from "../core/wire";

const FIRST_PAGE = 100;
const NEXT_PAGE = 500;
const REFRESH_MS = 1000;
/** What is on screen is drawn before the rest is asked for. */
const SHOWN_MS = 60;
/** So many columns out of view are read with those in it. */
const FEW_MORE = 20;
export const PLOTTED_BY_DEFAULT = 20;

export class Runs {
  rows = $state.raw<RunRow[]>([]);
  values = $state.raw<Record<string, Value[]>>({});
  total = $state(0);
  matched = $state(0);
  loaded = $state(false);
  error = $state.raw<ApiError | null>(null);
  /** Runs that arrived since and would change the order. */
  waiting = $state(0);
  /** Runs named by the address that are not among the loaded rows. */
  extra = $state.raw<RunRow[]>([]);
  /** Goes up with each other question whose rows are there: they are read from the top. */
  turned = $state(0);
  /** What of the table is on screen: so many rows, these columns. */
  inView: { rows: number; columns: string[] } | null = null;

  /** The page that was read first. */
  readonly first: Promise<RunPage>;
  private opened: (page: RunPage) => void = () => undefined;
  private cursor: string | null = null;
  private query: RunQuery;
  private generation = 0;
  private more: Promise<void> | null = null;
  private readonly dirty = new Set<string>();
  private readonly elsewhere = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param given the newest runs of a new table, where they are known already */
  constructor(
    entity: string,
    project: string,
    private given: RunPage | null = null,
  ) {
    this.query = { entity, project };
    this.first = new Promise((resolve) => (this.opened = resolve));
  }

  /**
   * Asks for the first page of a table. Same table again: nothing moves except what changed. Another filter or order: what is on
   * screen comes first, the rest of a wide page after it.
   */
  async load(where: string, order: string[], columns: string[]): Promise<void> {
    const mine = ++this.generation;
    const before = this.query;
    const asked = (this.query = { ...before, where: where.trim() || undefined, order, columns });
    const other = this.loaded && (asked.where !== before.where || String(order) !== String(before.order));
    const seen = other && this.inView && columns.length > this.inView.columns.length + FEW_MORE ? this.inView : null;
    const limit = other ? FIRST_PAGE : Math.min(1000, Math.max(FIRST_PAGE, this.rows.length));
    try {
      if (seen) {
        const page = await api.queryRuns({ ...asked, columns: columns.filter((c) => seen.columns.includes(c)), limit: Math.min(FIRST_PAGE, seen.rows) });
        if (mine !== this.generation) return;
        this.take({ ...page, cursor: null }, []); // nothing is read on from here
        this.values = page.columns;
        this.turned++;
        await new Promise((done) => setTimeout(done, SHOWN_MS));
        if (mine !== this.generation) return;
      }
      const page = this.known(order, columns) ?? (await api.queryRuns({ ...asked, limit }));
      if (mine !== this.generation) return;
      this.take(page, []);
      this.values = page.columns;
      if (other && !seen) this.turned++;
      this.error = null;
      this.waiting = 0;
    } catch (error) {
      if (mine === this.generation) this.error = error instanceof ApiError ? error : new ApiError("error", String(error));
    }
  }

  /** What was given, if it answers the first question. */
  private known(order: string[], columns: string[]): RunPage | null {
    const { given, query } = this;
    this.given = null;
    return given && !query.where && isDefaultSort(order) && columns.every((column) => Object.hasOwn(given.columns, column)) ? given : null;
  }

  /** Loads further pages until row `row` is there. */
  reach(row: number): void {
    if (row < this.rows.length || this.cursor === null || this.more) return;
    this.more = this.next(row).catch(() => undefined).finally(() => (this.more = null)); // scrolling on asks again
  }

  private async next(row: number): Promise<void> {
    const mine = this.generation;
    while (this.cursor !== null && this.rows.length <= row) {
      const page = await api.queryRuns({ ...this.query, cursor: this.cursor, limit: NEXT_PAGE });
      if (mine !== this.generation) return;
      const values: Record<string, Value[]> = {};
      for (const column of Object.keys(page.columns)) values[column] = [...(this.values[column] ?? []), ...page.columns[column]];
      this.take(page, this.rows);
      this.values = values;
    }
  }

  private take(page: RunPage, before: RunRow[]): void {
    this.rows = [...before, ...page.runs];
    this.cursor = page.cursor;
    this.total = page.total;
    this.matched = page.matched;
    this.loaded = true;
    this.opened(page);
  }

  /** Makes sure that the runs an address names are known, wherever the table would show them. */
  async ensure(ids: readonly string[]): Promise<void> {
    const known = new Set([...this.rows, ...this.extra].map((r) => r.id));
    const missing = ids.filter((id) => !known.has(id));
    if (missing.length === 0) return;
    const { entity, project } = this.query;
    const page = await api.queryRuns({ entity, project, ids: missing, limit: Math.min(1000, missing.length) }).catch(() => null);
    if (!page) return;
    this.extra = [...this.extra, ...page.runs];
  }

  /** Takes notice of live events; values are asked for at most once a second. */
  changed(changes: readonly Change[], reload: () => void): void {
    const gone = new Set(changes.filter((c) => c.what.includes("deleted")).map((c) => c.uid));
    if (gone.size > 0) this.drop(gone);
    const known = new Set(this.rows.map((r) => r.uid));
    for (const { uid } of changes) {
      if (gone.has(uid)) continue;
      if (known.has(uid)) this.dirty.add(uid);
      else if (!this.elsewhere.has(uid)) {
        // Filtered out, on a later page or new: one look at the server tells, and once is enough.
        this.elsewhere.add(uid);
        this.waiting++;
      }
    }
    if ((this.dirty.size === 0 && this.waiting === 0) || this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.waiting > 0 && isDefaultSort(this.query.order ?? [])) reload();
      else void this.refresh();
    }, REFRESH_MS);
  }

  /** Takes deleted runs out of what is shown. */
  private drop(gone: ReadonlySet<string>): void {
    const kept = this.rows.map((r) => !gone.has(r.uid));
    const left = this.rows.filter((_, i) => kept[i]);
    const fewer = this.rows.length - left.length;
    this.extra = this.extra.filter((r) => !gone.has(r.uid));
    if (fewer === 0) return;
    this.values = Object.fromEntries(Object.entries(this.values).map(([column, all]) => [column, all.filter((_, i) => kept[i])]));
    this.rows = left;
    this.total -= fewer;
    this.matched -= fewer;
  }

  close(): void {
    clearTimeout(this.timer);
    this.generation++;
  }

  private async refresh(): Promise<void> {
    const byUid = new Map(this.rows.map((r, i) => [r.uid, i]));
    const ids = [...this.dirty].filter((uid) => byUid.has(uid)).map((uid) => this.rows[byUid.get(uid) as number].id);
    this.dirty.clear();
    const mine = this.generation;
    const { entity, project, columns } = this.query;
    for (let i = 0; i < ids.length; i += 1000) {
      const page = await api.queryRuns({ entity, project, columns, ids: ids.slice(i, i + 1000), limit: 1000 }).catch(() => null);
      if (!page || mine !== this.generation) return;
      this.merge(page, byUid);
    }
  }

  private merge(page: RunPage, byUid: Map<string, number>): void {
    const rows = [...this.rows];
    const values: Record<string, Value[]> = {};
    for (const column of Object.keys(this.values)) values[column] = [...this.values[column]];
    for (const [i, run] of page.runs.entries()) {
      const at = byUid.get(run.uid);
      if (at === undefined) continue;
      rows[at] = run;
      for (const column of Object.keys(values)) values[column][at] = page.columns[column]?.[i] ?? null;
    }
    this.rows = rows;
    this.values = values;
  }

  /** Changes one run on the server and in the table. */
  async patch(uid: string, patch: RunPatch): Promise<void> {
    const fresh = await api.patchRun(uid, patch);
    this.rows = this.rows.map((r) => (r.uid === uid ? fresh : r));
  }
}
