/** Many keys as groups that can be folded: by what stands before their first `/` or `.`. Pure. */
import type { Value } from "./wire";

export interface KeyGroup<T> {
  /** What the keys begin with, without the sign after it; empty for keys that stand alone. */
  name: string;
  items: T[];
}

type Mapping = { [key: string]: Value };

/** So many rows are seen at once; more begin with their large groups folded. */
export const GROUPED_FROM = 20;
const FOLDED_FROM = 60;
const LARGE = 12;

/** The part of a key before its first `/` or `.`; empty when there is none. */
export function stemOf(key: string): string {
  return /^([^/.]+)[/.]./.exec(key)?.[1] ?? "";
}

/** Items in groups, first those without one; groups and items keep their order. Few items are one group. */
export function keyGroups<T>(items: readonly T[], keyOf: (item: T) => string, from = GROUPED_FROM): KeyGroup<T>[] {
  if (items.length <= from) return items.length > 0 ? [{ name: "", items: [...items] }] : [];
  const found = new Map<string, T[]>();
  for (const item of items) {
    const stem = stemOf(keyOf(item));
    found.set(stem, [...(found.get(stem) ?? []), item]);
  }
  const isGroup = (name: string): boolean => name !== "" && (found.get(name)?.length ?? 0) > 1;
  // A key that nothing shares its beginning with stands alone.
  const lone = items.filter((item) => !isGroup(stemOf(keyOf(item))));
  return [["", lone] as const, ...[...found].filter(([name]) => isGroup(name))].filter(([, members]) => members.length > 0).map(([name, members]) => ({ name, items: members }));
}

/** Whether a group of so many members, of so many in all, begins folded. */
export const beginsFolded = (members: number, total: number): boolean => total > FOLDED_FROM && members > LARGE;

/** What is left of a key in its group. */
export const restOf = (key: string, group: string): string => (group === "" ? key : key.slice(group.length + 1));

/** The branches that `nestPaths` made of keys with `/`. */
export const slashed = new WeakSet<object>();

/**
 * Nested values with keys that are paths themselves (`optim.lr`, `train/aug/flip`) nested, too, where several share a beginning and its
 * sign. Keys whose beginning is there another way, too (`lr/x` and `lr.x`), stay as they are.
 */
export function nestPaths(root: Mapping): Mapping {
  const heads = new Map<string, number>();
  const headOf = (key: string): string => key.slice(0, stemOf(key).length + 1);
  for (const key of Object.keys(root)) heads.set(headOf(key), (heads.get(headOf(key)) ?? 0) + 1);
  const made = new Map<string, Mapping>();
  const result = new Map<string, Value>();
  for (const [key, value] of Object.entries(root)) {
    const stem = stemOf(key);
    if (stem === "" || heads.get(headOf(key)) === 1 || Object.hasOwn(root, stem) || (heads.has(`${stem}/`) && heads.has(`${stem}.`))) {
      result.set(key, isMapping(value) ? nestPaths(value) : value);
      continue;
    }
    let branch = made.get(stem);
    if (!branch) {
      branch = Object.create(null) as Mapping;
      made.set(stem, branch);
      result.set(stem, branch);
    }
    branch[key.slice(stem.length + 1)] = value;
  }
  for (const [stem, branch] of made) {
    const nested = nestPaths(branch);
    if (heads.has(`${stem}/`)) slashed.add(nested);
    result.set(stem, nested);
  }
  return Object.fromEntries(result);
}

function isMapping(value: Value): value is Mapping {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
