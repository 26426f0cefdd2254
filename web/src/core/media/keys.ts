/** Which media keys the Media tab shows, and in which sections. Pure. */
import { compareText, matcher, prefixOf, sectionsOf } from "../sections";
import type { MediaKey } from "./shapes";

export interface MediaSection {
  name: string;
  keys: string[];
  /** How many columns its cards would fill in a row. */
  cells: number;
}

/** What needs a line of its own. */
const WIDE = new Set(["table"]);
/** What needs the room of two. */
const DOUBLE = new Set(["html", "markdown", "text"]);

/** A histogram that `watch()` has recorded: it belongs to the Gradients tab. */
export function isWatched(key: Pick<MediaKey, "key" | "kind">): boolean {
  return key.kind === "histogram" && /^(gradients|parameters)\//.test(key.key);
}

/** The modules of a watched model: they belong to the Model tab. */
export function isModelTree(key: Pick<MediaKey, "key" | "kind">): boolean {
  return key.kind === "plot" && /^model\/graph(_\d+)?$/.test(key.key);
}

/** How many of `columns` a card of this kind takes. */
export function spanOf(kind: string, columns: number): number {
  return WIDE.has(kind) ? columns : Math.min(columns, DOUBLE.has(kind) ? 2 : 1);
}

/** Sections by the part before the first `/`, in the order of those of charts; wide kinds come last in each. */
export function mediaSections(keys: readonly Pick<MediaKey, "key" | "kind">[], filter = ""): MediaSection[] {
  const matches = matcher(filter);
  const kinds = new Map<string, string>();
  for (const key of keys) if (!isWatched(key) && !isModelTree(key) && matches(key.key)) kinds.set(key.key, kinds.get(key.key) ?? key.kind);
  const groups = new Map<string, string[]>();
  for (const key of kinds.keys()) {
    const name = prefixOf(key) || "media";
    groups.set(name, [...(groups.get(name) ?? []), key]);
  }
  const rank = (key: string): number => 3 - spanOf(kinds.get(key) ?? "", 3);
  const order = sectionsOf([...kinds.keys()]).map((s) => (s.name === "metrics" ? "media" : s.name));
  return [...groups]
    .map(([name, members]) => ({ name, keys: members.sort((a, b) => rank(b) - rank(a) || compareText(a, b)), cells: members.reduce((sum, key) => sum + Math.min(1000, spanOf(kinds.get(key) ?? "", 1000)), 0) }))
    .sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}
