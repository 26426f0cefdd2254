/**
 * Runs in groups, as the table shows them: groups with statistics over all their runs, and the runs of those that are open.
 *
 * Promises: the server groups and computes, over every run; an open group loads its runs in pages as they are scrolled
 * to; what is open stays open when values change; while the table is held no line moves; an older answer never
 * overwrites a newer one.
 */
import { api, ApiError } from "../core/api";
import { groupNews, regrouped } from "../core/groupspan";
import { allNews, type News } from "../core/runspan";
import type { Change, GroupPage, GroupRow } from "../core/wire";
import { Runs } from "./runs.svelte";

/** A line of the table. */
export type Line =
  | { kind: "run"; runs: Runs; at: number; level: number }
  | { kind: "group"; group: GroupRow; at: number; level: number; open: boolean };

interface Question { where: string; by: string[]; order: string[]; columns: string[]; asked: string[] }

/** A live project is asked again after this long, or ten times as long as the last answer took. */
const REFRESH_MS = 1500;
const REST = 10;

export class Groups {
  page = $state.raw<GroupPage | null>(null);
  error = $state.raw<ApiError | null>(null);
  open = $state.raw<ReadonlySet<string>>(new Set());
  private children = $state.raw<ReadonlyMap<string, Runs>>(new Map());
  /** Groups that came, went or changed places, and wait for the table to be let go. */
  private own = $state.raw<News | null>(null);
  private kept: GroupPage | null = null;
  private held = false;
  private question: Question | null = null;
  private generation = 0;
  private took = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly entity: string,
    private readonly project: string,
  ) {}

  /** What the table shows, one entry per line. */
  readonly lines = $derived.by((): Line[] => {
    const lines: Line[] = [];
    let closedAt = Infinity;
    for (const [at, group] of (this.page?.groups ?? []).entries()) {
      const level = group.values.length - 1;
      if (level > closedAt) continue;
      const open = this.open.has(group.where);
      closedAt = open ? Infinity : level;
      lines.push({ kind: "group", group, at, level, open });
      const runs = open ? this.children.get(group.where) : undefined;
      if (!runs) continue;
      const count = Math.max(runs.rows.length, runs.loaded ? runs.matched : Math.min(group.runs, 3));
      for (let i = 0; i < count; i++) lines.push({ kind: "run", runs, at: i, level: level + 1 });
    }
    return lines;
  });

  /** Asks for groups; `columns` are those to summarize, `asked` those that the runs inside show. */
  load(question: Question): Promise<void> {
    return this.ask(question, false);
  }

  private async ask(question: Question, live: boolean): Promise<void> {
    const mine = ++this.generation;
    const levels = this.question?.by.join("\n");
    this.question = question;
    if (levels !== undefined && levels !== question.by.join("\n")) this.closeAll();
    const { entity, project } = this;
    const { where, by, order, columns } = question;
    const begun = performance.now();
    try {
      const page = await api.queryGroups({ entity, project, by, columns, where: where.trim() || undefined, order });
      if (mine !== this.generation) return;
      const news = live && this.held && this.page ? groupNews(this.page, page) : null;
      this.page = news && this.page ? regrouped(this.page, page) : page;
      [this.own, this.kept] = [news, news && page];
      this.error = null;
      for (const [inside, runs] of this.children) if (live) void runs.look();
      else this.loadRuns(runs, inside);
    } catch (error) {
      if (mine === this.generation) this.error = error instanceof ApiError ? error : new ApiError("error", String(error));
    }
    this.took = performance.now() - begun;
  }

  toggle(group: GroupRow): void {
    const open = new Set(this.open);
    if (!open.delete(group.where)) open.add(group.where);
    this.open = open;
    const innermost = group.values.length === this.question?.by.length;
    if (!innermost || this.children.has(group.where)) return;
    const runs = new Runs(this.entity, this.project);
    runs.hold(this.held);
    this.children = new Map([...this.children, [group.where, runs]]);
    this.loadRuns(runs, group.where);
  }

  closeAll(): void {
    for (const runs of this.children.values()) runs.close();
    this.children = new Map();
    this.open = new Set();
  }

  /** Takes notice of live events. */
  changed(changes: readonly Change[]): void {
    for (const runs of this.children.values()) runs.changed(changes);
    if (this.timer !== undefined || !this.question) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.look();
    }, Math.max(REFRESH_MS, this.took * REST));
  }

  /** Looks whether the groups are still as they are shown. */
  look(): void {
    if (this.question) void this.ask(this.question, true);
  }

  /** What would move lines, and waits. */
  get news(): News | null {
    return allNews([this.own, ...this.loaded.map((runs) => runs.news)]);
  }

  /** While the table is held no line of it moves; what waited is shown when it is let go. */
  hold(on: boolean): void {
    this.held = on;
    for (const runs of this.loaded) runs.hold(on);
    if (!on) this.show();
  }

  /** Shows what waited. */
  show(): void {
    if (this.kept) this.page = this.kept;
    [this.own, this.kept] = [null, null];
    for (const runs of this.loaded) if (runs.news) runs.show();
  }

  /** Stops; nothing is asked for anymore. */
  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.generation++;
    this.question = null;
    this.page = this.own = this.kept = null;
    this.closeAll();
  }

  /** The runs that are loaded in open groups. */
  get loaded(): Runs[] {
    return [...this.children.values()];
  }

  private loadRuns(runs: Runs, inside: string): void {
    if (!this.question) return;
    const { where, order, asked } = this.question;
    void runs.load(where.trim() ? `(${where}) and (${inside})` : inside, order, asked);
  }
}
