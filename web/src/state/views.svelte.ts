/**
 * Saved views of a project: the state of the page's address, kept on the server under a name or under its content.
 *
 * Promises: what an address says beside `v` wins over the view it names; a view that is gone is told and nothing else
 * changes; without `v` in the address, and without a preferred view, nothing is asked for.
 */
import { api, ApiError, query as queryOf } from "../core/api";
import type { ViewRow } from "../core/wire";
import { nav } from "./nav.svelte";
import { page } from "./page.svelte";

const MARK = "~";
/** Longer addresses are kept by the server, so that a link stays short. */
const SHORT = 200;
const ROUTE = "/api/v1/views";
const OPENED = "epochal:view:";

export class Views {
  list = $state.raw<ViewRow[] | null>(null);
  /** The view that the address names, as it was saved. */
  current = $state.raw<ViewRow | null>(null);
  error = $state<string | null>(null);
  /** The current view as somebody else saved it since it was opened here; the person chooses. */
  theirs = $state.raw<ViewRow | null>(null);

  /** The state of a view whose deletion was refused once, as it had not been seen here. */
  private warned: number | null = null;
  /** Whether the address said nothing when the page was opened. */
  private untouched = location.search === "";

  constructor(
    private readonly entity: string,
    private readonly project: string,
  ) {}

  /** Whether what is shown is no longer what was saved. */
  get changed(): boolean {
    return this.current !== null && this.current.query !== nav.query("v");
  }

  /** Reads the view that the address names, and shows it when the address says nothing else. */
  async open(): Promise<void> {
    const name = nav.rest.v;
    if (!name) return;
    try {
      const found = await api.ask<ViewRow>("GET", `${ROUTE}/resolve?${this.place(name)}`);
      if (nav.rest.v !== name) return;
      if (nav.query("v") === "") this.show(found);
      else if (!name.startsWith(MARK)) this.current = { ...found, updated_us: this.kept(found) };
    } catch (error) {
      this.error = error instanceof ApiError ? error.message : String(error);
      nav.set({ v: null });
    }
  }

  /** What the project opens with, once it is known; only for an address that said nothing. */
  prefer(view: ViewRow | null): void {
    if (this.untouched && view) this.show(view);
    this.untouched = false;
  }

  show(view: ViewRow): void {
    const named = !view.name.startsWith(MARK);
    nav.show(view.query);
    // What this page would write is what later changes are compared with.
    this.current = named ? { ...view, query: nav.query("v") } : null;
    if (named) {
      this.keep(view);
      nav.set({ v: view.name });
    }
    this.error = this.theirs = null;
  }

  /** Back to what the project looks like when nobody has saved anything. */
  leave(): void {
    this.current = null;
    nav.show("");
  }

  async load(): Promise<void> {
    this.list = (await this.told(() => api.ask<{ views: ViewRow[] }>("GET", `${ROUTE}?${queryOf({ entity: this.entity, project: this.project })}`)))?.views ?? this.list;
  }

  /** Saves what is shown under a new name. */
  async create(name: string): Promise<boolean> {
    const made = await this.told(() => api.ask<ViewRow>("POST", ROUTE, { entity: this.entity, project: this.project, name, query: nav.query("v") }));
    if (!made) return false;
    this.take(made);
    return true;
  }

  /** Saves what is shown over the current view, if that is still what was opened here; or over `theirs`. */
  async save(over: ViewRow): Promise<void> {
    this.theirs = null;
    const query = nav.query("v");
    if (await this.change(over, { query, updated_us: over.updated_us })) return;
    const found = this.list?.find((v) => v.name === over.name);
    if (found && found.updated_us !== over.updated_us) [this.theirs, this.error] = [found, null];
  }

  /** Gives a view another name. */
  rename(view: ViewRow, name: string): Promise<boolean> {
    return this.change(view, { name, updated_us: view.updated_us });
  }

  /** Changes a view: its name, what it shows, or whether the project opens with it. */
  async change(view: ViewRow, changes: Partial<Pick<ViewRow, "name" | "query" | "preferred" | "updated_us">>): Promise<boolean> {
    const made = await this.told(() => api.ask<ViewRow>("PATCH", `${ROUTE}?${this.place(view.name)}`, changes));
    const { error, current } = this;
    if (made && current?.name === view.name) this.take(changes.query === undefined ? seen(current, made, changes.updated_us ?? made.updated_us) : made);
    else await this.load();
    this.error = error;
    return made !== null;
  }

  /** Deletes a view; where somebody saved it since it was opened or listed here, not before the second time. */
  async remove({ name, updated_us }: ViewRow): Promise<void> {
    const opened = this.current?.name === name && updated_us !== this.warned ? this.current.updated_us : updated_us;
    const gone = await this.told(async () => (await api.ask("DELETE", `${ROUTE}?${this.place(name)}&updated_us=${opened}`), true));
    const { error } = this;
    if (gone && this.current?.name === name) {
      this.current = null;
      nav.set({ v: null });
    }
    await this.load();
    this.error = error;
    this.warned = this.list?.find((v) => v.name === name)?.updated_us ?? null;
  }

  private take(view: ViewRow): void {
    this.current = view;
    this.keep(view);
    nav.set({ v: view.name });
    void this.load();
  }

  /** Remembers which state of a view this tab shows, so that a reload does not make it the newest. */
  private keep({ name, updated_us }: ViewRow): void {
    try {
      sessionStorage.setItem(OPENED + this.place(name), String(updated_us));
    } catch {
      // No storage, or none left: after a reload the newest state counts as seen.
    }
  }

  /** When the state that this tab showed of a view was saved; of one that it did not show, the newest. */
  private kept({ name, updated_us }: ViewRow): number {
    try {
      return Number(sessionStorage.getItem(OPENED + this.place(name)) ?? updated_us);
    } catch {
      return updated_us;
    }
  }

  private place(name: string): string {
    return queryOf({ entity: this.entity, project: this.project, name });
  }

  private async told<T>(act: () => Promise<T>): Promise<T | null> {
    try {
      const answer = await act();
      this.error = null;
      return answer;
    } catch (error) {
      this.error = error instanceof Error ? error.message : String(error);
      return null;
    }
  }
}

/** A view whose name or pin was changed as this page knows it: what others saved meanwhile, at another time than `before`, it has not seen. */
function seen(known: ViewRow, made: ViewRow, before: number): ViewRow {
  const { name, preferred } = made;
  return { ...known, name, preferred, updated_us: known.updated_us === before ? made.updated_us : known.updated_us };
}

/** A link to what is shown: the address, or a short one where the address is long and may be kept. */
export async function linkHere(): Promise<string> {
  const { route } = nav;
  if (location.href.length <= SHORT || route.page !== "workspace" || page.isReader) return location.href;
  try {
    const { entity, project } = route;
    const kept = await api.ask<ViewRow>("POST", ROUTE, { entity, project, query: nav.query("v") });
    return `${location.origin}${location.pathname}?v=${encodeURIComponent(kept.name)}`;
  } catch {
    // The long address says the same.
    return location.href;
  }
}
