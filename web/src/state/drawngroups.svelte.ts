/**
 * The groups that charts draw while the table is grouped: each with the uids of all of its runs.
 *
 * Promises: an older answer never overwrites a newer one; while an answer is awaited, or when it fails, what was drawn stays.
 */
import { api } from "../core/api";
import { formatValue } from "../core/format";
import type { GroupPage } from "../core/wire";
import type { PlottedRun } from "../parts/panels";

/** So many groups are drawn; more lines could not be told apart. */
export const MOST_GROUPS = 20;

/** The innermost groups of a page as curves, the first ones. */
export function curvesOf(page: GroupPage, levels: number): PlottedRun[] {
  return page.groups
    .filter((group) => group.values.length === levels && group.uids !== null && group.uids.length > 0)
    .slice(0, MOST_GROUPS)
    .map((group) => ({
      uid: `group:${group.where}`, name: group.values.map((v) => (v === null ? "none" : formatValue(v))).join(" · "), color: group.color,
      nanKey: null, nanStep: null, solid: false, members: group.uids ?? [],
    }));
}

export class DrawnGroups {
  /** Null while runs are drawn one by one. */
  curves = $state.raw<PlottedRun[] | null>(null);
  /** All groups, drawn or not. */
  found = $state(0);
  private asked = 0;

  constructor(
    private readonly entity: string,
    private readonly project: string,
  ) {}

  async load(by: readonly string[], where: string): Promise<void> {
    const mine = ++this.asked;
    if (by.length === 0) {
      this.curves = null;
      return;
    }
    const { entity, project } = this;
    try {
      const page = await api.queryGroups({ entity, project, by: [...by], where: where.trim() || undefined, columns: [], members: true });
      if (mine !== this.asked) return;
      const fresh = curvesOf(page, by.length);
      // The same groups are the same curves: panels see a change only when there is one.
      if (JSON.stringify(fresh) !== JSON.stringify(this.curves)) this.curves = fresh;
      this.found = page.groups.filter((group) => group.values.length === by.length).length;
    } catch {
      // The table says what is wrong with the question; the curves of the last good one stay.
    }
  }
}
