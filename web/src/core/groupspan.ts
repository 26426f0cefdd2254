/** What a later answer changes about the groups of a table. Pure. */
import type { News } from "./runspan";
import type { GroupPage } from "./wire";

/** What the later page would change about the lines; null for nothing. */
export function groupNews(shown: GroupPage, later: GroupPage): News | null {
  const seen = new Set(shown.groups.map((group) => group.where));
  const there = new Set(later.groups.map((group) => group.where));
  const fresh = later.groups.filter((group) => !seen.has(group.where)).length;
  const gone = shown.groups.filter((group) => !there.has(group.where)).length;
  const after = later.groups.filter((group) => seen.has(group.where));
  const moved = shown.groups.filter((group) => there.has(group.where)).some((group, i) => group.where !== after[i].where);
  return fresh > 0 || gone > 0 || moved ? { fresh, gone, moved } : null;
}

/** The lines that are shown, with what the later page says of them. */
export function regrouped(shown: GroupPage, later: GroupPage): GroupPage {
  const at = new Map(later.groups.map((group, i) => [group.where, i]));
  const places = shown.groups.map((group) => at.get(group.where));
  const columns: GroupPage["columns"] = {};
  for (const [column, cells] of Object.entries(shown.columns)) columns[column] = cells.map((cell, i) => later.columns[column]?.[places[i] ?? -1] ?? cell);
  return { ...shown, columns, groups: shown.groups.map((group, i) => later.groups[places[i] ?? -1] ?? group) };
}
