/** Nested config and environment values as the flat rows of a tree that can be folded and searched. */
import { formatValue } from "./format";
import { slashed } from "./keygroups";
import type { Value } from "./wire";

export interface TreeRow {
  /** Unique, unlike the path: keys may have dots themselves. */
  id: string;
  /** Keys joined with dots, or with what stood between them before they were nested. */
  path: string;
  name: string;
  depth: number;
  /** Number of members of a branch, null for a leaf. */
  members: number | null;
  text: string;
  /** Of a leaf. */
  value: Value;
}

/**
 * @param folded paths of branches whose members are left out (ignored while searching)
 * @param search keeps leaves whose path or value contains it, with the branches above them
 */
export function treeRows(root: { [key: string]: Value }, folded: ReadonlySet<string>, search = ""): TreeRow[] {
  const wanted = search.trim().toLowerCase();
  const rows: TreeRow[] = [];
  walk(root, "", "", 0);
  return rows;

  function walk(node: { [key: string]: Value }, parent: string, above: string, depth: number): boolean {
    let any = false;
    for (const [name, value] of Object.entries(node)) {
      const id = parent + JSON.stringify(name);
      const path = above + name;
      if (isBranch(value)) {
        const at = rows.length;
        rows.push({ id, path, name, depth, members: Object.keys(value).length, text: "", value: null });
        const found = (wanted !== "" || !folded.has(path)) && walk(value, id, path + (slashed.has(value) ? "/" : "."), depth + 1);
        if (wanted !== "" && !found) rows.length = at;
        else any = true;
      } else {
        const text = typeof value === "number" ? String(value) : formatValue(value);
        if (wanted !== "" && !path.toLowerCase().includes(wanted) && !text.toLowerCase().includes(wanted)) continue;
        rows.push({ id, path, name, depth, members: null, text, value });
        any = true;
      }
    }
    return any;
  }
}

function isBranch(value: Value): value is { [key: string]: Value } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
}
