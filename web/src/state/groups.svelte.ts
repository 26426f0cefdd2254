/**
 * Runs in groups, as the table shows them: groups with statistics over all their runs, and the runs of those that are open.
 *
 * Promises: the server groups and computes, over every run; an open group loads its runs in pages as they are scrolled
 * to; what is open stays open when values change; an older answer never overwrites a newer one.
 */
import { api, ApiError } from "../core/api";
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
  async load(question: Question): Promise<void> {
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
      this.page = page;
      this.error = null;
      for (const [inside, runs] of this.children) this.loadRuns(runs, inside);
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
    for (const [inside, runs] of this.children) runs.changed(changes, () => this.loadRuns(runs, inside));
    if (this.timer !== undefined || !this.question) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.question) void this.load(this.question);
    }, Math.max(REFRESH_MS, this.took * REST));
  }

  /** Stops; nothing is asked for anymore. */
  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.generation++;
    this.question = null;
    this.page = null;
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
