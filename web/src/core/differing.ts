/** Which columns tell runs apart. */
import { parseColumn } from "./columnid";
import type { Value } from "./wire";

/** Columns that do not have the same value in all rows; one that is missing somewhere differs. */
export function differing(columns: Readonly<Record<string, readonly Value[]>>): string[] {
  return Object.keys(columns).filter((id) => columns[id].some((value) => value !== columns[id][0]));
}

/** The table's columns with these settings in place of those it has, where the first of them stood. */
export function withSettings(columns: readonly string[], settings: readonly string[]): string[] {
  const isSetting = (id: string): boolean => parseColumn(id).kind === "config";
  const kept = columns.filter((id) => isSetting(id) && settings.includes(id));
  const found = columns.findIndex(isSetting);
  const at = found < 0 ? columns.filter((id) => parseColumn(id).kind === "metric").length : found;
  const rest = columns.filter((id) => !isSetting(id));
  rest.splice(Math.min(at, rest.length), 0, ...kept, ...settings.filter((id) => !kept.includes(id)));
  return rest;
}
